// Texts, vocabularies and windows.
#include <xgrad/data/text.hpp>

#include <xgrad/data/utf8.hpp>
#include <xgrad/data/whole_file.hpp>

#include <xgrad/io/file.hpp>

#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <unordered_map>

namespace xgrad::data {
namespace {

constexpr char hexadecimal[] = "0123456789abcdef";

void check_utf8(std::string_view text, const std::string& name) {
  const std::size_t end = detail::utf8_end(text);
  if (end == text.size()) return;
  const auto byte = static_cast<unsigned char>(text[end]);
  throw FormatError(xgrad::detail::message_prefix() + name + ": byte " + std::to_string(end) + ", 0x" +
                        hexadecimal[byte / 16] + hexadecimal[byte % 16] + ", is not UTF-8",
                    end);
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Calls f(token, offset) for each token of a text that is UTF-8.
template <class F>
void for_each_token(std::string_view text, Tokens kind, const F& f) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = 0;
    if (kind == Tokens::characters) {
      size = detail::utf8_size(text, at);
    } else if (is_space(text[at])) {
      ++at;
      continue;
    } else {
      while (at + size < text.size() && !is_space(text[at + size])) ++size;
    }
    f(text.substr(at, size), at);
    at += size;
  }
}

}  // namespace

std::string read_text(const std::string& path, const TextOptions& options, Place place) {
  const Scope scope("read_text", place);
  const io::detail::Input input = io::detail::Input::stream(path);
  std::string text = detail::read_whole(input, options.max_unpacked);
  check_utf8(text, path);
  if (detail::has_byte_order_mark(text)) text.erase(0, 3);
  return text;
}

std::string to_string(Tokens tokens) { return tokens == Tokens::characters ? "characters" : "words"; }
std::ostream& operator<<(std::ostream& stream, Tokens tokens) { return stream << to_string(tokens); }
std::string to_string(TokenOrder order) { return order == TokenOrder::frequency ? "frequency" : "sorted"; }
std::ostream& operator<<(std::ostream& stream, TokenOrder order) { return stream << to_string(order); }

// -------------------------------------------------------------------------------------------------
// Vocabulary

struct Vocabulary::Body {
  Tokens kind = Tokens::characters;
  bool has_unknown = false;
  std::vector<std::string> tokens;
  std::unordered_map<std::string_view, Index> ids;

  // Once `tokens` are what they stay. Returns the first that is there twice, if any.
  const std::string* number() {
    for (std::size_t id = 0; id < tokens.size(); ++id)
      if (!ids.emplace(tokens[id], static_cast<Index>(id)).second) return &tokens[id];
    return nullptr;
  }
};

namespace {

void check(const VocabularyOptions& options) {
  if (options.most < 0) fail<ValueError>("most must be at least 0, got " + std::to_string(options.most));
  if (options.least_count < 0)
    fail<ValueError>("least_count must be at least 0, got " + std::to_string(options.least_count));
  check_utf8(options.unknown, "the unknown token");
  if (options.tokens == Tokens::words &&
      std::any_of(options.unknown.begin(), options.unknown.end(), is_space))
    fail<ValueError>("the unknown token " + detail::quoted(options.unknown) + " is no word: it has a space");
}

}  // namespace

Vocabulary::Vocabulary() : body_(std::make_shared<const Body>()) {}
Vocabulary::Vocabulary(std::shared_ptr<const Body> body) : body_(std::move(body)) {}

Vocabulary::Vocabulary(std::string_view text, const VocabularyOptions& options, Place place) {
  const Scope scope("Vocabulary", place);
  check(options);
  check_utf8(text, "the text");
  std::unordered_map<std::string_view, Index> counts;
  for_each_token(text, options.tokens, [&](std::string_view token, std::size_t) { ++counts[token]; });
  counts.erase(options.unknown);

  std::vector<std::pair<std::string_view, Index>> kept(counts.begin(), counts.end());
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  while (!kept.empty() && kept.back().second < options.least_count) kept.pop_back();
  if (options.most > 0 && kept.size() > static_cast<std::size_t>(options.most))
    kept.resize(static_cast<std::size_t>(options.most));
  if (kept.size() < counts.size() && options.unknown.empty())
    fail<ValueError>("most and least_count leave out " + std::to_string(counts.size() - kept.size()) +
                         " tokens, and nothing stands for them",
                     "give an unknown token, as \"<unk>\"");
  if (options.order == TokenOrder::sorted) std::sort(kept.begin(), kept.end());

  const auto body = std::make_shared<Body>();
  body->kind = options.tokens;
  body->has_unknown = !options.unknown.empty();
  if (body->has_unknown) body->tokens.push_back(options.unknown);
  for (const auto& item : kept) body->tokens.emplace_back(item.first);
  body->number();
  body_ = body;
}

Index Vocabulary::size() const { return static_cast<Index>(body_->tokens.size()); }
Tokens Vocabulary::kind() const { return body_->kind; }
bool Vocabulary::has_unknown() const { return body_->has_unknown; }
const std::vector<std::string>& Vocabulary::tokens() const& { return body_->tokens; }
bool Vocabulary::has(std::string_view token) const { return body_->ids.count(token) != 0; }

Index Vocabulary::id(std::string_view token, Place place) const {
  const Scope scope("Vocabulary::id", place);
  const auto found = body_->ids.find(token);
  if (found != body_->ids.end()) return found->second;
  if (!has_unknown())
    fail<ValueError>(detail::quoted(token) + " is none of the " + std::to_string(size()) + " tokens",
                     "VocabularyOptions::unknown stands for such tokens");
  return 0;
}

Tensor Vocabulary::encode(std::string_view text, Place place) const {
  const Scope scope("Vocabulary::encode", place);
  check_utf8(text, "the text");
  Index count = 0;
  for_each_token(text, kind(), [&](std::string_view, std::size_t) { ++count; });
  Tensor ids = Tensor::uninitialized({count}, int64);
  Index* out = ids.mutable_data<Index>();
  for_each_token(text, kind(), [&](std::string_view token, std::size_t offset) {
    const auto found = body_->ids.find(token);
    if (found == body_->ids.end() && !has_unknown())
      fail<ValueError>("byte " + std::to_string(offset) + ": " + detail::quoted(token) + " is none of the " +
                           std::to_string(size()) + " tokens",
                       "VocabularyOptions::unknown stands for such tokens");
    *out++ = found == body_->ids.end() ? 0 : found->second;
  });
  return ids;
}

std::string Vocabulary::decode(const Tensor& ids, Place place) const {
  const Scope scope("Vocabulary::decode", place);
  std::string text;
  bool first = true;
  for (const Index id : ids.span<Index>()) {
    if (id < 0 || id >= size())
      fail<IndexError>("the id " + std::to_string(id) + " is outside [0, " + std::to_string(size()) + ")");
    if (kind() == Tokens::words && !first) text += ' ';
    text += body_->tokens[static_cast<std::size_t>(id)];
    first = false;
  }
  return text;
}

// ------------------------------------------------------------------------------------------------- its state

StateDict Vocabulary::state_dict() const {
  std::string bytes;
  std::vector<Index> sizes;
  for (const std::string& token : body_->tokens) {
    bytes += token;
    sizes.push_back(static_cast<Index>(token.size()));
  }
  const auto* start = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {{"kind", scalar(static_cast<Index>(kind()))},
          {"unknown", scalar(has_unknown())},
          {"bytes", Tensor::from(std::span<const std::uint8_t>(start, bytes.size()))},
          {"sizes", Tensor::from(sizes)}};
}

PreparedLoad Vocabulary::prepare_load(const StateDict& state, Place place) & {
  const Scope scope("Vocabulary", place);
  const auto require = [](bool holds, const std::string& text) {
    if (!holds) fail<ValueError>("the state is that of no vocabulary: " + text);
  };
  const auto entry = [&](const char* name, DType dtype, Index rank) {
    const Tensor* found = state.find(name);
    require(found != nullptr, std::string(name) + " is missing");
    require(found->dtype() == dtype && found->rank() == rank, std::string(name) + " is " + describe(*found));
    return *found;
  };
  const Index kind = entry("kind", int64, 0).item<Index>();
  const bool unknown = entry("unknown", boolean, 0).item<bool>();
  const Tensor bytes = entry("bytes", uint8, 1), sizes = entry("sizes", int64, 1);
  require(state.size() == 4, "it has " + std::to_string(state.size()) + " entries in place of 4");
  require(kind == 0 || kind == 1, "kind is " + std::to_string(kind));
  require(!unknown || sizes.count() > 0, "its unknown token is missing");

  const auto body = std::make_shared<Body>();
  body->kind = static_cast<Tokens>(kind);
  body->has_unknown = unknown;
  std::string_view rest(reinterpret_cast<const char*>(bytes.data<std::uint8_t>()),
                        static_cast<std::size_t>(bytes.count()));
  for (const Index size : sizes.span<Index>()) {
    require(size > 0 && static_cast<std::size_t>(size) <= rest.size(), "sizes do not fit bytes");
    body->tokens.emplace_back(rest.substr(0, static_cast<std::size_t>(size)));
    rest.remove_prefix(static_cast<std::size_t>(size));
    const std::string& token = body->tokens.back();
    require(detail::utf8_end(token) == token.size(), "a token is not UTF-8");
  }
  require(rest.empty(), "sizes do not fit bytes");
  for (const std::string& token : body->tokens) {
    // Such a one no text has: what it is decoded to is encoded as others.
    if (body->kind == Tokens::words)
      require(std::none_of(token.begin(), token.end(), is_space),
              "the word " + detail::quoted(token) + " has a space");
    else if (!unknown || &token != &body->tokens.front())
      require(detail::utf8_size(token, 0) == token.size(),
              "the token " + detail::quoted(token) + " is more than one character");
  }
  const std::string* twice = body->number();
  require(twice == nullptr, "the token " + (twice ? detail::quoted(*twice) : "") + " is there twice");
  return [this, body = std::shared_ptr<const Body>(body)]() mutable noexcept { body_ = std::move(body); };
}

void Vocabulary::load_state_dict(const StateDict& state, Place place) { prepare_load(state, place).run(); }

void Vocabulary::save(const std::string& path, Place place) const {
  const Scope scope("Vocabulary::save", place);
  io::save_safetensors(path, state_dict());
}

Vocabulary Vocabulary::load(const std::string& path, Place place) {
  const Scope scope("Vocabulary::load", place);
  Vocabulary vocabulary;
  vocabulary.load_state_dict(io::load_safetensors(path));
  return vocabulary;
}

// ------------------------------------------------------------------------------------------------- windows

namespace {

void check_tokens(const Tensor& tokens) {
  if (!tokens.defined()) fail<GraphError>("the tensor of tokens is undefined");
  if (tokens.rank() != 1) fail<ShapeError>("expects tokens with one axis, got " + describe(tokens));
  if (tokens.dtype() != int64) fail<DTypeError>("expects tokens int64, got " + describe(tokens));
}

}  // namespace

TokenWindows::TokenWindows(Tensor tokens, const WindowsOptions& options, Place place)
    : tokens_(std::move(tokens)), options_(options) {
  const Scope scope("TokenWindows", place);
  check_tokens(tokens_);
  if (options.length < 1)
    fail<ValueError>("length must be at least 1, got " + std::to_string(options.length));
  if (options.stride < 0)
    fail<ValueError>("stride must be at least 0, got " + std::to_string(options.stride));
  if (options_.stride == 0) options_.stride = options_.length;
  const Index count = tokens_.count();
  if (count <= options_.length)
    fail<ValueError>("a window of " + std::to_string(options_.length) +
                         " tokens and its target need one token more, the text has " + std::to_string(count),
                     "a shorter window, or more text");
  size_ = (count - 1 - options_.length) / options_.stride + 1;
}

std::array<Tensor, 2> TokenWindows::get(Index i, Place place) const {
  const Scope scope("TokenWindows::get", place);
  if (i < 0 || i >= size_)
    fail<IndexError>("window " + std::to_string(i) + " is outside [0, " + std::to_string(size_) + ")");
  const Index begin = i * options_.stride, end = begin + options_.length;
  return {tokens_.rows(begin, end), tokens_.rows(begin + 1, end + 1)};
}

std::array<Tensor, 2> TokenWindows::gather(const Tensor& indices, Place place) const {
  const Scope scope("TokenWindows::gather", place);
  if (indices.rank() != 1) fail<ShapeError>("expects indices with one axis, got " + describe(indices));
  const auto wanted = indices.span<Index>();
  for (const Index i : wanted)
    if (i < 0 || i >= size_)
      fail<IndexError>("window " + std::to_string(i) + " is outside [0, " + std::to_string(size_) + ")");
  std::array<Tensor, 2> batch;
  for (Index shift = 0; shift < 2; ++shift) {
    Tensor windows = Tensor::uninitialized({indices.count(), options_.length}, int64);
    Index* out = windows.mutable_data<Index>();
    for (const Index i : wanted) {
      std::memcpy(out, tokens_.data<Index>() + i * options_.stride + shift,
                  static_cast<std::size_t>(options_.length) * sizeof(Index));
      out += options_.length;
    }
    batch[static_cast<std::size_t>(shift)] = std::move(windows);
  }
  return batch;
}

std::vector<StreamBatch> token_streams(const Tensor& tokens, const StreamsOptions& options, Place place) {
  const Scope scope("token_streams", place);
  check_tokens(tokens);
  if (options.streams < 1)
    fail<ValueError>("streams must be at least 1, got " + std::to_string(options.streams));
  if (options.steps < 1) fail<ValueError>("steps must be at least 1, got " + std::to_string(options.steps));
  if (tokens.count() <= options.streams)
    fail<ValueError>("a token of each of " + std::to_string(options.streams) +
                         " streams and a target need one token more, the text has " +
                         std::to_string(tokens.count()),
                     "fewer streams, or more text");
  const Index length = (tokens.count() - 1) / options.streams;
  // (length, streams), a row for all streams, of the text from its token `begin` on.
  const auto side_by_side = [&](Index begin) {
    Tensor rows = Tensor::uninitialized({length, options.streams}, int64);
    Index* out = rows.mutable_data<Index>();
    const Index* const text = tokens.data<Index>() + begin;
    for (Index step = 0; step < length; ++step)
      for (Index stream = 0; stream < options.streams; ++stream) *out++ = text[stream * length + step];
    return rows;
  };
  const Tensor inputs = side_by_side(0), targets = side_by_side(1);
  std::vector<StreamBatch> batches;
  for (Index begin = 0; begin < length; begin += std::min(options.steps, length - begin)) {
    const Index end = begin + std::min(options.steps, length - begin);
    batches.push_back({inputs.rows(begin, end), targets.rows(begin, end), begin == 0});
  }
  return batches;
}

}  // namespace xgrad::data
