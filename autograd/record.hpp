// The door onto the tape. An operation computes its value, names what its rule needs and gives the rule, in
// one place:
//
//   Variable mul(const Operand& a, const Operand& b) {
//     Op op("mul", a, b);
//     return op.record(product(op.value(0), op.value(1)),
//                      Rule{saves_input(1), [](Backward& r) { return detail::chain_input(r, 1); }},
//                      Rule{saves_input(0), [](Backward& r) { return detail::chain_input(r, 0); }});
//   }
//
// chain_input (autograd/chain.hpp) multiplies the gradient by a saved input; zero stays zero, whatever it
// meets. Rules are closures over shapes and options only; values come from the node. They are written in
// differentiable operations, so one rule serves every order.
#pragma once

#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/operand.hpp>
#include <xgrad/tensor/api.hpp>

#include <memory>
#include <tuple>
#include <utility>

XGRAD_API_BEGIN
namespace xgrad {

namespace detail {
class Reach;
}

/// What a rule sees: the incoming gradients and the saved values. Asking for what was not saved throws
/// GraphError.
class Backward {
 public:
  /// Without `reach` the run visits every input.
  Backward(detail::Node& node, Variable* gradients, Variable* results, const detail::Reach* reach,
           bool create_graph)
      : node_(node), gradients_(gradients), results_(results), reach_(reach), create_graph_(create_graph) {}

  /// The gradient of output k; zeros when none has arrived. Other inputs may share it: not to be written to.
  /// Throws GraphError when the rule has taken it.
  const Variable& gradient(std::size_t k = 0) {
    if (!has_gradient(k)) set_zero(k);
    return gradients_[k];
  }
  bool has_gradient(std::size_t k) const {
    if (taken_ && k == 0) reject_taken();
    return gradients_[k].defined();
  }
  /// The gradient of output 0, which the rule does not read again. Nobody else holds it where the run had it
  /// alone and hands_over(): then its value may be written over, and references from gradient() end here.
  Variable take_gradient() {
    final_gradient();
    return hands_over() ? std::move(gradients_[0]) : gradients_[0];
  }
  /// The same to read only, which needs no handle of its own.
  const Variable& final_gradient() {
    gradient();
    taken_ = true;
    return gradients_[0];
  }
  /// True when no other rule of the operation comes after this one and nobody looks at its gradient later.
  bool hands_over() const {
    // Anomaly mode looks at the incoming gradients after the rule.
    return last_ && !create_graph_ && !AnomalyMode::enabled();
  }
  /// Saved values, with their history when a graph is being created.
  Variable input(std::size_t i) const;
  Variable output(std::size_t k = 0) const;
  /// The values alone, for fused kernels that record nothing.
  const Tensor& input_value(std::size_t i) const { return saved_value(false, i); }
  const Tensor& output_value(std::size_t k = 0) const { return saved_value(true, k); }
  /// True when the gradient of input i will be used.
  bool needs(std::size_t i) const {
    const detail::Edge& edge = node_.inputs()[i];
    return reach_ == nullptr ? static_cast<bool>(edge.node) : reaches(edge);
  }
  /// True when this run is itself recorded.
  bool create_graph() const { return create_graph_; }
  std::size_t input_count() const { return node_.inputs().size(); }
  std::size_t output_count() const { return node_.outputs().size(); }
  /// The shape of an input that needs a gradient.
  Shape input_shape(std::size_t i) const;

  /// Gives the gradient of input i; the last one given counts, an undefined one means no contribution.
  void give(std::size_t i, Variable gradient) { results_[i] = std::move(gradient); }
  /// What the rule of one input gives; `last`: no other one comes after it.
  template <class F>
  Variable run_one(const F& formula, bool last) {
    taken_ = false;
    last_ = last;
    return formula(*this);
  }

 private:
  const Tensor& saved_value(bool is_output, std::size_t index) const {
    const std::uint32_t key = detail::Saved::key_of(is_output, index);
    for (const detail::Saved& saved : node_.saved())
      if (saved.key == key) return saved.value.defined() ? saved.value : recomputed_value(saved);
    reject_unsaved(is_output, index);
  }
  const Tensor& recomputed_value(const detail::Saved& saved) const;
  [[noreturn]] static void reject_unsaved(bool is_output, std::size_t index);
  [[noreturn]] static void reject_taken();
  void set_zero(std::size_t k);
  bool reaches(const detail::Edge& edge) const;

  detail::Node& node_;
  Variable* gradients_;
  Variable* results_;
  const detail::Reach* reach_;
  bool create_graph_;
  bool taken_ = false;  // by the rule that runs
  bool last_ = true;    // no other rule of the operation comes after that one
};

/// The rule of one input: what it needs and a function Backward -> gradient. The engine sums a gradient that
/// the input broadcasts to, and repeats one that broadcasts to the input, as late as it can.
template <class F>
struct Rule {
  Saves saves;
  F formula;
};
template <class F>
Rule(Saves, F) -> Rule<F>;

/// One rule for all inputs at once: a function of Backward& that calls give(i, gradient) where needs(i).
template <class F>
struct JointRule {
  Saves saves;
  F formula;
};
template <class F>
JointRule(Saves, F) -> JointRule<F>;

namespace detail {

/// An array whose length is fixed at construction; up to N items need no memory of their own.
template <class T, std::size_t N>
class InlineArray {
 public:
  /// Item i is make(i), which must not throw.
  template <class F>
  InlineArray(std::size_t size, F make)
      : data_(size > N ? std::allocator<T>().allocate(size) : reinterpret_cast<T*>(inline_)), size_(size) {
    T* const data = data_;
    for (std::size_t i = 0; i < size; ++i) ::new (static_cast<void*>(data + i)) T(make(i));
  }
  InlineArray(const InlineArray&) = delete;
  InlineArray& operator=(const InlineArray&) = delete;
  ~InlineArray() {
    std::destroy_n(data_, size_);
    if (size_ > N) std::allocator<T>().deallocate(data_, size_);
  }

  std::size_t size() const { return size_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

 private:
  T* data_;
  std::size_t size_;
  alignas(T) std::byte inline_[N * sizeof(T)];
};

/// An operand of an operation under way: the caller's Variable, or one of its own in place of it.
class OpInput {
 public:
  /// `given` must outlive the operation, unless it stands in an Operand, which may be a temporary.
  explicit OpInput(const Operand& given)
      : variable_(given.borrows() ? &given.variable() : &own_),
        own_(given.borrows() ? Variable() : given.variable()) {}
  explicit OpInput(const Variable& copied) : variable_(&own_), own_(copied) {}
  OpInput(const OpInput&) = delete;
  OpInput& operator=(const OpInput&) = delete;

  const Variable& operator*() const { return *variable_; }
  const Variable* operator->() const { return variable_; }
  void replace(Variable variable) {
    own_ = std::move(variable);
    variable_ = &own_;
  }

 private:
  const Variable* variable_;
  Variable own_;
};

/// One rule for each input, as one rule.
template <class... F>
struct Rules {
  void operator()(Backward& backward) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const bool needed[]{backward.needs(I)...};
      std::size_t last = 0;
      ((needed[I] ? void(last = I) : void()), ...);
      ((needed[I] ? backward.give(I, backward.run_one(std::get<I>(formulas), I == last)) : void()), ...);
    }
    (std::index_sequence_for<F...>{});
  }
  [[no_unique_address]] std::tuple<F...> formulas;
};

}  // namespace detail

/// An operation under way: its scope for messages, its operands as Variables, and the door onto the tape.
class Op {
 public:
  /// Operands as they are, which must outlive the operation; numbers become scalars of its result_type.
  /// Throws on undefined Variables.
  template <class... Operands>
  requires(std::is_same_v<Operands, Operand>&&...)
      Op(const char* name, const Operand& first, const Operands&... others)
      : Op(name, first.place(), {&first, &others...}) {}
  template <class... Operands>
  Op(const char* name, Variable&& temporary, const Operands&... others) = delete;
  /// Any number of Variables.
  Op(const char* name, Place place, const std::vector<Variable>& inputs);

  /// Casts every operand to the common result_type of them all, through the tape. Returns it.
  DType promote() { return common_.mixed() ? promote_mixed() : dtype(0); }
  /// The same, and to float32 when that type is not floating.
  DType promote_floating() {
    return !common_.mixed() && is_floating(dtype(0)) ? dtype(0) : promote_to_floating();
  }

  std::size_t size() const { return inputs_.size(); }
  const Variable& operator[](std::size_t i) const { return *inputs_[i]; }
  const Tensor& value(std::size_t i = 0) const { return inputs_[i]->value(); }
  const Shape& shape(std::size_t i = 0) const { return inputs_[i]->shape(); }
  DType dtype(std::size_t i = 0) const { return inputs_[i]->dtype(); }
  /// From now on input i is `variable`.
  void replace(std::size_t i, Variable variable);
  /// True when the operation is recorded and input i takes part in it.
  bool needs(std::size_t i) const {
    return recording_ && static_cast<bool>(detail::Access::state(*inputs_[i])->node);
  }
  bool needs_any() const { return recording_; }

  /// Declares that the rules also take a gradient of one element in place of one that is the same everywhere,
  /// as the gradient of sum(x) is. For operations of one operand and its shape.
  void take_uniform_gradient() { record_.uniform_gradient = true; }

  /// The output without history: for operations that are constant almost everywhere or not differentiable.
  Variable constant(Tensor value) const;

  /// The output, recorded when an input requires a gradient; one Rule per input, in order.
  template <class... F>
  Variable record(Tensor value, Rule<F>... rules) const {
    if (!recording_) return constant(std::move(value));
    Saves saves;
    std::size_t i = 0;
    ((saves = needs(i++) ? saves | rules.saves : saves), ...);
    return recorded(std::move(value), saves, detail::Rules<F...>{{std::move(rules.formula)...}});
  }
  /// The same with one rule for all inputs.
  template <class F>
  Variable record(Tensor value, JointRule<F> rule) const {
    if (!recording_) return constant(std::move(value));
    return recorded(std::move(value), rule.saves, std::move(rule.formula));
  }
  /// Several outputs; those whose bit is set in `constants` take no part in differentiation.
  template <class F>
  std::vector<Variable> record_many(std::vector<Tensor> values, JointRule<F> rule,
                                    std::uint32_t constants = 0) const {
    detail::Ref<detail::Node> node;
    if (recording_) {
      node = detail::Ref<detail::Node>::adopt(
          detail::Node::create(record_, values, rule.saves, detail::node_head<F>));
      node->set_rule(std::move(rule.formula));
    }
    return connect_many(std::move(values), std::move(node), constants);
  }

 private:
  // What the inputs have in common.
  struct Common {
    bool undefined = false;  // one at least
    bool requires_grad = false;
    std::uint8_t dtypes = 0;  // a bit for each

    void note(const Variable& input);
    bool mixed() const { return (dtypes & (dtypes - 1)) != 0; }
  };
  Op(const char* name, Place place, std::initializer_list<const Operand*> operands);
  DType promote_mixed();
  DType promote_to_floating();
  void note_inputs();
  void track() const;
  // Numbers become scalars; any other operand that is undefined is an error.
  void resolve(std::initializer_list<const Operand*> operands);
  [[noreturn]] static void reject_undefined(std::size_t i);

  template <class R>
  Variable recorded(Tensor&& value, Saves saves, R&& rule) const {
    Variable result = connect(std::move(value), saves, detail::node_head<R>);
    detail::Access::state(result)->node->set_rule(std::move(rule));
    return result;
  }
  // In a checkpointed region the frame keeps what the node saves; in anomaly mode the node notes its module.
  static void follow_modes(detail::Node& node);
  // The output of a new node, which has no rule yet.
  Variable connect(Tensor&& value, Saves saves, std::size_t head) const;
  std::vector<Variable> connect_many(std::vector<Tensor> values, detail::Ref<detail::Node> node,
                                     std::uint32_t constants) const;
  void check_anomaly(const Tensor& value) const {
    if (AnomalyMode::enabled()) reject_anomaly(value);
  }
  void reject_anomaly(const Tensor& value) const;

  Scope scope_;
  Common common_;
  detail::InlineArray<detail::OpInput, 3> inputs_;
  detail::Record record_;
  bool recording_ = false;
};

}  // namespace xgrad
XGRAD_API_END
