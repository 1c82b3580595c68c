// What tests/debugger/printers.sh looks at in gdb.
#include <xgrad/nn/parameter.hpp>
#include <xgrad/xgrad.hpp>

using namespace xgrad;

// Where the debugger stops.
extern "C" [[gnu::noinline]] void look(const Variable& recorded) { static_cast<void>(recorded.defined()); }

int main() {
  const Shape shape{2, 3}, scalar_shape, vector_shape{4};
  const IndexList strides = contiguous_strides(shape);
  const Tensor matrix{{1.5, -2.0, 3.25}, {4.0, 5.0, 6.0}};
  const Tensor doubles({0.5, 1e-9}, float64), integers{1, -2}, bytes({7, 255}, uint8), bits{true, false};
  const Tensor none = zeros({0, 3}), one = scalar(2.5, float64), many = arange(1000), undefined;
  const Variable constant(integers), missing;
  const Variable leaf(matrix, {.requires_grad = true});
  const nn::Parameter parameter(doubles);
  const Variable recorded = leaf * 2.0;  // line of the product
  look(recorded);
  return static_cast<int>(shape.rank() + strides.size() + scalar_shape.rank() + vector_shape.rank() +
                          none.rank() + one.rank() + many.rank() + bits.rank() + bytes.rank() +
                          constant.rank() + parameter.rank()) < 0 ||
         undefined.defined() || missing.defined();
}
