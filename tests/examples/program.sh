#!/usr/bin/env bash
# One program that is built on examples/support, by its name: its small setting reaches its figures, is saved, loaded
# and interrupted; its help is what examples/programs.txt says; what it cannot use is one line and status 1.
set -euo pipefail
name=$1
program=$BUILD/examples/$name
[ ! -d "$program" ] || program=$program/$name
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
# Small work on a busy machine is fastest without a team of threads.
export OMP_NUM_THREADS=1

fail() {
  echo "$1"
  shift
  [ $# = 0 ] || tail -n 40 "$@"
  exit 1
}
# expect FILE TEXT...: the file contains each text.
expect() {
  local file=$1 text
  shift
  for text; do grep -qF -- "$text" "$file" || fail "'$text' is missing in:" "$file"; done
}

column() { awk -F ' *[|] *' -v name="$name" -v n="$1" '!/^#/ && $1 == name { print $n }' "$SOURCE/examples/programs.txt"; }
data=()
for set in $(column 2); do
  place=$("$SOURCE/tools/fetch" "$set" 2>fetch.log) || {
    cat fetch.log
    echo "not run: the data set $set is not to be had"
    exit 77
  }
  [ ${#data[@]} != 0 ] || data=(--data "$place")
done
run() { "$program" "${data[@]}" --small --threads 1 "$@"; }

"$program" --help >help.log || fail "--help ends with status $?"
[ "$(head -n 1 help.log)" = "$(column 4)" ] || fail "the first line of --help is not '$(column 4)':" help.log
expect help.log "Usage: $name " --seed --threads --small --no-check --report
has() { grep -qE -- "^ +$1 " help.log; }

options=(--report report.json)
if has --out; then options+=(--out pictures); fi
if has --save; then options+=(--save model.safetensors); fi
run "${options[@]}" >run.log 2>&1 || fail "the small setting ends with status $?:" run.log
expect run.log 'wall time: '
if grep -q $'\r\|\x1b' run.log; then fail "the cursor is moved although the output is no terminal" run.log; fi
expect report.json "\"name\":\"$name\"" '"reached":true' '"small":true'
[ "$(wc -l <report.json)" = 1 ] || fail "the report is not one line:" report.json
# Pictures that the report names are there.
for picture in $(sed 's/.*"pictures":\[\(.*\)\].*/\1/; s/[",]/ /g' report.json); do
  [ -s "$picture" ] || fail "there is no picture $picture"
done
if has --load; then
  run --load model.safetensors >loaded.log 2>&1 || fail "--load ends with status $?:" loaded.log
  expect loaded.log 'weights of model.safetensors'
fi

# An interrupt ends the training, not the program.
if has --epochs; then
  # No function: the signal is for the program, not for a shell around it.
  "$program" "${data[@]}" --small --threads 1 --epochs 1000000000 >cut.log 2>&1 &
  process=$!
  for ((i = 0; i < 100; ++i)); do
    if [ -s cut.log ]; then break; fi
    sleep 0.05
  done
  sleep 0.2
  if kill -INT "$process" 2>/dev/null; then
    for ((i = 0; i < 600; ++i)); do
      kill -0 "$process" 2>/dev/null || break
      sleep 0.05
    done
    if kill -KILL "$process" 2>/dev/null; then fail "it goes on after an interrupt:" cut.log; fi
    status=0
    wait "$process" || status=$?
    [ "$status" = 130 ] || fail "interrupted, it ends with status $status instead of 130:" cut.log
    expect cut.log '; interrupted'
  fi
fi

# reject TEXT ARGUMENT...: status 1 and one line on standard error, which contains the text.
reject() {
  local text=$1 status=0
  shift
  "$program" --small "$@" >out.log 2>error.log || status=$?
  [ "$status" = 1 ] || fail "$name $* ends with status $status instead of 1" error.log
  [ "$(wc -l <error.log)" = 1 ] || fail "$name $* should print one line:" error.log
  expect error.log "$name: " "$text"
}
reject --unknown --unknown
reject --seed --seed=-1
reject --threads --threads 0
reject nowhere --report nowhere/report.json
if has --data; then reject 'there is no' --data nowhere/data; fi
if has --epochs; then reject --epochs --epochs 0; fi
if has --save; then
  reject .safetensors --save weights.bin
  reject 'one tensor' --save weights.npy
  reject nothing.pt "${data[@]}" --load nothing.pt
fi
echo "$name: $(tail -n 1 run.log)"
