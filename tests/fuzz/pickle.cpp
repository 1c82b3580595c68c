// The pickle in a file of PyTorch's, in an archive whose check sums are right: with those of damaged archives
// libFuzzer would not come this far.
#include "target.hpp"

#include <xgrad/io/byte_source.hpp>

namespace {

std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value & 0xff);
  return text;
}

// An archive of members that are not packed.
class Archive {
 public:
  void add(std::string_view name, std::string_view content) {
    const std::uint32_t sum =
        xgrad::io::detail::crc32(0, std::as_bytes(std::span(content.data(), content.size())));
    const std::string common = little(20, 2) + little(0, 6) + little(33, 2) + little(sum, 4) +
                               little(content.size(), 4) + little(content.size(), 4) +
                               little(name.size(), 2) + little(0, 2);
    directory_.append("PK\1\2" + little(20, 2) + common + little(0, 10) + little(bytes_.size(), 4))
        .append(name);
    bytes_.append("PK\3\4" + common).append(name).append(content);
    count_ += 1;
  }
  std::string finish() const {
    return bytes_ + directory_ + "PK\5\6" + little(0, 4) + little(count_, 2) + little(count_, 2) +
           little(directory_.size(), 4) + little(bytes_.size(), 4) + little(0, 2);
  }

 private:
  std::string bytes_, directory_;
  std::uint64_t count_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xgrad;
  Archive archive;
  archive.add("m/data.pkl", {reinterpret_cast<const char*>(data), size});
  archive.add("m/data/0", std::string(24, '\1'));
  archive.add("m/data/1", std::string(8, '\0'));
  const std::string bytes = archive.finish();
  return test::fuzz(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                    [&](const io::detail::SharedInput& input) {
                      constexpr std::uint64_t most = 1 << 16;
                      test::read_all(io::detail::open_pytorch(input, {.max_unpacked = most}), 8 * most);
                    });
}
