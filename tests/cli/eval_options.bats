load helpers

# A tiny model with a tokenizer, and rows for the suites.
data() {
    cp -r "$model" tiny && byte_tokenizer tiny
    python3 - <<'PY'
import json
wrong = lambda i: [f"A man of {i + k} words." for k in (1, 2, 3)]
for name, n in (("forget.json", 5), ("retain.json", 6), ("other.json", 6)):
    with open(name, "w") as f:
        for i in range(n):
            f.write(json.dumps({"question": f"Who is {name[0]}{i}?", "answer": f"A man of {i} words.", "paraphrased_answer": f"He has {i} words.", "perturbed_answer": wrong(i)}) + "\n")
with open("mcq.json", "w") as f:
    for i in range(6):
        f.write(json.dumps({"question": f"What is {i}?", "choices": ["one", "twenty", "red", "a fish"], "answer": i % 4}) + "\n")
open("text.txt", "w").write("The quick brown fox jumps over the lazy dog. " * 12)
PY
}
ask() { "$WAGLE" eval --model tiny --quiet --resamples 0 "$@"; }
pairs="--set members=forget.json --set nonmembers=other.json"

@test "an option that no set of the call reads is refused, and what reads it is named" {
    data
    u() { local words=$1; shift; refused 2 "$words" ask "$@"; }
    u '--max-tokens has no effect: it needs set prompts of suite general' --suite general --set text=text.txt --max-tokens 5
    u '--stop has no effect: it needs set prompts of suite general' --suite general --set text=text.txt --stop x
    u '--stop has no effect: it needs set text of suite copyright' --suite copyright --set held_out=text.txt --stop x
    u '--length has no effect: it needs set text of suite copyright' --suite copyright --set held_out=text.txt --length 9
    u '--max-tokens has no effect: it needs suite tofu, muse,' --suite copyright --set text=text.txt --max-tokens 5
    u '--stop has no effect: it needs set verbatim, knowledge_forget or knowledge_retain of suite muse' --suite muse $pairs --stop x
    u '--max-tokens has no effect: it needs suite tofu, muse, wagle-paper, extraction, toxicity or general' --suite mcq --set m=mcq.json --max-tokens 3
    u '--stop has no effect: it needs suite' --suite membership $pairs --stop x
    u '--stop has no effect: --max-tokens 0 generates no text' --suite tofu --set forget=forget.json --max-tokens 0 --stop x
    u '--temperature has no effect: it needs suite extraction or toxicity, or --samples N' --suite general --set prompts=retain.json --temperature 1
    u '--top-p has no effect: it needs set forget of suite tofu with --samples N' --suite tofu --set forget=forget.json --top-p 0.5
    u '--top-p has no effect: at --temperature 0 the likeliest token is taken' --suite extraction --set forget=forget.json --temperature 0 --top-p 0.5
    u '--min-k has no effect: it needs set members or nonmembers of suite muse' --suite muse --set verbatim=forget.json --min-k 5
    u '--min-k has no effect: it needs suite muse or membership' --suite mcq --set m=mcq.json --min-k 5
    u '--relearn-steps has no effect: it needs set relearn of suite robustness' --suite robustness --set forget=forget.json --relearn-steps 5
    u '--relearn-lr has no effect: --relearn-steps is 0' --suite robustness --set forget=forget.json --set relearn=forget.json --relearn-steps 0 --relearn-lr 1e-3
    for option in '--stop x' '--max-tokens 3'; do
        refused 2 "${option% *} has no effect: it needs --metrics rouge1, rouge2 or rougeL" "$WAGLE" eval --model tiny --data forget.json $option
    done
    refused 2 '--max-tokens has no effect: it needs set prompts of suite general' "$WAGLE" finetune --model tiny --data forget.json --steps 1 --suite general --set text=text.txt --max-tokens 3 --out out
    # what one of several suites reads, and what asks for nothing
    ask --suite mcq,general --set m=mcq.json --set prompts=retain.json --max-tokens 3 --stop x >/dev/null
    ask --suite mcq --set m=mcq.json --max-tokens 0 --temperature 0 >/dev/null
    ask --suite tofu --set forget=forget.json --samples 2 --top-p 0.5 --temperature 1 --max-tokens 2 >/dev/null
    ask --suite toxicity --set prompts=retain.json --scorer 'sed s/.*/0/' --temperature 0 --max-tokens 2 --stop x >/dev/null
    "$WAGLE" finetune --model tiny --data forget.json --steps 1 --suite general --set text=text.txt --memory 1G --out tuned --quiet # it generates no text
}

@test "a gold result without the scores that are compared with it is refused, or said where there are only rows" {
    data
    ask --suite membership $pairs --out gold.json >/dev/null
    ask --suite membership $pairs --min-k 5,20 --out five.json >/dev/null
    refused 2 'gold result gold.json has Min-k at 20,40 %, not at 5 %, so PrivLeak could not be computed; give --min-k 20,40, or evaluate the gold model with --min-k 5,20' \
        ask --suite membership $pairs --min-k 5,20 --gold gold.json
    refused 2 'gold result gold.json was made without --reference' ask --suite membership $pairs --reference tiny --gold gold.json
    ask --suite membership $pairs --min-k 20 --gold gold.json --out less.json >/dev/null # it has more
    "$WAGLE" eval --recompute five.json --gold gold.json --resamples 0 --json >five.again.json
    "$WAGLE" eval --recompute less.json --gold gold.json --resamples 0 --json >less.again.json
    ask --suite muse $pairs --gold gold.json --json >muse.json
    ask --suite tofu --set retain=retain.json --max-tokens 0 --out retain_only.json >/dev/null
    ask --suite tofu --set forget=forget.json --max-tokens 0 --gold retain_only.json --json >tofu.json
    ask --suite tofu --set forget=forget.json --max-tokens 0 --gold gold.json --json >other.json.json
    python3 - <<'PY'
import json
load = lambda n: next(iter(json.load(open(n))["suites"].values()))
five = load("five.again.json")
assert set(five["left_out"]) == {"min_k_5.privleak", "min_kpp_5.privleak"} and "min_k_20.privleak" in five["metrics"], five["left_out"]
assert "gold result has no min_k_5" in five["left_out"]["min_k_5.privleak"]
assert "left_out" not in load("less.again.json")
assert "no rows of suite muse" in load("muse.json")["left_out"]["metrics relative to the gold result"]
assert "gold result has no set forget" in load("tofu.json")["left_out"]["forget_quality"]
assert "no rows of suite tofu" in load("other.json.json")["left_out"]["metrics relative to the gold result"]
PY
    "$WAGLE" eval --recompute five.json --gold gold.json --resamples 0 | grep -q 'without min_k_5.privleak: the gold result has no min_k_5'
}

@test "a result has the options that change its numbers, and compare names those that differ" {
    data
    local train="--suite tofu --set forget=forget.json"
    ask $train --max-tokens 4 --out a.json >/dev/null
    mkdir there && cp forget.json there && ask --suite tofu --set forget=there/forget.json --max-tokens 4 --seed 5 --out same.json >/dev/null
    ask $train --max-tokens 6 --stop e --stop x --limit 4 --no-eos --where 'question!=nobody' --out b.json >/dev/null
    ask --suite extraction --set forget=forget.json --max-tokens 4 --seed 5 --out s5.json >/dev/null
    ask --suite extraction --set forget=forget.json --max-tokens 4 --top-p 0.5 --out s1.json >/dev/null
    "$WAGLE" compare a.json same.json --resamples 5 >/dev/null 2>said.txt && [ ! -s said.txt ]
    "$WAGLE" compare a.json b.json --resamples 5 >/dev/null 2>said.txt
    [ "$(wc -l <said.txt)" = 1 ]
    grep -qF 'a.json and b.json were made with different options, which may be why they differ: --max-tokens (4 and 6), --stop (none and ["e","x"]), layout of suite tofu, --limit (default and 4), --where' said.txt
    "$WAGLE" compare a.json,b.json a.json,b.json --resamples 5 2>&1 >/dev/null | grep -qF -- '--max-tokens (4 and 6)'
    "$WAGLE" compare s5.json s1.json --resamples 5 2>&1 >/dev/null | grep -qF -- 'differ: --top-p (default and 0.5), --seed (5 and 1)'
    ask --suite extraction --set forget=forget.json --max-tokens 4 --out s0.json >/dev/null
    "$WAGLE" compare s5.json,s0.json s5.json,s0.json --resamples 5 >/dev/null 2>said.txt && [ ! -s said.txt ] # seeds of each side
    # several suites: options of those that both have
    ask --suites tofu,membership --set forget=forget.json $pairs --min-k 5 --max-tokens 4 --out more.json >/dev/null
    "$WAGLE" compare a.json more.json --resamples 5 >/dev/null 2>said.txt && [ ! -s said.txt ]
    # what is computed again is of the same options, and rows alone have none
    "$WAGLE" eval --recompute b.json --resamples 0 --out again.json >/dev/null
    "$WAGLE" compare a.json again.json --resamples 5 2>&1 >/dev/null | grep -qF -- '--stop (none and ["e","x"])'
    cp a.rows.jsonl alone.rows.jsonl
    "$WAGLE" compare alone.rows.jsonl b.json --resamples 5 >/dev/null 2>said.txt && [ ! -s said.txt ]
    # other rows, and a gold result of others
    ask --suite tofu --set forget=retain.json --max-tokens 4 --out rows.json >/dev/null
    "$WAGLE" compare a.json rows.json --resamples 5 2>&1 >/dev/null | grep -qF 'differ: set forget (forget.json and retain.json)'
    "$WAGLE" eval --model tiny --resamples 0 $train --max-tokens 0 --gold b.json 2>&1 >/dev/null | grep -qF 'gold result b.json was made with different options, which may be why metrics differ from it: layout of suite tofu, --limit (default and 4)'
    "$WAGLE" eval --model tiny --resamples 0 $train --max-tokens 0 --gold a.json 2>said.txt >/dev/null && [ -z "$(grep different said.txt)" ]
    "$WAGLE" eval --model tiny --data forget.json --metrics rougeL --max-tokens 5 --stop e --limit 2 --json --quiet >rows.json
    "$WAGLE" eval --model tiny --data forget.json --metrics nll --json --quiet >plain.json
    python3 - <<'PY'
import json
load = lambda n: json.load(open(n))
b, again, rows, plain = load("b.json"), load("again.json"), load("rows.json"), load("plain.json")
for r in (b, again):
    assert (r["max_tokens"], r["stop"], r["limit"], r["where"], r["sets"], r["model"]) == (6, ["e", "x"], 4, ["question!=nobody"], {"forget": "forget.json"}, "tiny"), r
assert (rows["max_tokens"], rows["stop"], rows["limit"], rows["model"]) == (5, ["e"], 2, "tiny"), rows
assert not {"max_tokens", "stop", "limit"} & set(plain), plain
PY
    for result in a b again more; do python3 "$BATS_TEST_DIRNAME/validate.py" result $result.json; done
    python3 "$BATS_TEST_DIRNAME/validate.py" rows-result rows.json
}

@test "the plan of an evaluation has the memory of a second model" {
    data
    bytes() { "$WAGLE" eval --model tiny --quiet --dry-run --json "$@" | python3 -c 'import json, sys; print(json.load(sys.stdin)["host"]["bytes"])'; }
    one=$(bytes --suite membership $pairs) two=$(bytes --suite membership $pairs --reference tiny)
    weights=$(stat -c %s "$model"/*.safetensors | paste -sd+ | bc)
    [ $((two - one)) -gt $((weights / 2)) ]
    "$WAGLE" eval --model tiny --quiet --dry-run --suite membership $pairs --reference tiny | grep -q 'second model and its passes'
    "$WAGLE" eval --model tiny --quiet --dry-run --suite robustness --set forget=forget.json | grep -q 'second model and its passes'
    ! "$WAGLE" eval --model tiny --quiet --dry-run --suite membership $pairs | grep -q 'second model' || false
}

@test "rows of muse have the texts that were scored: the truth cut to as many tokens as are generated" {
    data
    ask --suite muse --set verbatim=forget.json --set knowledge_forget=forget.json --max-tokens 5 --stop e --out m.json >/dev/null
    python3 - <<'PY'
import json
true = [json.loads(l)["answer"] for l in open("forget.json")]
for r in map(json.loads, open("m.rows.jsonl")):
    want = true[r["row"]]
    assert r["answer"] == (want[:5] if r["set"] == "verbatim" else want), r # a token of this tokenizer is a byte
    assert "e" not in r["generated"]
PY
}

@test "compare names files of any letters, and a recomputed result keeps the seed of its rows" {
    data
    for name in a b; do
        long=$name$(printf 'й%.0s' {1..40}).jsonl
        cp retain.json "$long"
        ask --suite toxicity --set prompts="$long" --scorer 'sed s/.*/0/' --max-tokens 2 --seed 3 --out $name.json >/dev/null
    done
    "$WAGLE" compare a.json b.json 2>said >/dev/null
    grep -q 'set prompts (aййй.* and bйй' said
    mkdir folder && cp retain.json folder
    ask --suite toxicity --set prompts=folder --scorer 'sed s/.*/0/' --max-tokens 2 --seed 3 --out c.json >/dev/null
    ask --suite toxicity --set prompts=folder/ --scorer 'sed s/.*/0/' --max-tokens 2 --seed 3 --out d.json >/dev/null
    "$WAGLE" compare c.json d.json 2>said >/dev/null
    [ ! -s said ]
    cp c.rows.jsonl e.rows.jsonl
    cp c.json e.json
    "$WAGLE" eval --recompute e.json --seed 7 --resamples 10 --out f.json --quiet >/dev/null
    python3 -c 'import json; f = json.load(open("f.json")); assert (f["seed"], f["resampling_seed"]) == (3, 7), f'
    "$WAGLE" compare c.json f.json 2>said >/dev/null
    [ ! -s said ]
    "$WAGLE" eval --model tiny --quiet --data forget.json --max-tokens 0 >/dev/null
}
