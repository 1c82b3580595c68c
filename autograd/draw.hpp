// The recorded graph as a picture.
#pragma once

#include <xgrad/autograd/variable.hpp>
#include <xgrad/tensor/api.hpp>

#include <string>
#include <utility>
#include <vector>

XGRAD_API_BEGIN
namespace xgrad {

struct DrawOptions {
  /// What to call variables, leaves or not: {{weight, "weight"}, {loss, "loss"}}.
  std::vector<std::pair<Variable, std::string>> names = {};
  bool shapes = true;   ///< dtype and shape of every output
  bool places = true;   ///< the line of the user's source that called each operation
  bool modules = true;  ///< the path of the module, where the tape knows it
};

/// The graph behind the roots in Graphviz's language, data flowing downwards: `dot -Tsvg`. Leaves are
/// ellipses, operations boxes, roots doubly framed. Constants are not on the tape and not drawn, except as
/// roots. Equal graphs give equal text.
[[nodiscard]] std::string graphviz(const std::vector<Variable>& roots, const DrawOptions& options = {},
                                   Place place = Place::here());
[[nodiscard]] std::string graphviz(const Variable& root, const DrawOptions& options = {},
                                   Place place = Place::here());

}  // namespace xgrad
XGRAD_API_END
