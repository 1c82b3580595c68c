// Nested expressions of digits, such as [MAX 2 9 [MIN 4 7] 0], as trees; after the ListOps task (Nangia and
// Bowman, "ListOps: a diagnostic dataset for latent tree learning", 2018).
#pragma once

#include <xgrad/tensor/random.hpp>

#include <array>
#include <string>
#include <unordered_set>
#include <vector>

namespace example {

/// Tokens: the digits, the operators, the bracket that closes one. MED is the upper median, SUM_MOD the sum
/// modulo 10.
inline constexpr std::array<const char*, 4> operator_names{"MIN", "MAX", "MED", "SUM_MOD"};
inline constexpr xgrad::Index first_operator = 10, close_token = 14, token_count = 15;

struct Tree {
  xgrad::Index token;
  xgrad::Index value;  ///< 0 to 9
  std::vector<Tree> children{};
};

/// Appends the tokens in the order in which they are read.
void flatten(const Tree& tree, std::vector<xgrad::Index>& sequence);
/// Appends the values of bracketed parts in the order in which their brackets close.
void values_of(const Tree& tree, std::vector<xgrad::Index>& values);

/// A dataset whose batches are vectors of trees.
struct Trees {
  std::vector<Tree> all;
  xgrad::Index size() const { return std::ssize(all); }
  std::vector<Tree> gather(const xgrad::Tensor& indices) const;
};

/// Trees of depth `least_depth` to 5, with two to four children at each node, that do not occur in `seen`, to
/// which they are added.
Trees make_trees(xgrad::Index count, xgrad::Index least_depth, xgrad::Generator& random,
                 std::unordered_set<std::string>& seen);

}  // namespace example
