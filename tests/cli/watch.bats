load helpers

# A tiny model with a tokenizer, questions with choices, and rows with wrong answers.
watched() {
    cp -r "$model" tiny && rm tiny/gold.* && byte_tokenizer tiny
    python3 - <<'PY'
import json
with open("mcq.json", "w") as f:
    for i in range(6):
        f.write(json.dumps({"question": f"What is {i}?", "choices": ["one", "twenty", "red", "a fish"], "answer": i % 4}) + "\n")
with open("tofu.json", "w") as f:
    for i in range(4):
        f.write(json.dumps({"question": f"Who is {i}?", "answer": f"A man of {i}.", "perturbed_answer": [f"A man of {i + 1}."]}) + "\n")
PY
    train="--model tiny --forget forget.jsonl --retain retain.jsonl --objective graddiff --lr 3e-3 --steps 6 --batch 2 --seed 3"
}
of_log() { # FILE METRIC STEP
    python3 -c 'import json, sys; print(["%.6f" % l[sys.argv[2]] for l in map(json.loads, open(sys.argv[1])) if sys.argv[2] in l and l["step"] == int(sys.argv[3])][-1])' "$@"
}

@test "suites are asked while a model trains: numbers of eval, and the same weights as without" {
    watched
    # shellcheck disable=SC2086
    {
        "$WAGLE" unlearn $train --out plain
        "$WAGLE" unlearn $train --suites mcq,tofu --set wmdp=mcq.json --set forget=tofu.json --eval-every 3 --max-tokens 3 --out asked
    }
    cmp plain/model.safetensors asked/model.safetensors
    for step in 0 3 6; do of_log asked/log.jsonl mcq.wmdp.letter_acc $step; done
    [ "$(of_log asked/log.jsonl tofu.forget.truth_ratio 0)" != "$(of_log asked/log.jsonl tofu.forget.truth_ratio 6)" ]
    for at in 0,tiny 6,asked; do
        "$WAGLE" eval --suites mcq,tofu --set wmdp=mcq.json --set forget=tofu.json --model "${at#*,}" --max-tokens 3 --resamples 0 --json >eval.json
        for metric in tofu.forget.truth_ratio tofu.forget.rougeL mcq.wmdp.acc; do
            want=$(python3 -c 'import json, sys; s, m = sys.argv[1].split(".", 1); print("%.6f" % json.load(open("eval.json"))["suites"][s]["metrics"][m]["value"])' $metric)
            [ "$(of_log asked/log.jsonl $metric "${at%,*}")" = "$want" ]
        done
    done
}

@test "--stop-when takes any metric of a suite, perplexity of a set, and finetune too" {
    watched
    # shellcheck disable=SC2086
    {
        "$WAGLE" unlearn $train --suite tofu --set forget=tofu.json --max-tokens 0 --eval-every 1 --stop-when 'tofu.forget.probability<2' --out one | grep -q '1 steps (stopped'
        "$WAGLE" unlearn $train --eval-every 2 --stop-when 'forget.perplexity>1' --out two | grep -q '2 steps (stopped'
        "$WAGLE" finetune --model tiny --data retain.jsonl --steps 4 --batch 2 --suite mcq --set q=mcq.json --eval-every 2 \
            --stop-when 'mcq.q.imbalance>-1' --out three | grep -q '2 steps (stopped'
    }
    grep -q '"step":0,"tofu.forget.probability"' one/log.jsonl
    grep -q 'tofu.forget.probability<2' one/manifest.json
}

@test "a watched run that is interrupted resumes to the same bits" {
    watched
    # shellcheck disable=SC2086
    {
        "$WAGLE" unlearn $train --suite mcq --set q=mcq.json --eval-every 1 --out whole
        for _ in 1 2 3; do timeout --preserve-status -s INT 0.1 "$WAGLE" unlearn $train --suite mcq --set q=mcq.json --eval-every 1 --resume --out cut || true; done
        "$WAGLE" unlearn $train --suite mcq --set q=mcq.json --eval-every 1 --resume --out cut
    }
    cmp whole/model.safetensors cut/model.safetensors
    cmp whole/log.jsonl cut/log.jsonl
}

@test "a changed set or option of a suite under its own rule is no resumption" {
    watched
    cp tofu.json other.json
    echo '{"question": "Who?", "answer": "No one.", "perturbed_answer": ["You."]}' >>other.json
    rule="--eval-every 1 --stop-when tofu.forget.probability<0"
    # shellcheck disable=SC2086
    train_on() { timeout --preserve-status -s INT 1 "$WAGLE" unlearn ${train/--steps 6/--steps 4000} $rule --checkpoint-every 1 --quiet --out cut "$@"; }
    changed() { # OPTION what is given
        status=0
        train_on --resume "${@:2}" 2>words || status=$?
        [ $status = 2 ] && [ "$(wc -l <words)" = 1 ] && grep -q -- "made with.*--$1.*; resume with the same" words || { echo "$*: exit $status"; cat words; return 1; }
        [ -s cut.partial/checkpoint.safetensors ]
    }
    train_on --suite tofu --set forget=tofu.json --max-tokens 2 || [ $? = 130 ]
    changed set --suite tofu --set forget=other.json --max-tokens 2
    changed max-tokens --suite tofu --set forget=tofu.json --max-tokens 3
    changed no-eos --suite tofu --set forget=tofu.json --max-tokens 2 --no-eos
    changed suite --suite tofu,mcq --set forget=tofu.json --set q=mcq.json --max-tokens 2
    changed limit --suite tofu --set forget=tofu.json --max-tokens 2 --limit 3
    cp tofu.json same.json
    sed -i s/man/fan/ tofu.json
    changed set --suite tofu --set forget=tofu.json --max-tokens 2
    status=0 # the same bytes under another name go on
    train_on --resume --suite tofu --set forget=same.json --max-tokens 2 2>words || status=$?
    [ $status = 130 ]
}

@test "what cannot be watched is refused before the first step" {
    watched
    # shellcheck disable=SC2086
    {
        refused 2 "no such metric; available are mcq.q." "$WAGLE" unlearn $train --suite mcq --set q=mcq.json --stop-when 'mcq.q.accuracy<1' --out out
        refused 2 "no such metric; available are mcq.q." "$WAGLE" unlearn $train --selector wagle --suite mcq --set q=mcq.json --stop-when 'mcq.q.accuracy<1' --out out
        refused 2 "name at least one suite" "$WAGLE" unlearn $train --suite '' --out out
        refused 2 "mcq is given twice" "$WAGLE" unlearn $train --suite mcq,mcq --set q=mcq.json --out out
        refused 2 "mcq needs --set" "$WAGLE" unlearn $train --suite mcq --set dev=mcq.json --shots 1 --out out
        refused 2 "With --suite also SUITE.METRIC" "$WAGLE" unlearn $train --stop-when 'mcq.q.acc<1' --out out
        refused 2 "it needs --suite NAME" "$WAGLE" unlearn $train --set q=mcq.json --out out
        refused 2 "suite robustness needs a finished model" "$WAGLE" unlearn $train --suite robustness --set forget=tofu.json --out out
        refused 2 "--memory cannot plan for" "$WAGLE" unlearn $train --suite tofu --set forget=tofu.json --memory 1G --out out
        refused 2 "--set forget=FILE" "$WAGLE" unlearn $train --suite tofu --out out
        refused 3 "gone.json" "$WAGLE" unlearn $train --suite mcq --set q=gone.json --out out
        refused 2 "no suite 'mqc'" "$WAGLE" unlearn $train --suite mqc --set q=mcq.json --out out
        refused 2 "write it as forget.probability<0.1" "$WAGLE" unlearn $train --stop-when 'forget.probability' --out out
    }
}
