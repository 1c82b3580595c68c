// The picture of a graph: its text, names, escapes, and that depth is no limit.
#include <xgrad/autograd/draw.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/linalg.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/factory.hpp>

#include "support/messages.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

using namespace xgrad;
using test::contains;

}  // namespace

TEST_SUITE("autograd") {
  TEST_CASE("graphviz: a small graph") {
    const Variable x(ones({2, 3})), w(ones({3, 4}), {.requires_grad = true});
    const Variable b(ones({4}, float64), {.requires_grad = true});
    const int line = __LINE__ + 1;
    const Variable product = matmul(x, w);
    const Variable y = mul(product, product);
    const std::string text = graphviz(y, {.names = {{w, "weight"}, {product, "hidden"}}});
    const std::string file = "draw_test.cpp:";
    CHECK(text ==
          "digraph xgrad {\n"
          "  node [fontname=\"Helvetica\", fontsize=11, style=\"filled,rounded\", color=\"#5f6b7a\"];\n"
          "  edge [color=\"#5f6b7a\", arrowsize=0.7, fontname=\"Helvetica\", fontsize=9];\n"
          "  n0 [shape=box, fillcolor=\"#fdf1d3\", peripheries=2, label=\"mul\\nfloat32 (2, 4)\\n" +
              file + std::to_string(line + 1) +
              "\"];\n"
              "  n1 [shape=box, fillcolor=\"#fdf1d3\", label=\"matmul\\nhidden\\nfloat32 (2, 4)\\n" +
              file + std::to_string(line) +
              "\"];\n"
              "  n2 [shape=ellipse, fillcolor=\"#cfe8fc\", label=\"weight\\nfloat32 (3, 4)\"];\n"
              "  n1 -> n0;\n"
              "  n1 -> n0;\n"
              "  n2 -> n1;\n"
              "}\n");
    CHECK(text == graphviz(y, {.names = {{w, "weight"}, {product, "hidden"}}}));

    const std::string bare = graphviz(y, {.names = {}, .shapes = false, .places = false});
    CHECK(contains(bare, "label=\"leaf\""));
    CHECK(contains(bare, "label=\"mul\""));
    CHECK_FALSE(contains(bare, "float32"));
    CHECK_FALSE(contains(bare, file));
  }

  TEST_CASE("graphviz: several roots, shared parts, constants") {
    const Variable x(ones({2}), {.requires_grad = true}), constant(ones({5}, int64));
    const Variable y = x * 2.0, z = x * 3.0;
    const std::string text = graphviz({y, z, constant, y}, {.names = {{x, "x"}, {constant, "labels"}}});
    CHECK(std::count(text.begin(), text.end(), '>') == 2);
    CHECK(contains(text, "n1 -> n0;"));
    CHECK(contains(text, "n1 -> n2;"));
    CHECK(contains(text,
                   "c2 [shape=box, fillcolor=\"#eeeeee\", peripheries=2, label=\"labels\\nint64 (5,)\"];"));
    CHECK_THROWS_AS(graphviz(Variable()), GraphError);
    CHECK(contains(graphviz(std::vector<Variable>{}), "digraph xgrad {"));
  }

  TEST_CASE("graphviz: several outputs are numbered, labels are escaped") {
    const Variable x(ones({2}), {.requires_grad = true});
    Op op("test_two", x);
    const std::vector<Variable> parts =
        op.record_many({ones({2}), ones({3})}, JointRule{saves_nothing, [](Backward&) {}});
    const std::string text =
        graphviz(parts[1] * 1.0, {.names = {{x, "a \"quoted\" \\ name\n2"}, {parts[1], "second"}}});
    CHECK(contains(
        text, "n2 [shape=ellipse, fillcolor=\"#cfe8fc\", label=\"a \\\"quoted\\\" \\\\ name\\n2\\nfloat32"));
    CHECK(contains(text, "n1 -> n0 [label=\"1\"];"));
    CHECK(contains(text, "label=\"test_two\\nfloat32 (2,)\\nsecond\\nfloat32 (3,)\\n"));
  }

  TEST_CASE("graphviz: deep graphs need no stack") {
    Variable x(ones({1}), {.requires_grad = true});
    for (int i = 0; i < 200000; ++i) x = mul(x, x);
    const std::string text = graphviz(x, {.names = {}, .shapes = false, .places = false});
    CHECK(contains(text, "n200000 [shape=ellipse"));
    CHECK(contains(text, "n200000 -> n199999;"));
  }
}
