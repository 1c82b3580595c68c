// Public functions with integer arguments, given integers at the ends of their range: each returns, or throws
// an Error that was complete before anything was changed. Run under the undefined-behaviour sanitizer as
// well.
#pragma once

#include "support/leaf.hpp"

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

namespace xgrad::test::extremes {

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

/// Operands of three kinds: with elements, without, and a scalar.
inline Variable operand(Draw& draw) {
  const Index kind = draw.flag() ? 0 : draw.flag() ? 1 : 2;
  return leaf(kind == 0 ? ones({2, 3}) : kind == 1 ? zeros({0, 3}) : ones({}));
}

/// The rule sees the same integers.
inline void differentiate(const Variable& y) {
  if (y.requires_grad()) sum(y).backward();
}
inline void differentiate(const std::vector<Variable>& parts) {
  for (const Variable& part : parts) differentiate(part);
}
inline void differentiate(const ValueAndIndex& found) { differentiate(found.values); }

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

inline void walk(const std::vector<Case>& cases) {
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

}  // namespace xgrad::test::extremes
