#include <xgrad/nn/visitor.hpp>

namespace xgrad::nn {

void Visitor::check_name(std::string_view name) const {
  if (name.empty() || name.find('.') != name.npos)
    fail<ValueError>("visit of " + visited() + " names a part '" + std::string(name) + "'",
                     "expects a name that is not empty and holds no dot: dots join the names of a path");
}

std::string_view Visitor::next_name(std::string_view& names) {
  const std::size_t comma = names.find(',');
  std::string_view name = names.substr(0, comma);
  names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
  return name;
}

}  // namespace xgrad::nn
