load helpers

gold() { python3 "$BATS_TEST_DIRNAME/gold.py" "$@"; }

gold_rows() {
    gold rows "$1" forget forget.jsonl
    gold rows "$1" retain retain.jsonl
}

@test "gradient has the gold's values, terms and gradient for every gold objective" {
    facts=$GOLD/objectives/objectives.json
    gold_rows "$GOLD/objectives/data.safetensors"
    gold rows "$GOLD/objectives/data.safetensors" refusal refusal.jsonl
    gold folder "$model" "$GOLD/objectives/reference.safetensors" reference
    gold tensor "$GOLD/objectives/data.safetensors" rmu.control control
    for name in ga graddiff kl npo npo-token-mean simnpo dpo po wga satimp undial ceu rmu; do
        margin=
        [ $name != simnpo ] || margin='--simnpo-delta 0.125' # the gold's
        "$WAGLE" gradient --objective $name $margin --model "$model" --reference reference --forget forget.jsonl --retain retain.jsonl \
            --refusal refusal.jsonl --rmu-control control --json --out $name >$name.json
        gold gradient $name "$GOLD/objectives/grad_$name.safetensors" "$facts" $name $name.json
    done
    [ "$(echo *.partial)" = '*.partial' ]
}

@test "options of the objectives reach them, and those of others are refused" {
    run_gradient() { "$WAGLE" gradient --model "$model" --forget forget.jsonl --retain retain.jsonl --force --out g "$@"; }
    for pair in 'npo --npo-beta' 'simnpo --simnpo-beta' 'simnpo --simnpo-delta' 'undial --undial-beta' 'wga --wga-beta' \
        'satimp --satimp-beta1' 'satimp --satimp-beta2' 'ceu --ceu-skip' 'rmu --rmu-coeff' 'rmu --rmu-layer'; do
        set -- $pair
        run_gradient --objective $1 $2 1 >one
        run_gradient --objective $1 $2 2 >two
        ! cmp -s one two || [ "$2" = --npo-beta ] # at its own reference npo's slope does not depend on beta
    done
    refused 2 'objective ga has no option npo.beta' "$WAGLE" gradient --objective ga --model "$model" --forget forget.jsonl --npo-beta 1 --out out
    refused 2 '--rmu-layer 9: must be' "$WAGLE" gradient --objective rmu --model "$model" --forget forget.jsonl --retain retain.jsonl --rmu-layer 9 --out out
    refused 2 'add --refusal FILE' "$WAGLE" gradient --objective dpo --model "$model" --forget forget.jsonl --retain retain.jsonl --out out
    refused 2 'needs --retain' "$WAGLE" gradient --objective npo --model "$model" --forget forget.jsonl --out out
    refused 2 'no objective' "$WAGLE" gradient --objective gradif --model "$model" --forget forget.jsonl --out out
    refused 3 '8 rows, but 6 rows to forget' "$WAGLE" gradient --objective po --model "$model" --forget forget.jsonl --retain retain.jsonl --refusal retain.jsonl --out out
    refused 2 'cannot be used with' "$WAGLE" gradient --objective ga --retain-term hidden --model "$model" --forget forget.jsonl --retain retain.jsonl --out out
}

@test "retain terms are independent of the forget term" {
    for term in nll kl none; do
        "$WAGLE" gradient --objective undial --retain-term $term --model "$model" --forget forget.jsonl --retain retain.jsonl --out $term >$term.json
    done
    python3 - <<'PY'
import json
nll, kl, none = (json.load(open(f"{n}.json")) for n in ("nll", "kl", "none"))
assert nll["forget"] == kl["forget"] == none["forget"]
assert nll["retain"] > 1 and abs(kl["retain"]) < 1e-4 and none["retain"] == 0, (nll, kl, none)
PY
}

@test "training through the command, in the order of --pairs, ends at the gold's weights" {
    gold_rows "$GOLD/training/data.safetensors"
    python3 -c 'import json, sys; json.dump(json.load(open(sys.argv[1]))["order"], open("pairs", "w"))' "$GOLD/training/training.json"
    for run in graddiff-masked graddiff-dense npo-masked; do
        mask=(); [ ${run#*-} = dense ] || mask=(--mask "$GOLD/training/mask.safetensors")
        "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --objective ${run%-*} "${mask[@]}" --pairs pairs \
            --lr 1e-3 --warmup 1 --weight-decay 0.1 --schedule linear --optimizer adamw --out $run
        gold weights $run/model.safetensors "$GOLD/training/final_$run.safetensors"
        gold log $run/log.jsonl "$GOLD/training/training.json" $run
    done
    echo '[[[0,99]]]' >bad; refused 3 'a row number that is not there' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --pairs bad --out out
    echo '[[0,1]]' >bad; refused 3 'a list of [forget row, retain row]' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --pairs bad --out out
    echo '{}' >bad; refused 3 'a JSON list of steps' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --pairs bad --out out
}

@test "refusals come as rows or as lines, and alternates from the model itself" {
    cp -r "$model" m && byte_tokenizer m
    printf '{"question":"Who?","answer":"Ann"}\n{"question":"Where?","answer":"Ulm"}\n' >f.jsonl
    printf '{"question":"Who?","answer":"I do not know"}\n{"question":"Where?","answer":"No idea"}\n' >rows.jsonl
    printf 'I do not know\nNo idea\n' >lines
    for refusal in rows.jsonl lines; do
        for objective in po dpo altpo; do
            "$WAGLE" unlearn --model m --forget f.jsonl --retain f.jsonl --refusal $refusal --objective $objective --steps 3 --batch 2 --lr 1e-3 --out out --force
        done
    done
    "$WAGLE" unlearn --model m --forget forget.jsonl --retain retain.jsonl --objective altpo --steps 3 --lr 1e-3 --out a
    "$WAGLE" unlearn --model m --forget forget.jsonl --retain retain.jsonl --objective altpo --steps 3 --lr 1e-3 --out b
    diff -r a b
}

@test "po and dpo draw from the built-in refusals where none are given" {
    cp -r "$model" m && byte_tokenizer m
    for i in 1 2 3 4 5 6; do echo "{\"question\": \"who $i\", \"answer\": \"abc $i\"}"; done >f.jsonl
    po() { "$WAGLE" unlearn --model m --forget f.jsonl --retain f.jsonl --steps 4 --batch 3 --lr 1e-3 --out "$@"; }
    po a --objective po 2>log
    grep -q 'refusals are drawn from 50 built-in sentences' log
    po b --objective po
    diff -r a b
    grep -q '"refusals": "built-in"' a/manifest.json
    po other --objective po --seed 1
    ! cmp -s a/model.safetensors other/model.safetensors || false
    # the same as a file of these sentences
    sed -n 's/^    "\(.*\)",$/\1/p' "$BATS_TEST_DIRNAME/../../src/objective/refusals.c" >lines
    [ "$(sort -u lines | wc -l)" = 50 ]
    for objective in po dpo; do
        po built-in.$objective --objective $objective
        po file.$objective --objective $objective --refusal lines
        cmp built-in.$objective/model.safetensors file.$objective/model.safetensors
    done
    ! grep -q refusals file.po/manifest.json || false
}

@test "micro-batches add up to the batch" {
    args=(--model "$model" --forget forget.jsonl --retain retain.jsonl --steps 4 --lr 1e-3 --schedule cosine)
    "$WAGLE" unlearn "${args[@]}" --batch 6 --out whole
    "$WAGLE" unlearn "${args[@]}" --batch 2 --accumulate 3 --out parts
    gold weights whole/model.safetensors parts/model.safetensors
}

@test "pdu raises alpha while the retain loss is above its bound" {
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --objective pdu --pdu-bound 2 --pdu-rate 0.1 --steps 5 --lr 1e-4 --out out
    python3 -c 'import json; a = json.load(open("out/manifest.json"))["alpha"]; assert a > 2, a'
}

@test "adapters train, merge and leave the other tensors alone" {
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lora 4 --lora-targets '*q_proj*' --steps 6 --lr 1e-2 --out out
    "$WAGLE" diff "$model" out --out p
    [ "$("$WAGLE" inspect p --json --tensors | python3 -c 'import json, sys; print({t["name"].split(".")[-2] for t in json.load(sys.stdin)["tensors"]})')" = "{'q_proj'}" ]
    rm -rf out p
    refused 2 'give only one of --mask, --selector and --lora' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lora 4 --selector snip --out out
    refused 2 'matches no matrix' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lora 4 --lora-targets nothing --out out
}

@test "several files join, and their weights multiply their terms" {
    head -3 forget.jsonl >f1
    tail -3 forget.jsonl >f2
    gradient() { "$WAGLE" gradient --objective npo --model "$model" --retain retain.jsonl --force "$@"; }
    gradient --forget forget.jsonl --out all >all.json
    gradient --forget f1 --forget f2 --out both >both.json
    cmp all both
    cmp all.json both.json
    gradient --forget f1@2 --forget f2@0.5 --out weighted >weighted.json
    python3 - <<'PY'
import json
a, w = json.load(open("all.json")), json.load(open("weighted.json"))
want = sum(t * (2 if i < 3 else 0.5) for i, t in enumerate(a["per_sequence"])) / 6
assert abs(w["forget"] - want) < 1e-6, (w["forget"], want)
PY
    refused 2 'must be a number above 0' "$WAGLE" gradient --objective ga --model "$model" --forget f1@-1 --out out
    refused 3 'nosuch' "$WAGLE" gradient --objective ga --model "$model" --forget f1 --forget nosuch --out out
}

@test "token weights come from the rows" {
    printf '{"input_ids": [5, 6, 7, 8], "token_weights": [0, 1, -2, 0.5]}\n' >f
    "$WAGLE" gradient --objective custom --model "$model" --forget f --retain retain.jsonl --out c >/dev/null
    printf '{"input_ids": [5, 6, 7, 8], "token_weights": [0, 1]}\n' >f
    refused 3 "as long as 'input_ids'" "$WAGLE" gradient --objective custom --model "$model" --forget f --retain retain.jsonl --out out
    printf '{"input_ids": [5, 6], "token_weights": [0, "x"]}\n' >f
    refused 3 "'token_weights' holds a text; expected numbers" "$WAGLE" gradient --objective custom --model "$model" --forget f --retain retain.jsonl --out out
}

@test "--rectify is the projection of its paper, in the moving mean of retain gradients" {
    cp -r "$model" start
    python3 - <<'PY'
import json
json.dump([[[0, 1], [2, 3]], [[4, 5], [1, 0]]], open("pairs.json", "w"))
for name in ("forget", "retain"):
    lines = open(name + ".jsonl").read().splitlines()
    for step, rows in enumerate(([0, 2], [4, 1]) if name == "forget" else ([1, 3], [5, 0])):
        open(f"{name}{step}.jsonl", "w").write("\n".join(lines[i] for i in rows) + "\n")
PY
    options="--objective graddiff --pairs pairs.json --optimizer sgd --schedule constant --warmup 0 --lr 0.5 --clip none --weight-decay 0 --rectify 0.8 --batch 2"
    # shellcheck disable=SC2086
    {
        python3 -c 'import json; json.dump(json.load(open("pairs.json"))[:1], open("first.json", "w"))'
        "$WAGLE" unlearn --model start --forget forget.jsonl --retain retain.jsonl ${options/pairs.json/first.json} --out one
        "$WAGLE" unlearn --model start --forget forget.jsonl --retain retain.jsonl $options --out two
        timeout --preserve-status -s INT 0.05 "$WAGLE" unlearn --model start --forget forget.jsonl --retain retain.jsonl $options --out cut || true
        "$WAGLE" unlearn --model start --forget forget.jsonl --retain retain.jsonl $options --checkpoint-every 1 --resume --out cut --force
    }
    cmp two/model.safetensors cut/model.safetensors
    for step in 0 1; do
        at=$([ $step = 0 ] && echo start || echo one)
        "$WAGLE" gradient --objective ga --model "$at" --forget forget$step.jsonl --out f$step
        "$WAGLE" gradient --objective ft --model "$at" --forget forget$step.jsonl --retain retain$step.jsonl --out r$step
    done
    PYTHONPATH="$GOLD/../cli" PYTHONDONTWRITEBYTECODE=1 python3 - <<'PY'
import json, math
from gold import read
logs = [json.loads(l) for l in open("two/log.jsonl")]
dot = lambda a, b: math.fsum(x * y for k in a for x, y in zip(a[k], b[k]))
add = lambda a, b, s: {k: [x + s * y for x, y in zip(a[k], b[k])] for k in a}
flat = lambda path: {k: list(t[0]) for k, t in read(path).items()}
held, moved, projected = None, None, 0
for step, (before, after) in enumerate((("start", "one"), ("one", "two"))):
    f, r = flat(f"f{step}"), flat(f"r{step}")
    if held is None:
        held = {k: [0.8 * x for x in v] for k, v in r.items()}
    else:
        held = {k: [0.2 * h + 0.8 * x for h, x in zip(held[k], r[k])] for k in r}
    along = dot(f, held)
    assert abs(logs[step]["cosine"] - along / math.sqrt(dot(f, f) * dot(held, held))) < 1e-4, (step, logs[step])
    if along < 0:
        f, projected = add(f, held, -along / dot(held, held)), projected + 1
    moved = f if moved is None else add(f, moved, 0.9) # momentum
    want, have = add(flat(before + "/model.safetensors"), moved, -0.5), flat(after + "/model.safetensors")
    worst = max(abs(x - y) for k in have for x, y in zip(want[k], have[k]))
    size = max(abs(0.5 * x) for k in f for x in f[k])
    assert worst < 1e-4 * size, (step, worst, size)
assert projected > 0
PY
    masked="--forget forget.jsonl --retain retain.jsonl --objective npo --rectify 0.9 --selector snip --density 0.2 --state bf16 --accumulate 2 --batch 2 --lr 1e-3"
    # shellcheck disable=SC2086
    {
        "$WAGLE" unlearn --model start $masked --steps 4 --out whole
        "$WAGLE" unlearn --model start $masked --steps 4 --threads 1 --checkpoint-every 1 --out single
        for wait in 0.03 0.05 0.07 0.06 0.04 0.05; do timeout --preserve-status -s INT $wait "$WAGLE" unlearn --model start $masked --steps 12 --resume --out pieces || true; done
        "$WAGLE" unlearn --model start $masked --steps 12 --resume --out pieces --force
        "$WAGLE" unlearn --model start $masked --steps 12 --out twelve
    }
    cmp whole/model.safetensors single/model.safetensors
    cmp twelve/model.safetensors pieces/model.safetensors
    [ "$(python3 -c 'import json; print(json.load(open("whole/manifest.json"))["rectify"])')" = 0.9 ]
    refused 2 "--rectify needs an objective" "$WAGLE" unlearn --model start --forget forget.jsonl --retain retain.jsonl --objective ga --rectify 0.8 --out out
    refused 2 "--rectify needs an objective" "$WAGLE" unlearn --model start --forget forget.jsonl --retain retain.jsonl --objective rmu --rectify 0.8 --out out
    refused 2 "cannot be used with --lora" "$WAGLE" unlearn --model start --forget forget.jsonl --retain retain.jsonl --rectify 0.8 --lora 4 --out out
    refused 2 "at most 1" "$WAGLE" unlearn --model start --forget forget.jsonl --retain retain.jsonl --rectify 1.5 --out out
}
