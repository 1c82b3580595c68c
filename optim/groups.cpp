// Which parameters belong to which group.
#include <xgrad/optim/groups.hpp>

namespace xgrad::optim {
namespace {

// Whether `part` is one or several whole parts of the dotted name.
bool names(const std::string& name, const std::string& part) {
  return ("." + name + ".").find("." + part + ".") != std::string::npos;
}

}  // namespace

Parted part_by_name(const NamedParameters& parameters, const ParameterFilter& filter, Place place) {
  const Scope scope("part_by_name", place);
  if (parameters.empty()) fail<ValueError>("expects at least one parameter, got none");
  if (!filter) fail<ValueError>("expects a filter, got an empty function");
  Parted parted;
  for (const auto& [name, parameter] : parameters)
    (filter(name, parameter) ? parted.chosen : parted.others).push_back(parameter);
  return parted;
}

ParameterFilter decayed_weights(const NamedParameters& parameters, std::vector<std::string> undecayed,
                                Place place) {
  const Scope scope("decayed_weights", place);
  for (const std::string& part : undecayed) {
    bool found = false;
    std::string all;
    for (const auto& [name, parameter] : parameters) {
      found = found || (!part.empty() && names(name, part));
      all += (all.empty() ? "" : ", ") + name;
    }
    if (!found) fail<ValueError>("no parameter is named \"" + part + "\", there are " + all);
  }
  return [undecayed = std::move(undecayed)](const std::string& name, const Variable& parameter) {
    for (const std::string& part : undecayed)
      if (names(name, part)) return false;
    return parameter.rank() >= 2;
  };
}

}  // namespace xgrad::optim
