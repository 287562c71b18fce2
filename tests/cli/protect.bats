load helpers

# --protect: the same bits in every mode, errors, and its effect.

# Rows to protect. keep: fewer tokens than a matrix has inputs; long: more.
protect_data() {
    python3 - <<'PY'
import json, random
r = random.Random(7)
for name, n, least, most in (("keep", 4, 4, 9), ("some", 8, 29, 30), ("long", 30, 20, 60)):
    with open(f"{name}.jsonl", "w") as f:
        for _ in range(n):
            ids = [r.randrange(3, 320) for _ in range(r.randrange(least, most))]
            f.write(json.dumps({"input_ids": ids, "labels": [-100, -100] + ids[2:]}) + "\n")
PY
    from=$model lr=1e-3 steps=6
}

options() { echo --model "$from" --forget forget.jsonl --retain retain.jsonl --lr "$lr" --steps "$steps" --batch 2; }

# shellcheck disable=SC2046
unlearn() { "$WAGLE" unlearn $(options) --quiet "$@"; }

weights() { (cd "$1" && sha256sum model.safetensors); }

# same A B...: the folders hold the same weights.
same() {
    local first=$1
    shift
    for other in "$@"; do
        [ "$(weights "$first")" = "$(weights "$other")" ] || { echo "$first and $other differ"; return 1; }
    done
}

# A copy of the model with a byte tokenizer.
text_model() {
    mkdir text && cp "$model/config.json" "$model/model.safetensors" text/
    byte_tokenizer text
}

# A model whose factors and optimizer state take megabytes, so that --memory decides where they are stored.
wider_model() {
    python3 - "$model" <<'PY'
import json, sys
c = json.load(open(sys.argv[1] + "/config.json"))
c.update(hidden_size=128, intermediate_size=384, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=4, head_dim=32)
json.dump(c, open("wider.json", "w"))
PY
    "$WAGLE" init --config wider.json --seed 5 --out wider
}

@test "protected runs give the same bits with one, two and three threads" {
    protect_data
    for rows in keep long; do
        for rank in '' '--protect-rank 0' '--protect-rank 5'; do
            for n in 1 2 3; do
                # shellcheck disable=SC2086
                unlearn --protect $rows.jsonl $rank --threads $n --out "t$n" --force
            done
            diff -r t1 t2
            diff -r t1 t3
        done
    done
    from=$GOLD/models/gpt2
    unlearn --protect long.jsonl --threads 1 --out g1
    unlearn --protect long.jsonl --threads 3 --out g3
    diff -r g1 g3
}

# written FILE SINCE PROCESS: waits for a FILE that is not the one that SINCE tells; 1: the process ended first.
written() {
    while [ "$(stat -c %i:%y "$1" 2>/dev/null)" = "$2" ]; do
        kill -0 "$3" 2>/dev/null || return 1
        sleep 0.02
    done
}

# resumed NAME options...: a run that was interrupted and killed, each time after another checkpoint, ends with the same
# bytes as one that was not.
resumed() {
    local name=$1 pieces=0 checkpoint="$1-cut.partial/checkpoint.safetensors" before run
    shift
    steps=400
    unlearn "$@" --out "$name-whole"
    while read -r signal delay; do
        before=$(stat -c %i:%y "$checkpoint" 2>/dev/null) || true
        # shellcheck disable=SC2046
        "$WAGLE" unlearn $(options) --quiet "$@" --out "$name-cut" --resume --checkpoint-every 5 &
        run=$!
        ! written "$checkpoint" "$before" $run || pieces=$((pieces + 1))
        sleep "$delay"
        kill -s "$signal" $run 2>/dev/null || true
        ! wait $run || break
    done <<'WAYS'
INT 0.05
KILL 0.03
INT 0
KILL 0.08
INT 0.02
WAYS
    [ -e "$name-cut" ] || unlearn "$@" --out "$name-cut" --resume
    [ $pieces -gt 0 ]
    diff -r "$name-whole" "$name-cut"
    [ ! -e "$name-cut.partial" ]
}

@test "a protected run that is interrupted or killed resumes to the same bytes" {
    protect_data
    resumed f32 --protect long.jsonl
}

@test "so does one with moments in bfloat16, which are rounded at random, and one with a mask" {
    protect_data
    resumed bf16 --protect long.jsonl --state bf16 --protect-rank 0
    resumed mask --protect keep.jsonl --protect retain --selector snip --density 0.3
}

# MIB BYTES: the total of the plan of a dry run minus BYTES, in mebibytes
less() { python3 -c 'import sys; print(int(([float(l.split()[-2]) * 1e9 for l in open("plan") if "in all" in l][0] - float(sys.argv[1])) / 2**20))' "$1"; }

@test "factors, and then the optimizer's state, go into scratch files where --memory has no room: the same bits" {
    protect_data
    wider_model
    from=wider
    run() { unlearn --protect some.jsonl --protect-rank 0 "$@"; } # activations of 3 MB, P of 4.7, state of 20
    run --out memory --dry-run >plan
    run --out memory
    for name in factors state; do
        # shellcheck disable=SC2046
        "$WAGLE" unlearn $(options) --protect some.jsonl --protect-rank 0 --memory "$(less $([ $name = state ] && echo 1e7 || echo 5e6))M" --out $name 2>log
        grep -q 'factors of protected matrices go into a scratch file' log
        [ "$(grep -c "the optimizer's state goes into a scratch file" log)" = "$([ $name = state ] && echo 1 || echo 0)" ]
    done
    same memory factors state
    run --state bf16 --out high
    run --state bf16 --memory "$(less 1.2e7)M" --out low # below its own plan by more than the factors
    same high low
    [ -z "$(find . -name "*partial*")" ]
    refused 4 'not enough memory' unlearn --protect some.jsonl --memory 41M --out out
}

@test "the patch of a protected run applies and reverts bit for bit" {
    protect_data
    for base in llama-mha gpt2 llama-gqa-tied-bf16; do
        rm -rf base new there back p
        cp -r "$GOLD/models/$base" base && rm -f base/gold.*
        from=base lr=1e-2
        unlearn --protect long.jsonl --out new --out-patch p
        "$WAGLE" apply base p --out there
        same new there
        "$WAGLE" revert there p --out back
        diff -r base back
    done
}

@test "weights that a mask leaves out keep their bits under protection, with decay" {
    protect_data
    lr=1e-2
    for scope in global neurons; do
        "$WAGLE" mask --model "$model" --forget forget.jsonl --selector random --scope $scope --density 0.3 --format bool --out mask-$scope
        unlearn --protect long.jsonl --mask mask-$scope --weight-decay 0.1 --out out-$scope
        python3 "$BATS_TEST_DIRNAME/compare_unselected.py" "$model" out-$scope mask-$scope
    done
    unlearn --protect long.jsonl --weight-decay 0.1 --out out
    python3 - "$BATS_TEST_DIRNAME" "$model" out <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
from gold import read
before, after = (read(f"{folder}/model.safetensors") for folder in sys.argv[2:])
same = [name for name in before if before[name][0] == after[name][0]]
assert same == ["model.embed_tokens.weight"], same  # embedding and head in one: it does not train
PY
}

@test "at the same loss of the forget rows, the outputs of protected rows move less" {
    protect_data
    # --land scales both back to the same loss
    for way in plain protected; do
        protect=()
        [ $way = plain ] || protect=(--protect keep.jsonl)
        "$WAGLE" unlearn --model "$model" --forget forget.jsonl --objective ga --lr 1e-3 --warmup 0 --schedule constant --steps 400 --batch 6 \
            --selector random --density 1 --exclude embeddings,norms --stop-when 'forget.nll>8' --eval-every 1 --land "${protect[@]}" --out $way --quiet
        "$WAGLE" logits --model $way --data keep.jsonl --out $way.logits
    done
    "$WAGLE" logits --model "$model" --data keep.jsonl --out before.logits
    python3 - "$BATS_TEST_DIRNAME" <<'PY'
import json, subprocess, sys
sys.path.insert(0, sys.argv[1])
from gold import read
def moved(way):
    total = n = 0
    before, after = read("before.logits"), read(f"{way}.logits")
    for name in before:
        if before[name][2] == "F32":
            total += sum((a - b) ** 2 for a, b in zip(before[name][0], after[name][0]))
            n += len(before[name][0])
    assert n > 1000
    return (total / n) ** 0.5
plain, protected = moved("plain"), moved("protected")
print("plain", plain, "protected", protected)
assert 0 < protected < 0.3 * plain, (protected, plain)
PY
}

@test "labels play no part, files may repeat, and a whole text is rows of its pieces" {
    protect_data
    unlearn --protect long.jsonl --out labelled
    python3 - <<'PY'
import json
rows = [json.loads(line) for line in open("long.jsonl")]
for r in rows:
    r["labels"] = [-100] * len(r["labels"])
open("bare.jsonl", "w").writelines(json.dumps(r) + "\n" for r in rows)
PY
    unlearn --protect bare.jsonl --out bare
    same labelled bare
    refused 3 'no label after' "$WAGLE" finetune --model "$model" --data bare.jsonl --steps 1 --out out
    cat keep.jsonl long.jsonl >both.jsonl
    unlearn --protect both.jsonl --out one
    unlearn --protect keep.jsonl --protect long.jsonl --out two
    same one two
    cat retain.jsonl keep.jsonl >both.jsonl
    unlearn --protect both.jsonl --out three
    unlearn --protect keep.jsonl --protect retain --out four
    same three four
    [ "$(weights one)" != "$(weights three)" ]

    text_model
    python3 - <<'PY'
import json
text = "".join(f"{n} times {n} is {n * n}.\n" for n in range(60))[:600]
open("long.txt", "w").write(text)
ids = list(text.encode())
pieces = [ids[at:at + 128] for at in range(0, len(ids), 128)]  # the model's longest
open("pieces.jsonl", "w").writelines(json.dumps({"input_ids": p, "labels": p}) + "\n" for p in pieces)
PY
    from=text
    unlearn --protect long.txt --out text-rows
    unlearn --protect pieces.jsonl --out piece-rows
    same text-rows piece-rows
    python3 -c 'import json; p = json.load(open("text-rows/manifest.json"))["protection"]; assert p["rows"] == 5 and p["tokens"] == 595, p'
}

@test "a dry run shows the factors, the manifest what was protected; keys of --config are the options" {
    protect_data
    wider_model
    "$WAGLE" unlearn --model wider --forget forget.jsonl --retain retain.jsonl --protect long.jsonl --protect-rank 0 --out out --dry-run >plan
    python3 - <<'PY'
gb = {line[:46].strip(): float(line.split()[-2]) for line in open("plan") if line.endswith(" GB\n")}
# P of each: q, o, up [128,128], down [384,384], in six layers
assert gb["factors of protected matrices, at most"] == round(6 * (3 * 128**2 + 384**2) * 4 / 1e9, 3) > 0.003, gb
assert gb["update of a protected matrix"] > 0, gb
PY
    [ ! -e out ]
    [ ! -e out.partial ]
    "$WAGLE" unlearn --model wider --forget forget.jsonl --retain retain.jsonl --out out --dry-run | grep -q 'factors of protected'
    "$WAGLE" unlearn --model wider --forget forget.jsonl --retain retain.jsonl --protect none --out out --dry-run >plan
    grep -q 'protected' plan && return 1
    "$WAGLE" unlearn --model wider --forget forget.jsonl --protect self:8 --objective ga --out out --dry-run | grep -q 'factors of protected'
    [ ! -e out ]
    [ ! -e out.partial ]

    unlearn --protect keep.jsonl --protect retain --protect-damping 0.5 --protect-rank 7 --out flags
    echo '{"protect": ["keep.jsonl", "retain"], "protect-damping": 0.5, "protect-rank": 7}' >protect.json
    unlearn --config protect.json --out keys
    diff -r flags keys
    unlearn --protect keep.jsonl --out defaults
    unlearn --protect keep.jsonl --protect-damping 0.1 --out same
    diff -r defaults same
    [ "$(weights flags)" != "$(weights defaults)" ]
    unlearn --out plain
    python3 - <<'PY'
import json
m = json.load(open("flags/manifest.json"))
tokens = sum(len(json.loads(line)["input_ids"]) - 1 for name in ("keep", "retain") for line in open(f"{name}.jsonl"))
assert m["protection"] == {"damping": 0.5, "rank": 7, "rows": 12, "tokens": tokens}, m["protection"]
assert [f["file"] if isinstance(f, dict) else f for f in m["protect"]], m["protect"]
assert json.load(open("defaults/manifest.json"))["protection"]["damping"] == 0.1
assert not {"protect", "protection"} & json.load(open("plain/manifest.json")).keys()
PY
}

@test "finetune protects too" {
    protect_data
    "$WAGLE" finetune --model "$model" --data forget.jsonl --steps 5 --lr 1e-3 --out plain --quiet
    "$WAGLE" finetune --model "$model" --data forget.jsonl --steps 5 --lr 1e-3 --protect long.jsonl --out kept --quiet
    [ "$(weights plain)" != "$(weights kept)" ]
    grep -q '"protection"' kept/manifest.json
    refused 2 'finetune has no retain rows' "$WAGLE" finetune --model "$model" --data forget.jsonl --steps 1 --protect retain --out out
}

@test "numbers that --protect cannot work with are refused" {
    protect_data
    tried() { refused "$1" "$2" unlearn --out out "${@:3}"; }
    for x in 0 -1 -0.0; do tried 2 '--protect-damping' --protect keep.jsonl --protect-damping "$x"; done
    for x in nan inf x 0.1x; do tried 2 'not a number' --protect keep.jsonl --protect-damping "$x"; done
    tried 2 'must be 0 or more' --protect keep.jsonl --protect-rank -1
    for x in 1.5 x 99999999999999999999; do tried 2 'not a whole number' --protect keep.jsonl --protect-rank "$x"; done
    tried 2 "--protect-rank 81: the widest matrix, 'model.layers.0.mlp.down_proj.weight', has 80 inputs" --protect keep.jsonl --protect-rank 81
    unlearn --protect keep.jsonl --protect-rank 80 --out widest
    tried 2 'it needs --protect ROWS' --protect-damping 1
    tried 2 'it needs --protect ROWS' --protect-rank 1
    tried 2 'cannot be used with --lora' --protect keep.jsonl --lora 2
}

@test "rows that cannot be protected are refused, with their file" {
    protect_data
    text_model
    from=text
    tried() { refused "$1" "$2" unlearn --out out "${@:3}"; }
    : >empty.jsonl && : >empty.txt
    echo '{"input_ids": [5]}' >one.jsonl
    echo '{"input_ids": [5, 320, 3]}' >other.jsonl
    printf a >one.txt
    printf 'a \377 b' >bytes.txt
    tried 3 'empty.jsonl: the file is empty' --protect empty.jsonl
    tried 3 '--protect empty.txt: no row has two tokens or more' --protect empty.txt
    tried 3 '--protect one.jsonl: no row has two tokens or more' --protect one.jsonl
    tried 3 '--protect one.txt: no row has two tokens or more' --protect one.txt
    tried 3 "other.jsonl:1: token 320 is outside the model's vocabulary of 320" --protect other.jsonl
    tried 3 "other.jsonl:1: token 320 is outside the model's vocabulary of 320" --protect keep.jsonl --protect other.jsonl
    tried 3 'bytes.txt: not valid UTF-8' --protect bytes.txt
    tried 3 'gone.jsonl: no such file' --protect gone.jsonl
    tried 3 'gone.txt: no such file' --protect keep.jsonl --protect gone.txt
    for n in 0 x -1 99999999 '' 3x; do tried 2 "--protect self:$n: write self:N with N from 1 to" --protect "self:$n"; done
    # rows of a single token are skipped if there are others
    cat one.jsonl keep.jsonl >some.jsonl
    unlearn --protect some.jsonl --out some
    unlearn --protect keep.jsonl --out keep
    same some keep

    from=$model
    tried 3 'no tokenizer' --protect one.txt
    refused 2 'needs --retain ROWS' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --objective ga --protect retain --out out
    md5sum keep.jsonl one.txt >sums
    refused 2 'is the input keep.jsonl' unlearn --protect keep.jsonl --out keep.jsonl --force
    refused 2 'is the input one.txt' unlearn --protect keep.jsonl --protect one.txt --out one.txt --force
    refused 2 'is the input keep.jsonl' unlearn --protect keep.jsonl --out out --out-patch ./keep.jsonl --force
    md5sum --quiet -c sums
}
