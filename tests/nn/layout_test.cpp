// Weights of convolutions from PyTorch: marked dictionaries are converted, doubtful ones are reported.
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/conv.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace xgrad;
using namespace xgrad::test;

namespace {

using Layout = StateDict::Layout;

struct Net : nn::Module {
  nn::Conv2d narrow{3, 4, {.kernel = {5, 2}}};
  nn::Conv2d square{3, 4, {.kernel = 3}};
  nn::Conv2d single{1, 4, {.kernel = 1}};
  nn::ConvTranspose2d up{4, 3, {.kernel = 3}};
  nn::Linear head{3, 3};
  XGRAD_VISIT(narrow, square, single, up, head)
};

/// The tensor as PyTorch has it, (0, 2, 3, 1) undone.
Tensor as_pytorch(const Tensor& weight) { return permute(weight, {0, 3, 1, 2}).value(); }

/// The dictionary of a Net as PyTorch would save it.
StateDict pytorch_dict(Net& net) {
  StateDict dict;
  for (const auto& [name, tensor] : net.state_dict())
    dict.set(name, tensor.rank() == 4 ? as_pytorch(tensor) : tensor);
  return dict;
}

}  // namespace

TEST_CASE("a dictionary marked as PyTorch's is converted, transposed convolutions alike") {
  Net source, target;
  StateDict dict = pytorch_dict(source);
  CHECK(dict.layout() == Layout::unknown);
  CHECK(dict.at("narrow.weight").shape() == Shape{4, 3, 5, 2});
  dict.set_layout(Layout::pytorch);
  const nn::LoadReport report = target.load_state_dict(dict);
  CHECK(report.notes.empty());
  const StateDict loaded = target.state_dict();
  for (const auto& [name, tensor] : source.state_dict()) {
    const std::string which(name);
    CAPTURE(which);
    CHECK(bitwise_equal(loaded.at(name), tensor));
  }
  // Another dtype is converted as well; a linear layer's weight stays as it is.
  StateDict doubles;
  for (const auto& [name, tensor] : dict) doubles.set(name, tensor.to(float64));
  doubles.set_layout(Layout::pytorch);
  Net again;
  again.load_state_dict(doubles);
  CHECK(bitwise_equal(again.square.weight.value(), source.square.weight.value()));
}

TEST_CASE(
    "an unmarked dictionary: what fits both ways is taken as ours and reported, what fits only there "
    "throws") {
  Net source, target;
  StateDict ours;
  for (const auto& [name, tensor] : source.state_dict()) ours.set(name, tensor);
  const nn::LoadReport report = target.load_state_dict(ours);
  // A kernel of 1 x 1 on one channel is the same in both.
  REQUIRE(report.notes.size() == 2);
  CHECK(contains(report.notes[0], "square.weight: (4, 3, 3, 3) fits both"));
  CHECK(contains(report.notes[0], "set_layout(StateDict::Layout::pytorch)"));
  CHECK(contains(report.notes[1], "up.weight"));
  CHECK(bitwise_equal(target.square.weight.value(), source.square.weight.value()));
  const nn::LoadReport lenient =
      target.load_state_dict({{"square.weight", ones({4, 3, 3, 3})}}, {.strict = false});
  CHECK(lenient.notes.size() == 1);

  // The dictionary of a module is marked, so that nothing is in doubt.
  CHECK(source.state_dict().layout() == Layout::xgrad);
  CHECK(target.load_state_dict(source.state_dict()).notes.empty());

  const StateDict foreign = pytorch_dict(source);
  const std::string message = message_of([&] { target.load_state_dict(foreign); });
  CAPTURE(message);
  CHECK(contains(message,
                 "narrow.weight: expects the shape (4, 5, 2, 3), got (4, 3, 5, 2) (it fits in PyTorch's"));
  // One that fits neither way is named without that.
  StateDict marked{{"narrow.weight", ones({4, 3, 5, 3})}};
  marked.set_layout(Layout::pytorch);
  const std::string other = message_of([&] { target.load_state_dict(marked, {.strict = false}); });
  CHECK(contains(other, "got (4, 3, 5, 3)"));
  CHECK_FALSE(contains(other, "PyTorch"));
}

TEST_CASE("a marked dictionary that does not fit changes nothing") {
  Net source, target;
  StateDict dict = pytorch_dict(source);
  dict.set("head.bias", ones({4}));
  dict.set_layout(Layout::pytorch);
  const StateDict before = target.state_dict();
  CHECK_THROWS_AS(target.load_state_dict(dict), ValueError);
  const StateDict after = target.state_dict();
  for (const auto& [name, tensor] : before) CHECK(bitwise_equal(after.at(name), tensor));
}

TEST_CASE("a module of one's own tells its order of axes through visit") {
  struct Rows : nn::Module {
    nn::Parameter weight{zeros({2, 3})};
    void visit(nn::Visitor& v) override { v("weight", weight, {1, 0}); }
  } rows;
  StateDict dict{{"weight", Tensor{{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}}};
  dict.set_layout(Layout::pytorch);
  rows.load_state_dict(dict);
  CHECK(bitwise_equal(rows.weight.value(), Tensor{{1.0, 3.0, 5.0}, {2.0, 4.0, 6.0}}));
  CHECK(rows.named_parameters().size() == 1);
}

TEST_CASE("names that are empty or hold a dot are refused, the numbers of containers stay") {
  struct Named : nn::Module {
    std::string name;
    nn::Parameter weight{ones({1})};
    nn::Buffer buffer = ones({1});
    nn::Linear child{1, 1};
    nn::Parameter none;
    int part = 0;
    void visit(nn::Visitor& v) override {
      if (part == 0) v(name, weight);
      if (part == 1) v(name, buffer);
      if (part == 2) v(name, child);
      if (part == 3) v(name, none);
      if (part == 4) v(name, weight, {0});
    }
  } named;
  for (named.part = 0; named.part < 5; ++named.part)
    for (const char* name : {"", ".", "a.b", "a.", ".a", "0.1"}) {
      named.name = name;
      CAPTURE(named.part);
      CAPTURE(named.name);
      CHECK_THROWS_AS(named.parameters(), ValueError);
      CHECK_THROWS_AS(named.state_dict(), ValueError);
      CHECK(contains(message_of([&] { named.eval(); }), "visit of Named names a part '" + named.name + "'"));
    }
  named.part = 0;
  named.name = "0";
  CHECK(named.named_parameters()[0].first == "0");
  struct Nested : nn::Module {
    std::vector<std::vector<nn::Linear>> rows{2,
                                              std::vector<nn::Linear>(1, nn::Linear(1, 1, {.bias = false}))};
    nn::Sequential list{nn::Linear(1, 1, {.bias = false})};
    XGRAD_VISIT(rows, list)
  } nested;
  const auto listed = nested.named_parameters();
  REQUIRE(listed.size() == 3);
  CHECK(listed[1].first == "rows.1.0.weight");
  CHECK(listed[2].first == "list.0.weight");
}
