#include <xgrad/nn/checkpoint.hpp>

#include <xgrad/autograd/checkpoint.hpp>
#include <xgrad/autograd/modes.hpp>
#include <xgrad/nn/walk.hpp>

#include <memory>
#include <unordered_map>
#include <utility>

namespace xgrad::nn {
namespace {

using Buffers = std::vector<std::pair<std::string, Tensor>>;

/// True while buffers are those of a first pass, and will be given back.
constinit thread_local bool rewound = false;

/// In its lifetime the module's buffers are those of `before`; then again what they are now.
class Rewind {
 public:
  Rewind(Module& module, const Buffers& before) : was_rewound_(rewound) {
    std::unordered_map<std::string_view, const Tensor*> by_name;
    for (const auto& [name, value] : before) by_name.emplace(name, &value);
    std::vector<std::pair<Tensor*, const Tensor*>> changes;
    detail::Walk()
        .buffers([&](const std::string& path, Tensor& buffer) {
          present_.emplace_back(&buffer, buffer);
          if (const auto found = by_name.find(path); found != by_name.end())
            changes.emplace_back(&buffer, found->second);
        })
        .run(module);
    for (const auto& [buffer, value] : changes) *buffer = *value;
    rewound = true;
  }
  ~Rewind() {
    rewound = was_rewound_;
    for (auto& [buffer, value] : present_) *buffer = std::move(value);
  }
  Rewind(const Rewind&) = delete;
  Rewind& operator=(const Rewind&) = delete;

 private:
  std::vector<std::pair<Tensor*, Tensor>> present_;
  bool was_rewound_;
};

}  // namespace

Variable checkpoint(Module& module, const Variable& x, Place place) {
  const auto ran = std::make_shared<bool>(false);
  return xgrad::checkpoint(
      [&module, place, before = module.named_buffers(), ran](const std::vector<Variable>& inputs) {
        const auto call = [&] { return module(Operand(inputs[0], place.file, place.line)); };
        // The first pass moves the buffers, unless it is itself part of another's second one.
        const bool first = !std::exchange(*ran, true);
        if (first && (rewound || !recomputing())) return call();
        const Rewind buffers(module, first ? module.named_buffers() : before);
        return call();
      },
      {x}, place);
}

}  // namespace xgrad::nn
