#!/usr/bin/env bash
# Counts, sorts and joins the tables of a folder.
set -euo pipefail
shopt -s nullglob

folder=${1:-/workspace}
out="$folder/summary.txt"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap "rm -f $tmp/x" INT
declare -A sizes=([small]=10 [large]=100)
names=(north south "far east")
total=0

log() {
  local level=$1
  shift
  printf '%s: %s\n' "$level" "$*" >&2
}

ls | head -n 5
ls -l "$folder" 2>/dev/null | awk 'NR > 1 { sum += $5 } END { print sum / NR }'
for f in *.csv; do wc -l "$f"; done
for f in "$folder"/*.csv; do
  rows=$(($(wc -l <"$f") - 1))
  ((total += rows))
  base=$(basename "$f" .csv)
  if [[ $rows -gt ${sizes[large]} && $base != tmp_* ]]; then
    log info "large: $base (${rows})"
  elif [ "$rows" -eq 0 ]; then
    continue
  else
    log info "small: ${base^^}"
  fi
done
for ((i = 0; i < ${#names[@]}; i++)); do
  echo "${names[$i]//a/b}" "${names[i]:0:3}"
done
while IFS=, read -r region amount; do
  [[ $region =~ ^[a-z]+$ ]] || continue
  echo "$region $amount"
done < sales.csv | sort -k2 -nr | uniq -c > sorted.txt
case "${1-}" in
  -h | --help) echo "usage: summary [FOLDER]" ;;
  *.csv) cat "$1" ;;
  *) : ;;
esac
cat <<EOF
Total: $total in $(date +%F) and $((total * 2))
EOF
cat <<'EOF' > notes.md
literal $(text) and `this`
EOF
jq -r '.items[] | select(.price > 10) | .name' data.json | tr 'a-z' 'A-Z' | sed -e 's/ /_/g'
curl -s https://example.org/a.json -o a.json || echo "no network" >&2
grep -c 'x' a.json && echo yes || echo no
diff <(sort a.txt) <(sort b.txt) || true
find . -name '*.log' -mtime +7 -exec gzip {} \;
find . -name '*.txt' -print0 | xargs -0 grep -l needle
{ echo a; echo b; } | tee copy.txt
(cd "$tmp" && tar -czf archive.tgz .)
python3 script.py --n 3 "${names[@]}"
until [ -f ready ]; do sleep 1; done
echo {1..3} a{b,c}d
seq 1 10 | paste -sd+ | bc
read -r first _ <<< "one two"
echo "$first" "${first:-none}" "$?" "$#" "$@" $!
wait
