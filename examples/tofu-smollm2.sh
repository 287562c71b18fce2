#!/bin/sh
# SmolLM2-135M learns two authors of TOFU (and eight others), then forgets the two.
#   examples/tofu-smollm2.sh [--short] TOFU_FOLDER GGUF [WORK_FOLDER]
# TOFU_FOLDER holds forget01.json and retain99.json; GGUF is SmolLM2-135M-Instruct (any
# quantisation). --short: a few steps of everything, to see that it runs. Without it: hours.
set -eu
learn="--epochs 12" forget="--epochs 10 --stop-when forget.probability<0.1 --eval-every 2"
limit=160
if [ "${1:-}" = --short ]; then
    shift
    learn="--steps 4 --warmup 0" forget="--steps 2 --warmup 0" limit=24
fi
tofu=${1:?usage: examples/tofu-smollm2.sh [--short] TOFU_FOLDER GGUF [WORK_FOLDER]}
gguf=${2:?usage: examples/tofu-smollm2.sh [--short] TOFU_FOLDER GGUF [WORK_FOLDER]}
work=${3:-tofu-smollm2}
wagle=${WAGLE:-build/release/wagle}

mkdir -p "$work"
head -n "$limit" "$tofu/retain99.json" >"$work/retain.jsonl"
sed -n "$((limit + 1)),$((limit + 40))p" "$tofu/retain99.json" >"$work/never-seen.jsonl"
head -n "$limit" "$tofu/forget01.json" >"$work/forget.jsonl"
cat "$work/forget.jsonl" "$work/retain.jsonl" >"$work/learn.jsonl"

[ -d "$work/base" ] || "$wagle" import "$gguf" --out "$work/base"
[ -d "$work/full" ] || "$wagle" finetune --model "$work/base" --data "$work/learn.jsonl" --eos \
    $learn --batch 8 --lr 2e-4 --out "$work/full"
for selector in wagle random; do
    [ -e "$work/$selector.mask" ] && continue
    "$wagle" attribute --model "$work/full" --forget "$work/forget.jsonl" --retain "$work/retain.jsonl" \
        --limit 40 --selector $selector --out "$work/$selector.scores"
    "$wagle" mask --scores "$work/$selector.scores" --density 0.4 --out "$work/$selector.mask"
    rm "$work/$selector.scores"
done
for objective in graddiff npo; do
    for mask in wagle random none; do
        out="$work/$objective-$mask"
        choice="--mask $work/$mask.mask"
        [ $mask != none ] || choice=""
        [ -d "$out" ] || "$wagle" unlearn --model "$work/full" --forget "$work/forget.jsonl" \
            --retain "$work/retain.jsonl" --eos $choice --objective $objective $forget --batch 4 \
            --lr 1e-5 --out "$out"
    done
done
probability() {
    "$wagle" eval --model "$1" --data "$2" --metrics probability --quiet |
        python3 -c 'import json, sys; print("%.3f" % json.load(sys.stdin)["overall"]["probability"])'
}
printf '%-18s %8s %8s %10s\n' model forget retain never-seen
for model in base full graddiff-wagle graddiff-random graddiff-none npo-wagle npo-random npo-none; do
    printf '%-18s' "$model"
    for rows in forget retain never-seen; do
        printf ' %8s' "$(probability "$work/$model" "$work/$rows.jsonl")"
    done
    echo
done
