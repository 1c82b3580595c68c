#!/usr/bin/env bash
# Formulas of map() that would be wrong without a word do not compile, and the message says what to write.
set -euo pipefail

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
flags="-std=c++20 -Wno-psabi -I$BUILD/include"
cat >"$temporary/all.hpp" <<'END'
#include <xgrad/autograd/map.hpp>

#include <algorithm>
#include <cmath>
using namespace xgrad;
END
# Parsed once; compilers that do not find it parse the header again.
$CXX $flags -x c++-header "$temporary/all.hpp" -o "$temporary/all.hpp.gch"

# compiles CODE: the messages about a function with Variables x and y and a double a; fails when it does not compile.
compiles() {
  echo "Variable snippet(const Variable& x, const Variable& y, double a) { (void)y; (void)a; $1 }" |
    $CXX $flags -fsyntax-only -include "$temporary/all.hpp" -x c++ - 2>&1
}

# accepted CODE, and rejected CODE TEXT: TEXT stands in the messages.
accepted() { compiles "$1" || { echo "does not compile: $1"; exit 1; }; }
rejected() {
  local messages
  if messages=$(compiles "$1"); then echo "compiles: $1"; exit 1; fi
  grep -qF "$2" <<<"$messages" || { echo "without '$2': $1"; head -5 <<<"$messages"; exit 1; }
}

capture="may capture numbers by value only"
lanes="evaluated on many elements at once"
accepted 'return map("f", [](auto v) { return where(v > 0, sin(v), 2 * v); }, x);'
accepted 'const int n = 3; const bool on = true; return map("f", [a, n, on](auto v, auto w) { return on ? a * v + n : w; }, x, y);'
rejected 'return map("f", [&a](auto v) { return v * a; }, x);' "$capture"
rejected 'const double b = a + 1; return map("f", [a, &b](auto v) { return v * a * b; }, x);' "$capture"
rejected 'const double* p = &a; return map("f", [p](auto v) { return v * *p; }, x);' "$capture"
rejected 'return map("f", [y](auto v) { return v * y; }, x);' "$capture"
rejected 'return map("f", [t = y.value()](auto v) { return v * t.item(); }, x);' "$capture"
rejected 'return map("f", [](auto v) { if (v > 0) return v; return -v; }, x);' "$lanes"
rejected 'return map("f", [](auto v) { return v > 0 ? v : -v; }, x);' "$lanes"
rejected 'return map("f", [](auto v) { return where(v > 0 && v < 1, v, -v); }, x);' "$lanes"
rejected 'return map("f", [](auto v) { return v * std::sin(v); }, x);' "$lanes"
rejected 'return map("f", [](auto v) { return std::max(v, -v); }, x);' "$lanes"
echo "12 formulas answer as they should"
