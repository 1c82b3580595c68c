// Finding and checking MNIST's four files; preparing images.
#include <xgrad/data/images.hpp>
#include <xgrad/data/mnist.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>

#include <support/files.hpp>

#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace {

using namespace xgrad;
using test::Bytes, test::gzipped, test::idx_header, test::TemporaryDirectory, test::operator+;
using test::contains;

Bytes images(std::uint32_t count, unsigned char value) {
  return idx_header(0x08, {count, 28, 28}) + Bytes(count * 28 * 28, value);
}
Bytes labels(const Bytes& values) {
  return idx_header(0x08, {static_cast<std::uint32_t>(values.size())}) + values;
}

void write_all(const TemporaryDirectory& directory) {
  directory.write("train-images-idx3-ubyte", images(3, 7));
  directory.write("train-labels-idx1-ubyte.gz", gzipped(labels({0, 9, 5})));
  directory.write("t10k-images.idx3-ubyte", images(2, 255));
  directory.write("t10k-labels.idx1-ubyte.gz", gzipped(labels({1, 2})));
}

std::string format_error(const TemporaryDirectory& directory, std::size_t offset) {
  try {
    data::read_mnist(directory.path(""));
  } catch (const FormatError& error) {
    CHECK(error.offset() == offset);
    return error.what();
  }
  return "no FormatError";
}

}  // namespace

TEST_CASE("read_mnist: finds every spelling, raw or packed") {
  const TemporaryDirectory directory;
  write_all(directory);
  const data::Mnist mnist = data::read_mnist(directory.path(""));
  CHECK(bitwise_equal(mnist.train_images, full({3, 28, 28}, 7, uint8)));
  CHECK(bitwise_equal(mnist.train_labels, Tensor{0, 9, 5}));
  CHECK(bitwise_equal(mnist.test_images, full({2, 28, 28}, 255, uint8)));
  CHECK(bitwise_equal(mnist.test_labels, Tensor{1, 2}));
}

TEST_CASE("read_mnist: a missing file is named") {
  const TemporaryDirectory directory;
  write_all(directory);
  std::filesystem::remove(directory.path("t10k-labels.idx1-ubyte.gz"));
  try {
    data::read_mnist(directory.path(""));
    FAIL("nothing was thrown");
  } catch (const IoError& error) {
    CHECK(error.code() == ENOENT);
    CHECK(contains(error.path(), "t10k-labels-idx1-ubyte"));
  }
}

TEST_CASE("read_mnist: files that do not belong together are refused") {
  const TemporaryDirectory directory;
  write_all(directory);
  directory.write("t10k-labels.idx1-ubyte.gz", labels({1, 2, 3}));
  CHECK(contains(format_error(directory, 4), "3 labels for the 2 images"));
  directory.write("t10k-labels.idx1-ubyte.gz", labels({1, 10}));
  CHECK(contains(format_error(directory, 9), "got 10"));
  directory.write("t10k-labels.idx1-ubyte.gz", idx_header(0x08, {2, 1}) + Bytes{1, 2});
  CHECK(contains(format_error(directory, 3), "got uint8 (2, 1)"));
  write_all(directory);
  directory.write("train-images-idx3-ubyte", idx_header(0x08, {3, 28, 27}) + Bytes(3 * 28 * 27));
  CHECK(contains(format_error(directory, 3), "got uint8 (3, 28, 27)"));
  directory.write("train-images-idx3-ubyte", Bytes{1, 2, 3, 4});
  CHECK(contains(format_error(directory, 0), "train-images-idx3-ubyte"));
}

TEST_CASE("normalize: bytes are scaled, reals are not") {
  const Tensor bytes = Tensor({{0, 51}, {102, 255}}, uint8);
  CHECK(allclose(data::normalize(bytes), Tensor{{0.0, 0.2}, {0.4, 1.0}}));
  CHECK(allclose(data::normalize(bytes, 0.2, 0.5), Tensor{{-0.4, 0.0}, {0.4, 1.6}}, {.atol = 1e-7}));
  CHECK(allclose(data::normalize(Tensor({1.0, 3.0}, float64), 2, 0.5), Tensor{-2.0, 2.0}));
  CHECK(data::normalize(zeros({0, 28}, uint8)).shape() == Shape{0, 28});
  CHECK_THROWS_AS(data::normalize(bytes, 0, 0), ValueError);
  CHECK_THROWS_AS(data::normalize(bytes, 0, -1), ValueError);
  CHECK_THROWS_AS(data::normalize(bytes, std::nan(""), 1), ValueError);
  CHECK_THROWS_AS(data::normalize(Tensor{1, 2}), DTypeError);
  CHECK_THROWS_AS(data::normalize(Tensor()), GraphError);
}

TEST_CASE("moments: normalising with them gives mean 0 and deviation 1") {
  const data::Moments bytes = data::moments(Tensor({0, 255}, uint8));
  CHECK(bytes.mean == 0.5);
  CHECK(bytes.deviation == 0.5);
  Tensor values = arange(100'001).to(float32);
  for (float& x : values.mutable_span<float>()) x = 1000 + x / 1000;
  const data::Moments m = data::moments(values);
  CHECK(m.mean == doctest::Approx(1050).epsilon(1e-6));
  CHECK(m.deviation == doctest::Approx(std::sqrt((1e10 + 2e5) / 12) / 1000).epsilon(1e-4));
  const data::Moments after = data::moments(data::normalize(values, m.mean, m.deviation));
  CHECK(std::abs(after.mean) < 1e-5);
  CHECK(after.deviation == doctest::Approx(1).epsilon(1e-6));
  CHECK_THROWS_AS(data::moments(zeros({0})), ValueError);
  CHECK_THROWS_AS(data::moments(ones({2}, boolean)), DTypeError);
}

TEST_CASE("flatten_images and channels_last reshape without a copy") {
  const Tensor images = arange(24).reshape({2, 3, 4});
  CHECK(data::flatten_images(images).shape() == Shape{2, 12});
  CHECK(data::channels_last(images).shape() == Shape{2, 3, 4, 1});
  CHECK(data::channels_last(images).shares_storage_with(images));
  CHECK(data::flatten_images(zeros({0, 28, 28})).shape() == Shape{0, 784});
  CHECK_THROWS_AS(data::channels_last(zeros({2, 3})), ShapeError);
  CHECK_THROWS_AS(data::flatten_images(scalar(1)), ShapeError);
}
