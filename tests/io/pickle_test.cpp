// Pickles that no torch.save() writes: made to run programs, to take all memory or time, or to read what is
// not theirs. The archive around them is whole.
#include "support/messages.hpp"
#include "support/zip_maker.hpp"

#include <xgrad/io/zip.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <bit>
#include <limits>

using namespace xgrad;
using namespace xgrad::test;
using namespace std::string_literals;

namespace {

io::detail::Contents open(const io::detail::SharedInput& input) {
  return io::detail::open_pytorch(input, {});
}

// An archive with six floats in its only storage.
std::string archive(const std::string& pickle, bool packed = false) {
  return zipped({{"a/data.pkl", pickle, packed},
                 {"a/data/0", "\0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40"s}});
}

std::string text(const std::string& value) { return "X" + little(value.size(), 4) + value; }
std::string number(std::int64_t value) { return "\x8a\x08"s + little(static_cast<std::uint64_t>(value), 8); }
std::string tuple(const std::vector<std::int64_t>& values) {
  std::string result = "(";
  for (const std::int64_t value : values) result += number(value);
  return result + "t";
}
std::string storage(const std::string& type = "FloatStorage", std::int64_t count = 6,
                    const std::string& key = "0") {
  return "(" + text("storage") + "ctorch\n" + type + "\n" + text(key) + text("cpu") + number(count) + "tQ";
}
std::string tensor(std::int64_t offset, const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides, const std::string& of = storage(),
                   const std::string& more = "") {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + of + number(offset) + tuple(shape) + tuple(strides) +
         "\x89}" + more + "tR";
}
// A dictionary of one value.
std::string holding(const std::string& value, const std::string& key = "x") {
  return "\x80\x02}" + text(key) + value + "s.";
}

StateDict read(const std::string& pickle) {
  const std::string bytes = archive(pickle);
  return read_all(open(input_of(bytes)));
}

void check_rejected(const std::string& bytes, std::initializer_list<const char*> reasons) {
  const auto said = rejection(open, bytes);
  REQUIRE(said);
  CAPTURE(*said);
  CHECK(contains(*said, reasons));
}
void check_pickle(const std::string& pickle, const char* reason) {
  CAPTURE(pickle);
  check_rejected(archive(pickle), {"the member a/data.pkl: ", reason});
}

}  // namespace

TEST_CASE("pickle: functions that are not on the list are named, not called") {
  if (!zips_are_read()) return;
  check_pickle("cos\nsystem\n(" + text("touch /tmp/called") + "tR.", "the file asks for os.system, which");
  check_pickle(text("posix") + text("system") + "\x93.", "the file asks for posix.system, which");
  check_pickle("cbuiltins\neval\n.", "asks for builtins.eval");
  check_pickle("ctorch\nload\n.", "asks for torch.load");
  check_pickle("ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "_rebuild_tensor_v2.__globals__");
  check_pickle("ctorch\nhub.load\n.", "torch.hub.load");
  check_pickle("c\n\n.", "asks for .,");
  check_pickle("cos\x1b[2J\nsystem\n.", "asks for os?[2J.system");
  check_pickle("ctorch\n" + std::string(1000, 'x') + "\n.", "xxx, which");
  check_pickle("K\1K\2\x93.", "a function's name must be a text");
  check_pickle("K\1)R.", "calls a whole number, which is no function");
  check_pickle("ctorch\nFloatStorage\n)R.", "arguments that it does not take");
  check_pickle("ccollections\nOrderedDict\n(K\1tR.", "arguments that it does not take");
  check_pickle("ccollections\nOrderedDict\n]R.", "arguments must be a tuple, not a list");
  for (const auto& [operation, name] : {std::pair{"\x81", "0x81"},
                                        {"i", "0x69"},
                                        {"o", "0x6f"},
                                        {"P", "0x50"},
                                        {"\x82", "0x82"},
                                        {"\x92", "0x92"},
                                        {"2", "0x32"},
                                        {"\xff", "0xff"}})
    check_pickle("N"s + operation + ".", name);
}

TEST_CASE("pickle: operations without their operands") {
  if (!zips_are_read()) return;
  check_pickle("", "has no end");
  check_pickle(".", "must leave one value");
  check_pickle("NN.", "must leave one value");
  check_pickle("(N.", "must leave one value");
  check_pickle("}.N", "goes on behind its end");
  check_pickle("\x80\x06.", "protocol 6");
  check_pickle("t.", "a mark that is not there");
  check_pickle("N(\x85.", "a value that is not there");
  check_pickle("]N(a.", "a value that is not there");
  check_pickle("N(e.", "puts items where no list is");
  check_pickle("](N(e.", "puts items where no list is");
  check_pickle("]((Ne.", "puts items where no list is");
  check_pickle("]NNs.", "puts items where no dictionary is");
  check_pickle(")(Ne.", "puts items where no list is");
  check_pickle("}(Nu.", "a key of a dictionary has no value");
  check_pickle("h\7.", "recalls a value that it has not kept");
  check_pickle("q\7.", "a value that is not there");
  check_pickle("]}b.", "gives attributes to a list");
  check_pickle("X\xff\xff\xff\xffxx.", "ends within an operation");
  check_pickle("\x8d\xff\xff\xff\xff\xff\xff\xff\x7fxx.", "ends within an operation");
  check_pickle("\x8d\xff\xff\xff\xff\xff\xff\xff\xffxx.", "ends within an operation");
  check_pickle("\x8b\xff\xff\xff\xffxx.", "ends within an operation");
  check_pickle("B\xff\xff\xff\xffxx.", "ends within an operation");
  check_pickle("\x95\xff\xff\xff\xff\xff\xff\xff\xff}.", "ends within a frame");
  check_pickle("cos", "ends within an operation");
  // Any two operations after one another, with whatever follows as their operands.
  const std::string operations =
      "\x80\x95.(N\x88\x89JKM\x8a\x8bGX\x8cU\x8d"
      "CB]})t\x85\x86\x87"
      "aesuqr\x94hjc\x93QRb";
  std::size_t read = 0;
  for (const char first : operations)
    for (const char second : operations)
      for (const char* before : {"", "}N", "(]", "X\1\0\0\0a"}) {
        const std::string front = before[0] == 'X' ? "X\1\0\0\0a"s : before;
        if (!rejection(open, archive(front + first + second + "\1\1\1\1\1\1\1\1\n."))) ++read;
      }
  CAPTURE(read);
  CHECK(read < 100);
}

TEST_CASE("pickle: numbers, texts and what is left out") {
  if (!zips_are_read()) return;
  const std::string values =
      "(" + text("zero") + "\x8a\0"s + text("minus") + "\x8a\1\xff"s + text("long") +
      "\x8b\6\0\0\0\0\0\0\0\0\1"s + text("least") + number(std::numeric_limits<std::int64_t>::min()) +
      text("four") + "J\xfe\xff\xff\xff"s + text("two") + "M\xff\xff" + text("real") +
      "G\x3f\xf8\0\0\0\0\0\0"s + text("yes") + "\x88" + text("none") + "N" + text("bytes") + "C\1x" +
      text("text") + "\x8c\1y" + text("empty") + "]" + text("class") + "ctorch\nfloat32\nu.";
  const std::string bytes = archive("}" + values);
  const io::detail::Contents contents = open(input_of(bytes));
  CHECK(contents.metadata == io::Metadata{{"text", "y"}});
  const StateDict dict = read_all(contents);
  REQUIRE(dict.size() == 8);
  CHECK(dict.at("zero").item<Index>() == 0);
  CHECK(dict.at("minus").item<Index>() == -1);
  CHECK(dict.at("long").item<Index>() == Index{1} << 40);
  CHECK(dict.at("least").item<Index>() == std::numeric_limits<Index>::min());
  CHECK(dict.at("four").item<Index>() == -2);
  CHECK(dict.at("two").item<Index>() == 65535);
  CHECK(dict.at("real").dtype() == float64);
  CHECK(dict.at("real").item() == 1.5);
  CHECK(dict.at("yes").dtype() == boolean);
  CHECK(dict.at("yes").item() == 1);

  // A number beyond int64 is an error when it is read, not for the others.
  const std::string large =
      archive("}(" + text("large") + "\x8a\x09\0\0\0\0\0\0\0\x80\0"s + text("one") + "K\1u.");
  const io::detail::Contents opened = open(input_of(large));
  CHECK(opened.read(1).item<Index>() == 1);
  CHECK(contains(message_of<FormatError>([&] { opened.read(0); }), "a whole number beyond int64"));
}

TEST_CASE("pickle: names") {
  if (!zips_are_read()) return;
  CHECK(read("\x80\x02]}" + text("a.b") + "K\1sa.")[0].first == "0.a.b");
  CHECK(read("}" + number(-3) + "]K\1as.")[0].first == "-3.0");
  check_pickle(holding("K\1", ""), "none of them empty, got ''");
  check_pickle(holding("K\1", "a..b"), "got 'a..b'");
  check_pickle(holding("}" + text("") + "K\1s", "a"), "got 'a.'");
  CHECK(read(holding("N", "a..b")).empty());
  check_pickle(holding("}NK\1s"), "a key of the dictionary 'x' is None");
  check_pickle(holding("}G\0\0\0\0\0\0\0\0K\1s"s), "is a number");
  check_pickle(holding("})K\1s"), "is a tuple");
  check_pickle("}(" + text("1") + text("a") + number(1) + text("b") + "u.", "two texts have the name '1'");
  check_pickle("K\1.", "expects a dictionary of tensors, got a whole number");
  check_pickle(tensor(0, {6}, {1}) + ".", "expects a dictionary of tensors, got a tensor");
  check_pickle(holding(storage()), "is a storage, not a tensor");
}

TEST_CASE("pickle: dictionaries within themselves, very deep, or very many by few references") {
  if (!zips_are_read()) return;
  check_pickle("}q\0"s + text("a") + "h\0s."s, "'a' stands within itself");
  check_pickle("]q\0h\0a."s, "'0' stands within itself");
  check_pickle("}q\0"s + text("a") + "]h\0as."s, "'a.0' stands within itself");
  // As an attribute it is not looked at.
  CHECK(read("}q\0h\0b."s).empty());

  const auto nested = [](std::size_t depth) {
    std::string pickle(depth, ']');
    return pickle + "K\1" + std::string(depth, 'a') + ".";
  };
  CHECK(read(nested(64)).size() == 1);
  check_pickle(nested(65), "stands in more than 64 others");
  check_pickle(nested(100'000), "stands in more than 64 others");

  // Each list holds the one before it twice.
  for (const char* innermost : {"]K\1a", "]"}) {
    std::string laughs = "("s + innermost + "q\0"s;
    for (char i = 0; i < 60; ++i) laughs += "](h"s + i + "h" + i + "eq" + static_cast<char>(i + 1);
    check_pickle(laughs + "t.", "the names of what stands in it take more memory");
  }
  // As often as files have reason to.
  std::string shared = "(](K\1K\2eq\1](";
  for (int i = 0; i < 1000; ++i) shared += "h\1";
  CHECK(read(shared + "et.").size() == 2002);

  // Long names before many others.
  std::string names = "](";
  for (int i = 0; i < 1000; ++i) names += "K\1";
  check_pickle(holding(names + "e", std::string(100'000, 'n')), "the names of what stands in it take more");
  std::string texts = text(std::string(100'000, 't')) + "q\0]("s;
  for (int i = 0; i < 1000; ++i) texts += "h\0"s;
  check_pickle("("s + texts + "et.", "the texts in it take more");
}

TEST_CASE("pickle: packed, and unpacked to very many values") {
  if (!zips_are_read()) return;
  for (const std::string& operation : {"]"s, "N"s, "("s, ")"s, "N\x94"s, "]\x94"s}) {
    std::string pickle = operation;
    while (pickle.size() < 4'500'000) pickle += pickle;
    const std::string bytes = archive(pickle, true);
    CHECK(bytes.size() < 50'000);
    check_rejected(bytes, {"the member a/data.pkl: its values take more memory", "max_unpacked"});
  }
}

TEST_CASE("pickle: the stride of an axis of one element may be any number") {
  if (!zips_are_read()) return;
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  const Tensor found = read(holding(tensor(0, {3, 1, 2}, {1, largest, 3}))).at("x");
  CHECK(bitwise_equal(found, Tensor{{{0.0, 3.0}}, {{1.0, 4.0}}, {{2.0, 5.0}}}));
}

TEST_CASE("pickle: tensors within their storages") {
  if (!zips_are_read()) return;
  CHECK(read(holding(tensor(0, {2, 3}, {3, 1})))[0].second.at({1, 2}) == 5);
  CHECK(read(holding(tensor(0, {3, 2}, {1, 3})))[0].second.at({1, 1}) == 4);
  CHECK(read(holding(tensor(5, {2, 2}, {0, 0})))[0].second.at({1, 1}) == 5);
  CHECK(read(holding(tensor(5, {}, {})))[0].second.item() == 5);
  CHECK(read(holding(tensor(1, {1, 2, 1}, {99, 4, 77})))[0].second.at({0, 1, 0}) == 5);
  CHECK(read(holding(tensor(99, {0, 5}, {1, 99})))[0].second.shape() == Shape{0, 5});
  CHECK(read(holding(tensor(0, {2}, {1}, storage(), "N")))[0].second.count() == 2);

  const std::int64_t large = std::numeric_limits<std::int64_t>::max();
  for (const std::string& beyond :
       {tensor(0, {7}, {1}), tensor(1, {6}, {1}), tensor(0, {2, 3}, {4, 1}), tensor(6, {}, {}),
        tensor(large, {1}, {1}), tensor(large, {2}, {large}), tensor(0, {2}, {large}),
        tensor(1, {2, 3}, {large, large}), tensor(2, {3, 2}, {large, 2}), tensor(0, {5}, {large / 2 + 1}),
        tensor(0, {5, 2}, {large, 1}), tensor(0, {2, 2, 2}, {large, large, 2})})
    check_pickle(holding(beyond), "reaches beyond its storage of 6 elements");
  check_pickle(holding(tensor(-1, {1}, {1})), "the offset of a tensor must be a whole number of at least 0");
  check_pickle(holding(tensor(0, {-1}, {1})), "the size of an axis must be");
  check_pickle(holding(tensor(0, {2}, {-1})), "a stride must be");
  check_pickle(holding(tensor(0, {2}, {})), "not as many strides as axes");
  check_pickle(holding(tensor(0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1})),
               "more than 8 axes");
  check_pickle(holding(tensor(0, {large, 4}, {0, 0})), "more elements than there can be");
  check_pickle(holding(tensor(0, {large / 64, 1}, {0, 0})), "tensors that share elements take more memory");
  check_pickle(holding(tensor(0, {1}, {1}, storage(), "}" + text("neg") + "\x88s")), "is to be negated");
  check_pickle(holding(tensor(0, {1}, {1}, storage(), "NN")), "not made of what PyTorch");
  check_pickle(holding(tensor(0, {1}, {1}, "N")), "not made of what PyTorch");
  check_pickle(holding(tensor(0, {1}, {1}, storage("UntypedStorage", 24))),
               "whose storage is not of its type");
  check_pickle(holding("ctorch._utils\n_rebuild_parameter\n(K\1\x89}tR"), "arguments that it does not take");
  const auto untyped = [](std::int64_t count) {
    return holding("ctorch._utils\n_rebuild_tensor_v3\n(" + storage("UntypedStorage", 24) + number(0) +
                   tuple({count}) + tuple({1}) + "\x89}ctorch\nfloat32\ntR");
  };
  CHECK(read(untyped(6))[0].second.at({5}) == 5);
  check_pickle(untyped(7), "reaches beyond its storage of 6 elements");
  check_pickle(holding("ctorch._utils\n_rebuild_tensor_v3\n(" + storage() + number(0) + tuple({1}) +
                       tuple({1}) + "\x89}ctorch\nfloat32\ntR"),
               "whose storage is not of its type");
}

TEST_CASE("pickle: large views in any order of axes") {
  if (!zips_are_read()) return;
  // Each element is its position; in two bytes, too, of which fewer are converted at once than there are.
  constexpr std::int64_t count = 37 * 41 * 23;
  std::string floats, shorts;
  for (std::int64_t i = 0; i < count; ++i) {
    floats += little(std::bit_cast<std::uint32_t>(static_cast<float>(i)), 4);
    shorts += little(static_cast<std::uint64_t>(i & 0x7fff), 2);
  }
  const std::vector<std::int64_t> shape{37, 41, 23}, strides{41 * 23, 23, 1};
  std::vector<std::size_t> order{0, 1, 2};
  do {
    std::vector<std::int64_t> sizes, steps;
    for (const std::size_t axis : order) {
      sizes.push_back(shape[axis]);
      steps.push_back(strides[axis]);
    }
    for (const bool whole : {true, false}) {
      if (!whole) --sizes[1];
      const std::string pickle = "](" + tensor(0, sizes, steps, storage("FloatStorage", count)) +
                                 tensor(0, sizes, steps, storage("ShortStorage", count, "1")) + "e.";
      const std::string bytes = zipped({{"a/data.pkl", pickle}, {"a/data/0", floats}, {"a/data/1", shorts}});
      const StateDict dict = read_all(open(input_of(bytes)));
      Index wrong = 0, at = 0;
      for (std::int64_t i = 0; i < sizes[0]; ++i)
        for (std::int64_t j = 0; j < sizes[1]; ++j)
          for (std::int64_t k = 0; k < sizes[2]; ++k, ++at) {
            const std::int64_t position = i * steps[0] + j * steps[1] + k * steps[2];
            wrong += dict[0].second.data<float>()[at] != static_cast<float>(position);
            wrong += dict[1].second.data<std::int64_t>()[at] != (position & 0x7fff);
          }
      CHECK(wrong == 0);
      CHECK(at == dict[0].second.count());
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("pickle: storages that are not there") {
  if (!zips_are_read()) return;
  check_pickle(holding(tensor(0, {1}, {1}, storage("FloatStorage", 6, "1"))), "there is no member a/data/1");
  check_pickle(holding(tensor(0, {1}, {1}, storage("FloatStorage", 6, "../data.pkl"))), "there is no member");
  check_pickle(holding(tensor(0, {1}, {1}, storage("FloatStorage", 7))), "the member a/data/0 has 24 bytes");
  check_pickle(holding(tensor(0, {1}, {1}, storage("FloatStorage", 5))), "the member a/data/0 has 24 bytes");
  check_pickle(holding(tensor(0, {1}, {1}, storage("DoubleStorage", 6))),
               "a storage of 6 elements of 8 bytes");
  check_pickle(holding(tensor(0, {1}, {1}, storage("FloatStorage", std::int64_t{1} << 62))), "24 bytes");
  check_pickle(holding(tensor(0, {1}, {1}, storage("FloatStorage", -1))), "the size of a storage must be");
  check_pickle(holding(tensor(0, {1}, {1}, storage("ComplexFloatStorage", 3))), "torch.ComplexFloatStorage");
  check_rejected(zipped({{"a/data.pkl", holding(tensor(0, {1}, {1}))}, {"a/data/0", std::string(25, '\0')}}),
                 {"a storage of 6 elements of 4 bytes; the member a/data/0 has 25 bytes"});
  check_pickle(holding("K\1Q"), "what stands for a storage must be a tuple");
  check_pickle(holding(")Q"), "something outside that is no storage");
  check_pickle(holding("(" + text("module") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\6tQ"),
               "something outside that is no storage");
  const std::string bytes = archive(holding(tensor(0, {8}, {1}, storage("BoolStorage", 24))));
  check_rejected(bytes, {"the member a/data/0: there is no boolean"});
  CHECK_FALSE(rejection(open, archive(holding(tensor(0, {2}, {2}, storage("BoolStorage", 24))))));
}

TEST_CASE("pickle: tensors that share elements and would take very much") {
  if (!zips_are_read()) return;
  const std::string elements(std::size_t{4} << 20, '\0');
  const std::string whole = storage("FloatStorage", 1 << 20);
  std::string same = "](", apart = "](";
  for (int i = 0; i < 20; ++i) {
    same += tensor(0, {1 << 20}, {1}, whole);
    apart += tensor(0, {2}, {(1 << 20) - 1}, whole);
  }
  for (const std::string& pickle : {same + "e.", apart + "e."}) {
    // Unpacked the file is as large as its storage, and so may be 64 times that.
    const std::string plain = zipped({{"a/data.pkl", pickle}, {"a/data/0", elements}});
    CHECK(open(input_of(plain)).entries.size() == 20);
    const auto limited = [&](const std::string& bytes, std::uint64_t most) {
      return message_of<FormatError>(
          [&] { io::detail::open_pytorch(input_of(bytes), {.max_unpacked = most}); });
    };
    CHECK(contains(limited(plain, std::uint64_t{79} << 20), {"share elements", "max_unpacked"}));
    const std::string packed = zipped({{"a/data.pkl", pickle}, {"a/data/0", elements, true}});
    CHECK(contains(message_of<FormatError>([&] { open(input_of(packed)); }), "share elements"));
    CHECK(contains(limited(packed, 1 << 20), "the archive unpacks to"));
    CHECK(io::detail::open_pytorch(input_of(packed), {.max_unpacked = std::uint64_t{80} << 20})
              .entries.size() == 20);
  }
  // For one element of what is packed all before it is unpacked, each time.
  std::string ends = "](";
  for (int i = 0; i < 20; ++i) ends += tensor((1 << 20) - 1, {1}, {1}, whole);
  ends += "e.";
  CHECK_FALSE(rejection(open, zipped({{"a/data.pkl", ends}, {"a/data/0", elements}})));
  const auto said = rejection(open, zipped({{"a/data.pkl", ends}, {"a/data/0", elements, true}}));
  REQUIRE(said);
  CHECK(contains(*said, "share elements"));
}

TEST_CASE("pickle: archives without what belongs in them") {
  if (!zips_are_read()) return;
  const ZipPart pickle{"a/data.pkl", "}."};
  CHECK_FALSE(rejection(open, zipped({pickle})));
  check_rejected(zipped({}), {"no member data.pkl"});
  check_rejected(zipped({{"data.pkl", "}."}}), {"no member data.pkl"});
  check_rejected(zipped({{"a/b/data.pkl", "}."}}), {"no member data.pkl"});
  check_rejected(zipped({pickle, {"b/data.pkl", "}."}}), {"two members data.pkl"});
  check_rejected(zipped({pickle, {"a/constants.pkl", ")."}}), {"TorchScript"});
  for (const char* version : {"1", "3\n", "10\n"})
    CHECK_FALSE(rejection(open, zipped({pickle, {"a/version", version}})));
  for (const char* version : {"", "0\n", "11\n", "x", "3.0", "\n"})
    check_rejected(zipped({pickle, {"a/version", version}}), {"a/version", "is not known"});
  check_rejected(zipped({pickle, {"a/version", std::string(101, '3')}}), {"a/version", "too long"});
  check_rejected(zipped({pickle, {"a/byteorder", "middle"}}), {"a/byteorder", "little or big"});
  CHECK_FALSE(rejection(open, zipped({pickle, {"a/byteorder", "little"}})));
}

TEST_CASE("pickle: PyTorch's own, cut short and damaged within an archive that is whole") {
  if (!zips_are_read()) return;
  const auto files = goldens::pytorch_files();
  for (const char* name : {"checkpoint", "protocol 4", "views"}) {
    const io::detail::ZipReader reader(input_of(golden(files, name).bytes), 1 << 20);
    std::vector<ZipPart> parts;
    for (std::size_t i = 0; i < reader.members().size(); ++i)
      parts.push_back({reader.members()[i].name, reader.text(i)});
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [](const ZipPart& part) { return part.name.ends_with("/data.pkl"); });
    REQUIRE(found != parts.end());
    const std::string pickle = found->content;
    CHECK_FALSE(rejection(open, zipped(parts)));
    const std::size_t step = 1 + pickle.size() / 1000;
    for (std::size_t size = 0; size < pickle.size(); size += step) {
      found->content = pickle.substr(0, size);
      CHECK(rejection(open, zipped(parts)));
    }
    for (std::size_t i = 0; i < pickle.size(); i += step) {
      for (const int change : {0x01, 0xff}) {
        found->content = pickle;
        found->content[i] = static_cast<char>(pickle[i] ^ change);
        rejection(open, zipped(parts));
      }
    }
  }
}
