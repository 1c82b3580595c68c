#!/usr/bin/env bash
# Every path that README.md, CONTRIBUTING.md and docs/ name is there, README's layout has a line for every folder, and the
# gallery shows what was reported.
set -euo pipefail
cd "$SOURCE"

faults=0
fault() { echo "$1"; faults=$((faults + 1)); }

# In code marks: a path below a folder of the tree, perhaps a pattern or followed by arguments.
while IFS=: read -r file line path; do
  [ -e "${path%%/*}" ] || continue
  compgen -G "$path" >/dev/null || fault "$file:$line: there is no $path"
done < <(grep -noE '`[^`]+`|^    [^ ].*|docs/[a-z_]+\.md' README.md CONTRIBUTING.md docs/*.md |
  sed 's/`//g' | awk -F: '{ split($3, words, " "); for (i in words) if (words[i] ~ /^[.a-z_]+\/[A-Za-z0-9_.*\/]+$/) print $1 ":" $2 ":" words[i] }')

layout=$(sed -n '/^## Layout/,/^[A-Z]/s/^    \([a-z]*\)\/ .*/\1/p' README.md | sort)
folders=$(find . -mindepth 1 -maxdepth 1 -type d ! -name '.*' ! -name 'build*' ! -name subprojects ! -name __pycache__ -printf '%f\n' | sort)
for name in $(comm -3 <(echo "$layout") <(echo "$folders")); do fault "README.md: the layout and the tree differ by $name/"; done

[ ! -e docs/gallery.md ] || tools/gallery --check || fault "docs/gallery.md is not what the reports in docs/gallery/ come to"

((faults == 0)) && echo "every path is there"
exit $((faults > 0))
