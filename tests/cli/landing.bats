load helpers

# --land: once --stop-when holds, the change of the weights is scaled back until it just holds.

overshoot() { # MODEL options...: a run that overshoots its rule
    "$WAGLE" unlearn --model "$1" --forget forget.jsonl --retain retain.jsonl --objective graddiff --lr 2e-3 --steps 40 --batch 2 --eval-every 10 \
        --stop-when 'forget.nll>7' "${@:2}"
}

# The written model has the metric in the log, just beyond the rule; its change is `share` of the change without --land.
check() { # MODEL LANDED PLAIN TOLERANCE
    python3 - "$WAGLE" "$@" <<'PY'
import json, struct, subprocess, sys
wagle, model, landed, plain, tolerance = sys.argv[1:]
def nll(folder):
    words = [wagle, "eval", "--model", folder, "--data", "forget.jsonl", "--metrics", "nll", "--quiet", "--json"]
    return json.loads(subprocess.check_output(words))["overall"]["nll"]
def values(folder):
    data = open(f"{folder}/model.safetensors", "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        raw = data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]]
        if t["dtype"] == "BF16":
            raw = b"".join(b"\0\0" + raw[i:i + 2] for i in range(0, len(raw), 2))
        out[name] = struct.unpack(f"<{len(raw) // 4}f", raw)
    return out
manifest = json.load(open(f"{landed}/manifest.json"))
share = manifest["land"]
assert 0 < share < 1, share
assert "land" not in json.load(open(f"{plain}/manifest.json"))
last = json.loads(open(f"{landed}/log.jsonl").readlines()[-1])
assert abs(last["land"] - share) < 1e-8 and last["step"] == manifest["steps"], last
got, far = nll(landed), nll(plain)
assert abs(last["forget.nll"] - got) < 1e-6 * got, (last, got)
assert 7 < got < 7 + float(tolerance) < far, (got, far)
w0, w1, w = values(model), values(plain), values(landed)
for name in w0:
    for a, b, c in zip(w0[name], w1[name], w[name]):
        if a == b:
            assert a == c, name
        else:
            assert abs(c - (a + share * (b - a))) <= max(abs(a), abs(b)) * 2 ** -7 + 1e-7, (name, a, b, c)
assert any(a != c for name in w0 for a, c in zip(w0[name], w[name]))
PY
}

@test "--land scales the change back to where the rule just holds, whatever trains" {
    "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --selector random --density 0.3 --out mask
    for extra in '' '--mask mask' '--lora 4'; do
        overshoot "$model" $extra --out plain --force
        overshoot "$model" $extra --land --out landed --force >said
        check "$model" landed plain 0.05
        grep -qE '^landed: [0-9]+ steps \(stopped by --stop-when, then scaled back to 0\.[0-9]+ of the change, where forget\.nll is 7(\.[0-9]+)?\)' said
    done
}

@test "the rule is asked of the weights as they are written: bfloat16, and moments in bf16" {
    overshoot "$GOLD/models/llama-gqa-tied-bf16" --state bf16 --out plain
    overshoot "$GOLD/models/llama-gqa-tied-bf16" --state bf16 --land --out landed
    check "$GOLD/models/llama-gqa-tied-bf16" landed plain 0.1
}

@test "an interrupted landing resumes to the same bits, and a patch has what was written" {
    overshoot "$model" --land --monitor --checkpoint-every 7 --out-patch whole.patch --out whole
    for seconds in 0.05 0.1 0.15 0.2 0.25 0.3; do
        timeout --preserve-status -s INT $seconds "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --objective graddiff \
            --lr 2e-3 --steps 40 --batch 2 --eval-every 10 --stop-when 'forget.nll>7' --land --monitor --checkpoint-every 7 --resume --out cut || true
    done
    [ -e cut ] || overshoot "$model" --land --monitor --checkpoint-every 7 --resume --out cut
    cmp whole/model.safetensors cut/model.safetensors
    cmp whole/log.jsonl cut/log.jsonl
    cmp whole/manifest.json cut/manifest.json
    "$WAGLE" apply "$model" whole.patch --out patched
    cmp whole/model.safetensors patched/model.safetensors
    tail -1 whole/log.jsonl | grep -q '"land":0\..*"forget.nll":7\..*"retain.nll":'
}

@test "a rule of a suite is landed on, in finetune too; one that was not reached changes nothing" {
    cp -r "$model" tiny && rm tiny/gold.* && byte_tokenizer tiny
    for i in 1 2 3; do echo "{\"question\": \"Who is $i?\", \"answer\": \"A man of $i.\", \"perturbed_answer\": [\"A man.\"]}"; done >tofu.json
    tune=(finetune --model tiny --data tofu.json --lr 3e-3 --steps 30 --batch 3 --eval-every 15 --suite tofu --set forget=tofu.json --max-tokens 0 --no-chat)
    "$WAGLE" "${tune[@]}" --stop-when 'tofu.forget.probability>0.05' --land --out out --json >said
    python3 - <<'PY'
import json
said, last = json.load(open("said")), json.loads(open("out/log.jsonl").readlines()[-1])
assert said["stopped"] and 0 < said["land"] < 1 and abs(last["land"] - said["land"]) < 1e-8, (said, last)
assert 0.05 < last["tofu.forget.probability"] < 0.055, last
PY
    rm -r out
    "$WAGLE" "${tune[@]}" --stop-when 'tofu.forget.probability>2' --allow-unmet --out plain
    "$WAGLE" "${tune[@]}" --stop-when 'tofu.forget.probability>2' --allow-unmet --land --out out
    cmp plain/model.safetensors out/model.safetensors
    ! grep -q '"land"' out/manifest.json out/log.jsonl || false
}

@test "--land without --stop-when is refused, as an option, a key and a changed option of --resume" {
    refused 2 '--land has no effect: it needs --stop-when' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-5 --steps 9 --land --out out
    echo '{"land": true}' >options.json
    refused 2 '--land has no effect: it needs --stop-when' "$WAGLE" finetune --model "$model" --data retain.jsonl --config options.json --out out
}
