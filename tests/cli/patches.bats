load helpers

# A model with some changed weights: unlearned with the given seed and mask.
change() { # FROM SEED PATTERN OUT
    "$WAGLE" mask --model "$1" --forget forget.jsonl --selector random --seed "$2" --density 0.2 --include "$3" --out "mask-$4"
    "$WAGLE" unlearn --model "$1" --forget forget.jsonl --retain retain.jsonl --mask "mask-$4" --lr 1e-2 --steps 3 --out "$4"
}
# A gold model without the files of gold values, which no output folder has.
bare() { # FROM TO
    cp -r "$1" "$2" && rm -f "$2"/gold.*
}
weights() { (cd "$1" && sha256sum *.safetensors); }

@test "diff, apply and revert give the bits back: F32, BF16, F16, tied, sharded" {
    bare "$GOLD/models/llama-mha" f32
    python3 "$BATS_TEST_DIRNAME/make_f16.py" f32 f16
    bare "$model" tied
    bare "$GOLD/models/llama-gqa-tied-bf16" bf16
    for base in f32 tied bf16 f16; do
        rm -rf new p there back mask-new
        change "$base" 1 '*' new
        "$WAGLE" diff "$base" new --out p
        "$WAGLE" apply "$base" p --out there
        [ "$(weights there)" = "$(weights new)" ]
        "$WAGLE" revert there p --out back
        diff -r "$base" back
    done
}

@test "unlearn writes the same patch that diff finds" {
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --selector snip --density 0.1 --lr 1e-2 --steps 3 --out new --out-patch p
    "$WAGLE" diff "$model" new --out q
    cmp p q
    "$WAGLE" inspect p | grep -qE '^changed_weights +[0-9]+$'
}

@test "patches stack, and those of other weights go in any order" {
    bare "$model" whole
    model=whole
    change "$model" 1 '*mlp*' a
    change "$model" 2 '*attn*' b
    change a 3 '*' c
    "$WAGLE" diff "$model" a --out pa
    "$WAGLE" diff "$model" b --out pb
    "$WAGLE" diff a c --out pc
    "$WAGLE" apply "$model" pa --out 1
    "$WAGLE" apply 1 pb --out 12
    "$WAGLE" apply "$model" pb --out 2
    "$WAGLE" apply 2 pa --out 21
    [ "$(weights 12)" = "$(weights 21)" ]
    "$WAGLE" revert 12 pa --out only-b
    [ "$(weights only-b)" = "$(weights b)" ]
    "$WAGLE" apply only-b pa --out again
    [ "$(weights again)" = "$(weights 12)" ]
    "$WAGLE" revert only-b pb --out base
    diff -r "$model" base
    "$WAGLE" apply 1 pc --out 13
    [ "$(weights 13)" = "$(weights c)" ]
    refused 3 'revert the later patch first' "$WAGLE" revert 13 pa --out out
    "$WAGLE" revert 13 pc --out 1b
    "$WAGLE" revert 1b pa --out base2
    diff -r "$model" base2
}

@test "independent patches of one tensor: other weights apply, the same ones are refused by name" {
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --selector random --seed 5 --out s
    "$WAGLE" mask --scores s --density 0.1 --out first
    "$WAGLE" mask --scores s --density 0.2 --out more
    "$WAGLE" mask --op minus more first --out second
    for m in first second more; do
        "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --mask $m --lr 1e-2 --steps 3 --out $m.model --out-patch $m.patch
    done
    "$WAGLE" apply "$model" first.patch --out 1
    "$WAGLE" apply 1 second.patch --out 12
    "$WAGLE" revert 12 first.patch --out 2
    [ "$(weights 2)" = "$(weights second.model)" ]
    refused 3 'overlaps a patch that was applied to this model' "$WAGLE" apply 1 more.patch --out out
    refused 3 'this patch is already applied to this model' "$WAGLE" apply 1 first.patch --out out
}

@test "a patch elsewhere, cut short, or changed in one byte is refused and nothing is written" {
    change "$model" 1 '*mlp*' new
    change "$model" 2 '*mlp*' other
    "$WAGLE" diff "$model" new --out p
    refused 3 'this is another model' "$WAGLE" apply other p --out out
    refused 3 'this is another model' "$WAGLE" revert "$model" p --out out
    refused 3 'the model has no tensor' "$WAGLE" apply "$GOLD/models/gpt2" p --out out
    size=$(stat -c %s p)
    for n in 0 7 8 100 $((size / 2)) $((size - 1)); do
        head -c $n p >cut
        refused 3 cut "$WAGLE" apply "$model" cut --out out
    done
    for at in 0 9 40 200 $((size / 3)) $((size / 2)) $((size - 1)); do
        python3 - $at <<'PY'
import sys
b = bytearray(open("p", "rb").read())
b[int(sys.argv[1])] ^= 1
open("edited", "wb").write(b)
PY
        refused 3 edited "$WAGLE" apply "$model" edited --out out
    done
    refused 1 'the two models are the same' "$WAGLE" diff "$model" "$model" --out out
    refused 3 'not a patch' "$WAGLE" apply "$model" "$model/model.safetensors" --out out
    refused 2 'which DIR, PATCH' "$WAGLE" apply --out out
}

@test "old values that are only hashed: smaller, checked, and no way back" {
    change "$model" 1 '*mlp*' new
    "$WAGLE" diff "$model" new --out keep
    "$WAGLE" diff "$model" new --old hash --out hash
    [ "$(stat -c %s hash)" -lt "$(stat -c %s keep)" ]
    "$WAGLE" apply "$model" hash --out there
    [ "$(weights there)" = "$(weights new)" ]
    refused 3 'holds no old values' "$WAGLE" revert there hash --out out
}

# Unlearns with a mask of whole neurons; writes NEW and its patch P.
on_neurons() { # FROM LR
    "$WAGLE" mask --model "$1" --forget forget.jsonl --selector random --seed 3 --density 0.3 --scope neurons --out neurons --force
    "$WAGLE" unlearn --model "$1" --forget forget.jsonl --retain retain.jsonl --mask neurons --lr "$2" --steps 3 --out new --out-patch p --force
}

@test "a patch of whole rows, or columns of gpt2, stores their numbers: smaller, and the same bits there and back" {
    for base in llama-mha gpt2 llama-gqa-tied-bf16; do
        rm -rf base there back there2 back2
        bare "$GOLD/models/$base" base
        on_neurons base 1e-2
        forms=$(python3 "$BATS_TEST_DIRNAME/patch_forms.py" sizes p)
        [ "$forms" = "$([ $base = gpt2 ] && echo columns rows || echo rows)" ]
        "$WAGLE" apply base p --out there
        [ "$(weights there)" = "$(weights new)" ]
        "$WAGLE" revert there p --out back
        diff -r base back
        # as written by an earlier version
        python3 "$BATS_TEST_DIRNAME/patch_forms.py" indices p old
        [ "$(stat -c %s p)" -lt "$(stat -c %s old)" ]
        "$WAGLE" apply base old --out there2
        [ "$(weights there2)" = "$(weights new)" ]
        "$WAGLE" revert there2 old --out back2
        diff -r base back2
        "$WAGLE" diff base new --old hash --out hashed --force
        "$WAGLE" apply base hashed --out there --force
        [ "$(weights there)" = "$(weights new)" ]
    done
}

@test "rows of which some weights keep their values are still stored as rows" {
    bare "$GOLD/models/llama-gqa-tied-bf16" base
    on_neurons base 3e-4 # less than a step of bf16 for the larger weights
    [ "$(python3 "$BATS_TEST_DIRNAME/patch_forms.py" sizes p)" = rows ]
    "$WAGLE" inspect p --json >/dev/null
    "$WAGLE" inspect p --json --tensors | python3 -c '
import json, sys
p = json.load(sys.stdin)
rows = [t for t in p["tensors"] if "rows" in t]
assert p["tensors_by_rows"] == len(rows) > 0 and sum(t["kept"] for t in rows) > 0
assert all(t["changed"] == t["rows"] * t["shape"][1] - t["kept"] and t["rows"] <= t["of"] == t["shape"][0] for t in rows)'
    "$WAGLE" inspect p | grep -qE '^tensors_by_rows +[0-9]+$'
    "$WAGLE" inspect p --tensors | grep -qE 'changed [0-9]+ +rows [0-9]+ +of [0-9]+ +kept [0-9]+$'
    "$WAGLE" apply base p --out there
    [ "$(weights there)" = "$(weights new)" ]
    "$WAGLE" revert there p --out back
    diff -r base back
}

@test "patches of other rows go in any order, those of the same rows are refused" {
    bare "$model" base
    model=base
    "$WAGLE" attribute --model base --forget forget.jsonl --selector random --seed 5 --out s
    "$WAGLE" mask --scores s --scope neurons --density 0.2 --out first
    "$WAGLE" mask --scores s --scope neurons --density 0.5 --out more
    "$WAGLE" mask --op minus more first --out second
    for m in first second more; do
        "$WAGLE" unlearn --model base --forget forget.jsonl --retain retain.jsonl --mask $m --lr 1e-2 --steps 3 --out $m.model --out-patch $m.patch
        python3 "$BATS_TEST_DIRNAME/patch_forms.py" sizes $m.patch
    done
    "$WAGLE" apply base first.patch --out 1
    "$WAGLE" apply 1 second.patch --out 12
    "$WAGLE" apply base second.patch --out 2
    "$WAGLE" apply 2 first.patch --out 21
    [ "$(weights 12)" = "$(weights 21)" ]
    "$WAGLE" revert 12 first.patch --out only
    [ "$(weights only)" = "$(weights second.model)" ]
    refused 3 'overlaps a patch that was applied to this model' "$WAGLE" apply 1 more.patch --out out
}

@test "rows that a patch cannot have are refused: counts, numbers and lengths" {
    for base in llama-mha gpt2; do
        rm -rf base bad
        bare "$GOLD/models/$base" base
        on_neurons base 1e-2
        mkdir bad
        python3 "$BATS_TEST_DIRNAME/patch_forms.py" damage p bad
        [ "$(ls bad | wc -l)" -gt 20 ]
        for file in bad/*; do
            refused 3 "$file" "$WAGLE" apply base "$file" --out out
            refused 3 "$file" "$WAGLE" inspect "$file"
        done
    done
}
