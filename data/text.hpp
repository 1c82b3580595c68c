// Text for a network: UTF-8 files, vocabularies of characters or words, windows of a stream of tokens.
// Invariant: the ids of a Vocabulary are 0 to size() - 1, and decode(encode(text)) is the text, of words with
// single spaces between them.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/state_dict.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <array>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::data {

struct TextOptions {
  /// Bytes that a gzipped file may unpack to. 0: 64 times its size, and at least 64 MiB.
  std::uint64_t max_unpacked = 0;
};

/// The text of a file, plain or gzipped, without a byte order mark; ends of lines stay as they are. A pipe,
/// and a file that does not say how long it is, are read until their end; a pipe is waited for. Throws
/// IoError, and FormatError with the offset of the first byte that is not UTF-8: overlong forms, surrogates
/// and code points above U+10FFFF are not.
[[nodiscard]] std::string read_text(const std::string& path, const TextOptions& options = {},
                                    Place place = Place::here());

/// What a token is: a code point of Unicode, or a run of bytes between spaces, tabs and ends of lines.
enum class Tokens : std::uint8_t { characters, words };
/// "characters", "words".
[[nodiscard]] std::string to_string(Tokens tokens);
std::ostream& operator<<(std::ostream& stream, Tokens tokens);

/// The order of ids: the most frequent token first (of equally frequent ones that of the smaller bytes), or
/// by their bytes, which for UTF-8 is the order of code points.
enum class TokenOrder : std::uint8_t { frequency, sorted };
/// "frequency", "sorted".
[[nodiscard]] std::string to_string(TokenOrder order);
std::ostream& operator<<(std::ostream& stream, TokenOrder order);

struct VocabularyOptions {
  Tokens tokens = Tokens::characters;
  TokenOrder order = TokenOrder::frequency;
  /// What stands for every token that is not in the vocabulary, as "<unk>"; it has the id 0. Empty: there is
  /// none, and encode() throws on such a token.
  std::string unknown = {};
  Index most = 0;         ///< keep so many of the most frequent tokens, the unknown one not counted; 0: all
  Index least_count = 1;  ///< leave out tokens that occur less often
};

/// Tokens and their ids. A value; copies are O(1). What goes with a model: it has a state, as
/// io::Checkpoint::add() takes it.
class Vocabulary {
 public:
  /// Without tokens: every encode() but that of an empty text throws.
  Vocabulary();
  /// The tokens of a text. Throws FormatError where it is not UTF-8, ValueError on negative limits, on limits
  /// that leave tokens out when there is no unknown one, and on an unknown token that cannot be one.
  explicit Vocabulary(std::string_view text, const VocabularyOptions& options = {},
                      Place place = Place::here());

  /// Number of tokens, the unknown one included.
  Index size() const;
  Tokens kind() const;
  /// Id 0 stands for unknown tokens.
  bool has_unknown() const;
  /// By id.
  const std::vector<std::string>& tokens() const&;
  std::vector<std::string> tokens() const&& { return tokens(); }
  bool has(std::string_view token) const;
  /// Throws ValueError on a token that is not in the vocabulary, unless there is an unknown one.
  Index id(std::string_view token, Place place = Place::here()) const;

  /// int64 (tokens,). Throws FormatError where the text is not UTF-8, ValueError naming the first token that
  /// is not in the vocabulary, and its byte, unless there is an unknown one.
  Tensor encode(std::string_view text, Place place = Place::here()) const;
  /// The text of int64 ids of any shape, row-major; between words stands a space. Throws IndexError on an id
  /// outside [0, size()).
  [[nodiscard]] std::string decode(const Tensor& ids, Place place = Place::here()) const;

  /// "kind", "unknown" (boolean), "bytes" (uint8: the tokens one behind the other) and "sizes" (int64).
  [[nodiscard]] StateDict state_dict() const;
  /// Becomes the vocabulary of the state. Throws ValueError when that is none, as one of words with spaces or
  /// of characters that are several; nothing is changed then.
  void load_state_dict(const StateDict& state, Place place = Place::here());
  /// Checks all that load_state_dict() does and changes nothing; what it returns carries the load out.
  PreparedLoad prepare_load(const StateDict& state, Place place = Place::here()) &;
  /// The state as a safetensors file, whatever the path's extension. Throws IoError.
  void save(const std::string& path, Place place = Place::here()) const;
  /// Throws IoError, FormatError, and ValueError as load_state_dict().
  static Vocabulary load(const std::string& path, Place place = Place::here());

  // Moves are copies, so that none is ever without its body.
  Vocabulary(const Vocabulary&) = default;
  Vocabulary& operator=(const Vocabulary&) = default;
  ~Vocabulary() = default;

  struct Body;  ///< the library's own

 private:
  explicit Vocabulary(std::shared_ptr<const Body> body);

  std::shared_ptr<const Body> body_;
};

struct WindowsOptions {
  Index length = 1;  ///< of a window
  Index stride = 0;  ///< from one window to the next; 0: `length`, so that every token is predicted once
};

/// Windows of a stream of tokens as examples of a DataLoader: (input, target), the target one token further,
/// int64 (length,) each; batches are (batch, length). Tokens at the end that fill no window are left out.
class TokenWindows {
 public:
  /// Throws ShapeError unless `tokens` has one axis, DTypeError unless it is int64, ValueError on a length or
  /// stride that is not possible, and when the stream is shorter than a window and its target.
  explicit TokenWindows(Tensor tokens, const WindowsOptions& options, Place place = Place::here());

  Index size() const { return size_; }
  const WindowsOptions& options() const& { return options_; }
  WindowsOptions options() const&& { return options_; }
  /// One window. Throws IndexError out of range.
  [[nodiscard]] std::array<Tensor, 2> get(Index i, Place place = Place::here()) const;
  /// Several, int64 (indices, length) each. Throws IndexError out of range.
  [[nodiscard]] std::array<Tensor, 2> gather(const Tensor& indices, Place place = Place::here()) const;

 private:
  Tensor tokens_;
  WindowsOptions options_;
  Index size_ = 0;
};

/// A batch of token_streams(): int64 (steps, streams), the target one token further.
struct StreamBatch {
  Tensor input, target;
  bool begins = false;  ///< the first of its streams: there is no state to go on from
};

struct StreamsOptions {
  Index streams = 1;  ///< parts of the text that are read side by side
  Index steps = 1;    ///< tokens of a batch, and so how far a gradient reaches back; the last may have fewer
};

/// A text in batches that go on one where the other ended, for networks that keep their state between them
/// (truncated backpropagation through time: Werbos, 1990). Every stream is one part of the text; tokens at
/// the end that fill no row of all streams are left out. Throws as TokenWindows, ValueError also where the
/// text is shorter than one row and its target.
[[nodiscard]] std::vector<StreamBatch> token_streams(const Tensor& tokens, const StreamsOptions& options,
                                                     Place place = Place::here());

}  // namespace xgrad::data
XGRAD_API_END
