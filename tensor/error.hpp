// Error types of the library and the thread's current operation, which every message names.
// Invariant: an Error's text is complete when it is constructed: place, operation, expectation, what was
// given, hint.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/version.hpp>

#include <array>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

XGRAD_API_BEGIN
namespace xgrad {

/// A line of the user's source: where an operation was called. `file` must be a string literal.
struct Place {
  const char* file = nullptr;
  int line = 0;

  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

/// "train.cpp:41", or an empty string for an unknown place.
std::string to_string(Place place);

/// Root of all exceptions of the library.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// Shapes, ranks or axes that do not fit the operation.
class ShapeError : public Error {
  using Error::Error;
};
/// An element type the operation does not accept.
class DTypeError : public Error {
  using Error::Error;
};
/// An index or an axis outside its legal interval.
class IndexError : public Error {
  using Error::Error;
};
/// An argument whose value is not allowed.
class ValueError : public Error {
  using Error::Error;
};
/// A misuse of the recorded graph: no history, a freed graph, a derivative that does not exist.
class GraphError : public Error {
  using Error::Error;
};
/// Something the operation deliberately does not offer.
class NotImplementedError : public Error {
  using Error::Error;
};
/// A NaN or an infinity where anomaly mode or an option forbids it.
class NumericError : public Error {
  using Error::Error;
};
/// A file that does not parse; `offset()` is the byte at which that was noticed.
class FormatError : public Error {
 public:
  FormatError(const std::string& message, std::size_t offset);
  [[nodiscard]] std::size_t offset() const { return offset_; }

 private:
  std::size_t offset_;
};
/// An operating-system failure on a path; `code()` is the errno.
class IoError : public Error {
 public:
  IoError(const std::string& what, const std::string& path, int code);
  const std::string& path() const& { return path_; }
  std::string path() const&& { return path_; }
  int code() const { return code_; }

 private:
  std::string path_;
  int code_;
};

/// Memory that the system does not give: what() says where, for what, and how many bytes. Making it allocates
/// nothing, so no path of modules is named.
class AllocationError : public std::bad_alloc {
 public:
  /// `what_for`, as in "float32 (1000, 1000)", may be empty.
  explicit AllocationError(std::size_t bytes, const char* what_for = "");
  const char* what() const noexcept override { return text_.data(); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  std::array<char, 256> text_{};
};

/// What the thread is doing, for messages and the tape. Scopes nest; the outermost one since the last barrier
/// is what the user called, and gives the place and the name.
class Scope {
 public:
  [[nodiscard]] Scope(const char* operation, Place place)
      : operation_(operation), place_(place), outer_(top_) {
    effective_ = outer_ != nullptr && outer_->effective_ != nullptr ? outer_->effective_ : this;
    top_ = this;
  }
  ~Scope() { top_ = outer_; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Entered before user code is called from inside an operation: its own calls are named again.
  struct Barrier {};
  [[nodiscard]] explicit Scope(Barrier) : outer_(top_) { top_ = this; }

  /// From now on the scope is that of another operation.
  void rename(const char* operation, Place place) {
    operation_ = operation;
    place_ = place;
  }

  const char* operation() const { return operation_; }
  Place place() const { return place_; }

  /// The scope whose name and place messages carry while this one is the innermost; null for a barrier.
  const Scope* named() const { return effective_; }
  /// The same at present; null outside every operation.
  static const Scope* current() { return top_ != nullptr ? top_->named() : nullptr; }

 private:
  static constinit thread_local const Scope* top_;

  const char* operation_ = nullptr;
  Place place_;
  const Scope* outer_;
  const Scope* effective_ = nullptr;
};

namespace detail {

/// "train.cpp:41: encoder.fc: matmul: " for the current scope.
std::string message_prefix();

}  // namespace detail

/// Throws E with the current place and operation before `text` and the hint, if any, in brackets after it.
template <class E>
[[noreturn]] void fail(const std::string& text, std::string_view hint = {}) {
  std::string message = detail::message_prefix() + text;
  if (!hint.empty()) message.append(" (").append(hint).append(")");
  throw E(message);
}

namespace detail {

/// The same for a function without a Scope of its own: names `place`, unless an operation is under way. Out
/// of line, so that what is checked often stays small.
template <class E>
[[noreturn, gnu::cold, gnu::noinline]] void fail_at(Place place, const std::string& text,
                                                    std::string_view hint = {}) {
  const Scope scope(nullptr, place);
  fail<E>(text, hint);
}

}  // namespace detail

}  // namespace xgrad
XGRAD_API_END
