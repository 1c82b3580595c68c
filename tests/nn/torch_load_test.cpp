// load_torch and to_torch beyond what models of PyTorch show: refusals, doubts, shared parts, forms of one's
// own, and Flatten in PyTorch's order.
#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/reduce.hpp>
#include <xgrad/autograd/ops/shape.hpp>
#include <xgrad/nn/container.hpp>
#include <xgrad/nn/conv.hpp>
#include <xgrad/nn/flatten.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/normalize.hpp>
#include <xgrad/nn/torch.hpp>
#include <xgrad/nn/visit_macro.hpp>
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/random.hpp>

#include "support/failing_memory.hpp"
#include "support/leaf.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace xgrad;
using namespace xgrad::test;

namespace {

using Layout = StateDict::Layout;
using Strings = std::vector<std::string>;

Strings names_of(const StateDict& dict) {
  Strings names;
  for (const auto& [name, tensor] : dict) names.push_back(name);
  return names;
}

bool same(const StateDict& a, const StateDict& b) {
  if (names_of(a) != names_of(b)) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!bitwise_equal(a[i].second, b[i].second)) return false;
  return true;
}

struct Net : nn::Module {
  nn::Conv2d narrow{3, 4, {.kernel = {5, 2}}};
  nn::Sequential square{nn::Sequential{nn::Conv2d(3, 4, 3)}, nn::BatchNorm2d(4)};
  nn::Linear head{4, 2};
  XGRAD_VISIT(narrow, square, head)
};

}  // namespace

TEST_CASE("load_torch takes a dictionary without a mark as PyTorch's, and refuses one of this library") {
  Net source, target;
  StateDict dict = nn::to_torch(source);
  CHECK(dict.at("narrow.weight").shape() == Shape{4, 3, 5, 2});
  dict.set_layout(Layout::unknown);
  const nn::LoadReport report = nn::load_torch(target, dict);
  CHECK(report.notes.empty());
  CHECK(same(target.state_dict(), source.state_dict()));
  CHECK(dict.layout() == Layout::unknown);

  Net untouched;
  const StateDict before = untouched.state_dict();
  CHECK_THROWS_AS(nn::load_torch(untouched, source.state_dict()), ValueError);
  const std::string message = message_of([&] { nn::load_torch(untouched, source.state_dict()); });
  CAPTURE(message);
  CHECK(contains(message, {"torch_load_test.cpp:", ": load_torch: ", "Layout::xgrad", "load_state_dict()"}));
  CHECK(same(untouched.state_dict(), before));
}

TEST_CASE("a square kernel takes PyTorch's order, element by element") {
  Net net;
  StateDict dict = nn::to_torch(net);
  const Tensor there = arange(0, 4 * 3 * 3 * 3).to(float32).reshape({4, 3, 3, 3});
  dict.set("square.0.0.weight", there);
  nn::load_torch(net, dict);
  const Tensor here = net.state_dict().at("square.0.0.weight");
  REQUIRE(here.shape() == Shape{4, 3, 3, 3});
  bool right = true;
  for (Index out = 0; out < 4; ++out)
    for (Index row = 0; row < 3; ++row)
      for (Index column = 0; column < 3; ++column)
        for (Index in = 0; in < 3; ++in)
          right &= here.at<float>({out, row, column, in}) == there.at<float>({out, in, row, column});
  CHECK(right);
  CHECK(bitwise_equal(nn::to_torch(net).at("square.0.0.weight"), there));
}

TEST_CASE("load_torch lists all mismatches at once, in PyTorch's shapes, and changes nothing") {
  Net net;
  const StateDict before = net.state_dict();
  StateDict dict;
  dict.set("narrow.weight", ones({4, 3, 2, 5}));
  dict.set("narrow.bias", ones({3}));
  dict.set("square.0.0.weight", ones({4, 3, 3, 3}));
  dict.set("square.0.0.bias", ones({4}));
  dict.set("square.1.weight", ones({4}, int64));
  dict.set("square.1.bias", ones({4}));
  dict.set("square.1.running_mean", ones({1, 4}));
  dict.set("square.1.num_batches_tracked", scalar(1.0));
  dict.set("head.weight", ones({4, 2}));
  dict.set("spare", ones({1}));
  CHECK_THROWS_AS(nn::load_torch(net, dict), ValueError);
  const std::string message = message_of([&] { nn::load_torch(net, dict); });
  CAPTURE(message);
  CHECK(contains(message, {"load_torch: the dictionary does not fit Net:",
                           "narrow.weight: expects the shape (4, 3, 5, 2), which is (4, 5, 2, 3) here, got "
                           "(4, 3, 2, 5)\n",
                           "narrow.bias: expects the shape (4,), got (3,)",
                           "square.1.weight: expects float32, got int64",
                           "square.1.running_mean: expects the shape (4,), got (1, 4)",
                           "square.1.num_batches_tracked: expects int64, got float32",
                           "head.weight: expects the shape (2, 4), got (4, 2)", "head.bias: missing",
                           "square.1.running_var: missing", "spare: not in the module"}));
  CHECK_FALSE(contains(message, "square.0.0"));
  CHECK_FALSE(contains(message, "square.1.bias"));
  CHECK(same(net.state_dict(), before));

  // Lenient: names alone are forgiven.
  CHECK_THROWS_AS(nn::load_torch(net, dict, {.strict = false}), ValueError);
  CHECK_FALSE(contains(message_of([&] { nn::load_torch(net, dict, {.strict = false}); }), "spare"));
  CHECK(same(net.state_dict(), before));
  const nn::LoadReport report =
      nn::load_torch(net, {{"narrow.weight", ones({4, 3, 5, 2})}, {"x", ones({1})}}, {.strict = false});
  CHECK(report.unexpected == Strings{"x"});
  CHECK(report.missing.size() == before.size() - 1);
  CHECK(bitwise_equal(net.narrow.weight.value(), ones({4, 5, 2, 3})));
}

TEST_CASE("a weight in the order of axes here is refused under PyTorch's mark") {
  Net net;
  const StateDict before = net.state_dict();
  StateDict dict = nn::to_torch(net);
  dict.set("narrow.weight", ones({4, 5, 2, 3}));
  const std::string message = message_of([&] { net.load_state_dict(dict); });
  CAPTURE(message);
  CHECK(contains(message, {"load_state_dict: ", "expects the shape (4, 3, 5, 2)", "got (4, 5, 2, 3)",
                           "is the dictionary PyTorch's?"}));
  CHECK(same(net.state_dict(), before));
}

TEST_CASE("float64 from PyTorch is rounded into a float32 model, and back in its dtype") {
  Net single, wide;
  wide.to(float64);
  const StateDict doubles = nn::to_torch(wide);
  nn::load_torch(single, doubles);
  const StateDict floats = nn::to_torch(single);
  CHECK(names_of(floats) == names_of(doubles));
  for (const auto& [name, tensor] : doubles)
    CHECK(bitwise_equal(floats.at(name), is_floating(tensor.dtype()) ? tensor.to(float32) : tensor));
  nn::load_torch(wide, floats);
  CHECK(bitwise_equal(wide.narrow.weight.value(), single.narrow.weight.value().to(float64)));
}

TEST_CASE("num_batches_tracked may be missing in PyTorch's dictionaries, and is kept") {
  nn::BatchNorm1d norm(2);
  norm(normal({4, 2}));
  StateDict old;
  for (const char* name : {"weight", "bias", "running_mean", "running_var"}) old.set(name, full({2}, 3));
  const nn::LoadReport report = nn::load_torch(norm, old);
  CHECK(report.missing == Strings{"num_batches_tracked"});
  CHECK(norm.num_batches_tracked.item<std::int64_t>() == 1);
  CHECK(bitwise_equal(norm.running_var, full({2}, 3)));
  // One of this library has it.
  CHECK_THROWS_AS(norm.load_state_dict(old), ValueError);
  StateDict older;
  for (const char* name : {"weight", "bias", "running_mean"}) older.set(name, ones({2}));
  const std::string message = message_of([&] { nn::load_torch(norm, older); });
  CHECK(contains(message, "running_var: missing"));
  CHECK_FALSE(contains(message, "num_batches_tracked"));
}

TEST_CASE("a layer norm over several axes: shapes or its option tell PyTorch's axes") {
  using nn::PytorchAxes;
  struct Model : nn::Module {
    nn::LayerNorm norm;
    nn::RMSNorm rms;
    Model(const Shape& shape, PytorchAxes axes)
        : norm(shape, {.pytorch_axes = axes}), rms(shape, {.pytorch_axes = axes}) {}
    XGRAD_VISIT(norm, rms)
  };
  const auto dict_of = [](const Shape& shape) {
    const Tensor x = arange(0, shape.count()).to(float32).reshape(shape);
    return StateDict{{"norm.weight", x}, {"norm.bias", (x + 1).value()}, {"rms.weight", (x + 2).value()}};
  };
  const StateDict first = dict_of({3, 4, 5}), last = dict_of({4, 5, 3}), cube = dict_of({3, 3, 3});

  Model images({4, 5, 3}, PytorchAxes::channels_first);
  nn::load_torch(images, first);
  CHECK(bitwise_equal(images.norm.bias.value(), permute(first.at("norm.bias"), {1, 2, 0}).value()));
  CHECK(same(nn::to_torch(images), first));
  CHECK_THROWS_AS(nn::load_torch(images, last), ValueError);

  Model alike({4, 5, 3}, PytorchAxes::same);
  nn::load_torch(alike, last);
  CHECK(same(nn::to_torch(alike), last));
  CHECK_THROWS_AS(nn::load_torch(alike, first), ValueError);

  Model open({4, 5, 3}, PytorchAxes::unknown);
  nn::load_torch(open, first);
  CHECK(bitwise_equal(open.rms.weight.value(), permute(first.at("rms.weight"), {1, 2, 0}).value()));
  nn::load_torch(open, last);
  CHECK(bitwise_equal(open.rms.weight.value(), last.at("rms.weight")));
  CHECK_THROWS_AS(nn::load_torch(open, dict_of({5, 4, 3})), ValueError);
  CHECK_THROWS_AS(nn::to_torch(open), ValueError);
  const std::string message = message_of([&] { nn::to_torch(open); });
  CAPTURE(message);
  CHECK(contains(message, {"to_torch: ", "norm.weight: (4, 5, 3) here, may be (3, 4, 5) there", "norm.bias",
                           "LayerNormOptions::pytorch_axes", "rms.weight", "RMSNormOptions::pytorch_axes"}));

  // Where shapes do not tell, nothing is guessed.
  for (const PytorchAxes axes : {PytorchAxes::same, PytorchAxes::channels_first}) {
    Model known({3, 3, 3}, axes);
    nn::load_torch(known, cube);
    CHECK(bitwise_equal(known.norm.weight.value(), cube.at("norm.weight")) == (axes == PytorchAxes::same));
    CHECK(same(nn::to_torch(known), cube));
  }
  Model unknown({3, 3, 3}, PytorchAxes::unknown);
  CHECK_THROWS_AS(nn::to_torch(unknown), ValueError);
  const StateDict before = unknown.state_dict();
  const std::string doubt = message_of([&] { nn::load_torch(unknown, cube); });
  CAPTURE(doubt);
  CHECK(contains(doubt, {"norm.weight: (3, 3, 3) fits both", "LayerNormOptions::pytorch_axes says which"}));
  CHECK(same(unknown.state_dict(), before));
  // A dictionary of this library is in no doubt, one without a mark is taken so and reported.
  CHECK(unknown.load_state_dict(before).notes.empty());
  CHECK(unknown.load_state_dict(cube).notes.size() == 3);
  CHECK(bitwise_equal(unknown.norm.weight.value(), cube.at("norm.weight")));

  // One axis, no weight, or sizes of 1 leave nothing to ask.
  struct Plain : nn::Module {
    nn::LayerNorm one{4}, none{{4, 5}, {.elementwise_affine = false}}, single{{1, 1}};
    XGRAD_VISIT(one, none, single)
  } plain;
  const StateDict exported = nn::to_torch(plain);
  CHECK(names_of(exported) == Strings{"one.weight", "one.bias", "single.weight", "single.bias"});
  nn::load_torch(plain, exported);
  CHECK_THROWS_AS(nn::to_torch(nn::LayerNorm({4, 1})), ValueError);
}

TEST_CASE("memory runs out: load_torch changes all or nothing, to_torch nothing") {
  if (!memory_can_fail()) return;
  struct Large : nn::Module {
    nn::Conv2d first{8, 40, 3}, second{40, 8, 3};
    nn::BatchNorm2d norm{400};
    XGRAD_VISIT(first, second, norm)
  } source, target;
  source.to(float64);
  const StateDict dict = nn::to_torch(source);
  target.load_state_dict(source.state_dict());
  const StateDict wanted = target.state_dict();
  Large net;
  int failures = 0;
  with_failing_allocations([&](long k) {
    const StateDict before = net.state_dict();
    const bool done = runs_within(k, [&] { nn::load_torch(net, dict); });
    failures += done ? 0 : 1;
    CHECK(same(net.state_dict(), done ? wanted : before));
    return done;
  });
  CHECK(failures > 4);
  with_failing_allocations([&](long k) {
    const bool done = runs_within(k, [&] { static_cast<void>(nn::to_torch(net)); });
    CHECK(same(net.state_dict(), wanted));
    return done;
  });
}

TEST_CASE("shared parts stand under each of their names in PyTorch, and must agree there") {
  struct Model : nn::Module {
    std::shared_ptr<nn::Sequential> trunk =
        std::make_shared<nn::Sequential>(nn::Conv2d(2, 2, 2), nn::BatchNorm2d(2));
    std::shared_ptr<nn::Sequential> again = trunk;
    Variable scale{ones({2}), {.requires_grad = true}}, factor = scale;
    XGRAD_VISIT(trunk, scale, again, factor)
  } model, other;
  const Strings trunk{
      "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"};
  Strings expected{"scale", "factor"};
  for (const char* prefix : {"trunk.", "again."})
    for (const std::string& name : trunk) expected.push_back(prefix + name);
  const StateDict dict = nn::to_torch(model);
  CHECK(names_of(dict) == expected);
  CHECK(dict.at("again.0.weight").shape() == Shape{2, 2, 2, 2});
  CHECK(bitwise_equal(dict.at("again.0.weight"), dict.at("trunk.0.weight")));
  // Here each stands once, under its first name.
  CHECK(model.state_dict().size() == trunk.size() + 1);

  nn::load_torch(other, dict);
  CHECK(same(other.state_dict(), model.state_dict()));
  CHECK(other.scale.is(other.factor));

  // Any of the names will do.
  Model third;
  StateDict some;
  for (const auto& [name, tensor] : dict)
    if (name.rfind("trunk.", 0) != 0 && name != "scale") some.set(name, tensor);
  const nn::LoadReport report = nn::load_torch(third, some);
  CHECK(report.missing.empty());
  CHECK(same(third.state_dict(), model.state_dict()));

  StateDict torn = dict;
  torn.set("factor", full({2}, 2));
  torn.set("again.0.weight", ones({2, 2, 2, 2}));
  torn.set("again.1.running_mean", ones({2}));
  Model kept;
  const StateDict before = kept.state_dict();
  const std::string message = message_of([&] { nn::load_torch(kept, torn, {.strict = false}); });
  CAPTURE(message);
  CHECK(contains(message, {"factor: differs from scale", "again.0.weight: differs from trunk.0.weight",
                           "again.1.running_mean: differs from trunk.1.running_mean"}));
  CHECK(same(kept.state_dict(), before));
  // One that fits under no name is named under each, and not as missing.
  torn = dict;
  torn.set("scale", ones({3}));
  torn.set("factor", ones({4}));
  const std::string shapes = message_of([&] { nn::load_torch(kept, torn); });
  CAPTURE(shapes);
  CHECK(contains(shapes,
                 {"scale: expects the shape (2,), got (3,)", "factor: expects the shape (2,), got (4,)"}));
  CHECK_FALSE(contains(shapes, "differs"));
  CHECK_FALSE(contains(shapes, "missing"));
  some = StateDict();
  for (const auto& [name, tensor] : dict)
    if (name != "scale" && name != "factor") some.set(name, tensor);
  CHECK(contains(message_of([&] { nn::load_torch(kept, some); }), "scale: missing"));
}

TEST_CASE("a module within itself is listed once") {
  struct Ring : nn::Module {
    nn::Linear link{1, 1, {.bias = false}};
    Ring* next = this;
    void visit(nn::Visitor& v) override {
      v("link", link);
      v("next", *next);
    }
  } ring;
  CHECK(names_of(nn::to_torch(ring)) == Strings{"link.weight"});
  nn::load_torch(ring, nn::to_torch(ring));
}

TEST_CASE("a module's own parameters come first, then its buffers, then its children's") {
  struct Inner : nn::Module {
    nn::Buffer buffer = ones({1});
    nn::Linear child{1, 1};
    nn::Parameter parameter{ones({1})};
    XGRAD_VISIT(buffer, child, parameter)
  };
  struct Model : nn::Module {
    std::vector<Inner> rows = std::vector<Inner>(2);
    nn::Buffer buffer = ones({1});
    nn::Parameter last{ones({1})};
    XGRAD_VISIT(rows, buffer, last)
  } model;
  CHECK(names_of(nn::to_torch(model)) == Strings{"last", "buffer", "rows.0.parameter", "rows.0.buffer",
                                                 "rows.0.child.weight", "rows.0.child.bias",
                                                 "rows.1.parameter", "rows.1.buffer", "rows.1.child.weight",
                                                 "rows.1.child.bias"});
}

TEST_CASE("to_torch is a snapshot that shares nothing with the model") {
  Net net;
  const StateDict dict = nn::to_torch(net);
  const Tensor before = (dict.at("head.weight") + 0.0).value();
  net.head.weight.set_value(zeros({2, 4}));
  CHECK(bitwise_equal(dict.at("head.weight"), before));
}

TEST_CASE("forms of one's own: any permutation in both directions, wrong ones are refused") {
  struct Model : nn::Module {
    nn::Parameter weight{zeros({2, 3, 4})};
    nn::Buffer table = zeros({2, 3});
    IndexList order{2, 0, 1};
    void visit(nn::Visitor& v) override {
      v("weight", weight, order);
      v("table", table, nn::PytorchForm{.order = {1, 0}, .optional = true});
    }
  } model;
  // Axis 0, of size 2, is PyTorch's axis 2.
  const StateDict dict{{"weight", normal({3, 4, 2})}, {"table", normal({3, 2})}};
  nn::load_torch(model, dict);
  CHECK(bitwise_equal(model.weight.value(), permute(dict.at("weight"), {2, 0, 1}).value()));
  CHECK(bitwise_equal(model.table, transpose(dict.at("table")).value()));
  CHECK(same(nn::to_torch(model), dict));
  CHECK(nn::load_torch(model, {{"weight", dict.at("weight")}}).missing == Strings{"table"});

  for (const IndexList& wrong : {IndexList{0, 1}, IndexList{0, 1, 3}, IndexList{0, 0, 1}, IndexList{0, 1, -1},
                                 IndexList{0, 1, 2, 3}}) {
    model.order = wrong;
    CHECK_THROWS_AS(nn::to_torch(model), ValueError);
    CHECK_THROWS_AS(nn::load_torch(model, dict), ValueError);
    CHECK(contains(message_of([&] { nn::to_torch(model); }),
                   "visit gives 'weight', of 3 axes, PyTorch's order"));
  }
}

TEST_CASE("a Flatten in the other order throws where PyTorch's images are exchanged, or is noted") {
  const auto model_of = [](nn::Flatten flat, auto first) {
    return nn::Sequential(std::move(first), std::move(flat), nn::Linear(4, 1));
  };
  const nn::Conv2d conv(1, 1, 2);
  const nn::Flatten pytorch({.order = nn::FlattenOrder::pytorch});
  const StateDict dict = nn::to_torch(model_of(pytorch, conv));
  for (const nn::Flatten& flat : {nn::Flatten(), nn::Flatten(1, 3)}) {
    nn::Sequential model = model_of(flat, conv);
    const StateDict before = model.state_dict();
    for (const std::string& text : {message_of<ValueError>([&] { nn::load_torch(model, dict); }),
                                    message_of<ValueError>([&] { model.load_state_dict(dict); }),
                                    message_of<ValueError>([&] { nn::to_torch(model); })})
      CHECK(contains(
          text, {"torch_load_test.cpp:", "\n  1: lays images out channels last", "FlattenOrder::pytorch"}));
    CHECK(bitwise_equal(model.state_dict().at("2.weight"), before.at("2.weight")));
    const Strings notes = nn::load_torch(model, dict, {.strict = false}).notes;
    REQUIRE(notes.size() == 1);
    CHECK(contains(notes[0], {"1: lays images out channels last", "FlattenOrder::pytorch"}));
    CHECK(model.load_state_dict(before).notes.empty());
  }
  for (const nn::Flatten& flat : {pytorch, nn::Flatten(1, 2), nn::Flatten(2)}) {
    nn::Sequential model = model_of(flat, conv);
    CHECK(nn::load_torch(model, nn::to_torch(model)).notes.empty());
  }
  nn::Sequential no_images = model_of(nn::Flatten(), nn::Linear(2, 2));
  CHECK(nn::load_torch(no_images, nn::to_torch(no_images)).notes.empty());
}

TEST_CASE("a dictionary that has all names behind a prefix is told from one that does not fit") {
  nn::Linear model(2, 3);
  const StateDict saved = model.state_dict();
  const auto text_of = [&](const StateDict& dict) {
    return message_of<ValueError>([&] { model.load_state_dict(dict); });
  };
  CHECK(contains(text_of(saved.with_prefix("module.fc")),
                 "all names are there behind 'module.fc.': without_prefix(\"module.fc\")"));
  StateDict lacking = saved.with_prefix("module");
  lacking.erase("module.bias");
  CHECK_FALSE(contains(text_of(lacking), "without_prefix"));
  StateDict mistaken = saved;
  mistaken.erase("bias");
  CHECK_FALSE(contains(text_of(mistaken), "without_prefix"));
}

TEST_CASE("Flatten in PyTorch's order lays an image out channels first") {
  nn::Flatten flat({.order = nn::FlattenOrder::pytorch});
  const Tensor there = arange(0, 2 * 3 * 4 * 5).to(float32).reshape({2, 3, 4, 5});
  const Variable here = permute(there, {0, 2, 3, 1});
  CHECK(bitwise_equal(flat(here).value(), there.reshape({2, 60})));
  CHECK(flat(zeros({0, 4, 5, 3})).shape() == Shape{0, 60});
  CHECK(flat(zeros({2, 0, 5, 3})).shape() == Shape{2, 0});
  nn::Flatten stored({.order = nn::FlattenOrder::as_stored});
  CHECK(bitwise_equal(stored(here).value(), here.value().reshape({2, 60})));
  CHECK(flat.describe() != stored.describe());

  const Variable x(normal({2, 2, 3, 2}, 0, 1, float64), {.requires_grad = true});
  CHECK(gradcheck([&](const Variable& v) { return flat(v); }, x.value()));
  const Tensor cotangent = arange(0, 24).to(float64).reshape({2, 12});
  flat(x).backward(Variable(cotangent));
  CHECK(bitwise_equal(x.grad().value(), permute(cotangent.reshape({2, 2, 2, 3}), {0, 2, 3, 1}).value()));

  for (const Shape& shape : {Shape{}, Shape{2}, Shape{2, 3}, Shape{2, 3, 4}, Shape{2, 3, 4, 5, 6}}) {
    CHECK_THROWS_AS(flat(zeros(shape)), ShapeError);
    const std::string message = message_of([&] { flat(zeros(shape)); });
    CHECK(
        contains(message, {"torch_load_test.cpp:", ": flatten: ", "(N, H, W, C)", to_string(shape).c_str()}));
  }
}
