# Shared by the commands in this folder and by .ci/run; sourced, never run. It sets `root` and works from there.
# Invariant: nothing is installed or built that is there already.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${XGRAD_BUILD:-build}
# Without this ccache keeps nothing that was compiled with a precompiled header.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}

say() { printf '%s\n' "$*" >&2; }

# column FILE NAME N: the N-th of the columns, parted by |, of the line of that name; nothing where there is none.
column() { awk -F ' *[|] *' -v name="$2" -v n="$3" '!/^#/ && $1 == name { print $n }' "$1"; }
# names FILE: the first column.
names() { awk -F ' *[|] *' '!/^#/ && NF > 1 { print $1 }' "$1"; }

# packages_of SECTION...: the names under [SECTION] in packages.txt.
packages_of() {
  local section
  for section; do
    sed -n "/^\[$section\]/,/^\[/{/^[a-z0-9]/p}" "$root/tools/packages.txt"
  done
}

# missing_packages NAME...: those of the names that dpkg does not know as installed.
missing_packages() {
  local installed name
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p') || true
  for name; do
    grep -qxF -- "$name" <<<"$installed" || printf '%s\n' "$name"
  done
}

# try_packages SECTION...: installs what is missing where that needs no password. Fails, without a word, where it cannot.
try_packages() {
  local names as_root=()
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 1
  mapfile -t names < <(missing_packages $(packages_of "$@"))
  ((${#names[@]})) || return 0
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  say "Installing ${names[*]}"
  { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends "${names[@]}"
  } </dev/null >&2
}

# require_packages SECTION...: the packages are there afterwards, or the program ends naming those that are not.
require_packages() {
  local names tool
  if command -v dpkg-query >/dev/null; then
    try_packages "$@" && return
    mapfile -t names < <(missing_packages $(packages_of "$@"))
    say "These packages are missing. Install them, then run this command again:"
    say "  sudo apt-get update && sudo apt-get install --no-install-recommends ${names[*]}"
    exit 1
  fi
  for tool in c++ meson ninja pkg-config; do
    command -v "$tool" >/dev/null || { name_packages "$tool is missing."; exit 1; }
  done
}

# name_packages WHY: for systems without dpkg.
name_packages() {
  say "$1 This is no Debian system, so packages are not installed for you."
  say "Install what these Debian packages contain, under the names your system gives them:"
  say "  $(packages_of build | tr '\n' ' ')"
}

# configure DIR [MESON ARGUMENT]...: sets the build directory up unless it is.
configure() {
  local dir=$1 log=$1/setup.log
  shift
  [ -f "$dir/build.ninja" ] && return
  mkdir -p "$dir"
  say "Configuring $dir"
  meson setup "$dir" "$@" >"$log" 2>&1 </dev/null && return
  tail -n 40 "$log" >&2
  command -v dpkg-query >/dev/null || name_packages "Configuring failed."
  return 1
}

# count_line FILE: sets counted_passed and counted_failed from the last 'N passed, N failed' of a log; fails without one.
count_line() {
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1) || return 1
  read -r counted_passed _ counted_failed _ <<<"$line"
}

# run_doctest LOG PROGRAM [ARGUMENT]...: runs it with its output shown and adds its test cases to passed and failed.
# A run that ends badly without a failed case (a crash, a leak) counts as one more failure.
run_doctest() {
  local log=$1 status=0 line cases_passed=0 cases_failed=0
  shift
  "$@" 2>&1 </dev/null | tee "$log" || status=${PIPESTATUS[0]}
  line=$(grep -a '^\[doctest\] test cases:' "$log" | tail -n 1)
  if [ -n "$line" ]; then
    cases_passed=$(sed -E 's/.*\| *([0-9]+) passed.*/\1/' <<<"$line")
    cases_failed=$(sed -E 's/.*\| *([0-9]+) failed.*/\1/' <<<"$line")
  elif [ "$status" = 0 ]; then
    status=1
  fi
  if [ "$status" != 0 ] && [ "$cases_failed" = 0 ]; then
    say "$(basename "$1") ended with status $status"
    cases_failed=1
  fi
  passed=$((passed + cases_passed))
  failed=$((failed + cases_failed))
}

cd "$root" || exit 1
