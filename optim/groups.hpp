// Groups of parameters chosen by name, so that some are decayed and others are not.
// Invariant: every parameter given is in exactly one group, in the order given.
#pragma once

#include <xgrad/optim/optimizer.hpp>
#include <xgrad/tensor/api.hpp>
#include <xgrad/tensor/callback.hpp>

#include <string>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad::optim {

/// What Module::named_parameters() returns.
using NamedParameters = std::vector<std::pair<std::string, Variable>>;
/// Whether a parameter belongs to the first group.
using ParameterFilter = Callback<bool(const std::string& name, const Variable& parameter)>;

/// Two lists of parameters: those of which the filter says true, and the others.
struct [[nodiscard]] Parted {
  std::vector<Variable> chosen;
  std::vector<Variable> others;
};
/// Throws ValueError without parameters and on an empty filter.
Parted part_by_name(const NamedParameters& parameters, const ParameterFilter& filter,
                    Place place = Place::here());
/// True for parameters of two axes or more that have none of the names: weights of layers, not biases, scales
/// of norms, nor what is under a name listed ("embedding" stands for "embedding.weight", and for
/// "encoder.embedding.weight", too). Throws ValueError when a name listed fits no parameter.
[[nodiscard]] ParameterFilter decayed_weights(const NamedParameters& parameters,
                                              std::vector<std::string> undecayed = {},
                                              Place place = Place::here());

/// One group with `chosen` options for those of which the filter says true, one with `others` for the rest;
/// a group that would be empty is left out.
template <class Options>
[[nodiscard]] std::vector<Group<Options>> groups_by_name(const NamedParameters& parameters,
                                                         const ParameterFilter& filter, const Options& chosen,
                                                         const Options& others, Place place = Place::here()) {
  Parted parted = part_by_name(parameters, filter, place);
  std::vector<Group<Options>> groups;
  if (!parted.chosen.empty()) groups.push_back({std::move(parted.chosen), chosen});
  if (!parted.others.empty()) groups.push_back({std::move(parted.others), others});
  return groups;
}

/// Groups whose weights decay as `options` say, and whose biases, scales of norms and parameters under an
/// `undecayed` name do not:
/// `AdamW optimizer(decay_groups(model.named_parameters(), AdamWOptions{.weight_decay = 0.1},
/// {"embedding"}));`
template <class Options>
[[nodiscard]] std::vector<Group<Options>> decay_groups(const NamedParameters& parameters,
                                                       const Options& options,
                                                       std::vector<std::string> undecayed = {},
                                                       Place place = Place::here()) {
  Options none = options;
  none.weight_decay = 0;
  return groups_by_name(parameters, decayed_weights(parameters, std::move(undecayed), place), options, none,
                        place);
}

}  // namespace xgrad::optim
XGRAD_API_END
