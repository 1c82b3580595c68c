// The MNIST digits, and sets of the same form such as Fashion-MNIST.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/tensor.hpp>

#include <string>

XGRAD_API_BEGIN
namespace xgrad::data {

/// Images uint8 (N, 28, 28), 0 is background; labels int64 (N,), 0 to 9.
struct [[nodiscard]] Mnist {
  Tensor train_images;
  Tensor train_labels;
  Tensor test_images;
  Tensor test_labels;
};

/// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte and the same with t10k from a directory; each may
/// end in .gz or be spelled with ".idx". Throws IoError on a missing file, FormatError on one that is no IDX
/// file of that form, on counts that disagree and labels above 9.
Mnist read_mnist(const std::string& directory, Place place = Place::here());

}  // namespace xgrad::data
XGRAD_API_END
