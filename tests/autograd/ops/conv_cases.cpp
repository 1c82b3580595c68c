// Rows for convolution: the reference is the sum of its definition, tap by tap.
#include "support/cases.hpp"

#include <xgrad/autograd/ops/conv.hpp>
#include <xgrad/tensor/factory.hpp>

namespace {

using namespace xgrad;
using test::Case;
using test::spread;

/// Calls f(n, i, j, o, position in x or -1 for padding, position in the weight) for every product in a
/// convolution.
template <class F>
void for_products(const Shape& x, const Shape& w, const Shape& y, const Conv2dOptions& options, F f) {
  const Index group_in = w[3], group_out = w[0] / options.groups;
  Padding top = options.padding.height, left = options.padding.width;
  if (options.padding.automatic) {
    top.before = options.dilation.height * (w[1] - 1) / 2;
    left.before = options.dilation.width * (w[2] - 1) / 2;
  }
  Index out = 0;
  for (Index n = 0; n < y[0]; ++n)
    for (Index i = 0; i < y[1]; ++i)
      for (Index j = 0; j < y[2]; ++j)
        for (Index o = 0; o < w[0]; ++o, ++out)
          for (Index k = 0; k < w[1]; ++k)
            for (Index l = 0; l < w[2]; ++l)
              for (Index c = 0; c < group_in; ++c) {
                const Index row = i * options.stride.height - top.before + k * options.dilation.height;
                const Index column = j * options.stride.width - left.before + l * options.dilation.width;
                if (row < 0 || row >= x[1] || column < 0 || column >= x[2]) continue;
                const Index channel = o / group_out * group_in + c;
                f(out, ((n * x[1] + row) * x[2] + column) * x[3] + channel,
                  ((o * w[1] + k) * w[2] + l) * group_in + c);
              }
}

struct Geometry {
  std::string name;
  Shape x, weight, y;
  Conv2dOptions options = {};
};

std::vector<Geometry> geometries() {
  return {
      {"one pixel", {1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}},
      {"1 x 1 kernel", {2, 3, 2, 3}, {4, 1, 1, 3}, {2, 3, 2, 4}},
      {"1 x 1 kernel, two groups", {2, 2, 2, 4}, {2, 1, 1, 2}, {2, 2, 2, 2}, {.groups = 2}},
      {"1 x 1 kernel, stride", {1, 4, 3, 2}, {3, 1, 1, 2}, {1, 2, 2, 3}, {.stride = 2}},
      {"3 x 3", {2, 4, 5, 2}, {3, 3, 3, 2}, {2, 2, 3, 3}},
      {"3 x 2, whole image", {1, 3, 2, 2}, {2, 3, 2, 2}, {1, 1, 1, 2}},
      {"padding", {1, 3, 4, 2}, {2, 3, 3, 2}, {1, 3, 4, 2}, {.padding = 1}},
      {"padding wider than the kernel", {1, 1, 2, 1}, {1, 2, 1, 1}, {1, 6, 4, 1}, {.padding = {3, 1}}},
      {"padding of each side", {1, 3, 3, 2}, {2, 2, 3, 2}, {1, 5, 4, 2}, {.padding = {{1, 2}, {3, 0}}}},
      {"one pixel, 3 x 3, padding", {2, 1, 1, 2}, {2, 3, 3, 2}, {2, 1, 1, 2}, {.padding = 1}},
      {"same", {1, 3, 4, 1}, {2, 3, 3, 1}, {1, 3, 4, 2}, {.padding = Padding2d::same}},
      {"same, even kernel", {1, 3, 4, 1}, {1, 2, 4, 1}, {1, 3, 4, 1}, {.padding = Padding2d::same}},
      {"same, dilation",
       {1, 4, 4, 1},
       {1, 2, 3, 1},
       {1, 4, 4, 1},
       {.padding = Padding2d::same, .dilation = 3}},
      {"stride", {1, 5, 6, 2}, {2, 3, 3, 2}, {1, 2, 2, 2}, {.stride = 2}},
      {"stride above the kernel", {1, 6, 7, 2}, {2, 2, 1, 2}, {1, 2, 2, 2}, {.stride = {4, 5}}},
      {"strides, padding", {2, 4, 5, 1}, {2, 3, 2, 1}, {2, 2, 2, 2}, {.stride = {2, 3}, .padding = {1, 0}}},
      {"dilation", {1, 5, 6, 2}, {2, 2, 3, 2}, {1, 3, 2, 2}, {.dilation = 2}},
      {"dilation, stride, padding",
       {1, 6, 5, 2},
       {2, 3, 2, 2},
       {1, 2, 2, 2},
       {.stride = {2, 3}, .padding = 1, .dilation = {2, 3}}},
      {"groups", {1, 3, 3, 4}, {6, 2, 2, 2}, {1, 2, 2, 6}, {.groups = 2}},
      {"groups, dilation, padding",
       {1, 3, 3, 4},
       {2, 2, 2, 2},
       {1, 3, 3, 2},
       {.padding = 1, .dilation = 2, .groups = 2}},
      {"depthwise", {1, 3, 4, 3}, {3, 2, 2, 1}, {1, 2, 3, 3}, {.groups = 3}},
      {"depthwise, two each", {1, 3, 3, 2}, {4, 3, 3, 1}, {1, 3, 3, 4}, {.padding = 1, .groups = 2}},
      {"no images", {0, 3, 3, 2}, {2, 2, 2, 2}, {0, 2, 2, 2}},
      {"no channels", {2, 3, 3, 0}, {2, 2, 2, 0}, {2, 2, 2, 2}},
      {"no outputs", {2, 3, 3, 2}, {0, 2, 2, 2}, {2, 2, 2, 0}},
      {"no pixels, padding", {1, 0, 2, 1}, {2, 2, 2, 1}, {1, 1, 3, 2}, {.padding = 1}},
  };
}

Tensor conv_reference(const Geometry& g, const std::vector<Tensor>& inputs) {
  Tensor y = zeros(g.y, float64);
  double* out = y.mutable_data<double>();
  const Index features = g.y[3];
  if (inputs.size() > 2)
    for (Index i = 0; i < y.count(); ++i) out[i] = inputs[2].data<double>()[i % features];
  for_products(g.x, g.weight, g.y, g.options, [&](Index to, Index x, Index w) {
    out[to] += inputs[0].data<double>()[x] * inputs[1].data<double>()[w];
  });
  return y;
}

std::vector<Case> conv_cases() {
  std::vector<Case> rows;
  for (const Geometry& g : geometries()) {
    for (const bool bias : {false, true}) {
      std::vector<Tensor> inputs{spread(g.x, -1, 1, 1), spread(g.weight, -1, 1.5, 2)};
      if (bias) inputs.push_back(spread({g.weight[0]}, -1, 1, 3));
      rows.push_back({.operation = "conv2d",
                      .name = g.name + (bias ? ", bias" : ""),
                      .function =
                          [g](const std::vector<Variable>& x) {
                            return conv2d(x[0], x[1], x.size() > 2 ? x[2] : Variable(), g.options);
                          },
                      .inputs = std::move(inputs),
                      .reference = [g](const std::vector<Tensor>& x) { return conv_reference(g, x); }});
    }
    rows.push_back({.operation = "conv2d_input_gradient",
                    .name = g.name,
                    .function =
                        [g](const std::vector<Variable>& x) {
                          return conv2d_input_gradient(x[0], x[1], g.x, g.options);
                        },
                    .inputs = {spread(g.y, -1, 1, 4), spread(g.weight, -1, 1.5, 5)},
                    .reference =
                        [g](const std::vector<Tensor>& inputs) {
                          Tensor result = zeros(g.x, float64);
                          double* out = result.mutable_data<double>();
                          for_products(g.x, g.weight, g.y, g.options, [&](Index y, Index x, Index w) {
                            out[x] += inputs[0].data<double>()[y] * inputs[1].data<double>()[w];
                          });
                          return result;
                        }});
    rows.push_back({.operation = "conv2d_weight_gradient",
                    .name = g.name,
                    .function =
                        [g](const std::vector<Variable>& x) {
                          return conv2d_weight_gradient(x[0], x[1], g.weight, g.options);
                        },
                    .inputs = {spread(g.y, -1, 1, 6), spread(g.x, -1, 1.5, 7)},
                    .reference =
                        [g](const std::vector<Tensor>& inputs) {
                          Tensor result = zeros(g.weight, float64);
                          double* out = result.mutable_data<double>();
                          for_products(g.x, g.weight, g.y, g.options, [&](Index y, Index x, Index w) {
                            out[w] += inputs[0].data<double>()[y] * inputs[1].data<double>()[x];
                          });
                          return result;
                        }});
  }
  rows.push_back({.operation = "conv2d",
                  .name = "same operand twice",
                  .function = [](const std::vector<Variable>& x) { return conv2d(x[0], x[0]); },
                  .inputs = {spread({2, 2, 2, 3}, -1, 1)},
                  .reference =
                      [](const std::vector<Tensor>& x) {
                        return conv_reference({"", x[0].shape(), x[0].shape(), {2, 1, 1, 2}}, {x[0], x[0]});
                      }});
  return rows;
}

struct Transposed {
  std::string name;
  Shape x, weight, y;
  ConvTranspose2dOptions options = {};
};

/// Every pixel of x adds its copy of the kernel to y.
Tensor transpose_reference(const Transposed& g, const std::vector<Tensor>& inputs) {
  Tensor y = zeros(g.y, float64);
  double* out = y.mutable_data<double>();
  const Shape &x = g.x, &w = g.weight;
  const ConvTranspose2dOptions& o = g.options;
  for (Index i = 0; i < y.count(); ++i)
    if (inputs.size() > 2) out[i] = inputs[2].data<double>()[i % g.y[3]];
  for (Index n = 0; n < x[0]; ++n)
    for (Index i = 0; i < x[1]; ++i)
      for (Index j = 0; j < x[2]; ++j)
        for (Index c = 0; c < x[3]; ++c)
          for (Index k = 0; k < w[1]; ++k)
            for (Index l = 0; l < w[2]; ++l)
              for (Index f = 0; f < w[3]; ++f) {
                const Index row = i * o.stride.height + k * o.dilation.height - o.padding.height.before;
                const Index column = j * o.stride.width + l * o.dilation.width - o.padding.width.before;
                if (row < 0 || row >= g.y[1] || column < 0 || column >= g.y[2]) continue;
                const Index feature = c / (x[3] / o.groups) * w[3] + f;
                out[((n * g.y[1] + row) * g.y[2] + column) * g.y[3] + feature] +=
                    inputs[0].data<double>()[((n * x[1] + i) * x[2] + j) * x[3] + c] *
                    inputs[1].data<double>()[((c * w[1] + k) * w[2] + l) * w[3] + f];
              }
  return y;
}

std::vector<Case> transpose_cases() {
  const Transposed geometries[] = {
      {"one pixel", {1, 1, 1, 2}, {2, 3, 2, 3}, {1, 3, 2, 3}},
      {"plain", {2, 2, 3, 2}, {2, 2, 2, 3}, {2, 3, 4, 3}},
      {"stride, padding, output padding",
       {1, 2, 3, 2},
       {2, 3, 3, 2},
       {1, 4, 6, 2},
       {.stride = 2, .padding = 1, .output_padding = 1}},
      {"stride above the kernel", {1, 2, 2, 1}, {1, 2, 1, 2}, {1, 5, 5, 2}, {.stride = {3, 4}}},
      {"output padding above the stride",
       {1, 3, 2, 1},
       {1, 2, 2, 1},
       {1, 7, 5, 1},
       {.output_padding = {1, 0}, .dilation = 3}},
      {"groups, sides", {1, 3, 3, 4}, {4, 2, 3, 1}, {1, 3, 3, 2}, {.padding = {{0, 1}, {2, 0}}, .groups = 2}},
      {"no images", {0, 2, 2, 2}, {2, 2, 2, 1}, {0, 3, 3, 1}},
  };
  std::vector<Case> rows;
  for (const Transposed& g : geometries)
    for (const bool bias : {false, true}) {
      std::vector<Tensor> inputs{spread(g.x, -1, 1, 1), spread(g.weight, -1, 1.5, 2)};
      if (bias) inputs.push_back(spread({g.y[3]}, -1, 1, 3));
      rows.push_back({.operation = "conv_transpose2d",
                      .name = g.name + (bias ? ", bias" : ""),
                      .function =
                          [g](const std::vector<Variable>& x) {
                            return conv_transpose2d(x[0], x[1], x.size() > 2 ? x[2] : Variable(), g.options);
                          },
                      .inputs = std::move(inputs),
                      .reference = [g](const std::vector<Tensor>& x) { return transpose_reference(g, x); }});
    }
  return rows;
}

const bool rows = test::add_cases(conv_cases()) && test::add_cases(transpose_cases());

}  // namespace
