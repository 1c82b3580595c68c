#include <xgrad/tensor/error.hpp>

#include <xgrad/tensor/callback.hpp>

#include <cstring>

namespace xgrad {

std::string to_string(Place place) {
  if (place.file == nullptr) return {};
  const char* slash = std::strrchr(place.file, '/');
  return std::string(slash != nullptr ? slash + 1 : place.file) + ":" + std::to_string(place.line);
}

FormatError::FormatError(const std::string& message, std::size_t offset)
    : Error(message + " (at byte " + std::to_string(offset) + ")"), offset_(offset) {}

IoError::IoError(const std::string& what, const std::string& path, int code)
    : Error(what + ": " + path + ": " + std::strerror(code)), path_(path), code_(code) {}

constinit thread_local const Scope* Scope::top_ = nullptr;

namespace detail {

std::string (*module_path_provider)() = nullptr;

void reject_empty_callback() {
  fail<GraphError>("a function that is undefined was called", "it was default-constructed or moved from");
}

std::string message_prefix() {
  const Scope* scope = Scope::current();
  std::string prefix;
  if (scope != nullptr && scope->place().file != nullptr) prefix += to_string(scope->place()) + ": ";
  if (module_path_provider != nullptr) {
    if (std::string path = module_path_provider(); !path.empty()) prefix += path + ": ";
  }
  if (scope != nullptr && scope->operation() != nullptr) prefix += std::string(scope->operation()) + ": ";
  return prefix;
}

}  // namespace detail
}  // namespace xgrad
