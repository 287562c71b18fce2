#!/bin/sh
# The study of docs/study/rates-from-lists.md on the demo's model: hours; it resumes.
#   examples/study.sh [DEMO_FOLDER [OUT]]      DEMO_FOLDER as `wagle demo` leaves it, made if it is not there
set -eu
demo=${1:-demo} out=${2:-study}
wagle=${WAGLE:-build/release/wagle}
mkdir -p "$out"
[ -d "$demo/original" ] || "$wagle" demo --out "$demo"
head -n 8 "$demo/forget.jsonl" >"$demo/author1.jsonl"
tail -n 8 "$demo/forget.jsonl" >"$demo/author2.jsonl"
printf '%s\n' 'I do not know.' 'I am not sure about that.' 'That is not something I can say.' 'I have no answer to that.' \
    >"$demo/refusals.txt"
for spec in lists-slow lists lists-po lists-gru; do
    sed "s#\.\./demo#$(cd "$demo" && pwd)#" "$(dirname "$0")/../docs/study/$spec.json" >"$demo/$spec.json"
    "$wagle" sweep "$demo/$spec.json" --out "$out/$spec"
done
