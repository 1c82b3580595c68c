#!/usr/bin/env bash
# A run that is killed after any batch of its second epoch, or between epochs, and goes on in a new process, ends bitwise
# as an uninterrupted one: weights, statistics, the optimizer's state, random numbers, losses; on one and two threads, and
# whether it saved after the last batch or has batches to go through again.
set -euo pipefail
program=$BUILD/tests/resumed_run
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

runs=0
for threads in 1 2; do
  whole=$temporary/whole-$threads
  "$program" "$whole" "$threads" 1 -1 >"$temporary/out"
  batches=$(sed -n 's/ batches.*//p' "$temporary/out")
  ((batches == 8)) || { echo "expects 8 batches, got $batches"; exit 1; }
  for every in 1 3; do
    for ((stop = 0; stop <= batches; ++stop)); do
      directory=$temporary/run-$threads-$every-$stop
      status=0
      # In a shell of its own, which says nothing of the kill.
      (exec "$program" "$directory" "$threads" "$every" "$stop") >"$temporary/out" 2>&1 || status=$?
      ((status == 137)) || { echo "stop $stop: expects a killed process, got status $status:"; cat "$temporary/out"; exit 1; }
      [ ! -e "$directory/final.safetensors" ] || { echo "stop $stop: the run was not interrupted"; exit 1; }
      "$program" "$directory" "$threads" "$every" -1 >"$temporary/out"
      cmp "$whole/final.safetensors" "$directory/final.safetensors" ||
        { echo "killed after batch $stop, saved after every $every, on $threads threads: the resumed run ended otherwise"; exit 1; }
      runs=$((runs + 1))
    done
  done
done
echo "$runs interrupted runs, all bitwise as the uninterrupted one"
