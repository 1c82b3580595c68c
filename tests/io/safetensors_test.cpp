// safetensors: the bytes that the reference implementation writes, every rule of the format, files made to
// hurt.
#include <xgrad/io/file.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/memory.hpp>
#include <xgrad/tensor/random.hpp>

#include <support/files.hpp>
#include <support/messages.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

namespace {

using namespace xgrad;
using test::Bytes, test::contains, test::message_of, test::TemporaryDirectory, test::operator+;

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// A file with this header, as it stands, and these elements.
Bytes file_of(const std::string& header, const Bytes& elements = {}) {
  Bytes bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<unsigned char>(header.size() >> 8 * i));
  return bytes + bytes_of(header) + elements;
}

const TemporaryDirectory& directory() {
  static const TemporaryDirectory directory;
  return directory;
}

StateDict load(const Bytes& bytes) { return io::load(directory().write("file.safetensors", bytes)); }

Bytes read_bytes(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Bytes saved(const StateDict& dict, const io::Metadata& metadata = {}) {
  const std::string path = directory().path("saved.safetensors");
  io::save(path, dict, metadata);
  return read_bytes(path);
}

// The text of the FormatError; the path must be in it.
std::string rejection(const Bytes& bytes) {
  const std::string text = message_of<FormatError>([&] { static_cast<void>(load(bytes)); });
  CHECK(contains(text, directory().path("file.safetensors")));
  return text;
}

const std::string one_float = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";

}  // namespace

TEST_CASE("safetensors: the bytes are those of the reference implementation") {
  // Its own test vectors (tensor.rs, test_serialization and test_forced_alignment), the header as text.
  const Tensor numbers = arange(6).to(float32);
  Bytes elements(24);
  std::memcpy(elements.data(), numbers.raw(), 24);
  CHECK(saved({{"attn.0", numbers.reshape({1, 2, 3})}}) ==
        file_of(R"({"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}})", elements));
  CHECK(saved({{"attn0", numbers.reshape({1, 1, 2, 3})}}) ==
        file_of(R"({"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       )", elements));
  CHECK(saved({}) == file_of("{}      "));
}

TEST_CASE(
    "safetensors: sorted by falling alignment, then by name; scalars, empty tensors, metadata, escapes") {
  const StateDict dict{{"b", Tensor({1}, uint8)},
                       {"z", scalar(2.5, float64)},
                       {"a", Tensor({3, 4}, uint8)},
                       {"flag", Tensor({1, 0}, boolean)},
                       {"n", scalar(-1)},
                       {"half.empty", zeros({0, 3})},
                       {"quote\"\\\n\x01\u00e9", scalar(1.5)}};
  const io::Metadata metadata{{"z", "last"}, {"about", "line\nline \"x\""}};
  const Bytes bytes = saved(dict, metadata);
  const std::string header = R"({"__metadata__":{"about":"line\nline \"x\"","z":"last"},)"
                             R"("n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                             R"("z":{"dtype":"F64","shape":[],"data_offsets":[8,16]},)"
                             R"("half.empty":{"dtype":"F32","shape":[0,3],"data_offsets":[16,16]},)"
                             "\"quote\\\"\\\\\\n\\u0001\u00e9\":"
                             R"({"dtype":"F32","shape":[],"data_offsets":[16,20]},)"
                             R"("a":{"dtype":"U8","shape":[2],"data_offsets":[20,22]},)"
                             R"("b":{"dtype":"U8","shape":[1],"data_offsets":[22,23]},)"
                             R"("flag":{"dtype":"BOOL","shape":[2],"data_offsets":[23,25]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  CHECK(std::string(bytes.begin() + 8, bytes.begin() + 8 + static_cast<std::ptrdiff_t>(padded.size())) ==
        padded);
  CHECK(bytes.size() == 8 + padded.size() + 25);

  const io::File file(directory().path("saved.safetensors"));
  CHECK(file.metadata() == metadata);
  CHECK(file.format() == io::Format::safetensors);
  const StateDict read = file.read();
  REQUIRE(read.size() == dict.size());
  for (const auto& [name, tensor] : dict) CHECK(bitwise_equal(read.at(name), tensor));
  CHECK(read[0].first == "n");
  CHECK(read.layout() == StateDict::Layout::unknown);
}

TEST_CASE("safetensors: one tensor without the rest, entries, the order of axes") {
  StateDict dict{{"w", normal({2, 3})}, {"b", normal({3})}};
  for (const auto layout :
       {StateDict::Layout::xgrad, StateDict::Layout::pytorch, StateDict::Layout::unknown}) {
    dict.set_layout(layout);
    const std::string path = directory().path("layout.safetensors");
    io::save(path, dict);
    const io::File file(path);
    CHECK(file.layout() == layout);
    CHECK(file.read().layout() == layout);
    CHECK(bitwise_equal(file.read("w"), dict.at("w")));
    CHECK(file.contains("b"));
    CHECK_FALSE(file.contains("c"));
    REQUIRE(file.entries().size() == 2);
    CHECK(file.entries()[0].name == "b");
    CHECK(file.entries()[1].shape == Shape{2, 3});
    CHECK(file.entries()[1].stored == "float32");
    CHECK_THROWS_WITH_AS(file.read("c"), doctest::Contains("has no tensor 'c' (there are: b, w)"),
                         ValueError);
  }
  dict.set_layout(StateDict::Layout::xgrad);
  CHECK_THROWS_WITH_AS(saved(dict, {{"format", "pt"}}), doctest::Contains("that of \"xgrad\""), ValueError);
}

TEST_CASE("safetensors: every element type, with the original one told") {
  struct Case {
    std::string stored, name;
    std::size_t size;
    Bytes bytes;
    Tensor expected;
  };
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<Case> cases{
      {"BOOL", "boolean", 1, {0, 1}, Tensor({0, 1}, boolean)},
      {"U8", "uint8", 1, {0, 255}, Tensor({0, 255}, uint8)},
      {"I8", "int8", 1, {0x80, 0x7f}, Tensor({-128, 127}, int64)},
      {"I16", "int16", 2, {0, 0x80, 0xff, 0x7f}, Tensor({-32768, 32767}, int64)},
      {"U16", "uint16", 2, {1, 0, 0xff, 0xff}, Tensor({1, 65535}, int64)},
      {"I32",
       "int32",
       4,
       {0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f},
       Tensor({-2147483648LL, 2147483647LL}, int64)},
      {"U32", "uint32", 4, {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, Tensor({1LL, 4294967295LL}, int64)},
      {"I64", "int64", 8, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Tensor({-1}, int64)},
      {"U64",
       "uint64",
       8,
       {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
       Tensor({std::numeric_limits<Index>::max()}, int64)},
      // 1, -2, the smallest number, the largest below normal, the largest, infinities, -0
      {"F16",
       "float16",
       2,
       {0, 0x3c, 0, 0xc0, 1, 0, 0xff, 3, 0xff, 0x7b, 0, 0x7c, 0, 0xfc, 0, 0x80},
       Tensor({1., -2., 0x1p-24, 1023 * 0x1p-24, 65504., double{infinity}, -double{infinity}, -0.}, float32)},
      {"BF16",
       "bfloat16",
       2,
       {0x80, 0x3f, 0x80, 0xff, 1, 0},
       Tensor({1., -double{infinity}, 0x1p-133}, float32)},
      {"F32", "float32", 4, {0, 0, 0x80, 0x3f}, Tensor({1.}, float32)},
      {"F64", "float64", 8, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, Tensor({1.}, float64)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.stored);
    const std::string count = std::to_string(c.bytes.size() / c.size), end = std::to_string(c.bytes.size());
    const std::string path =
        directory().write("types", file_of(R"({"x":{"dtype":")" + c.stored + R"(","shape":[)" + count +
                                               R"(],"data_offsets":[0,)" + end + "]}}",
                                           c.bytes));
    const io::File file(path);
    CHECK(file.entries()[0].stored == c.name);
    CHECK(file.entries()[0].dtype == c.expected.dtype());
    CHECK(bitwise_equal(file.read("x"), c.expected));
  }
  // NaN stays one.
  const Tensor nan =
      load(file_of(R"({"x":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}})", {1, 0x7e})).at("x");
  CHECK(nan.item<float>() != nan.item<float>());
  CHECK(contains(rejection(file_of(R"({"x":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", {1, 2})),
                 {"no boolean of the value", "(at byte 64)"}));
  CHECK(contains(rejection(file_of(R"({"x":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}})",
                                   {0, 0, 0, 0, 0, 0, 0, 0x80})),
                 "no int64 of the value of this uint64"));
}

TEST_CASE("safetensors: large tensors, read in shares and converted in pieces") {
  const Index count = 3'000'001;
  const Tensor numbers = randint({count}, -128, 128);
  Bytes elements(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i)
    elements[static_cast<std::size_t>(i)] =
        static_cast<unsigned char>(numbers.span<Index>()[static_cast<std::size_t>(i)]);
  CHECK(bitwise_equal(
      load(file_of(R"({"x":{"dtype":"I8","shape":[3000001],"data_offsets":[0,3000001]}})", elements)).at("x"),
      numbers));
  const StateDict dict{{"x", normal({1'000'003})}};
  static_cast<void>(saved(dict));
  CHECK(bitwise_equal(io::load(directory().path("saved.safetensors")).at("x"), dict.at("x")));
}

TEST_CASE("safetensors: every rule of the format") {
  const Bytes four{0, 0, 0, 0};
  CHECK(load(file_of(one_float, four)).size() == 1);
  CHECK(load(file_of("{}")).empty());
  CHECK(load(file_of(one_float + "  \n ", four)).size() == 1);
  // What else is told of a tensor is none of the reader's business.
  CHECK(load(file_of(R"({"a":{"x":[{"dtype":1}],"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four))
            .size() == 1);

  // The most that a tensor takes.
  CHECK(load(file_of(R"({"a":{"dtype":"I8","shape":[0,288230376151711743],"data_offsets":[0,0]}})"))
            .at("a")
            .shape() == Shape{0, (Index{1} << 58) - 1});

  struct Case {
    std::string header;
    std::size_t elements;
    const char* reason;
  };
  const std::string start = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)";
  const std::vector<Case> cases{
      {" " + one_float, 4, "the file is no safetensors"},
      {"[]", 0, "the file is no safetensors"},
      {"", 0, "the file is no safetensors"},
      {one_float + "x", 4, "the header: "},
      {one_float + std::string(1, '\0'), 4, "the header: a zero byte (at byte 62)"},
      {one_float + std::string("\0{\xff", 3), 4, "the header: a zero byte"},
      {one_float + one_float, 4, "the header: "},
      {"{\"a\xff\":1}", 0, "the header: "},
      {"{\"a\\ud800\":1}", 0, "the header: "},
      {R"({"a":1})", 0, "the entry 'a' must be an object"},
      {R"({"a":[]})", 0, "the entry 'a' must be an object"},
      {R"({"a":{}})", 0, "'a' has no dtype"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "'a' has no shape"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "'a' has no data_offsets"},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4,
       "'dtype' of 'a' stands twice"},
      {R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1,
       "the dtype F8_E4M3 of 'a' is not known"},
      {R"({"a":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", 4, "the dtype of 'a' must be a text"},
      {R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})", 4, "the shape of 'a' must be a list"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "whole numbers"},
      {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "whole numbers"},
      {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "whole numbers"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4, "more than 8 axes"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4, "too large"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "overflows"},
      {R"({"a":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})", 0, "overflows"},
      {R"({"a":{"dtype":"I8","shape":[0,288230376151711744],"data_offsets":[0,0]}})", 0, "overflows"},
      {start + "[0]}}", 4, "must be two numbers"},
      {start + "[]}}", 4, "must be two numbers"},
      {start + "[0,4,4]}}", 4, "must be two numbers"},
      {start + "[0,8]}}", 8, "are not those of 4 bytes"},
      {start + "[4,0]}}", 4, "are not those of 4 bytes"},
      {start + "[1,5]}}", 5, "must start at byte 0 of the data, not at 1"},
      {start + "[0,4]}}", 5, "describes 4 bytes of elements, the file has 5"},
      {start + "[0,4]}}", 3, "describes 4 bytes of elements, the file has 3"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
       3, "the elements of 'b' must start at byte 2"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
       3, "the elements of 'b' must start at byte 1"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       2, "the name 'a' stands twice"},
      {R"({"a..b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "names joined by dots"},
      {R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "names joined by dots"},
      {R"({"__metadata__":{"a":1}})", 0, "the metadata 'a' must be a text"},
      {R"({"__metadata__":{"a":{"b":"c"}}})", 0, "the metadata 'a' must be a text"},
      {R"({"__metadata__":{"a":"b","a":"b"}})", 0, "the metadata 'a' stand twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "the name '__metadata__' stands twice"},
      {R"({"__metadata__":"text"})", 0, "__metadata__ must be an object"},
      {"{" + std::string(100'000, '['), 0, "the header: "},
      {R"({"a":)" + std::string(100'000, '['), 0, "the entry 'a' must be an object"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.header.substr(0, 120));
    const std::string text = rejection(file_of(c.header, Bytes(c.elements)));
    CAPTURE(text);
    CHECK(contains(text, c.reason));
  }
  const std::string long_name = rejection(file_of("{\"" + std::string(100'000, 'a') + "\":1}"));
  CHECK(contains(long_name, {"the entry 'aaa", " ... ", "aaa' must be an object"}));
  CHECK(long_name.size() < 2000);
  CHECK(rejection(file_of("{\"" + std::string(100'000, 'a'))).size() < 2000);
  Bytes long_header(8 + 20, '{');
  const std::uint64_t size = 100'000'001;
  std::memcpy(long_header.data(), &size, sizeof size);
  CHECK(contains(rejection(long_header),
                 {"the header may have 100000000 bytes, the file says 100000001", "(at byte 0)"}));
  CHECK_THROWS_WITH_AS(saved({{"a\xff", scalar(1)}}), doctest::Contains("is not UTF-8"), ValueError);
  CHECK_THROWS_WITH_AS(saved({{"__metadata__", scalar(1)}}), doctest::Contains("is no name of a tensor"),
                       ValueError);
}

TEST_CASE("safetensors: all beginnings of a file, and a file that goes on, are rejected") {
  const Bytes whole = saved({{"a", Tensor({1., 2.})}, {"b", Tensor({3}, uint8)}}, {{"k", "v"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(load({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), FormatError);
  }
  CHECK(contains(rejection(whole + Bytes{0}), "the file has"));
}

TEST_CASE("safetensors: each byte changed is read or rejected") {
  const Bytes whole = saved({{"a", Tensor({1., 2.})}, {"flag", Tensor({1}, boolean)}}, {{"k", "v"}});
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const int flip : {1, 0x80, 0xff}) {
      Bytes changed = whole;
      changed[i] = static_cast<unsigned char>(changed[i] ^ flip);
      try {
        static_cast<void>(load(changed));
      } catch (const FormatError& error) {
        CHECK(error.offset() <= whole.size());
      }
    }
}

TEST_CASE("safetensors: a header that promises terabytes takes no memory") {
  reset_peak_memory();
  const std::size_t before = memory_stats().peak_bytes;
  const std::string huge = "4398046511104";
  CHECK(contains(
      rejection(file_of(R"({"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,)" + huge + "]}}",
                        Bytes(64))),
      "describes " + huge + " bytes of elements"));
  CHECK(memory_stats().peak_bytes == before);
}

TEST_CASE("safetensors: a checkpoint in several files reads as one") {
  const TemporaryDirectory files;
  const StateDict first{{"a", normal({2})}, {"b", normal({3})}}, second{{"c", normal({4})}};
  io::save(files.path("model-00001.safetensors"), first, {{"format", "pt"}});
  io::save(files.path("model-00002.safetensors"), second, {{"format", "pt"}});
  const auto index = [&](const std::string& text) {
    return files.write("model.safetensors.index.json", bytes_of(text));
  };
  const std::string map =
      R"("weight_map":{"c":"model-00002.safetensors","a":"model-00001.safetensors","b":"model-00001.safetensors"})";
  const io::File file(index(R"( {"metadata":{"total_size":36,"by":"x","deep":[[1]]},)" + map + "}"));
  CHECK(file.metadata() == io::Metadata{{"by", "x"}, {"total_size", "36"}});
  CHECK(file.layout() == StateDict::Layout::pytorch);
  const StateDict read = file.read();
  REQUIRE(read.size() == 3);
  CHECK(read[0].first == "c");
  CHECK(bitwise_equal(read.at("b"), first.at("b")));
  CHECK(bitwise_equal(file.read("c"), second.at("c")));

  const auto rejected = [&](const std::string& text) {
    const std::string path = index(text);
    return message_of<FormatError>([&] { static_cast<void>(io::load(path)); });
  };
  CHECK(contains(rejected("{}"), "has no 'weight_map'"));
  CHECK(contains(rejected(R"({"weight_map":[]})"), "'weight_map' must be an object"));
  CHECK(contains(rejected(R"({"weight_map":{"a":1}})"), "the file of 'a' must be a text"));
  CHECK(
      contains(rejected(R"({"weight_map":{"a":"../x"}})"), "must be one of the same directory, not '../x'"));
  CHECK(contains(rejected(R"({"weight_map":{"a":""}})"), "must be one of the same directory"));
  CHECK(contains(rejected(R"({"weight_map":{"x":"model-00001.safetensors"}})"),
                 "places 'x' in model-00001.safetensors, where it is not"));
  CHECK(contains(rejected(R"({"weight_map":{"x":"model.safetensors.index.json"}})"), "not another index"));
  CHECK(contains(rejected(R"({"weight_map":{"a":"model-00001.safetensors","a":"model-00001.safetensors"}})"),
                 "'a' stands twice"));
  CHECK_THROWS_AS(io::load(index(R"({"weight_map":{"a":"gone.safetensors"}})")), IoError);
  const std::string whole = "{" + map + "}";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string path = index(whole.substr(0, size));
    CHECK_THROWS_AS(io::load(path), FormatError);
  }
}
