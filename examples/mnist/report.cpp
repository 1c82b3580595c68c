#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

using xgrad::Index;

namespace {

struct Row {
  std::size_t label = 0;
  Index total = 0;
  std::array<Index, 10> predicted{};

  double accuracy() const { return static_cast<double>(predicted[label]) / static_cast<double>(total); }
  /// Wrong classes and how often, the most frequent first.
  std::vector<std::pair<Index, std::size_t>> mistakes() const {
    std::vector<std::pair<Index, std::size_t>> list;
    for (std::size_t k = 0; k < predicted.size(); ++k)
      if (k != label && predicted[k] > 0) list.emplace_back(predicted[k], k);
    std::ranges::sort(list, std::greater<>(), &std::pair<Index, std::size_t>::first);
    return list;
  }
};

}  // namespace

std::string confusion_summary(const xgrad::Tensor& predictions, const xgrad::Tensor& labels,
                              const ClassNames& names) {
  std::array<Row, 10> table{};
  for (std::size_t k = 0; k < table.size(); ++k) table[k].label = k;
  const auto guesses = predictions.span<Index>(), truths = labels.span<Index>();
  for (std::size_t i = 0; i < truths.size(); ++i) {
    Row& row = table[static_cast<std::size_t>(truths[i])];
    ++row.total;
    ++row.predicted[static_cast<std::size_t>(guesses[i])];
  }

  std::vector<Row> worst;
  std::ranges::copy_if(table, std::back_inserter(worst), [](const Row& row) { return row.total > 0; });
  std::ranges::stable_sort(worst, {}, &Row::accuracy);
  worst.resize(std::min<std::size_t>(worst.size(), 3));

  std::string text;
  for (const Row& row : worst) {
    char line[96];
    std::snprintf(line, sizeof line, "  %-11s %6.2f %% of %lld", names[row.label].c_str(),
                  100 * row.accuracy(), static_cast<long long>(row.total));
    text += line;
    const auto mistakes = row.mistakes();
    for (std::size_t i = 0; i < std::min<std::size_t>(mistakes.size(), 3); ++i)
      text += (i == 0 ? ", taken for " : ", ") + names[mistakes[i].second] + " (" +
              std::to_string(mistakes[i].first) +
              (i == 0 ? mistakes[i].first == 1 ? " time)" : " times)" : ")");
    text += '\n';
  }
  return text;
}
