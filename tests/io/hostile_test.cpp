// Files made to hurt: memory and time stay in proportion to the file.
// Each is loaded in a child, whose peak of memory is its own.
#include "saving.hpp"

#include <xgrad/io/idx.hpp>
#include <xgrad/tensor/error.hpp>

#include <support/messages.hpp>
#include <support/zip_maker.hpp>

#include <doctest/doctest.h>

#include <malloc.h>
#include <sys/mman.h>

#include <cerrno>
#include <ctime>
#include <functional>

namespace {

using namespace xgrad;
using namespace std::string_literals;
using test::little, test::TemporaryDirectory, test::zipped, test::ZipPart;

enum class Result : int { loaded, format_error, no_memory, other };

struct Load {
  Result result = Result::other;
  std::uint64_t grown = 0;  // bytes of memory at the peak, beyond those before
  double seconds = 0;       // of the processor
};

// A line of /proc/self/status, in bytes.
std::uint64_t status_of_memory(const std::string& name) {
  std::ifstream stream("/proc/self/status");
  for (std::string line; std::getline(stream, line);)
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) << 10;
  throw std::runtime_error("no " + name);
}

Load load_in_child(const std::function<void()>& load) {
  void* const shared =
      ::mmap(nullptr, sizeof(Load), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  Load& seen = *::new (shared) Load;
  const int status = test::status_of_child([&] {
    // What the parent has freed would be used first, and not be seen.
    ::malloc_trim(0);
    const std::uint64_t before = status_of_memory("VmRSS");
    const std::clock_t start = std::clock();
    try {
      load();
      seen.result = Result::loaded;
    } catch (const FormatError&) {
      seen.result = Result::format_error;
    } catch (const IoError& error) {
      if (error.code() == ENOMEM) seen.result = Result::no_memory;
    }
    seen.seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    const std::uint64_t peak = status_of_memory("VmHWM");
    seen.grown = peak > before ? peak - before : 0;
    return 0;
  });
  const Load result = seen;
  ::munmap(shared, sizeof(Load));
  CHECK(status == 0);
  return result;
}

const TemporaryDirectory& directory() {
  static const TemporaryDirectory directory;
  return directory;
}

std::string write(const std::string& bytes) {
  return directory().write("file", {bytes.begin(), bytes.end()});
}

Load load_bytes(const std::string& bytes) {
  const std::string path = write(bytes);
  return load_in_child([&] { static_cast<void>(io::load(path)); });
}

constexpr std::uint64_t some = 16 << 20;  // bytes of memory that any file may take

// What a file may take, in its own sizes: for promises; for what is really there and is described by foreign
// parsers, that of JSON, which has a token and copies of it in memory, and libzip, which has its members.
// A byte of a pickle makes a list, which ReadOptions::max_unpacked bounds.
constexpr std::uint64_t of_promises = 2, of_content = 14, of_pickles = 64;

void check_refused(const std::string& what, const std::string& bytes, std::uint64_t times = of_promises) {
  CAPTURE(what);
  const bool zip = what.starts_with("npz") || what.starts_with("pytorch");
  if (zip && test::saved_formats().size() == 1) return;
  const Load load = load_bytes(bytes);
  MESSAGE(what << ": " << bytes.size() << " bytes, peak " << (load.grown >> 10) << " KiB, "
               << load.seconds * 1e3 << " ms");
  CHECK(load.result == Result::format_error);
  CHECK(load.grown <= times * bytes.size() + some);
}

std::string safetensors(const std::string& header, const std::string& elements = "") {
  return little(header.size(), 8) + header + elements;
}

std::string npy(const std::string& type, const std::string& shape, const std::string& elements = "") {
  const std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  return "\x93NUMPY" + little(1, 2) + little(header.size(), 2) + header + elements;
}

std::string pytorch(const std::string& pickle, const std::string& storage = "data", bool packed = false) {
  return zipped({{"m/data.pkl", pickle, packed}, {"m/data/0", storage, packed}});
}

std::string pickled(std::int64_t number) {
  return "\x8a\x08" + little(static_cast<std::uint64_t>(number), 8);
}

// A dictionary with the tensor "x".
std::string pickled_tensor(std::int64_t stored, const std::vector<std::int64_t>& sizes,
                           const std::vector<std::int64_t>& strides) {
  const auto tuple = [](const std::vector<std::int64_t>& numbers) {
    std::string text = "(";
    for (const std::int64_t number : numbers) text += pickled(number);
    return text + "t";
  };
  const auto text = [](const std::string& bytes) { return "X" + little(bytes.size(), 4) + bytes; };
  return "\x80\2}" + text("x") + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
         "ctorch\nFloatStorage\n" + text("0") + text("cpu") + pickled(stored) + "tQ" + pickled(0) +
         tuple(sizes) + tuple(strides) + "\x89" + "ccollections\nOrderedDict\n)RtRs.";
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  result.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

// A header of that many tensors without elements, named by their numbers or all alike.
std::string empty_tensors(int count, bool alike = false) {
  std::string header = "{";
  for (int i = 0; i < count; ++i)
    header += (i == 0 ? "\"" : ",\"") + std::to_string(alike ? 0 : i) +
              R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  return safetensors(header + "}");
}

constexpr std::size_t tens_of_millions = 10'000'000;

}  // namespace

TEST_CASE("hostile files: headers that promise terabytes") {
  check_refused("safetensors", safetensors(R"({"a":{"dtype":"F32","shape":[1099511627776],)"
                                           R"("data_offsets":[0,4398046511104]}})",
                                           "data"));
  check_refused("safetensors, many", [] {
    std::string header = "{";
    for (std::uint64_t i = 0; i < 10'000; ++i)
      header += (i == 0 ? "\"" : ",\"") + std::to_string(i) +
                R"(":{"dtype":"F32","shape":[1099511627776],"data_offsets":[)" + std::to_string(i << 42) +
                "," + std::to_string((i + 1) << 42) + "]}";
    return safetensors(header + "}");
  }());
  check_refused("safetensors, the header", little(99'999'999, 8) + "{}");
  check_refused("npy", npy("<f4", "(1099511627776,)", "data"));
  check_refused("npy, the header", std::string("\x93NUMPY\2\0\xff\xff\xff\x7f{", 13));
  check_refused("npz, the array", zipped({{"a.npy", npy("<f8", "(1048576, 1048576)", "data")}}));
  check_refused("npz, the array in packing",
                zipped({{"a.npy", npy("<f8", "(1048576, 1048576)", "data"), true}}));
  check_refused("npz, the member",
                zipped({{.name = "a.npy", .content = npy("<f4", "(1,)", "data"), .said_size = 0xfffffffe}}));
  check_refused("npz, the packed member", zipped({{.name = "a.npy",
                                                   .content = npy("<f4", "(1,)", "data"),
                                                   .packed = true,
                                                   .said_size = 0xfffffffe}}));

  constexpr std::int64_t million = 1'000'000, terabytes = std::int64_t{1} << 40;
  if (test::saved_formats().size() > 1)
    REQUIRE(load_bytes(pytorch(pickled_tensor(1, {}, {}))).result == Result::loaded);
  check_refused("pytorch, the storage", pytorch(pickled_tensor(terabytes, {terabytes}, {1})));
  check_refused("pytorch, the tensor", pytorch(pickled_tensor(1, {terabytes}, {1})));
  check_refused("pytorch, one element many times", pytorch(pickled_tensor(1, {million, million}, {0, 0})));
  check_refused("pytorch, a text", pytorch("\x80\2}X\xff\xff\xff\x7f"));
  check_refused("pytorch, bytes", pytorch("\x80\4}\x8e" + little(std::uint64_t{1} << 40, 8)));
  check_refused("pytorch, a frame", pytorch("\x80\4\x95" + little(std::uint64_t{1} << 40, 8) + "}."));
  check_refused("pytorch, a place in the memo", pytorch("\x80\2}r\xff\xff\xff\xffh\1."));

  const test::Bytes idx = test::idx_header(0x0e, {0xffffffff, 1024});
  for (const test::Bytes& bytes : {idx, test::gzipped(idx)}) {
    const std::string path = directory().write("file", bytes);
    const Load load = load_in_child([&] { static_cast<void>(io::read_idx(path)); });
    CHECK(load.result == Result::format_error);
    CHECK(load.grown <= some);
  }
}

TEST_CASE("hostile files: files with holes, larger than the memory") {
  const std::uint64_t elements = std::uint64_t{1} << 43;
  const std::string size = std::to_string(elements);
  const std::pair<const char*, std::string> headers[] = {
      {"safetensors",
       safetensors(R"({"a":{"dtype":"U8","shape":[)" + size + R"(],"data_offsets":[0,)" + size + "]}}")},
      {"npy", npy("|u1", "(" + size + ",)")},
  };
  for (const auto& [format, header] : headers) {
    const std::string path = write(header);
    std::error_code error;
    std::filesystem::resize_file(path, header.size() + elements, error);
    if (error) {
      MESSAGE("the file system holds no file of that size: " << error.message());
      continue;
    }
    const Load load = load_in_child([&] { static_cast<void>(io::load(path)); });
    MESSAGE(std::string(format) << " of 8 TiB: peak " << (load.grown >> 10) << " KiB, " << load.seconds * 1e3
                                << " ms");
    CHECK(load.result == Result::no_memory);
    CHECK(load.grown <= some);
    CHECK(load_in_child([&] {
            static_cast<void>(io::File(path).read(io::File(path).entries()[0].name));
          }).result == Result::no_memory);
    std::filesystem::remove(path);
  }
}

TEST_CASE("hostile files: nesting, and names without end") {
  const std::string brackets(tens_of_millions, '[');
  check_refused("safetensors, nested", safetensors(R"({"a":{"x":)" + brackets), of_content);
  check_refused("safetensors, nested and closed",
                safetensors(R"({"a":{"x":)" + brackets + std::string(tens_of_millions, ']') + "}}"),
                of_content);
  check_refused("safetensors, nested objects",
                safetensors(R"({"a":{"x":)" + repeated(R"({"":)", tens_of_millions / 5)), of_content);
  check_refused("index, nested", R"({"a":)" + brackets, of_content);
  check_refused("index, nested and closed", R"({"a":)" + brackets + std::string(tens_of_millions, ']') + "}",
                of_content);
  check_refused("safetensors, a name", safetensors("{\"" + std::string(tens_of_millions, 'a') + "\":{}}"),
                of_content);
  check_refused("safetensors, a text without end", safetensors("{\"" + std::string(tens_of_millions, 'a')),
                of_content);
  check_refused("safetensors, a number",
                safetensors(R"({"a":{"shape":[)" + std::string(tens_of_millions, '1') + "]}}"), of_content);
  check_refused("safetensors, a shape",
                safetensors(R"({"a":{"shape":[)" + repeated("1,", tens_of_millions / 2) + "1]}}"),
                of_content);
  check_refused("pytorch, nested lists",
                pytorch("\x80\2}X\1\0\0\0x"s + std::string(tens_of_millions, ']') +
                        std::string(tens_of_millions - 1, 'a') + "s."),
                of_pickles);
  check_refused("pytorch, marks", pytorch("\x80\2" + std::string(tens_of_millions, '(')), of_pickles);
  check_refused("pytorch, a text",
                pytorch("\x80\2X" + little(tens_of_millions, 4) + std::string(tens_of_millions, 'x') + "."),
                of_pickles);
  check_refused("npy, brackets", npy("<f4", std::string(60'000, '(')), of_content);
  check_refused("npy, a shape", npy("<f4", "(" + repeated("1,", 30'000) + ")"), of_content);
}

TEST_CASE("hostile files: the same name again and again") {
  check_refused("safetensors, tensors", empty_tensors(200'000, true), of_content);
  check_refused("safetensors, metadata",
                safetensors(R"({"__metadata__":{)" + repeated(R"("a":"b",)", 1'000'000) + R"("a":"b"}})"),
                of_content);
  check_refused("safetensors, fields",
                safetensors(R"({"a":{)" + repeated(R"("x":1,)", 1'000'000) + R"("x":1}})"), of_content);
  check_refused("index", R"({"weight_map":{)" + repeated(R"("a":"b/c",)", 1'000'000) + R"("a":"b/c"}})",
                of_content);
  check_refused("index, metadata", R"({"metadata":{)" + repeated(R"("a":"b",)", 1'000'000) + R"("a":"b"}})",
                of_content);
  check_refused("npz", zipped(std::vector<ZipPart>(60'000, {"a.npy", "x"})), of_content);
  check_refused("npz, overlapping",
                zipped(std::vector<ZipPart>(60'000, {"a.npy", std::string(1000, 'x'), true}), true),
                of_content);
}

TEST_CASE("hostile files: packed very tightly") {
  // Members of 1 MiB, most of it zeros.
  std::vector<ZipPart> parts;
  const std::string content = npy("|u1", "(1048576,)", std::string(1 << 20, '\0'));
  for (int i = 0; i < 100; ++i) parts.push_back({std::to_string(i) + ".npy", content, true});
  check_refused("npz", zipped(parts));
  check_refused("npz, overlapping", zipped(std::vector<ZipPart>(parts.begin(), parts.end()), true));

  // A list that holds the one before it twice, and so on.
  std::string doubled = "\x80\2}X\1\0\0\0x"s;
  constexpr std::uint64_t levels = 60;
  for (std::uint64_t i = 0; i < levels; ++i) doubled += "]q" + little(i, 1) + "(";
  doubled += "]q" + little(levels, 1);
  for (std::uint64_t i = levels; i > 0; --i) doubled += "h" + little(i, 1) + "e";
  doubled += "s.";
  check_refused("pytorch, memo", pytorch(doubled));
}

TEST_CASE("many tensors without elements are read in linear time and memory") {
  for (const int count : {100'000, 1'000'000}) {
    const std::string bytes = empty_tensors(count);
    const std::string path = write(bytes);
    const Load opened = load_in_child([&] { io::File file(path); });
    const Load loaded = load_in_child([&] { static_cast<void>(io::load(path)); });
    CHECK(opened.result == Result::loaded);
    CHECK(loaded.result == Result::loaded);
    MESSAGE(count << " tensors, " << (bytes.size() >> 10) << " KiB: opened in " << opened.seconds
                  << " s, peak " << (opened.grown >> 10) << " KiB; loaded in " << loaded.seconds
                  << " s, peak " << (loaded.grown >> 10) << " KiB");
    // What is known of a tensor takes more than its line in the header.
    CHECK(opened.grown <= 16 * bytes.size() + some);
    CHECK(loaded.grown <= 32 * bytes.size() + some);
  }
}
