// The one source that includes nlohmann's JSON.
#include <xgrad/io/json.hpp>

#include <xgrad/tensor/error.hpp>

#include <nlohmann/json.hpp>

#include <iterator>

namespace xgrad::io::detail {
namespace {

using Json = nlohmann::json;

// A character of the text; the farthest that was read tells where a token ends.
class Reader {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Reader(const char* at, const char** farthest) : at_(at), farthest_(farthest) {}
  reference operator*() const { return *at_; }
  Reader& operator++() {
    *farthest_ = ++at_;
    return *this;
  }
  Reader operator++(int) {
    Reader former = *this;
    ++*this;
    return former;
  }
  friend bool operator!=(const Reader& a, const Reader& b) { return a.at_ != b.at_; }

 private:
  const char* at_;
  const char** farthest_;
};

// The interface that nlohmann's parser calls. Exceptions of the callback pass through it.
class Handler {
 public:
  Handler(const char* start, const char* const* farthest, const Callback<void(const JsonToken&)>& on_token)
      : start_(start), farthest_(farthest), on_token_(on_token) {}

  bool null() { return give(Kind::other); }
  bool boolean(bool) { return give(Kind::other); }
  bool number_integer(Json::number_integer_t number) {
    return give(Kind::number, {}, 0, static_cast<double>(number));
  }
  bool number_unsigned(Json::number_unsigned_t number) {
    return give(Kind::count, {}, number, static_cast<double>(number));
  }
  bool number_float(Json::number_float_t number, const std::string&) {
    return give(Kind::number, {}, 0, number);
  }
  bool string(const std::string& text) { return give(Kind::text, text); }
  bool binary(const Json::binary_t&) { return give(Kind::other); }
  bool key(const std::string& text) { return give(Kind::key, text); }
  bool start_object(std::size_t) { return open(Kind::object); }
  bool start_array(std::size_t) { return open(Kind::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
    reason = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 3: syntax error ...": the place is ours
    // to name.
    if (const auto column = reason.find("column "); column != reason.npos)
      if (const auto colon = reason.find(": ", column); colon != reason.npos) reason.erase(0, colon + 2);
    offset = position > 0 ? position - 1 : 0;
    return false;
  }

  std::string reason;
  std::size_t offset = 0;

 private:
  using Kind = JsonToken::Kind;

  bool give(Kind kind, std::string_view text = {}, std::uint64_t number = 0, double real = 0) {
    on_token_({kind, depth_, text, number, real, static_cast<std::size_t>(*farthest_ - start_)});
    return true;
  }
  bool open(Kind kind) {
    give(kind);
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return give(Kind::end);
  }

  const char* start_;
  const char* const* farthest_;
  const Callback<void(const JsonToken&)>& on_token_;
  std::size_t depth_ = 0;
};

}  // namespace

void parse_json(std::string_view text, const Callback<void(const JsonToken&)>& on_token,
                const Callback<void(const std::string& reason, std::size_t offset)>& reject) {
  // Of which no JSON text has one, and behind which the parser would look no further.
  if (const std::size_t zero = text.find('\0'); zero != text.npos) reject("a zero byte", zero);
  const char* farthest = text.data();
  Handler handler(text.data(), &farthest, on_token);
  const bool good =
      Json::sax_parse(Reader(text.data(), &farthest), Reader(text.data() + text.size(), &farthest), &handler);
  if (!good) reject(handler.reason, handler.offset);
}

std::string json_text(std::string_view text) {
  try {
    return Json(text).dump();
  } catch (const Json::type_error&) {
    fail<ValueError>("the text '" + std::string(text) + "' is not UTF-8");
  }
}

}  // namespace xgrad::io::detail
