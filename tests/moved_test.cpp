// Objects that are default-constructed or moved from: every public member works or throws an error of the
// library. Modules have a test of their own.
#include <xgrad/xgrad.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace {

using namespace xgrad;

/// Each call works or throws an Error; anything else ends the test.
template <class... Calls>
void survives(Calls... calls) {
  const auto one = [](const auto& call) {
    try {
      static_cast<void>(call());
    } catch (const Error& error) {
      CHECK_FALSE(std::string(error.what()).empty());
    }
  };
  (one(calls), ...);
}

/// The object, moved from.
template <class T>
T& hollow(T& object) {
  const T taken = std::move(object);
  return object;
}

void use(Tensor t) {
  survives([&] { return t.defined(); }, [&] { return t.shape(); }, [&] { return t.dtype(); },
           [&] { return t.rank(); }, [&] { return t.count(); }, [&] { return t.size(0); },
           [&] { return t.bytes(); }, [&] { return t.data<float>(); },
           [&] { return t.mutable_data<float>(); }, [&] { return t.span<float>().size(); },
           [&] { return t.mutable_span<float>().size(); }, [&] { return t.raw(); },
           [&] { return t.mutable_raw(); }, [&] { return t.item(); }, [&] { return t.at({0}); },
           [&] { return t.reshape({1}); }, [&] { return t.rows(0, 0); }, [&] { return t.to(float64); },
           [&] { return t.unique(); }, [&] { return t.shares_storage_with(t); }, [&] { return to_string(t); },
           [&] { return describe(t); }, [&] { return allclose(t, t); }, [&] { return bitwise_equal(t, t); },
           [&] { return Tensor::uninitialized_like(t); }, [&] { return zeros_like(t); });
  t = ones({2});
  CHECK(t.count() == 2);
}

void use(Variable v) {
  survives([&] { return v.defined(); }, [&] { return v.value(); }, [&] { return v.shape(); },
           [&] { return v.dtype(); }, [&] { return v.rank(); }, [&] { return v.count(); },
           [&] { return v.size(0); }, [&] { return v.item(); }, [&] { return v.requires_grad(); },
           [&] { return v.is_leaf(); }, [&] { return v.grad(); }, [&] { return v.detach(); },
           [&] { return v.is(v); }, [&] { return v.operation(); }, [&] { return graphviz(v); },
           [&] { return v.add_hook([](const Variable& g) { return g; }); },
           [&] { return v.mutable_span<float>().size(); }, [&] { return v + v; }, [&] { return sum(v); },
           [&] { return grad(v, v); });
  survives([&] { return v.set_requires_grad(true), 0; }, [&] { return v.set_grad(v), 0; },
           [&] { return v.clear_grad(), 0; }, [&] { return v.retain_grad(), 0; },
           [&] { return v.set_value(ones({2})), 0; }, [&] { return v.backward(), 0; },
           [&] { return v += 1, 0; });
  v = ones({2});
  CHECK(v.count() == 2);
}

void use(StateDict& dict) {
  CHECK(dict.empty());
  CHECK(dict.size() == 0);
  CHECK(dict.begin() == dict.end());
  CHECK(dict.find("a") == nullptr);
  CHECK_FALSE(dict.contains("a"));
  CHECK_THROWS_AS(dict.at("a"), ValueError);
  survives([&] { return dict[0]; }, [&] { return dict.layout(); }, [&] { return dict.erase("a"); },
           [&] { return dict.rename("a", "b"), 0; }, [&] { return dict.with_prefix("a"); },
           [&] { return dict.without_prefix("a"); }, [&] { return dict.merge({}), 0; },
           [&] { return to_string(dict); },
           [&] { return dict.filter([](const std::string&, const Tensor&) { return true; }); });
  dict.set("a", ones({2}));
  CHECK(dict.at("a").count() == 2);
}

template <class O>
void use_optimizer() {
  const Variable w(ones({2}), {.requires_grad = true});
  O optimizer(std::vector<Variable>{w});
  const auto use = [](O& o) {
    survives([&] { return o.group_count(); }, [&] { return o.parameters(); },
             [&] { return o.learning_rate(); }, [&] { return o.options(); }, [&] { return o.state_dict(); },
             [&] { return o.step(), 0; }, [&] { return o.zero_grad(), 0; },
             [&] { return o.set_learning_rate(0.5), 0; }, [&] { return o.set_learning_rate(0.5, 0), 0; },
             [&] { return o.load_state_dict(o.state_dict()), 0; },
             [&] { return o.prepare_load(o.state_dict()).run(), 0; });
  };
  use(hollow(optimizer));
  optimizer = O(std::vector<Variable>{w});
  sum(w * 2).backward();
  optimizer.step();
  CHECK(w.value().at({0}) < 1);
}

}  // namespace

TEST_CASE("tensors, variables, dictionaries: moved from and undefined") {
  use(Tensor());
  use(Variable());
  Tensor t = ones({2});
  use(hollow(t));
  Variable v(ones({2}), {.requires_grad = true});
  use(hollow(v));
  StateDict dict{{"b", ones({3})}}, none;
  use(hollow(dict));
  use(none);
}

TEST_CASE("handles and functions: moved from and undefined") {
  HookHandle handle;
  handle.remove();
  Variable v(ones({2}), {.requires_grad = true});
  handle = v.add_hook([](const Variable& g) { return g * 2; });
  hollow(handle).remove();
  handle.remove();

  Callback<int(int)> call = [](int i) { return i; };
  CHECK_THROWS_AS(Callback<int(int)>()(1), GraphError);
  CHECK_FALSE(static_cast<bool>(Callback<int(int)>()));
  survives([&] { return hollow(call)(1); });
  call = [](int i) { return i + 1; };
  CHECK(call(1) == 2);

  Function twice("test_twice", [](FunctionForward&, const std::vector<Variable>& x) {
    return std::vector<Variable>{x[0] * 2};
  });
  survives([&] { return hollow(twice)(v); }, [&] { return twice.apply({v}); });
}

TEST_CASE("optimizers and schedules: moved from") {
  use_optimizer<optim::SGD>();
  use_optimizer<optim::Adam>();
  use_optimizer<optim::AdamW>();
  use_optimizer<optim::RMSprop>();
  use_optimizer<optim::Adagrad>();

  optim::SGD optimizer(std::vector<Variable>{Variable(ones({2}), {.requires_grad = true})});
  optim::Schedule schedule(optimizer, optim::StepLR(2));
  hollow(schedule);
  survives([&] { return schedule.step(), 0; }, [&] { return schedule.steps(); },
           [&] { return schedule.state_dict(); },
           [&] { return schedule.load_state_dict(schedule.state_dict()), 0; },
           [&] { return schedule.prepare_load(schedule.state_dict()).run(), 0; });
  optim::RateRule rule = optim::StepLR(2);
  hollow(rule);
  survives([&] { return optim::Schedule(optimizer, rule).steps(); });
}

TEST_CASE("datasets and loaders: moved from") {
  data::TensorDataset pairs(ones({4, 2}), arange(4));
  data::DataLoader loader(pairs, {.batch_size = 2});
  auto batch = loader.begin();
  hollow(batch);
  survives([&] { return *batch; }, [&] { return ++batch, 0; }, [&] { return batch == loader.end(); });
  hollow(pairs);
  survives([&] { return pairs.size(); }, [&] { return pairs.get(0); },
           [&] { return pairs.gather(arange(2)); }, [&] { return pairs.tensors(); });
  survives([&] { return data::DataLoader(pairs).size(); },
           [&] { return (*data::DataLoader(pairs).begin())[0].count(); });
  hollow(loader);
  survives([&] { return loader.size(); }, [&] { return loader.dataset(); }, [&] { return loader.options(); },
           [&] { return loader.epoch(); }, [&] { return loader.set_epoch(1), 0; },
           [&] { return loader.batch(); }, [&] { return loader.state_dict(); },
           [&] { return loader.load_state_dict({}), 0; }, [&] { return loader.prepare_load({}).run(), 0; },
           [&] { return loader.begin() == loader.end(); });
}
