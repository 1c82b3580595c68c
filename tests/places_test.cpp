// Every public function that throws names the line that called it. One call to a line: the line is what is
// checked.
#include <xgrad/tensor/xtensor.hpp>
#include <xgrad/xgrad.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace xgrad;
using test::leaf;

/// Any expression as a call without a result.
struct Trial {
  template <class F>
  Trial(F f) : call([f] { static_cast<void>(f()); }) {}

  std::function<void()> call;
};

/// What the call throws. Empty when it does not throw an error of the library, or memory's.
std::string thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  } catch (const AllocationError& error) {
    return error.what();
  }
  return {};
}

/// The trials stand on the lines after `line`, one on each.
void check(const std::vector<Trial>& trials, int line = __builtin_LINE()) {
  for (const Trial& trial : trials) {
    const std::string place = "places_test.cpp:" + std::to_string(++line) + ": ", text = thrown(trial.call);
    CAPTURE(text);
    CHECK(text.substr(0, place.size()) == place);
  }
}

// clang-format off

TEST_CASE("errors of tensors name the caller's line") {
  const Tensor none, t = ones({2, 3}), i = arange(3), d = ones({2}, float64);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Index huge = Index{1} << 40;
  Tensor w = t;
  StateDict dict{{"a", t}};
  const PrintOptions impossible{.precision = -1};
  Generator g(1);
  check({
    [&] { return Tensor({1, 300}, uint8); },
    [&] { return Tensor({{1, 2}, {3}}); },
    [&] { return Tensor::uninitialized({-1}, float32); },
    [&] { return Tensor::uninitialized({huge, huge}, float32); },
    [&] { return Tensor::uninitialized({huge, 8}, float64); },
    [&] { return Tensor::uninitialized_like(none); },
    [&] { return Tensor::uninitialized_like(none, float64); },
    [&] { return Tensor::from(std::vector<float>{1, 2}, {3}); },
    [&] { return t.size(2); },
    [&] { return t.data<double>(); },
    [&] { return none.data<float>(); },
    [&] { return w.mutable_data<double>(); },
    [&] { return t.span<double>(); },
    [&] { return ones({2}).span<double>().size(); },
    [&] { return w.mutable_span<Index>(); },
    [&] { return none.raw(); },
    [&] { Tensor u; return u.mutable_raw(); },
    [&] { return t.array<double>().size(); },
    [&] { return ones({2}).array<double>().size(); },
    [&] { return w.mutable_array<double>().size(); },
    [&] { return t.item(); },
    [&] { return none.item(); },
    [&] { return t.at({2, 0}); },
    [&] { return t.at({0}); },
    [&] { return t.reshape({4}); },
    [&] { return none.reshape({1}); },
    [&] { return t.rows(1, 3); },
    [&] { return full({2}, nan).to(int64); },
    [&] { return none.to(float64); },
    [&] { return to_string(t, impossible); },
    [&] { return Shape({1, 2, 3, 4, 5, 6, 7, 8, 9}); },
    [&] { Shape s{1}; return s[1]; },
    [&] { return Shape().back(); },
    [&] { Shape s{1, 2, 3, 4, 5, 6, 7, 8}; s.push_back(1); return s; },
    [&] { Shape s{1}; s.insert(2, 1); return s; },
    [&] { Shape s{1}; s.erase(1); return s; },
    [&] { return Shape({huge, huge}).count(); },
    [&] { return wrap_axis(3, 2); },
    [&] { return broadcast_shapes({2}, {3}); },
    [&] { return reduced_shape({2, 3}, 2, false); },
    [&] { return Axes({0, 0}).sorted(2); },
    [&] { return Axes({5}).ordered(2); },
    [&] { return zeros({-1}); },
    [&] { return ones({huge, huge}); },
    [&] { return full({2}, 300, uint8); },
    [&] { return scalar(300, uint8); },
    [&] { return arange(0, 5, 0); },
    [&] { return arange(0, 5, 0, float32); },
    [&] { return arange(nan); },
    [&] { return linspace(0, 1, -1); },
    [&] { return eye(-1); },
    [&] { return zeros_like(none); },
    [&] { return ones_like(none); },
    [&] { return uniform({2}, 2, 1); },
    [&] { return normal({2}, 0, -1); },
    [&] { return randint({2}, 3, 3); },
    [&] { return bernoulli({2}, 1.5); },
    [&] { return permutation(-1); },
    [&] { return permutation(-1, g); },
    [&] { return StateDict{{"a", none}}; },
    [&] { dict.set("", t); return 0; },
    [&] { dict.set("a", none); return 0; },
    [&] { return dict.at("b").count(); },
    [&] { return StateDict(dict).at("b"); },
    [&] { dict.rename("b", "c"); return 0; },
    [&] { return dict.with_prefix(""); },
    [&] { return dict.without_prefix("a."); },
    [&] { dict.merge(dict); return 0; },
    [&] { Generator().load_state_dict(dict); return 0; },
    [&] { default_generator().prepare_load(dict).run(); return 0; },
    [&] { return dict[1].first; },
    [&] { set_num_threads(0); return 0; },
  });
}

TEST_CASE("errors of variables and of the functions on graphs name the caller's line") {
  const Variable none, x(ones({2, 3})), whole(arange(3));
  const auto same = [](const Variable& v) { return v; };
  const std::vector<Variable> xs{x}, two{x, x}, wholes{whole};
  const auto same_list = [](const std::vector<Variable>& v) { return v; };
  check({
    [&] { return Variable(arange(3), {.requires_grad = true}); },
    [&] { return none.value().count(); },
    [&] { return none.shape(); },
    [&] { return none.dtype(); },
    [&] { return none.rank(); },
    [&] { return none.count(); },
    [&] { return none.size(0); },
    [&] { return x.size(2); },
    [&] { return x.item(); },
    [&] { return leaf(ones({2})).grad().value(); },
    [&] { return leaf(ones({2})).grad().item(); },
    [&] { return none.requires_grad(); },
    [&] { return none.is_leaf(); },
    [&] { Variable y = leaf(ones({2})) * 2; y.set_requires_grad(false); return y; },
    [&] { Variable y(arange(2)); y.set_requires_grad(true); return y; },
    [&] { return none.grad(); },
    [&] { Variable y = leaf(ones({2})); y.set_grad(ones({3})); return y; },
    [&] { Variable y = leaf(ones({2})); y.set_grad(y); return y; },
    [&] { Variable y; y.clear_grad(); return y; },
    [&] { Variable y(ones({2})); y.retain_grad(); return y; },
    [&] { Variable y(ones({2})); return y.add_hook([](const Variable& g) { return g; }); },
    [&] { return none.detach(); },
    [&] { Variable y(ones({2})); y.set_value(ones({3})); return y; },
    [&] { Variable y; return y.mutable_span<float>().size(); },
    [&] { leaf(ones({2})).backward(); return 0; },
    [&] { x.backward(); return 0; },
    [&] { leaf(ones({2})).backward(ones({3})); return 0; },
    [&] { Variable y = sum(exp(leaf(ones({2})))); y.backward(); y.backward(); return 0; },
    [&] { return grad(sum(leaf(ones({2}))), leaf(ones({2}))); },
    [&] { return grad(x, x); },
    [&] { Variable y = leaf(ones({2})); y += 1; return y; },
    [&] { Variable y = leaf(ones({2})); y -= 1; return y; },
    [&] { Variable y = leaf(ones({2})); y *= 2; return y; },
    [&] { Variable y = leaf(ones({2})); y /= 2; return y; },
    [&] { Variable y = leaf(ones({2})); y %= 2; return y; },
    [&] { Variable y(ones({2})); y += ones({3}); return y; },
    [&] { return vjp(same, x, ones({3})); },
    [&] { return vjp(same_list, two, xs); },
    [&] { return jvp(same, x, ones({3})); },
    [&] { return jvp(same_list, two, xs); },
    [&] { return jacobian(same, whole); },
    [&] { return jacobian(same_list, wholes); },
    [&] { return jacobian([](const Variable&) { return ones({2}); }, x); },
    [&] { return hessian(same, x); },
    [&] { return hessian(same_list, xs); },
    [&] { return hvp(same, x, x); },
    [&] { return hvp(same_list, xs, xs); },
    [&] { return checkpoint(CheckpointFunction(), {x}); },
    [&] { return graphviz(none); },
    [&] { return graphviz(std::vector<Variable>{none}); },
    [&] { return Function("test_f", nullptr).apply({x}); },
    [&] { return Function("test_f", [](FunctionForward&, const std::vector<Variable>& v) { return v; })(none); },
    [&] { return map("test_f", [](auto a, auto b) { return a + b; }, x, ones({2})); },
    [&] { const AnomalyMode anomaly; return sqrt(leaf(Tensor{-1.0})); },
  });
}

TEST_CASE("errors of operations name the caller's line") {
  const Variable none, x(ones({2, 3})), y(ones({2})), whole(arange(3)), flag(Tensor({true, false}));
  const Variable image(ones({1, 4, 4, 2})), kernel(ones({3, 2, 2, 2})), d(ones({3}, float64));
  check({
    [&] { return x + y; }, // elementwise of two
    [&] { return x - y; },
    [&] { return x * y; },
    [&] { return x / y; },
    [&] { return x % y; },
    [&] { return 1 + none; },
    [&] { return -none; },
    [&] { return -flag; },
    [&] { return x == y; },
    [&] { return x != y; },
    [&] { return x < y; },
    [&] { return x <= y; },
    [&] { return x > y; },
    [&] { return x >= y; },
    [&] { return !none; },
    [&] { return add(x, y); },
    [&] { return sub(x, y); },
    [&] { return mul(x, y); },
    [&] { return div(x, y); },
    [&] { return neg(none); },
    [&] { return maximum(x, y); },
    [&] { return minimum(x, y); },
    [&] { return floor_divide(x, y); },
    [&] { return remainder(x, y); },
    [&] { return fmod(x, y); },
    [&] { return pow(x, y); },
    [&] { return where(x, x, x); },
    [&] { return where(x > 0, x, y); },
    [&] { return logical_and(x, y); },
    [&] { return logical_or(x, y); },
    [&] { return logical_xor(x, y); },
    [&] { return logical_not(none); },
    [&] { return isnan(none); },
    [&] { return isinf(none); },
    [&] { return isfinite(none); },
    [&] { return cast(none, float32); },
    [&] { return cast(full({1}, 1e30), int64); },
    [&] { return exp(none); }, // elementwise of one
    [&] { return exp2(none); },
    [&] { return expm1(none); },
    [&] { return log(none); },
    [&] { return log2(none); },
    [&] { return log10(none); },
    [&] { return log1p(none); },
    [&] { return sqrt(none); },
    [&] { return rsqrt(none); },
    [&] { return cbrt(none); },
    [&] { return square(none); },
    [&] { return reciprocal(none); },
    [&] { return abs(none); },
    [&] { return sign(none); },
    [&] { return sin(none); },
    [&] { return cos(none); },
    [&] { return tan(none); },
    [&] { return asin(none); },
    [&] { return acos(none); },
    [&] { return atan(none); },
    [&] { return atan2(x, y); },
    [&] { return sinh(none); },
    [&] { return cosh(none); },
    [&] { return tanh(none); },
    [&] { return asinh(none); },
    [&] { return acosh(none); },
    [&] { return atanh(none); },
    [&] { return erf(none); },
    [&] { return erfc(none); },
    [&] { return lgamma(none); },
    [&] { return digamma(none); },
    [&] { return polygamma(-1, x); },
    [&] { return floor(none); },
    [&] { return ceil(none); },
    [&] { return round(none); },
    [&] { return trunc(none); },
    [&] { return hypot(x, y); },
    [&] { return xlogy(x, y); },
    [&] { return lerp(x, y, 0.5); },
    [&] { return clamp(x, 2, 1); },
    [&] { return sigmoid(none); },
    [&] { return logsigmoid(none); },
    [&] { return softplus(x, 0); },
    [&] { return relu(none); },
    [&] { return leaky_relu(none); },
    [&] { return elu(none); },
    [&] { return selu(none); },
    [&] { return celu(x, 0); },
    [&] { return gelu(none); },
    [&] { return silu(none); },
    [&] { return mish(none); },
    [&] { return hardtanh(x, 1, -1); },
    [&] { return relu6(none); },
    [&] { return hardsigmoid(none); },
    [&] { return hardswish(none); },
    [&] { return softsign(none); },
    [&] { return tanhshrink(none); },
    [&] { return softshrink(x, -1); },
    [&] { return hardshrink(none); },
    [&] { return threshold(none, 1, 0); },
    [&] { return sum(x, 2); }, // reductions
    [&] { return mean(x, {0, 0}); },
    [&] { return prod(x, 2); },
    [&] { return amax(x, 2); },
    [&] { return amin(ones({0}), 0); },
    [&] { return max(x, 2); },
    [&] { return min(x, -3); },
    [&] { return argmax(x, 2); },
    [&] { return argmax(ones({0})); },
    [&] { return argmin(x, 2); },
    [&] { return argmin(ones({0})); },
    [&] { return var(x, 2); },
    [&] { return stddev(x, 2); },
    [&] { return norm(x, Axes(2)); },
    [&] { return logsumexp(x, 2); },
    [&] { return all(x, 2); },
    [&] { return any(x, 2); },
    [&] { return count_nonzero(x, 2); },
    [&] { return cumsum(x, 2); },
    [&] { return cumprod(x, 2); },
    [&] { return recurrence(x, y, 0); },
    [&] { return softmax(x, 2); },
    [&] { return log_softmax(x, 2); },
    [&] { return sum_to(x, {5}); },
    [&] { return reshape(x, {4}); }, // shapes
    [&] { return flatten(x, 1, 0); },
    [&] { return squeeze(x, 2); },
    [&] { return unsqueeze(x, 4); },
    [&] { return transpose(x, 0, 2); },
    [&] { return permute(x, {0, 0}); },
    [&] { return broadcast_to(x, {2}); },
    [&] { return concat({x, y}); },
    [&] { return concat({}); },
    [&] { return stack({x, y}); },
    [&] { return split(x, {1, 2}, 0); },
    [&] { return split(x, -1, 0); },
    [&] { return chunk(x, 0); },
    [&] { return unbind(x, 2); },
    [&] { return slice(x, 2, {}); },
    [&] { return slice_scatter(x, {2, 2}, 0, {}); },
    [&] { return pad(x, {{-1, 0}}); },
    [&] { return flip(x, 2); },
    [&] { return roll(x, 1, 2); },
    [&] { return tile(x, {-1, 1}); },
    [&] { return repeat(x, -1, 0); },
    [&] { return diag(image); },
    [&] { return tril(y); },
    [&] { return triu(y); },
    [&] { return meshgrid({x}); },
    [&] { return index(x, {5}); }, // indices
    [&] { return index_put(x, {5}, 1); },
    [&] { return index_add(x, {5}, 1); },
    [&] { return gather(x, 0, y); },
    [&] { return scatter(x, 0, y, x); },
    [&] { return scatter_add(x, 0, y, x); },
    [&] { return index_select(x, 0, Tensor{7}); },
    [&] { return masked_fill(x, y, 0); },
    [&] { return masked_select(x, y); },
    [&] { return one_hot(Tensor{3}, 2); },
    [&] { return sort(x, 2); },
    [&] { return argsort(x, 2); },
    [&] { return topk(x, 9); },
    [&] { return embedding(whole, x); },
    [&] { return matmul(x, x); }, // products
    [&] { return dot(x, y); },
    [&] { return outer(x, y); },
    [&] { return einsum("ij,jk", {x, x}); },
    [&] { return einsum("ij", {none}); },
    [&] { return linear(x, ones({4, 2})); },
    [&] { return linear(x, ones({4, 3}, float64)); },
    [&] { return conv2d(image, ones({3, 2, 2, 5})); }, // images
    [&] { return conv2d_input_gradient(image, kernel, {1, 9, 9, 2}); },
    [&] { return conv2d_weight_gradient(image, image, {1, 9, 9, 2}); },
    [&] { return conv_transpose2d(image, ones({3, 2, 2, 5})); },
    [&] { return max_pool2d(image, {.kernel = 9}); },
    [&] { return avg_pool2d(image, {.kernel = 9}); },
    [&] { return avg_pool2d_input_gradient(image, {1, 9, 9, 9}, {.kernel = 2}); },
    [&] { return adaptive_avg_pool2d(image, 0); },
    [&] { return adaptive_avg_pool2d_input_gradient(image, {1, 9, 9, 9}); },
    [&] { return layer_norm(x, {4}); }, // layers' own operations
    [&] { return rms_norm(x, {4}); },
    [&] { return group_norm(image, 3); },
    [&] { return batch_norm_training(x, ones({4})); },
    [&] { return batch_norm(x, ones({4}), ones({4})); },
    [&] { return lstm(x, x, x, x); },
    [&] { return gru(x, x, x, y); },
    [&] { return scaled_dot_product_attention(x, ones({2, 5}), x); },
    [&] { return self_attention(ones({2, 4})); },
  });
}

TEST_CASE("errors of modules, losses, initialisers and checks name the caller's line") {
  const Variable none, x(ones({2, 3})), y(ones({2})), whole(arange(2)), image(ones({1, 4, 4, 2}));
  nn::Linear linear(3, 2);
  nn::Sequential list{nn::ReLU(), nn::Linear(3, 2)};
  nn::MultiheadAttention attention(4, 2);
  nn::LSTM lstm(3, 2);
  nn::GRU gru(3, 2);
  const StateDict wrong{{"weight", ones({5})}};
  check({
    [&] { return nn::Linear(-1, 2); },
    [&] { return nn::Linear(3, 2, {.dtype = int64}); },
    [&] { return nn::Conv2d(3, 2, 0); },
    [&] { return nn::ConvTranspose2d(3, 2, 0); },
    [&] { return nn::Embedding(-1, 2); },
    [&] { return nn::LSTM(-1, 2); },
    [&] { return nn::GRU(-1, 2); },
    [&] { return nn::MultiheadAttention(4, 3); },
    [&] { return nn::LayerNorm(-1); },
    [&] { return nn::RMSNorm(-1); },
    [&] { return nn::GroupNorm(3, 4); },
    [&] { return nn::BatchNorm1d(-1); },
    [&] { return nn::BatchNorm2d(-1); },
    [&] { return nn::Dropout(2); },
    [&] { return nn::MaxPool2d({.kernel = 0}); },
    [&] { return nn::AvgPool2d({.kernel = 0}); },
    [&] { return nn::AdaptiveAvgPool2d(0); },
    [&] { return nn::Lambda(Callback<Variable(const Variable&)>()); },
    [&] { return nn::Sequential(std::shared_ptr<nn::Linear>()); },
    [&] { return nn::Sequential(nn::ReLU(), std::shared_ptr<nn::Linear>()); },
    [&] { nn::ModuleList modules; modules.push_back(std::shared_ptr<nn::Linear>()); return modules; },
    [&] { return linear(y); },
    [&] { return linear(none); },
    [&] { return linear(ones({2, 3}, float64)); },
    [&] { return list(y); },
    [&] { return nn::Conv2d(3, 2, {.kernel = 2})(image); },
    [&] { return nn::Embedding(2, 2)(x); },
    [&] { return nn::BatchNorm2d(3)(image); },
    [&] { return nn::LayerNorm(4)(x); },
    [&] { return nn::Softmax(2)(x); },
    [&] { return nn::Flatten(2)(x); },
    [&] { return nn::Flatten({.order = nn::FlattenOrder::pytorch})(x); },
    [&] { return nn::MaxPool2d({.kernel = 9})(image); },
    [&] { return attention(x); },
    [&] { return attention(x, y, y); },
    [&] { return lstm(x); },
    [&] { return gru(x); },
    [&] { return lstm.run(ones({1, 2, 3}), {ones({5}), ones({5})}); },
    [&] { return gru.run(ones({1, 2, 3}), ones({5})); },
    [&] { return list[7].describe(); },
    [&] { return list.at<nn::Linear>(0).describe(); },
    [&] { return linear.load_state_dict(wrong); },
    [&] { return linear.prepare_load(wrong).report; },
    [&] { return nn::load_torch(linear, wrong); },
    [&] { return nn::to_torch(nn::LayerNorm({2, 3})); },
    [&] { linear.to(int64); return 0; },
    [&] { return nn::checkpoint(linear, none); },
    [&] { return nn::summary(linear, y); },
    [&] { return nn::dropout(x, 2); },
    [&] { return nn::cross_entropy(x, y); }, // losses
    [&] { return nn::nll_loss(x, y); },
    [&] { return nn::mse_loss(x, y); },
    [&] { return nn::l1_loss(x, y); },
    [&] { return nn::arctan_loss(x, y); },
    [&] { return nn::huber_loss(x, y); },
    [&] { return nn::huber_loss(x, x, {.delta = 0}); },
    [&] { return nn::smooth_l1_loss(x, y); },
    [&] { return nn::binary_cross_entropy(x, y); },
    [&] { return nn::bce_with_logits(x, y); },
    [&] { return nn::kl_div(x, y); },
    [&] { nn::init::zeros(none); return 0; }, // initialisers
    [&] { nn::init::ones(none); return 0; },
    [&] { nn::init::constant(none, 1); return 0; },
    [&] { nn::init::uniform(x, 2, 1); return 0; },
    [&] { nn::init::normal(x, 0, -1); return 0; },
    [&] { return nn::init::fans({2}); },
    [&] { nn::init::xavier_uniform(y); return 0; },
    [&] { nn::init::xavier_normal(y); return 0; },
    [&] { nn::init::kaiming_uniform(y); return 0; },
    [&] { nn::init::kaiming_normal(y); return 0; },
    [&] { nn::init::orthogonal(y); return 0; },
    [&] { return nn::check_parameters(linear, none); },
  });
}

TEST_CASE("errors of optimizers, schedules and data name the caller's line") {
  nn::Linear linear(3, 2);
  const auto weights = linear.parameters();
  optim::SGD sgd(weights);
  optim::Schedule schedule(sgd, optim::StepLR(1));
  const StateDict empty;
  const Tensor images = ones({4, 2}), labels = arange(4), none;
  const data::TensorDataset pairs(images, labels);
  data::DataLoader loader(pairs);
  check({
    [&] { return optim::SGD(std::vector<Variable>()); },
    [&] { return optim::SGD(weights, {.learning_rate = -1}); },
    [&] { return optim::Adam(weights, {.learning_rate = -1}); },
    [&] { return optim::AdamW(weights, {.learning_rate = -1}); },
    [&] { return optim::RMSprop(weights, {.learning_rate = -1}); },
    [&] { return optim::Adagrad(weights, {.learning_rate = -1}); },
    [&] { sgd.set_learning_rate(-1); return 0; },
    [&] { sgd.set_learning_rate(1, 7); return 0; },
    [&] { return sgd.learning_rate(7); },
    [&] { return sgd.parameters(7); },
    [&] { return sgd.options(7).momentum; },
    [&] { sgd.load_state_dict(empty); return 0; },
    [&] { schedule.load_state_dict(empty); return 0; },
    [&] { sgd.prepare_load(empty).run(); return 0; },
    [&] { schedule.prepare_load(empty).run(); return 0; },
    [&] { loader.load_state_dict(empty); return 0; },
    [&] { loader.prepare_load(empty).run(); return 0; },
    [&] { loader.set_epoch(-1); return 0; },
    [&] { return optim::StepLR(0); },
    [&] { return optim::CosineLR(0); },
    [&] { return optim::LinearWarmup(-1); },
    [&] { return optim::Schedule(sgd, {}); },
    [&] { return optim::clip_grad_norm(weights, -1); },
    [&] { optim::clip_grad_value(weights, -1); return 0; },
    [&] { return data::TensorDataset(images, arange(3)); },
    [&] { return data::DataLoader(pairs, {.batch_size = 0}); },
    [&] { return data::DataLoader(std::move(loader)).size() + loader.size(); },
    [&] { return pairs.get(4); },
    [&] { return pairs.gather(Tensor{4}); },
    [&] { return data::collate({}); },
    [&] { return data::gather_rows(images, Tensor{4}); },
    [&] { return data::normalize(none); },
    [&] { return data::moments(none); },
    [&] { return data::flatten_images(none); },
    [&] { return data::channels_last(none); },
    [&] { return io::read_idx("/nowhere/at-all"); },
    [&] { return data::read_mnist("/nowhere"); },
  });
}

// clang-format on

TEST_CASE("a failed allocation says where, for what and how many bytes") {
  const std::string text = thrown([] { return zeros({Index{1} << 30, Index{1} << 14}); });
  CHECK(text.find("places_test.cpp:" + std::to_string(__LINE__ - 1) + ": zeros: cannot allocate ") == 0);
  CHECK(text.find("70368744177664 bytes for float32 (1073741824, 16384)") != text.npos);
}

}  // namespace
