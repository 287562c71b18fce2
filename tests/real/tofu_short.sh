#!/bin/sh
# The example on the real model and real data, in its short form: every stage runs and the table has
# a number for each model. tofu_short.sh WAGLE PROJECT TOFU_FOLDER SCRATCH
set -eu
if [ ! -e "$3/forget01.json" ]; then
    [ -z "${CI:-}" ] && exit 77
    echo "$3 is missing, and CI must have it" >&2
    exit 1
fi
work=$(mktemp -d "$4/tofu.XXXXXX")
trap 'rm -rf "$work"' EXIT
gguf=$4/smollm2-gguf/SmolLM2-135M-Instruct.Q4_1.gguf # what the other test of this model fetched
[ ! -e "$gguf" ] || export GGUF="$gguf"
WAGLE=$1 sh "$2/examples/tofu-smollm2.sh" --short "$3" "$work" >"$work/table"
cat "$work/table"
grep -q 'tofu.forget.probability' "$work/table" # of the comparison
grep -q 'Significant differences between the models' "$work/report.html"
python3 - "$work" <<'PY'
import json, sys
for model in ("gold", "original", "dense", "wagle-diag"):
    for name, suite, metric in (("", "tofu", "model_utility"), ("-attacks", "membership", "loss.auc"), ("-robust", "robustness", "q4_0.probability")):
        value = json.load(open(f"{sys.argv[1]}/{model}{name}.json"))["suites"][suite]["metrics"][metric]["value"]
        assert 0 <= value <= 1, (model, metric, value)
PY
