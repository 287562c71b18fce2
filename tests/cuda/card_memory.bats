load ../cli/helpers

# Memory of the card, on a card that is pretended (tests/cuda/fake, in $CARD): it counts what is allocated, and runs copies
# or operations as late as the events allow.
card() { LD_LIBRARY_PATH=$CARD XDG_CACHE_HOME=$work/cache WG_FAKE_PEAK=$work/peak "$@"; }

# A model of eight layers whose stored weights are in use, and rows of equal lengths.
make_deep() {
    mkdir cache
    python3 - "$model/config.json" <<'PY'
import json, random, sys
c = json.load(open(sys.argv[1]))
c.update(num_hidden_layers=8, hidden_size=128, intermediate_size=256, num_attention_heads=4, num_key_value_heads=2, head_dim=32,
         vocab_size=320, tie_word_embeddings=False)
json.dump(c, open("config.json", "w"))
r = random.Random(3)
for name in ("f", "r"):
    with open(name + ".jsonl", "w") as f:
        for _ in range(4):
            ids = [r.randrange(3, 320) for _ in range(24)]
            f.write(json.dumps({"input_ids": ids, "labels": [-100] + ids[1:]}) + "\n")
PY
    "$WAGLE" init --config config.json --out deep
    byte_tokenizer deep
    run=(unlearn --model deep --forget f.jsonl --retain r.jsonl --batch 2 --steps 2 --lr 1e-3 --warmup 0 --device cuda)
    tenth=(--selector random --density 0.1)
    score=(attribute --model deep --forget f.jsonl --retain r.jsonl --device cuda)
}

# What the plan needs of the card where it may take so many bytes.
needed() {
    local limit=$1
    shift
    card "$WAGLE" "$@" --gpu-memory "$limit" --out out --dry-run --json 2>/dev/null >plan || true
    python3 -c 'import json; d = json.load(open("plan")); print(d["card"]["bytes"])'
}
is_streamed() { python3 -c 'import json, sys; sys.exit(json.load(open("plan"))["weights"] != "streamed")'; }

@test "weights that do not fit the card are streamed: the same bytes, whatever is late" {
    make_deep
    card "$WAGLE" "${run[@]}" "${tenth[@]}" --out resident
    taken=$(cat peak)
    least=$(needed 33600000 "${run[@]}" "${tenth[@]}")
    is_streamed
    [ "$least" -lt $((taken - 500000)) ]
    for limit in $((taken - 300000)) "$least"; do
        for late in operations copies operations,copies; do
            WG_FAKE_LATE=$late card "$WAGLE" "${run[@]}" "${tenth[@]}" --gpu-memory "$limit" --out streamed --force
            cmp resident/model.safetensors streamed/model.safetensors
            [ "$(cat peak)" -le "$limit" ]
        done
    done
}

@test "scores, losses and generated text are the same with streamed weights" {
    make_deep
    generate=(generate --model deep --prompt 'abc' --max-tokens 6 --device cuda)
    eval=(eval --model deep --data f.jsonl --device cuda)
    card "$WAGLE" "${score[@]}" --out resident
    least=$(needed 33600000 "${score[@]}")
    is_streamed
    card "$WAGLE" "${generate[@]}" >resident.txt
    said=$(cat peak)
    card "$WAGLE" "${eval[@]}" --out resident.json >/dev/null
    read=$(cat peak)
    for late in operations copies; do
        export WG_FAKE_LATE=$late
        card "$WAGLE" "${score[@]}" --gpu-memory "$least" --out streamed --force
        python3 - resident streamed <<'PY'
import glob, struct, sys
def tensors(folder):
    path = sorted(glob.glob(folder + "/*.safetensors") or [folder])[0]
    raw = open(path, "rb").read()
    return raw[8 + struct.unpack("<Q", raw[:8])[0]:]
a, b = map(tensors, sys.argv[1:])
assert a and a == b
PY
        card "$WAGLE" "${generate[@]}" --gpu-memory $((said - 1000000)) >streamed.txt
        cmp resident.txt streamed.txt
        card "$WAGLE" "${eval[@]}" --gpu-memory $((read - 1000000)) --out streamed.json --force >/dev/null
        [ "$(cat peak)" -le $((read - 1000000)) ]
        python3 - <<'PY'
import json
a, b = (json.load(open(f)) for f in ("resident.json", "streamed.json"))
for d in (a, b):
    for key in ("seconds", "tokens_per_second"):
        d.pop(key, None)
assert a == b, (a, b)
PY
    done
}

@test "the plan is never below what the card gives, and above it by 1 MB and 3 %" {
    make_deep
    for options in "--selector random --density 0.1" "" "--lora 4" "--objective npo" "--retain-term kl" "--rectify 0.5" "--accumulate 2" \
        "--state bf16 --optimizer lion"; do # scores of --selector wagle are made before, by a plan of their own
        for precision in f32 bf16; do
            # shellcheck disable=SC2086
            plan=$(needed 1G "${run[@]}" $options --precision $precision)
            # shellcheck disable=SC2086
            card "$WAGLE" "${run[@]}" $options --precision $precision --out out --force
            rm -rf out
            taken=$(cat peak)
            [ "$taken" -le "$plan" ] && [ "$plan" -le $((taken + taken * 3 / 100 + 1048576)) ] ||
                { echo "$options $precision: planned $plan, taken $taken"; return 1; }
        done
    done
}

@test "what does not fit the card is refused before it starts, with what it needs" {
    make_deep
    for command in run score; do
        declare -n words=$command
        refused 4 "not enough GPU memory: the plan needs" card "$WAGLE" "${words[@]}" --gpu-memory 34000000 --out out
        grep -q -- '--gpu-memory is 0.034 GB; ' stderr.txt
        WG_FAKE_MEMORY=36000000 refused 4 "what is free, less 5 %, is 0.034 GB" card "$WAGLE" "${words[@]}" --out out
    done
    refused 4 "not enough GPU memory: asked for" card "$WAGLE" generate --model deep --prompt abc --device cuda --gpu-memory 33600000
    refused 4 "--memory is" card "$WAGLE" "${run[@]}" --memory 20M --out out
    card "$WAGLE" "${run[@]}" --out out --dry-run | grep -q 'memory of the card:'
    [ ! -e out ]
}

@test "an allocation or an event that fails is one line, however late, and nothing is left behind" {
    make_deep
    least=$(needed 33600000 "${run[@]}" "${tenth[@]}")
    failed=0
    for at in cuMemAlloc_v2:{1,2,3,5,8,12,17,23,30,40,60} cuMemHostAlloc:{1,2,3,4,5,6} cuEventCreate:{2,9} cuEventRecord:{1,30,90} \
        cuStreamWaitEvent:{1,30,90} cuEventSynchronize:{1,20}; do
        status=0
        WG_FAKE_FAILS=$at card "$WAGLE" "${run[@]}" "${tenth[@]}" --gpu-memory "$least" --quiet --out out >stdout 2>stderr || status=$?
        if [ $status = 0 ]; then # it is not called so often
            rm -rf out
            continue
        fi
        failed=$((failed + 1))
        { [ $status = 1 ] || [ $status = 4 ]; } || { echo "$at: exit $status"; cat stderr; return 1; }
        [ "$(grep -vc warning: stderr)" = 1 ] || { echo "$at:"; cat stderr; return 1; }
        [ ! -e out ] && [ ! -e out.partial ] || { echo "$at: left behind: $(ls)"; return 1; }
    done
    [ $failed -gt 20 ]
}
