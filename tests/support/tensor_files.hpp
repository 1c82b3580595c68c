// Files of tensors in memory: read through the readers of io/, written through a Sink, cut short, and
// damaged.
#pragma once

#include <xgrad/io/contents.hpp>

#include <goldens/tensor_files.hpp>
#include <support/files.hpp>

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace xgrad::test {

using Open = io::detail::Contents (*)(const io::detail::SharedInput&);

/// The bytes must live as long as what is read from them.
inline io::detail::SharedInput input_of(std::string_view bytes) {
  return std::make_shared<const io::detail::Input>("the file",
                                                   std::as_bytes(std::span(bytes.data(), bytes.size())));
}

inline StateDict read_all(const io::detail::Contents& contents) {
  StateDict dict;
  dict.set_layout(contents.layout);
  for (std::size_t i = 0; i < contents.entries.size(); ++i)
    dict.set(contents.entries[i].name, contents.read(i));
  return dict;
}

/// What write(sink) writes.
template <class Write>
std::string written(const Write& write) {
  const TemporaryDirectory directory;
  io::detail::Sink sink(directory.path("file"));
  write(sink);
  sink.commit();
  std::ifstream stream(directory.path("file"), std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Names, types, shapes and elements are those of the golden file.
inline void check_holds(const io::detail::Contents& contents, const goldens::TensorFile& file) {
  CAPTURE(file.name);
  REQUIRE(contents.entries.size() == file.items.size());
  for (std::size_t i = 0; i < file.items.size(); ++i) {
    const goldens::TensorFile::Item& item = file.items[i];
    const io::Entry& entry = contents.entries[i];
    CAPTURE(item.name);
    CHECK(entry.name == item.name);
    CHECK(entry.stored == item.stored);
    const Shape shape(item.shape.begin(), item.shape.end());
    CHECK(entry.shape == shape);
    const Tensor tensor = contents.read(i);
    CHECK(tensor.shape() == shape);
    CHECK(tensor.dtype() == entry.dtype);
    REQUIRE(tensor.count() == static_cast<Index>(item.values.size()));
    const Tensor flat = tensor.to(float64).reshape({-1});
    for (std::size_t k = 0; k < item.values.size(); ++k) CHECK(flat.data<double>()[k] == item.values[k]);
  }
}

inline const goldens::TensorFile& golden(const std::vector<goldens::TensorFile>& files,
                                         std::string_view name) {
  for (const goldens::TensorFile& file : files)
    if (file.name == name) return file;
  FAIL("there is no golden file of that name");
  return files.front();
}

/// Opening and reading all of it: nothing, or what the FormatError says; any other exception ends the test.
inline std::optional<std::string> rejection(Open open, std::string_view bytes) {
  try {
    read_all(open(input_of(bytes)));
    return {};
  } catch (const FormatError& error) {
    CHECK(std::string(error.what()).find("the file: ") != std::string::npos);
    return error.what();
  }
}

/// No part of the file that lacks its end is read, nor one with something behind its end.
inline void check_prefixes(Open open, std::string_view bytes) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(rejection(open, bytes.substr(0, size)));
  }
}

/// With any byte changed the file is read, or rejected; returns how often it was read.
inline std::size_t survivors_of_damage(Open open, std::string_view bytes) {
  std::size_t read = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string damaged(bytes);
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      CAPTURE(i);
      CAPTURE(change);
      if (!rejection(open, damaged)) ++read;
    }
  }
  return read;
}

}  // namespace xgrad::test
