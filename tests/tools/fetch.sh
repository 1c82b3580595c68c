#!/usr/bin/env bash
# tools/fetch and tools/demo in a tree made here, with an npm that gives what the test wants: what is fetched once,
# damaged, cut, fetched by several at once, and not to be had.
set -euo pipefail
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
mkdir -p tree/examples bin package/data/many
cp -r "$SOURCE/tools" tree/
cp "$SOURCE/examples/programs.txt" tree/examples/
export XDG_CACHE_HOME=$temporary/cache PATH=$temporary/bin:$PATH
fetch=tree/tools/fetch

fail() {
  echo "$1"
  shift
  [ $# = 0 ] || cat "$@"
  exit 1
}
checks=0
# run STATUS NAME...: into out.log and error.log.
run() {
  local expected=$1 status=0
  shift
  "$fetch" "$@" >out.log 2>error.log || status=$?
  checks=$((checks + 1))
  [ "$status" = "$expected" ] || fail "$fetch $* ends with status $status instead of $expected" out.log error.log
}
# printed PATH: that is all of the output.
printed() { [ "$(cat out.log)" = "$1" ] || fail "$1 is not what was printed:" out.log error.log; }
expect() { grep -qF -- "$2" "$1" || fail "'$2' is missing in:" "$1"; }
times() { wc -l <calls.log; }  # npm was called

# The npm of this test: packs the folder package, and says that it was called.
cat >bin/npm <<NPM
#!/bin/sh
echo called >>"$temporary/calls.log"
[ ! -e "$temporary/offline" ] || { echo 'npm ERR! network down' >&2; exit 1; }
sleep 0.2
tar -czf some-package-1.0.0.tgz -C "$temporary" package
NPM
chmod +x bin/npm
: >calls.log
printf 'a,b\n1,2\n' >package/data/data.csv
echo other >package/data/other.txt
for i in 1 2 10; do echo "$i" >package/data/many/"file $i"; done
of_folder=$(cd package/data/many && for i in 1 10 2; do sha256sum "file $i"; done | sha256sum | cut -d ' ' -f 1)
cat >tree/tools/data.txt <<TABLE
# a comment
table | @some/package@1.0.0 | data/data.csv | table.csv | $(sha256sum <package/data/data.csv | cut -d ' ' -f 1)
many  | @some/package@1.0.0 | data/many/ | . | $of_folder
wrong | wrong@1.0.0 | data/other.txt | wrong.txt | $(printf '%064d' 0)
mnist | none@1.0.0 | data/ | . | $(printf '%064d' 0)
TABLE

# Fetched once, both sets of the package; then without npm.
run 0 many
printed "$XDG_CACHE_HOME/xgrad/many"
[ "$(cat cache/xgrad/many/'file 10')" = 10 ] || fail "the files are not there"
touch offline
run 0 table
printed "$XDG_CACHE_HOME/xgrad/table/table.csv"
[ "$(times)" = 1 ] || fail "npm was called $(times) times"

# A file that was damaged is never given: without the network a message, with it a new one.
echo x >>cache/xgrad/table/table.csv
run 1 table
printed ''
expect error.log 'data/data.csv of the npm package @some/package@1.0.0'
expect error.log '--data PATH'
expect error.log 'network down'
rm offline
run 0 table
cmp package/data/data.csv cache/xgrad/table/table.csv
rm cache/xgrad/many/'file 2'
run 0 many
[ -f cache/xgrad/many/'file 2' ] || fail "the missing file was not replaced"

# Several at once: all get it, and nothing else is left.
rm -r cache
: >calls.log
for i in 1 2 3 4; do "$fetch" table >"out$i.log" 2>/dev/null & done
wait
for i in 1 2 3 4; do cmp "out$i.log" <(echo "$XDG_CACHE_HOME/xgrad/table/table.csv") || fail "the $i. got no table"; done
if command -v flock >/dev/null; then [ "$(times)" = 1 ] || fail "npm was called $(times) times"; fi
left=$(find cache/xgrad -mindepth 1 -maxdepth 1 ! -name .lock -printf '%f\n' | LC_ALL=C sort | tr '\n' ' ')
[ "$left" = 'many table ' ] || fail "left over: $left"

# One that is killed leaves no data set that is not whole.
rm -r cache
"$fetch" table >/dev/null 2>&1 &
process=$!
sleep 0.1
kill -KILL "$process"
wait "$process" 2>/dev/null || true
sleep 0.4
run 0 table
cmp package/data/data.csv cache/xgrad/table/table.csv

# Another content than the table says, and names that it does not have.
run 1 wrong
expect error.log 'another SHA-256'
[ ! -e cache/xgrad/wrong ] || fail "the wrong content was kept"
run 1 nothing
expect error.log 'table many wrong mnist fashion'
run 1
run 1 table many

# tools/demo: the names, and an unknown one. Nothing is built for either.
fetch=tree/tools/demo
run 0 --list
[ "$(wc -l <out.log)" = "$(grep -c '^[a-z]' tree/examples/programs.txt)" ] || fail "programs are missing:" out.log
expect out.log 'A table learned, saved, loaded again'
run 1 nothing
expect error.log 'no program nothing'
expect error.log iris_to_file
[ ! -e tree/build ] || fail "something was built"

# Every program has its line, complete, and its data sets are known.
cd "$SOURCE/examples"
mapfile -t there < <(ls -- *.cpp */main.cpp 2>/dev/null | sed -E 's/(\/main)?\.cpp$//')
for name in "${there[@]}"; do
  grep -qE "^$name +\| *[a-z0-9_ ]*\| +[0-9]+ (s|min) +\| .+" programs.txt || fail "programs.txt has no good line for $name"
done
for set in $(awk -F ' *[|] *' '!/^#/ { print $2 }' programs.txt); do
  [ "$set" = fashion ] || grep -q "^$set " "$SOURCE/tools/data.txt" || fail "programs.txt names the unknown data set $set"
done
echo "$checks runs, ${#there[@]} programs listed"
