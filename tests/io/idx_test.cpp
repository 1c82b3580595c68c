// IDX files: every type, raw and gzipped, and files made to hurt.
#include <xgrad/io/idx.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>

#include <support/files.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <cerrno>
#include <optional>

namespace {

using namespace xgrad;
using test::Bytes, test::gzipped, test::idx_header, test::TemporaryDirectory, test::operator+;

const Bytes small = idx_header(0x08, {2, 3}) + Bytes{0, 1, 2, 253, 254, 255};
const Tensor small_tensor = Tensor({{0, 1, 2}, {253, 254, 255}}, uint8);

// The tensor, or the offset of the FormatError; any other exception ends the test.
struct Outcome {
  std::optional<Tensor> tensor;
  std::size_t offset = 0;
  std::string text;
};
Outcome read(const Bytes& bytes) {
  static const TemporaryDirectory directory;
  const std::string path = directory.write("file", bytes);
  try {
    return {io::read_idx(path), 0, {}};
  } catch (const FormatError& error) {
    CHECK(std::string(error.what()).find(path) != std::string::npos);
    return {std::nullopt, error.offset(), error.what()};
  }
}

void check_rejected(const Bytes& bytes, std::size_t offset, const std::string& reason) {
  const Outcome outcome = read(bytes);
  CHECK_FALSE(outcome.tensor);
  CHECK(outcome.offset == offset);
  CAPTURE(outcome.text);
  CHECK(outcome.text.find(reason) != std::string::npos);
}

void check_reads(const Bytes& bytes, const Tensor& expected) {
  for (const Bytes& file : {bytes, gzipped(bytes)}) {
    const Outcome outcome = read(file);
    CAPTURE(outcome.text);
    REQUIRE(outcome.tensor);
    CHECK(bitwise_equal(*outcome.tensor, expected));
  }
}

}  // namespace

TEST_CASE("read_idx: every element type, raw and gzipped") {
  check_reads(small, small_tensor);
  check_reads(idx_header(0x09, {3}) + Bytes{0xff, 0x80, 0x7f}, Tensor{-1, -128, 127});
  check_reads(idx_header(0x0b, {3}) + Bytes{0xff, 0xff, 0x80, 0, 0x01, 0x02}, Tensor{-1, -32768, 258});
  check_reads(idx_header(0x0c, {2}) + Bytes{0x80, 0, 0, 0, 0x01, 0x02, 0x03, 0x04},
              Tensor{-2147483648L, 16909060});
  check_reads(idx_header(0x0d, {2}) + Bytes{0x3f, 0xc0, 0, 0, 0xff, 0x80, 0, 0},
              Tensor({1.5, -std::numeric_limits<double>::infinity()}, float32));
  check_reads(idx_header(0x0e, {1, 1}) + Bytes{0xc0, 0x04, 0, 0, 0, 0, 0, 0}, Tensor({{-2.5}}, float64));
}

TEST_CASE("read_idx: scalars, empty tensors, more than one buffer") {
  check_reads(idx_header(0x08, {}) + Bytes{7}, scalar(7, uint8));
  check_reads(idx_header(0x08, {0}), zeros({0}, uint8));
  check_reads(idx_header(0x0d, {0, 0xffffffff}), zeros({0, 0xffffffff}));
  check_reads(idx_header(0x08, {1, 1, 1, 1, 1, 1, 1, 1}) + Bytes{9},
              full({1, 1, 1, 1, 1, 1, 1, 1}, 9, uint8));
  constexpr Index count = 100'003;
  Bytes bytes = idx_header(0x0b, {count});
  for (Index i = 0; i < count; ++i) {
    bytes.push_back(static_cast<unsigned char>(i >> 8 & 0x7f));
    bytes.push_back(static_cast<unsigned char>(i));
  }
  Tensor expected = arange(count);
  for (Index& i : expected.mutable_span<Index>()) i &= 0x7fff;
  check_reads(bytes, expected);
}

TEST_CASE("read_idx: a file cut short anywhere is refused, as is one that goes on") {
  for (std::size_t length = 0; length < small.size(); ++length) {
    CAPTURE(length);
    const Outcome outcome = read(Bytes(small.begin(), small.begin() + static_cast<std::ptrdiff_t>(length)));
    CHECK_FALSE(outcome.tensor);
    CHECK(outcome.offset == length);
  }
  check_rejected(small + Bytes{0}, small.size(), "declares (2, 3)");
  check_rejected(small + small, small.size(), "declares (2, 3)");
  check_rejected(gzipped(small + Bytes{0}), small.size(), "goes on");
  const Bytes shorter(small.begin(), small.end() - 1);
  check_rejected(gzipped(shorter), shorter.size(), "ends within the elements");
}

TEST_CASE("read_idx: every change of a header byte is refused or only renames the type") {
  const std::size_t header = 12;
  for (std::size_t at = 0; at < header; ++at)
    for (int value = 0; value < 256; ++value) {
      Bytes bytes = small;
      if (bytes[at] == value) continue;
      bytes[at] = static_cast<unsigned char>(value);
      const Outcome outcome = read(bytes);
      if (at == 2 && value == 0x09)
        CHECK(outcome.tensor->dtype() == int64);
      else
        CHECK_FALSE(outcome.tensor);
    }
  check_rejected(Bytes{0, 1} + small, 1, "0x01");
  check_rejected(idx_header(0x0a, {1}) + Bytes{0}, 2, "unknown element type 0x0a");
  check_rejected(idx_header(0x08, std::vector<std::uint32_t>(9, 1)) + Bytes{0}, 3, "got 9");
  check_rejected(idx_header(0x08, std::vector<std::uint32_t>(255, 0)), 3, "got 255");
}

TEST_CASE("read_idx: sizes are refused before memory is taken") {
  release_cached_memory();
  reset_peak_memory();
  const std::size_t before = memory_stats().peak_bytes;
  for (const auto& pack :
       {+[](const Bytes& bytes) { return bytes; }, +[](const Bytes& bytes) { return gzipped(bytes); }}) {
    CHECK(read(pack(idx_header(0x08, {65536, 65536}) + Bytes(100))).text.find("(65536, 65536)") !=
          std::string::npos);
    check_rejected(pack(idx_header(0x08, std::vector<std::uint32_t>(8, 0xffffffff))), 8, "overflows");
    check_rejected(pack(idx_header(0x08, {0, 0xffffffff, 0xffffffff})), 12, "overflows");
    check_rejected(pack(idx_header(0x0e, {0x10000000, 0x40000000}) + Bytes(8)), 8, "overflows");
    // More than a tensor takes, though the bytes in the file could be counted.
    check_rejected(pack(idx_header(0x0b, {0, 0x10000000, 0x40000000})), 12, "overflows");
    CHECK_FALSE(read(pack(idx_header(0x08, {0xffffffff}) + Bytes(8))).tensor);
  }
  CHECK(memory_stats().peak_bytes == before);
}

TEST_CASE("read_idx: a file with holes that is larger than the memory is refused before memory is taken") {
  const TemporaryDirectory directory;
  for (const unsigned char type : Bytes{0x08, 0x09, 0x0e}) {
    const Index size = type == 0x0e ? 8 : 1;
    const Bytes header = idx_header(type, {1u << 20, 1u << 20, 4});
    const std::string path = directory.write("sparse", header);
    std::error_code refused;
    std::filesystem::resize_file(
        path, header.size() + (std::uintmax_t{1} << 42) * static_cast<std::uintmax_t>(size), refused);
    if (refused) {
      MESSAGE("the file system holds no file of that size: ", refused.message());
      continue;
    }
    reset_peak_memory();
    const std::size_t before = memory_stats().peak_bytes;
    int code = 0;
    try {
      io::read_idx(path);
    } catch (const IoError& error) {
      code = error.code();
      CHECK(error.path() == path);
    }
    CHECK(code == ENOMEM);
    CHECK(memory_stats().peak_bytes == before);
  }
}

TEST_CASE("read_idx: a gzip bomb is unpacked no further than declared") {
  reset_peak_memory();
  const std::size_t before = memory_stats().peak_bytes;
  const Bytes bomb = gzipped(idx_header(0x08, {1000}) + Bytes(std::size_t{1} << 24));
  check_rejected(bomb, 8 + 1000, "goes on");
  CHECK(memory_stats().peak_bytes < before + (1 << 16));
}

TEST_CASE("read_idx: a damaged gzip stream is refused or still holds the same elements") {
  const Bytes packed = gzipped(small);
  for (std::size_t length = 0; length < packed.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(read(Bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(length))).tensor);
  }
  int refused = 0;
  for (std::size_t at = 0; at < packed.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      CAPTURE(at);
      CAPTURE(bit);
      Bytes bytes = packed;
      bytes[at] = static_cast<unsigned char>(bytes[at] ^ 1 << bit);
      const Outcome outcome = read(bytes);
      if (outcome.tensor)
        CHECK(bitwise_equal(*outcome.tensor, small_tensor));
      else
        ++refused;
    }
  // The time stamp, the system and the compression hint are six bytes that nothing depends on.
  CHECK(refused >= static_cast<int>(8 * packed.size()) - 8 * 6 - 8);
  check_rejected(packed + Bytes{1, 2, 3}, packed.size() + 2, "damaged");
  check_rejected(packed + Bytes{0x1f}, packed.size() + 1, "cut short");
  const Bytes head(small.begin(), small.begin() + 9), tail(small.begin() + 9, small.end());
  const Outcome members = read(gzipped(head) + gzipped(tail));
  CAPTURE(members.text);
  REQUIRE(members.tensor);
  CHECK(bitwise_equal(*members.tensor, small_tensor));
}

TEST_CASE("read_idx: paths that cannot be read") {
  const TemporaryDirectory directory;
  const auto code = [](const std::string& path) {
    try {
      io::read_idx(path);
    } catch (const IoError& error) {
      CHECK(error.path() == path);
      CHECK(std::string(error.what()).find("read_idx") != std::string::npos);
      return error.code();
    }
    return 0;
  };
  CHECK(code(directory.path("missing")) == ENOENT);
  CHECK(code(directory.path("")) == EISDIR);
  REQUIRE(mkfifo(directory.path("pipe").c_str(), 0600) == 0);
  CHECK(code(directory.path("pipe")) == EINVAL);
}
