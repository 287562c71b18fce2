load helpers

# There is one definition of probability (docs/reference/definitions.md): for the same rows, model and layout, all commands print the same digits.

setup_rows() {
    cp -r "$model" tiny && byte_tokenizer tiny
    python3 - <<'PY'
import json
for name, n in (("forget.json", 5), ("retain.json", 6)):
    with open(name, "w") as f:
        for i in range(n):
            f.write(json.dumps({"question": f"Who is {name[0]}{i}?", "answer": f"A man of {i} words" + "!" * i, "paraphrased_answer": f"He has {i} words.",
                                "perturbed_answer": [f"A man of {i + k} words." for k in (1, 2, 3)]}) + "\n")
PY
}

# agree DIGITS_OPTION...: a run with a stop rule and suites during training, then eval, suites and report of its result, all with these options.
agree() {
    local rows=("${@/--no-eos/--quiet}") # eval --data has no such option: it never counts it without --eos
    rm -rf after* again* report.html
    "$WAGLE" unlearn --model tiny --forget forget.json --retain retain.json --lr 1e-3 --steps 6 --monitor --eval-every 2 --stop-when 'forget.probability<0.001' --allow-unmet \
        --suite tofu,extraction --set forget=forget.json --set retain=retain.json --max-tokens 1 --out after --quiet "$@" 2>run.txt >/dev/null
    "$WAGLE" eval --model after --data forget.json --metrics probability --json "${rows[@]}" >rows.json 2>/dev/null
    "$WAGLE" eval --suite tofu,extraction,robustness --model after --set forget=forget.json --set retain=retain.json --max-tokens 1 --out after.json --quiet "$@" >table.txt 2>warned.txt
    "$WAGLE" eval --recompute after.json --out again.json --quiet >/dev/null
    "$WAGLE" report after.json after --out report.html
    python3 - <<'PY'
import html, json, re
log = [json.loads(line) for line in open("after/log.jsonl")][-1]
digits = lambda x: "%.9g" % x
suites, again = (json.load(open(n))["suites"] for n in ("after.json", "again.json"))
value = lambda s, suite, metric: digits(s[suite]["metrics"][metric]["value"])
want = digits(log["forget.probability"])
have = {"log, suite tofu": digits(log["tofu.forget.probability"]), "log, suite extraction": digits(log["extraction.forget.probability"]),
        "eval --data": digits(json.load(open("rows.json"))["overall"]["probability"])}
for name, s in (("", suites), (" again", again)):
    have |= {"tofu" + name: value(s, "tofu", "forget.probability"), "extraction" + name: value(s, "extraction", "forget.probability"),
             "robustness" + name: value(s, "robustness", "plain.probability")}
assert set(have.values()) == {want}, (want, have)
assert digits(log["retain.probability"]) == value(suites, "tofu", "retain.probability")
four = "%.4f" % float(want) # as the terminal and the report print it
table = open("table.txt").read()
for metric in ("forget.probability", "plain.probability"):
    assert re.search(rf"^  {re.escape(metric)} +{four} ", table, re.M), metric
page = html.unescape(re.sub(r"<[^>]*>", " ", open("report.html").read()))
assert re.search(rf"forget set: answer probability \(n.=.\d\) +{four} ", page)
assert re.search(rf"the answer probability on the forget set is {four}\.", page)
PY
}

@test "training's log, eval, suites and the report agree on the answer probability to the digit" {
    setup_rows
    agree --no-eos
    if grep 'end-of-text' run.txt warned.txt; then return 1; fi
    agree --eos
    if grep 'end-of-text' run.txt warned.txt; then return 1; fi
    agree --no-eos --chat-layout chatml
    agree --eos --limit 3
}

@test "so they do for a model whose weights are stored as bf16" {
    setup_rows
    "$WAGLE" init --config tiny/config.json --dtype bf16 --out half
    rm -r tiny
    mv half tiny
    byte_tokenizer tiny
    agree --eos
}

@test "where one counts the end of the text and the other does not, both commands say so" {
    setup_rows
    "$WAGLE" unlearn --model tiny --forget forget.json --retain retain.json --lr 1e-3 --steps 2 --eval-every 2 --monitor --suite tofu --set forget=forget.json --max-tokens 0 --out after 2>run.txt >/dev/null
    grep -qF 'suite tofu counts the end-of-text token' run.txt
    "$WAGLE" eval --suite tofu --model after --set forget=forget.json --max-tokens 0 --out a.json 2>warned.txt >/dev/null
    grep -qF 'only one of the two counts the end-of-text token' warned.txt
    python3 -c 'import json; assert json.load(open("a.json"))["layouts"]["tofu"]["eos"] is True and "eos" not in json.load(open("after/manifest.json"))["layout"]'
}
