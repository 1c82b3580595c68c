#include "expressions.hpp"

#include <algorithm>
#include <numeric>

namespace example {

using namespace xgrad;

namespace {

Index apply(Index operation, std::vector<Index> values) {
  std::ranges::sort(values);
  switch (operation) {
    case 0:
      return values.front();
    case 1:
      return values.back();
    case 2:
      return values[values.size() / 2];
    default:
      return std::accumulate(values.begin(), values.end(), Index{0}) % 10;
  }
}

// A tree of exactly that depth, with two to four children at each node.
Tree grow(Index depth, Generator& random) {
  const auto below = [&](Index bound) { return randint({}, 0, bound, random).item<Index>(); };
  if (depth == 0) {
    const Index digit = below(10);
    return {digit, digit};
  }
  Tree tree{first_operator + below(std::ssize(operator_names)), 0};
  const Index children = 2 + below(3), deepest = below(children);
  std::vector<Index> values;
  for (Index i = 0; i < children; ++i) {
    const Index below_it = i == deepest ? depth - 1 : below(4) == 0 ? below(depth) : 0;
    tree.children.push_back(grow(below_it, random));
    values.push_back(tree.children.back().value);
  }
  tree.value = apply(tree.token - first_operator, values);
  return tree;
}

}  // namespace

void flatten(const Tree& tree, std::vector<Index>& sequence) {
  sequence.push_back(tree.token);
  for (const Tree& child : tree.children) flatten(child, sequence);
  if (!tree.children.empty()) sequence.push_back(close_token);
}

void values_of(const Tree& tree, std::vector<Index>& values) {
  for (const Tree& child : tree.children) values_of(child, values);
  if (!tree.children.empty()) values.push_back(tree.value);
}

std::vector<Tree> Trees::gather(const Tensor& indices) const {
  std::vector<Tree> batch;
  for (const Index i : indices.span<Index>()) batch.push_back(all[static_cast<std::size_t>(i)]);
  return batch;
}

Trees make_trees(Index count, Index least_depth, Generator& random, std::unordered_set<std::string>& seen) {
  Trees trees;
  while (trees.size() < count) {
    Tree tree = grow(randint({}, least_depth, 6, random).item<Index>(), random);
    std::vector<Index> sequence;
    flatten(tree, sequence);
    if (seen.emplace(sequence.begin(), sequence.end()).second) trees.all.push_back(std::move(tree));
  }
  return trees;
}

}  // namespace example
