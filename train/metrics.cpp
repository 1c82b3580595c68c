// Metrics of whole sets.
#include <xgrad/train/metrics.hpp>

#include <xgrad/autograd/ops/reduce.hpp>

namespace xgrad::train {

void Accuracy::update(const Tensor& output, const Tensor& target, Place place) {
  const Scope scope("Accuracy", place);
  const Tensor guesses = argmax(Variable(output), -1).value();
  if (guesses.shape() != target.shape())
    fail<ShapeError>("outputs " + to_string(output.shape()) + " do not fit targets " +
                     to_string(target.shape()));
  const auto guess = guesses.span<Index>(), truth = target.span<Index>();
  for (std::size_t i = 0; i < guess.size(); ++i) right_ += guess[i] == truth[i] ? 1 : 0;
  count_ += static_cast<double>(guess.size());
}

void Accuracy::set_state(const std::vector<double>& numbers) {
  if (numbers.size() != 2) fail<ValueError>("Accuracy: expects a state of 2 numbers");
  right_ = numbers[0];
  count_ = numbers[1];
}

}  // namespace xgrad::train
