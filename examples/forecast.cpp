// What comes next in a series: tomorrow, and the thirty days from today on. Networks of three kinds read the
// last four weeks; what they say is compared with "as today" and "as a year ago".
#include "support/forecasts.hpp"
#include "support/program.hpp"
#include "support/series.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdio>

using namespace xgrad;
using example::Forecasts, example::quantile, example::Windows;

constexpr Index window = 28;            // days that a network reads
const Tensor levels{0.1f, 0.5f, 0.9f};  // the quantiles that it tells of each day to come

// The three kinds. Each takes (N, window + 2) to (N, 3 horizon).
nn::Sequential mlp(Index horizon) {
  return nn::Sequential{nn::Linear(window + 2, 64), nn::ReLU(), nn::Dropout(0.5),
                        nn::Linear(64, 3 * horizon)};
}

Variable days_of(const Variable& x) { return unsqueeze(slice(x, 1, {.end = window}), 2); }  // (N, window, 1)
Variable season_of(const Variable& x) { return slice(x, 1, {.begin = window}); }

// The same short filters all along the window, twice; then all of it together.
struct Cnn : nn::Module {
  explicit Cnn(Index horizon) : output(10 * 16 + 2, 3 * horizon) {}
  Variable forward(const Variable& x) override {
    const Variable found = relu(conv2(relu(conv1(days_of(x)))));
    return output(concat({dropout(flatten(found, 1)), season_of(x)}, 1));
  }
  XGRAD_VISIT(conv1, conv2, dropout, output)
  nn::Conv1d conv1{1, 16, {.kernel = 5}}, conv2{16, 16, {.kernel = 5, .stride = 2}};
  nn::Dropout dropout{0.5};
  nn::Linear output;
};

// Reads day after day; what it remembers after the last one tells what comes.
struct Gru : nn::Module {
  explicit Gru(Index horizon) : output(32 + 2, 3 * horizon) {}
  Variable forward(const Variable& x) override {
    const Variable memory = reshape(gru.run(days_of(x)).state, {-1, 32});
    return output(concat({dropout(memory), season_of(x)}, 1));
  }
  XGRAD_VISIT(gru, dropout, output)
  nn::GRU gru{1, 32, {.batch_first = true}};
  nn::Dropout dropout{0.2};
  nn::Linear output;
};

const std::vector<std::string> kinds{"MLP", "CNN", "GRU"};

// `count` networks of each kind, one kind after the other.
nn::ModuleList make_networks(Index horizon, Index count) {
  nn::ModuleList networks;
  for (Index i = 0; i < count; ++i) networks.push_back(mlp(horizon));
  for (Index i = 0; i < count; ++i) networks.push_back(Cnn(horizon));
  for (Index i = 0; i < count; ++i) networks.push_back(Gru(horizon));
  return networks;
}

// The loss whose least mean is at the quantile: a day above it costs its level, one below what lacks to 1
// (Koenker and Bassett, "Regression quantiles", 1978). That of the median is half the absolute error.
Variable quantile_loss(const Variable& outputs, const Tensor& target) {
  const Variable above = unsqueeze(target, 2) - reshape(outputs, {target.size(0), target.size(1), 3});
  return mean(maximum(above * levels, above * (levels - 1)));
}

void learn(nn::ModuleList& networks, const Windows& windows, const example::Run& run) {
  data::DataLoader days(windows.learned(), {.batch_size = 32, .shuffle = true, .seed = run.seed});
  train::Progress progress({.unit = "windows"});
  for (std::size_t i = 0; i < networks.size() && !train::interrupted(); ++i) {
    nn::Module& network = networks[i];
    progress.begin(std::to_string(windows.horizon) + " ahead, " + kinds[3 * i / networks.size()],
                   run.epochs * windows.training, static_cast<Index>(networks.size() - i - 1));
    Index seen = 0;
    optim::AdamW optimizer(network.parameters(), {.learning_rate = 3e-3, .weight_decay = 0.1});
    const auto show = [&](train::Run& of) { progress.update(seen += 32, of.tallied()); };
    const train::History history = train::fit(network, days, train::supervised(quantile_loss), optimizer,
                                              {.epochs = run.epochs,
                                               .callbacks = {{.on_batch = show}},
                                               .stop = train::interrupted,
                                               .schedule = optim::CosineLR(days.size() * run.epochs)});
    progress.end({{"loss", history.empty() ? 0 : history.last("loss")}});
  }
}

// What the networks of a kind tell together, their mean, or all of them: (m, horizon, 3) for the windows of
// the test.
Tensor forecast(nn::ModuleList& networks, const Windows& windows, std::optional<std::size_t> kind = {}) {
  data::DataLoader loader(windows.tested(), {.batch_size = 500});
  std::vector<Variable> outputs;
  for (std::size_t i = 0; i < networks.size(); ++i)
    if (!kind || *kind == kinds.size() * i / networks.size())
      outputs.emplace_back(train::predict(networks[i], loader));
  return windows.unscaled(
      reshape(mean(stack(outputs), {0}), {windows.size - windows.test, windows.horizon, 3}));
}

Forecasts evaluate(nn::ModuleList& networks, const Windows& windows, const example::Series& series) {
  Forecasts result{.told = forecast(networks, windows), .truth = windows.asked(series)};
  const auto add = [&](const std::string& name, const Variable& told) {
    result.names.push_back(name);
    result.errors.push_back((mean(abs(told - result.truth), {0}) * (series.prices ? 100 : 1)).value());
    std::printf("%s %.3f, ", name.c_str(), result.error(result.errors.size() - 1));
  };
  std::printf("mean absolute errors, %lld ahead: ", static_cast<long long>(windows.horizon));
  add("last value", windows.last.rows(windows.test, windows.size));
  if (series.daily()) add("last year", windows.asked(series, 365));
  if (series.prices)  // and the change that was usual in training
    add("and drift", quantile(windows.unscaled(zeros({result.truth.size(0), windows.horizon, 1})), 0));
  for (std::size_t kind = 0; kind < kinds.size(); ++kind)
    add(kinds[kind], quantile(forecast(networks, windows, kind), 1));
  add("together", quantile(result.told, 1));
  const Variable inside =
      logical_and(quantile(result.told, 0) <= result.truth, quantile(result.told, 2) >= result.truth);
  std::printf("and %.1f %% of the days in the interval for 80 %%\n",
              100 * mean(cast(inside, float32)).item());
  return result;
}

// Up or down tomorrow: is it told better than by a coin, or by what is usual?
void report_directions(const Forecasts& tomorrow, const Windows& windows, example::Run& run) {
  const Variable last = windows.last.rows(windows.test, windows.size);
  const Variable was_up = tomorrow.truth > last, moved = tomorrow.truth != last;
  const auto count = [](const Variable& of) { return sum(cast(of, float32)).item(); };
  const double n = count(moved), usual = count(was_up) / n;
  const double hits = count(logical_and((quantile(tomorrow.told, 1) > last) == was_up, moved));
  const auto [low, high] = example::share_interval(hits, n);
  const char* const words[] = {"does not differ", "differs"};
  std::printf("Up or down was right on %.0f of %.0f days: %.1f %%, 95 %% interval %.1f to %.1f %%.\n", hits,
              n, 100 * hits / n, 100 * low, 100 * high);
  std::printf("That %s from a coin (50 %%), and %s from always saying up (%.1f %%).\n",
              words[low > 0.5 || high < 0.5], words[low > usual || high < usual], 100 * usual);
  run.figure("direction of the next day", hits / n);
}

int main(int argc, char** argv) {
  example::Program program("forecast", "What comes next in a series: the weather, or prices",
                           {.data = "weather",
                            .data_help = "weather, sp500, or a table with a header line",
                            .epochs = 20,
                            .small_epochs = 10});
  std::string column;
  bool prices = false;
  Index count = 5, horizon = 30;
  program.text("--column", column, "The series in the table, in place of temp_max or close", "NAME");
  program.flag("--prices", prices, "They are prices, as close is: it is ratios that count, and up or down");
  program.number("--networks", count, "Networks of each kind", {1, 100});
  program.number("--horizon", horizon, "Days that are told at once", {2, 365});

  return program.run(argc, argv, [&](example::Run& run) {
    const example::Series series = example::read_series(run.data(), column, prices);
    std::printf("%lld days of %s, the last quarter for the test\n", static_cast<long long>(series.size()),
                series.name.c_str());
    const Windows one = example::make_windows(series, window, 1),
                  many = example::make_windows(series, window, horizon);
    nn::ModuleList networks;  // for tomorrow, and for the days together
    networks.push_back(make_networks(1, run.choose(count, 1)));
    networks.push_back(make_networks(horizon, run.choose(count, 1)));
    auto& next = networks.at<nn::ModuleList>(0);
    auto& later = networks.at<nn::ModuleList>(1);
    if (!run.load(networks)) {
      learn(next, one, run);
      learn(later, many, run);
      run.save(networks);
    }
    const Forecasts tomorrow = evaluate(next, one, series), month = evaluate(later, many, series);
    run.draw(example::picture(tomorrow, month, series, "seed " + std::to_string(run.seed)));
    const double plain = series.daily() ? std::min(tomorrow.error(0), tomorrow.error(1)) : tomorrow.error(0),
                 below = 1 - tomorrow.error(tomorrow.errors.size() - 1) / plain;
    if (series.prices) report_directions(tomorrow, one, run);
    // Of prices nothing is demanded: that tomorrow's cannot be told is a finding.
    run.figure("error a day ahead below that of last value and last year by", below,
               series.prices ? example::Expected{} : example::Expected{.at_least = run.choose(0.05, 0.02)});
  });
}
