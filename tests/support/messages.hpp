// What exceptions say.
#pragma once

#include <exception>
#include <initializer_list>
#include <string>

namespace xgrad::test {

/// What f's exception of type E says.
template <class E = std::exception, class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing of that type was thrown";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
/// All of the parts.
inline bool contains(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    if (!contains(text, std::string(part))) return false;
  return true;
}

}  // namespace xgrad::test
