// Modules made of modules of any type: Sequential and ModuleList.
// Invariant: they are values; copying one copies every module in it (those given as shared_ptr stay shared).
#pragma once

#include <xgrad/nn/module.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>

#include <memory>

XGRAD_API_BEGIN
namespace xgrad::nn {

namespace detail {

template <class T>
inline constexpr bool is_shared_module = false;
template <std::derived_from<Module> M>
inline constexpr bool is_shared_module<std::shared_ptr<M>> = true;

}  // namespace detail

/// What a container takes: a module, or a std::shared_ptr to one.
template <class T>
concept Layer = std::derived_from<T, Module> || detail::is_shared_module<T>;

/// A module of any type, held by value: made from a module, or from a shared_ptr to one. Reaching for the
/// module of one that was moved from throws GraphError.
class AnyModule {
 public:
  template <class M>
  requires(std::derived_from<M, Module>&& std::copy_constructible<M>) AnyModule(M module, Place = {})
      : held_(new Held<M>(std::move(module))) {}
  /// Throws ValueError on a null pointer.
  template <std::derived_from<Module> M>
  AnyModule(std::shared_ptr<M> shared, Place place = Place::here())
      : held_(new Shared(checked(std::move(shared), place))) {}

  AnyModule(const AnyModule& other) : held_(other.held_ ? other.held_->clone() : nullptr) {}
  AnyModule(AnyModule&&) noexcept = default;
  AnyModule& operator=(const AnyModule& other) { return *this = AnyModule(other); }
  AnyModule& operator=(AnyModule&&) noexcept = default;
  ~AnyModule() = default;

  Module& operator*() const& {
    if (!held_) reject_empty();
    return held_->module();
  }
  Module* operator->() const& { return &**this; }
  Module& operator*() const&& = delete;   // it may be gone: name the module first
  Module* operator->() const&& = delete;  // it may be gone: name the module first

 private:
  struct Holder {
    virtual ~Holder() = default;
    virtual std::unique_ptr<Holder> clone() const = 0;
    virtual Module& module() = 0;
  };
  template <class M>
  struct Held final : Holder {
    explicit Held(M m) : value(std::move(m)) {}
    std::unique_ptr<Holder> clone() const override { return std::unique_ptr<Holder>(new Held(value)); }
    Module& module() override { return value; }
    M value;
  };
  struct Shared final : Holder {
    explicit Shared(std::shared_ptr<Module> m) : value(std::move(m)) {}
    std::unique_ptr<Holder> clone() const override { return std::unique_ptr<Holder>(new Shared(value)); }
    Module& module() override { return *value; }
    std::shared_ptr<Module> value;
  };
  static std::shared_ptr<Module> checked(std::shared_ptr<Module> shared, Place place);
  [[noreturn]] static void reject_empty();

  std::unique_ptr<Holder> held_;
};

namespace detail {

/// A layer that knows the line where it became an argument.
struct PlacedLayer {
  template <Layer L>
  PlacedLayer(L layer, Place from = Place::here()) : module(std::move(layer), from), place(from) {}
  AnyModule module;
  Place place;
};

}  // namespace detail

/// Modules in a row, named "0", "1", ...: calling them is up to the owner.
///   for (nn::Module& block : blocks) x = block(x);
class ModuleList : public Module {
 public:
  ModuleList() = default;
  /// One container alone is copied rather than nested. Throws ValueError on a null pointer.
  template <Layer... Others>
  explicit ModuleList(detail::PlacedLayer first, Others... others) {
    push_back(std::move(first.module));
    (push_back(AnyModule(std::move(others), first.place)), ...);
  }

  /// Throws GraphError on an AnyModule that was moved from.
  void push_back(AnyModule module);
  std::size_t size() const { return modules_.size(); }
  [[nodiscard]] bool empty() const { return modules_.empty(); }
  /// Module i; negative positions count from the end. Throws IndexError out of range.
  Module& operator[](Subscript i) & { return *checked(i); }
  const Module& operator[](Subscript i) const& { return *checked(i); }
  const Module& operator[](Subscript i) const&& = delete;  // it would be gone: name the list first
  /// The same as its own type. Throws ValueError when it is of another one.
  template <std::derived_from<Module> M>
  M& at(Index i, Place place = Place::here()) & {
    return typed<M>(i, place);
  }
  template <std::derived_from<Module> M>
  const M& at(Index i, Place place = Place::here()) const& {
    return typed<M>(i, place);
  }
  template <std::derived_from<Module> M>
  const M& at(Index i,
              Place place = Place::here()) const&& = delete;  // it would be gone: name the list first

  /// Iterates over Module&, or const Module&.
  template <class M>
  class Iterator {
   public:
    explicit Iterator(const AnyModule* position) : position_(position) {}
    M& operator*() const { return **position_; }
    Iterator& operator++() {
      ++position_;
      return *this;
    }
    friend bool operator==(Iterator a, Iterator b) { return a.position_ == b.position_; }

   private:
    const AnyModule* position_;
  };
  auto begin() & { return Iterator<Module>(modules_.data()); }
  auto end() & { return Iterator<Module>(modules_.data() + modules_.size()); }
  auto begin() const& { return Iterator<const Module>(modules_.data()); }
  auto end() const& { return Iterator<const Module>(modules_.data() + modules_.size()); }
  void begin() const&& = delete;  // the modules would be gone: name the list first
  void end() const&& = delete;    // the modules would be gone: name the list first

  void visit(Visitor& v) override;

 private:
  const AnyModule& checked(Subscript i) const;
  template <class M>
  M& typed(Index i, Place place) const {
    Module& module = *checked(Subscript(i, place.file, place.line));
    M* const found = dynamic_cast<M*>(&module);
    if (found == nullptr) reject_type(i, module, place);
    return *found;
  }
  [[noreturn]] static void reject_type(Index i, const Module& module, Place place);

  std::vector<AnyModule> modules_;
};

/// Modules applied one after the other: Sequential{Linear(2, 8), ReLU(), Linear(8, 1)}. Empty: identity. In
/// braces they are made from the left to the right; in parentheses the order, and so which random numbers
/// each starts with, is the compiler's choice.
class Sequential : public ModuleList {
 public:
  using ModuleList::ModuleList;
  Variable forward(const Variable& x) override;
};

/// A function as a module, for Sequential: Lambda([](const Variable& x) { return sin(x); }). It has no
/// parameters. Throws ValueError on an empty function.
class Lambda : public Module {
 public:
  explicit Lambda(Callback<Variable(const Variable&)> f, Place place = Place::here());
  Variable forward(const Variable& x) override { return f_(x); }

 private:
  Callback<Variable(const Variable&)> f_;
};

}  // namespace xgrad::nn
XGRAD_API_END
