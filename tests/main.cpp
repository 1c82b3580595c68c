// The entry point of the test program; the cases are in the files beside it. A run of everything also fails
// when an operation that it has seen has no row in the case table.
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/cases.hpp"

#include <xgrad/autograd/tracking.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <iostream>
#include <string_view>

namespace {

/// True when an argument picks out tests; leaving suites out does not count.
bool picks_tests(std::string_view argument) {
  constexpr std::string_view filters[] = {
      "-tc=", "-tce=",       "-sf=",          "-sfe=",         "-ts=",      "-sc=",    "-sce=", "-f=",
      "-l=",  "--test-case", "--source-file", "--test-suite=", "--subcase", "--first", "--last"};
  return std::any_of(std::begin(filters), std::end(filters),
                     [&](std::string_view filter) { return argument.substr(0, filter.size()) == filter; });
}

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  xgrad::detail::track_operations(true);
  const int result = context.run();
  if (context.shouldExit() || std::any_of(argv + 1, argv + argc, picks_tests)) return result;
  const std::vector<std::string> missing = xgrad::test::operations_without_row();
  if (missing.empty()) return result;
  std::cout << "ERROR: operations without a row in the case table:";
  for (const std::string& name : missing) std::cout << ' ' << name;
  std::cout << std::endl;
  return result != 0 ? result : 1;
}
