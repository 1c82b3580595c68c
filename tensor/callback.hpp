// Callback: any callable of one signature, as a value. It is std::function without <functional>, whose
// searchers and hash tables would be a fifth of the time in which the library's headers parse.
#pragma once

#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/error.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

XGRAD_API_BEGIN
namespace xgrad {

namespace detail {

/// Throws GraphError: a Callback without a function was called.
[[noreturn]] void reject_empty_callback();

/// A function object of any type; copies have a copy of it. Apart from Callback so that signatures share it.
class AnyCallable {
 public:
  AnyCallable() = default;
  template <class F>
  explicit AnyCallable(std::in_place_t, F f) : holder_(new HolderOf<F>(std::move(f))) {}
  AnyCallable(const AnyCallable& other) : holder_(other.holder_ ? other.holder_->copy() : nullptr) {}
  AnyCallable(AnyCallable&&) noexcept = default;
  AnyCallable& operator=(const AnyCallable& other) { return *this = AnyCallable(other); }
  AnyCallable& operator=(AnyCallable&&) noexcept = default;
  ~AnyCallable() = default;

  /// The function object, or null.
  void* object() const { return holder_ ? holder_->object : nullptr; }

 private:
  struct Holder {
    explicit Holder(void* its_object) : object(its_object) {}
    virtual ~Holder() = default;
    virtual std::unique_ptr<Holder> copy() const = 0;
    void* const object;
  };
  template <class F>
  struct HolderOf final : Holder {
    explicit HolderOf(F its_f) : Holder(&f), f(std::move(its_f)) {}
    std::unique_ptr<Holder> copy() const override { return std::unique_ptr<Holder>(new HolderOf(f)); }
    F f;
  };

  std::unique_ptr<Holder> holder_;
};

}  // namespace detail

template <class Signature>
class Callback;

/// Holds a copy of a function object or function and calls it; copying copies the function object. A
/// default-constructed or moved-from one is false, and throws GraphError when called.
template <class Result, class... Arguments>
class Callback<Result(Arguments...)> {
 public:
  Callback() = default;
  Callback(std::nullptr_t) {}
  template <class F>
  requires(!std::is_same_v<F, Callback> && !std::is_member_pointer_v<F> &&
           std::is_invocable_r_v<Result, F&, Arguments...>) Callback(F f)
      : callable_(std::in_place, std::move(f)), call_([](void* object, Arguments... arguments) -> Result {
          return static_cast<Result>((*static_cast<F*>(object))(std::forward<Arguments>(arguments)...));
        }) {
    static_assert(std::is_copy_constructible_v<F>, "copies of a Callback have copies of its function object");
  }

  explicit operator bool() const { return callable_.object() != nullptr; }
  Result operator()(Arguments... arguments) const {
    void* const object = callable_.object();
    if (object == nullptr) detail::reject_empty_callback();
    return call_(object, std::forward<Arguments>(arguments)...);
  }

 private:
  detail::AnyCallable callable_;
  Result (*call_)(void* object, Arguments... arguments) = nullptr;
};

}  // namespace xgrad
XGRAD_API_END
