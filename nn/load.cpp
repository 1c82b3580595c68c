#include <xgrad/nn/load.hpp>

#include <xgrad/nn/flatten.hpp>
#include <xgrad/nn/pytorch_form.hpp>
#include <xgrad/nn/walk.hpp>
#include <xgrad/tensor/compare.hpp>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace xgrad::nn::detail {
namespace {

using Layout = StateDict::Layout;

/// Compares a dictionary with a module, part by part, and changes nothing.
class Loading {
 public:
  Loading(const StateDict& dict, Layout layout) : dict_(dict), layout_(layout) {}

  void module(const std::string& path, const Module& module);
  /// The form in PyTorch of the part that comes next.
  void form(const PytorchForm& form) { form_ = form; }
  void part(const std::string& path, Tensor& present);
  /// A line for a dictionary that has the module's names behind a prefix, or nothing.
  std::string hint_of_prefix() const;
  /// To be called after all parts. Throws ValueError listing all mismatches.
  void check(const Module& module, LoadOptions options);
  ModuleLoad take();

 private:
  struct Part {
    std::string name;  // the one whose value is taken; the first one until then
    Tensor* present;
    bool optional;
    bool found = false;
    Tensor value = {};  // undefined until one that fits was found
  };

  void mismatch(const std::string& path, const std::string& text) {
    mismatches_ += "\n  " + path + ": " + text;
  }
  /// The tensor in the order of axes and the dtype of `present`; undefined when it does not fit.
  Tensor converted(const std::string& path, const Tensor& given, const Tensor& present,
                   const PytorchForm& form);
  /// PyTorch's order of axes that the given tensor has, empty where it is the one here; nothing, and a
  /// mismatch, when the shape is wrong.
  std::optional<IndexList> order_of(const std::string& path, const Shape& given, const Shape& present,
                                    const PytorchForm& form);

  const StateDict& dict_;
  Layout layout_;
  PytorchForm form_;
  std::unordered_set<std::string> known_;
  std::vector<Part> parts_;
  std::unordered_map<const Tensor*, std::size_t> positions_;
  bool has_images_ = false;  // weights that PyTorch has in another order
  std::vector<std::string> flattens_;
  std::string mismatches_;
  LoadReport report_;
};

void Loading::module(const std::string& path, const Module& module) {
  if (flattens_channels_last(module)) flattens_.push_back(path);
}

void Loading::part(const std::string& path, Tensor& present) {
  const PytorchForm form = std::exchange(form_, {});
  check_order(path, form.order, present.rank());
  has_images_ |= !form.order.empty();
  known_.insert(path);
  const auto [position, is_new] = positions_.emplace(&present, parts_.size());
  if (is_new) parts_.push_back({path, &present, form.optional && layout_ == Layout::pytorch});

  const Tensor* given = dict_.find(path);
  if (given == nullptr) return;
  Tensor value = converted(path, *given, present, form);
  Part& part = parts_[position->second];
  part.found = true;
  if (!value.defined()) return;
  if (!part.value.defined()) {
    part.name = path;
    part.value = std::move(value);
  } else if (!bitwise_equal(value, part.value)) {
    mismatch(path, "differs from " + part.name + ", and the module has one tensor for both");
  }
}

std::optional<IndexList> Loading::order_of(const std::string& path, const Shape& given, const Shape& present,
                                           const PytorchForm& form) {
  const Shape there = pytorch_shape(present, form.order);
  const bool as_here = given == present, as_there = given == there;
  std::string expected = to_string(present), hint;
  if (layout_ == Layout::pytorch && !form.order.empty()) {
    const bool doubtful = !form.told_by.empty();
    if (doubtful && as_here && as_there && moves_elements(present, form.order)) {
      mismatch(path, to_string(given) + " fits both in the order of axes here and in PyTorch's usual one: " +
                         std::string(form.told_by) + " says which it is");
      return {};
    }
    if (as_there) return form.order;
    if (doubtful && as_here) return IndexList();
    expected = to_string(there) + ", which is " + to_string(present) + " here";
    if (as_here) hint = " (the order of axes here: is the dictionary PyTorch's?)";
  } else {
    if (as_there && !form.order.empty() && layout_ == Layout::unknown) {
      hint = " (it fits in PyTorch's order of axes: set_layout(StateDict::Layout::pytorch))";
      if (as_here && moves_elements(present, form.order))
        report_.notes.push_back(path + ": " + to_string(given) +
                                " fits both here and in PyTorch's order of axes, taken as the former" + hint);
    }
    if (as_here) return IndexList();
  }
  mismatch(path, "expects the shape " + expected + ", got " + to_string(given) + hint);
  return {};
}

Tensor Loading::converted(const std::string& path, const Tensor& given, const Tensor& present,
                          const PytorchForm& form) {
  const std::optional<IndexList> order = order_of(path, given.shape(), present.shape(), form);
  if (!order) return {};
  if (given.dtype() != present.dtype() && !(is_floating(given.dtype()) && is_floating(present.dtype()))) {
    mismatch(path, "expects " + std::string(to_string(present.dtype())) + ", got " +
                       std::string(to_string(given.dtype())));
    return {};
  }
  return from_pytorch(given, *order).to(present.dtype());
}

std::string Loading::hint_of_prefix() const {
  if (parts_.empty() || parts_.front().found) return {};
  const std::string behind = "." + parts_.front().name;
  for (const auto& [name, tensor] : dict_) {
    if (!name.ends_with(behind)) continue;
    const std::string prefix = name.substr(0, name.size() - behind.size() + 1);
    const bool all = std::ranges::all_of(
        parts_, [&](const Part& part) { return part.optional || dict_.contains(prefix + part.name); });
    if (all)
      return "\n  all names are there behind '" + prefix + "': without_prefix(\"" +
             prefix.substr(0, prefix.size() - 1) + "\") gives them";
  }
  return {};
}

void Loading::check(const Module& module, LoadOptions options) {
  std::string absent = hint_of_prefix();
  for (const Part& part : parts_) {
    if (part.found) continue;
    report_.missing.push_back(part.name);
    if (!part.optional) absent += "\n  " + part.name + ": missing";
  }
  for (const auto& [name, tensor] : dict_)
    if (!known_.contains(name)) {
      report_.unexpected.push_back(name);
      absent += "\n  " + name + ": not in the module";
    }
  if (options.strict) mismatches_ += absent;
  if (has_images_ && layout_ == Layout::pytorch)
    for (const std::string& path : flattens_) {
      if (options.strict)
        mismatch(path, std::string(channels_last_text));
      else
        report_.notes.push_back(path + ": " + std::string(channels_last_text));
    }
  if (!mismatches_.empty())
    fail<ValueError>("the dictionary does not fit " + description(module) + ":" + mismatches_);
}

ModuleLoad Loading::take() {
  std::vector<std::pair<Tensor*, Tensor>> changes;
  for (Part& part : parts_)
    if (part.value.defined()) changes.emplace_back(part.present, std::move(part.value));
  return {[changes = std::move(changes)]() mutable noexcept {
            for (auto& [present, value] : changes) *present = std::move(value);
          },
          std::move(report_)};
}

}  // namespace

bool flattens_channels_last(const Module& module) {
  const auto* flatten = dynamic_cast<const Flatten*>(&module);
  return flatten != nullptr && flatten->order() == FlattenOrder::as_stored && flatten->first() == 1 &&
         (flatten->last() == -1 || flatten->last() == 3);
}

ModuleLoad prepare_load(Module& module, const StateDict& dict, Layout layout, LoadOptions options) {
  Loading loading(dict, layout);
  Walk()
      .every_name()
      .modules([&](const std::string& path, Module& part, int) { loading.module(path, part); })
      .forms([&](const PytorchForm& form) { loading.form(form); })
      .parameters([&](const std::string& path, Variable& parameter) {
        loading.part(path, xgrad::detail::Access::mutable_value(parameter));
      })
      .buffers([&](const std::string& path, Tensor& buffer) { loading.part(path, buffer); })
      .run(module);
  loading.check(module, options);
  return loading.take();
}

}  // namespace xgrad::nn::detail
