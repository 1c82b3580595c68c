// The index of a checkpoint in several files, which are these: "a" and "b", both in memory.
#include "target.hpp"

namespace {

std::string file_of(const std::string& header, const std::string& elements) {
  std::string file(8, '\0');
  file[0] = static_cast<char>(header.size());
  return file + header + elements;
}

const std::string a = file_of(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "\1\2\3\4");
const std::string b = file_of(
    R"({"__metadata__":{"format":"pt"},"y.z":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}})", "\1");

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xgrad;
  return test::fuzz(data, size, [&](const io::detail::SharedInput& input) {
    const auto open = [&](const std::string& path) {
      test::require(path.find('/') == path.npos, "a file of another directory");
      const std::string& bytes = path == "a" ? a : b;
      return io::detail::open_safetensors(std::make_shared<const io::detail::Input>(
          path, std::as_bytes(std::span(bytes.data(), bytes.size()))));
    };
    test::read_all(io::detail::open_index(input, open), 8 * b.size());
  });
}
