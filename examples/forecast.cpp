// What comes next in a series: tomorrow, and the thirty days from today on. Networks of three kinds read the
// last four weeks; what they say is compared with "as today" and "as a year ago".
#include "support/program.hpp"
#include "support/series.hpp"

#include <xgrad/train/train.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

using namespace xgrad;
using example::Windows;

constexpr Index window = 28;            // days that a network reads
const Tensor levels{0.1f, 0.5f, 0.9f};  // the quantiles that it tells of each day to come

// The three kinds. Each takes (N, window + 2) to (N, 3 horizon).
struct Mlp : nn::Module {
  explicit Mlp(Index horizon) : output(64, 3 * horizon) {}
  Variable forward(const Variable& x) override { return output(dropout(relu(hidden(x)))); }
  XGRAD_VISIT(hidden, dropout, output)
  nn::Linear hidden{window + 2, 64};
  nn::Dropout dropout{0.5};
  nn::Linear output;
};

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
  for (Index i = 0; i < count; ++i) networks.push_back(Mlp(horizon));
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

Variable quantile(const Tensor& told, Index which) { return index(told, {Slice{}, Slice{}, which}); }

// Mean absolute errors of several forecasts, in the units that are printed.
struct Errors {
  std::vector<std::string> names;
  std::vector<double> means;
  std::vector<Tensor> by_day;  // (horizon,)
  void add(const std::string& name, const Variable& told, const Tensor& truth, double unit) {
    by_day.push_back((mean(abs(told - truth), {0}) * unit).value());
    names.push_back(name);
    means.push_back(mean(Variable(by_day.back())).item());
  }
};

struct Result {
  Tensor told, truth;     // (m, horizon, 3) and (m, horizon)
  Errors errors = {};          // last value, last year where there is one, the kinds, all together
  std::size_t plain = 1;  // how many of them are no networks
};

Result evaluate(nn::ModuleList& networks, const Windows& windows, const example::Series& series,
                double unit) {
  Result result{.told = forecast(networks, windows), .truth = windows.asked(series)};
  const auto add = [&](const std::string& name, const Variable& told) {
    result.errors.add(name, told, result.truth, unit);
  };
  add("last value", windows.last.rows(windows.test, windows.size));
  if (series.daily()) add("last year", windows.asked(series, 365));
  result.plain = result.errors.names.size();
  for (std::size_t kind = 0; kind < kinds.size(); ++kind)
    add(kinds[kind], quantile(forecast(networks, windows, kind), 1));
  add("together", quantile(result.told, 1));
  std::printf("%lld ahead, mean absolute errors:", static_cast<long long>(windows.horizon));
  for (std::size_t i = 0; i < result.errors.names.size(); ++i)
    std::printf(" %s %.3f", result.errors.names[i].c_str(), result.errors.means[i]);
  const Variable inside =
      logical_and(quantile(result.told, 0) <= result.truth, quantile(result.told, 2) >= result.truth);
  std::printf("\n  %.1f %% of the days are in the interval that should hold 80 %%\n",
              100 * mean(cast(inside, float32)).item());
  return result;
}

// Up or down tomorrow: is it told better than by a coin, or by what was usual?
void report_directions(const Result& tomorrow, const Windows& windows, example::Run& run) {
  const Variable last = windows.last.rows(windows.test, windows.size);
  const Variable was_up = tomorrow.truth > last, moved = tomorrow.truth != last;
  const Variable right = logical_and((quantile(tomorrow.told, 1) > last) == was_up, moved);
  const auto count = [](const Variable& of) { return sum(cast(of, float32)).item(); };
  const double n = count(moved), hits = count(right), ups = count(was_up);
  const auto [low, high] = example::share_interval(hits, n);
  std::printf("Up or down was right on %.0f of %.0f days: %.1f %%, 95 %% interval %.1f to %.1f %%.\n", hits,
              n, 100 * hits / n, 100 * low, 100 * high);
  std::printf("That %s from a coin (50 %%), and %s from always \"up\" (%.1f %%).\n",
              low > 0.5 || high < 0.5 ? "differs" : "does not differ",
              low > ups / n || high < ups / n ? "differs" : "does not differ", 100 * ups / n);
  run.figure("direction of the next day", hits / n);
}

// The truth and what was told of it, from the median to the ends of its interval.
void draw_told(plot::Panel& panel, const plot::Series& days, const Tensor& told, const std::string& colour) {
  const auto one = [&](Index which) { return plot::Series(index(told, {Slice{}, which}).value()); };
  panel.band(days, one(0), one(2), {.colour = colour});
  panel.curve(days, one(1), {.colour = colour, .markers = plot::Markers::none});
}

plot::Figure picture(const Result& tomorrow, const Result& month, bool prices, const std::string& title,
                     const std::string& subtitle) {
  plot::Figure figure({.title = title, .subtitle = subtitle});
  const auto shown = [&](const Variable& values) { return prices ? exp(values).value() : values.value(); };
  const Index days = tomorrow.truth.size(0), from = std::max<Index>(days - 120, 0);
  plot::Panel& each = figure.panel(
      {.title = "Told each day for the next one, with the interval for 80 %", .x = "day of the test"});
  const auto counted = [](Index count, Index first) {
    return plot::counting(static_cast<std::size_t>(count), static_cast<double>(first));
  };
  draw_told(each, counted(days - from, from), shown(index(tomorrow.told, {Slice{.begin = from}, 0})),
            plot::series_colour(0));
  each.curve(counted(days - from, from), shown(reshape(tomorrow.truth.rows(from, days), {-1})),
             {.label = "what came", .colour = "#333333", .width = 1.2, .markers = plot::Markers::none});
  plot::Panel& ahead =
      figure.panel({.title = "Told on three days for the next thirty", .x = "day of the test"});
  for (Index i = 0; i < 3; ++i) {
    const Index start = (month.truth.size(0) - 1) * (2 * i + 1) / 6;
    draw_told(ahead, counted(month.truth.size(1), start), shown(index(month.told, {start})),
              plot::series_colour(static_cast<std::size_t>(i)));
  }
  ahead.curve(counted(days, 0), shown(reshape(tomorrow.truth, {-1})),
              {.label = "what came", .colour = "#333333", .width = 0.8, .markers = plot::Markers::none});
  plot::Panel& errors =
      figure.panel({.title = "Mean absolute error", .x = "days ahead", .y = prices ? "%" : ""});
  for (std::size_t i = 0; i < month.errors.names.size(); ++i)
    if (i < month.plain || i + 1 == month.errors.names.size())
      errors.curve(
          plot::counting(month.errors.by_day[i].span<float>().size()), month.errors.by_day[i],
          {.label = month.errors.names[i], .dashed = i < month.plain, .markers = plot::Markers::none});
  figure.panel({.title = "Mean absolute error, one day ahead"})
      .bars(tomorrow.errors.names, tomorrow.errors.means, {.show_values = true});
  return figure;
}

struct Networks : nn::Module {
  nn::ModuleList tomorrow, month;
  XGRAD_VISIT(tomorrow, month)
};

int main(int argc, char** argv) {
  example::Program program("forecast", "What comes next in a series: the weather, or prices",
                           {.data = "weather",
                            .data_help = "weather, sp500, or a table with a header line",
                            .epochs = 20,
                            .small_epochs = 10});
  std::string column = "temp_max";
  bool prices = false;
  Index count = 3, horizon = 30;
  program.text("--column", column, "The series in the table; of sp500 it is close", "NAME");
  program.flag("--prices", prices, "They are prices: it is ratios that count, and up or down; so for sp500");
  program.number("--networks", count, "Networks of each kind", {1, 100});
  program.number("--horizon", horizon, "Days that are told at once", {2, 365});

  return program.run(argc, argv, [&](example::Run& run) {
    if (run.data_word == "sp500") column = "close", prices = true;
    const example::Series series = example::read_series(run.data(), column, prices);
    std::printf("%lld days, the last quarter for the test\n", static_cast<long long>(series.size()));
    const Windows one = example::make_windows(series, window, 1),
                  many = example::make_windows(series, window, horizon);
    Networks networks;
    networks.tomorrow = make_networks(1, run.choose(count, 1));
    networks.month = make_networks(horizon, run.choose(count, 1));
    if (!run.load(networks)) {
      learn(networks.tomorrow, one, run);
      learn(networks.month, many, run);
      run.save(networks);
    }
    const double unit = prices ? 100 : 1;  // a difference of logarithms, as per cent
    const Result tomorrow = evaluate(networks.tomorrow, one, series, unit),
                 month = evaluate(networks.month, many, series, unit);
    run.draw(
        picture(tomorrow, month, prices, "What comes next: " + column, "seed " + std::to_string(run.seed)));

    const auto& means = tomorrow.errors.means;
    const double plain =
        *std::min_element(means.begin(), means.begin() + static_cast<std::ptrdiff_t>(tomorrow.plain));
    const double below = 1 - means.back() / plain;
    if (prices) {
      report_directions(tomorrow, one, run);
      run.figure("one-step error below that of the last value by", below);
    } else {
      run.figure("one-step error below the better of last value and last year by", below,
                 {.at_least = run.choose(0.05, 0.02)});
    }
  });
}
