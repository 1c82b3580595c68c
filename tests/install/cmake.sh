#!/usr/bin/env bash
# A user's CMake project finds the installed library by find_package alone, in a tree that was moved, and runs; versions
# and components that there are not are refused.
set -euo pipefail
command -v cmake >/dev/null || { echo "skipped: there is no cmake here (package cmake)"; exit 77; }
source "$SOURCE/tests/support/installed.sh"
version=$(pkg-config --modversion xgrad)
mv "$installed" "$temporary/moved"
export CMAKE_PREFIX_PATH=$temporary/moved

mkdir "$temporary/user"
cd "$temporary/user"
cp "$SOURCE"/tests/install/user.cpp "$SOURCE"/tests/install/bridge.cpp .
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(user CXX)
set(CMAKE_CXX_FLAGS "-O0 -Wall -Wextra -Werror")
find_package(xgrad INTERFACE REQUIRED COMPONENTS xtensor)
add_executable(user user.cpp)
target_link_libraries(user xgrad::xgrad)
add_executable(bridge bridge.cpp)
target_link_libraries(bridge xgrad::xtensor)
END
sed -i "s/INTERFACE/${version%.*}/" CMakeLists.txt
configure() { cmake -S . -B "$1" -DCMAKE_CXX_COMPILER="${CXX##* }" >"$1.log" 2>&1; }
configure build || { cat build.log; exit 1; }
cmake --build build -j "$(nproc)" >build.log 2>&1 || { cat build.log; exit 1; }
build/user
build/bridge

# refused REQUEST TEXT: find_package says no, and TEXT.
refused() {
  printf 'cmake_minimum_required(VERSION 3.16)\nproject(user CXX)\nfind_package(xgrad %s REQUIRED)\n' "$1" >CMakeLists.txt
  if configure refused; then echo "find_package(xgrad $1) is satisfied by $version"; exit 1; fi
  grep -qF "$2" refused.log || { cat refused.log; exit 1; }
}
refused 1.0 "version: $version"
refused 0.0 "version: $version"
refused "${version%.*}.99" "version: $version"
refused "COMPONENTS ytensor" "no component ytensor"
