load helpers

# Models that differ from $1 in some weights.
two_models() { # BASE
    cp -r "$1" base && rm -f base/gold.*
    for seed in 1 2; do
        "$WAGLE" mask --model base --forget forget.jsonl --selector random --seed $seed --density 0.3 --out mask$seed
        "$WAGLE" unlearn --model base --forget forget.jsonl --retain retain.jsonl --mask mask$seed --lr 1e-2 --steps 2 --out m$seed
    done
}
weights() { (cd "$1" && sha256sum *.safetensors); }
adapter() { echo "$GOLD/adapters/$1"; }

@test "merge makes the weighted sum of models, and of differences from a base, in F32 and BF16" {
    for base in llama-mha llama-gqa-tied-bf16; do
        rm -rf base m1 m2 mask1 mask2 mean sum same
        two_models "$GOLD/models/$base"
        "$WAGLE" merge m1 m2 --weights 0.25,0.75 --out mean
        python3 "$BATS_TEST_DIRNAME/merging.py" sum mean - 0.25 m1 0.75 m2
        "$WAGLE" merge m1 m2 --base base --weights 1,-0.5 --out sum
        python3 "$BATS_TEST_DIRNAME/merging.py" sum sum base 1 m1 -0.5 m2
        "$WAGLE" merge m1 m1 --weights 0.3,0.7 --out same
        diff -r --exclude=manifest.json --exclude=log.jsonl m1 same
        cmp base/config.json sum/config.json
    done
}

@test "merge refuses models that do not fit, and weights that do not" {
    refused 3 "no tensor 'lm_head.weight' of the shape" "$WAGLE" merge "$GOLD/models/llama-mha" "$GOLD/models/llama-gqa-tied" --weights 0.5,0.5 --out out
    refused 2 '--weights add up to 0.9; without --base they must add up to 1' "$WAGLE" merge "$model" "$model" --weights 0.4,0.5 --out out
    refused 2 '--weights: give 2 numbers, one for each model, not 1' "$WAGLE" merge "$model" "$model" --weights 1 --out out
    refused 2 'merge needs --weights, a number for each model, or --adapter' "$WAGLE" merge "$model" --out out
    refused 2 'takes one model' "$WAGLE" merge "$model" "$model" --adapter "$(adapter list)" --out out
    cp -r "$model" out.model
    refused 2 'an output never replaces an input' "$WAGLE" merge "$model" out.model --weights 0.5,0.5 --force --out out.model
}

@test "merge takes patches in place of the models that they make of --base, and mixes both: the same bits" {
    for base in llama-mha llama-gqa-tied-bf16 gpt2; do
        rm -rf base m1 m2 mask1 mask2 p1 p2 folders patches mixed half one
        two_models "$GOLD/models/$base"
        "$WAGLE" diff base m1 --out p1
        "$WAGLE" diff base m2 --old hash --out p2
        "$WAGLE" merge m1 m2 --base base --weights 0.75,-0.5 --out folders
        [ "$base" = gpt2 ] || python3 "$BATS_TEST_DIRNAME/merging.py" sum folders base 0.75 m1 -0.5 m2
        "$WAGLE" merge p1 p2 --base base --weights 0.75,-0.5 --out patches
        diff -r folders patches
        "$WAGLE" merge p1 m2 --base base --weights 0.75,-0.5 --out mixed
        diff -r folders mixed
        "$WAGLE" merge p1 --base base --weights 0.5 --out half
        "$WAGLE" apply base p1 --scale 0.5 --out one
        [ "$(weights half)" = "$(weights one)" ]
    done
}

@test "a patch or model alone at weight 1 gives its own bits, also where another changes other weights, or weighs 0" {
    for base in llama-mha llama-gqa-tied-bf16; do
        rm -rf base m1 m2 mask1 mask2 p1 p2 apart both one folder nothing
        two_models "$GOLD/models/$base"
        "$WAGLE" diff base m1 --out p1
        "$WAGLE" diff base m2 --out p2
        "$WAGLE" merge p1 --base base --weights 1 --out one
        [ "$(weights one)" = "$(weights m1)" ]
        "$WAGLE" merge m1 --base base --weights 1 --out folder
        [ "$(weights folder)" = "$(weights m1)" ]
        "$WAGLE" merge p1 p2 --base base --weights 1,0 --out nothing
        [ "$(weights nothing)" = "$(weights m1)" ]
        # the second changes only norms, which the first leaves as they are
        "$WAGLE" mask --model base --forget forget.jsonl --selector random --density 0.3 --exclude norms --out mask3
        "$WAGLE" mask --model base --forget forget.jsonl --selector random --density 0.9 --include norms --out mask4
        rm -rf m3 m4 two
        "$WAGLE" unlearn --model base --forget forget.jsonl --retain retain.jsonl --mask mask3 --lr 1e-2 --steps 2 --out m3
        "$WAGLE" unlearn --model base --forget forget.jsonl --retain retain.jsonl --mask mask4 --lr 1e-2 --steps 2 --out m4
        "$WAGLE" diff base m3 --out p3 --force
        "$WAGLE" diff base m4 --out p4 --force
        "$WAGLE" apply base p3 --out both --force
        "$WAGLE" apply both p4 --out two
        "$WAGLE" merge p3 p4 --base base --weights 1,1 --out apart
        [ "$(weights apart)" = "$(weights two)" ]
        rm -rf mask3 mask4 p3 p4
    done
}

@test "merge refuses a patch without --base, of another base, or that is not whole; apply names merge where patches overlap" {
    two_models "$model"
    "$WAGLE" diff base m1 --out p1
    "$WAGLE" diff base m2 --out p2
    refused 2 'p1 is a patch, which changes a model: give that model as --base' "$WAGLE" merge p1 p2 --weights 0.5,0.5 --out out
    refused 2 'p2 is a patch' "$WAGLE" merge m1 p2 --weights 0.5,0.5 --out out
    refused 3 'p2: tensor ' "$WAGLE" merge p2 --base m1 --weights 1 --out out
    refused 3 'is not what the patch was made for: this is another model' "$WAGLE" merge p2 --base m1 --weights 1 --out out
    refused 3 'p1: the model has no tensor' "$WAGLE" merge p1 --base "$GOLD/models/gpt2" --weights 1 --out out
    head -c 3000 p1 >cut
    refused 3 'cut' "$WAGLE" merge cut --base base --weights 1 --out out
    "$WAGLE" apply base p1 --out there
    refused 3 'this patch is already applied' "$WAGLE" merge p1 --base there --weights 1 --out out
    refused 3 '`wagle merge` with --base and --weights adds patches that overlap' "$WAGLE" apply there p2 --out out
    refused 3 'p2: overlaps a patch that was applied to the base' "$WAGLE" merge p2 --base there --weights 1 --out out
    cp p1 out.patch
    refused 2 'an output never replaces an input' "$WAGLE" merge p2 out.patch --base base --weights 1,1 --force --out out.patch
}

@test "apply --scale applies a share of a patch, and revert takes exactly that back" {
    for base in llama-mha llama-gqa-tied-bf16; do
        for scale in -0.5 0.3 2 1; do
            rm -rf base new p hashed there back again
            cp -r "$GOLD/models/$base" base && rm -f base/gold.*
            "$WAGLE" unlearn --model base --forget forget.jsonl --retain retain.jsonl --lr 1e-2 --steps 2 --out new
            "$WAGLE" diff base new --out p
            "$WAGLE" diff base new --old hash --out hashed
            "$WAGLE" apply base p --scale $scale --out there
            [ $scale = 1 ] && [ "$(weights there)" != "$(weights new)" ] && return 1
            [ $scale = 1 ] || python3 "$BATS_TEST_DIRNAME/merging.py" scale there base new $scale
            "$WAGLE" apply base hashed --scale $scale --out again
            [ "$(weights there)" = "$(weights again)" ]
            "$WAGLE" revert there p --out back
            diff -r base back
        done
    done
    grep -q '"scale"' again/wagle-patches.json && return 1
    refused 2 '--scale 0: must be a number other than 0' "$WAGLE" apply base p --scale 0 --out out
    refused 2 '--scale: must be a number' "$WAGLE" apply base p --scale half --out out
    refused 3 'this patch is already applied' "$WAGLE" apply there p --scale 0.5 --out out
}

@test "scaled patches stack with others, and come off in any order" {
    two_models "$model"
    "$WAGLE" mask --op minus mask2 mask1 --out only2
    "$WAGLE" unlearn --model base --forget forget.jsonl --retain retain.jsonl --mask only2 --lr 1e-2 --steps 2 --out m2only
    "$WAGLE" diff base m1 --out p1
    "$WAGLE" diff base m2only --out p2
    "$WAGLE" apply base p1 --scale -0.5 --out a
    "$WAGLE" apply a p2 --out ab
    grep -q '"scale": -0.5' ab/wagle-patches.json
    "$WAGLE" revert ab p1 --out b
    [ "$(weights b)" = "$(weights m2only)" ]
    "$WAGLE" revert b p2 --out back
    diff -r base back
}

@test "every command that reads a model reads it with an adapter as it reads the merged folder" {
    "$WAGLE" merge "$model" --adapter "$(adapter list)" --out merged
    with=(--model "$model" --adapter "$(adapter list)")
    same() { # NAME command...: the same output for both
        local name=$1
        shift
        "$@" "${with[@]}" --out with.$name
        "$@" --model merged --out merged.$name
        cmp with.$name merged.$name
    }
    same logits "$WAGLE" logits --data forget.jsonl
    same gradient "$WAGLE" gradient --data forget.jsonl
    "$WAGLE" eval --data forget.jsonl "${with[@]}" --out with.json
    "$WAGLE" eval --data forget.jsonl --model merged --out merged.json
    python3 - "$(adapter list)" <<'PY'
import json, sys
a, b = (json.load(open(f"{n}.json")) for n in ("with", "merged"))
assert a.pop("adapter") == sys.argv[1] and a.pop("model") != b.pop("model") and a == b, (a, b)
PY
    "$WAGLE" attribute "${with[@]}" --forget forget.jsonl --selector snip --out scores
    "$WAGLE" attribute --model merged --forget forget.jsonl --selector snip --out scores2
    "$WAGLE" mask --scores scores --density 0.1 --out mask
    "$WAGLE" mask --model merged --forget forget.jsonl --selector snip --density 0.1 --out mask2
    cmp mask mask2
    train=(--forget forget.jsonl --retain retain.jsonl --mask mask --lr 1e-2 --steps 2)
    "$WAGLE" unlearn "${with[@]}" "${train[@]}" --out new --out-patch p
    "$WAGLE" unlearn --model merged "${train[@]}" --out new2 --out-patch p2
    [ "$(weights new)" = "$(weights new2)" ]
    cmp p p2
    grep -q adapter_sha256 new/manifest.json
    "$WAGLE" apply merged p --out applied
    [ "$(weights applied)" = "$(weights new)" ]
    "$WAGLE" inspect "$model" --adapter "$(adapter list)" --tensors >with.txt
    "$WAGLE" inspect merged --tensors >merged.txt
    diff <(tail -n +2 with.txt) <(tail -n +2 merged.txt)
    cp -r "$model" named && byte_tokenizer named && byte_tokenizer merged
    "$WAGLE" export named --adapter "$(adapter list)" --out with.gguf
    "$WAGLE" export merged --out merged.gguf
    "$WAGLE" generate --model named --adapter "$(adapter list)" --prompt Hello --max-tokens 8 >with.txt
    "$WAGLE" generate --model merged --prompt Hello --max-tokens 8 >merged.txt
    cmp with.txt merged.txt
}

@test "--memory counts what is merged in memory" {
    train=(unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-2 --steps 1 --dry-run --out out)
    "$WAGLE" "${train[@]}" --adapter "$(adapter list)" | grep -q 'tensors merged with the adapter'
    ! "$WAGLE" "${train[@]}" | grep -q 'merged with the adapter' || false
    refused 4 '`wagle merge` writes the merged model into a folder' "$WAGLE" "${train[@]}" --adapter "$(adapter list)" --memory 10K
}

@test "an adapter that does not fit, or asks for what is not known, is refused by name" {
    refused 3 'it was made for another model' "$WAGLE" merge "$model" --adapter "$(adapter gpt2)" --out out
    refused 3 'no such folder' "$WAGLE" merge "$model" --adapter nowhere --out out
    mkdir empty
    refused 3 'adapter_config.json' "$WAGLE" merge "$model" --adapter empty --out out
    edit() { # JSON: that into a copy of the adapter's config
        rm -rf bad && cp -r "$(adapter list)" bad
        python3 - "$1" <<'PY'
import json, sys
c = json.load(open("bad/adapter_config.json"))
c.update(json.loads(sys.argv[1]))
json.dump(c, open("bad/adapter_config.json", "w"))
PY
    }
    edit '{"peft_type": "LOHA"}'
    refused 3 'peft_type is LOHA; supported is LORA' "$WAGLE" merge "$model" --adapter bad --out out
    for key in lora_bias layer_replication trainable_token_indices target_parameters use_qalora new_idea; do
        edit "{\"$key\": [[1, 2]]}"
        refused 3 "'$key' asks for something that is not supported" "$WAGLE" merge "$model" --adapter bad --out out
    done
    edit '{"init_lora_weights": "pissa"}'
    refused 3 "'init_lora_weights' says that the adapter goes with a changed base" "$WAGLE" merge "$model" --adapter bad --out out
    edit '{"r": 5}'
    refused 3 "has rank 4" "$WAGLE" merge "$model" --adapter bad --out out
    edit '{"target_modules": ["q_proj"]}'
    refused 3 "target_modules does not name" "$WAGLE" merge "$model" --adapter bad --out out
    edit '{"target_modules": "q_(proj"}'
    refused 3 "pattern" "$WAGLE" merge "$model" --adapter bad --out out
    edit '{"use_dora": true}'
    refused 3 "has no lora_magnitude_vector" "$WAGLE" merge "$model" --adapter bad --out out
    edit '{}'
    mv bad/adapter_model.safetensors bad/adapter_model.bin
    refused 3 'a pickle, which is not supported' "$WAGLE" merge "$model" --adapter bad --out out
    refused 3 'not a model folder' "$WAGLE" inspect "$GOLD/models/gpt2/model.safetensors" --adapter "$(adapter gpt2)"
    cp -r "$(adapter list)" here
    refused 2 'an output never replaces an input' "$WAGLE" unlearn --model "$model" --adapter here --forget forget.jsonl --retain retain.jsonl --lr 1e-2 --steps 1 --force --out here
}

@test "--out-adapter writes the adapters: merged again they are the trained model" {
    for name in llama-gqa-tied gpt2 phi3; do
        rm -rf trained made again
        "$WAGLE" finetune --model "$GOLD/models/$name" --data forget.jsonl --lora 3 --lora-alpha 5 --lr 1e-2 --steps 4 --out trained --out-adapter made
        "$WAGLE" merge "$GOLD/models/$name" --adapter made --out again
        PYTHONPATH=$BATS_TEST_DIRNAME python3 - trained again <<'PY'
import sys
from tensors import numbers
a, b = (numbers(folder) for folder in sys.argv[1:])
assert a.keys() == b.keys()
worst = max(abs(x - y) for name in a for x, y in zip(a[name], b[name]))
assert worst < 1e-6, worst
PY
        python3 - made $name <<'PY'
import json, sys
c = json.load(open(sys.argv[1] + "/adapter_config.json"))
assert c["r"] == 3 and c["lora_alpha"] == 5 and c["fan_in_fan_out"] == (sys.argv[2] == "gpt2"), c
assert all("." not in t for t in c["target_modules"]), c
PY
    done
    "$WAGLE" finetune --model "$model" --data forget.jsonl --lora 2 --lora-targets '*.0.*q_proj*' --lr 1e-2 --steps 2 --out some --out-adapter few
    grep -q '"model.layers.0.self_attn.q_proj"' few/adapter_config.json
    refused 2 '--out-adapter has no effect: it needs --lora RANK' "$WAGLE" finetune --model "$model" --data forget.jsonl --out out --out-adapter a
    refused 2 '--out-adapter cannot be used with --adapter' "$WAGLE" finetune --model "$model" --adapter "$(adapter list)" --data forget.jsonl --lora 2 --steps 1 --out out --out-adapter a
    mkdir there
    refused 2 'there' "$WAGLE" finetune --model "$model" --data forget.jsonl --lora 2 --steps 1 --out out --out-adapter there
    refused 2 'the output folder' "$WAGLE" finetune --model "$model" --data forget.jsonl --lora 2 --steps 1 --out out --out-adapter out
}
