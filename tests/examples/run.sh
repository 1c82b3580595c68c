#!/usr/bin/env bash
# Every example program runs and passes its own checks; the MNIST program also on a directory made here, with its help
# and its errors.
set -euo pipefail
examples=$BUILD/examples
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
# Small work on a busy machine is fastest without a team of threads.
export OMP_NUM_THREADS=1

fail() {
  echo "$1"
  shift
  [ $# = 0 ] || cat "$@"
  exit 1
}
# expect FILE TEXT...: the file contains each text.
expect() {
  local file=$1 text
  shift
  for text; do grep -qF -- "$text" "$file" || fail "'$text' is missing in:" "$file"; done
}

mapfile -t programs < <(sed -n "/^single_file_examples/,/^]/s/^ *'\(.*\)',$/\1/p" "$SOURCE/examples/meson.build")
((${#programs[@]} > 0)) || fail "examples/meson.build lists no program"
for program in "${programs[@]}"; do
  "$examples/$program" >"$program.log" 2>&1 || fail "$program ends with status $?" "$program.log"
  [ -s "$program.log" ] || fail "$program prints nothing"
done
expect driving_test.log '4.74 %' '95.22 %'
expect custom_function.log 'second order: passed'
expect graph.dot hidden.weight draw_graph.cpp
if command -v dot >/dev/null; then expect graph.svg '</svg>'; fi

# big_endian NUMBER: four bytes.
big_endian() { printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 >> 24)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)))"; }
# write_images PART COUNT: images that are blank but for rows of white as given by their label, 0 to 9 in turn.
write_images() {
  local i black white
  black=$(printf '\\000%.0s' {1..28})
  white=$(printf '\\377%.0s' {1..28})
  {
    printf '\0\0\10\3'
    big_endian "$2"
    big_endian 28
    big_endian 28
    for ((i = 0; i < $2; ++i)); do
      for ((row = 0; row < 28; ++row)); do
        if ((row / 2 == i % 10)); then printf "$white"; else printf "$black"; fi
      done
    done
  } >"tiny/$1-images-idx3-ubyte"
  {
    printf '\0\0\10\1'
    big_endian "$2"
    for ((i = 0; i < $2; ++i)); do printf "\\x0$((i % 10))"; done
  } >"tiny/$1-labels-idx1-ubyte"
}
mkdir tiny
write_images train 120
write_images t10k 20

mnist=$examples/mnist
"$mnist" --data tiny --epochs 1 --batch 8 --hidden 32,16 --threads 1 --no-check >mnist.log 2>&1 ||
  fail "mnist ends with status $?" mnist.log
expect mnist.log '110 training, 10 validation and 20 test images' '1/1' 'wall time'
grep -qE '^test accuracy [0-9]+\.[0-9]{2} % \(' mnist.log || fail "mnist does not end with its accuracy:" mnist.log
if grep -q $'\r\|\x1b' mnist.log; then fail "mnist moves the cursor although its output is no terminal"; fi
if command -v gnuplot >/dev/null; then expect mnist.svg '<svg ' 'Accuracy' 'validation' '</svg>'; fi

# The easy images are learned, and by every optimizer.
for optimizer in adam adamw rmsprop adagrad sgd; do
  "$mnist" --data tiny --epochs 20 --patience 20 --batch 8 --hidden 32 --threads 1 --optimizer "$optimizer" \
    >mnist.log 2>&1 || fail "mnist --optimizer $optimizer ends with status $?" mnist.log
  expect mnist.log 'test accuracy 100.00 %'
done

# An interrupt ends training, not the report.
"$mnist" --data tiny --epochs 10000 --patience 10000 --threads 1 >mnist.log 2>&1 &
process=$!
for ((i = 0; i < 100; ++i)); do
  if grep -q '1/10000' mnist.log; then break; fi
  sleep 0.1
done
kill -INT "$process"
status=0
wait "$process" || status=$?
[ "$status" = 130 ] || fail "an interrupted mnist ends with status $status instead of 130" mnist.log
expect mnist.log interrupted 'test accuracy '

# Weights are saved, for every format, and tested again.
for extension in safetensors npz pt; do
  "$mnist" --data tiny --epochs 2 --batch 8 --hidden 32 --threads 1 --no-check --save weights.$extension >mnist.log 2>&1 ||
    { grep -q libzip mnist.log && continue; fail "mnist --save ends with status $?" mnist.log; }
  "$mnist" --data tiny --hidden 32 --threads 1 --no-check --load weights.$extension >loaded.log 2>&1 ||
    fail "mnist --load fails" loaded.log
  [ "$(tail -n 1 mnist.log)" = "$(tail -n 1 loaded.log)" ] || fail "the loaded weights do otherwise:" mnist.log loaded.log
done

# A run that is killed at any moment, or interrupted, goes on to the same end.
learn() {
  "$mnist" --data tiny --epochs 60 --patience 60 --batch 8 --hidden 64 --threads 1 --no-check "$@"
}
learn --save whole.safetensors >mnist.log 2>&1 || fail "mnist ends with status $?" mnist.log
for signal in KILL KILL INT; do
  (learn --resume run --interval 0.01 --save part.safetensors >part.log 2>&1) &
  process=$!
  for ((i = 0; i < 200; ++i)); do
    if ls run/step-* >/dev/null 2>&1; then break; fi
    sleep 0.02
  done
  sleep 0.05
  pkill -"$signal" -P "$process" mnist || true
  wait "$process" 2>/dev/null || true
done
learn --resume run --save resumed.safetensors >mnist.log 2>&1 || fail "the resumed mnist ends with status $?" mnist.log
expect mnist.log 'going on from run/step-'
cmp whole.safetensors resumed.safetensors || fail "the resumed run ended otherwise" mnist.log

# reject TEXT ARGUMENT...: status 1 and one line on standard error, which contains the text.
reject() {
  local text=$1 status=0
  shift
  "$mnist" "$@" >out.log 2>error.log || status=$?
  [ "$status" = 1 ] || fail "mnist $* ends with status $status instead of 1" error.log
  [ "$(wc -l <error.log)" = 1 ] || fail "mnist $* should print one line:" error.log
  expect error.log "$text"
}
reject '--rate 0.004' --data tiny --epochs 60 --batch 8 --hidden 64 --resume run --rate 0.1
mkdir partly
cp tiny/train-* partly
reject t10k-images --data partly
cp tiny/t10k-* partly
head -c 1000 tiny/train-images-idx3-ubyte >partly/train-images-idx3-ubyte
reject train-images --data partly
reject --hidden --hidden 32,none
reject --rate --rate=-1
reject --optimizer --optimizer magic
reject excludes --load a --resume b

echo "$((${#programs[@]} + 1)) programs run"
