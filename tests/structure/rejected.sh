#!/usr/bin/env bash
# What must not compile, and what must warn when its result is dropped. Every line below is a function body of its own
# with the text that the compiler's complaint about that line holds; one run of the compiler judges them all, and a
# second one sees that the right ways compile without a warning.
set -euo pipefail
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
compile() { $CXX -std=c++20 -fsyntax-only -Wall -Wextra -fmax-errors=0 -I"$BUILD/include" "$1"; }
if $CXX --version | grep -q clang; then
  compile() { $CXX -std=c++20 -fsyntax-only -Wall -Wextra -ferror-limit=0 -I"$BUILD/include" "$1"; }
fi

cat >given.hpp <<'END'
#include <xgrad/xgrad.hpp>
#include <span>
using namespace xgrad;
inline Tensor t{1.0, 2.0};
inline const Variable x(t);
inline Variable leaf(t, {.requires_grad = true});
inline nn::Linear layer(2, 2);
inline StateDict dict;
inline optim::SGD optimizer(layer.parameters());
inline data::DataLoader loader(data::TensorDataset(t, t));
inline Tensor make() { return t; }
inline const nn::ModuleList make_list() { return nn::ModuleList(nn::ReLU()); }
inline auto make_loader() { return data::DataLoader(data::TensorDataset(t, t)); }
END

# deleted: views and references of what is gone at the end of the statement, and handles that would be replaced.
# The text is a regular expression of grep -E.
cat >rejected.txt <<'END'
const float* p = make().data<float>();                            # deleted
const std::byte* p = make().raw();                                # deleted
float* p = make().mutable_data<float>();                          # error
std::span<const float> s = make().span<float>();                  # error
std::span<const float> s(make().span<float>());                   # error
auto p = make().span<float>().begin();                            # deleted
const float* p = relu(x).value().data<float>();                   # deleted
const Index* p = make().shape().begin();                          # deleted
const Index* p = relu(x).shape().end();                           # deleted
Shape& s = make().shape();                                        # error
float* y = relu(x).mutable_data<float>();                           # deleted
const Tensor* w = layer.state_dict().find("weight");              # deleted
auto w = layer.state_dict().begin();                              # deleted
nn::Module& m = nn::Sequential{nn::ReLU()}[0];                        # deleted
auto& m = nn::Sequential{nn::ReLU()}.at<nn::ReLU>(0);             # deleted
auto& m = make_list()[0];                                         # deleted
auto& m = make_list().at<nn::ReLU>(0);                            # deleted
auto m = make_list().begin();                                     # deleted
auto m = nn::Linear(2, 2).named_modules();                        # deleted
auto m = nn::Linear(2, 2).children();                             # deleted
nn::Module* m = nn::AnyModule(nn::ReLU()).operator->();           # deleted
auto& batch = *loader.begin();                                    # error
auto& d = make_loader().dataset();                                # deleted
PreparedLoad load = make_loader().prepare_load(dict);             # error
PreparedLoad load = nn::Linear(2, 2).prepare_load(dict);          # error
PreparedLoad load = Generator(1).prepare_load(dict);              # error
PreparedLoad load = optim::SGD(layer.parameters()).prepare_load(dict);  # error
PreparedLoad load([] {});                                         # error
PreparedLoad load = optimizer.prepare_load(dict), copy = load;    # deleted
Variable s = sum(x, {.keepdims = true});                          # error
Variable n = norm(x, 1);                                          # deleted
Variable n = norm(x, {.p = 1});                                   # error
nn::Conv2d c(3, 8, {.stride = 2});                                # error
nn::Conv2d c(3, 8, {3, 5});                                       # ambiguous
nn::MaxPool2d p({.stride = 2});                                   # error
Generator(3);                                                     # nodiscard
layer.weight += 1;                                                # deleted
layer.weight -= x;                                                # deleted
layer.weight *= 0.5;                                              # deleted
layer.weight /= 2;                                                # deleted
layer.weight %= 2;                                                # deleted
layer.weight = layer.weight * 0.5;                                # deleted
relu(x);                                                          # nodiscard
sum(x);                                                           # nodiscard
x + x;                                                            # nodiscard
map("f", [](auto v) { return v * v; }, x);                        # nodiscard
layer(x);                                                         # nodiscard
nn::mse_loss(x, x);                                               # nodiscard
max(x, 0);                                                        # nodiscard
split(x, 1);                                                      # nodiscard
unbind(x);                                                        # nodiscard
grad(x, leaf);                                                    # nodiscard
leaf.grad();                                                      # nodiscard
x.detach();                                                       # nodiscard
x.item();                                                         # nodiscard
t.to(float64);                                                    # nodiscard
t.reshape({2, 1});                                                # nodiscard
t.item();                                                         # nodiscard
zeros({2});                                                       # nodiscard
uniform({2});                                                     # nodiscard
allclose(t, t);                                                   # nodiscard
bitwise_equal(t, t);                                              # nodiscard
to_string(t);                                                     # nodiscard
dict.empty();                                                     # nodiscard
NoGrad();                                                         # nodiscard
EnableGrad();                                                     # nodiscard
AnomalyMode();                                                    # nodiscard
gradcheck([](auto v) { return sum(v); }, t);                      # nodiscard
jacobian([](auto v) { return v; }, x);                            # nodiscard
vjp([](auto v) { return sum(v); }, x);                            # nodiscard
nn::check_parameters(layer, x);                                   # nodiscard
nn::init::gain(nn::init::Nonlinearity::relu);                     # nodiscard
nn::summary(layer, x);                                            # nodiscard
layer.parameters();                                               # nodiscard
nn::to_torch(layer);                                              # nodiscard
optimizer.state_dict();                                           # nodiscard
optimizer.prepare_load(dict);                                     # nodiscard
layer.prepare_load(dict);                                         # nodiscard
dict.with_prefix("a");                                            # nodiscard
data::moments(t);                                                 # nodiscard
graphviz(x);                                                      # nodiscard
END

# The same intentions, said rightly.
cat >accepted.txt <<'END'
Index total = 0; for (Index i : randint({5}, 0, 9).span<Index>()) total += i; return void(total);
for (float v : relu(x).value().span<float>()) static_cast<void>(v);
for (float v : leaf.grad().value().span<float>()) static_cast<void>(v);
for (Index n : relu(x).shape()) static_cast<void>(n);
const Shape& s = relu(x).shape(); static_cast<void>(s);
const Tensor& y = relu(x).value(); static_cast<void>(y.data<float>());
auto range = make().span<float>(); std::vector<float> copy(range.begin(), range.end());
for (const auto& [name, tensor] : layer.state_dict()) static_cast<void>(tensor.count());
const Tensor& w = layer.state_dict().at("weight"); static_cast<void>(w.count());
for (auto& [name, module] : layer.named_modules()) module->eval();
nn::Sequential net{nn::ReLU(), nn::Linear(2, 2)}; for (nn::Module& m : net) m.train(); net[0].eval();
for (auto& [a, b] : data::DataLoader(data::TensorDataset(t, t))) static_cast<void>(a.count() + b.count());
const auto& [a, b] = *loader.begin(); static_cast<void>(a.count() + b.count());
layer.weight.set_value((layer.weight * 0.5).value());
layer.weight = nn::Parameter(t); layer.bias = {};
Variable total = sum(x); total += 1; total -= x; total *= x; total /= 2; total %= 3;
const NoGrad off; const AnomalyMode anomaly; const EnableGrad on; static_cast<void>(relu(x));
leaf.add_hook([](const Variable& g) { return g; });
optimizer.step(); optimizer.zero_grad(); layer.load_state_dict(layer.state_dict());
nn::load_torch(layer, nn::to_torch(layer));
optim::clip_grad_norm(layer.parameters(), 1);
PreparedLoad load = layer.prepare_load(dict); load = optimizer.prepare_load(dict); load.run(); loader.prepare_load(dict).run();
PreparedLoad load([]() noexcept {}); load.run();
END

# bodies FILE: a program with one function for each line of the file, on the same line.
bodies() {
  awk -v file="$2" 'BEGIN { print "#include \"given.hpp\"" } { sub(/ *# [a-z]+$/, ""); print "void f" NR "() { " $0 " }" }' "$1" >"$2"
}

bodies accepted.txt accepted.cpp
complaints=$(compile accepted.cpp 2>&1 | grep -vE 'note:' || true)
if grep -qE 'error|warning' <<<"$complaints"; then
  echo "what is right does not compile without complaint:"
  echo "$complaints"
  exit 1
fi

bodies rejected.txt rejected.cpp
compile rejected.cpp >complaints.txt 2>&1 || true
missed=0 number=0
while IFS= read -r line; do
  number=$((number + 1))
  text=${line##*# }
  # The include is line 1. The two compilers speak of nodiscard in three ways.
  grep -E "^rejected.cpp:$((number + 1)):[0-9]+: (error|warning):" complaints.txt | grep -qE "$text" && continue
  echo "accepted, or rejected without the word '$text': ${line%%#*}"
  missed=$((missed + 1))
done <rejected.txt
# Who is told that a function is deleted sees why: the comment stands on its line.
grep -q 'name the Tensor' complaints.txt || { echo "no reason is shown for a deleted view"; missed=$((missed + 1)); }
grep -q 'set_value' complaints.txt || { echo "no reason is shown for a deleted compound operator"; missed=$((missed + 1)); }
((missed == 0)) || exit 1
echo "$number lines rejected, $(wc -l <accepted.txt) accepted"
