// What NumPy's indexing selects. Written by index.py; do not edit.
#pragma once

#include <xgrad/autograd/ops/index.hpp>

#include <string>

namespace goldens {

struct Selected {
  std::string name;
  xgrad::Shape from;
  std::vector<xgrad::IndexItem> items;
  xgrad::Shape shape;                   // of the result
  std::vector<xgrad::Index> positions;  // flat, into an array of shape `from`
};

// clang-format off
inline std::vector<Selected> index() {
  using namespace xgrad;
  const auto positions = [](const std::vector<Index>& values, const Shape& shape) {
    return Variable(Tensor::from(values, shape));
  };
  const auto mask = [](const std::vector<Index>& values, const Shape& shape) {
    return Variable(Tensor::from(values, shape).to(boolean));
  };
  return {
    {"position", {3, 4, 3}, {Index{1}},
     {4, 3}, {12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}},
    {"negative position", {3, 4, 3}, {Index{-1}},
     {4, 3}, {24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35}},
    {"full position", {3, 4, 3}, {Index{1}, Index{2}, Index{-1}},
     {}, {20}},
    {"no items", {3, 4}, {},
     {3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
    {"slice", {3, 4}, {Slice{1, {}, 1}},
     {2, 4}, {4, 5, 6, 7, 8, 9, 10, 11}},
    {"step", {3, 4, 3}, {Slice{{}, {}, 1}, Slice{{}, {}, 2}},
     {3, 2, 3}, {0, 1, 2, 6, 7, 8, 12, 13, 14, 18, 19, 20, 24, 25, 26, 30, 31, 32}},
    {"negative steps", {3, 4}, {Slice{{}, {}, -1}, Slice{3, 0, -2}},
     {3, 2}, {11, 9, 7, 5, 3, 1}},
    {"position between slices", {3, 4, 3}, {Slice{{}, {}, 1}, Index{1}, Slice{1, 4, 1}},
     {3, 2}, {4, 5, 16, 17, 28, 29}},
    {"empty slice", {3, 4}, {Slice{2, 2, 1}},
     {0, 4}, {}},
    {"slice out of range", {3, 4}, {Slice{5, 9, 1}, Slice{-9, 2, 1}},
     {0, 2}, {}},
    {"ellipsis then position", {3, 4, 3}, {ellipsis, Index{2}},
     {3, 4}, {2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32, 35}},
    {"ellipsis between", {3, 4, 3}, {Index{0}, ellipsis, Slice{{}, {}, 2}},
     {4, 2}, {0, 2, 3, 5, 6, 8, 9, 11}},
    {"ellipsis for nothing", {3, 4, 3}, {Index{0}, ellipsis, Index{1}, Index{2}},
     {}, {5}},
    {"newaxis", {3, 4}, {Slice{{}, {}, 1}, newaxis, Index{1}},
     {3, 1}, {1, 5, 9}},
    {"newaxis around", {3, 4}, {newaxis, ellipsis, newaxis},
     {1, 3, 4, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
    {"vector", {3, 4}, {positions({0, 2, 2, -1}, {4})},
     {4, 4}, {0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11}},
    {"matrix", {3, 4}, {positions({0, 1, 2, 0}, {2, 2})},
     {2, 2, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3}},
    {"scalar tensor", {3, 4}, {positions({1}, {})},
     {4}, {4, 5, 6, 7}},
    {"scalar tensor behind a slice", {3, 4, 3}, {Slice{{}, {}, 1}, positions({-1}, {})},
     {3, 3}, {9, 10, 11, 21, 22, 23, 33, 34, 35}},
    {"vector on the middle axis", {3, 4, 3}, {Slice{{}, {}, 1}, positions({3, 0, 3}, {3})},
     {3, 3, 3}, {9, 10, 11, 0, 1, 2, 9, 10, 11, 21, 22, 23, 12, 13, 14, 21, 22, 23, 33, 34, 35, 24, 25, 26, 33, 34, 35}},
    {"two adjacent", {2, 3, 5}, {Slice{{}, {}, 1}, positions({0, 1}, {2}), positions({4, 2}, {2})},
     {2, 2}, {4, 7, 19, 22}},
    {"two broadcast", {3, 4}, {positions({0, 2}, {2, 1}), positions({1, 3, 3}, {3})},
     {2, 3}, {1, 3, 3, 9, 11, 11}},
    {"three", {3, 4, 3}, {positions({0, 1}, {2}), positions({1, 2}, {2}), positions({2, -3}, {2})},
     {2}, {5, 18}},
    {"separated by a slice", {3, 4, 3}, {positions({0, 1}, {2}), Slice{{}, {}, 1}, positions({2, 0}, {2})},
     {2, 4}, {2, 5, 8, 11, 12, 15, 18, 21}},
    {"separated by a newaxis", {3, 4, 3}, {positions({0, 1}, {2}), newaxis, positions({2, 0}, {2})},
     {2, 1, 3}, {6, 7, 8, 12, 13, 14}},
    {"separated by an ellipsis", {3, 4, 3}, {positions({0, 2}, {2}), ellipsis, positions({1, 1}, {2})},
     {2, 4}, {1, 4, 7, 10, 25, 28, 31, 34}},
    {"separated by an ellipsis for nothing", {3, 4, 3}, {Slice{{}, {}, 1}, positions({0, 2}, {2}), ellipsis, positions({1, 1}, {2})},
     {2, 3}, {1, 13, 25, 7, 19, 31}},
    {"separated behind a slice", {2, 3, 2, 3}, {Slice{{}, {}, 1}, positions({0, 1}, {2}), Slice{{}, {}, -1}, positions({1, 2}, {2})},
     {2, 2, 2}, {4, 1, 22, 19, 11, 8, 29, 26}},
    {"adjacent behind a newaxis", {3, 4}, {newaxis, positions({0, 1}, {2}), positions({1, 2}, {2})},
     {1, 2}, {1, 6}},
    {"adjacent before a newaxis", {3, 4, 3}, {positions({0, 1}, {2}), positions({1, 2}, {2}), newaxis},
     {2, 1, 3}, {3, 4, 5, 18, 19, 20}},
    {"position apart from a vector", {3, 4, 3}, {Index{0}, Slice{{}, {}, 1}, positions({1, 2}, {2})},
     {2, 4}, {1, 4, 7, 10, 2, 5, 8, 11}},
    {"position beside a vector", {3, 4, 3}, {Slice{{}, {}, 1}, Index{0}, positions({1, 2}, {2})},
     {3, 2}, {1, 2, 13, 14, 25, 26}},
    {"vector apart from a position", {2, 3, 2}, {positions({1, 0}, {2}), Slice{1, {}, 1}, Index{0}},
     {2, 2}, {8, 10, 2, 4}},
    {"slice and vector", {3, 4}, {Slice{1, {}, 1}, positions({0, 3}, {2})},
     {2, 2}, {4, 7, 8, 11}},
    {"negative step and vector", {3, 4}, {Slice{{}, {}, -2}, positions({0, 3, 3}, {3})},
     {2, 3}, {8, 11, 11, 0, 3, 3}},
    {"repeated pairs", {2, 2}, {positions({0, 1, 0, 0}, {4}), positions({1, 1, 1, 0}, {4})},
     {4}, {1, 3, 1, 0}},
    {"mask", {3, 4}, {mask({0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, {3, 4})},
     {3}, {1, 6, 11}},
    {"mask of rows", {3, 4}, {mask({1, 0, 1}, {3})},
     {2, 4}, {0, 1, 2, 3, 8, 9, 10, 11}},
    {"mask of the leading axes", {3, 4, 2}, {mask({0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, {3, 4})},
     {3, 2}, {2, 3, 12, 13, 22, 23}},
    {"mask of the last axes", {2, 4, 3}, {Slice{{}, {}, 1}, mask({1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1}, {4, 3})},
     {2, 9}, {0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 19, 20, 21, 23}},
    {"mask beside a vector", {3, 4}, {mask({1, 0, 1}, {3}), positions({3, 0}, {2})},
     {2}, {3, 8}},
    {"mask apart from a vector", {3, 2, 3}, {mask({1, 0, 1}, {3}), Slice{{}, {}, 1}, positions({2, 0}, {2})},
     {2, 2}, {2, 5, 12, 15}},
    {"mask of none", {3, 4}, {mask({0, 0, 0}, {3})},
     {0, 4}, {}},
    {"mask of a scalar", {}, {mask({1}, {})},
     {1}, {0}},
    {"false mask without axes", {3, 2}, {mask({0}, {})},
     {0, 3, 2}, {}},
    {"mask without axes behind a slice", {3, 2}, {Slice{{}, {}, 1}, mask({1}, {})},
     {3, 1, 2}, {0, 1, 2, 3, 4, 5}},
    {"empty vector", {3, 4}, {positions({}, {0})},
     {0, 4}, {}},
    {"empty vector of nothing", {0, 3}, {positions({}, {0})},
     {0, 3}, {}},
    {"vector beside nothing", {0, 3}, {ellipsis, positions({0, 2}, {2})},
     {0, 2}, {}},
    {"position beside nothing", {2, 0, 4}, {Index{1}, Slice{{}, {}, 1}, Slice{{}, {}, -1}},
     {0, 4}, {}},
    {"scalar", {}, {},
     {}, {0}},
    {"scalar with newaxis", {}, {newaxis, ellipsis},
     {1}, {0}},
  };
}
// clang-format on

}  // namespace goldens
