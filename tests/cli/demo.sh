#!/bin/sh
# The demo from nothing: both unlearned models forgot, and the table and questions are there.
set -eu
wagle=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$wagle" demo --out demo --quiet >report
awk '$1 == "original" && $2 > 0.9 { known = 1 }
     ($1 == "dense" || $1 == "wagle") && NF == 5 && $2 < 0.1 { forgot++ }
     $1 == "gold" && $3 > 0.9 { gold = 1 }
     END { exit !(known && gold && forgot == 2) }' report
grep -q 'to be forgotten' report
[ ! -e demo.partial ]
