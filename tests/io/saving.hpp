// What the tests of saving share: formats, dictionaries to save, a directory in memory, children that are
// killed.
#pragma once

#include <xgrad/io/file.hpp>
#include <xgrad/tensor/error.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace xgrad::test {

/// In memory where the system has such a directory: thousands of fsync take their time on a disk.
inline std::filesystem::path fast_directory() {
  return ::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
}

/// Several tensors, one of `count` elements, all of them filled with `version`.
inline StateDict versioned(Index count, double version) {
  return {{"a", full({count}, version)},
          {"b.empty", zeros({0, 3})},
          {"b.flag", full({3}, version, uint8)},
          {"c", scalar(version, float64)},
          {"d", full({7, 9}, version, int64)}};
}

inline Bytes read_file(const std::string& path) {
  Bytes bytes(std::filesystem::file_size(path));
  std::ifstream stream(path, std::ios::binary);
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return stream ? bytes : Bytes{};
}

/// The bytes that a dictionary is saved as.
inline Bytes bytes_when_saved(const StateDict& dict, const std::string& format) {
  const TemporaryDirectory directory(fast_directory());
  io::save(directory.path("x." + format), dict);
  return read_file(directory.path("x." + format));
}

/// Formats of several tensors, by their extensions; without libzip one.
inline const std::vector<std::string>& saved_formats() {
  static const std::vector<std::string> formats = []() -> std::vector<std::string> {
    try {
      bytes_when_saved({}, "npz");
      return {"safetensors", "npz", "pt"};
    } catch (const NotImplementedError&) {
      return {"safetensors"};
    }
  }();
  return formats;
}

/// Runs f in a child, which ends with what f returns, 99 on an exception. Gives waitpid's status.
template <class F>
int status_of_child(const F& f) {
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 99;
    try {
      code = f();
    } catch (...) {
    }
    ::_exit(code);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) throw std::runtime_error("no child");
  return status;
}

}  // namespace xgrad::test
