// Rows for pooling: references visit each window pixel by pixel.
#include "support/cases.hpp"

#include <xgrad/autograd/ops/pooling.hpp>
#include <xgrad/tensor/factory.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace {

using namespace xgrad;
using test::Case;
using test::spread;

/// Calls f(output element, x element) for every pixel under every window that lies in the image.
template <class F>
void for_pixels(const Shape& x, const Shape& y, const MaxPool2dOptions& o, F f) {
  const Size2d stride = o.stride == Size2d(0) ? o.kernel : o.stride;
  Index out = 0;
  for (Index n = 0; n < y[0]; ++n)
    for (Index i = 0; i < y[1]; ++i)
      for (Index j = 0; j < y[2]; ++j)
        for (Index c = 0; c < y[3]; ++c, ++out)
          for (Index k = 0; k < o.kernel.height; ++k)
            for (Index l = 0; l < o.kernel.width; ++l) {
              const Index row = i * stride.height - o.padding.height.before + k * o.dilation.height;
              const Index column = j * stride.width - o.padding.width.before + l * o.dilation.width;
              if (row >= 0 && row < x[1] && column >= 0 && column < x[2])
                f(out, ((n * x[1] + row) * x[2] + column) * x[3] + c);
            }
}

struct Geometry {
  std::string name;
  Shape x, y;
  MaxPool2dOptions options;
};

/// Without dilation, so that both kinds of pooling have them.
std::vector<Geometry> geometries() {
  return {
      {"one pixel", {1, 1, 1, 1}, {1, 1, 1, 1}, {.kernel = 1}},
      {"2 x 2", {2, 4, 5, 3}, {2, 2, 2, 3}, {.kernel = 2}},
      {"overlap", {1, 4, 5, 2}, {1, 2, 2, 2}, {.kernel = {3, 2}, .stride = {1, 3}}},
      {"stride above the kernel", {1, 6, 5, 1}, {1, 2, 3, 1}, {.kernel = {2, 1}, .stride = {4, 2}}},
      {"padding", {2, 4, 3, 2}, {2, 3, 2, 2}, {.kernel = 2, .padding = 1}},
      {"padding of each side",
       {1, 3, 4, 1},
       {1, 3, 3, 1},
       {.kernel = 3, .stride = {1, 2}, .padding = {{0, 2}, {2, 1}}}},
      {"same", {1, 3, 4, 1}, {1, 3, 4, 1}, {.kernel = 3, .stride = 1, .padding = 1}},
      {"whole image", {2, 3, 2, 2}, {2, 1, 1, 2}, {.kernel = {3, 2}}},
      {"more channels than a strip", {1, 2, 2, 70}, {1, 1, 1, 70}, {.kernel = 2}},
      {"more channels than a vector", {1, 4, 5, 19}, {1, 2, 2, 19}, {.kernel = {3, 2}, .stride = {1, 3}}},
      {"no images", {0, 4, 4, 2}, {0, 2, 2, 2}, {.kernel = 2}},
      {"no channels", {2, 4, 4, 0}, {2, 2, 2, 0}, {.kernel = 2}},
  };
}

std::vector<Case> max_cases() {
  std::vector<Geometry> all = geometries();
  all.push_back({"dilation", {1, 5, 6, 2}, {1, 3, 2, 2}, {.kernel = {2, 3}, .stride = 1, .dilation = 2}});
  all.push_back({"dilation, stride, padding",
                 {1, 5, 4, 1},
                 {1, 2, 3, 1},
                 {.kernel = {3, 2}, .stride = {2, 1}, .padding = 1, .dilation = {2, 3}}});
  all.push_back({"more than 256 taps", {1, 18, 17, 2}, {1, 2, 2, 2}, {.kernel = {17, 16}, .stride = 1}});
  std::vector<Case> rows;
  for (const Geometry& g : all)
    rows.push_back({.operation = "max_pool2d",
                    .name = g.name,
                    .function = [g](const std::vector<Variable>& x) { return max_pool2d(x[0], g.options); },
                    .inputs = {spread(g.x, -2, 1)},
                    .reference =
                        [g](const std::vector<Tensor>& x) {
                          Tensor y = full(g.y, -std::numeric_limits<double>::infinity(), float64);
                          double* out = y.mutable_data<double>();
                          for_pixels(g.x, g.y, g.options, [&](Index to, Index from) {
                            out[to] = std::max(out[to], x[0].data<double>()[from]);
                          });
                          return y;
                        }});
  return rows;
}

/// The weight of every x element in every output element, from the definition.
template <class F>
void for_shares(const Geometry& g, bool count_padding, F f) {
  std::vector<double> pixels(static_cast<std::size_t>(g.y.count()), 0.0);
  for_pixels(g.x, g.y, g.options, [&](Index to, Index) { ++pixels[static_cast<std::size_t>(to)]; });
  const auto area = static_cast<double>(g.options.kernel.height * g.options.kernel.width);
  for_pixels(g.x, g.y, g.options, [&](Index to, Index from) {
    f(to, from, 1 / (count_padding ? area : pixels[static_cast<std::size_t>(to)]));
  });
}

std::vector<Case> average_cases() {
  std::vector<Case> rows;
  for (const Geometry& g : geometries())
    for (const bool count : {true, false}) {
      const AvgPool2dOptions options{g.options.kernel, g.options.stride, g.options.padding, count};
      const std::string name = g.name + (count ? "" : ", padding not counted");
      rows.push_back({.operation = "avg_pool2d",
                      .name = name,
                      .function = [=](const std::vector<Variable>& x) { return avg_pool2d(x[0], options); },
                      .inputs = {spread(g.x, -2, 1)},
                      .reference =
                          [=](const std::vector<Tensor>& x) {
                            Tensor y = zeros(g.y, float64);
                            double* out = y.mutable_data<double>();
                            for_shares(g, count, [&](Index to, Index from, double share) {
                              out[to] += share * x[0].data<double>()[from];
                            });
                            return y;
                          }});
      rows.push_back(
          {.operation = "avg_pool2d_input_gradient",
           .name = name,
           .function =
               [=](const std::vector<Variable>& x) { return avg_pool2d_input_gradient(x[0], g.x, options); },
           .inputs = {spread(g.y, -2, 1)},
           .reference =
               [=](const std::vector<Tensor>& y) {
                 Tensor x = zeros(g.x, float64);
                 double* out = x.mutable_data<double>();
                 for_shares(g, count, [&](Index from, Index to, double share) {
                   out[to] += share * y[0].data<double>()[from];
                 });
                 return x;
               }});
    }
  return rows;
}

/// Calls f(output element, x element, share) for adaptive pooling: window i meets pixel p where their parts
/// of the unit interval overlap.
template <class F>
void for_adaptive_shares(const Shape& x, const Shape& y, F f) {
  const auto meets = [](Index window, Index windows, Index pixel, Index pixels) {
    return window * pixels < (pixel + 1) * windows && pixel * windows < (window + 1) * pixels;
  };
  for (Index n = 0; n < y[0]; ++n)
    for (Index i = 0; i < y[1]; ++i)
      for (Index j = 0; j < y[2]; ++j) {
        std::vector<Index> pixels;
        for (Index row = 0; row < x[1]; ++row)
          for (Index column = 0; column < x[2]; ++column)
            if (meets(i, y[1], row, x[1]) && meets(j, y[2], column, x[2]))
              pixels.push_back((n * x[1] + row) * x[2] + column);
        for (const Index pixel : pixels)
          for (Index c = 0; c < x[3]; ++c)
            f(((n * y[1] + i) * y[2] + j) * x[3] + c, pixel * x[3] + c,
              1 / static_cast<double>(pixels.size()));
      }
}

std::vector<Case> adaptive_cases() {
  const std::pair<Shape, Shape> shapes[] = {
      {{2, 3, 4, 2}, {2, 1, 1, 2}}, {{1, 5, 7, 2}, {1, 3, 4, 2}}, {{1, 4, 6, 1}, {1, 2, 3, 1}},
      {{1, 2, 3, 2}, {1, 5, 3, 2}}, {{1, 1, 1, 1}, {1, 2, 3, 1}}, {{0, 3, 3, 2}, {0, 2, 2, 2}},
      {{1, 3, 3, 0}, {1, 1, 1, 0}},
  };
  std::vector<Case> rows;
  for (const auto& pair : shapes) {
    const Shape from = pair.first, to = pair.second;
    const std::string name = to_string(from) + " to " + to_string(to);
    rows.push_back({.operation = "adaptive_avg_pool2d",
                    .name = name,
                    .function =
                        [=](const std::vector<Variable>& x) {
                          return adaptive_avg_pool2d(x[0], {to[1], to[2]});
                        },
                    .inputs = {spread(from, -2, 1)},
                    .reference =
                        [=](const std::vector<Tensor>& x) {
                          Tensor y = zeros(to, float64);
                          double* out = y.mutable_data<double>();
                          for_adaptive_shares(from, to, [&](Index i, Index j, double share) {
                            out[i] += share * x[0].data<double>()[j];
                          });
                          return y;
                        }});
    rows.push_back(
        {.operation = "adaptive_avg_pool2d_input_gradient",
         .name = name,
         .function =
             [=](const std::vector<Variable>& y) { return adaptive_avg_pool2d_input_gradient(y[0], from); },
         .inputs = {spread(to, -2, 1)},
         .reference =
             [=](const std::vector<Tensor>& y) {
               Tensor x = zeros(from, float64);
               double* out = x.mutable_data<double>();
               for_adaptive_shares(from, to, [&](Index i, Index j, double share) {
                 out[j] += share * y[0].data<double>()[i];
               });
               return x;
             }});
  }
  return rows;
}

const bool rows =
    test::add_cases(max_cases()) && test::add_cases(average_cases()) && test::add_cases(adaptive_cases());

}  // namespace
