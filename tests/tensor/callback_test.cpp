// Callback: a callable as a value.
#include <xgrad/tensor/callback.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>

using xgrad::Callback;

namespace {
int doubled(int x) { return 2 * x; }
}  // namespace

TEST_CASE("callback: functions, function objects and nothing") {
  CHECK_FALSE(Callback<int(int)>());
  CHECK_FALSE(Callback<int(int)>(nullptr));
  const Callback<int(int)> function = doubled, object = [step = 3](int x) { return x + step; };
  REQUIRE(function);
  CHECK(function(4) == 8);
  CHECK(object(4) == 7);
  std::string seen;
  const Callback<void(const std::string&)> dropped = [&](const std::string& text) { return seen += text; };
  dropped("ab");
  CHECK(seen == "ab");
}

TEST_CASE("callback: a copy has a state of its own, a move takes it along") {
  Callback<int()> count = [n = 0]() mutable { return ++n; };
  CHECK(count() == 1);
  Callback<int()> copy = count;
  CHECK(copy() == 2);
  CHECK(copy() == 3);
  CHECK(count() == 2);
  const Callback<int()> moved = std::move(copy);
  CHECK(moved() == 4);
  count = moved;
  CHECK(count() == 5);
  CHECK(moved() == 5);
}

TEST_CASE("callback: arguments pass through unchanged, and the function object is destroyed once") {
  const auto held = std::make_shared<int>(5);
  {
    const Callback<int(std::unique_ptr<int>)> f = [held](std::unique_ptr<int> x) { return *held * *x; };
    const auto g = f;
    CHECK(held.use_count() == 3);
    CHECK(g(std::make_unique<int>(4)) == 20);
  }
  CHECK(held.use_count() == 1);
}
