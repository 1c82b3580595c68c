// The account of a training run.
#include <xgrad/train/run.hpp>

#include <xgrad/tensor/convert.hpp>
#include <xgrad/tensor/entries.hpp>
#include <xgrad/tensor/random.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <set>
#include <utility>

namespace xgrad::train {
namespace {

// Calls f for each one; the first exception is thrown once all were called.
template <class Range, class F>
void for_all(Range& range, F f) {
  std::exception_ptr first;
  for (auto& each : range) try {
      f(each);
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  if (first) std::rethrow_exception(first);
}

}  // namespace

namespace detail {

Tally::Tally(std::vector<NamedMetric> metrics, Place place) : metrics_(std::move(metrics)) {
  for (NamedMetric& metric : metrics_) metric.metric.reset();
  std::set<std::string> names{"loss"};
  for (const NamedMetric& metric : metrics_) {
    if (metric.name.empty() || !names.insert(metric.name).second)
      xgrad::detail::fail_at<ValueError>(place, "metrics: '" + metric.name + "' is no name of its own",
                                         "every metric has another, not loss");
    if (!StateDict::is_name(metric.name))
      xgrad::detail::fail_at<ValueError>(place, "metrics: '" + metric.name + "' is no name",
                                         "parts joined by dots, none of them empty");
  }
}

void Tally::add(const Scores& means, Index count, Place place) {
  if (count < 0)
    xgrad::detail::fail_at<ValueError>(place, "count must be at least 0, got " + std::to_string(count));
  count_ += count;
  for (const auto& [name, value] : means) {
    auto mean = std::ranges::find(means_, name, &Mean::name);
    if (mean == means_.end()) mean = means_.insert(means_.end(), {name});
    // An empty batch has no mean: its NaN is left out.
    if (count == 0) continue;
    mean->sum += value * static_cast<double>(count);
    mean->weight += static_cast<double>(count);
  }
}

void Tally::check(const Outcome& outcome, Place place) const {
  if (!metrics_.empty() && (!outcome.output.defined() || !outcome.target.defined()))
    xgrad::detail::fail_at<ValueError>(place, "metrics need what the loss function compared",
                                       "return train::Outcome{loss, output, target}");
}

void Tally::measure(const Outcome& outcome, Place place) {
  check(outcome, place);
  for_all(metrics_,
          [&](NamedMetric& metric) { metric.metric.update(outcome.output.value(), outcome.target, place); });
}

Scores Tally::means() const {
  Scores scores;
  for (const Mean& mean : means_) scores.set(mean.name, mean.sum / mean.weight);
  return scores;
}

Scores Tally::scores() const {
  Scores scores = means();
  for (const NamedMetric& metric : metrics_) scores.set(metric.name, metric.metric.value());
  return scores;
}

void Tally::reset() {
  means_.clear();
  for (NamedMetric& metric : metrics_) metric.metric.reset();
  count_ = 0;
}

StateDict Tally::state_dict() const {
  StateDict state{{"count", scalar(count_)}};
  std::string names;
  std::vector<double> sums;
  for (const Mean& mean : means_) {
    names += mean.name + '\n';
    sums.insert(sums.end(), {mean.sum, mean.weight});
  }
  state.set("names", io::detail::kept(names));
  state.set("means", io::detail::kept(sums));
  for (const NamedMetric& metric : metrics_)
    state.set("metrics." + metric.name, io::detail::kept(metric.metric.state()));
  return state;
}

PreparedLoad Tally::prepare_load(const StateDict& state, Place place) {
  const Scope scope("Run", place);
  Tally loaded = *this;
  std::string names;
  std::vector<double> sums;
  io::detail::restore(state.at("count"), loaded.count_);
  io::detail::restore(state.at("names"), names);
  io::detail::restore(state.at("means"), sums);
  loaded.means_.clear();
  for (std::size_t i = 0, begin = 0; begin < names.size() && i + 1 < sums.size(); i += 2) {
    const std::size_t end = std::min(names.find('\n', begin), names.size());
    loaded.means_.push_back({names.substr(begin, end - begin), sums[i], sums[i + 1]});
    begin = end + 1;
  }
  if (loaded.means_.size() * 2 != sums.size()) fail<ValueError>("names: as many as there are means expected");
  for (NamedMetric& metric : loaded.metrics_) {
    std::vector<double> numbers;
    io::detail::restore(state.at("metrics." + metric.name), numbers);
    metric.metric.set_state(std::move(numbers));
  }
  if (state.size() != 3 + metrics_.size()) {
    std::string text = "the state has other metrics:";
    for (const auto& [name, tensor] : state.without_prefix("metrics")) text += " " + name;
    fail<ValueError>(text);
  }
  return [this, loaded = std::move(loaded)]() mutable noexcept { *this = std::move(loaded); };
}

}  // namespace detail

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Run::Run(nn::Module& model, RunOptions options, Place place)
    : model_(&model), options_(std::move(options)), tally_(options_.metrics, place) {
  if (options_.epochs < 0)
    xgrad::detail::fail_at<ValueError>(
        place, "Run: epochs must be at least 0, got " + std::to_string(options_.epochs));
  CheckpointOptions& checkpoint = options_.checkpoint;
  if (checkpoint.directory.empty()) return;
  own_.add("epoch", epoch_).add("batch", batch_).add("step", step_).add("seconds", seconds_);
  own_.add("stopped", stopped_).add("tally", tally_).add("history", history_).add("extra", extra_);
  for (Observer& observer : options_.callbacks)
    if (observer.state) own_.add("callbacks." + observer.name, *observer.state, place);
  checkpoint.parts.add("run", own_, place);
  saver_.emplace(checkpoint.directory, checkpoint.parts,
                 io::SaverOptions{.every_steps = checkpoint.every_batches,
                                  .every_minutes = checkpoint.every_minutes,
                                  .keep_last = checkpoint.keep_last},
                 place);
  const io::Latest found = saver_->resume(place);
  stopped_.clear();  // a run that was interrupted goes on
  if (checkpoint.on_resume) checkpoint.on_resume(found);
}

Run::~Run() {
  if (!started_ || ended_ || was_training_) return;
  try {
    model_->eval();
  } catch (...) {  // of a module's own visit(): there is nobody to tell
  }
}

void Run::tell(Callback<void(Run&)> Observer::*event) {
  for_all(options_.callbacks, [&](const Observer& observer) {
    if (observer.*event) (observer.*event)(*this);
  });
}

// What is told again by a run that goes on leaves the random numbers where they were.
void Run::tell_again(bool again, Callback<void(Run&)> Observer::*event) {
  const Generator random = default_generator();
  tell(event);
  if (again) default_generator() = random;
}

void Run::stop(std::string reason) {
  if (stopped_.empty()) stopped_ = reason.empty() ? "stopped" : std::move(reason);
}

bool Run::next_epoch(Index batches, Place place) {
  if (within_)
    xgrad::detail::fail_at<GraphError>(place, "Run: the epoch before has no end", "call end_epoch()");
  batches_ = batches;
  if (!started_) {
    was_training_ = model_->training();
    tell_again(step_ > 0, &Observer::on_start);
    started_ = true;
  }
  if (epoch_ < options_.epochs && stopped_.empty()) {
    if (!model_->training()) model_->train();
    clock_ = now();
    tell_again(batch_ > 0, &Observer::on_epoch_begin);
    within_ = true;
    return true;
  }
  if (!std::exchange(ended_, true)) {
    if (!was_training_) model_->eval();
    tell(&Observer::on_end);
  }
  return false;
}

Scores Run::scores() const { return row_.empty() ? tally_.scores() : row_; }

void Run::check_begun(Place place) const {
  if (!within_) xgrad::detail::fail_at<GraphError>(place, "Run: no epoch has begun", "call next_epoch()");
}

bool Run::note(const Scores& means, Index count, Place place) {
  check_begun(place);
  for (const auto& [name, value] : means) check_finite(name, value, count, place);
  this->count(means, count, place);
  return go_on(place);
}

bool Run::note(const Outcome& outcome, Place place) {
  check_begun(place);
  if (!outcome.count)
    xgrad::detail::fail_at<ValueError>(place, "Run: how many examples the loss is the mean of is not known",
                                       "give an Outcome's count");
  const double loss = outcome.loss.item();
  check_finite("loss", loss, *outcome.count, place);
  tally_.check(outcome, place);
  count({{"loss", loss}}, *outcome.count, place);
  tally_.measure(outcome, place);
  return go_on(place);
}

void Run::check_finite(const std::string& name, double value, Index count, Place place) const {
  if (count > 0 && !std::isfinite(value))
    throw Diverged(
        to_string(place) + ": " + name + " is " + std::to_string(value) + " at step " + std::to_string(step_),
        step_, {}, history_);
}

void Run::count(const Scores& means, Index examples, Place place) {
  tally_.add(means, examples, place);
  ++batch_;
  ++step_;
  const double time = now();
  seconds_ += time - clock_;
  clock_ = time;
}

bool Run::go_on(Place place) {
  tell(&Observer::on_batch);
  save(false, place);
  if (options_.stop && options_.stop()) stop("interrupted");
  // A stopped run goes on with the batch after this one, as if it had not been stopped.
  if (!stopped_.empty()) save(true, place);
  return stopped_.empty();
}

void Run::save(bool now, Place place) {
  if (!saver_) return;
  try {
    if (now)
      saver_->save(place);
    else
      saver_->step(place);
  } catch (const IoError& error) {
    if (!options_.checkpoint.on_unsaved) throw;
    options_.checkpoint.on_unsaved(error);
  }
}

void Run::end_epoch(const Scores& validation, Place place) {
  check_begun(place);
  const bool whole = stopped_.empty();
  Scores row;
  const double part =
      whole || batches_ == 0 ? 1 : static_cast<double>(batch_) / static_cast<double>(batches_);
  row.set("epoch", static_cast<double>(epoch_) + part);
  for (const auto& [name, value] : tally_.scores()) row.set(name, value);
  for (const auto& [name, value] : validation) row.set("validation_" + name, value);
  for (const auto& [name, value] : extra_) row.set(name, value);
  row.set("seconds", seconds_);
  history_.append(row.items(), place);
  row_ = std::move(row);
  within_ = false;
  const auto close = [this] {
    row_ = {};
    extra_ = {};
    tally_.reset();
    ++epoch_;
    batch_ = 0;
    seconds_ = 0;
  };
  try {
    tell(&Observer::on_epoch);
  } catch (...) {
    close();
    throw;
  }
  close();
  if (whole) save(true, place);
}

Diverged::Diverged(const std::string& message, Index step, Tensor examples, const History& history)
    : NumericError(message),
      step_(step),
      examples_(std::move(examples)),
      history_(std::make_shared<const History>(history)) {}

}  // namespace xgrad::train
