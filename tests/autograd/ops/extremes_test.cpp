// Operations given integers at the ends of their range.
#include "support/extremes.hpp"

using namespace xgrad;
using test::leaf;
using namespace xgrad::test::extremes;

namespace {

const std::vector<Case>& shape_cases() {
  static const std::vector<Case> cases{
      {"reshape", [](Draw& d) { differentiate(reshape(operand(d), d.shape(3))); }},
      {"flatten", [](Draw& d) { differentiate(flatten(operand(d), d(), d())); }},
      {"squeeze", [](Draw& d) { differentiate(squeeze(operand(d), d.list(2))); }},
      along_axis("unsqueeze", [](const Variable& x, Index axis) { return unsqueeze(x, axis); }),
      {"transpose", [](Draw& d) { differentiate(transpose(operand(d), d(), d())); }},
      {"permute", [](Draw& d) { differentiate(permute(operand(d), d.list(2))); }},
      {"broadcast_to",
       [](Draw& d) {
         broadcast_to(leaf(d.flag() ? ones({1, 1}) : ones({})), d.shape(3));
       }},
      {"broadcast_to of nothing",
       [](Draw& d) {
         broadcast_to(leaf(zeros({0, 1})), d.shape(3));
       }},
      {"concat",
       [](Draw& d) {
         const Variable x = operand(d);
         differentiate(concat({x, x}, d()));
       }},
      {"stack",
       [](Draw& d) {
         const Variable x = operand(d);
         differentiate(stack({x, x}, d()));
       }},
      {"split sizes", [](Draw& d) { differentiate(split(operand(d), d.list(2), d.or_else(0))); }},
      {"split", [](Draw& d) { differentiate(split(operand(d), d(), d.or_else(0))); }},
      {"chunk", [](Draw& d) { differentiate(chunk(operand(d), d(), d.or_else(0))); }},
      along_axis("unbind", [](const Variable& x, Index axis) { return unbind(x, axis); }),
      {"slice", [](Draw& d) { differentiate(slice(operand(d), d.or_else(0), d.slice())); }},
      {"slice_scatter",
       [](Draw& d) {
         const Variable x = operand(d);
         const Shape shape{d.or_else(2), d.or_else(3)};
         differentiate(slice_scatter(x, shape, d.or_else(0), d.slice()));
       }},
      {"pad",
       [](Draw& d) {
         for (const PadMode mode : {PadMode::constant, PadMode::reflect, PadMode::replicate}) {
           const Variable x = d.flag() ? leaf(ones({2, 3})) : leaf(zeros({0, 3}));
           const Padding first{d.or_else(0), d.or_else(0)}, second{d.or_else(0), d.or_else(0)};
           differentiate(pad(x, {first, second}, {.mode = mode}));
         }
       }},
      {"flip", [](Draw& d) { differentiate(flip(operand(d), d.list(1))); }},
      {"roll", [](Draw& d) { differentiate(roll(operand(d), d(), d.or_else(0))); }},
      {"tile", [](Draw& d) { differentiate(tile(operand(d), d.list(2))); }},
      {"tile of more axes", [](Draw& d) { differentiate(tile(operand(d), d.list(4))); }},
      {"repeat", [](Draw& d) { differentiate(repeat(operand(d), d(), d.or_else(0))); }},
      {"diag", [](Draw& d) { differentiate(diag(d.flag() ? operand(d) : leaf(ones({3})), d())); }},
      {"tril", [](Draw& d) { differentiate(tril(operand(d), d())); }},
      {"triu", [](Draw& d) { differentiate(triu(operand(d), d())); }},
      {"sum_to", [](Draw& d) { differentiate(sum_to(operand(d), d.shape(2))); }},
  };
  return cases;
}

const std::vector<Case>& index_cases() {
  static const std::vector<Case> cases{
      {"index",
       [](Draw& d) {
         differentiate(index(operand(d), {d.or_else(0), d.slice()}));
       }},
      {"index by a tensor",
       [](Draw& d) {
         differentiate(index(operand(d), {Tensor({d(), 0}, int64)}));
       }},
      {"index_put",
       [](Draw& d) {
         differentiate(index_put(operand(d), {d.slice(), d.or_else(0)}, 1.0));
       }},
      {"index_add",
       [](Draw& d) {
         differentiate(index_add(operand(d), {d.slice(), d.or_else(0)}, 1.0));
       }},
      {"gather",
       [](Draw& d) {
         differentiate(gather(operand(d), d.or_else(0), Tensor({{d(), 0, 0}}, int64)));
       }},
      {"scatter",
       [](Draw& d) {
         differentiate(scatter(operand(d), d.or_else(0), Tensor({{d(), 0, 0}}, int64), 1.0));
       }},
      {"scatter_add",
       [](Draw& d) {
         differentiate(scatter_add(operand(d), d.or_else(0), Tensor({{d(), 0, 0}}, int64), 1.0));
       }},
      {"index_select",
       [](Draw& d) {
         differentiate(index_select(operand(d), d.or_else(0), Tensor({d(), 0}, int64)));
       }},
      {"one_hot",
       [](Draw& d) {
         const Tensor numbers = d.flag() ? Tensor({d.or_else(0), 0}, int64) : zeros({0}, int64);
         one_hot(numbers, d());
       }},
      along_axis("sort", [](const Variable& x, Index axis) { return sort(x, axis); }),
      along_axis("argsort", [](const Variable& x, Index axis) { return argsort(x, axis); }),
      {"topk", [](Draw& d) { differentiate(topk(operand(d), d(), d.or_else(0))); }},
      {"embedding",
       [](Draw& d) {
         differentiate(embedding(Tensor({d.or_else(0), 0}, int64), leaf(ones({2, 3})), d.or_else(0)));
       }},
      {"cross_entropy",
       [](Draw& d) {
         const Variable scores = d.flag() ? leaf(ones({2, 3})) : leaf(zeros({0, 3}));
         const Tensor targets = scores.size(0) > 0 ? Tensor({d(), 0}, int64) : zeros({0}, int64);
         differentiate(nn::cross_entropy(scores, targets, {.ignore_index = d()}));
       }},
      {"nll_loss",
       [](Draw& d) {
         differentiate(nn::nll_loss(leaf(ones({2, 3})), Tensor({d(), 0}, int64), {.ignore_index = d()}));
       }},
  };
  return cases;
}

const std::vector<Case>& reduce_cases() {
  static const std::vector<Case> cases{
      along_axis("sum", [](const Variable& x, Index axis) { return sum(x, axis); }),
      along_axis("mean", [](const Variable& x, Index axis) { return mean(x, axis); }),
      along_axis("prod", [](const Variable& x, Index axis) { return prod(x, axis); }),
      along_axis("amax", [](const Variable& x, Index axis) { return amax(x, axis); }),
      along_axis("amin", [](const Variable& x, Index axis) { return amin(x, axis); }),
      along_axis("max", [](const Variable& x, Index axis) { return max(x, axis); }),
      along_axis("min", [](const Variable& x, Index axis) { return min(x, axis); }),
      along_axis("argmax", [](const Variable& x, Index axis) { return argmax(x, axis); }),
      along_axis("argmin", [](const Variable& x, Index axis) { return argmin(x, axis); }),
      {"var", [](Draw& d) { differentiate(var(operand(d), d.or_else(0), {.correction = d()})); }},
      {"stddev", [](Draw& d) { differentiate(stddev(operand(d), d.or_else(0), {.correction = d()})); }},
      {"norm", [](Draw& d) { differentiate(norm(operand(d), d.list(2), {.p = static_cast<double>(d())})); }},
      {"logsumexp", [](Draw& d) { differentiate(logsumexp(operand(d), d.list(2))); }},
      {"all", [](Draw& d) { all(operand(d), d.list(2)); }},
      {"any", [](Draw& d) { any(operand(d), d.list(2)); }},
      {"count_nonzero", [](Draw& d) { count_nonzero(operand(d), d.list(2)); }},
      along_axis("cumsum", [](const Variable& x, Index axis) { return cumsum(x, axis); }),
      along_axis("cumprod", [](const Variable& x, Index axis) { return cumprod(x, axis); }),
      along_axis("recurrence", [](const Variable& x, Index axis) { return recurrence(0.5, x, axis); }),
      along_axis("softmax", [](const Variable& x, Index axis) { return softmax(x, axis); }),
      along_axis("log_softmax", [](const Variable& x, Index axis) { return log_softmax(x, axis); }),
  };
  return cases;
}

const std::vector<Case>& window_cases() {
  const auto options = [](Draw& d) {
    const Size2d stride = d.size(1);
    const Padding2d padding = d.padding();
    const Size2d dilation = d.size(1);
    return Conv2dOptions{stride, padding, dilation, d.or_else(1)};
  };
  const auto transposed = [](Draw& d) {
    const Size2d stride = d.size(1);
    const Padding2d padding = d.padding();
    const Size2d output_padding = d.size(0), dilation = d.size(1);
    return ConvTranspose2dOptions{stride, padding, output_padding, dilation, d.or_else(1)};
  };
  const auto images = [](Draw& d) { return leaf(d.flag() ? ones({1, 3, 3, 2}) : zeros({0, 3, 3, 2})); };
  static const std::vector<Case> cases{
      {"conv2d",
       [=](Draw& d) {
         differentiate(conv2d(images(d), leaf(ones({2, 2, 2, 2})), {}, options(d)));
       }},
      {"conv2d with a kernel of 1",
       [=](Draw& d) {
         differentiate(conv2d(images(d), leaf(ones({2, 1, 1, 2})), {}, options(d)));
       }},
      {"conv2d_input_gradient",
       [=](Draw& d) {
         const Shape input{d.or_else(1), d.or_else(3), d.or_else(3), d.or_else(2)};
         differentiate(
             conv2d_input_gradient(leaf(ones({1, 2, 2, 2})), leaf(ones({2, 2, 2, 2})), input, options(d)));
       }},
      {"conv2d_weight_gradient",
       [=](Draw& d) {
         const Shape weight{d.or_else(2), d.or_else(2), d.or_else(2), d.or_else(2)};
         differentiate(
             conv2d_weight_gradient(leaf(ones({1, 2, 2, 2})), leaf(ones({1, 3, 3, 2})), weight, options(d)));
       }},
      {"conv_transpose2d",
       [=](Draw& d) {
         differentiate(conv_transpose2d(images(d), leaf(ones({2, 2, 2, 2})), {}, transposed(d)));
       }},
      {"max_pool2d",
       [=](Draw& d) {
         const Variable x = images(d);
         const Size2d kernel = d.size(2), stride = d.size(1);
         const Padding2d padding = d.padding();
         differentiate(max_pool2d(x, {kernel, stride, padding, d.size(1)}));
       }},
      {"avg_pool2d",
       [=](Draw& d) {
         const Variable x = images(d);
         const Size2d kernel = d.size(2), stride = d.size(1);
         differentiate(avg_pool2d(x, {kernel, stride, d.padding()}));
       }},
      {"avg_pool2d_input_gradient",
       [=](Draw& d) {
         const Shape input{d.or_else(1), d.or_else(3), d.or_else(3), d.or_else(2)};
         const Size2d kernel = d.size(2), stride = d.size(1);
         differentiate(
             avg_pool2d_input_gradient(leaf(ones({1, 2, 2, 2})), input, {kernel, stride, d.padding()}));
       }},
      {"adaptive_avg_pool2d", [=](Draw& d) { differentiate(adaptive_avg_pool2d(images(d), d.size(2))); }},
      {"adaptive_avg_pool2d_input_gradient",
       [=](Draw& d) {
         const Shape input{d.or_else(1), d.or_else(3), d.or_else(3), d.or_else(2)};
         differentiate(adaptive_avg_pool2d_input_gradient(leaf(ones({1, 2, 2, 2})), input));
       }},
      {"layer_norm", [](Draw& d) { differentiate(layer_norm(operand(d), d.shape(2))); }},
      {"rms_norm", [](Draw& d) { differentiate(rms_norm(operand(d), d.shape(1))); }},
      {"group_norm", [](Draw& d) { differentiate(group_norm(operand(d), d())); }},
      {"scaled_dot_product_attention",
       [](Draw& d) {
         const Variable x = leaf(d.flag() ? ones({1, 2, 4}) : zeros({1, 0, 4}));
         differentiate(scaled_dot_product_attention(x, x, x, {.heads = d()}));
       }},
      {"self_attention",
       [](Draw& d) {
         differentiate(self_attention(leaf(ones({1, 2, 12})), {.heads = d()}));
       }},
  };
  return cases;
}

}  // namespace

TEST_CASE("extreme integers: shapes, order and repetition") { walk(shape_cases()); }
TEST_CASE("extreme integers: indices") { walk(index_cases()); }
TEST_CASE("extreme integers: reductions") { walk(reduce_cases()); }
TEST_CASE("extreme integers: windows, norms and attention") { walk(window_cases()); }
