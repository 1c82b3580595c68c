// Datasets of Variables: their values, where no gradient is asked for.
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/variable.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/tensor/compare.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace xgrad;

TEST_CASE("a dataset takes Variables without history") {
  const Tensor images{{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}, labels({0, 1, 2}, int64);
  const Variable x(images), y(labels);
  const data::TensorDataset both(x, y), first(x, labels), second(images, y);
  for (const auto& dataset : {both, first, second}) {
    CHECK(dataset.size() == 3);
    CHECK(dataset.tensors()[0].raw() == images.raw());
    CHECK(allclose(dataset.get(1)[0], Tensor{3.0, 4.0}));
    CHECK(dataset.get(2)[1].item<Index>() == 2);
  }
  Index rows = 0;
  for (const auto& [image, label] : data::DataLoader(both, {.batch_size = 2})) rows += image.size(0);
  CHECK(rows == 3);
}

TEST_CASE("a dataset refuses a Variable that requires a gradient, and says what to write") {
  const Tensor images{{1.0, 2.0}, {3.0, 4.0}};
  const Variable plain(images), leaf(images, {.requires_grad = true}), result = leaf + 1;
  CHECK_THROWS_AS(data::TensorDataset{leaf}, GraphError);
  CHECK_THROWS_AS(data::TensorDataset(plain, leaf), GraphError);
  CHECK_THROWS_AS(data::TensorDataset(images, plain, result), GraphError);
  CHECK_THROWS_AS(data::TensorDataset(Variable(), plain), GraphError);
  std::string message;
  try {
    data::TensorDataset dataset(images, result);
  } catch (const GraphError& error) {
    message = error.what();
  }
  CHECK(message.find("tensor_dataset_test.cpp:") != std::string::npos);
  CHECK(message.find("x.detach()") != std::string::npos);
  CHECK(data::TensorDataset(images, result.detach()).size() == 2);
}
