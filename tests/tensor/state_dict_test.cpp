// StateDict: order, names, sharing, parts, printing, errors.
#include "support/failing_memory.hpp"

#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace xgrad;

std::vector<std::string> names(const StateDict& dict) {
  std::vector<std::string> result;
  for (const auto& [name, tensor] : dict) result.push_back(name);
  return result;
}

}  // namespace

TEST_SUITE("tensor") {
  TEST_CASE("StateDict: empty at first, of unknown layout") {
    StateDict dict;
    CHECK(dict.empty());
    CHECK(dict.size() == 0);
    CHECK(dict.begin() == dict.end());
    CHECK(dict.find("a") == nullptr);
    CHECK(dict.layout() == StateDict::Layout::unknown);
    dict.set_layout(StateDict::Layout::pytorch);
    const StateDict copy = dict;
    CHECK(copy.layout() == StateDict::Layout::pytorch);
  }

  TEST_CASE("StateDict: items keep the order in which they came, and are replaced in their place") {
    StateDict dict{{"b", scalar(1)}, {"a.x", scalar(2)}, {"c", scalar(3)}};
    CHECK(names(dict) == std::vector<std::string>{"b", "a.x", "c"});
    dict.set("a.x", scalar(20));
    dict.set("a", scalar(4));
    CHECK(names(dict) == std::vector<std::string>{"b", "a.x", "c", "a"});
    CHECK(dict.at("a.x").item<Index>() == 20);
    CHECK(dict[1].second.item<Index>() == 20);
    CHECK(dict[3].first == "a");
    CHECK(dict.contains("c"));
    CHECK_FALSE(dict.contains("a."));
    CHECK_FALSE(dict.contains(""));
    CHECK(dict.find("b") == &dict[0].second);
    // The last of equal names stands at the first one's place.
    const StateDict twice{{"a", scalar(1)}, {"b", scalar(2)}, {"a", scalar(3)}};
    CHECK(names(twice) == std::vector<std::string>{"a", "b"});
    CHECK(twice.at("a").item<Index>() == 3);
  }

  TEST_CASE("StateDict: every name is found among many, set in any order") {
    std::vector<Index> order(500);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    StateDict dict;
    for (const Index i : order) dict.set("layer." + std::to_string(i), scalar(i));
    for (const Index i : order) dict.set("layer." + std::to_string(i), scalar(10 * i));
    REQUIRE(dict.size() == order.size());
    std::size_t position = 0;
    for (const Index i : order) {
      const std::string name = "layer." + std::to_string(i);
      CHECK(dict.at(name).item<Index>() == 10 * i);
      CHECK(dict[static_cast<Index>(position++)].first == name);
    }
    CHECK_FALSE(dict.contains("layer.500"));
    CHECK_FALSE(dict.contains("layer"));
  }

  TEST_CASE("StateDict: tensors share elements with their owner until one side is written") {
    Tensor owner{1.0, 2.0};
    StateDict dict{{"a", owner}};
    CHECK(dict.at("a").shares_storage_with(owner));
    owner.mutable_data<float>()[0] = 5;
    CHECK(bitwise_equal(dict.at("a"), Tensor{1.0, 2.0}));
    const StateDict copy = dict;
    dict.set("a", Tensor{7.0});
    CHECK(bitwise_equal(copy.at("a"), Tensor{1.0, 2.0}));
    // From a dictionary that is about to go, a tensor is copied.
    const Tensor kept = StateDict{{"a", owner}}.at("a");
    CHECK(kept.shares_storage_with(owner));
    CHECK(StateDict{{"a", owner}}[0].first == "a");
  }

  TEST_CASE("StateDict: what is not there is named beside what is") {
    const StateDict dict{{"b", scalar(1)}, {"a", scalar(2)}};
    CHECK_THROWS_WITH_AS(dict.at("c"), doctest::Contains("there is no tensor 'c' (there are: b, a)"),
                         ValueError);
    CHECK_THROWS_AS(dict[2], IndexError);
    CHECK_THROWS_AS(dict[-1], IndexError);
    CHECK_THROWS_AS(StateDict()[0], IndexError);
  }

  TEST_CASE("StateDict: an undefined tensor throws and changes nothing") {
    StateDict dict{{"a", scalar(1)}};
    CHECK_THROWS_AS(dict.set("a", Tensor()), ValueError);
    CHECK_THROWS_AS(dict.set("b", Tensor()), ValueError);
    CHECK_THROWS_AS((StateDict{{"a", Tensor()}}), ValueError);
    CHECK(dict.size() == 1);
    CHECK(dict.at("a").item<Index>() == 1);
  }

  TEST_CASE("StateDict: a name without a part throws and changes nothing") {
    StateDict dict{{"a.b", ones({1})}};
    for (const char* name : {"", ".", ".a", "a.", "a..b"}) {
      CAPTURE(std::string(name));
      CHECK_THROWS_AS(dict.set(name, ones({1})), ValueError);
    }
    CHECK(dict.size() == 1);
    dict.set("0", ones({1}));
    CHECK(dict.contains("0"));
  }

  TEST_CASE("StateDict: erased, renamed and added at random, names and order are those of a plain list") {
    StateDict dict;
    std::vector<std::pair<std::string, Index>> plain;
    std::mt19937 random(3);
    const auto found = [&](const std::string& name) {
      return std::find_if(plain.begin(), plain.end(), [&](const auto& item) { return item.first == name; });
    };
    for (Index i = 0; i < 3000; ++i) {
      const std::string name = "n" + std::to_string(random() % 60),
                        other = "n" + std::to_string(random() % 60);
      const auto item = found(name);
      const bool there = item != plain.end();
      REQUIRE(dict.contains(name) == there);
      switch (random() % 4) {
        case 0:
        case 1:
          dict.set(name, scalar(i));
          if (there)
            item->second = i;
          else
            plain.emplace_back(name, i);
          break;
        case 2:
          CHECK(dict.erase(name) == there);
          if (there) plain.erase(item);
          break;
        default:
          if (there && (name == other || found(other) == plain.end())) {
            dict.rename(name, other);
            item->first = other;
          } else {
            CHECK_THROWS_AS(dict.rename(name, other), ValueError);
          }
      }
      REQUIRE(dict.size() == plain.size());
      for (std::size_t k = 0; k < plain.size(); ++k) {
        const auto& [wanted, value] = plain[k];
        REQUIRE(dict[static_cast<Index>(k)].first == wanted);
        REQUIRE(dict.at(wanted).item<Index>() == value);
      }
    }
    while (!dict.empty()) CHECK(dict.erase(std::string_view(dict[0].first)));
    CHECK_FALSE(dict.erase("n1"));
    CHECK_FALSE(StateDict().erase("n1"));
  }

  TEST_CASE("StateDict: names of every length, alike but for one character, are told apart") {
    StateDict dict;
    for (std::size_t length = 1; length <= 40; ++length)
      for (std::size_t at = 0; at < length; ++at) {
        std::string name(length, 'a');
        name[at] = 'b';
        dict.set(name, scalar(static_cast<Index>(100 * length + at)));
      }
    REQUIRE(dict.size() == 820);
    for (std::size_t length = 1; length <= 40; ++length) {
      CHECK_FALSE(dict.contains(std::string(length, 'a')));
      for (std::size_t at = 0; at < length; ++at) {
        std::string name(length, 'a');
        name[at] = 'b';
        CHECK(dict.at(name).item<std::size_t>() == 100 * length + at);
      }
    }
  }

  TEST_CASE("StateDict: a wrong rename names what is wrong and changes nothing") {
    StateDict dict{{"a", scalar(1)}, {"b", scalar(2)}};
    CHECK_THROWS_WITH_AS(dict.rename("c", "d"), doctest::Contains("there is no tensor 'c' (there are: a, b)"),
                         ValueError);
    CHECK_THROWS_WITH_AS(dict.rename("a", "b"), doctest::Contains("there is a tensor 'b' already"),
                         ValueError);
    CHECK_THROWS_AS(dict.rename("a", "b."), ValueError);
    CHECK_NOTHROW(dict.rename("a", "a"));
    CHECK_THROWS_AS(StateDict().rename("a", "b"), ValueError);
    CHECK(names(dict) == std::vector<std::string>{"a", "b"});
    // A view of the name itself.
    dict.rename(dict[0].first, "c.d");
    CHECK(names(dict) == std::vector<std::string>{"c.d", "b"});
    CHECK(dict.at("c.d").item<Index>() == 1);
  }

  TEST_CASE("StateDict: prefixes") {
    StateDict dict{{"b", scalar(1)}, {"a.x", scalar(2)}};
    dict.set_layout(StateDict::Layout::xgrad);
    StateDict all = dict.with_prefix("model");
    CHECK(names(all) == std::vector<std::string>{"model.b", "model.a.x"});
    CHECK(all.layout() == StateDict::Layout::xgrad);
    CHECK(all.at("model.b").shares_storage_with(dict.at("b")));
    all.set("model", scalar(3));
    all.set("models.b", scalar(4));
    all.set("other.model.b", scalar(5));
    all.set("model.model.b", scalar(6));
    const StateDict part = all.without_prefix("model");
    CHECK(names(part) == std::vector<std::string>{"b", "a.x", "model.b"});
    CHECK(part.at("b").item<Index>() == 1);
    CHECK(part.layout() == StateDict::Layout::xgrad);
    CHECK(names(all.without_prefix("model.a")) == std::vector<std::string>{"x"});
    CHECK(all.without_prefix("mod").empty());
    for (const char* wrong : {"", "model.", ".model", "a..b"}) {
      CAPTURE(std::string(wrong));
      CHECK_THROWS_AS(dict.with_prefix(wrong), ValueError);
      CHECK_THROWS_AS(dict.without_prefix(wrong), ValueError);
    }
  }

  TEST_CASE("StateDict: filter") {
    StateDict dict{{"b", scalar(1)}, {"a.x", scalar(2.0)}, {"c", scalar(3)}};
    dict.set_layout(StateDict::Layout::pytorch);
    const StateDict whole =
        dict.filter([](const std::string&, const Tensor& t) { return t.dtype() == int64; });
    CHECK(names(whole) == std::vector<std::string>{"b", "c"});
    CHECK(whole.layout() == StateDict::Layout::pytorch);
    CHECK(names(dict.filter([](const std::string& name, const Tensor&) { return name.starts_with("a"); })) ==
          std::vector<std::string>{"a.x"});
    CHECK_THROWS_AS(dict.filter({}), GraphError);
  }

  TEST_CASE("StateDict: merge") {
    using Layout = StateDict::Layout;
    StateDict dict{{"b", scalar(1)}, {"a", scalar(2)}};
    dict.merge({{"d", scalar(3)}, {"c", scalar(4)}});
    CHECK(names(dict) == std::vector<std::string>{"b", "a", "d", "c"});
    CHECK(dict.at("c").item<Index>() == 4);
    CHECK_THROWS_WITH_AS(dict.merge({{"c", scalar(5)}, {"e", scalar(6)}, {"b", scalar(7)}}),
                         doctest::Contains("these names are in both: c, b"), ValueError);
    CHECK_THROWS_AS(dict.merge(dict), ValueError);
    CHECK(dict.size() == 4);
    CHECK(dict.at("c").item<Index>() == 4);
    dict.merge({});
    StateDict none;
    none.merge(dict);
    CHECK(names(none) == names(dict));

    for (const Layout mine : {Layout::unknown, Layout::xgrad, Layout::pytorch})
      for (const Layout its : {Layout::unknown, Layout::xgrad, Layout::pytorch}) {
        StateDict a{{"a", scalar(1)}}, b{{"b", scalar(2)}};
        a.set_layout(mine);
        b.set_layout(its);
        if (mine != Layout::unknown && its != Layout::unknown && mine != its) {
          CHECK_THROWS_AS(a.merge(b), ValueError);
          CHECK(a.size() == 1);
          CHECK(a.layout() == mine);
        } else {
          a.merge(b);
          CHECK(a.size() == 2);
          CHECK(a.layout() == (mine == Layout::unknown ? its : mine));
        }
      }
    // Many small parts.
    StateDict many;
    for (Index i = 0; i < 2000; ++i) many.merge({{"part." + std::to_string(i), scalar(i)}});
    CHECK(many.size() == 2000);
    CHECK(many.at("part.1234").item<Index>() == 1234);
  }

  TEST_CASE("StateDict: printed as a table") {
    const StateDict dict{{"hidden.weight", ones({128, 784})},
                         {"step", scalar(3)},
                         {"seen", Tensor({1, 0, 1}, boolean)},
                         {"empty", ones({0, 2}, float64)}};
    CHECK(to_string(dict) ==
          "hidden.weight  float32  (128, 784)\n"
          "step           int64    ()\n"
          "seen           boolean  (3,)\n"
          "empty          float64  (0, 2)\n"
          "4 tensors, 401419 bytes");
    std::ostringstream stream;
    stream << StateDict{{"a", scalar(1)}};
    CHECK(stream.str() == "a  int64    ()\n1 tensor, 8 bytes");
    CHECK(to_string(StateDict()) == "0 tensors, 0 bytes");
  }

  TEST_CASE("StateDict: what runs out of memory changes nothing") {
    if (!test::memory_can_fail()) return;
    const std::string far(100, 'f'), farther(100, 'g');
    const std::vector<std::function<void(StateDict&)>> changes = {
        [&](StateDict& dict) { dict.set(far, dict.at("n.0")); },
        [&](StateDict& dict) { dict.rename("n.1", far); },
        [&](StateDict& dict) {
          dict.merge({{far, dict.at("n.0")}, {farther, dict.at("n.1")}});
        },
    };
    for (std::size_t change = 0; change < changes.size(); ++change) {
      CAPTURE(change);
      int failures = 0;
      test::with_failing_allocations([&](long k) {
        StateDict dict;
        for (Index i = 0; i < 8; ++i) dict.set("n." + std::to_string(i), scalar(i));
        const auto before = names(dict);
        const bool done = test::runs_within(k, [&] { changes[change](dict); });
        failures += done ? 0 : 1;
        if (!done) CHECK(names(dict) == before);
        CHECK(dict.contains(far) == done);
        for (const auto& [name, tensor] : dict) CHECK(dict.find(name) == &tensor);
        return done;
      });
      CHECK(failures > 0);
    }
  }
}

TEST_SUITE("slow") {
  TEST_CASE("StateDict: a million names in random order take about a second") {
    for (const std::string end : {"", ".weight"}) {
      std::vector<std::string> all;
      for (int i = 0; i < 1'000'000; ++i) all.push_back("l" + std::to_string(i) + end);
      std::shuffle(all.begin(), all.end(), std::mt19937(1));
      const Tensor one = scalar(1);
      StateDict dict;
      const auto start = std::chrono::steady_clock::now();
      for (const std::string& name : all) dict.set(name, one);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      MESSAGE(seconds.count(), " s");
      CHECK(seconds.count() < 20);  // a quadratic cost would be minutes
      CHECK(dict.size() == all.size());
      for (std::size_t i = 0; i < all.size(); i += 999) CHECK(dict[static_cast<Index>(i)].first == all[i]);
    }
  }
}
