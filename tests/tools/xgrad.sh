#!/usr/bin/env bash
# The command xgrad as a user runs it: what it prints, its exit status and its errors, on files made here.
set -euo pipefail
xgrad=$BUILD/tools/xgrad/xgrad
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
# Bytes are counted, not characters; no team of threads for small work.
export LC_ALL=C OMP_NUM_THREADS=1

fail() {
  echo "$1"
  shift
  [ $# = 0 ] || cat "$@"
  exit 1
}
checks=0
# run STATUS ARGUMENT...: runs the command into out.log and error.log.
run() {
  local expected=$1 status=0
  shift
  "$xgrad" "$@" >out.log 2>error.log </dev/null || status=$?
  checks=$((checks + 1))
  [ "$status" = "$expected" ] || fail "xgrad $* ends with status $status instead of $expected" out.log error.log
  if grep -q $'[\x01-\x09\x0b-\x1f\x7f]' out.log error.log; then fail "xgrad $* prints control characters" out.log error.log; fi
}
# printed: standard output is the text on standard input, line by line, and standard error is empty.
printed() {
  cat >expected.log
  diff expected.log out.log >difference.log || fail "not what is expected (<):" difference.log
  [ ! -s error.log ] || fail "nothing is to be said, but:" error.log
}
# has FILE TEXT...: the file contains each text.
has() {
  local file=$1 text
  shift
  for text; do grep -qF -- "$text" "$file" || fail "'$text' is missing in:" "$file"; done
}
# rejected TEXT ARGUMENT...: status 2, nothing on standard output, one line on standard error with the text.
rejected() {
  local text=$1
  shift
  run 2 "$@"
  [ ! -s out.log ] || fail "xgrad $* prints in spite of its error" out.log
  [ "$(wc -l <error.log)" = 1 ] || fail "xgrad $* should print one line:" error.log
  grep -q '^xgrad: ' error.log || fail "who says so?" error.log
  has error.log "$text"
}
# json: out.log is one line of JSON.
json() {
  [ "$(wc -l <out.log)" = 1 ] || fail "not one line:" out.log
  ! command -v python3 >/dev/null || python3 -c 'import json, sys
json.load(sys.stdin, parse_constant=sys.exit)' <out.log >valid.log 2>&1 || fail "not JSON:" out.log valid.log
}

# little_endian NUMBER: eight bytes, as printf writes them.
little_endian() {
  local i
  for ((i = 0; i < 64; i += 8)); do printf '\\x%02x' $(($1 >> i & 255)); done
}
# write FILE HEADER [ELEMENTS]: a safetensors file; the elements in printf's escapes.
write() { printf "$(little_endian ${#2})%s${3-}" "$2" >"$1"; }
# repeat COUNT TEXT
repeat() { printf "%0$1d" 0 | sed "s/0/$(sed 's/\\/\\\\/g' <<<"$2")/g"; }

# Elements.
half='\0\0\0\x3f' one='\0\0\x80\x3f' two='\0\0\0\x40' minus_one='\0\0\x80\xbf' nan='\0\0\xc0\x7f' inf='\0\0\x80\x7f'
minus_zero='\0\0\0\x80' zero='\0\0\0\0' int_max='\xff\xff\xff\xff\xff\xff\xff\x7f' int_min='\0\0\0\0\0\0\0\x80'

# ---------------------------------------------------------------------------------------------------------------- show

write a.safetensors '{"__metadata__":{"author":"me","format":"pt"},
"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"fc.bias":{"dtype":"F16","shape":[2],"data_offsets":[24,28]},
"steps":{"dtype":"I64","shape":[2],"data_offsets":[28,44]},"mask":{"dtype":"BOOL","shape":[4],"data_offsets":[44,48]},
"image":{"dtype":"U8","shape":[3],"data_offsets":[48,51]},"none":{"dtype":"F32","shape":[0,3],"data_offsets":[51,51]},
"inf":{"dtype":"F32","shape":[2],"data_offsets":[51,59]},"nan":{"dtype":"F32","shape":[],"data_offsets":[59,63]}}' \
  "$half$minus_one$two$one$nan$two\0\x3e\0\xc0$int_max$int_min\1\0\1\1\0\xff\3$inf$one$nan"

run 0 show a.safetensors
printed <<'END'
a.safetensors: safetensors, axes in PyTorch's order

name       dtype              shape                    min                  max   mean  NaN
fc.weight  float32            (2, 3)                    -1                    2    0.9    1
fc.bias    float32 (float16)  (2,)                      -2                  1.5  -0.25    -
steps      int64              (2,)    -9223372036854775808  9223372036854775807   -0.5    -
mask       boolean            (4,)                   false                 true   0.75    -
image      uint8              (3,)                       0                  255     86    -
none       float32            (0, 3)                     -                    -      -    -
inf        float32            (2,)                       1                  inf    inf    -
nan        float32            ()                         -                    -      -    1

metadata
author    me
format    pt

8 tensors, 20 elements, 67 bytes
END

run 0 show --no-stats a.safetensors
has out.log 'fc.bias    float32 (float16)  (2,)' '8 tensors, 20 elements, 67 bytes'
if grep -q mean out.log; then fail "there is a mean without statistics" out.log; fi

run 0 show --json a.safetensors
printed <<'END'
{"file":"a.safetensors","format":"safetensors","layout":"pytorch","metadata":{"author":"me","format":"pt"},"tensors":[{"name":"fc.weight","dtype":"float32","stored":"float32","shape":[2,3],"elements":6,"bytes":24,"min":-1.0,"max":2.0,"mean":0.9,"nan":1},{"name":"fc.bias","dtype":"float32","stored":"float16","shape":[2],"elements":2,"bytes":8,"min":-2.0,"max":1.5,"mean":-0.25,"nan":0},{"name":"steps","dtype":"int64","stored":"int64","shape":[2],"elements":2,"bytes":16,"min":-9223372036854775808,"max":9223372036854775807,"mean":-0.5,"nan":0},{"name":"mask","dtype":"boolean","stored":"boolean","shape":[4],"elements":4,"bytes":4,"min":false,"max":true,"mean":0.75,"nan":0},{"name":"image","dtype":"uint8","stored":"uint8","shape":[3],"elements":3,"bytes":3,"min":0,"max":255,"mean":86.0,"nan":0},{"name":"none","dtype":"float32","stored":"float32","shape":[0,3],"elements":0,"bytes":0,"min":null,"max":null,"mean":null,"nan":0},{"name":"inf","dtype":"float32","stored":"float32","shape":[2],"elements":2,"bytes":8,"min":1.0,"max":"Infinity","mean":"Infinity","nan":0},{"name":"nan","dtype":"float32","stored":"float32","shape":[],"elements":1,"bytes":4,"min":null,"max":null,"mean":null,"nan":1}],"elements":20,"bytes":67}
END
json
run 0 show --no-stats --json a.safetensors
json
has out.log '"stored":"float16","shape":[2],"elements":2,"bytes":8}'

write empty.safetensors '{}'
run 0 show empty.safetensors
printed <<'END'
empty.safetensors: safetensors

0 tensors, 0 elements, 0 bytes
END
run 0 show --json empty.safetensors
json

# Statistics over many blocks of elements, and where sums would overflow or drown what is small.
statistics() { # DTYPE COUNT BYTES ELEMENTS EXPECTED
  write statistics.safetensors '{"x":{"dtype":"'"$1"'","shape":['"$2"'],"data_offsets":[0,'"$3"']}}' "$4"
  run 0 show --json statistics.safetensors
  has out.log "$5"
}
statistics F32 10003 40012 "$(repeat 5000 "$half")$nan$(repeat 5000 "$half")$nan$minus_one" '"min":-1.0,"max":0.5,"mean":0.4998500149985001,"nan":2'
statistics F32 10000 40000 "\0\0\x80\x4b$(repeat 9999 "$one")" '"min":1.0,"max":16777216.0,"mean":1678.7215,"nan":0'
statistics F32 10000 40000 "$(repeat 9999 "$half")$inf" '"min":0.5,"max":"Infinity","mean":"Infinity","nan":0'
statistics F32 4100 16400 "$inf$(repeat 4098 "$half")\0\0\x80\xff" '"min":"-Infinity","max":"Infinity","mean":"NaN","nan":0'
statistics F32 3 12 "$nan$nan$nan" '"min":null,"max":null,"mean":null,"nan":3'
# 1e308, and 2^53, 1 and -2^53 in blocks apart.
statistics F64 4 32 "$(repeat 3 '\xa0\xc8\xeb\x85\xf3\xcc\xe1\x7f')\xa0\xc8\xeb\x85\xf3\xcc\xe1\xff" '"min":-1e+308,"max":1e+308,"mean":5e+307,"nan":0'
statistics F64 8196 65568 "\0\0\0\0\0\0\x40\x43$(repeat 4095 '\0\0\0\0\0\0\0\0')\0\0\0\0\0\0\xf0\x3f$(repeat 4098 '\0\0\0\0\0\0\0\0')\0\0\0\0\0\0\x40\xc3" \
  '"mean":0.00012201073694485115,'
statistics I64 10000 80000 "$(repeat 10000 "$int_max")" '"min":9223372036854775807,"max":9223372036854775807,"mean":9.223372036854776e+18'
statistics I64 8192 65536 "$(repeat 4096 "$int_max$int_min")" '"min":-9223372036854775808,"max":9223372036854775807,"mean":-0.5'
statistics U8 5000 5000 "\0$(repeat 4999 '\xff')" '"min":0,"max":255,"mean":254.949,'

# ------------------------------------------------------------------------------------------------------- hostile names

write hostile.safetensors '{"__metadata__":{"k\u001b[2J":"v\u009b31m'"$(repeat 500 é)"'"},
"n\u001b]0;title\u0007\n\u202e\\é":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' "$one"
run 0 show hostile.safetensors
has out.log 'n\x1b]0;title\x07\n\u202e\\é  float32' 'k\x1b[2J  v\u009b31mé' 'é... (1,006 bytes; --json has them all)'
run 0 show --json hostile.safetensors
json
has out.log '"n\u001b]0;title\u0007\n'
run 1 diff hostile.safetensors a.safetensors
has out.log 'only in A: n\x1b]0;title\x07\n\u202e\\é  float32 (1,)'
write hostile2.safetensors '{"n\u001b[2J":{"dtype":"\u001b[31m","shape":[1],"data_offsets":[0,4]}}' "$one"
rejected 'n\x1b[2J' show hostile2.safetensors
cp hostile.safetensors $'esc\x1b[31m.safetensors'
run 0 show $'esc\x1b[31m.safetensors'
has out.log 'esc\x1b[31m.safetensors: safetensors'
rejected 'no\x1b[31m\nfile' show $'no\x1b[31m\nfile'
cp a.safetensors $'\xff.safetensors'
run 0 show --json $'\xff.safetensors'
json
run 0 show $'\xff.safetensors'
has out.log '\xff.safetensors: '

# ------------------------------------------------------------------------------------------------------------- convert

run 0 convert a.safetensors b.safetensors
[ ! -s out.log ] || fail "convert prints" out.log
[ "$(cat error.log)" = 'xgrad: note: 1 tensor of float16 became float32' ] || fail "another note is expected:" error.log
run 0 diff a.safetensors b.safetensors
printed <<<'8 tensors, all equal'
run 0 show --no-stats b.safetensors
has out.log 'author    me' "axes in PyTorch's order" 'fc.bias    float32  (2,)'
# Onto itself, and through a directory that is not there.
cp b.safetensors same.safetensors
run 0 convert same.safetensors same.safetensors
printed </dev/null
cmp b.safetensors same.safetensors
cp a.safetensors kept.safetensors
rejected 'nowhere/b.safetensors: No such file or directory' convert a.safetensors nowhere/b.safetensors
rejected 'cannot read: missing: No such file or directory' convert missing kept.safetensors
cmp a.safetensors kept.safetensors
for name in b.txt b safetensors .npz/b b.npz.; do rejected 'ends in .safetensors, .npz, .npy, .pt or .pth' convert a.safetensors "$name"; done
rejected 'an npy file holds one tensor, a.safetensors has 8 (an .npz holds several)' convert a.safetensors b.npy
write ours.safetensors '{"__metadata__":{"format":"xgrad"},"w":{"dtype":"F32","shape":[1,1,2,1],"data_offsets":[0,8]}}' "$one$two"
for name in ours.pt ours.pth; do rejected 'nn::to_torch(model)' convert ours.safetensors $name; done
[ ! -e ours.pt ] || fail "a file of PyTorch's was written in another order"

# Every format and back. npz and PyTorch's files need libzip, which may have been left out.
same() { # FROM TO NOTE...: converts; the tensors are the same, and the notes are these
  local from=$1 to=$2
  shift 2
  run 0 convert $from $to
  printf 'xgrad: note: %s\n' "$@" | sed '/: $/d' | diff - error.log >difference.log || fail "other notes than expected (<):" difference.log
  run 0 diff $from $to
}
write float.safetensors '{"w":{"dtype":"F32","shape":[1,1,2],"data_offsets":[0,8]}}' "$one$nan"
run 0 convert float.safetensors float.npy
[ ! -s error.log ] || fail "nothing is lost, but:" error.log
run 0 show --no-stats float.npy
has out.log 'float.npy: npy' 'arr_0  float32  (1, 1, 2)'
run 0 convert float.npy float2.safetensors
run 0 show float2.safetensors
has out.log 'arr_0  float32  (1, 1, 2)    1    1     1    1'
if ! "$xgrad" convert float.safetensors float.npz 2>error.log; then
  has error.log libzip
else
  same b.safetensors b.npz 'an npz file keeps no metadata: author dropped'
  run 0 show --no-stats b.npz
  has out.log "b.npz: npz, axes in PyTorch's order"
  same ours.safetensors ours.npz ''
  run 2 convert ours.npz ours2.pt
  has error.log "ours.npz has its axes in xgrad's order" 'nn::to_torch(model)'
  same b.safetensors b.pt "a file of PyTorch's keeps no metadata: author dropped"
  run 0 show --no-stats b.pt
  has out.log "b.pt: pytorch, axes in PyTorch's order" 'fc.bias    float32  (2,)'
  same b.pt back.safetensors ''
  run 0 show --no-stats back.safetensors
  has out.log 'format    pt' "axes in PyTorch's order"
  run 2 convert float.npz float.pth
  has error.log 'float.npz does not say whose order its axes have' '(--layout pytorch says so)'
  run 0 convert --layout pytorch float.npz float.pth
  run 0 diff float.npz float.pth
  run 2 convert --layout xgrad b.npz c.npz
  has error.log "b.npz says that its axes are in PyTorch's order"
  run 2 convert --layout tensorflow float.npz c.npz
  same b.npz b2.pt ''
  run 1 diff b.pt ours.safetensors
  has out.log "axes: in PyTorch's order in A, in xgrad's in B"
fi
[ -z "$(find . -name '*tmp*')" ] || fail "a temporary is left: $(find . -name '*tmp*')"

# ---------------------------------------------------------------------------------------------------------------- diff

pair() { # DTYPES SHAPES BYTES OF_A OF_B: a.st and b.st with a tensor x each
  write a.st '{"x":{"dtype":"'"${1%:*}"'","shape":['"${2%:*}"'],"data_offsets":[0,'"${3%:*}"']}}' "$4"
  write b.st '{"x":{"dtype":"'"${1#*:}"'","shape":['"${2#*:}"'],"data_offsets":[0,'"${3#*:}"']}}' "$5"
}
pair F32 2,3 24 "$one$nan$inf$minus_zero$two$half" "$one\1\0\xc0\xff$inf$zero$two$half"
run 0 diff a.st b.st # one NaN is another
printed <<<'1 tensor, all equal'
pair F32 2,3 24 "$one$nan$two$one$two$half" "$one$nan$one$one$inf$two"
run 1 diff a.st b.st
printed <<'END'
name  differ  greatest  at      A    B  relative  at
x     3 of 6       inf  (1, 1)  2  inf       inf  (1, 1)

1 tensor differs, 0 are equal, 0 only in A, 0 only in B
END
run 1 diff --json a.st b.st
printed <<'END'
{"a":"a.st","b":"b.st","tolerance":0.0,"equal":false,"layouts":null,"only_in_a":[],"only_in_b":[],"tensors":[{"name":"x","equal":false,"dtype":{"a":"float32","b":"float32"},"shape":{"a":[2,3],"b":[2,3]},"differing":3,"absolute":{"difference":"Infinity","index":[1,1],"a":2.0,"b":"Infinity"},"relative":{"difference":"Infinity","index":[1,1],"a":2.0,"b":"Infinity"}}]}
END
json
pair F32 3 12 "$nan$half$one" "$one$minus_one$two"
run 1 diff a.st b.st
has out.log 'x     3 of 3       inf  (0,)  nan  1       inf  (0,)'
pair F32 3 12 "$two$half$one" "$two$one$half"
run 1 diff a.st b.st # the first in order among equals
has out.log 'x     2 of 3       0.5  (1,)  0.5  1       0.5  (1,)'
pair F32 2 8 "$half$two" "$one\0\0\x40\x40" # the greatest relative one elsewhere: 1/3 and 1/2
run 1 diff a.st b.st
has out.log 'x     2 of 2         1  (1,)  2  3       0.5  (0,)'
# As many digits as tell two numbers apart.
pair F32 1 4 "$one" '\1\0\x80\x3f'
run 1 diff a.st b.st
has out.log '1  1.0000001'

# Within a tolerance, absolute below 1 and relative above.
pair F32 2 8 "$half\0\0\x80\x4b" "$half\2\0\x80\x4b" # 2^24 and 2^24 + 4
for tolerance in 0 1e-9 2e-7; do run 1 diff --tolerance $tolerance a.st b.st; done
run 0 diff --tolerance 3e-7 a.st b.st
printed <<<'1 tensor, all equal within 3e-07'
run 0 diff --json --tolerance 3e-7 a.st b.st
json
has out.log '"tolerance":3e-07,"equal":true,' '"differing":0,"absolute":{"difference":4.0,"index":[1]'
pair F32 1 4 "$zero" "$half"
run 1 diff --tolerance=0.49 a.st b.st
run 0 diff --tolerance=0.5 a.st b.st
pair F32 1 4 "$inf" "$half"
run 1 diff --tolerance=0.99 a.st b.st
pair F32 1 4 "$nan" "$half"
run 1 diff --tolerance=0.99 a.st b.st

# Integers are compared as such, also with reals: 2^53 + 1 is not 2^53, nor -1 the real next to it.
pair I64 1 8 '\1\0\0\0\0\0\x20\0' '\0\0\0\0\0\0\x20\0'
run 1 diff a.st b.st
has out.log '1 of 1         1  (0,)  9007199254740993  9007199254740992'
pair I64:F64 1 8 '\1\0\0\0\0\0\x20\0' '\0\0\0\0\0\0\x40\x43'
run 1 diff a.st b.st
has out.log 'x: dtype int64 in A, float64 in B' '1 of 1         1  (0,)  9007199254740993  9.0072e+15'
pair F64:I64 1 8 '\1\0\0\0\0\0\xf0\xbf' '\xff\xff\xff\xff\xff\xff\xff\xff'
run 1 diff a.st b.st
has out.log 'x     1 of 1  2.22045e-16'
pair I64 1 8 "$int_max" "$int_min"
run 1 diff a.st b.st
has out.log '1 of 1  1.84467e+19'
# Of another type, and the same numbers: types as they are read count.
pair I64:F64 1 8 '\1\0\0\0\0\0\0\0' '\0\0\0\0\0\0\xf0\x3f'
run 1 diff --tolerance 0.5 a.st b.st
printed <<'END'
x: dtype int64 in A, float64 in B

1 tensor differs, 0 are equal within 0.5, 0 only in A, 0 only in B
END
run 1 diff --json a.st b.st
json
has out.log '"equal":false,"dtype":{"a":"int64","b":"float64"}' '"differing":0,"absolute":null,"relative":null'
pair BOOL:U8 2 2 '\1\0' '\1\1'
run 1 diff a.st b.st
has out.log 'x     1 of 2         1  (1,)  false  1         1  (1,)'
pair F32 2:2,1 8 "$one$two" "$one$two"
run 1 diff a.st b.st
printed <<'END'
x: shape (2,) in A, (2, 1) in B

1 tensor differs, 0 are equal, 0 only in A, 0 only in B
END
run 1 diff --json a.st b.st
json
has out.log '"shape":{"a":[2],"b":[2,1]},"differing":null,"absolute":null,"relative":null'
# A difference behind many blocks.
pair F32 10000 40000 "$(repeat 10000 "$one")" "$(repeat 9999 "$one")$two"
run 1 diff a.st b.st
has out.log '1 of 10,000         1  (9999,)  1  2'

write other.safetensors '{"__metadata__":{"format":"xgrad"},"steps":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},
"new":{"dtype":"F32","shape":[0],"data_offsets":[16,16]}}' "$int_max$int_min"
run 1 diff a.safetensors other.safetensors
has out.log 'only in A: fc.bias  float32 (2,)' 'only in B: new  float32 (0,)' "axes: in PyTorch's order in A, in xgrad's in B" \
  '0 tensors differ, 1 is equal, 7 only in A, 1 only in B'
run 1 diff --json a.safetensors other.safetensors
json
has out.log '"layouts":{"a":"pytorch","b":"xgrad"},"only_in_a":["fc.weight","fc.bias","mask","image","none","inf","nan"],"only_in_b":["new"]'
run 0 diff empty.safetensors empty.safetensors
# The same numbers along other axes.
write theirs.safetensors '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1,1,2,1],"data_offsets":[0,8]}}' "$one$two"
run 1 diff ours.safetensors theirs.safetensors
printed <<'END'
axes: in xgrad's order in A, in PyTorch's in B

0 tensors differ, 1 is equal, 0 only in A, 0 only in B
END

# -------------------------------------------------------------------------------------------------------------- errors

for arguments in "show" "diff a.st" "convert a.st"; do rejected 'is required (see xgrad ' $arguments; done
rejected 'expects a command: show, convert or diff (see xgrad --help)'
rejected "there is no command 'list'; commands are show, convert and diff" list a.safetensors
rejected "there is no command ''" ''
rejected "there is no option '--list'" --list
rejected "there is no option '--all'" show --all a.safetensors
rejected "there is no option '-a'; a file of that name goes behind --" show -a
rejected "'b.st' is one argument too many (see xgrad show --help)" show a.st b.st
for tolerance in 1 -1 nan inf 1e-3x ''; do rejected '--tolerance: ' diff --tolerance "$tolerance" a.st b.st; done
rejected '--tolerance' diff a.st b.st --tolerance
cp a.safetensors ./-a
run 0 show --no-stats -- -a
cp a.safetensors diff # a file with the name of a command
run 0 diff diff a.safetensors

rejected 'cannot read: missing: No such file or directory' show missing
rejected 'cannot read: missing: No such file or directory' diff a.safetensors missing
rejected 'Is a directory' show .
head -c -1 a.safetensors >cut.safetensors
for command in "show cut.safetensors" "diff a.safetensors cut.safetensors" "convert cut.safetensors new.safetensors"; do
  rejected 'cut.safetensors: ' $command
done
[ ! -e new.safetensors ] || fail "a damaged file was converted"
: >nothing
rejected 'nothing: the file is empty' show nothing
write bad.safetensors '{"x":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}' '\1\2'
rejected 'bad.safetensors: ' show bad.safetensors
run 0 show --no-stats bad.safetensors

for arguments in --help -h "show --help" "convert -h" "diff --help"; do
  run 0 $arguments
  has out.log 'Usage: xgrad ' 'Exit status: 0 when '
  [ ! -s error.log ] || fail "help is no error" error.log
  awk 'length > 120 { exit 1 }' out.log || fail "long lines of help:" out.log
done
run 0 --version
printed <<<"xgrad $(sed -n 's/^#define XGRAD_VERSION_M[A-Z]* //p;s/^#define XGRAD_VERSION_PATCH //p' "$SOURCE/tensor/version.hpp" | paste -sd.)"

# ----------------------------------------------------------------------------------------------------- standard output

# unwritten REASON COMMAND: status 2 and the reason.
unwritten() {
  local status=0
  bash -c "$2" 2>error.log || status=$?
  [ "$status" = 2 ] || fail "$2 ends with status $status instead of 2" error.log
  has error.log "xgrad: standard output: $1"
}
export xgrad
for arguments in "show a.safetensors" "show --json a.safetensors" "diff a.safetensors other.safetensors" "diff a.st a.st" --help --version; do
  unwritten 'Bad file descriptor' "\"\$xgrad\" $arguments >&-"
  [ ! -e /dev/full ] || unwritten 'No space left on device' "\"\$xgrad\" $arguments >/dev/full"
done
# Nothing but tensors gets into a file that is written while standard streams are closed.
"$xgrad" convert a.safetensors closed.safetensors <&- >&- 2>&-
cmp b.safetensors closed.safetensors

# Nobody reads on: no complaint, whether or not the signal is ignored. More than a pipe holds.
key=$(repeat 200 k)
write many.safetensors "{\"__metadata__\":{$(for ((i = 0; i < 1000; ++i)); do printf '"%s%d":"",' "$key" $i; done)\"z\":\"\"}}"
for ignored in '' 'trap "" PIPE;'; do
  bash -c "$ignored"' "$xgrad" show many.safetensors | head -n 1' >out.log 2>error.log
  printed <<<'many.safetensors: safetensors'
done

# Tensors are read one after another: of sixteen that take 32 MB each, no more than two, or two pairs, are in memory.
if command -v python3 >/dev/null; then
  offsets='' size=$((32 << 20))
  for i in {0..15}; do offsets+=",\"t$i\":{\"dtype\":\"U8\",\"shape\":[$size],\"data_offsets\":[$((i * size)),$((i * size + size))]}"; done
  write large.safetensors "{${offsets:1}}"
  truncate -s $(($(stat -c %s large.safetensors) + 16 * size)) large.safetensors
  # peak MOST ARGUMENT...: the command takes at most so many kB.
  peak() {
    python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
sys.exit(f"{sys.argv[2:]} takes {peak} kB" if peak > int(sys.argv[1]) else 0)' "$1" "$xgrad" "${@:2}" || exit 1
  }
  program=60000
  peak $program show --no-stats large.safetensors
  peak $((program + 2 * size / 1024)) show large.safetensors
  peak $((program + 4 * size / 1024)) diff large.safetensors large.safetensors
fi

echo "$checks runs"
