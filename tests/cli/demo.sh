#!/bin/sh
# Runs the demo from scratch: the three methods forget equally at similar cost, and the table, the
# questions, the results and the page exist.
set -eu
wagle=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$wagle" demo --out demo --quiet >report
# a line of the table: name, four probabilities, updates
awk 'NF != 6 || $2 !~ /^[01]\.[0-9]+$/ { next }
     $1 == "original" && $2 > 0.9 && $6 == "-" { known = 1 }
     ($1 == "dense" || $1 == "wagle" || $1 == "protect") && $2 > 0.09 && $2 <= 0.1 && $6 >= 45 && $6 <= 90 { forgot++ }
     $1 == "gold" && $3 > 0.9 && $6 == "-" { gold = 1 }
     END { exit !(known && gold && forgot == 3) }' report
for model in original dense wagle protect gold; do
    grep -q "^$model  *[a-z]" report # a sentence says what it is
    [ -s "demo/eval/$model.json" ]
    [ -s "demo/eval/$model-robustness.json" ]
    grep -q "$model" demo/plot.svg
done
grep -q '"protect"' demo/protect/manifest.json
[ "$(grep -c '"protect"' demo/wagle/manifest.json)" = 0 ]
grep -q 'to be forgotten' report
[ ! -e demo.partial ]
