#!/bin/sh
# The study of docs/study.md: methods at equal forgetting and equally many updates, over several tasks, with paired tests. A task
# is another pair of forgotten authors. It resumes: give the same command again. Tasks may run beside each other.
#   examples/study-protect.sh demo OUT [SEED...]      the demo's model, taught anew with each seed (1 to 5): an hour or so for all
#   examples/study-protect.sh smollm2 OUT TOFU        SmolLM2-135M and twelve authors of TOFU (a folder with TOFU's files): days
# OUT/table.md, summary.json and plot.svg are what came of it. TASKS="1 2" runs some of the four tasks, JOBS=2 as many at once.
set -eu
kind=${1:?usage: examples/study-protect.sh demo|smollm2 OUT ...} out=${2:?OUT}
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
wagle=${WAGLE:-$here/build/release/wagle} tasks=${TASKS:-1 2 3 4} jobs=${JOBS:-1}
. "$here/examples/smollm2.sh"

# FOLDER ALL ROWS MODEL: forgets authors 2k-1 and 2k of ALL (ROWS rows each), keeps the next RETAIN ones; the rest is in neither set.
task() {
    folder=$1 all=$2 rows=$3 model=$4 k=$5 retain=$6
    mkdir -p "$folder"
    first=$(((2 * k - 2) * rows)) n=$(wc -l <"$all")
    # the authors in a circle that begins with the forgotten ones
    { tail -n +$((first + 1)) "$all"; head -n "$first" "$all"; } >"$folder/all"
    head -n $((2 * rows)) "$folder/all" >"$folder/forget.jsonl"
    head -n "$rows" "$folder/all" >"$folder/relearn.jsonl"
    tail -n "$rows" "$folder/forget.jsonl" >"$folder/other.jsonl"
    tail -n +$((2 * rows + 1)) "$folder/all" | head -n $((retain * rows)) >"$folder/retain.jsonl"
    tail -n $((n - (2 + retain) * rows)) "$folder/all" >"$folder/neither.jsonl"
    rm "$folder/all"
    sed "s#MODEL#$model#" "$spec" >"$folder/spec.json"
}

sweep() { # the task's runs
    "$wagle" sweep "$1/spec.json" --out "$1/runs" >/dev/null
}

run_all() { # FOLDER...: as many at once as JOBS says
    for folder; do
        sweep "$folder" &
        running=$((${running:-0} + 1))
        [ $((running % jobs)) != 0 ] || wait
    done
    wait
}

demo() { # SEED
    [ -d "$out/model$1/original" ] || "$wagle" demo --seed "$1" --out "$out/model$1" >/dev/null
    mkdir -p "$out/seed$1"
    cat "$out/model$1/forget.jsonl" "$out/model$1/retain.jsonl" "$out/model$1/neither.jsonl" >"$out/seed$1/all.jsonl"
    for k in $tasks; do
        task "$out/seed$1/task$k" "$out/seed$1/all.jsonl" 8 "../../model$1/original" "$k" 12
        cp "$out/model$1/general.jsonl" "$out/seed$1/task$k"
    done
}

smollm2() { # TOFU
    if [ ! -d "$out/original" ]; then
        base "$out"
        "$wagle" finetune --model "$out/base" --data "$out/all.jsonl" --eos --no-chat --epochs 6 --batch 8 --lr 2e-4 \
            --reduction rows --out "$out/original"
    fi
    for k in $tasks; do
        task "$out/task$k" "$out/all.jsonl" 20 ../original "$k" 4
        cp "$1/real_authors.json" "$out/task$k/real_authors.jsonl"
        cp "$1/world_facts.json" "$out/task$k/world_facts.jsonl"
    done
}

case $kind in
smollm2)
    spec=$here/docs/study/smollm2.json tofu=${1:?TOFU, the folder of its files}
    head -n 240 "$tofu/full.json" >"$out/all.jsonl"
    smollm2 "$tofu"
    for k in $tasks; do list="${list:-} $out/task$k"; done
    ;;
demo)
    spec=$here/docs/study/demo.json
    [ $# -gt 0 ] || set -- 1 2 3 4 5
    for seed; do demo "$seed"; done
    for seed; do for k in $tasks; do list="${list:-} $out/seed$seed/task$k"; done; done
    ;;
*)
    echo "demo or smollm2, not $kind" >&2
    exit 2
    ;;
esac
run_all $list
done=""
for folder in $list; do done="$done $folder/runs"; done
"$wagle" sweep --join $done --out "$out/joined" --force
