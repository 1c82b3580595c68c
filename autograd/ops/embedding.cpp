#include <xgrad/autograd/ops/embedding.hpp>

#include <xgrad/autograd/ops/arithmetic.hpp>
#include <xgrad/autograd/ops/index.hpp>
#include <xgrad/autograd/record.hpp>
#include <xgrad/kernels/gather.hpp>
#include <xgrad/tensor/factory.hpp>

namespace xgrad {

Variable embedding(const Operand& ids, const Operand& weight, std::optional<Index> padding_idx) {
  Op op("embedding", ids, weight);
  if (!is_integer(op.dtype(0)))
    fail<DTypeError>("expects integer ids, got " + describe(op.value(0)), "convert with cast(ids, int64)");
  if (op.shape(1).rank() != 2)
    fail<ShapeError>("expects a table of shape (count, size), got " + to_string(op.shape(1)));
  const Shape table = op.shape(1);
  const Index count = table[0];
  std::optional<Index> padding = padding_idx;
  if (padding && (*padding < -count || *padding >= count))
    fail<IndexError>("padding_idx " + std::to_string(*padding) + " is outside the table of " +
                     std::to_string(count) + " rows");
  if (padding && *padding < 0) *padding += count;
  op.replace(0, Variable(op.value(0).to(int64)));
  for (const Index id : op.value(0).span<Index>())
    if (id < 0 || id >= count)
      fail<IndexError>("id " + std::to_string(id) + " is outside [0, " + std::to_string(count) + ")",
                       "the table has " + std::to_string(count) + " rows");

  const auto nothing = [](Backward&) { return Variable(); };
  return op.record(kernels::index_select(op.value(1), 0, op.value(0)), Rule{saves_nothing, nothing},
                   Rule{saves_input(0), [table, padding](Backward& r) {
                          const Variable rows = r.input(0);
                          Variable g = r.gradient();
                          if (padding) g = where(unsqueeze(not_equal(rows, *padding), -1), g, 0);
                          Tensor total = zeros(table, g.dtype());
                          if (r.create_graph()) return index_add(total, {rows}, g);
                          kernels::index_add(total, 0, rows.value(), g.value());
                          return Variable(std::move(total));
                        }});
}

}  // namespace xgrad
