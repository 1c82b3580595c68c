#include <xgrad/nn/torch.hpp>

#include <xgrad/nn/load.hpp>
#include <xgrad/nn/pytorch_form.hpp>
#include <xgrad/nn/walk.hpp>

#include <algorithm>
#include <tuple>

namespace xgrad::nn {
namespace {

struct Entry {
  std::size_t owner;
  bool buffer;
  std::string path;
  Tensor value;
};

}  // namespace

LoadReport load_torch(Module& model, const StateDict& dict, LoadOptions options, Place place) {
  const Scope scope("load_torch", place);
  if (dict.layout() == StateDict::Layout::xgrad)
    fail<ValueError>("the dictionary is marked as this library's (StateDict::Layout::xgrad), not PyTorch's",
                     "load_state_dict() takes it; to_torch() converts a model for PyTorch");
  ModuleLoad load = detail::prepare_load(model, dict, StateDict::Layout::pytorch, options);
  load.run();
  return std::move(load.report);
}

StateDict to_torch(const Module& model, Place place) {
  const Scope scope("to_torch", place);
  std::vector<Entry> entries;
  PytorchForm form;
  std::string doubts;
  std::vector<std::string> flattens;
  bool has_images = false;  // weights that PyTorch has in another order
  detail::Walk walk;
  const auto add = [&](const std::string& path, const Tensor& here, bool buffer) {
    const PytorchForm its_form = std::exchange(form, {});
    detail::check_order(path, its_form.order, here.rank());
    has_images = has_images || !its_form.order.empty();
    if (!its_form.told_by.empty()) {
      const Shape there = detail::pytorch_shape(here.shape(), its_form.order);
      if (there != here.shape() || detail::moves_elements(here.shape(), its_form.order))
        doubts += "\n  " + path + ": " + to_string(here.shape()) + " here, may be " + to_string(there) +
                  " there: " + std::string(its_form.told_by) + " says which";
    }
    entries.push_back({walk.owner(), buffer, path, detail::in_pytorch(here, its_form.order)});
  };
  walk.every_name()
      .modules([&](const std::string& path, Module& part, int) {
        if (detail::flattens_channels_last(part)) flattens.push_back(path);
      })
      .forms([&](const PytorchForm& its_form) { form = its_form; })
      .parameters([&](const std::string& path, Variable& p) { add(path, p.value(), false); })
      .buffers([&](const std::string& path, Tensor& buffer) { add(path, buffer, true); })
      .run(model);
  if (!doubts.empty())
    fail<ValueError>("PyTorch may have the axes of " + detail::description(model) +
                     " in two orders:" + doubts);
  if (has_images && !flattens.empty()) {
    std::string text = detail::description(model) + " computes something else there:";
    for (const std::string& path : flattens)
      text.append("\n  " + path + ": ").append(detail::channels_last_text);
    fail<ValueError>(text);
  }

  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.owner, a.buffer) < std::tie(b.owner, b.buffer);
  });
  StateDict dict;
  dict.set_layout(StateDict::Layout::pytorch);
  for (Entry& entry : entries) dict.set(std::move(entry.path), std::move(entry.value));
  return dict;
}

}  // namespace xgrad::nn
