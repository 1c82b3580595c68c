// Early stopping.
#include <xgrad/train/callbacks.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>

namespace xgrad::train {
namespace {

// The weights of the best epoch, as a part of a checkpoint.
struct Weights {
  StateDict state_dict() const { return of_best; }
  PreparedLoad prepare_load(const StateDict& state) {
    StateDict loaded = state;
    loaded.set_layout(StateDict::Layout::xgrad);
    return [this, loaded = std::move(loaded)]() mutable noexcept { of_best = std::move(loaded); };
  }
  StateDict of_best;
};

// What the last word of a name says of its numbers; empty where it says nothing.
std::optional<bool> highest_by_name(const std::string& monitor) {
  constexpr std::array<std::string_view, 7> lowest{"loss", "error",      "mae",       "mse",
                                                   "rmse", "perplexity", "divergence"};
  constexpr std::array<std::string_view, 7> highest{"accuracy", "precision", "recall", "f1",
                                                    "auc",      "r2",        "score"};
  const std::string word = monitor.substr(monitor.find_last_of("_ .") + 1);
  if (std::ranges::find(lowest, word) != lowest.end()) return false;
  if (std::ranges::find(highest, word) != highest.end()) return true;
  return {};
}

struct Best {
  double score = std::numeric_limits<double>::quiet_NaN();
  Index waited = 0;  // epochs since
  Weights weights;
};

}  // namespace

Observer early_stopping(const EarlyStopping& options, Place place) {
  const Scope scope("early_stopping", place);
  if (options.patience < 1)
    fail<ValueError>("patience must be at least 1, got " + std::to_string(options.patience));
  if (!(options.minimum_change >= 0))
    fail<ValueError>("minimum_change must be at least 0, got " + std::to_string(options.minimum_change));

  const std::optional<bool> direction = options.highest ? options.highest : highest_by_name(options.monitor);
  if (!direction)
    fail<ValueError>("whether a high " + options.monitor + " is good is not known",
                     "say .highest = true or false");

  const auto best = std::make_shared<Best>();
  const auto stop_after_patience = [options, best](Run& run) {
    if (best->waited >= options.patience)
      run.stop(options.monitor + " got no better for " + std::to_string(best->waited) +
               (best->waited == 1 ? " epoch" : " epochs"));
  };
  Observer observer;
  observer.name = "early_stopping";
  observer.state.emplace()
      .add("score", best->score)
      .add("waited", best->waited)
      .add("weights", best->weights);
  observer.on_start = [best, stop_after_patience](Run& run) {
    if (run.step() == 0) *best = {};  // of another run
    stop_after_patience(run);
  };
  observer.on_epoch = [options, highest = *direction, best, place, stop_after_patience](Run& run) {
    const double score = run.scores().at(options.monitor, place);
    const double gain = highest ? score - best->score : best->score - score;
    if (gain > options.minimum_change || (std::isnan(best->score) && !std::isnan(score))) {
      best->score = score;
      best->waited = 0;
      if (options.restore_best) best->weights.of_best = run.model().state_dict();
    } else {
      ++best->waited;
    }
    stop_after_patience(run);
  };
  observer.on_end = [options, best](Run& run) {
    if (options.restore_best && !best->weights.of_best.empty())
      run.model().load_state_dict(best->weights.of_best);
  };
  return observer;
}

}  // namespace xgrad::train
