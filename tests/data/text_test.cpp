// Texts, vocabularies and windows of tokens.
#include <xgrad/data/loader.hpp>
#include <xgrad/data/text.hpp>
#include <xgrad/io/checkpoint.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>

#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <unistd.h>
#include <cstdint>
#include <fstream>
#include <thread>

namespace {

using namespace xgrad;
using test::contains, test::message_of, test::TemporaryDirectory;
using Texts = std::vector<std::string>;

test::Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }

static_assert(data::BatchDataset<data::TokenWindows>);
static_assert(io::Stateful<data::Vocabulary>);

}  // namespace

TEST_CASE("read_text: UTF-8, plain and gzipped") {
  const TemporaryDirectory directory;
  const std::string text = "Call me Ishmael.\r\n\u00e4\u20ac\U0001f40b";
  CHECK(data::read_text(directory.write("plain", bytes(text))) == text);
  CHECK(data::read_text(directory.write("packed", test::gzipped(bytes(text)))) == text);
  CHECK(data::read_text(directory.write("mark", bytes("\xef\xbb\xbf" + text))) == text);
  CHECK(data::read_text(directory.write("empty", {})).empty());
  CHECK(contains(message_of<IoError>([&] { data::read_text(directory.path("none")); }),
                 {"text_test.cpp", "read_text", "none"}));
}

TEST_CASE("read_text: what is not UTF-8 is refused at its byte") {
  const TemporaryDirectory directory;
  // Table 3-7 of the Unicode standard: what follows each first byte, and its neighbours.
  const std::vector<std::string> good = {"\x7f",
                                         "\xc2\x80",
                                         "\xdf\xbf",
                                         "\xe0\xa0\x80",
                                         "\xec\xbf\xbf",
                                         "\xed\x9f\xbf",
                                         "\xee\x80\x80",
                                         "\xef\xbf\xbf",
                                         "\xf0\x90\x80\x80",
                                         "\xf3\xbf\xbf\xbf",
                                         "\xf4\x8f\xbf\xbf"};
  const std::vector<std::string> bad = {
      "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xc2",
      "\xc2\x7f",     "\xe0\x9f\xbf",     "\xed\xa0\x80",     "\xed\xbf\xbf",
      "\xe1\x80",     "\xe1\x80\x7f",     "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
      "\xf1\x80\x80", "\xf1\x80\x80\x7f", "\xf5\x80\x80\x80", "\xff"};
  for (const std::string& text : good)
    CHECK(data::read_text(directory.write("good", bytes("ab" + text + "c"))) == "ab" + text + "c");
  for (const std::string& text : bad)
    for (const char* after : {"", "c"}) {
      const std::string path = directory.write("bad", bytes("ab" + text + after));
      try {
        static_cast<void>(data::read_text(path));
        FAIL_CHECK("nothing was thrown");
      } catch (const FormatError& error) {
        CHECK(error.offset() == 2);
        CHECK(contains(error.what(), path + ": byte 2, 0x"));
      }
    }
}

TEST_CASE("Vocabulary: characters, the most frequent first or in their order") {
  const data::Vocabulary frequent("banana\u00e4");
  CHECK(frequent.tokens() == Texts{"a", "n", "b", "\u00e4"});
  CHECK(frequent.kind() == data::Tokens::characters);
  CHECK_FALSE(frequent.has_unknown());
  CHECK(bitwise_equal(frequent.encode("nab\u00e4"), Tensor{1, 0, 2, 3}));
  CHECK(frequent.decode(Tensor{{1, 0}, {2, 3}}) == "nab\u00e4");
  CHECK(frequent.encode("").shape() == Shape{0});
  CHECK(frequent.decode(frequent.encode("")).empty());
  CHECK(frequent.id("b") == 2);
  CHECK(frequent.has("\u00e4"));
  CHECK_FALSE(frequent.has("ab"));
  const data::Vocabulary sorted("banana\u00e4", {.order = data::TokenOrder::sorted});
  CHECK(sorted.tokens() == Texts{"a", "b", "n", "\u00e4"});
  CHECK(data::Vocabulary().size() == 0);
}

TEST_CASE("Vocabulary: words and the unknown token") {
  const std::string text = "the whale\tand\r\nthe \u00e4 sea  the whale";
  const data::Vocabulary words(text, {.tokens = data::Tokens::words, .unknown = "<unk>", .most = 2});
  CHECK(words.tokens() == Texts{"<unk>", "the", "whale"});
  CHECK(words.has_unknown());
  CHECK(bitwise_equal(words.encode(text), Tensor{1, 2, 0, 1, 0, 0, 1, 2}));
  CHECK(words.decode(words.encode("  the whale ahoy ")) == "the whale <unk>");
  CHECK(words.id("ship") == 0);
  const data::Vocabulary often(text, {.tokens = data::Tokens::words, .unknown = "<unk>", .least_count = 3});
  CHECK(often.tokens() == Texts{"<unk>", "the"});
  // The unknown token may occur in the text.
  CHECK(data::Vocabulary("a ? b ?", {.tokens = data::Tokens::words, .unknown = "?"}).tokens() ==
        Texts{"?", "a", "b"});
  const data::Vocabulary all(text, {.tokens = data::Tokens::words});
  CHECK(all.size() == 5);
  CHECK(all.decode(all.encode(text)) == "the whale and the \u00e4 sea the whale");
}

TEST_CASE("Vocabulary: bad input") {
  const data::Vocabulary small("abc");
  CHECK(contains(message_of<ValueError>([&] { small.encode("ab\ncd\u00e4"); }),
                 {"text_test.cpp", "Vocabulary::encode: byte 2: \".\" is none of the 3 tokens", "unknown"}));
  CHECK(contains(message_of<ValueError>([&] { small.id("\u00e4"); }), "\"\u00e4\" is none of the 3 tokens"));
  CHECK(contains(message_of<FormatError>([&] { small.encode("a\xff"); }), "byte 1, 0xff, is not UTF-8"));
  CHECK(contains(message_of<FormatError>([] { data::Vocabulary("a\xc3"); }), "byte 1, 0xc3"));
  CHECK(contains(message_of<IndexError>([&] { small.decode(Tensor{0, 3}); }), "the id 3 is outside [0, 3)"));
  CHECK(contains(message_of<IndexError>([&] { small.decode(Tensor{-1}); }), "the id -1"));
  CHECK_THROWS_AS(small.decode(Tensor{0.0}), DTypeError);
  CHECK(contains(message_of<ValueError>([] { data::Vocabulary("abc", {.most = 2}); }),
                 {"leave out 1 tokens", "<unk>"}));
  CHECK_THROWS_AS(data::Vocabulary("abc", {.most = -1}), ValueError);
  CHECK_THROWS_AS(data::Vocabulary("abc", {.least_count = -1}), ValueError);
  CHECK(contains(message_of<ValueError>(
                     [] { data::Vocabulary("a b", {.tokens = data::Tokens::words, .unknown = "a b"}); }),
                 "is no word"));
}

TEST_CASE("Vocabulary: saved and loaded") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("vocabulary");
  const data::Vocabulary words("der Wal \u00e4 der", {.tokens = data::Tokens::words, .unknown = "<unk>"});
  words.save(path);
  const data::Vocabulary loaded = data::Vocabulary::load(path);
  CHECK(loaded.tokens() == words.tokens());
  CHECK(loaded.kind() == data::Tokens::words);
  CHECK(loaded.has_unknown());
  CHECK(loaded.id("Wal") == words.id("Wal"));
  data::Vocabulary empty;
  data::Vocabulary().save(path);
  CHECK(data::Vocabulary::load(path).size() == 0);

  data::Vocabulary kept("abc"), other("xyz");
  io::Checkpoint run;
  run.add("vocabulary", kept);
  run.save(directory.path("run.safetensors"));
  io::Checkpoint again;
  again.add("vocabulary", other);
  again.load(directory.path("run.safetensors"));
  CHECK(other.tokens() == kept.tokens());
}

TEST_CASE("Vocabulary: a state that is none changes nothing") {
  data::Vocabulary vocabulary("abc");
  const StateDict good = vocabulary.state_dict();
  struct Bad {
    const char* name;
    Tensor value;
    const char* says;
  };
  const std::vector<Bad> table = {{"kind", scalar(2), "kind is 2"},
                                  {"kind", Tensor{0}, "kind is int64 (1,)"},
                                  {"unknown", scalar(1), "unknown is int64 ()"},
                                  {"bytes", Tensor({1, 2, 3}, float32), "bytes is float32 (3,)"},
                                  {"bytes", Tensor({97, 98}, uint8), "sizes do not fit bytes"},
                                  {"bytes", Tensor({97, 98, 99, 100}, uint8), "sizes do not fit bytes"},
                                  {"bytes", Tensor({97, 98, 97}, uint8), "\"a\" is there twice"},
                                  {"bytes", Tensor({97, 98, 200}, uint8), "not UTF-8"},
                                  {"sizes", Tensor{1, 2, 0}, "sizes do not fit bytes"},
                                  {"sizes", Tensor{-1, 3, 1}, "sizes do not fit bytes"},
                                  {"sizes", Tensor{1, INT64_MAX, 1}, "sizes do not fit bytes"},
                                  {"more", scalar(1), "5 entries"}};
  for (const Bad& bad : table) {
    StateDict state = good;
    state.set(bad.name, bad.value);
    const std::string message = message_of<ValueError>([&] { vocabulary.load_state_dict(state); });
    CHECK_MESSAGE(contains(message, {"that of no vocabulary", bad.says}), message);
    CHECK(vocabulary.tokens() == Texts{"a", "b", "c"});
  }
  for (const char* name : {"kind", "unknown", "bytes", "sizes"}) {
    StateDict state = good;
    state.erase(name);
    CHECK(contains(message_of<ValueError>([&] { vocabulary.load_state_dict(state); }),
                   std::string(name) + " is missing"));
  }
}

TEST_CASE("TokenWindows: input and target, one token apart") {
  const Tensor stream = arange(10);
  const data::TokenWindows windows(stream, {.length = 3});
  CHECK(windows.size() == 3);
  CHECK(windows.options().stride == 3);
  const auto pair = windows.gather(Tensor{2, 0});
  CHECK(bitwise_equal(pair[0], Tensor{{6, 7, 8}, {0, 1, 2}}));
  CHECK(bitwise_equal(pair[1], Tensor{{7, 8, 9}, {1, 2, 3}}));
  CHECK(bitwise_equal(windows.get(1)[0], Tensor{3, 4, 5}));
  CHECK(bitwise_equal(windows.get(1)[1], Tensor{4, 5, 6}));
  // How many there are: the last target is the last token, if they fit.
  for (Index length = 1; length < 10; ++length)
    for (Index stride = 1; stride < 12; ++stride) {
      const data::TokenWindows some(stream, {.length = length, .stride = stride});
      Index count = 0;
      while (count * stride + length + 1 <= 10) ++count;
      CHECK(some.size() == count);
      CHECK(some.get(count - 1)[1].at({-1}) <= 9);
    }
  data::DataLoader loader(windows, {.batch_size = 2});
  Index batches = 0;
  for (auto& [input, target] : loader) {
    CHECK(input.shape() == Shape{batches == 0 ? 2 : 1, 3});
    CHECK(target.at({0, 0}) == input.at({0, 1}));
    ++batches;
  }
  CHECK(batches == 2);
}

TEST_CASE("TokenWindows: bad input") {
  CHECK(contains(message_of<ValueError>([] { data::TokenWindows(arange(8), {.length = 8}); }),
                 {"text_test.cpp", "TokenWindows: a window of 8 tokens", "the text has 8"}));
  CHECK_NOTHROW(data::TokenWindows(arange(9), {.length = 8}));
  CHECK_THROWS_AS(data::TokenWindows(arange(0), {.length = 1}), ValueError);
  CHECK(contains(message_of<ValueError>([] { data::TokenWindows(arange(8), {.length = 0}); }), "length"));
  CHECK(contains(message_of<ValueError>([] { data::TokenWindows(arange(8), {.length = 2, .stride = -1}); }),
                 "stride"));
  CHECK_THROWS_AS(data::TokenWindows(zeros({8}), {.length = 2}), DTypeError);
  CHECK_THROWS_AS(data::TokenWindows(arange(8).reshape({2, 4}), {.length = 2}), ShapeError);
  CHECK_THROWS_AS(data::TokenWindows(Tensor(), {.length = 2}), GraphError);
  const data::TokenWindows windows(arange(8), {.length = 2});
  CHECK(windows.size() == 3);
  CHECK_THROWS_AS(windows.get(3), IndexError);
  CHECK_THROWS_AS(windows.get(-1), IndexError);
  CHECK(contains(message_of<IndexError>([&] {
                   windows.gather(Tensor{0, 3});
                 }),
                 "window 3 is outside [0, 3)"));
  CHECK_THROWS_AS(windows.gather(scalar(1)), ShapeError);
}

TEST_CASE("token_streams: batches go on where the last ended") {
  // Two streams of five: 0 to 4 and 5 to 9, whose last target is 10; 11 fills no row.
  const auto batches = data::token_streams(arange(12), {.streams = 2, .steps = 3});
  REQUIRE(batches.size() == 2);
  CHECK(bitwise_equal(batches[0].input, Tensor{{0, 5}, {1, 6}, {2, 7}}));
  CHECK(bitwise_equal(batches[0].target, Tensor{{1, 6}, {2, 7}, {3, 8}}));
  CHECK(batches[0].begins);
  CHECK(bitwise_equal(batches[1].input, Tensor{{3, 8}, {4, 9}}));
  CHECK(bitwise_equal(batches[1].target, Tensor{{4, 9}, {5, 10}}));
  CHECK_FALSE(batches[1].begins);
  for (Index streams = 1; streams < 7; ++streams)
    for (Index steps = 1; steps < 9; ++steps) {
      Index seen = 0;
      Index next = 0;  // of the first stream
      for (const data::StreamBatch& batch :
           data::token_streams(arange(14), {.streams = streams, .steps = steps})) {
        CHECK(batch.begins == (next == 0));
        CHECK(batch.input.at({0, 0}) == next);
        next += batch.input.size(0);
        seen += batch.input.count();
        CHECK(batch.input.size(0) <= steps);
      }
      CHECK(seen == 13 / streams * streams);
    }
  // A step longer than the text is one batch.
  CHECK(data::token_streams(arange(12), {.streams = 2, .steps = INT64_MAX}).size() == 1);
}

TEST_CASE("token_streams: bad input") {
  CHECK(contains(message_of<ValueError>([] { (void)data::token_streams(arange(4), {.streams = 4}); }),
                 {"text_test.cpp", "token_streams", "4 streams", "the text has 4"}));
  CHECK_NOTHROW((void)data::token_streams(arange(5), {.streams = 4}));
  CHECK(contains(message_of<ValueError>([] { (void)data::token_streams(arange(4), {.streams = 0}); }),
                 "streams"));
  CHECK(
      contains(message_of<ValueError>([] { (void)data::token_streams(arange(4), {.steps = 0}); }), "steps"));
  CHECK_THROWS_AS((void)data::token_streams(zeros({8}), {}), DTypeError);
  CHECK_THROWS_AS((void)data::token_streams(arange(8).reshape({2, 4}), {}), ShapeError);
  CHECK_THROWS_AS((void)data::token_streams(Tensor(), {}), GraphError);
}

TEST_CASE("Vocabulary: a state whose tokens no text has is none") {
  const auto state_of = [](data::Tokens kind, bool unknown, const std::vector<std::string>& tokens) {
    std::string bytes;
    std::vector<Index> sizes;
    for (const std::string& token : tokens) {
      bytes += token;
      sizes.push_back(static_cast<Index>(token.size()));
    }
    const auto* start = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return StateDict{{"kind", scalar(static_cast<Index>(kind))},
                     {"unknown", scalar(unknown)},
                     {"bytes", Tensor::from(std::span<const std::uint8_t>(start, bytes.size()))},
                     {"sizes", Tensor::from(sizes)}};
  };
  data::Vocabulary vocabulary("abc");
  // A word with a space is read back as two; of characters only the unknown token is longer than one.
  for (const char* space : {" ", "\t", "\n", "\v", "\f", "\r"}) {
    const std::string token = std::string("new") + space + "york";
    CHECK(contains(message_of<ValueError>([&] {
                     vocabulary.load_state_dict(state_of(data::Tokens::words, false, {"a", token}));
                   }),
                   {"the state is that of no vocabulary", "has a space"}));
  }
  CHECK(contains(message_of<ValueError>([&] {
                   vocabulary.load_state_dict(state_of(data::Tokens::words, true, {"not known", "a"}));
                 }),
                 {"\"not known\"", "has a space"}));
  CHECK(contains(message_of<ValueError>([&] {
                   vocabulary.load_state_dict(state_of(data::Tokens::characters, false, {"ab", "c"}));
                 }),
                 {"\"ab\"", "is more than one character"}));
  CHECK(contains(message_of<ValueError>([&] {
                   vocabulary.load_state_dict(state_of(data::Tokens::characters, true, {"<unk>", "bc"}));
                 }),
                 {"\"bc\"", "is more than one character"}));
  CHECK(vocabulary.tokens() == std::vector<std::string>{"a", "b", "c"});
  vocabulary.load_state_dict(state_of(data::Tokens::characters, true, {"<unk>", "\u00e4"}));
  CHECK(bitwise_equal(vocabulary.encode("\u00e4b"), Tensor{1, 0}));
  vocabulary.load_state_dict(state_of(data::Tokens::words, true, {"?", "new\u00a0york"}));
  CHECK(vocabulary.decode(vocabulary.encode("new\u00a0york")) == "new\u00a0york");
}

TEST_CASE("read_text: files that do not say how long they are") {
  // The process's own, whose size is given as 0.
  const std::string status = data::read_text("/proc/self/status");
  CHECK(contains(status, "Pid:\t" + std::to_string(getpid())));
  const TemporaryDirectory directory;
  CHECK(data::read_text(directory.write("empty", {})).empty());
  REQUIRE(mkfifo(directory.path("pipe").c_str(), 0600) == 0);
  const std::string path = directory.path("pipe"), sent(300'000, 'x');
  const auto through_pipe = [&](const std::string& bytes) {
    std::thread writer([&] { std::ofstream(path, std::ios::binary) << bytes; });
    std::string text, error;
    try {
      text = data::read_text(path);
    } catch (const std::exception& thrown) {
      error = thrown.what();
      // The writer waits for a reader.
      std::ifstream reader(path);
      reader.ignore(1 << 30);
    }
    writer.join();
    CHECK(error == "");
    return text;
  };
  CHECK(through_pipe(sent) == sent);
  CHECK(through_pipe("") == "");
  CHECK_THROWS_AS(static_cast<void>(data::read_text("/dev/zero")), IoError);
  CHECK_THROWS_AS(static_cast<void>(data::read_text(directory.path(""))), IoError);
}
