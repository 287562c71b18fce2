load helpers

# unlearn --requests: files of rows that are unlearned one after another.

requests() { # three requests of different rows; train: options of a run
    for k in a b c; do python3 -c "
import json, random
r = random.Random('$k')
for _ in range(5):
    ids = [r.randrange(3, 320) for _ in range(r.randrange(5, 30))]
    print(json.dumps({'input_ids': ids, 'labels': [-100, -100] + ids[2:]}))" >$k.jsonl; done
    train=(--retain retain.jsonl --lr 3e-3 --steps 4 --batch 2 --seed 3)
}
one_by_one() { # the same by three commands: m1, m2, m3
    rm -rf m1 m2 m3
    "$WAGLE" unlearn --model "$model" --forget a.jsonl "${train[@]}" "$@" --out m1 --quiet >/dev/null
    "$WAGLE" unlearn --model m1 --forget b.jsonl "${train[@]}" "$@" --out m2 --quiet >/dev/null
    "$WAGLE" unlearn --model m2 --forget c.jsonl "${train[@]}" "$@" --out m3 --quiet >/dev/null
}
all() { "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl,c.jsonl "${train[@]}" "$@"; }
hash() { sha256sum <"$1/model.safetensors"; }
whole() { (cd "$1" && find . -type f | sort | xargs sha256sum); }

@test "three requests at once are three commands by hand: all weights, a mask, new scores for each, rows drawn" {
    requests
    "$WAGLE" mask --model "$model" --forget a.jsonl --retain retain.jsonl --density 0.2 --out mask --quiet
    for how in "" "--mask mask" "--selector wagle --density 0.2" "--selector snip --density 0.2 --draw 7" "--objective npo --protect retain"; do
        # shellcheck disable=SC2086
        { one_by_one $how && all $how --out o --force --quiet >/dev/null; }
        [ "$(hash o)" = "$(hash m3)" ]
        for k in 1 2 3; do cmp m$k/log.jsonl o/requests/$k/log.jsonl; done
        [ ! -e o.partial ]
    done
    all --requests c.jsonl --out twice 2>&1 | grep -q 'c.jsonl is given twice'
    "$WAGLE" unlearn --model "$model" --requests a.jsonl --requests b.jsonl --requests c.jsonl "${train[@]}" --out o2 --quiet >/dev/null
    one_by_one
    [ "$(hash o2)" = "$(hash m3)" ]
    "$WAGLE" unlearn --model "$model" --requests a.jsonl "${train[@]}" --out only --quiet >/dev/null
    [ "$(hash only)" = "$(hash m1)" ]
    cp a.jsonl 'a,b.jsonl'
    "$WAGLE" unlearn --model "$model" --requests 'a,b.jsonl' "${train[@]}" --out comma --quiet >/dev/null
    [ "$(hash comma)" = "$(hash m1)" ]
}

@test "the table has what eval says of each model, for every request so far and the retain rows" {
    requests
    one_by_one
    all --out o >table 2>said
    [ "$(grep -c 'jsonl  *4 ' table)" = 3 ]
    grep -q '^probability after each request' table
    [ "$(grep -c '^wagle: request [123] of 3: [abc].jsonl$' said)" = 3 ]
    for k in 0 1 2 3; do
        at=m$k && [ $k = 0 ] && at=$model
        for f in a b c retain; do "$WAGLE" eval --model "$at" --data $f.jsonl --json >$k-$f.json; done
    done
    python3 - <<'PY'
import json
d = json.load(open("o/requests.json"))
overall = lambda k, f: json.load(open(f"{k}-{f}.json"))["overall"]
assert [r["requests"] for r in d["table"]] == [0, 1, 2, 3]
for row in d["table"]:
    k = row["requests"]
    n = k if k else 3
    assert [a.pop("file") for a in row["asked"]] == ["a.jsonl", "b.jsonl", "c.jsonl"][:n]
    assert row["asked"] == [overall(k, f) for f in "abc"[:n]], (k, row["asked"])
    assert row["retain"] == overall(k, "retain")
    rows = sum(a["rows"] for a in row["asked"])
    assert row["forget"]["rows"] == rows
    mean = sum(a["probability"] * a["rows"] for a in row["asked"]) / rows
    assert abs(row["forget"]["probability"] - mean) < 1e-12 and "perplexity" not in row["forget"]
    if k:
        m = json.load(open(f"o/requests/{k}/manifest.json"))
        assert row["steps"] == m["steps"] == 4 and row["file"] == "abc"[k - 1] + ".jsonl"
PY
    python3 "$BATS_TEST_DIRNAME/validate.py" requests o/requests.json
    all --out metrics --metrics nll --json --quiet | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert list(d["table"][3]["retain"]) == ["rows", "nll"], d["table"][3]'
    all --out perplexity --metrics perplexity --quiet >table
    python3 - <<'PY'
import json
d = json.load(open("perplexity/requests.json"))["table"]
lines = open("table").read().splitlines()
assert lines[0].startswith("perplexity after each request"), lines[0]
for row, line in zip(d, lines[2:], strict=True):
    want = ["(before)"] if row["requests"] == 0 else [row["file"], str(row["steps"])]
    assert "perplexity" not in row["forget"]
    want += [f"{x['perplexity']:.4f}" for x in [row["retain"], *row["asked"]]]
    assert line.split() == want, (line, want)
PY
    "$WAGLE" report o --out report.html
    python3 - <<'PY'
page = open("report.html").read()
part = page[page.index("Requests, one after another"):]
assert part.count("<svg") >= 3 and "c.jsonl" in part and "before the first request" in part
PY
    "$WAGLE" report one=o two=metrics --out report2.html --quiet 2>said || true
    grep -q '>two<' report2.html
    echo '{"table": [3]}' >o/requests.json
    refused 3 "o/requests.json: not a table of requests" "$WAGLE" report o --out out
}

@test "suites are asked after each request, and their results can be compared" {
    requests
    cp -r "$model" tiny && rm tiny/gold.* && byte_tokenizer tiny
    for i in 0 1 2 3; do echo "{\"question\": \"What is $i?\", \"choices\": [\"one\", \"twenty\", \"red\", \"a fish\"], \"answer\": $i}"; done >mcq.json
    "$WAGLE" unlearn --model tiny --requests a.jsonl,b.jsonl "${train[@]}" --suite mcq --set wmdp=mcq.json --eval-every 4 --out o --quiet >/dev/null
    for at in 0,tiny 2,o; do
        "$WAGLE" eval --suite mcq --set wmdp=mcq.json --model "${at#*,}" --json >eval.json
        python3 - "${at%,*}" <<'PY'
import json, sys
want = json.load(open("eval.json"))["suites"]["mcq"]["metrics"]
got = json.load(open("o/requests.json"))["table"][int(sys.argv[1])]["suites"]["mcq"]
assert got and all(abs(got[k] - v["value"]) < 1e-12 for k, v in want.items()), (got, want)
PY
    done
    python3 "$BATS_TEST_DIRNAME/validate.py" requests o/requests.json
    "$WAGLE" compare o/requests/0/result.json o/requests/2/result.json --resamples 9 >/dev/null
    "$WAGLE" report o --out report.html
    grep -q 'mcq.wmdp' report.html
}

@test "killed or interrupted at any instant, the same command goes on to the same bytes" {
    requests
    train+=(--checkpoint-every 2 --selector snip --density 0.3 --log csv)
    all --out want --out-patch want.patch --quiet >/dev/null
    for how in KILL INT TERM; do
        rm -rf cut cut.partial cut.patch
        i=0
        # each try has a little longer, so that one of them ends on any machine
        until timeout --preserve-status -s $how "$((i / 20)).$(printf %02d $((i % 20 * 5 + 4)))" "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl,c.jsonl \
            "${train[@]}" --out cut --out-patch cut.patch --quiet >/dev/null 2>said; do
            i=$((i + 1))
            [ $i -lt 200 ]
            if grep -q 'is using it' said; then sleep 0.2; fi # a killed process is not gone at once
        done
        [ $i -gt 0 ]
        whole want | grep -v requests.json >a
        whole cut | grep -v requests.json | diff a -
        diff <(sed 's/want.patch/X/' want/requests.json) <(sed 's/cut.patch/X/' cut/requests.json)
        cmp want.patch cut.patch
        [ ! -e cut.partial ]
    done
    # what is finished is not run again, and the same command is no error
    before=$(stat -c %i cut)
    all --out cut --out-patch cut.patch 2>said >table
    [ "$before" = "$(stat -c %i cut)" ]
    grep -q 'cut has all 3 requests' said
    grep -q '^c.jsonl' table
    # killed between its last steps: the folder is there, and what it was made in too
    mkdir cut.partial && cp cut/requests.json cut.partial/
    all --out cut --out-patch cut.patch --quiet >/dev/null
    [ ! -e cut.partial ]
}

@test "killed while the folder becomes --out: a replaced --out is not put back, and nothing is lost" {
    requests
    cp -r "$model" plain && head -n 3 retain.jsonl >d.jsonl
    all --objective npo --out older --quiet >/dev/null
    all --out want --out-patch want.patch --quiet >/dev/null
    "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl,c.jsonl,d.jsonl "${train[@]}" --out more --quiet >/dev/null
    all --out three --quiet >/dev/null
    # the last model is OUT; what was OUT before (nothing, a model, other requests, a part of them) is in its place
    for old in none plain older part; do
        for how in "--resume --force" "--force"; do
            rm -rf o o.partial p.patch && cp -r want o && cp want.patch p.patch
            sed -i 's/want.patch/p.patch/' o/requests.json
            mkdir o.partial && cp o/requests.json o.partial/
            case $old in
            plain | older) cp -r $old o.partial/model-3 ;;
            part) mkdir -p o.partial/model-3/requests && cp older/config.json older/manifest.json o.partial/model-3/ ;;
            esac
            # shellcheck disable=SC2086
            all $how --out o --out-patch p.patch --quiet >/dev/null
            [ "$(hash o)" = "$(hash want)" ]
            cmp p.patch want.patch
            [ -e o/requests/3 ]
            [ ! -e o.partial ]
        done
        # OUT is no more what it became: the model that replaced it is not taken for it
        rm -rf o o.partial && cp -r older o && mkdir o.partial && cp three/requests.json o.partial/
        [ $old = none ] || cp -r older o.partial/model-3
        status=0
        all --force --resume --out o 2>said >table || status=$?
        [ "$status" = 3 ]
        grep -q 'model-3 is not the model that request 3 left; --force without --resume starts again' said
        [ "$(hash o)" = "$(hash older)" ]
    done
    # another request, when the last model already has requests/
    for old in none older; do
        rm -rf o o.partial && mkdir o.partial && cp -r three o.partial/model-3 && cp three/requests.json o.partial/
        [ $old = none ] || cp -r $old o
        "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl,c.jsonl,d.jsonl "${train[@]}" --out o --force --resume --quiet >/dev/null
        whole more >a
        whole o | diff a -
        [ ! -e o.partial ]
    done
    # it does not go on from an OUT that has all so far: the old OUT is where its model was
    rm -rf o o.partial && cp -r three o && mkdir o.partial && cp three/requests.json o.partial/ && cp -r older o.partial/model-3
    status=0
    "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl,c.jsonl,d.jsonl "${train[@]}" --out o --force --resume --quiet >/dev/null 2>said || status=$?
    [ "$status" = 2 ]
    grep -q 'made with other --requests; give the same, or leave out --resume to start again' said
    [ "$(hash o)" = "$(hash three)" ]
}

stopped() { # o.partial with one request done and the second begun
    rm -rf o.partial
    "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl,c.jsonl "${train[@]}" --out o --quiet >/dev/null 2>&1 &
    pid=$!
    until [ -e o.partial/model-2.partial ] || ! kill -0 $pid; do sleep 0.02; done
    kill -s KILL $pid; wait $pid || true
    [ -e o.partial/requests.json ]
}

@test "interrupted with --force, it says that --resume goes on, which it does" {
    requests
    train=(--retain retain.jsonl --lr 1e-5 --steps 300 --batch 2 --seed 3 --checkpoint-every 10)
    cp -r "$model" o
    "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl "${train[@]}" --out o --force --quiet >/dev/null 2>said &
    pid=$!
    until [ -e o.partial/model-2.partial ] || ! kill -0 $pid; do sleep 0.02; done
    kill -s INT $pid; wait $pid || true
    grep -q 'interrupted in request 2 of 2; --force with --resume goes on from there, without it starts again' said
    "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl "${train[@]}" --out o --force --resume >/dev/null 2>said
    grep -q '1 of 2 requests are done' said
    run grep 'request 1 of 2' said
    [ "$status" = 1 ]
    "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl "${train[@]}" --out fresh --quiet >/dev/null
    whole o >a
    whole fresh | diff a -
    # without --force the same command goes on
    "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl "${train[@]}" --out p --quiet >/dev/null 2>said &
    pid=$!
    until [ -e p.partial/model-1.partial ] || ! kill -0 $pid; do sleep 0.02; done
    kill -s INT $pid; wait $pid || true
    grep -q 'interrupted in request 1 of 2; the same command goes on from there' said
}

@test "other options do not go on, nor does another command remove what is done" {
    requests
    train=(--retain retain.jsonl --lr 1e-5 --steps 300 --batch 2 --seed 3)
    stopped
    has() { [ -e o.partial/requests.json ]; }
    not() { # WORDS command
        local words=$1 status=0
        shift
        "$@" >stdout.txt 2>stderr.txt || status=$?
        [ "$status" = 2 ] && grep -qF -- "$words" stderr.txt && has || { cat stderr.txt; return 1; }
    }
    again() { "$WAGLE" unlearn --model "$model" --retain retain.jsonl --steps 300 --out o "$@"; }
    not "made with --lr 1e-05, now --lr 0.001" again --requests a.jsonl,b.jsonl,c.jsonl --lr 1e-3 --batch 2 --seed 3
    not "made with --seed 3, now --seed 4" again --requests a.jsonl,b.jsonl,c.jsonl --lr 1e-5 --batch 2 --seed 4
    not "made with other --requests" again --requests b.jsonl,a.jsonl --lr 1e-5 --batch 2 --seed 3
    not "made with other --metrics" all --out o --metrics nll
    not "made with other --out-patch" all --out o --out-patch p
    not "made with other --redact; give the same, or add --force to start again" all --out o --redact
    not "made with other --redact; give the same, or leave out --resume to start again" all --out o --redact --force --resume
    not "--limit" all --out o --limit 50
    not "unfinished --requests" again --forget a.jsonl --lr 1e-5
    not "unfinished --requests" again --forget a.jsonl --lr 1e-5 --resume
    cp b.jsonl b2
    cat a.jsonl >b.jsonl
    not "a.jsonl and b.jsonl are the same" all --out o
    cp b2 b.jsonl
    sed -i 1d a.jsonl
    not "made with other --requests" all --out o
    all --out o --force --quiet >/dev/null
    [ ! -e o.partial ]
    not() { refused "$@"; }
    all --out out --quiet >/dev/null
    mv out o5
    "$WAGLE" unlearn --model "$model" --forget a.jsonl "${train[@]}" --out o5 2>&1 | grep -q 'o5'
}

@test "requests that are not unlearned yet may be left out, replaced or added" {
    requests
    train=(--retain retain.jsonl --lr 1e-5 --steps 300 --batch 2 --seed 3 --checkpoint-every 10)
    head -n 3 retain.jsonl >d.jsonl
    for list in a.jsonl,c.jsonl a.jsonl,d.jsonl,b.jsonl,c.jsonl a.jsonl; do
        stopped
        [ ! -e o ]
        for out in o fresh; do "$WAGLE" unlearn --model "$model" --requests $list "${train[@]}" --out $out --quiet >/dev/null; done
        whole o >a
        whole fresh | diff a -
        rm -rf o fresh
    done
}

@test "a request that is left out when it was all but done leaves neither files nor a patch" {
    requests
    "$WAGLE" unlearn --model "$model" --requests a.jsonl "${train[@]}" --out fresh --quiet >/dev/null
    for keep in a.jsonl a.jsonl,c.jsonl; do
        # killed before request 2 is in the table: its model, files and patch are there
        rm -rf o o.partial u-* m2
        "$WAGLE" unlearn --model "$model" --requests a.jsonl,b.jsonl "${train[@]}" --out m2 --out-patch 'u-{}' --quiet >/dev/null
        mkdir -p o.partial && cp -r m2/requests o.partial/ && cp -r m2 o.partial/model-2 && rm -r o.partial/model-2/requests*
        "$WAGLE" revert m2 u-2 --out o.partial/model-1 --quiet
        cp m2/requests/1/manifest.json o.partial/model-1/
        python3 -c '
import json
d = json.load(open("m2/requests.json"))
d["table"].pop()
json.dump(d, open("o.partial/requests.json", "w"))'
        "$WAGLE" unlearn --model "$model" --requests $keep "${train[@]}" --out o --out-patch 'u-{}' --quiet >/dev/null
        if [ $keep = a.jsonl ]; then
            [ "$(hash o)" = "$(hash fresh)" ]
            [ ! -e o/requests/2 ]
            [ ! -e u-2 ]
        else
            "$WAGLE" unlearn --model "$model" --requests $keep "${train[@]}" --out f2 --out-patch 'f-{}' --quiet >/dev/null
            cmp u-2 f-2
            [ "$(hash o)" = "$(hash f2)" ]
        fi
    done
}

@test "what is wrong with requests is said before the first run" {
    requests
    run_one() { "$WAGLE" unlearn --model "$model" "${train[@]}" --out out "$@"; }
    refused 2 "a.jsonl is given twice" run_one --requests a.jsonl,b.jsonl,a.jsonl
    cp a.jsonl same.jsonl
    refused 2 "a.jsonl and same.jsonl are the same, byte for byte" run_one --requests a.jsonl,same.jsonl
    refused 3 "--requests none.jsonl: no such file" run_one --requests a.jsonl,none.jsonl
    refused 3 "no such file" run_one --requests a.jsonl,,b.jsonl
    : >empty.jsonl
    refused 3 "empty.jsonl: the file is empty" run_one --requests a.jsonl,empty.jsonl --quiet
    refused 2 "--forget has no effect: --requests names the rows to forget" run_one --requests a.jsonl --forget b.jsonl
    refused 2 "--metrics has no effect: it needs --requests" run_one --forget a.jsonl --metrics nll
    refused 2 "no metric 'x'" run_one --requests a.jsonl,b.jsonl --metrics x --quiet
    refused 2 "--out-adapter cannot be used with --requests" run_one --requests a.jsonl --lora 2 --out-adapter ad
    refused 2 "--forget ROWS is missing" run_one
    touch p2
    refused 2 "p2" run_one --requests a.jsonl,b.jsonl --out-patch 'p{}'
}

@test "a rule that a request does not reach is in the table, and the exit code says it at the end" {
    requests
    status=0
    all --stop-when 'forget.probability<1e-9' --out o >table 2>said || status=$?
    [ "$status" = 5 ]
    grep -q 'was not reached in request 1 of 3' said
    grep -q '^c.jsonl' table
    python3 -c 'import json; assert [r.get("unmet") for r in json.load(open("o/requests.json"))["table"]] == [None, True, True, True]'
    all --stop-when 'forget.probability<1e-9' --allow-unmet --out o2 --quiet >/dev/null
    [ "$(hash o)" = "$(hash o2)" ]
    all --stop-when 'forget.probability<0.9' --eval-every 1 --out o3 --quiet >/dev/null
    python3 -c 'import json; assert [r.get("unmet") for r in json.load(open("o3/requests.json"))["table"]] == [None, False, False, False]'
}

@test "one patch of all requests, or one of each, which take back the last ones" {
    requests
    one_by_one
    all --out o --out-patch all.patch --quiet >/dev/null
    "$WAGLE" apply "$model" all.patch --out applied --quiet
    [ "$(hash applied)" = "$(hash o)" ]
    "$WAGLE" revert o all.patch --out back --quiet
    cmp back/model.safetensors "$model/model.safetensors"
    all --out each --out-patch 'undo-{}.patch' --quiet >/dev/null
    "$WAGLE" revert each undo-3.patch --out back2 --quiet
    [ "$(hash back2)" = "$(hash m2)" ]
    "$WAGLE" revert back2 undo-2.patch --out back1 --quiet
    [ "$(hash back1)" = "$(hash m1)" ]
    # request 2 of 3 is taken back: the later ones too, and those again
    "$WAGLE" unlearn --model back1 --requests c.jsonl "${train[@]}" --out without --quiet >/dev/null
    "$WAGLE" unlearn --model "$model" --requests a.jsonl,c.jsonl "${train[@]}" --out fresh --quiet >/dev/null
    [ "$(hash without)" = "$(hash fresh)" ]
    "$WAGLE" unlearn --model o --requests b.jsonl "${train[@]}" --out next 2>said >/dev/null
    ! grep -q 'not copied' said || false
    [ ! -e next/requests/3 ]
    [ -e next/requests/1 ]
}

@test "a dry run says how many runs and evaluations there are, with memory and time" {
    requests
    all --out o --dry-run >plan
    [ "$(grep -c '^request [123] of 3' plan)" = 3 ]
    [ "$(grep -c '^memory:' plan)" = 3 ]
    grep -q '^in all: 3 runs, one after another, and 13 evaluations of a file of rows between them; at most [0-9.]* GB of memory; updates: [0-9]* s' plan
    [ ! -e o ]
    [ ! -e o.partial ]
    all --out o --dry-run --json | python3 -c '
import json, sys
p = json.load(sys.stdin)
assert p["runs"] == 3 and p["evaluations"] == 13 and len(p["requests"]) == 3
assert p["bytes"] == max(x["host"]["bytes"] for x in p["requests"]) and abs(p["seconds"] - sum(x["time"]["seconds"] for x in p["requests"])) < 1e-9'
}

@test "requests with an adapter, and with TensorBoard's events of each run" {
    requests
    "$WAGLE" finetune --model "$model" --data retain.jsonl --steps 2 --lr 1e-3 --warmup 0 --lora 2 --out x --out-adapter adapter --quiet >/dev/null
    "$WAGLE" merge "$model" --adapter adapter --out merged --quiet
    all --adapter adapter --tensorboard events --out o --quiet >/dev/null
    model=merged one_by_one
    [ "$(hash o)" = "$(hash m3)" ]
    for k in 1 2 3; do ls events/request-$k/events* >/dev/null; done
}
