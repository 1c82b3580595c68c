#!/usr/bin/env bash
# The first C++ block of the README compiles as it stands and runs.
set -euo pipefail
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

sed -n '/^```cpp/,/^```/{/^```/!p;/^```$/q}' "$SOURCE/README.md" >"$temporary/program.cpp"
grep -q 'int main' "$temporary/program.cpp" || { echo "the README's first cpp block is no program"; exit 1; }
cd "$temporary"
$CXX -std=c++20 -O1 -Wall -Wextra -Werror program.cpp -o program \
  -I"$BUILD/include" -L"$BUILD" -lxgrad -Wl,-rpath,"$BUILD"
./program
