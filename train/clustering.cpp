// Agreement of two partitions, from how often each pair of labels occurs.
#include <xgrad/train/clustering.hpp>

#include <xgrad/train/pairs.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace xgrad::train {
namespace {

/// Examples of each pair (cluster, class), in that order.
std::map<std::pair<Index, Index>, double> together(const Tensor& classes, const Tensor& clusters) {
  const std::vector<Index> truths = detail::labels_of(classes), groups = detail::labels_of(clusters);
  if (classes.shape() != clusters.shape())
    fail<ShapeError>("classes " + to_string(classes.shape()) + " do not fit clusters " +
                     to_string(clusters.shape()));
  if (truths.empty()) fail<ValueError>("there are no examples");
  std::map<std::pair<Index, Index>, double> counts;
  for (std::size_t i = 0; i < truths.size(); ++i) ++counts[{groups[i], truths[i]}];
  return counts;
}

}  // namespace

double purity(const Tensor& classes, const Tensor& clusters, Place place) {
  const Scope scope("purity", place);
  std::map<Index, double> commonest;
  for (const auto& [labels, count] : together(classes, clusters))
    commonest[labels.first] = std::max(commonest[labels.first], count);
  double right = 0;
  for (const auto& [cluster, count] : commonest) right += count;
  return right / static_cast<double>(classes.count());
}

double adjusted_rand_index(const Tensor& classes, const Tensor& clusters, Place place) {
  const Scope scope("adjusted_rand_index", place);
  std::map<Index, double> of_cluster, of_class;
  const auto pairs = [](double n) { return n * (n - 1) / 2; };
  double both = 0, cluster_pairs = 0, class_pairs = 0;
  for (const auto& [labels, count] : together(classes, clusters)) {
    both += pairs(count);
    of_cluster[labels.first] += count;
    of_class[labels.second] += count;
  }
  for (const auto& [label, count] : of_cluster) cluster_pairs += pairs(count);
  for (const auto& [label, count] : of_class) class_pairs += pairs(count);
  // Equal partitions, also those of which chance has nothing else to give.
  if (both == cluster_pairs && both == class_pairs) return 1;
  const double expected = cluster_pairs * class_pairs / pairs(static_cast<double>(classes.count()));
  return (both - expected) / ((cluster_pairs + class_pairs) / 2 - expected);
}

}  // namespace xgrad::train
