// Tables in text files: what is read, what is refused and how, and what is written.
#include <xgrad/data/csv.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>

#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <clocale>
#include <cmath>
#include <limits>
#include <random>

namespace {

using namespace xgrad;
using test::contains, test::message_of, test::TemporaryDirectory;
using Texts = std::vector<std::string>;

test::Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string content(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

const std::string houses =
    "id,crim,kind,\"near, to\"\n"
    "1,0.5,brick,\"the \"\"old\"\" mill\"\n"
    "2,-1e-3,wood,\"two\nlines\"\n"
    "3, +4 ,brick,\n";

}  // namespace

TEST_CASE("parse_csv: columns as numbers, integers, texts and categories") {
  const data::Table table = data::parse_csv(houses);
  CHECK(table.columns() == Texts{"id", "crim", "kind", "near, to"});
  CHECK(table.rows() == 3);
  CHECK(table.has("crim"));
  CHECK_FALSE(table.has("crime"));
  CHECK(bitwise_equal(table.numbers("crim"), Tensor{0.5, -1e-3, 4.0}));
  CHECK(bitwise_equal(table.numbers("crim", {.dtype = float64}), Tensor({0.5, -1e-3, 4.0}, float64)));
  CHECK(bitwise_equal(table.numbers({"crim", "id"}), Tensor{{0.5, 1.0}, {-1e-3, 2.0}, {4.0, 3.0}}));
  CHECK(table.numbers({"crim"}).shape() == Shape{3, 1});
  CHECK(bitwise_equal(table.numbers({"id", "crim"}, {.dtype = float64}),
                      Tensor({{1.0, 0.5}, {2.0, -1e-3}, {3.0, 4.0}}, float64)));
  CHECK(bitwise_equal(table.numbers({1, 0}), table.numbers(Texts{"crim", "id"})));
  CHECK(bitwise_equal(table.integers("id"), Tensor{1, 2, 3}));
  CHECK(bitwise_equal(table.integers(0), Tensor{1, 2, 3}));
  CHECK(table.text("near, to") == Texts{"the \"old\" mill", "two\nlines", ""});
  CHECK(table.text(-1) == table.text(3));
  CHECK(table.text(std::string("kind")) == Texts{"brick", "wood", "brick"});
  const data::Categories kinds = table.categories("kind");
  CHECK(kinds.names == Texts{"brick", "wood"});
  CHECK(bitwise_equal(kinds.ids, Tensor{0, 1, 0}));
  CHECK(bitwise_equal(table.categories("kind", {.names = {"wood", "steel", "brick"}}).ids, Tensor{2, 0, 2}));
}

TEST_CASE("parse_csv: forms of the same table") {
  const data::Table table = data::parse_csv("a,b\n1,2\n3,4\n");
  struct Form {
    const char* text;
    data::CsvOptions options;
  };
  const std::vector<Form> forms = {
      {"a,b\n1,2\n3,4", {}},
      {"a,b\r\n1,2\r\n3,4\r\n", {}},
      {"\xef\xbb\xbf"
       "a,b\n1,2\r\n3,4\n",
       {}},
      {"\xef\xbb\xbf\"a\",b\n\n1,2\n\r\n3,4\n\n\n", {}},
      {"\"a\",\"b\"\n\"1\",\"2\"\n\"3\",\"4\"", {}},
      {"a;b\n1;2\n3;4", {.separator = ';'}},
      {"a\tb\n1\t2\n3\t4", {.separator = '\t'}},
  };
  for (const Form& form : forms) {
    const std::string text = form.text;
    CAPTURE(text);
    const data::Table other = data::parse_csv(text, form.options);
    CHECK(other.columns() == table.columns());
    CHECK(bitwise_equal(other.numbers({"a", "b"}), Tensor{{1.0, 2.0}, {3.0, 4.0}}));
  }
  const data::Table bare = data::parse_csv("1,2\n3,4", {.header = false});
  CHECK(bare.columns() == Texts{"0", "1"});
  CHECK(bitwise_equal(bare.numbers(bare.columns()), Tensor{{1.0, 2.0}, {3.0, 4.0}}));
  CHECK(data::parse_csv("a,b\n").numbers({"a", "b"}).shape() == Shape{0, 2});
  CHECK(data::parse_csv("a,b\n1,").text("b") == Texts{""});
  CHECK(data::parse_csv(",x\n7,8").integers("").item() == 7);
  CHECK(data::Table().rows() == 0);
}

TEST_CASE("parse_csv: an empty line is a missing value of a single column") {
  const Tensor values = data::parse_csv("x\n1\n\n3\n").numbers("x");
  CHECK(values.count() == 3);
  CHECK(std::isnan(values.at({1})));
}

TEST_CASE("Table: missing values") {
  const data::Table table = data::parse_csv("x,c\n1,a\n,b\nNA,?\n ? ,a\n\"NaN\",\n");
  const Tensor x = table.numbers("x");
  CHECK(x.at({0}) == 1);
  for (Index i = 1; i < 5; ++i) CHECK(std::isnan(x.at({i})));
  CHECK(contains(message_of<FormatError>([&] { table.numbers("x", {.allow_missing = false}); }),
                 {"the text: line 3, column 1 (\"x\"): a missing value, \"\""}));
  CHECK(contains(message_of<FormatError>([&] { table.integers("x"); }), "line 3"));
  CHECK(contains(message_of<FormatError>([&] { table.categories("c"); }),
                 {"line 4, column 2", "a missing value, \"?\""}));
  const data::Categories c = table.categories("c", {.allow_missing = true});
  CHECK(c.names == Texts{"a", "b"});
  CHECK(bitwise_equal(c.ids, Tensor{0, 1, -1, 0, -1}));
  CHECK(bitwise_equal(table.categories("c", {.names = {"?", "a", "b"}, .allow_missing = true}).ids,
                      Tensor{1, 2, 0, 1, -1}));
  // A number can stand for a missing value, and NaN for itself.
  const data::Table other = data::parse_csv("x\n-999\n5\n", {.missing = {"-999"}});
  CHECK(std::isnan(other.numbers("x").at({0})));
  CHECK(contains(message_of<FormatError>([&] { other.integers("x"); }), "line 2"));
  CHECK(contains(message_of<FormatError>([&] {
                   data::parse_csv("x\nnan\n", {.missing = {}}).numbers("x", {.allow_missing = false});
                 }),
                 "a missing value, \"nan\""));
}

TEST_CASE("Table: numbers") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<const char*, double>> good = {
      {"0", 0},
      {"-0.0", -0.0},
      {"+1.5", 1.5},
      {"1e3", 1000},
      {".5", 0.5},
      {"5.", 5},
      {"inf", infinity},
      {"-Infinity", -infinity},
      {"1e-400", 0},
      {"-1e-400", 0},
      {"4.9406564584124654e-324", 4.9406564584124654e-324},
      {"2.2250738585072011e-308", 2.2250738585072011e-308}};
  for (const auto& pair : good) {
    const std::string text = pair.first;
    CAPTURE(text);
    const double wanted = pair.second;
    CHECK(data::parse_csv("x\n" + text).numbers("x", {.dtype = float64}).item() == wanted);
  }
  CHECK(data::parse_csv("x\n1e-60\n").numbers("x").item() == 0);
  CHECK(data::parse_csv("x\n0.1\n").numbers("x").item<float>() == 0.1f);
  for (const char* text : {"abc", "1.5x", "1,5", "0x10", "1 2", "--1", "+-1", "+", "1e", "one", "1_000"}) {
    const std::string field = text;
    CAPTURE(field);
    const data::Table table = data::parse_csv("x;y\n1;2\n" + field + ";2\n", {.separator = ';'});
    CHECK(contains(message_of<FormatError>([&] { table.numbers("x"); }),
                   "the text: line 3, column 1 (\"x\"): expects a number, got \"" + field + "\""));
  }
  for (const char* text : {"1.0", "1e3", "9223372036854775808", "x"}) {
    const data::Table table = data::parse_csv("x\n" + std::string(text));
    CHECK(contains(message_of<FormatError>([&] { table.integers("x"); }), "line 2, column 1"));
  }
  CHECK(data::parse_csv("x\n-9223372036854775808").integers("x").item<Index>() ==
        std::numeric_limits<Index>::min());
  CHECK(contains(message_of<FormatError>([] { data::parse_csv("x\n1e39").numbers("x"); }),
                 "\"1e39\" does not fit float32"));
  CHECK(
      contains(message_of<FormatError>([] { data::parse_csv("x\n-1e999").numbers("x", {.dtype = float64}); }),
               "\"-1e999\" does not fit float64"));
  CHECK_THROWS_AS(data::parse_csv("x\n1").numbers("x", {.dtype = int64}), DTypeError);
}

TEST_CASE("Table: numbers do not depend on the locale") {
  const std::string former = std::setlocale(LC_ALL, nullptr);
  // Where there is none, the test says less.
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"})
    if (std::setlocale(LC_ALL, name) != nullptr) break;
  CHECK(data::parse_csv("x\n1.5").numbers("x").item() == 1.5);
  std::setlocale(LC_ALL, former.c_str());
}

TEST_CASE("parse_csv: bad input is refused with line and column") {
  struct Bad {
    std::string text;
    std::string says;
    std::size_t offset;
  };
  const std::vector<Bad> table = {
      {"", "line 1: no header: the file is empty", 0},
      {"\xef\xbb\xbf", "line 1: no header", 3},
      {"\n1\n", "line 1: an empty line in place of a header", 0},
      {"a,b,c\n1,2,3\n4,5\n", "line 3: expects 3 fields, got 2", 12},
      {"a,b\n1,\"x\ny\"\n1,2,3\n", "line 4: expects 2 fields, got 3", 12},
      {"a\n1,2\n", "line 2: expects 1 field, got 2", 2},
      {"a,b\n1,\"x\n\n", "line 2, column 2: a quote that is never closed", 6},
      {"a,b\n1,\"", "line 2, column 2: a quote that is never closed", 6},
      {"a,b\n1,\"x\"\"", "line 2, column 2: a quote that is never closed", 6},
      {"a,b\n1,\"x\"y\n", "line 2, column 2: a quote within quotes that is not doubled", 9},
      {"a,b\n1,\"x\" \n", "line 2, column 2: a quote within quotes that is not doubled", 9},
      {"a,b\n1, \"x\"\n", "line 2, column 2: a quote within a field that does not begin with one", 7},
      {"a,b\r1,2\r", "line 1, column 2: a carriage return without a line feed", 3},
      {std::string("a,b\n1,\0\n", 8), "line 2, column 2: a zero byte", 6},
      {std::string("a,b\n1,\"\0\"\n", 10), "line 2, column 2: a zero byte", 7},
      {"a,b,a\n1,2,3\n", "line 1, column 3: the name \"a\" is that of column 1, too", 0},
      {"\xff\xfe"
       "a",
       "line 1: a text in UTF-16", 0}};
  for (const Bad& bad : table) {
    CAPTURE(bad.text);
    try {
      static_cast<void>(data::parse_csv(bad.text));
      FAIL_CHECK("nothing was thrown");
    } catch (const FormatError& error) {
      CHECK_MESSAGE(contains(error.what(), "the text: " + bad.says), error.what());
      CHECK(error.offset() == bad.offset);
    }
  }
  CHECK(contains(message_of<FormatError>([] { data::parse_csv("", {.header = false}); }), "no record"));
  CHECK_THROWS_AS(data::parse_csv("a", {.separator = '"'}), ValueError);
  CHECK_THROWS_AS(data::parse_csv("a", {.separator = '\n'}), ValueError);
}

TEST_CASE("Table: a column that is not there") {
  const data::Table table = data::parse_csv(houses);
  const std::string message = message_of<ValueError>([&] { table.numbers({"id", "crime"}); });
  CHECK(contains(message, {"csv_test.cpp", "Table::numbers", "the text: there is no column \"crime\"",
                           "there are \"id\", \"crim\", \"kind\", \"near, to\""}));
  CHECK(contains(message_of<ValueError>([&] { table.text("x"); }), "Table::text"));
  CHECK(contains(message_of<IndexError>([&] { table.text(4); }), "column 4 is out of range for 4 columns"));
  CHECK(contains(message_of<IndexError>([&] { table.integers(-5); }), "column -5"));
  CHECK(contains(message_of<FormatError>([&] { table.categories("kind", {.names = {"brick"}}); }),
                 {"line 3, column 3 (\"kind\")", "\"wood\" is none of the 1 names"}));
  CHECK(contains(message_of<ValueError>([&] {
                   table.categories("kind", {.names = {"a", "a"}});
                 }),
                 "\"a\" occurs twice"));
  CHECK(contains(message_of<FormatError>([&] {
                   table.numbers({"id", "kind"});
                 }),
                 {"line 2, column 3 (\"kind\"): expects a number, got \"brick\""}));
}

TEST_CASE("read_csv: files, plain and gzipped") {
  const TemporaryDirectory directory;
  const std::string plain = directory.write("houses.csv", bytes(houses));
  const std::string packed = directory.write("packed", test::gzipped(bytes(houses)));
  for (const std::string& path : {plain, packed}) {
    CHECK(data::read_csv(path).text("near, to").at(1) == "two\nlines");
    CHECK(contains(message_of<FormatError>([&] { data::read_csv(path).integers("kind"); }),
                   path + ": line 2, column 3 (\"kind\"): expects a whole number, got \"brick\""));
  }
  CHECK(contains(message_of<IoError>([&] { data::read_csv(directory.path("none.csv")); }),
                 {"csv_test.cpp", "read_csv", "none.csv"}));
  // What a small file unpacks to is bounded.
  const std::string bomb = directory.write("bomb.gz", test::gzipped(test::Bytes(1 << 20, '7')));
  CHECK(contains(message_of<FormatError>([&] { data::read_csv(bomb, {.max_unpacked = 1 << 19}); }),
                 {"bomb.gz", "unpacks to more than 524288 bytes"}));
  CHECK(data::read_csv(bomb).rows() == 0);
  test::Bytes cut = test::gzipped(bytes(houses));
  cut.resize(cut.size() - 9);
  CHECK(contains(message_of<FormatError>([&] { data::read_csv(directory.write("cut.gz", cut)); }),
                 "cut short"));
}

TEST_CASE("write_csv: what is written is read back") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("x.csv");
  const Texts texts = {"plain", "a,b",      "\"quoted\"",   "two\nlines", "\r",
                       "",      " spaced ", "\xef\xbb\xbf", "NA"};
  Tensor doubles = zeros({9}, float64), floats = zeros({9});
  std::mt19937_64 random(1);
  for (double& x : doubles.mutable_span<double>()) do
      x = std::bit_cast<double>(random());
    while (!std::isfinite(x));
  for (float& x : floats.mutable_span<float>()) do
      x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    while (!std::isfinite(x));
  const Tensor integers = arange(-4, 5);
  for (const char separator : {',', ';', '\t', '.', '-', '1'}) {
    CAPTURE(separator);
    data::write_csv(path,
                    {{"text", texts},
                     {"\"d\",\n", doubles},
                     {"f", floats},
                     {"i", integers},
                     {"b", Tensor({1, 0, 1, 1, 0, 0, 0, 1, 1}, boolean)}},
                    {.separator = separator});
    const data::Table table = data::read_csv(path, {.separator = separator});
    CHECK(table.columns() == Texts{"text", "\"d\",\n", "f", "i", "b"});
    CHECK(table.text("text") == texts);
    CHECK(bitwise_equal(table.numbers(1, {.dtype = float64}), doubles));
    CHECK(bitwise_equal(table.numbers("f"), floats));
    CHECK(bitwise_equal(table.integers("i"), integers));
    CHECK(bitwise_equal(table.integers("b"), Tensor{1, 0, 1, 1, 0, 0, 0, 1, 1}));
    // And the table itself, with another separator.
    const std::string again = directory.path("again.csv");
    data::write_csv(again, table);
    CHECK(data::read_csv(again).text("text") == texts);
    CHECK(bitwise_equal(data::read_csv(again).numbers("f"), floats));
  }
  data::write_csv(path, {{"x", Tensor{1.0, std::nan(""), 0.25}}, {"t", Texts{"a", "b\"c", ""}}});
  CHECK(content(path) == "x,t\n1,a\nNaN,\"b\"\"c\"\n0.25,\n");
  data::write_csv(path, {{"only", Texts{"", "a", ""}}});
  CHECK(content(path) == "only\n\"\"\na\n\"\"\n");
  CHECK(data::read_csv(path).text("only") == Texts{"", "a", ""});
  // A mark of the order of bytes at the start is a text's own.
  data::write_csv(path, {{"t", Texts{"\xef\xbb\xbf", "a"}}}, {.header = false});
  CHECK(data::read_csv(path, {.header = false}).text(0) == Texts{"\xef\xbb\xbf", "a"});
  data::write_csv(path, {{"x", Tensor{1, 2}}}, {.header = false});
  CHECK(content(path) == "1\n2\n");
}

TEST_CASE("write_csv: what cannot be written changes nothing") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("x.csv", bytes("old"));
  CHECK(contains(message_of<ValueError>([&] { data::write_csv(path, std::vector<data::NamedColumn>{}); }),
                 "at least one column"));
  CHECK(contains(message_of<ValueError>([&] { data::write_csv(path, data::Table()); }), "at least one"));
  CHECK(contains(message_of<ValueError>([&] {
                   data::write_csv(path, {{"a", Tensor{1}}, {"a", Tensor{2}}});
                 }),
                 "\"a\" occurs twice"));
  CHECK(contains(message_of<ShapeError>([&] {
                   data::write_csv(path, {{"a", Tensor{1}}, {"b", Texts{"x", "y"}}});
                 }),
                 "got 1 for \"a\", 2 for \"b\""));
  CHECK(contains(message_of<ShapeError>([&] {
                   data::write_csv(path, {{"a", zeros({2, 2})}, {"b", zeros({2})}});
                 }),
                 "float32 (2, 2) for \"a\""));
  CHECK_THROWS_AS(data::write_csv(path, {{"a", Tensor()}, {"b", Tensor()}}), GraphError);
  CHECK_THROWS_AS(data::write_csv(path, {{"a", Tensor{1}}, {"b", Texts{std::string(1, '\0')}}}), ValueError);
  CHECK_THROWS_AS(data::write_csv(directory.path("no/x.csv"), {{"a", Tensor{1}}, {"b", Tensor{1}}}), IoError);
  CHECK(content(path) == "old");
}

TEST_CASE("parse_csv: no text but throws FormatError or gives a table") {
  std::mt19937 random(7);
  const std::string alphabet = "a1,\"\n\r.;\xef\xbb\xbf ";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto size = random() % 24; size > 0; --size) text += alphabet[random() % alphabet.size()];
    try {
      const data::Table table = data::parse_csv(text, {.header = round % 2 == 0});
      std::size_t fields = 0;
      for (const std::string& column : table.columns()) fields += table.text(column).size();
      REQUIRE(fields == static_cast<std::size_t>(table.rows()) * table.columns().size());
    } catch (const FormatError&) {
    }
  }
}

TEST_CASE("Table: numbers that are too small are zero, numbers that are too large are none") {
  const auto number = [](const std::string& text, DType dtype) {
    return data::parse_csv("x\n" + text + "\n").numbers("x", {.dtype = dtype}).item();
  };
  const std::string zeros(400, '0');
  for (const DType dtype : {float32, float64})
    for (const std::string& text :
         {std::string("1e-400"), std::string("1e-5000"), std::string("1e-99999999999999999999"),
          "0." + zeros + "1", zeros + "." + zeros + "1e-10", std::string("9.9e-4950")}) {
      CAPTURE(text);
      CHECK(number(text, dtype) == 0);
      CHECK_FALSE(std::signbit(number(text, dtype)));
      CHECK(number("-" + text, dtype) == 0);
      CHECK(std::signbit(number("-" + text, dtype)));
    }
  CHECK(number("4e-324", float64) == 5e-324);
  CHECK(number("1e-310", float64) == 1e-310);
  CHECK(number("0." + zeros + "1e401", float64) == 1);
  CHECK(number("0e99999999999999999999", float64) == 0);
  for (const DType dtype : {float32, float64})
    for (const std::string& text :
         {std::string("1e400"), std::string("-1e400"), std::string("1e5000"),
          std::string("1e99999999999999999999"), "1" + zeros, "0." + zeros + "1e99999"}) {
      CAPTURE(text);
      CHECK(contains(message_of<FormatError>([&] { static_cast<void>(number(text, dtype)); }),
                     {"line 2, column 1", "does not fit float"}));
    }
}

TEST_CASE("parse_csv: empty lines before the first record") {
  for (const std::string end : {"\n", "\r\n"}) {
    const data::Table two = data::parse_csv(end + end + "1,2" + end + end + "3,4" + end, {.header = false});
    REQUIRE(two.columns().size() == 2);
    CHECK(bitwise_equal(two.numbers({0, 1}), Tensor{{1.0, 2.0}, {3.0, 4.0}}));
    CHECK(contains(message_of<FormatError>([&] {
                     static_cast<void>(
                         data::parse_csv(end + end + "1,x" + end, {.header = false}).numbers(1));
                   }),
                   "line 3, column 2"));
    // Of a single column they are missing values, as everywhere else.
    const data::Table one = data::parse_csv(end + end + "\"1\"" + end + end + "3" + end, {.header = false});
    CHECK(one.text(0) == std::vector<std::string>{"", "", "1", "", "3"});
    CHECK(contains(message_of<FormatError>(
                       [&] { static_cast<void>(data::parse_csv(end + "x", {.header = false}).integers(0)); }),
                   "line 1, column 1"));
    CHECK(data::parse_csv(end + end, {.header = false}).rows() == 2);
    CHECK_THROWS_AS(static_cast<void>(data::parse_csv(end + "a,b" + end + "1,2" + end)), FormatError);
  }
}

TEST_CASE("Table: a position that is no column") {
  const data::Table table = data::parse_csv("a,b,c\n1,2,3\n");
  // What std::string::find() says of something that is not there is not the last column.
  CHECK_THROWS_AS(static_cast<void>(table.numbers(std::string::npos)), IndexError);
  CHECK_THROWS_AS(static_cast<void>(table.numbers({0, std::string::npos - 1})), IndexError);
  CHECK_THROWS_AS(static_cast<void>(table.integers(~0ULL)), IndexError);
  CHECK_THROWS_AS(static_cast<void>(table.text(std::numeric_limits<Index>::max())), IndexError);
  CHECK_THROWS_AS(static_cast<void>(table.text(std::numeric_limits<Index>::min())), IndexError);
  CHECK(table.numbers(-1).item() == 3);
  CHECK(table.numbers(2U).item() == 3);
}
