// The case table: one row or more for every public operation. Each row is checked in the same way: value
// against an independent reference, first and second derivatives against finite differences, recorded
// gradients against plain ones, float32 against float64, leaks. Invariant: a whole run of the tests fails
// when an operation it has seen on the tape has no row. Operations that tests make for themselves have names
// that begin with "test_" and need none.
#pragma once

#include <xgrad/autograd/gradcheck.hpp>
#include <xgrad/autograd/variable.hpp>

#include <functional>
#include <string>
#include <vector>

namespace xgrad::test {

using CaseFunction = std::function<Variable(const std::vector<Variable>&)>;
using Reference = std::function<Tensor(const std::vector<Tensor>&)>;

/// How far a row is differentiable.
enum class Order { none, first, second };

struct Case {
  std::string operation;  ///< the name under which the operation records itself
  std::string name;       ///< what this row is about: "broadcast row", "empty", ...
  CaseFunction function;
  std::vector<Tensor>
      inputs;  ///< float64 ones are differentiated; others are passed as they are. Away from kinks.
  Reference
      reference;  ///< independent of the library's operations; gets the inputs, returns the float64 value
  Order order = Order::second;
  double float32_tolerance = 1e-4;  ///< relative to the largest float64 value or gradient; 0: not compared
  GradcheckOptions check = {};
};

/// Adds rows; call it from a namespace-scope initialiser: `const bool rows = add_cases({...});`.
bool add_cases(std::vector<Case> cases);
const std::vector<Case>& all_cases();
/// The first check of a row that fails, with its numbers; empty when all pass. What the row throws is a
/// failed check.
std::string fault_of(const Case& row);
/// The same as a doctest check.
void check_case(const Case& row);
/// Gradients by input of a weighted sum of the result; undefined where there is none.
std::vector<Tensor> gradients_of(const Case& row);
/// Operations that ran since track_operations(true) and have no row.
std::vector<std::string> operations_without_row();

/// References: f applied to every element; to every pair with NumPy's broadcasting.
Reference elementwise(double (*f)(double));
Reference elementwise(double (*f)(double, double));

/// float64 values in [low, high) from a fixed seed, no two closer than 1e-3 of the range apart, so that
/// neither sorting nor maxima meet ties within a finite difference.
Tensor spread(const Shape& shape, double low, double high, unsigned seed = 1);

/// For each function of one operand: rows for (3, 4), scalar, empty (0, 3), size-1 and a (2, 0, 4) input in
/// [low, high).
std::vector<Case> unary_cases(const std::string& operation, std::function<Variable(const Variable&)> function,
                              double (*reference)(double), double low, double high,
                              Order order = Order::second);
/// The same for two operands: equal shapes, row and column broadcast, scalar with tensor, outer, same operand
/// twice, empty.
std::vector<Case> binary_cases(const std::string& operation,
                               std::function<Variable(const Variable&, const Variable&)> function,
                               double (*reference)(double, double), double low_a, double high_a, double low_b,
                               double high_b, Order order = Order::second);

}  // namespace xgrad::test
