#include <xgrad/nn/summary.hpp>

#include <xgrad/autograd/modes.hpp>
#include <xgrad/nn/call_observer.hpp>
#include <xgrad/nn/eval_mode.hpp>
#include <xgrad/nn/walk.hpp>

#include <algorithm>
#include <array>
#include <unordered_map>

namespace xgrad::nn {
namespace {

// The shape that each module returned first.
class ShapeObserver final : public detail::CallObserver {
 public:
  void returned(Module& module, const Variable& output) override {
    if (output.defined()) shapes_.try_emplace(&module, to_string(output.shape()));
  }
  std::string of(const Module& module) const {
    const auto found = shapes_.find(&module);
    return found != shapes_.end() ? found->second : "";
  }

 private:
  std::unordered_map<const Module*, std::string> shapes_;
};

std::string grouped(Index number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

}  // namespace

std::string summary(const Module& module, const Callback<void()>& run, Place place) {
  ShapeObserver shapes;
  {
    const EvalMode evaluation(module, place);
    const NoGrad unrecorded;
    run();
  }

  using Row = std::array<std::string, 3>;
  std::vector<Row> rows{{"layer", "output", "parameters"}};
  std::unordered_map<std::string, std::size_t> row_of;
  std::vector<Index> own;
  Index total = 0, trainable = 0, bytes = 0;
  detail::Walk()
      .modules([&](const std::string& path, Module& part, int depth) {
        row_of[path] = own.size();
        own.push_back(0);
        const std::string name = path.empty() ? "" : path.substr(path.rfind('.') + 1) + ": ";
        rows.push_back({std::string(static_cast<std::size_t>(2 * depth), ' ') + name + part.describe(),
                        shapes.of(part), ""});
      })
      .parameters([&](const std::string& path, Variable& parameter) {
        // The owner is the module with the longest path that leads here; an item of a vector has dots of its
        // own.
        std::string owner = path;
        do owner = owner.find('.') == std::string::npos ? "" : owner.substr(0, owner.rfind('.'));
        while (!row_of.contains(owner));
        own[row_of[owner]] += parameter.count();
        total += parameter.count();
        bytes += parameter.value().bytes();
        if (parameter.requires_grad()) trainable += parameter.count();
      })
      .run(module);
  for (std::size_t i = 0; i < own.size(); ++i)
    if (own[i] > 0) rows[i + 1][2] = grouped(own[i]);

  std::array<std::size_t, 3> widths{};
  for (const Row& row : rows)
    for (std::size_t c = 0; c < 3; ++c) widths[c] = std::max(widths[c], row[c].size());
  const std::string rule(widths[0] + widths[1] + widths[2] + 4, '-');
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    std::string line = row[0] + std::string(widths[0] - row[0].size() + 2, ' ') + row[1] +
                       std::string(widths[1] - row[1].size() + 2 + widths[2] - row[2].size(), ' ') + row[2];
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    if (i == 0) text += rule + "\n";
  }
  return text + rule + "\n" + grouped(total) + " parameters, " + grouped(trainable) + " trainable, " +
         grouped(bytes) + " bytes\n";
}

std::string summary(const Module& module, const Variable& input, Place place) {
  const auto run = [&] {
    static_cast<void>(const_cast<Module&>(module)(Operand(input, place.file, place.line)));
  };
  return summary(module, run, place);
}

}  // namespace xgrad::nn
