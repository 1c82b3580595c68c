#include <xgrad/tensor/error.hpp>

#include <xgrad/tensor/running_module.hpp>

#include <cstdio>
#include <cstring>

namespace xgrad {
namespace detail {
namespace {

// Where `scope` was entered; where that is not known, the line that called the module under way.
Place current_place(const Scope* scope) {
  const Place place = scope != nullptr ? scope->place() : Place{};
  return place.file == nullptr && module_place_provider != nullptr ? module_place_provider() : place;
}

}  // namespace
}  // namespace detail

std::string to_string(Place place) {
  if (place.file == nullptr) return {};
  const char* slash = std::strrchr(place.file, '/');
  return std::string(slash != nullptr ? slash + 1 : place.file) + ":" + std::to_string(place.line);
}

FormatError::FormatError(const std::string& message, std::size_t offset)
    : Error(message + " (at byte " + std::to_string(offset) + ")"), offset_(offset) {}

IoError::IoError(const std::string& what, const std::string& path, int code)
    : Error(what + ": " + path + ": " + std::strerror(code)), path_(path), code_(code) {}

AllocationError::AllocationError(std::size_t bytes, const char* what_for) : bytes_(bytes) {
  const Scope* scope = Scope::current();
  const Place place = detail::current_place(scope);
  const char* const slash = place.file != nullptr ? std::strrchr(place.file, '/') : nullptr;
  const char* const file = slash != nullptr ? slash + 1 : place.file;
  std::size_t used = 0;
  const auto append = [&](const char* format, auto... values) {
    if (used < text_.size())
      used += static_cast<std::size_t>(std::snprintf(&text_[used], text_.size() - used, format, values...));
  };
  if (file != nullptr) append("%s:%d: ", file, place.line);
  if (scope != nullptr && scope->operation() != nullptr) append("%s: ", scope->operation());
  append("cannot allocate %zu bytes", bytes);
  if (*what_for != 0) append(" for %s", what_for);
}

constinit thread_local const Scope* Scope::top_ = nullptr;

namespace detail {

std::string (*module_path_provider)() = nullptr;
Place (*module_place_provider)() = nullptr;

std::string message_prefix() {
  const Scope* scope = Scope::current();
  std::string prefix;
  if (const Place place = current_place(scope); place.file != nullptr) prefix += to_string(place) + ": ";
  if (module_path_provider != nullptr) {
    if (std::string path = module_path_provider(); !path.empty()) prefix += path + ": ";
  }
  if (scope != nullptr && scope->operation() != nullptr) prefix += std::string(scope->operation()) + ": ";
  return prefix;
}

}  // namespace detail
}  // namespace xgrad
