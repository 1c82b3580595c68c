// One step of fit().
#include <xgrad/train/update.hpp>

#include <xgrad/autograd/modes.hpp>
#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/optim/clip.hpp>
#include <xgrad/train/fit.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace xgrad::train::detail {
namespace {

// Where an element is not finite; the tensor's count when all are.
Index first_not_finite(const Tensor& tensor) {
  const auto find = [&]<class T>(std::type_identity<T>) {
    const auto elements = tensor.span<T>();
    return static_cast<Index>(std::ranges::find_if(elements, [](T x) { return !std::isfinite(x); }) -
                              elements.begin());
  };
  if (tensor.dtype() == float32) return find(std::type_identity<float>());
  if (tensor.dtype() == float64) return find(std::type_identity<double>());
  return tensor.count();
}

std::string listed(const Tensor& indices) {
  constexpr std::size_t at_most = 8;
  const auto all = indices.span<Index>();
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), at_most); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(all[i]);
  return all.size() > at_most ? text + ", ... (" + std::to_string(all.size()) + ")" : text;
}

}  // namespace

Index checked_count(std::optional<Index> of_outcome, Index of_batch, Place place) {
  if (of_outcome && *of_outcome < 0)
    xgrad::detail::fail_at<ValueError>(place, "count must be at least 0, got " + std::to_string(*of_outcome));
  if (!of_outcome && of_batch < 0)
    xgrad::detail::fail_at<ValueError>(place, "how many examples this batch has is not known",
                                       "return train::Outcome{loss, output, target, count}");
  return of_outcome.value_or(of_batch);
}

Scores not_measured(const std::vector<NamedMetric>& metrics) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  Scores scores{{"loss", unknown}};
  for (const NamedMetric& metric : metrics) scores.set(metric.name, unknown);
  return scores;
}

void reject_moved_loader(Place place) {
  xgrad::detail::fail_at<GraphError>(place, "fit: its loader was gone through by something else",
                                     "callbacks need a loader of their own");
}

void reject_empty_loader(Place place) {
  xgrad::detail::fail_at<ValueError>(place, "fit: the loader has no batch",
                                     "with drop_last there is none of fewer examples than batch_size");
}

void reject_shared_loader(Place place) {
  xgrad::detail::fail_at<ValueError>(place, "fit: training and validation need loaders of their own");
}

void reject_two_rates(Place place) {
  xgrad::detail::fail_at<ValueError>(place, "fit: a schedule and a plateau would both set the rates");
}

// What a step changes before it can fail.
struct Update::Before {
  explicit Before(const nn::Module& model) : random(default_generator()), buffers(model.named_buffers()) {}
  void restore(nn::Module& model) const {
    default_generator() = random;
    StateDict state;
    for (const auto& [name, buffer] : buffers) state.set(name, buffer);
    state.set_layout(StateDict::Layout::xgrad);
    model.load_state_dict(state, {.strict = false});
  }

  Generator random;
  std::vector<std::pair<std::string, Tensor>> buffers;
};

Update::Update(nn::Module& model, optim::Optimizer& optimizer, optim::RateRule schedule, double clip_norm,
               Index accumulate, Place place)
    : model_(model), optimizer_(optimizer), clip_norm_(clip_norm), accumulate_(accumulate) {
  const Scope scope("fit", place);
  if (!(clip_norm >= 0)) fail<ValueError>("clip_norm must be at least 0, got " + std::to_string(clip_norm));
  if (accumulate < 1) fail<ValueError>("accumulate must be at least 1, got " + std::to_string(accumulate));
  for (std::size_t group = 0; group < optimizer.group_count(); ++group)
    rates_.push_back(optimizer.learning_rate(group));
  if (schedule) schedule_.emplace(optimizer, std::move(schedule), place);
  forget();
}

Update::~Update() {
  if (schedule_)
    for (std::size_t group = 0; group < rates_.size(); ++group)
      optimizer_.set_learning_rate(rates_[group], group);
}

void Update::add_parts(io::Checkpoint& checkpoint, Place place) {
  checkpoint.add("model", model_, place).add("optimizer", optimizer_, place);
  if (schedule_) checkpoint.add("schedule", *schedule_, place);
  checkpoint.add("random", default_generator(), place);
  checkpoint.add("waiting", *this, place);
}

std::vector<Variable> Update::parameters() const {
  std::vector<Variable> all;
  for (std::size_t group = 0; group < optimizer_.group_count(); ++group)
    for (Variable& parameter : optimizer_.parameters(group)) all.push_back(std::move(parameter));
  return all;
}

bool Update::step(Run& run, const Callback<Outcome()>& forward, const Facts& facts, Place place) {
  const Before before(model_);
  double loss = 0;
  Index count = 0;
  bool moved = false;
  try {
    const Outcome outcome = forward();
    if (!outcome.loss.defined() || outcome.loss.count() != 1)
      xgrad::detail::fail_at<ShapeError>(
          place, "fit: the loss function must return one number, got " +
                     (outcome.loss.defined() ? to_string(outcome.loss.shape()) : std::string("nothing")));
    if (!outcome.loss.requires_grad())
      xgrad::detail::fail_at<GraphError>(place,
                                         "fit: the loss depends on no parameter that requires a gradient",
                                         "is the model frozen, or the loss computed off the tape?");
    count = *outcome.count;
    loss = outcome.loss.item();
    // The mean over no examples is NaN, and has no gradient.
    if (count > 0 && !std::isfinite(loss))
      diverged(run, "the loss is " + std::to_string(loss), before, forward, facts, place);
    // What is refused is refused before the parameters move.
    run.tally_.measure(outcome, place);
    try {
      const auto weight = static_cast<double>(count);
      if (accumulate_ == 1)
        outcome.loss.backward(place);
      else
        (outcome.loss * weight).backward(place);
      ++batches_;
      weight_ += weight;
      if (batches_ == accumulate_)
        moved = apply(place);
      else
        check_gradients(place);
    } catch (const NumericError&) {
      diverged(run, "a gradient is not finite", before, forward, facts, place);
    }
  } catch (...) {
    before.restore(model_);
    forget();
    throw;
  }
  run.count({{"loss", loss}}, count, place);
  if (moved) applied(run, place);
  return run.go_on(place);
}

void Update::finish(Run& run, Place place) {
  if (batches_ > 0 && apply(place)) applied(run, place);
}

void Update::interrupt(Run& run, bool save, Place place) {
  run.stop("interrupted");
  if (save) run.save(true, place);
}

void Update::forget() {
  optimizer_.zero_grad();
  model_.zero_grad();
  batches_ = 0;
  weight_ = 0;
}

void Update::check_gradients(Place place) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  optim::clip_grad_norm(parameters(), infinity, {.p = infinity, .error_if_nonfinite = true}, place);
}

bool Update::apply(Place place) {
  // Batches without an example teach nothing: no step, no decay.
  const bool moves = weight_ > 0;
  if (moves) {
    const std::vector<Variable> all = parameters();
    if (accumulate_ > 1) {
      const NoGrad off_the_tape;
      for (Variable parameter : all)
        if (const Variable gradient = parameter.grad(); gradient.defined())
          parameter.set_grad(gradient * (1 / weight_));
    }
    if (clip_norm_ > 0)
      optim::clip_grad_norm(all, clip_norm_, {.error_if_nonfinite = true}, place);
    else
      check_gradients(place);
    optimizer_.step(place);
  }
  forget();
  return moves;
}

void Update::applied(Run& run, Place place) {
  if (schedule_) schedule_->step(place);
  run.updated();
}

// Runs the step once more with the same numbers, watching every operation.
void Update::diverged(const Run& run, const std::string& what, const Before& before,
                      const Callback<Outcome()>& forward, const Facts& facts, Place place) {
  std::vector<Tensor> tensors;
  const Tensor indices = facts(tensors);
  std::ostringstream text;
  text << to_string(place) << ": fit: " << what << " at step " << run.step() << " (epoch " << run.epoch() + 1
       << ", batch " << run.batch() + 1;
  if (run.batches() > 0) text << " of " << run.batches();
  if (indices.defined()) text << ", examples " << listed(indices);
  text << ")";
  for (std::size_t k = 0; k < tensors.size(); ++k)
    if (const Index at = first_not_finite(tensors[k]); at < tensors[k].count()) {
      const Index row = tensors[k].rank() > 0 ? at / (tensors[k].count() / tensors[k].size(0)) : 0;
      text << ": tensor " << k << " of the batch is not finite in row " << row;
      if (indices.defined() && row < indices.count())
        text << ", example " << indices.span<Index>()[static_cast<std::size_t>(row)];
    }
  std::string cause;
  try {
    before.restore(model_);
    forget();
    const AnomalyMode anomaly;
    forward().loss.backward(place);
  } catch (const std::exception& error) {
    cause = error.what();
  }
  text << (cause.empty() ? "; it cannot be seen in another run of this step" : "; first: " + cause);
  throw Diverged(text.str(), run.step(), indices, run.history());
}

StateDict Update::state_dict() const {
  StateDict state{{"batches", scalar(batches_)}, {"weight", scalar(weight_, float64)}};
  if (batches_ == 0) return state;
  const std::vector<Variable> all = parameters();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (const Variable gradient = all[i].grad(); gradient.defined())
      state.set("gradients." + std::to_string(i), gradient.value());
  return state;
}

PreparedLoad Update::prepare_load(const StateDict& state, Place place) {
  const Scope scope("fit", place);
  Index batches = 0;
  double weight = 0;
  io::detail::restore(state.at("batches"), batches);
  io::detail::restore(state.at("weight"), weight);
  std::vector<Variable> all = parameters();
  std::vector<Variable> gradients(all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    if (const Tensor* const gradient = state.find("gradients." + std::to_string(i))) {
      if (gradient->shape() != all[i].shape() || gradient->dtype() != all[i].dtype())
        fail<ValueError>("the state does not fit: gradients." + std::to_string(i) + " is " +
                         describe(*gradient));
      gradients[i] = Variable(*gradient);
    }
  return [this, batches, weight, all = std::move(all), gradients = std::move(gradients)]() mutable noexcept {
    for (std::size_t i = 0; i < all.size(); ++i) all[i].set_grad(gradients[i]);
    batches_ = batches;
    weight_ = weight;
  };
}

}  // namespace xgrad::train::detail
