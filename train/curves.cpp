// Learning curves.
#include <xgrad/train/curves.hpp>

namespace xgrad::train {

plot::Panel& curves(plot::Figure& figure, const History& history, const std::string& name,
                    const CurvesOptions& options, Place place) {
  const std::vector<double> epochs = history.values("epoch", place);
  const auto values = [&](const std::string& column) {
    std::vector<double> numbers = history.values(column, place);
    if (options.unit == " %")
      for (double& number : numbers) number *= 100;
    return numbers;
  };
  const std::vector<double> training = values(name);
  plot::Panel& panel = figure.panel({.title = options.title.empty() ? name : options.title,
                                     .x = "epoch",
                                     .y_unit = options.unit,
                                     .y_log = options.log,
                                     .x_ticks = plot::Ticks::whole},
                                    place);
  if (history.contains("validation_" + name)) {
    panel.curve(epochs, training, {.label = "training"}, place);
    panel.curve(epochs, values("validation_" + name), {.label = "validation"}, place);
  } else {
    panel.curve(epochs, training, {}, place);
  }
  if (options.kept > 0) panel.mark_x(options.kept, "weights kept", place);
  return panel;
}

}  // namespace xgrad::train
