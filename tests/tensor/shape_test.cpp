// Shapes, axes and broadcasting.
#include <xgrad/tensor/dtype.hpp>
#include <xgrad/tensor/shape.hpp>

#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <sstream>

namespace {

using namespace xgrad;
using test::message_of, test::contains;

constexpr Index huge = std::numeric_limits<Index>::max();

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("shape: sizes, equality, text") {
    const Shape shape{2, 3, 4};
    CHECK(shape.rank() == 3);
    CHECK(shape.back() == 4);
    CHECK(shape == Shape(std::vector<Index>{2, 3, 4}));
    CHECK_FALSE(shape == Shape{2, 3});
    CHECK_FALSE(shape == Shape{2, 3, 5});
    CHECK(Shape{}.empty());
    CHECK(to_string(Shape{}) == "()");
    CHECK(to_string(Shape{4}) == "(4,)");
    CHECK(to_string(shape) == "(2, 3, 4)");
    CHECK(shape.sizes() == IndexList{2, 3, 4});
    std::ostringstream text;
    text << shape << Shape{} << boolean << shape.sizes();
    CHECK(text.str() == "(2, 3, 4)()boolean(2, 3, 4)");
  }

  TEST_CASE("shape: insert and erase") {
    Shape shape{2, 4};
    shape.insert(1, 3);
    CHECK(shape == Shape{2, 3, 4});
    shape.insert(0, 1);
    shape.push_back(5);
    CHECK(shape == Shape{1, 2, 3, 4, 5});
    shape.erase(4);
    shape.erase(0);
    shape.erase(1);
    CHECK(shape == Shape{2, 4});
  }

  TEST_CASE("shape: at most eight axes") {
    Shape shape{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(shape.rank() == Shape::max_rank);
    CHECK_THROWS_AS(shape.push_back(9), ShapeError);
    CHECK_THROWS_AS(shape.insert(0, 9), ShapeError);
    CHECK(shape == Shape{1, 2, 3, 4, 5, 6, 7, 8});
    CHECK(contains(message_of<ShapeError>([&] { shape.push_back(9); }), "a shape has at most 8 axes"));
    CHECK(contains(message_of<ShapeError>([] { Shape{1, 2, 3, 4, 5, 6, 7, 8, 9}; }),
                   "a shape has at most 8 axes"));
    CHECK(
        contains(message_of<IndexError>([&] { static_cast<void>(shape[8]); }), "axis 8 of the shape (1, 2"));
  }

  TEST_CASE("lists of positions") {
    IndexList list{2, 4};
    list.insert(1, 3);
    list.insert(0, 1);
    list.insert(4, 5);
    CHECK(list == IndexList{1, 2, 3, 4, 5});
    CHECK(list.size() == 5);
    CHECK(list.back() == 5);
    list.erase(4);
    list.erase(0);
    list.erase(1);
    CHECK(list == IndexList{2, 4});
    CHECK_FALSE(list == IndexList{2});
    CHECK_FALSE(list == IndexList{2, 5});
    CHECK(list.has(1));
    CHECK_FALSE(list.has(2));
    CHECK_FALSE(list.has(-1));
    CHECK(contains(message_of<IndexError>([&] { static_cast<void>(list[2]); }),
                   "position 2 of the list (2, 4)"));
    CHECK_THROWS_AS(list.erase(2), IndexError);
    CHECK_THROWS_AS(list.insert(3, 0), IndexError);
    CHECK_THROWS_AS(list.insert(-1, 0), IndexError);
    CHECK(list == IndexList{2, 4});
    CHECK_THROWS_AS(static_cast<void>(IndexList{}.back()), IndexError);
    CHECK_THROWS_AS(IndexList(std::vector<Index>(9)), ShapeError);
    list = IndexList{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK_THROWS_AS(list.insert(0, 9), ShapeError);
    CHECK(list == IndexList{1, 2, 3, 4, 5, 6, 7, 8});
  }

  TEST_CASE("shape: count") {
    CHECK(Shape{}.count() == 1);
    CHECK(Shape{0}.count() == 0);
    CHECK(Shape{2, 0, 4}.count() == 0);
    CHECK(Shape{2, 3, 4}.count() == 24);
    CHECK(Shape{huge, 1}.count() == huge);
    CHECK_THROWS_AS(static_cast<void>(Shape{huge, huge, 0}.count()), ShapeError);
    CHECK(Shape{huge, 0, 1}.count() == 0);
    CHECK_THROWS_AS(static_cast<void>(Shape{-1}.count()), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(Shape{0, -1}.count()), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(Shape{huge, 2}.count()), ShapeError);
    CHECK_THROWS_AS(static_cast<void>(Shape{Index{1} << 32, Index{1} << 32}.count()), ShapeError);
    CHECK(contains(message_of<ShapeError>([] { static_cast<void>(Shape{3, -7}.count()); }), "(3, -7)"));
  }

  TEST_CASE("shape: strides") {
    CHECK(contiguous_strides({}) == IndexList{});
    CHECK(contiguous_strides({2, 3, 4}) == IndexList{12, 4, 1});
    CHECK(contiguous_strides({2, 0, 4}) == IndexList{4, 4, 1});
    CHECK(contiguous_strides({huge, huge, 0})[2] == 1);
  }

  TEST_CASE("shape: the position of an element") {
    CHECK(index_of(0, {}) == IndexList{});
    CHECK(index_of(0, {2, 3}) == IndexList{0, 0});
    CHECK(index_of(5, {2, 3}) == IndexList{1, 2});
    CHECK(index_of(13, {2, 3, 4}) == IndexList{1, 0, 1});
  }

  TEST_CASE("axes: wrapping") {
    CHECK(wrap_axis(0, 3) == 0);
    CHECK(wrap_axis(-1, 3) == 2);
    CHECK(wrap_axis(-3, 3) == 0);
    CHECK_THROWS_AS(wrap_axis(3, 3), IndexError);
    CHECK_THROWS_AS(wrap_axis(-4, 3), IndexError);
    CHECK_THROWS_AS(wrap_axis(0, 0), IndexError);
    const std::string text = message_of<IndexError>([] { wrap_axis(5, 3); });
    CHECK(contains(text, "axis 5"));
    CHECK(contains(text, "-3 to 2"));
  }

  TEST_CASE("axes: one axis") {
    CHECK(axis_along({2, 3}, -1) == 1);
    CHECK(axis_along({}, 0) == 0);
    CHECK(axis_along({}, -1) == 0);
    CHECK(contains(message_of<IndexError>([] { axis_along({}, 1); }),
                   "axis 1 is out of range, expected -1 to 0"));
    CHECK_THROWS_AS(axis_along({2, 3}, 2), IndexError);
  }

  TEST_CASE("axes: lists") {
    CHECK(Axes().all());
    CHECK(Axes().sorted(3) == IndexList{0, 1, 2});
    CHECK(Axes().sorted(0) == IndexList{});
    CHECK(Axes(-1).sorted(3) == IndexList{2});
    CHECK(Axes{2, -3}.sorted(3) == IndexList{0, 2});
    CHECK(Axes{2, -3}.ordered(3) == IndexList{2, 0});
    CHECK(Axes(std::vector<Index>{}).sorted(3) == IndexList{});
    CHECK_THROWS_AS((Axes{0, 3}.sorted(3)), IndexError);
    CHECK_THROWS_AS((Axes{1, 1}.sorted(3)), ValueError);
    CHECK_THROWS_AS((Axes{1, -2}.ordered(3)), ValueError);
    CHECK(contains(message_of<ValueError>([] {
                     Axes{1, -2}.sorted(3);
                   }),
                   "axis -2 is given twice in (1, -2)"));
    CHECK(Axes(IndexList{2, 0}).ordered(3) == IndexList{2, 0});
    const std::string text = message_of<ShapeError>([] {
      Axes(std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7, 8});
    });
    CHECK(contains(text, "a list has at most 8 numbers, one for each axis, got one more than (0, 1, 2"));
  }

  TEST_CASE("axes: reduced shapes") {
    CHECK(reduced_shape({2, 3, 4}, {}, false) == Shape{});
    CHECK(reduced_shape({2, 3, 4}, {}, true) == Shape{1, 1, 1});
    CHECK(reduced_shape({2, 3, 4}, 1, false) == Shape{2, 4});
    CHECK(reduced_shape({2, 3, 4}, {-1, 0}, false) == Shape{3});
    CHECK(reduced_shape({2, 3, 4}, {-1, 0}, true) == Shape{1, 3, 1});
    CHECK(reduced_shape({}, {}, false) == Shape{});
  }

  TEST_CASE("broadcasting: shapes") {
    CHECK(broadcast_shapes({}, {}) == Shape{});
    CHECK(broadcast_shapes({}, {2, 3}) == Shape{2, 3});
    CHECK(broadcast_shapes({3}, {2, 3}) == Shape{2, 3});
    CHECK(broadcast_shapes({2, 1}, {3}) == Shape{2, 3});
    CHECK(broadcast_shapes({4, 1, 3}, {2, 1}) == Shape{4, 2, 3});
    CHECK(broadcast_shapes({1}, {0}) == Shape{0});
    CHECK(broadcast_shapes({0, 3}, {1, 1, 1}) == Shape{1, 0, 3});
    CHECK_THROWS_AS(broadcast_shapes({2}, {3}), ShapeError);
    CHECK_THROWS_AS(broadcast_shapes({0}, {2}), ShapeError);
    CHECK_THROWS_AS(broadcast_shapes({2, 3}, {2}), ShapeError);
    const std::string text = message_of<ShapeError>([] { broadcast_shapes({2, 3}, {4, 2}); });
    CHECK(contains(text, "(2, 3)"));
    CHECK(contains(text, "(4, 2)"));
  }

  TEST_CASE("broadcasting: one way") {
    CHECK(broadcasts_to({}, {2}));
    CHECK(broadcasts_to({2, 1}, {4, 2, 3}));
    CHECK(broadcasts_to({1}, {0}));
    CHECK_FALSE(broadcasts_to({4, 2, 3}, {2, 3}));
    CHECK_FALSE(broadcasts_to({3}, {1}));
    CHECK_FALSE(broadcasts_to({2}, {4, 3}));
  }
}
