#!/usr/bin/env bash
# A program with debug information, on the library as it is built, shows its tensors in gdb by value; and a debugger
# finds xgrad::debug_print.
set -euo pipefail
command -v gdb >/dev/null || { echo "skipped: there is no gdb here (package gdb)"; exit 77; }
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

program=$SOURCE/tests/debugger/program.cpp
$CXX -std=c++20 -g -O0 "$program" -o "$temporary/program" -I"$BUILD/include" -L"$BUILD" -lxgrad -Wl,-rpath,"$BUILD"
cat >"$temporary/commands" <<COMMANDS
set confirm off
set width 0
set startup-with-shell off
source $SOURCE/tools/gdb/xgrad_printers.py
break look
run
up
print shape
print scalar_shape
print vector_shape
print matrix
print doubles
print integers
print bytes
print bits
print none
print one
print undefined
print constant
print missing
print leaf
print parameter
print recorded
set print elements 3
print many
set print elements 200
print strides
info line 'xgrad::debug_print(xgrad::Variable const&)'
info line 'xgrad::debug_print(xgrad::Tensor const&)'
kill
COMMANDS
gdb --batch --nx -x "$temporary/commands" "$temporary/program" >"$temporary/log" 2>&1 </dev/null || {
  cat "$temporary/log"
  exit 1
}

line=$(grep -n 'line of the product' "$program" | cut -d: -f1)
status=0
expect() {
  grep -qF -- "$1" "$temporary/log" && return
  echo "gdb does not show: $1"
  status=1
}
expect '$1 = (2, 3)'
expect '$2 = ()'
expect '$3 = (4,)'
expect '$4 = float32 (2, 3) [[1.5, -2, 3.25], [4, 5, 6]]'
expect '$5 = float64 (2,) [0.5, 1e-09]'
expect '$6 = int64 (2,) [1, -2]'
expect '$7 = uint8 (2,) [7, 255]'
expect '$8 = boolean (2,) [true, false]'
expect '$9 = float32 (0, 3) []'
expect '$10 = float64 () 2.5'
expect '$11 = undefined'
expect '$12 = constant: int64 (2,) [1, -2]'
expect '$13 = undefined'
expect '$14 = leaf: float32 (2, 3) [[1.5, -2, 3.25], [4, 5, 6]]'
expect '$15 = leaf: float64 (2,) [0.5, 1e-09]'
expect "\$16 = mul at program.cpp:$line: float32 (2, 3) [[3, -4, 6.5], [8, 10, 12]]"
expect '$17 = int64 (1000,) [0, 1, 2, ...]'
expect '$18 = (3, 1)'
# What a call prints is tested in print_test.cpp: not every machine lets a debugger call functions.
expect 'debug_printERKNS_8VariableE>'
expect 'debug_printERKNS_6TensorE>'
((status == 0)) || cat "$temporary/log"
exit $status
