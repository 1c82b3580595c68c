#!/usr/bin/env bash
# The library exports what public headers declare, and nothing else: every dynamic symbol fits a pattern below. A new one
# here is a promise to every program that is linked with the library.
set -euo pipefail

# Names without template arguments and parameters. Of namespaces that are the library's own, single names alone.
public='xgrad(::(linalg|nn|nn::init|optim|io|data|plot|train))?::(~?[A-Z]\w*(::.*)?|[a-z][a-z0-9_]*)'
vmath='xgrad::vmath::[a-z0-9_]+'
detail='xgrad::detail::('
detail+='Access|AnyCallable|Interface|Node|TensorBody|VariableState|' # types of public headers
detail+='CheckpointFrame|GradientSlot|Reach|'                         # what these point to
detail+='interface_asked_for|message_prefix|modes|reject_empty_callback|run_backward|run_forward|'
detail+='cast_like|chain|chain_input|constant|gradcheck|gradgradcheck|hessian|hvp|jacobian|jvp|vjp|'
detail+='add_partials|erf_slope|input_loops|lane_[a-z]+|nothing_times_infinite|unless|'              # formulas of map()
detail+='allowed_pairs|pair_products|pair_sums|weighted|track_operations|tracked_operations)(::.*)?' # for the tests
parts='xgrad::(nn::detail::(Call|Recurrent|RecurrentCell)|optim::detail::check_number|io::detail::(kept|reject_range|restore)|'
parts+='data::detail::(Prefetcher|RandomScope|batch_count|batch_indices|batches_ahead|check|check_example|check_indices|'
parts+='check_position|common_rows|epoch_order|epoch_size|loader_state|only_row|prepare_load|reject_history|'
parts+='threads_for)|train::detail::(Replay|Tally|Update|checked_count|not_measured|reject_empty_loader|reject_moved_loader|reject_shared_loader|reject_two_rates))(::.*)?'
# Instances of the standard library's templates are what every library has that uses them.
standard='(std|__gnu_cxx)::.*'

# names: from lines of nm, each symbol's qualified name; an operator's is operator_ with its type or nothing.
names() {
  sed -E 's/operator(\(\)|\[\]|[-+*\/%&|^!=]=?|<=>|<<=?|>>=?|->\*?|<=?|>=?|~|,)/operator_/g; s/operator ([a-z]+)/operator_\1/g; s/\(anonymous namespace\)/anonymous/g
    :inner; s/<[^<>]*>//g; t inner
    s/\[abi:[a-z0-9]*\]//g; s/\(.*//' | awk '{ print $NF }' | sort -u
}
# foreign: the names that fit none of the patterns.
foreign() { names | grep -vxE "$public|$vmath|$detail|$parts|$standard" || true; }

# The checker itself.
expect() { [ "$(foreign <<<"0000 T $1")" = "$2" ] || { echo "misjudged: $1"; exit 1; }; }
expect 'xgrad::kernels::matmul(xgrad::Tensor const&, xgrad::Tensor const&)' xgrad::kernels::matmul
expect 'void xgrad::detail::merge<float>(float*)' xgrad::detail::merge
expect 'dnnl::engine::~engine()' dnnl::engine::~engine
expect 'vtable for xgrad::onednn::Pass' xgrad::onednn::Pass
expect 'xgrad::Tensor::reshape(xgrad::Shape const&) const' ''
expect 'xgrad::nn::Linear::Linear(long, long)' ''
expect 'xgrad::CheckResult::operator bool() const' ''
expect 'xgrad::operator<<(std::ostream&, xgrad::Tensor const&)' ''
expect 'typeinfo name for xgrad::ShapeError' ''

symbols=$(nm -D --defined-only -C "$BUILD/libxgrad.so")
found=$(foreign <<<"$symbols")
[ -z "$found" ] || { echo "exported, and fitting no pattern:"; echo "$found"; exit 1; }
for name in 'xgrad::relu(' 'typeinfo for xgrad::ShapeError' 'xgrad::nn::Module::visit('; do
  grep -qF "$name" <<<"$symbols" || { echo "not exported: $name"; exit 1; }
done
echo "$(wc -l <<<"$symbols") symbols, all expected"
