// Every public function with integer arguments, given integers at the ends of their range: it returns, or
// throws an Error that was complete before anything was changed. Run under the undefined-behaviour sanitizer
// as well.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <climits>
#include <functional>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace xgrad;

constexpr Index lowest = std::numeric_limits<Index>::min(), highest = std::numeric_limits<Index>::max();

/// The integers of one call, drawn from the ends of their range and the smallest ones.
class Draw {
 public:
  explicit Draw(unsigned seed) : engine_(seed) {}

  Index operator()() {
    static constexpr Index candidates[] = {lowest, lowest + 1, -1, 0, 1, highest - 1, highest};
    given.push_back(candidates[engine_() % 7]);
    return given.back();
  }
  Shape shape(int rank) {
    Shape shape;
    for (int i = 0; i < rank; ++i) shape.push_back((*this)());
    return shape;
  }
  std::vector<Index> list(int size) {
    std::vector<Index> list;
    for (int i = 0; i < size; ++i) list.push_back((*this)());
    return list;
  }
  /// Most options keep their default in most calls: otherwise the first one would hide the others.
  Index or_else(Index usual) { return engine_() % 3 == 0 ? (*this)() : usual; }
  Size2d size(Index usual) {
    const Index height = or_else(usual), width = or_else(usual);
    return {height, width};
  }
  Padding2d padding() {
    const Index top = or_else(0), bottom = or_else(0), left = or_else(0), right = or_else(0);
    return {{top, bottom}, {left, right}};
  }
  Slice slice() {
    Slice range;
    const std::size_t before = given.size();
    if (engine_() % 2 == 0) range.begin = (*this)();
    if (engine_() % 2 == 0) range.end = (*this)();
    range.step = or_else(1);
    // All legal but a step of 0: no message is about them.
    given.resize(before);
    return range;
  }
  bool flag() { return engine_() % 2 == 0; }
  int narrow() {
    given.push_back(std::clamp<Index>((*this)(), INT_MIN, INT_MAX));
    return static_cast<int>(given.back());
  }

  std::vector<Index> given;

 private:
  std::mt19937 engine_;
};

struct Case {
  const char* name;
  std::function<void(Draw&)> call;
};

Variable leaf(const Tensor& value) { return Variable(value, {.requires_grad = true}); }

/// Operands of three kinds: with elements, without, and a scalar.
Variable operand(Draw& draw) {
  const Index kind = draw.flag() ? 0 : draw.flag() ? 1 : 2;
  return leaf(kind == 0 ? ones({2, 3}) : kind == 1 ? zeros({0, 3}) : ones({}));
}

/// The rule sees the same integers.
void differentiate(const Variable& y) {
  if (y.requires_grad()) sum(y).backward();
}
void differentiate(const std::vector<Variable>& parts) {
  for (const Variable& part : parts) differentiate(part);
}
void differentiate(const ValueAndIndex& found) { differentiate(found.values); }

/// A function of an operand and one axis.
template <class F>
Case along_axis(const char* name, F f) {
  return {name, [f](Draw& draw) {
            const Variable x = operand(draw);
            differentiate(f(x, draw()));
          }};
}

/// A layer is made from integers, told to describe itself, and called.
template <class F>
Case layer(const char* name, F make, const Tensor& input) {
  return {name, [make, input](Draw& draw) {
            auto module = make(draw);
            static_cast<void>(module.describe());
            differentiate(static_cast<nn::Module&>(module)(input));
          }};
}

const std::vector<Case>& tensor_cases() {
  static const std::vector<Case> cases{
      {"zeros", [](Draw& d) { zeros(d.shape(3)); }},
      {"ones", [](Draw& d) { ones(d.shape(2), float64); }},
      {"full", [](Draw& d) { full(d.shape(4), 1, uint8); }},
      {"uninitialized", [](Draw& d) { Tensor::uninitialized(d.shape(3), boolean); }},
      {"from", [](Draw& d) { Tensor::from(std::vector<float>{1}, d.shape(3)); }},
      {"arange", [](Draw& d) { arange(d(), d(), d()); }},
      {"arange stop", [](Draw& d) { arange(d()); }},
      {"arange of a dtype",
       [](Draw& d) {
         for (const DType dtype : {float32, float64, int64, uint8}) arange(d(), d(), d(), dtype);
       }},
      {"linspace", [](Draw& d) { linspace(0, 1, d()); }},
      {"eye", [](Draw& d) { eye(d(), d()); }},
      {"eye of rows", [](Draw& d) { eye(d()); }},
      {"uniform", [](Draw& d) { uniform(d.shape(2)); }},
      {"normal", [](Draw& d) { normal(d.shape(3)); }},
      {"bernoulli", [](Draw& d) { bernoulli(d.shape(2), 0.5); }},
      {"randint",
       [](Draw& d) {
         const Shape shape = d.flag() ? Shape{3} : d.shape(2);
         randint(shape, d(), d());
       }},
      {"permutation", [](Draw& d) { permutation(d()); }},
      {"Tensor::reshape",
       [](Draw& d) {
         (d.flag() ? ones({2, 3}) : zeros({0, 3})).reshape(d.shape(3));
       }},
      {"Tensor::rows",
       [](Draw& d) {
         (d.flag() ? ones({2, 3}) : zeros({0, 3})).rows(d(), d());
       }},
      {"Tensor::at",
       [](Draw& d) {
         static_cast<void>(ones({2, 3}).at({d(), d()}));
       }},
      {"Tensor::size",
       [](Draw& d) {
         static_cast<void>(ones({2, 3}).size(d()));
       }},
      {"Shape",
       [](Draw& d) {
         Shape shape{2, 3};
         const Index axis = d();
         if (d.flag())
           shape.insert(axis, d());
         else
           shape.erase(axis);
         static_cast<void>(shape.count());
       }},
      {"Axes", [](Draw& d) { static_cast<void>(Axes(d.list(2)).sorted(2)); }},
      {"wrap_axis", [](Draw& d) { wrap_axis(d(), 3); }},
      {"broadcast_shapes", [](Draw& d) { broadcast_shapes(d.shape(3), d.shape(2)).count(); }},
      {"contiguous_strides", [](Draw& d) { contiguous_strides(d.shape(4)); }},
      {"to_string",
       [](Draw& d) {
         to_string(arange(20), {.precision = 2, .threshold = d.or_else(3), .edge_items = d.or_else(3)});
       }},
      {"set_num_threads",
       [](Draw& d) {
         const int before = num_threads(), count = d.narrow();
         if (count > 1) return;  // as many would be started
         set_num_threads(count);
         set_num_threads(before);
       }},
      {"polygamma", [](Draw& d) { polygamma(d.narrow(), ones({2})); }},
  };
  return cases;
}

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
      {"std", [](Draw& d) { differentiate(xgrad::std(operand(d), d.or_else(0), {.correction = d()})); }},
      {"norm", [](Draw& d) { differentiate(norm(operand(d), static_cast<double>(d()), d.list(2))); }},
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
    return ConvOptions{stride, padding, dilation, d.or_else(1)};
  };
  const auto transposed = [](Draw& d) {
    const Size2d stride = d.size(1);
    const Padding2d padding = d.padding();
    const Size2d output_padding = d.size(0), dilation = d.size(1);
    return ConvTransposeOptions{stride, padding, output_padding, dilation, d.or_else(1)};
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

const std::vector<Case>& layer_cases() {
  const Tensor images = ones({1, 3, 3, 2}), rows = ones({2, 3}), sequence = ones({2, 1, 3});
  static const std::vector<Case> cases{
      layer(
          "Linear", [](Draw& d) { return nn::Linear(d.or_else(3), d.or_else(2)); }, rows),
      layer(
          "Conv2d",
          [](Draw& d) {
            const Index in = d.or_else(2), out = d.or_else(2);
            const Size2d kernel = d.size(2), stride = d.size(1);
            const Padding2d padding = d.padding();
            const Size2d dilation = d.size(1);
            return nn::Conv2d(in, out, {kernel, stride, padding, dilation, d.or_else(1)});
          },
          images),
      layer(
          "ConvTranspose2d",
          [](Draw& d) {
            const Index in = d.or_else(2), out = d.or_else(2);
            const Size2d kernel = d.size(2), stride = d.size(1);
            const Padding2d padding = d.padding();
            const Size2d output_padding = d.size(0), dilation = d.size(1);
            return nn::ConvTranspose2d(in, out,
                                       {kernel, stride, padding, output_padding, dilation, d.or_else(1)});
          },
          images),
      layer(
          "MaxPool2d",
          [](Draw& d) {
            const Size2d kernel = d.size(2), stride = d.size(1);
            const Padding2d padding = d.padding();
            return nn::MaxPool2d({kernel, stride, padding, d.size(1)});
          },
          images),
      layer(
          "AvgPool2d",
          [](Draw& d) {
            const Size2d kernel = d.size(2), stride = d.size(1);
            return nn::AvgPool2d({kernel, stride, d.padding()});
          },
          images),
      layer(
          "AdaptiveAvgPool2d", [](Draw& d) { return nn::AdaptiveAvgPool2d(d.size(2)); }, images),
      layer(
          "Embedding",
          [](Draw& d) {
            const Index count = d.or_else(3), size = d.or_else(2);
            return nn::Embedding(count, size, {.padding_idx = d.or_else(0)});
          },
          zeros({2}, int64)),
      layer(
          "LSTM",
          [](Draw& d) {
            const Index input = d.or_else(3), hidden = d.or_else(2);
            return nn::LSTM(input, hidden, {.layers = d.or_else(1), .bidirectional = d.flag()});
          },
          sequence),
      layer(
          "GRU",
          [](Draw& d) {
            const Index input = d.or_else(3), hidden = d.or_else(2);
            return nn::GRU(input, hidden, {.layers = d.or_else(1), .bidirectional = d.flag()});
          },
          sequence),
      layer(
          "MultiheadAttention",
          [](Draw& d) {
            const Index embed = d.or_else(4);
            return nn::MultiheadAttention(embed, d.or_else(2));
          },
          ones({1, 2, 4})),
      layer(
          "LayerNorm", [](Draw& d) { return nn::LayerNorm(d.shape(2)); }, rows),
      layer(
          "RMSNorm", [](Draw& d) { return nn::RMSNorm(d.shape(1)); }, rows),
      layer(
          "GroupNorm",
          [](Draw& d) {
            const Index groups = d.or_else(1);
            return nn::GroupNorm(groups, d.or_else(3));
          },
          rows),
      layer(
          "BatchNorm1d", [](Draw& d) { return nn::BatchNorm1d(d()); }, rows),
      layer(
          "BatchNorm2d", [](Draw& d) { return nn::BatchNorm2d(d()); }, images),
      layer(
          "Flatten",
          [](Draw& d) {
            const Index first = d();
            return nn::Flatten(first, d());
          },
          rows),
      layer(
          "Softmax", [](Draw& d) { return nn::Softmax(d()); }, rows),
      layer(
          "LogSoftmax", [](Draw& d) { return nn::LogSoftmax(d()); }, rows),
      {"ModuleList",
       [](Draw& d) {
         nn::Sequential list{nn::ReLU(), nn::Tanh()};
         static_cast<void>(list[d()]);
         static_cast<void>(list.at<nn::ReLU>(d()));
       }},
      {"init::fans", [](Draw& d) { nn::init::fans(d.shape(3)); }},
      {"StepLR",
       [](Draw& d) {
         const optim::StepLR rule(d());
         rule(0.1, d());
       }},
      {"CosineLR",
       [](Draw& d) {
         const optim::CosineLR rule(d());
         rule(0.1, d());
       }},
      {"LinearWarmup",
       [](Draw& d) {
         const optim::LinearWarmup rule(d(), optim::StepLR(1));
         rule(0.1, d());
       }},
      {"DataLoader",
       [](Draw& d) {
         data::LoaderOptions options{.batch_size = d.or_else(2), .shuffle = d.flag(), .drop_last = d.flag()};
         // As many batches ahead as there are, at most.
         options.prefetch = d.or_else(0);
         data::DataLoader loader(data::TensorDataset(arange(5)), options);
         loader.set_epoch(d.or_else(0));
         static_cast<void>(loader.size());
         for (const auto& batch : loader) static_cast<void>(batch);
         static_cast<void>(loader.epoch());
       }},
      {"TensorDataset",
       [](Draw& d) {
         const data::TensorDataset dataset(ones({3, 2}));
         if (d.flag())
           static_cast<void>(dataset.get(d()));
         else
           static_cast<void>(dataset.gather(Tensor({d()}, int64)));
       }},
      {"gradcheck",
       [](Draw& d) {
         gradcheck([](const std::vector<Variable>& x) { return sum(square(x[0])); },
                   std::vector<Tensor>{ones({2}, float64)}, {.max_elements = d()});
       }},
  };
  return cases;
}

void walk(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CAPTURE(std::string(one.name));
    for (unsigned seed = 0; seed < 300; ++seed) {
      Draw draw(seed);
      std::string problem;
      try {
        one.call(draw);
      } catch (const Error& error) {
        const std::string text = error.what();
        const auto named = [&](Index number) {
          return text.find(std::to_string(number).substr(0, 12)) != text.npos;
        };
        const auto extreme = [](Index number) { return number < -1 || number > 1; };
        // It names one of the numbers, or the size that they would make, unless it is about a scalar's axes.
        if (std::any_of(draw.given.begin(), draw.given.end(), extreme) &&
            std::none_of(draw.given.begin(), draw.given.end(), named) && text.find("()") == text.npos &&
            text.find("a scalar") == text.npos && text.find(" bytes of ") == text.npos &&
            text.find("the step of a slice") == text.npos)
          problem = "no number in: " + text;
      } catch (const std::bad_alloc&) {
        problem = "bad_alloc";
      } catch (const std::exception& error) {
        problem = error.what();
      }
      if (problem.empty()) continue;
      std::string given;
      for (const Index number : draw.given) given += std::to_string(number) + " ";
      FAIL_CHECK(std::string(one.name) << "(" << given << "): " << problem);
      break;
    }
  }
}

}  // namespace

TEST_CASE("extreme integers: tensors made and read") { walk(tensor_cases()); }
TEST_CASE("extreme integers: shapes, order and repetition") { walk(shape_cases()); }
TEST_CASE("extreme integers: indices") { walk(index_cases()); }
TEST_CASE("extreme integers: reductions") { walk(reduce_cases()); }
TEST_CASE("extreme integers: windows, norms and attention") { walk(window_cases()); }
TEST_CASE("extreme integers: layers, schedules and loaders") { walk(layer_cases()); }
