// Finding and checking the four files of MNIST.
#include <xgrad/data/mnist.hpp>

#include <xgrad/io/idx.hpp>

#include <cerrno>
#include <filesystem>

namespace xgrad::data {
namespace {

// The path of the first spelling that exists.
std::string find_file(const std::string& directory, const std::string& name, const std::string& kind) {
  for (const char* separator : {"-", "."})
    for (const char* ending : {"", ".gz"}) {
      std::string path = directory + "/" + name + separator + kind + ending;
      std::error_code ignored;
      if (std::filesystem::exists(path, ignored)) return path;
    }
  throw IoError(xgrad::detail::message_prefix() + "found neither this file nor its .gz",
                directory + "/" + name + "-" + kind, ENOENT);
}

[[noreturn]] void reject(const std::string& path, const std::string& text, std::size_t offset) {
  throw FormatError(xgrad::detail::message_prefix() + path + ": " + text, offset);
}

// One half of the set; `part` is "train" or "t10k".
std::pair<Tensor, Tensor> read_part(const std::string& directory, const std::string& part) {
  const std::string images_path = find_file(directory, part + "-images", "idx3-ubyte");
  const std::string labels_path = find_file(directory, part + "-labels", "idx1-ubyte");
  Tensor images = io::read_idx(images_path, {}), labels = io::read_idx(labels_path, {});
  if (images.dtype() != uint8 || images.rank() != 3 || images.size(1) != 28 || images.size(2) != 28)
    reject(images_path, "expects images uint8 (N, 28, 28), got " + describe(images), 3);
  if (labels.dtype() != uint8 || labels.rank() != 1)
    reject(labels_path, "expects labels uint8 (N,), got " + describe(labels), 3);
  if (labels.count() != images.size(0))
    reject(labels_path,
           std::to_string(labels.count()) + " labels for the " + std::to_string(images.size(0)) +
               " images of " + images_path,
           4);
  constexpr std::size_t header = 8;
  const auto values = labels.span<std::uint8_t>();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] > 9)
      reject(labels_path, "expects labels from 0 to 9, got " + std::to_string(values[i]), header + i);
  return {std::move(images), labels.to(int64)};
}

}  // namespace

Mnist read_mnist(const std::string& directory, Place place) {
  const Scope scope("read_mnist", place);
  auto [train_images, train_labels] = read_part(directory, "train");
  auto [test_images, test_labels] = read_part(directory, "t10k");
  return {std::move(train_images), std::move(train_labels), std::move(test_images), std::move(test_labels)};
}

}  // namespace xgrad::data
