// StateDict: order, names, sharing, errors.
#include <xgrad/tensor/compare.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/state_dict.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
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
}
