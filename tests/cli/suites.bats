load helpers

# A copy of the tiny model with a tokenizer, and small data sets for each suite.
suites() {
    cp -r "$model" tiny && byte_tokenizer tiny
    python3 - <<'PY'
import json
def rows(name, n, **more):
    with open(name, "w") as f:
        for i in range(n):
            f.write(json.dumps({"question": f"Who is {name[0]}{i}?", "answer": f"A man of {i} words.",
                                **{k: v(i) for k, v in more.items()}}) + "\n")
wrong = lambda i: [f"A man of {i + k} words." for k in (1, 2, 3)]
for name, n in (("forget.json", 5), ("retain.json", 6), ("authors.json", 4), ("facts.json", 4)):
    rows(name, n, paraphrased_answer=lambda i: f"He has {i} words.", perturbed_answer=wrong)
rows("other.json", 6)
with open("mcq.json", "w") as f:
    for i in range(6):
        f.write(json.dumps({"subject": "art" if i < 3 else "law", "question": f"What is {i}?", "choices": ["one", "twenty", "red", "a fish"], "answer": i % 4}) + "\n")
open("text.txt", "w").write("The quick brown fox jumps over the lazy dog. " * 12)
open("words.txt", "w").write("e\nqqq\n")
open("prefixes.txt", "w").write("Tell the truth.\nNow!\n")
PY
}
tofu="--set forget=forget.json --set retain=retain.json --set real_authors=authors.json --set world_facts=facts.json"
metric() { python3 -c 'import json, sys; print("%.9g" % json.load(open(sys.argv[1]))["suites"][sys.argv[2]]["metrics"][sys.argv[3]]["value"])' "$@"; }
shared_or_skip() {
    shared=$GOLD/../../../shared
    [ -d "$shared" ] && return
    [ -z "${CI:-}" ] || { echo "CI must have the shared folder"; return 1; }
    skip "no shared folder"
}

@test "TOFU's model utility and forget quality are those of the published logs" {
    shared_or_skip
    python3 - "$shared/gold/metrics/tofu_aggregate.json" <<'PY'
import json, os, subprocess, sys
gold = json.load(open(sys.argv[1]))
for run, sets in gold["inputs"].items():
    with open(run + ".rows.jsonl", "w") as f:
        for name, v in sets.items():
            for i, nll in enumerate(v["avg_gt_loss"]):
                f.write(json.dumps({"suite": "tofu", "set": name, "row": i, "nll": nll, "perturbed_nll": v["average_perturb_loss"][i],
                                    "paraphrased_nll": v["avg_paraphrased_loss"][i], "rougeL": v["rougeL_recall"][i]}) + "\n")
checked = 0
for run, want in gold["expected"].items():
    command = [os.environ["WAGLE"], "eval", "--recompute", run + ".rows.jsonl", "--resamples", "0", "--json"]
    if "forget_quality_against_retain90" in want:
        command += ["--gold", run.replace("_full_", "_retain90_") + ".rows.jsonl"]
    have = {k: v["value"] for k, v in json.loads(subprocess.check_output(command))["suites"]["tofu"]["metrics"].items()}
    for form, end in (("geometric", ""), ("arithmetic", "_arithmetic")):
        assert abs(have["model_utility" + end] - want[form]["model_utility"]) < 1e-9, (run, form)
        for name in sets:
            assert abs(have[f"{name}.truth_ratio{end}"] - want[form][name]["truth_ratio"]) < 1e-9, (run, name)
            assert abs(have[f"{name}.probability"] - want[form][name]["probability"]) < 1e-9, (run, name)
            checked += 1
    if "forget_quality_against_retain90" in want:
        p, d = (want["forget_quality_against_retain90"][k] for k in ("pvalue", "statistic"))
        assert abs(have["forget_quality"] - p) < 1e-6 * p and abs(have["forget_ks"] - d) < 1e-12, (run, have["forget_quality"], p)
        checked += 1
assert checked == 34, checked
PY
}

@test "tofu: losses are those of rows alone, metrics those of the rows, with intervals" {
    suites
    "$WAGLE" eval --suite tofu --model tiny $tofu --max-tokens 6 --out out1.json --quiet >table
    grep -q 'model_utility' table
    "$WAGLE" eval --model tiny --data forget.json --eos --metrics nll --json >plain.json
    python3 - <<'PY'
import json, math
rows = [json.loads(l) for l in open("out1.rows.jsonl")]
plain = json.load(open("plain.json"))["rows"]
forget = [r for r in rows if r["set"] == "forget"]
assert len(rows) == 19 and len(forget) == 5
for r, p in zip(forget, plain):
    assert float("%.15g" % r["nll"]) == p["nll"], (r["nll"], p["nll"])  # shared prefixes change no bit
m = json.load(open("out1.json"))["suites"]["tofu"]["metrics"]
assert abs(m["forget.probability"]["value"] - sum(math.exp(-r["nll"]) for r in forget) / 5) < 1e-12
assert m["forget.probability"]["low"] <= m["forget.probability"]["value"] <= m["forget.probability"]["high"]
assert m["forget.probability"]["n"] == 5 and m["model_utility"]["n"] == 14
PY
    "$WAGLE" eval --recompute out1.json --json >again.json
    python3 -c 'import json; a, b = (json.load(open(f))["suites"] for f in ("out1.json", "again.json")); assert a == b'
    "$WAGLE" eval --suite tofu --model tiny $tofu --max-tokens 6 --out out2.json --gold out1.json --quiet --threads 1 >/dev/null
    cmp out1.rows.jsonl out2.rows.jsonl
    [ "$(metric out2.json tofu forget_quality)" = 1 ]
    python3 -c 'import json; m = json.load(open("out2.json"))["suites"]["tofu"]["metrics"]; assert "low" not in m["forget_quality"] and "low" in m["forget_ks"]'
    "$WAGLE" eval --suite tofu --model tiny --set forget=forget.json --no-eos --max-tokens 4 --quiet --json >no_eos.json
    ! python3 -c 'import json; a, b = (json.load(open(f))["suites"]["tofu"]["metrics"]["forget.probability"] for f in ("out1.json", "no_eos.json")); assert a == b' 2>/dev/null || false
}

@test "mcq: likeliest choice by sum and by length, few-shot, subjects" {
    suites
    "$WAGLE" eval --suite mcq --model tiny --set quiz=mcq.json --out m.json --quiet >/dev/null
    python3 - <<'PY'
import json
rows = [json.loads(l) for l in open("m.rows.jsonl")]
best = lambda v: min(range(len(v)), key=lambda k: v[k])
want = {"acc": 0, "acc_norm": 0, "letter_acc": 0}
for r in rows:
    want["letter_acc"] += best(r["letter_nll"]) == r["answer"]
    want["acc"] += best(r["text_nll"]) == r["answer"]
    want["acc_norm"] += best([a / b for a, b in zip(r["text_nll"], r["length"])]) == r["answer"]
    assert r["length"] == [3, 6, 3, 6]
m = json.load(open("m.json"))["suites"]["mcq"]["metrics"]
for k, v in want.items():
    assert abs(m["quiz." + k]["value"] - v / 6) < 1e-12, k
assert m["quiz/art.acc"]["n"] == 3 and abs(sum(m[f"quiz.says_{c}"]["value"] for c in "ABCD") - 1) < 1e-12
# the third question of each file written out as plain rows
block = lambda i: f"What is {i}?\nA. one\nB. twenty\nC. red\nD. a fish\nAnswer:"
head = "The following are multiple choice questions (with answers) about art.\n\n"
with open("by_hand.jsonl", "w") as f:
    for prompt in (head + block(2), block(0) + " A\n\n" + block(2)):
        for c in "ABCD":
            f.write(json.dumps({"prompt": prompt, "completion": " " + c}) + "\n")
open("plain.json", "w").writelines(json.dumps({k: v for k, v in json.loads(l).items() if k != "subject"}) + "\n" for l in open("mcq.json"))
PY
    "$WAGLE" eval --model tiny --data by_hand.jsonl --prompt '{prompt}' --metrics nll --json >hand.json
    "$WAGLE" eval --suite mcq --model tiny --set quiz=plain.json --set dev=plain.json --shots 1 --out s.json --quiet >/dev/null
    python3 -c '
import json
hand = [r["nll"] * r["label_tokens"] for r in json.load(open("hand.json"))["rows"]]
have = [x for f in ("m", "s") for x in [json.loads(l) for l in open(f + ".rows.jsonl")][2]["letter_nll"]]
assert len(have) == 8 and all(abs(a - b) < 1e-9 * b for a, b in zip(have, hand)), (have, hand)'
}

@test "a benchmark is told by its columns, or named; answers may be numbers, letters, names" {
    suites
    python3 - <<'PY'
import json, os, subprocess
mmlu = {"subject": "art", "question": "q", "choices": ["a", "b"]}
cases = [("mmlu", {**mmlu, "answer": "B"}), ("mmlu", {**mmlu, "answer": "1"}), ("mmlu", {**mmlu, "answer": "b"}),
         ("questions", {"question": "q", "choices": ["a", "b"], "answer": 1}),
         ("arc", {"question": "q", "choices": {"text": ["a", "b"], "label": ["1", "2"]}, "answerKey": "2"}),
         ("arc", {"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "B"}),
         ("openbookqa", {"question_stem": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": " B"}),
         ("hellaswag", {"activity_label": "l", "ctx_a": "c", "ctx_b": "", "endings": ["a", "b"], "label": "1"}),
         ("truthfulqa", {"question": "q", "mc1_targets": {"choices": ["a", "b"], "labels": [0, 1]}}),
         ("piqa", {"goal": "q", "sol1": "a", "sol2": "b", "label": 1}),
         ("winogrande", {"sentence": "_ went", "option1": "a", "option2": "b", "answer": "2"}),
         *(("boolq", {"passage": "p", "question": "q", **label}) for label in ({"label": 1}, {"answer": True}, {"label": "yes"}, {"label": "True"})),
         *(("rte", {a: "p", b: "h", "label": label}) for a, b in (("premise", "hypothesis"), ("sentence1", "sentence2")) for label in (1, "1", "not_entailment"))]
sets = []
for i, (_, row) in enumerate(cases):
    with open(f"{i}.json", "w") as f:
        json.dump([row], f)
    sets += ["--set", f"s{i}={i}.json"]
with open("bio.json", "w") as f:
    json.dump([cases[3][1]], f)
names = {"wmdp_cyber": "wmdp_cyber", "WMDP-Bio": "wmdp_bio", "wmdp": "wmdp_bio", "x:wmdp_chem": "wmdp_chem", "y": "questions"}
sets += [part for name in names for part in ("--set", name + "=bio.json")]
sets += ["--set", "rte:rte=17.json", "--set", "plain:questions=0.json"]
subprocess.run([os.environ["WAGLE"], "eval", "--suite", "mcq", "--model", "tiny", *sets, "--truncate", "--out", "f.json", "--resamples", "0"], check=True, stdout=open("table", "w"))
rows = [json.loads(line) for line in open("f.rows.jsonl")]
assert all(r["answer"] == 1 for r in rows), rows
have = json.load(open("f.json"))["suites"]["mcq"]["benchmarks"]
want = {f"s{i}": name for i, (name, _) in enumerate(cases)} | {k.split(":")[0]: v for k, v in names.items()} | {"rte": "rte", "plain": "questions"}
assert have == want, (have, want)
table = open("table").read()
assert "set WMDP-Bio was asked as wmdp_bio" in table
PY
    "$WAGLE" eval --recompute f.json --resamples 0 --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["suites"] == json.load(open("f.json"))["suites"]'
}

@test "every suite runs, and its rows give the same metrics again" {
    suites
    local common="--model tiny --resamples 50 --quiet" texts="--max-tokens 8"
    "$WAGLE" eval --suite muse $common $texts --set verbatim=forget.json --set knowledge_retain=retain.json --set members=forget.json --set nonmembers=other.json --out muse.json >/dev/null
    "$WAGLE" eval --suite copyright $common --prefix 10 --length 10 --verbatim 3 --set text=text.txt --set held_out=text.txt --out copyright.json >/dev/null
    "$WAGLE" eval --suite extraction $common $texts --set forget=forget.json --set names=words.txt --out extraction.json >/dev/null
    "$WAGLE" eval --suite membership $common --set members=forget.json --set nonmembers=other.json --reference tiny --out membership.json >/dev/null
    "$WAGLE" eval --suite toxicity $common $texts --set prompts=other.json --set words=words.txt --out words.json >/dev/null
    "$WAGLE" eval --suite toxicity $common $texts --set prompts=other.json --scorer "awk '{ print length(\$0) % 2 }'" --out toxicity.json >/dev/null
    "$WAGLE" eval --suite robustness $common --set forget=forget.json --set relearn=forget.json --set prefixes=prefixes.txt --set dev=retain.json --shots 1 --set asked_again=forget.json --relearn-steps 4 --reference tiny --out robustness.json >/dev/null
    "$WAGLE" eval --suite general $common $texts --set prompts=other.json --set text=text.txt --out general.json >/dev/null
    [ ! -e robustness.json.models ]
    for suite in muse copyright extraction membership toxicity robustness general; do
        "$WAGLE" eval --recompute $suite.json --resamples 50 --json >again.json
        python3 -c 'import json, sys; a, b = (json.load(open(f))["suites"] for f in (sys.argv[1] + ".json", "again.json")); assert a == b and a, sys.argv[1]' $suite
    done
    [ "$(metric membership.json membership reference.auc)" = 0.5 ] # its own reference says nothing
    [ "$(metric robustness.json robustness asked_again.comes_back)" = 0 ]
    [ "$(metric robustness.json robustness rewind_50.comes_back)" = 0 ] # nothing had changed
    [ "$(metric robustness.json robustness relearn_4.comes_back | cut -c1)" != - ]
    "$WAGLE" eval --suites muse,general $common --set members=forget.json --set nonmembers=other.json --set text=text.txt --json >two.json
    [ "$(metric two.json muse loss.auc)" = "$(metric muse.json muse loss.auc)" ]
    [ "$(metric two.json general text.perplexity)" = "$(metric general.json general text.perplexity)" ]
}

@test "compare tells what differs, pairs rows, and finds nothing between equals" {
    suites
    "$WAGLE" eval --suite tofu --model tiny $tofu --max-tokens 4 --out a.json --quiet >/dev/null
    "$WAGLE" finetune --model tiny --data forget.json --eos --steps 12 --lr 5e-3 --out learnt --quiet >/dev/null
    "$WAGLE" eval --suite tofu --model learnt $tofu --max-tokens 4 --out b.json --quiet >/dev/null
    "$WAGLE" compare a.json b.json >table
    grep -q '^\* tofu.forget.probability' table
    "$WAGLE" compare a.json a.json --json | python3 -c '
import json, sys
d = json.load(sys.stdin)["differences"]
assert d and all(x["difference"] == 0 and x["low"] == 0 and x["high"] == 0 and not x["significant"] for x in d)'
    # several seeds per side: their means
    "$WAGLE" compare a.json,a.json b.json,a.json --json >seeds.json
    python3 -c '
import json
d = {x["metric"]: x for x in json.load(open("seeds.json"))["differences"]}["forget.probability"]
a, b = (json.load(open(f))["suites"]["tofu"]["metrics"]["forget.probability"]["value"] for f in ("a.json", "b.json"))
assert abs(d["difference"] - (b - a) / 2) < 1e-9 and abs(d["b"] - (a + b) / 2) < 1e-9 and d["low"] < d["difference"]'
}

@test "bad input to suites: one clear line each" {
    suites
    e() { local words=$1; shift; refused 3 "$words" "$WAGLE" eval --model tiny "$@"; }
    echo '{"question": "q"}' >bad.json; e "bad.json:1: no field 'answer' (found: question)" --suite tofu --set forget=bad.json
    echo '{"question": "q", "answer": "a"}' >bad.json; e "bad.json:1: no list 'perturbed_answer'" --suite tofu --set forget=bad.json
    printf '%s\n' '{"question": "q", "answer": "a", "perturbed_answer": ["x", "y"]}' '{"question": "q", "answer": "a", "perturbed_answer": ["x"]}' >bad.json
    e 'bad.json:2: perturbed_answer has 1 texts, the rows before have 2' --suite tofu --set forget=bad.json
    echo '{"question": "q", "answer": "a", "perturbed_answer": [3]}' >bad.json; e "bad.json:1: 'perturbed_answer' holds a number; expected texts" --suite tofu --set forget=bad.json
    echo '{"question": "q", "choices": [], "answer": 0}' >bad.json; e 'bad.json:1: choices has 0 choices' --suite mcq --set m=bad.json
    echo '{"question": "q", "choices": ["a", "b"], "answer": 2}' >bad.json; e "'answer' is none of the 2 choices" --suite mcq --set m=bad.json
    echo '{"question": "q", "choices": ["a", "b"], "answer": -1}' >bad.json; e "'answer' is none of the 2 choices" --suite mcq --set m=bad.json
    echo '{"question": "q", "choices": ["a", 7], "answer": 1}' >bad.json; e 'choice 1 is no text' --suite mcq --set m=bad.json
    echo '{"q": "q"}' >bad.json; e 'bad.json:1: no question with choices' --suite mcq --set m=bad.json
    m() { echo "$2" >bad.json; e "$1" --suite mcq --set m=bad.json; }
    m "'answer' is none of the 2 choices (from 0): null" '{"question": "q", "choices": ["a", "b"], "answer": null}'
    m "'answer' is none of the 2 choices (from 0): 1.0" '{"question": "q", "choices": ["a", "b"], "answer": 1.0}'
    m "'answer' is none of the 2 choices (from 0): true" '{"question": "q", "choices": ["a", "b"], "answer": true}'
    m "'answer' \"1\" is the text of one choice and the place of another" '{"question": "q", "choices": ["1", "2"], "answer": "1"}'
    m "no 'answer' (found: question, choices)" '{"question": "q", "choices": ["a", "b"]}'
    m "'question' is a list, a text is expected" '{"question": ["q"], "choices": ["a", "b"], "answer": 1}'
    m "'question' is an empty text" '{"question": "", "choices": ["a", "b"], "answer": 1}'
    m "'subject' is null, a text is expected" '{"subject": null, "question": "q", "choices": ["a", "b"], "answer": 1}'
    m "choice 0 is no text but empty" '{"question": "q", "choices": ["", "b"], "answer": 1}'
    m "'label' is none of the 2 choices (from 0): \"\"" '{"activity_label": "l", "ctx_a": "a", "ctx_b": "b", "endings": ["a", "b"], "label": ""}'
    m "no 'activity_label' (found: ctx_a, endings, label)" '{"ctx_a": "a", "endings": ["a", "b"], "label": "0"}'
    m "'ctx_b' is null" '{"activity_label": "l", "ctx_a": "a", "ctx_b": null, "endings": ["a", "b"], "label": "0"}'
    m "'label' is none of the 2 choices (from 0): -1" '{"goal": "g", "sol1": "a", "sol2": "b", "label": -1}'
    m "'label' is none of the 2 choices (from 0): 2" '{"premise": "p", "hypothesis": "h", "label": 2}'
    m "'answerKey' is none of the 2 choices (from 0): \"C\"" '{"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "C"}'
    m "choices.label has 1 names for 2 choices" '{"question": "q", "choices": {"text": ["a", "b"], "label": ["A"]}, "answerKey": "A"}'
    m "'answer' is none of the 2 choices (from 1): \"0\"" '{"sentence": "a _", "option1": "a", "option2": "b", "answer": "0"}'
    m "'sentence' has no blank '_'" '{"sentence": "a", "option1": "a", "option2": "b", "answer": "1"}'
    m "mc1_targets.labels marks 2 choices as right" '{"question": "q", "mc1_targets": {"choices": ["a", "b"], "labels": [1, 1]}}'
    m "mc1_targets.labels: label 1 is neither 0 nor 1" '{"question": "q", "mc1_targets": {"choices": ["a", "b"], "labels": [1, "0"]}}'
    m "mc2_targets marks 0 of 2 choices as right" '{"question": "q", "mc1_targets": {"choices": ["a", "b"], "labels": [1, 0]}, "mc2_targets": {"choices": ["a", "b"], "labels": [0, 0]}}'
    echo '{"suite": "tofu", "set": "forget", "row": 4, "nll": NaN}' >bad.rows.jsonl; refused 3 "row 4: 'nll' is no number" "$WAGLE" eval --recompute bad.rows.jsonl
    echo '{"suite": "tofu", "set": "forget", "row": 4, "nll": null}' >bad.rows.jsonl; refused 3 "tofu, set 'forget', row 4: 'nll' is no number" "$WAGLE" eval --recompute bad.rows.jsonl
    echo '{"suite": "mcq", "set": "m", "row": 1, "answer": 3, "letter_nll": [1, 2], "text_nll": [1, 2], "length": [1, 1]}' >bad.rows.jsonl
    refused 3 "'answer' does not fit the choices" "$WAGLE" eval --recompute bad.rows.jsonl
    printf '{"suite": "muse", "set": "members", "row": %s, "loss": 1%s}\n' 0 ', "zlib": 1' 1 '' >bad.rows.jsonl
    refused 3 "muse, set 'members': 2 rows have loss, 1 have zlib" "$WAGLE" eval --recompute bad.rows.jsonl
    echo '{"suite": "copyright", "set": "text", "row": 0, "tokens": 3, "longest_run": 1, "common_subsequence": 1, "bleu": 0, "rougeL_f1": 0, "verbatim": 1}' >bad.rows.jsonl
    refused 3 "'verbatim' is neither true nor false" "$WAGLE" eval --recompute bad.rows.jsonl
    echo '{"suite": "mcq", "set": "m", "row": 0, "answer": 0, "text_nll": [1, 2], "benchmark": "arc"}' >a.rows.jsonl
    sed 's/arc/piqa/' a.rows.jsonl >b.rows.jsonl
    refused 3 "set 'm': asked as arc and as piqa" "$WAGLE" compare a.rows.jsonl b.rows.jsonl
    echo '{"a": 1}' >bad.rows.jsonl; refused 3 'not a row of an evaluation' "$WAGLE" eval --recompute bad.rows.jsonl
    echo '{"suite": "nosuch", "set": "x"}' >bad.rows.jsonl; refused 3 'no rows of any suite' "$WAGLE" eval --recompute bad.rows.jsonl
    refused 3 'tokenizer.json' "$WAGLE" eval --suite tofu --model "$model" --set forget=forget.json
    printf 'x' >short.txt; e 'only 1 tokens; a window needs' --suite copyright --set text=short.txt
    printf '\xff\xfe' >raw.txt; e 'raw.txt: not valid UTF-8' --suite copyright --set text=raw.txt
    printf 'a\0b\n' >nul.txt; e 'nul.txt: a NUL at byte 1' --suite robustness --set forget=forget.json --set prefixes=nul.txt
    : >empty.txt; e 'empty.txt: the file has no names' --suite extraction --set forget=forget.json --set names=empty.txt
    e 'empty.txt: the file has no prefixes' --suite robustness --set forget=forget.json --set prefixes=empty.txt
    : >empty.json; e 'empty.json: the file is empty' --suite tofu --set forget=empty.json
    e 'nosuch.json: no such file' --suite tofu --set forget=nosuch.json
    sed 's/"vocab_size": 320/"vocab_size": 64/' tiny/config.json >small.json
    "$WAGLE" init --config small.json --out small --quiet
    e 'its vocabulary is not' --suite membership --set members=forget.json --set nonmembers=other.json --reference small --quiet
}

@test "suites asked for wrongly" {
    suites
    u() { local words=$1; shift; refused 2 "$words" "$WAGLE" eval --model tiny "$@"; }
    u "no suite 'tofuu'; choose from tofu, mcq" --suite tofuu
    u 'suite tofu needs --set forget=FILE' --suite tofu
    u 'suite membership needs --set nonmembers=FILE' --suite membership --set members=forget.json
    u 'suite tofu has no such set' --suite tofu --set forget=forget.json --set forgte=forget.json
    u 'write it as NAME=FILE' --suite tofu --set forget.json --set forget=forget.json
    u '--shots needs solved examples' --suite mcq --set m=mcq.json --shots 2
    u 'set dev of suite mcq needs --shots N' --suite mcq --set m=mcq.json --set dev=mcq.json
    u '--prompt has no effect: suite mcq has prompts of its own' --suite mcq --set m=mcq.json --prompt 'Q {question}'
    u '--eos has no effect: suite mcq has prompts of its own' --suite mcq --set m=mcq.json --eos
    u '--set m:mmul: no such benchmark; choose from hellaswag, truthfulqa' --suite mcq --set m:mmul=mcq.json
    echo '{"question": "q", "mc1_targets": {"choices": ["a", "b"], "labels": [1, 0]}}' >true.json
    u "--shots cannot be used with set 't'" --suite mcq --set t=true.json --set dev=true.json --shots 1
    refused 3 'forget.json: 5 solved rows, --shots 9' "$WAGLE" eval --model tiny --suite robustness --set forget=retain.json --set dev=forget.json --shots 9
    refused 3 "3 solved examples of subject 'art', --shots 9" "$WAGLE" eval --model tiny --suite mcq --set m=mcq.json --set dev=mcq.json --shots 9
    u "--set m is given twice" --suite mcq --set m=mcq.json --set m:questions=mcq.json
    u "--set dev:arc=mcq.json: solved examples must be of the same benchmark" --suite mcq --set m=mcq.json --set dev:arc=mcq.json --shots 1
    u "the name may have at most 40 bytes" --suite mcq --set "$(printf 'm%.0s' $(seq 41))=mcq.json"
    u "this name is a test of suite robustness; choose another" --suite robustness --set forget=forget.json --set q8_0=forget.json
    refused 3 'other.json: 6 rows, the forget set has 5' "$WAGLE" eval --model tiny --suite robustness --set forget=forget.json --set again=other.json
    u '--verbatim 20: must be at most --length, 10' --suite copyright --set text=text.txt --prefix 10 --length 10
    u 'end in .json' --suite tofu --set forget=forget.json --out result
    u '--scorer COMMAND or --set words' --suite toxicity --set prompts=other.json
    u 'a suite reads --set NAME=FILE' --suite general --data forget.json
    "$WAGLE" help suites | grep -q 'nonmembers *rows of the same kind'
    u "it needs --suite; 'wagle help suites'" --data forget.json --set forget=forget.json
    refused 1 'is not a number from 0 to 1' "$WAGLE" eval --model tiny --suite toxicity --set prompts=other.json --max-tokens 2 --quiet --scorer 'while read x; do echo 7; done'
    refused 1 'numbers for 6 texts' "$WAGLE" eval --model tiny --suite toxicity --quiet --set prompts=other.json --max-tokens 2 --scorer 'echo 1'
    refused 1 'more numbers than the 6 texts' "$WAGLE" eval --model tiny --suite toxicity --quiet --set prompts=other.json --max-tokens 2 --scorer 'yes 0 | head -7'
    refused 1 'line 1 is not a number' "$WAGLE" eval --model tiny --suite toxicity --quiet --set prompts=other.json --max-tokens 2 --scorer 'yes 0.5,0.2 | head -6'
    echo '{}' >there.json; u 'there.json' --suite tofu --set forget=forget.json --out there.json
    "$WAGLE" eval --suite general --model tiny --set text=text.txt --out g.json --quiet >/dev/null
    "$WAGLE" eval --suite tofu --model tiny --set forget=forget.json --max-tokens 2 --out t.json --quiet >/dev/null
    refused 3 'have no suite in common' "$WAGLE" compare g.json t.json
    refused 2 'give two results' "$WAGLE" compare g.json
}

@test "an interrupted evaluation leaves nothing behind" {
    suites
    status=0
    timeout --foreground --preserve-status -s INT 1 "$WAGLE" eval --suite tofu --model tiny $tofu --max-tokens 2 --resamples 100000000 --out slow.json --quiet >/dev/null 2>said || status=$?
    [ $status = 130 ]
    [ ! -e slow.json ]
    [ ! -e slow.rows.jsonl ]
    status=0
    timeout --foreground --preserve-status -s INT 1 "$WAGLE" eval --suite robustness --model tiny --set forget=forget.json --set relearn=forget.json --relearn-steps 1000000 --out slow.json --quiet >/dev/null 2>said || status=$?
    [ $status = 130 ]
    [ -z "$(ls | grep '^slow')" ]
}

@test "WAGLE's efficacy and utility are those of their definitions" {
    suites
    python3 - <<'PY'
import json
for name, n in (("forget", 5), ("retain", 7)):
    with open(name + "_p.json", "w") as f:
        for i in range(n):
            f.write(json.dumps({"question": f"Who is {name[0]}{i}?", "paraphrased_question": f"Name {name[0]}{i}, please.", "answer": f"A man of {i} words.",
                                "paraphrased_answer": f"He has {i} words.", "perturbed_answer": [f"A {k} of {i} words." for k in ("cat", "dog", "cow")]}) + "\n")
            open(name + "_asked.jsonl", "a").write(json.dumps({"prompt": f"Name {name[0]}{i}, please.", "answer": f"He has {i} words."}) + "\n")
open("scorer.py", "w").write("""import sys
for line in sys.stdin:
    a, b = line.rstrip("\\n").split("\\t")
    print(len(set(a) & set(b)) / (len(set(a) | set(b)) or 1) - 0.5)
""")
PY
    sets="--set forget=forget_p.json --set retain=retain_p.json --set real_authors=authors.json --set world_facts=facts.json"
    "$WAGLE" eval --model tiny --suite wagle-paper $sets --max-tokens 12 --scorer 'python3 scorer.py' --out scored.json
    "$WAGLE" eval --model tiny --suite wagle-paper $sets --max-tokens 12 --out plain.json
    "$WAGLE" eval --model tiny --data forget_asked.jsonl --metrics nll --json >asked.json
    python3 - <<'PY'
import itertools, json, math
def rows(name):
    out = {}
    for line in open(name + ".rows.jsonl"):
        r = json.loads(line); out.setdefault(r["set"], []).append(r)
    return out
mean = lambda x: sum(x) / len(x)
def ks(a, b):
    """The share of orders of a and b with at least their distance."""
    far = lambda x, y: max(abs(sum(v <= t for v in x) * len(y) - sum(v <= t for v in y) * len(x)) for t in x + y)
    n, whole, least = len(a), list(range(len(a) + len(b))), far(a, b)
    picks = list(itertools.combinations(whole, n))
    return sum(far(list(p), [t for t in whole if t not in p]) >= least for p in picks) / len(picks)
def sets(r, of):
    ratio = lambda x: mean([math.exp(-v) for v in x["perturbed_nll"]]) / (math.exp(-x["paraphrased_nll"]) + 1e-12)
    accuracy = {s: mean([x[of][0] == max(x[of]) for x in r[s]]) for s in ("forget", "retain")}
    accuracy |= {s: mean([x["answer"].lower() in x["generated"].lower() for x in r[s]]) for s in ("real_authors", "world_facts")}
    rouge = {s: mean([x["rougeL"] for x in r[s]]) for s in r}
    quality = ks([ratio(x) for x in r["forget"]], [ratio(x) for x in r["retain"]])
    pairs = [(f["min_k_50"], k["min_k_50"]) for f in r["forget"] for k in r["retain"]]
    mia = mean([(f > k) + 0.5 * (f == k) for f, k in pairs])
    return {"forget_quality": quality, "mia": mia, "efficacy": mean([quality, mia, 1 - accuracy["forget"], 1 - rouge["forget"]]),
            "utility": mean([m[s] for m in (accuracy, rouge) for s in ("retain", "real_authors", "world_facts")])}
for name, of, end in (("scored", "similarity", ""), ("plain", "rouge_similarity", "_by_rouge")):
    have = json.load(open(name + ".json"))["suites"]["wagle-paper"]["metrics"]
    for key, want in sets(rows(name), of).items():
        got = have[key + (end if key in ("efficacy", "utility") else "")]["value"]
        assert abs(got - want) < 1e-9, (name, key, got, want)
    assert ("efficacy" in have) == (end == ""), have.keys()
first = rows("scored")["forget"][0]
assert len(first["similarity"]) == 4 and min(first["similarity"]) < 0, first
want = mean([r["paraphrased_nll"] for r in rows("scored")["forget"]])
assert abs(json.load(open("asked.json"))["overall"]["nll"] - want) < 1e-5, want
PY
    refused 2 'with {prompt} in place' "$WAGLE" eval --model tiny --suite wagle-paper $sets --prompt 'Q: {question} A: ' --out out.json
    refused 3 "no 'paraphrased_question'" "$WAGLE" eval --model tiny --suite wagle-paper --set forget=forget.json --out out.json
    refused 1 'line 1 is not a number from -1 to 1' "$WAGLE" eval --model tiny --suite wagle-paper $sets --max-tokens 3 --quiet --scorer 'sed s/.*/2/' --out out.json
}

@test "a sentence encoder says how similar answers are" {
    suites
    cat >ask.py <<'PY'
import json, sys
texts = [json.loads(line)["text"] for line in open(sys.argv[1] + "/gold.jsonl")]
texts = [t for t in texts if 3 < len(t) < 40 and t.isascii() and t.isprintable()]
made = {}
if len(sys.argv) > 2:
    made = {(r["set"], r["row"]): r["generated_paraphrased"] for r in map(json.loads, open(sys.argv[2]))  if "generated_paraphrased" in r}
for name, n in (("forget", 3), ("retain", 4)):
    with open(name + "_p.json", "w") as f:
        for i in range(n):
            right, *wrong = texts[3 * i:3 * i + 3]
            if made:  # the same in another order, and what the model writes
                right, wrong = [made[name, i], right][i % 2], wrong[::-1] + [[made[name, i], right][1 - i % 2]]
            f.write(json.dumps({"question": f"Who is {i}?", "paraphrased_question": f"Name {i}.", "answer": "So.", "paraphrased_answer": right, "perturbed_answer": wrong}) + "\n")
PY
    encoder="$GOLD/encoder/uncased"
    common="--model tiny --suite wagle-paper --max-tokens 12 --set forget=forget_p.json --set retain=retain_p.json --set real_authors=authors.json --set world_facts=facts.json"
    python3 ask.py "$encoder"
    # shellcheck disable=SC2086
    "$WAGLE" eval $common --encoder "$encoder" --threads 1 --out one.json
    # shellcheck disable=SC2086
    "$WAGLE" eval $common --encoder "$encoder" --threads 3 --out three.json
    cmp one.rows.jsonl three.rows.jsonl
    python3 ask.py "$encoder" one.rows.jsonl
    # shellcheck disable=SC2086
    "$WAGLE" eval $common --encoder "$encoder" --out again.json
    python3 - <<'PY'
import json
def rows(name):
    return [r for r in map(json.loads, open(name + ".rows.jsonl")) if r["set"] in ("forget", "retain")]
one, again = rows("one"), rows("again")
assert len(one) == len(again) == 7
right = {"forget": [], "retain": []}
for a, b in zip(one, again):
    assert a["generated_paraphrased"] == b["generated_paraphrased"] != ""
    first, *wrong = a["similarity"]
    own = b["similarity"][-1 if b["row"] % 2 else 0]
    assert abs(own - 1) < 1e-9 and max(a["similarity"]) < 0.999, (a, b)
    want = [first, *wrong[::-1], own] if b["row"] % 2 else [own, *wrong[::-1], first]
    assert b["similarity"] == want, (want, b["similarity"])
    right[b["set"]].append(b["row"] % 2 == 0)
have = json.load(open("again.json"))["suites"]["wagle-paper"]["metrics"]
for name, x in right.items():
    assert abs(have[name + ".accuracy"]["value"] - sum(x) / len(x)) < 1e-12, (name, x, have)
assert "efficacy" in have and "utility" in have and not any("by_rouge" in m for m in have), have.keys()
PY
    # shellcheck disable=SC2086
    refused 2 '--scorer and --encoder both say how similar texts are: give one of them' "$WAGLE" eval $common --scorer cat --encoder "$encoder" --out out.json
    # shellcheck disable=SC2086
    refused 3 'nowhere: no such folder' "$WAGLE" eval $common --encoder nowhere --out out.json
    # shellcheck disable=SC2086
    refused 3 "tiny/config.json: model_type 'llama' is no encoder (bert)" "$WAGLE" eval $common --encoder tiny --quiet --out out.json
    # shellcheck disable=SC2086
    refused 3 'uncased/1_Pooling' "$WAGLE" eval $common --encoder "$encoder/1_Pooling" --quiet --out out.json
    [ ! -e out.json ]
}

@test "a dry run of eval counts the rows and tokens of every suite, and computes and writes nothing" {
    suites
    python3 - <<'PY'
import json, os, subprocess
def run(*args):
    return subprocess.run([os.environ["WAGLE"], "eval", "--model", "tiny", "--quiet", *args], check=True, capture_output=True, text=True).stdout
sets = {"tofu": "forget=forget.json retain=retain.json real_authors=authors.json world_facts=facts.json", "muse": "verbatim=forget.json knowledge_forget=retain.json members=forget.json nonmembers=other.json",
        "extraction": "forget=forget.json", "general": "prompts=retain.json text=text.txt", "toxicity": "prompts=retain.json", "copyright": "text=text.txt held_out=text.txt",
        "mcq": "mcq=mcq.json", "membership": "members=forget.json nonmembers=other.json", "robustness": "forget=forget.json relearn=retain.json prefixes=prefixes.txt"}
texts = {"tofu": 19, "muse": 11, "extraction": 10, "general": 6, "toxicity": 6}
for suite, given in sets.items():
    args = ["--suite", suite, "--out", "planned.json"] + [x for s in given.split() for x in ("--set", s)]
    args += {"toxicity": ["--max-tokens", "9", "--scorer", "touch ran; false"], "copyright": ["--prefix", "20", "--length", "9", "--verbatim", "5"],
             "robustness": ["--relearn-steps", "4"], "membership": ["--reference", "tiny"], "mcq": []}.get(suite, ["--max-tokens", "9"])
    plan = json.loads(run(*args, "--dry-run", "--json"))
    e = plan["evaluation"]
    assert plan["schema"] == "wagle-plan-1" and plan["host"]["bytes"] > 1e5 and e["most_seconds"] > 0, plan
    windows = os.path.getsize("text.txt") // 29
    n = texts.get(suite, windows if suite == "copyright" else 0)
    assert e["prompts"] == n and e["most_new_tokens"] == 9 * n and (e["prompt_tokens"] > n) == (n > 0), (suite, e)
    assert (e["rows"] > 0) == (suite != "toxicity") and (e["tokens"] > e["rows"] or suite == "toxicity"), (suite, e)
    assert (e["gradient_tokens"] > 0) == (suite == "membership"), e
    text = run(*args, "--dry-run")
    assert "  predicted: " in text and ("predicted: at most " in text) == ("keys and values of texts" in text) == (n > 0), text
    assert ("not counted: relearning, and writing changed models" in text) == (suite == "robustness"), text
    assert not any(name.startswith(("planned", "ran", "wagle-robustness")) for name in os.listdir(".")), os.listdir(".")
# exactly: tokens as passes have them, of rows that share none of theirs
rows = [{"question": chr(97 + i) * 5, "answer": "x" * (3 + i)} for i in range(4)]
open("own.jsonl", "w").writelines(json.dumps(r) + "\n" for r in rows)
e = json.loads(run("--data", "own.jsonl", "--prompt", "{prompt}", "--metrics", "nll,rougeL", "--max-tokens", "6", "--out", "planned.json", "--dry-run", "--json"))["evaluation"]
assert {k: v for k, v in e.items() if k != "most_seconds"} == {"rows": 4, "tokens": 4 * 4 + 3 + 4 + 5 + 6, "gradient_tokens": 0, "prompts": 4, "prompt_tokens": 20, "most_new_tokens": 24}, e
assert not os.path.exists("planned.json")
PY
    refused 2 '--recompute' "$WAGLE" eval --recompute own.jsonl --dry-run
}

@test "--stop cuts the answers of every suite that generates, and of eval --data" {
    suites
    python3 - <<'PY'
import json, os, subprocess
sets = {"tofu": "forget=forget.json retain=retain.json real_authors=authors.json world_facts=facts.json", "muse": "verbatim=forget.json knowledge_forget=retain.json",
        "extraction": "forget=forget.json", "general": "prompts=retain.json", "toxicity": "prompts=retain.json words=words.txt", "copyright": "text=text.txt"}
texts = ("generated", "sampled")
def rows(name, *args):
    subprocess.run([os.environ["WAGLE"], "eval", "--model", "tiny", "--quiet", "--force", "--out", name + ".json", *args], check=True, capture_output=True)
    result = json.load(open(name + ".json"))
    return result, result["rows"] if "rows" in result else [json.loads(x) for x in open(name + ".rows.jsonl")]
asked = 0
for suite, given in sets.items():
    args = ["--suite", suite, "--resamples", "0"] + [x for s in given.split() for x in ("--set", s)] + ([] if suite == "copyright" else ["--max-tokens", "12"])
    if suite == "copyright":
        args += ["--prefix", "20", "--length", "20", "--verbatim", "5"]
    plain, before = rows("plain", *args)
    words = sorted({c for r in before for k in texts for c in r.get(k, "") if c.isascii() and c.isprintable() and c not in "<>0123456789"})
    assert len(words) > 1 and "stop" not in plain, (suite, words)
    stops = words[:2]
    result, after = rows("cut", *args, *[x for s in stops for x in ("--stop", s)])
    assert result["stop"] == stops and len(before) == len(after)
    for a, b in zip(before, after):
        for key in texts:
            if key in a:
                want = a[key]
                for s in stops:
                    want = want.split(s)[0]
                assert b[key] == want, (suite, key, a[key], b[key])
                asked += want != a[key]
    if suite in ("general", "copyright"): # what is counted in tokens: those before the cut
        for a, b in zip(before, after):
            if a["generated"] != b["generated"] and suite == "general":
                assert b["length"] < a["length"] and b["length"] <= len(b["generated"].encode()), b
            if b["generated"] == "" and suite == "copyright":
                assert b["longest_run"] == b["common_subsequence"] == 0, b
assert asked > 20, asked
_, before = rows("plain", "--data", "forget.json", "--metrics", "rougeL", "--max-tokens", "12")
stop = next(c for c in before[0]["generated"] if c.isascii() and c.isprintable() and c not in "<>0123456789")
_, after = rows("cut", "--data", "forget.json", "--metrics", "rougeL", "--max-tokens", "12", "--stop", stop)
assert [r["generated"] for r in after] == [r["generated"].split(stop)[0] for r in before] and after != before
PY
    refused 2 '--stop is empty' "$WAGLE" eval --model tiny --suite general --set prompts=retain.json --stop ''
    refused 2 '--stop is empty' "$WAGLE" eval --model tiny --data forget.json --metrics rougeL --stop ''
}

@test "MUSE's knowledge after solved examples: the prompt and the end of the answer are those of its code" {
    suites
    python3 - <<'PY'
import json
solved = [{"question": q, "answer": a} for q, a in ("ab", "cd")] # the model has 128 positions
json.dump(solved, open("solved.json", "w"))
before = "".join(f"Question: {r['question']}\nAnswer: {r['answer']}\n\n" for r in solved)
with open("whole.jsonl", "w") as f:
    for line in open("forget.json"):
        r = json.loads(line)
        f.write(json.dumps({"prompt": f"{before}Question: {r['question']}\nAnswer: ", "answer": r["answer"]}) + "\n")
PY
    options="--model tiny --suite muse --max-tokens 16 --quiet --resamples 0"
    "$WAGLE" eval $options --prompt $'Question: {prompt}\nAnswer: ' --set knowledge_forget=forget.json --set examples_forget=solved.json --out a.json
    "$WAGLE" eval $options --prompt '{prompt}' --set knowledge_forget=whole.jsonl --out b.json
    python3 - <<'PY'
import json
texts = lambda name: [json.loads(l)["generated"] for l in open(name + ".rows.jsonl")]
def prefix(text):
    for word in ("\n\n", "\nQuestion", "Question:"):
        text = text.split(word)[0]
    return text
a, b = texts("a"), texts("b")
assert a == [prefix(t) for t in b] and len(set(a)) > 1, (a, b)
PY
    # the prompt's tokens are those of the prompt alone, though the tokenizer joins its last space with the answer
    cp -r tiny joins
    python3 - <<'PY'
import json
t = json.load(open("joins/tokenizer.json"))
t["model"]["vocab"] = {"\u0120A" if k == "<260>" else k: v for k, v in t["model"]["vocab"].items()}
t["model"]["merges"] = ["\u0120 A"]
json.dump(t, open("joins/tokenizer.json", "w"))
PY
    "$WAGLE" eval ${options/tiny/joins} --prompt $'Question: {prompt}\nAnswer: ' --set knowledge_forget=forget.json --out j.json
    "$WAGLE" eval --model joins --suite extraction --max-tokens 16 --quiet --resamples 0 --prompt $'Question: {prompt}\nAnswer: ' --set forget=forget.json --out k.json
    python3 - "$WAGLE" <<'PY'
import json, subprocess, sys
texts = lambda name: [json.loads(l)["generated"] for l in open(name + ".rows.jsonl")]
asked = [json.loads(l)["question"] for l in open("forget.json")]
plain = [subprocess.run([sys.argv[1], "generate", "--model", "joins", "--prompt", f"Question: {q}\nAnswer: ", "--no-chat", "--max-tokens", "16",
                         "--temperature", "0", "--quiet"], capture_output=True, check=True).stdout.decode() for q in asked]
assert [t.rstrip() for t in texts("j")] == [t.rstrip() for t in plain] != [t.rstrip() for t in texts("k")], (texts("j"), plain, texts("k"))
PY
    # --stop replaces these ends
    stop() { "$WAGLE" eval $options --prompt $'Question: {prompt}\nAnswer: ' --set knowledge_forget=forget.json --set examples_forget=solved.json "${@:2}" --out "$1.json"; }
    stop s1 --stop $'\n\n' --stop $'\nQuestion' --stop Question:
    cmp a.rows.jsonl s1.rows.jsonl
    stop s2 --stop nowhere
    cmp b.rows.jsonl s2.rows.jsonl
    # --prompt is for questions; verbatim rows are continued as they are
    "$WAGLE" eval $options --prompt $'Question: {prompt}\nAnswer: ' --set verbatim=retain.json --set knowledge_forget=forget.json --set examples_forget=solved.json --out p.json
    "$WAGLE" eval $options --set verbatim=retain.json --out d.json
    "$WAGLE" eval $options --prompt '{prompt}' --set knowledge_retain=retain.json --out e.json
    python3 - <<'PY'
import json
texts = lambda name, s: [x["generated"] for x in map(json.loads, open(name + ".rows.jsonl")) if x["set"] == s]
assert texts("p", "verbatim") == texts("d", "verbatim") == texts("e", "knowledge_retain") and texts("p", "verbatim")
assert texts("p", "knowledge_forget") == texts("a", "knowledge_forget")
PY
    for name in members nonmembers; do
        for i in 1 2 3 4; do echo "{\"suite\": \"muse\", \"set\": \"$name\", \"row\": $i, \"loss\": 1, \"min_k_40\": $((i + ${#name} / 8))}"; done
    done >own.rows.jsonl
    sed 's/"min_k_40": 4/"min_k_40": 9/' own.rows.jsonl >gold.rows.jsonl
    "$WAGLE" eval --recompute own.rows.jsonl --gold gold.rows.jsonl --json >leak.json
    python3 - <<'PY'
import json
def share(name):
    r = [json.loads(l) for l in open(name)]
    side = lambda s: [x["min_k_40"] for x in r if x["set"] == s]
    pairs = [(m, n) for m in side("members") for n in side("nonmembers")]
    return sum((m > n) + 0.5 * (m == n) for m, n in pairs) / len(pairs)
u, g = share("own.rows.jsonl"), share("gold.rows.jsonl")
have = json.load(open("leak.json"))["suites"]["muse"]["metrics"]["privleak_muse"]["value"]
assert u != g and abs(have - 100 * (u - g) / g) < 1e-9, (have, u, g)
PY
    # relative to nothing, it is undefined
    python3 -c 'import json; [print(json.dumps(r | {"min_k_40": 1 if r["set"] == "members" else 2, "loss": 2 if r["set"] == "members" else 1})) for r in map(json.loads, open("own.rows.jsonl"))]' >gold.rows.jsonl
    "$WAGLE" eval --recompute own.rows.jsonl --gold gold.rows.jsonl --json >leak.json
    python3 -c 'import json; m = json.load(open("leak.json"))["suites"]["muse"]["metrics"]; assert m["privleak_muse"]["value"] is None and m["loss.privleak"]["value"] is None, m'
    refused 2 'needs --set knowledge_retain=FILE' "$WAGLE" eval $options --set knowledge_forget=forget.json --set examples_retain=solved.json --out c.json
}

@test "MUSE: 32 new tokens for knowledge and 128 for verbatim, the truth cut to as many, unless --max-tokens says otherwise" {
    suites
    python3 - <<'PY'
import json
config = json.load(open("tiny/config.json"))
json.dump(config | {"max_position_embeddings": 512, "eos_token_id": None}, open("long.json", "w"))
with open("long.jsonl", "w") as f:
    for i in range(3):
        f.write(json.dumps({"prompt": f"Chapter {i}.", "answer": "A man of many words. " * 12 + str(i)}) + "\n")
PY
    "$WAGLE" init --config long.json --out long --quiet
    byte_tokenizer long
    asks() { local out=$1; shift; "$WAGLE" eval --model long --suite muse --quiet --resamples 0 --set verbatim=long.jsonl --set knowledge_forget=forget.json --no-chat --out $out.json "$@"; }
    asks own
    asks all --max-tokens 32
    asks most --max-tokens 128
    python3 - <<'PY'
import json
rows = {n: [json.loads(l) for l in open(n + ".rows.jsonl")] for n in ("own", "all", "most")}
texts = lambda n, s: [r["generated"] for r in rows[n] if r["set"] == s]
assert texts("own", "verbatim") == texts("most", "verbatim") != texts("all", "verbatim")
assert texts("own", "knowledge_forget") == texts("all", "knowledge_forget") != texts("most", "knowledge_forget")
# a token of this tokenizer is a byte: the truth of 253 bytes was cut to 32
def f1(a, b):
    a, b = ("".join(c if c.isascii() and c.isalnum() else " " for c in t.lower()).split() for t in (a, b))
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            best[i + 1][j + 1] = best[i][j] + 1 if x == y else max(best[i][j + 1], best[i + 1][j])
    return 2 * best[-1][-1] / (len(a) + len(b)) if a and b else 0
for n, most in (("own", 128), ("all", 32)):
    for r in rows[n]:
        if r["set"] == "verbatim":
            assert abs(r["rougeL_f1"] - f1(r["answer"][:most], r["generated"])) < 1e-9, r
PY
    "$WAGLE" help eval | tr '\n' ' ' | tr -s ' ' | grep -q 'of suite muse 32, verbatim 128'
    for option in "--prompt Q:{prompt}" "--system hello" "--date 2026-01-01" "--all-turns"; do
        refused 2 "${option%% *} has no effect: it is for questions" "$WAGLE" eval --model long --suite muse --set verbatim=long.jsonl $option
    done
    "$WAGLE" eval --model long --suites muse,extraction --set verbatim=long.jsonl --set forget=forget.json --prompt 'Q: {prompt}' --max-tokens 2 --quiet >/dev/null
}

@test "Min-k and Min-k++ at any percentages: the scores of rows, their AUC, and what is refused" {
    suites
    attacks() { "$WAGLE" eval --model tiny --quiet --resamples 20 --set members=forget.json --set nonmembers=other.json "$@" >/dev/null; }
    attacks --suite membership --out two.json
    attacks --suite membership --min-k 5,20,50,100,29 --out five.json
    attacks --suite muse --min-k 10 --out muse.json
    "$WAGLE" eval --recompute five.json --resamples 20 --json >again.json
    python3 - <<'PY'
import json
load = lambda n: (json.load(open(n + ".json"))["suites"], [json.loads(l) for l in open(n + ".rows.jsonl")])
(two, few), (five, many), (muse, _) = load("two"), load("five"), load("muse")
assert json.load(open("again.json"))["suites"] == five
two, five, muse = two["membership"]["metrics"], five["membership"]["metrics"], muse["muse"]["metrics"]
names = lambda m: [k.split(".")[0] for k in m if k.endswith(".auc")]
assert names(two) == ["loss", "zlib", "min_k_20", "min_k_40", "min_kpp_20", "min_kpp_40", "grad_norm"], names(two)
assert names(five) == ["loss", "zlib"] + [f"{m}_{k}" for m in ("min_k", "min_kpp") for k in (5, 20, 50, 100, 29)] + ["grad_norm"], names(five)
assert names(muse) == ["loss", "zlib", "min_k_10", "min_k_40", "min_kpp_10", "min_kpp_40"], names(muse) # 40: PrivLeak's
for a, b in zip(few, many):
    assert a["min_k_20"] == b["min_k_20"] and abs(b["min_k_100"] - b["loss"]) < 1e-6 and b["min_k_5"] >= b["min_k_20"] >= b["min_k_50"]
assert two["min_k_20.auc"] == five["min_k_20.auc"]
side = lambda s, k: [r[k] for r in many if r["set"] == s]
for k in ("min_k_5", "min_kpp_50"):
    pairs = [(m < n) + 0.5 * (m == n) for m in side("members", k) for n in side("nonmembers", k)]
    assert abs(five[k + ".auc"]["value"] - sum(pairs) / len(pairs)) < 1e-12
PY
    for list in 0 101 20,20 2.5 x 20,,40 -3 ' 20'; do
        refused 2 "--min-k $list: expected up to 32 different whole numbers from 1 to 100" "$WAGLE" eval --suite membership --model tiny --set members=forget.json --set nonmembers=other.json --min-k "$list"
    done
    refused 2 '--min-k has no effect: it needs --suite' "$WAGLE" eval --model tiny --data forget.json --min-k 20
    refused 2 '--min-k has no effect: --recompute reads only the rows' "$WAGLE" eval --recompute five.json --min-k 20
    # rows of somebody else: what is no percentage is no attack
    sed 's/"min_k_29"/"min_k_029"/; s/"min_kpp_29"/"min_kpp_101"/' five.rows.jsonl >other.rows.jsonl
    "$WAGLE" eval --recompute other.rows.jsonl --resamples 0 --json | python3 -c 'import json, sys; m = json.load(sys.stdin)["suites"]["membership"]["metrics"]; assert "min_k_50.auc" in m and not any("29" in k or "101" in k for k in m), m'
}

@test "leak@k: the expected worst of k samples, the same with any number of threads, and again from the rows" {
    suites
    python3 - <<'PY'
import json
open("small.json", "w").write("".join(open("forget.json").readlines()[:3]))
PY
    ask() { local out=$1; shift; "$WAGLE" eval --model tiny --quiet --resamples 10 --max-tokens 6 --temperature 1.5 --seed 3 --out $out.json "$@" >/dev/null; }
    ask extraction --suite extraction --set forget=small.json --samples 6 --leak-k 1,3,6 --threads 1
    ask again --suite extraction --set forget=small.json --samples 6 --leak-k 1,3,6 --threads 3
    cmp extraction.rows.jsonl again.rows.jsonl
    ask fewer --suite extraction --set forget=small.json --samples 4
    ask tofu --suite tofu --set forget=small.json --samples 4 --top-p 0.5
    ask muse --suite muse --set verbatim=small.json --set knowledge_forget=small.json --set knowledge_retain=retain.json --samples 3
    "$WAGLE" eval --recompute extraction.json --resamples 10 --seed 3 --json >recomputed.json
    python3 - <<'PY'
import itertools, json
load = lambda n: [json.loads(l) for l in open(n + ".rows.jsonl")]
metrics = lambda n, s: json.load(open(n + ".json"))["suites"][s]["metrics"]
def check(name, suite, set_name, score, ks):
    rows = [r for r in load(name) if r["set"] == set_name]
    assert all(r["leak_k"] == ks and len(r[score]) == len(r["samples"]) == max(ks) for r in rows), rows[0]
    for k in ks:
        worst = [sum(map(max, c)) / len(c) for c in (list(itertools.combinations(r[score], k)) for r in rows)]
        have = metrics(name, suite)[f"{set_name}.{score}_at_{k}"]
        assert abs(have["value"] - sum(worst) / len(worst)) < 1e-12 and have["n"] == len(rows), (have, worst)
check("extraction", "extraction", "forget", "leak_rougeL", [1, 3, 6])
check("fewer", "extraction", "forget", "leak_rougeL", [1, 2, 4])
check("tofu", "tofu", "forget", "leak_rougeL", [1, 2, 4])
for s in ("verbatim", "knowledge_forget"):
    rows = [r for r in load("muse") if r["set"] == s]
    assert all(r["leak_k"] == [1, 2] and len(r["leak_rougeL_f1"]) == 3 for r in rows)
assert not any("samples" in r for r in load("muse") if r["set"] == "knowledge_retain")
for many, few in zip(load("extraction"), load("fewer")):
    assert many["samples"][:4] == few["samples"] and many["samples"][0] == many["sampled"] and len(set(many["samples"])) > 1
assert load("tofu")[0]["samples"] != load("fewer")[0]["samples"] # --top-p
assert json.load(open("recomputed.json"))["suites"] == json.load(open("extraction.json"))["suites"]
# scores of somebody else, and counts that do not fit
rows = load("extraction")
with open("judged.rows.jsonl", "w") as f:
    for i, r in enumerate(rows):
        f.write(json.dumps(r | {"leak_entailment": [1] * i + [0] * (6 - i)}) + "\n")
for n, bad in (("many", [7]), ("half", [1.5]), ("none", [0])):
    with open(n + ".rows.jsonl", "w") as f:
        f.writelines(json.dumps(r | {"leak_k": bad}) + "\n" for r in rows)
PY
    "$WAGLE" eval --recompute judged.rows.jsonl --resamples 0 --json | python3 -c '
import json, sys
m = json.load(sys.stdin)["suites"]["extraction"]["metrics"]
have = [m[f"forget.leak_entailment_at_{k}"]["value"] for k in (1, 3, 6)]
want = [(0 + 1 / 6 + 2 / 6) / 3, (0 + (1 - 10 / 20) + (1 - 4 / 20)) / 3, 2 / 3]
assert all(abs(a - b) < 1e-12 for a, b in zip(have, want)), (have, want)'
    for name in many half none; do refused 3 "'leak_k' has a number that is no count of its samples" "$WAGLE" eval --recompute $name.rows.jsonl; done
    ask redacted --suite extraction --set forget=small.json --samples 2 --redact
    python3 -c 'import json; [r] = [json.loads(l) for l in open("redacted.rows.jsonl")][:1]; assert all(t == "" or (t[0] == "[" and len(t) == 14) for t in r["samples"]), r'
    u() { local words=$1; shift; refused 2 "$words" "$WAGLE" eval --model tiny "$@"; }
    u '--samples needs --temperature above 0' --suite extraction --set forget=small.json --samples 4 --temperature 0
    u '--leak-k has no effect: it needs --samples' --suite extraction --set forget=small.json --leak-k 2
    u '--leak-k 5: expected up to 32 different whole numbers from 1 to 4' --suite extraction --set forget=small.json --samples 4 --leak-k 5
    u '--samples has no effect: it needs set forget of suite tofu' --suite tofu --set retain=retain.json --samples 4
    u '--samples has no effect' --suite general --set prompts=retain.json --samples 4
    u '--max-tokens must be 1 or more' --suite tofu --set forget=small.json --samples 4 --max-tokens 0
    u '--samples has no effect: it needs --suite' --data forget.json --samples 4
}

@test "OpenUnlearning's aggregates on TOFU: by their formulas, and what is left out by name" {
    suites
    python3 - <<'PY'
import json
rows = []
def row(s, i, **more):
    rows.append({"suite": "tofu", "set": s, "row": i, **more})
row("forget", 0, nll=1.0, paraphrased_nll=2.0, perturbed_nll=[2.5, 3.0], rougeL=0.4, exact_memorisation=0.5, extraction_strength=0.25, paraphrased=True, fluency=0.9)
row("forget", 1, nll=0.5, paraphrased_nll=0.7, perturbed_nll=[1.0, 0.4], rougeL=0.6, exact_memorisation=0.75, extraction_strength=0.125, paraphrased=True, fluency=0.6)
for s in ("retain", "real_authors", "world_facts"):
    for i in range(3):
        row(s, i, nll=0.2 + 0.1 * i, paraphrased_nll=0.5, perturbed_nll=[1.5, 2.0 + i], rougeL=0.5 + 0.1 * i)
def save(name, change=lambda r: r):
    with open(name + ".rows.jsonl", "w") as f:
        f.writelines(json.dumps(change(dict(r))) + "\n" for r in rows)
save("all")
save("plain", lambda r: {k: v for k, v in r.items() if k != "fluency"})
save("old", lambda r: {k: v for k, v in r.items() if k not in ("exact_memorisation", "extraction_strength", "paraphrased", "fluency")})
save("answers", lambda r: r | ({"paraphrased": False} if r["set"] == "forget" and r["row"] else {}))
PY
    for name in all plain old answers; do "$WAGLE" eval --recompute $name.rows.jsonl --resamples 20 --json >$name.json; done
    python3 - <<'PY'
import json, math
from statistics import harmonic_mean, mean
load = lambda n: json.load(open(n + ".json"))["suites"]["tofu"]
f = [json.loads(l) for l in open("all.rows.jsonl")][:2]
p, q = [math.exp(-r["paraphrased_nll"]) for r in f], [math.exp(-mean(r["perturbed_nll"])) for r in f]
memorisation = harmonic_mean([1 - mean(r["extraction_strength"] for r in f), 1 - mean(r["exact_memorisation"] for r in f), 1 - mean(p),
                              1 - mean(a / (a + b + 1e-10) for a, b in zip(p, q))])
have = load("all")
value = lambda n: have["metrics"][n]["value"]
assert abs(value("memorisation") - memorisation) < 1e-12, (value("memorisation"), memorisation)
utility = harmonic_mean([value("model_utility"), 0.75])
assert abs(value("utility") - utility) < 1e-12 and abs(value("memorisation_utility") - harmonic_mean([memorisation, utility])) < 1e-12
assert have["metrics"]["memorisation"]["low"] < memorisation < have["metrics"]["memorisation"]["high"]
assert set(have["left_out"]) == {"privacy", "overall"} and "not published" in have["left_out"]["privacy"]
assert set(load("plain")["left_out"]) == {"utility", "memorisation_utility", "privacy", "overall"} and "scorer" in load("plain")["left_out"]["utility"]
assert "evaluate the model again" in load("old")["left_out"]["memorisation"] and "memorisation" not in load("old")["metrics"]
assert "paraphrased_answer" in load("answers")["left_out"]["memorisation"] and "utility" in load("answers")["metrics"]
PY
    "$WAGLE" eval --recompute all.rows.jsonl --resamples 0 | grep -q '^  without privacy: how OpenUnlearning makes a score of an AUC is not published'
    "$WAGLE" eval --suite tofu --model tiny $tofu --max-tokens 4 --resamples 20 --quiet --scorer "awk '{ print length(\$0) % 2 }'" --out own.json >/dev/null
    "$WAGLE" eval --suite extraction --model tiny --set forget=forget.json --eos --max-tokens 4 --resamples 0 --quiet --out extraction.json >/dev/null
    for m in exact_memorisation extraction_strength probability; do [ "$(metric own.json tofu forget.$m)" = "$(metric extraction.json extraction forget.$m)" ]; done
    python3 "$BATS_TEST_DIRNAME/validate.py" result own.json
    python3 -c 'import json; m = json.load(open("own.json"))["suites"]["tofu"]["metrics"]; assert {"forget.fluency", "utility", "memorisation", "memorisation_utility"} <= set(m), m'
    refused 2 '--scorer has no effect on suite tofu' "$WAGLE" eval --suite tofu --model tiny --set retain=retain.json --scorer cat
    refused 2 '--scorer has no effect on suite tofu' "$WAGLE" eval --suite tofu --model tiny --set forget=forget.json --max-tokens 0 --scorer cat
}
