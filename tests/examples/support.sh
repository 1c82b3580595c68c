#!/usr/bin/env bash
# What examples/support gives every program, on the smallest of them, with a table made here: figures and the exit
# status, options, and the file that another process loads.
set -euo pipefail
program=$BUILD/examples/iris_to_file
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
export OMP_NUM_THREADS=1 XDG_CACHE_HOME=$temporary/cache

fail() {
  echo "$1"
  shift
  [ $# = 0 ] || cat "$@"
  exit 1
}
# run STATUS ARGUMENT...: into out.log and error.log.
run() {
  local expected=$1 status=0
  shift
  "$program" "$@" >out.log 2>error.log || status=$?
  [ "$status" = "$expected" ] || fail "iris_to_file $* ends with status $status instead of $expected" out.log error.log
}
# expect FILE TEXT...: the file contains each text.
expect() {
  local file=$1 text
  shift
  for text; do grep -qF -- "$text" "$file" || fail "'$text' is missing in:" "$file"; done
}

# Flowers as far apart as the real ones, nearly, in three kinds.
{
  echo sepal_length,sepal_width,petal_length,petal_width,species
  for ((i = 0; i < 50; ++i)); do
    echo "5.$((i % 7)),3.$((i % 5)),1.$((i % 6)),0.$((i % 3)),small"
    echo "6.$((i % 7)),2.$((i % 5)),4.$((i % 6)),1.$((i % 3)),medium"
    echo "7.$((i % 7)),3.$((i % 5)),6.$((i % 6)),2.$((i % 3)),large"
  done
} >flowers.csv
# The same measures under names that have nothing to do with them.
awk -F , -v OFS=, 'NR > 1 { $5 = NR % 7 % 3 == 0 ? "small" : NR % 7 % 3 == 1 ? "medium" : "large" } { print }' flowers.csv >noise.csv

run 0 --data flowers.csv --save m.safetensors --report report.json
expect out.log 'weights written to m.safetensors' 'test accuracy 100.0 % (expected: at least 88 %)'
expect report.json '"data":"flowers.csv"' '"value":1.0' '"at_least":0.88' '"seed":1' '"epochs":40' '"interrupted":false'
run 0 --data flowers.csv --predict 6.0,2.9,3.0,0.8
grep -E '^(small|medium|large) ' out.log >first.log
# Another process needs nothing but the file, and says the same.
run 0 --load m.safetensors --predict 6.0,2.9,3.0,0.8
grep -E '^(small|medium|large) ' out.log | diff first.log - || fail "the loaded model predicts otherwise"
run 0 --load m.safetensors --predict 5.1,3.2,1.3,0.2
expect out.log 'small        100.00 %'
run 0 --load m.safetensors --predict 7.1,3.2,6.3,2.2
grep -qE '^large +(100|99)\.' out.log || fail 'the flower is not large:' out.log
run 0 --data flowers.csv --load m.safetensors
expect out.log 'test accuracy 100.0 %'
# In formats without texts the species have numbers.
run 0 --data flowers.csv --save m.npz
run 0 --load m.npz --predict 5.1,3.2,1.3,0.2
expect out.log 'species 2 '

# A figure that is not reached is said, and counts unless that is turned off; the small setting has its own.
run 1 --data noise.csv
expect out.log '(not reached: at least 88 %)'
run 0 --data noise.csv --no-check
run 0 --data flowers.csv --small
expect out.log '(expected: at least 60 %)'
# The seed decides, and nothing else but how long it took.
said() { sed -E '/wall time/d; s/ +[0-9,]+ examples.*//' out.log; }
run 0 --data flowers.csv --seed 7
said >first.log
run 0 --data flowers.csv --seed 7
said | cmp - first.log || fail "the same seed gives other results"
run 0 --data flowers.csv --seed 8
if said | cmp -s - first.log; then fail "another seed gives the same results"; fi
run 0 --data flowers.csv --seed 18446744073709551615

# Data by name: what tools/fetch keeps there.
run 1
expect error.log 'tools/fetch iris' --data "$XDG_CACHE_HOME/xgrad/iris"
run 1 --data roses
expect error.log 'there is no roses'
mkdir -p cache/xgrad/iris cache/xgrad/roses
cp flowers.csv cache/xgrad/iris/iris.csv
cp flowers.csv cache/xgrad/roses/roses.csv
run 0
run 0 --data roses

run 1 --data .
expect error.log 'Is a directory'
run 0 --help
[ "$(grep -n -- --predict out.log | cut -d : -f 1)" -lt "$(grep -n '^Every program' out.log | cut -d : -f 1)" ] ||
  fail "the program's own options do not come first:" out.log
run 1 --predict 1,2,3
expect error.log 'four numbers'
run 1 --predict 1,2,three,4
expect error.log --predict three
run 1 --data flowers.csv --predict 1,2,3,1e9
expect error.log 'from 0.01 to 100'
if [ -e /dev/full ]; then
  status=0
  "$program" --data flowers.csv >/dev/full 2>error.log || status=$?
  [ "$status" = 1 ] || fail "on a full disk it ends with status $status" error.log
fi
echo "options, figures and files are as they should be"
