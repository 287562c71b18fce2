load helpers

setup_mixture() {
    cp -r "$GOLD/models/$1" model && chmod -R u+w model && rm -f model/gold.*
    byte_tokenizer model
}

# chosen MASK: names of the tensors in which a bool mask selects something
chosen() {
    python3 - "$1" <<'PY'
import json, struct, sys
raw = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
for name, v in json.loads(raw[8:8 + n]).items():
    if name != "__metadata__" and any(raw[8 + n:][slice(*v["data_offsets"])]):
        print(name)
PY
}

# edit 'python that changes c': config.json of the model
edit() {
    python3 -c "import json; c = json.load(open('model/config.json')); $1; json.dump(c, open('model/config.json', 'w'))"
}

@test "masks name experts: --include and --exclude select one expert or leave the routers as they are" {
    setup_mixture qwen2_moe
    "$WAGLE" attribute --model model --forget forget.jsonl --retain retain.jsonl --gamma auto --out scores
    "$WAGLE" mask --scores scores --include '*.experts.3.*' --density 1 --out mask --format bool
    "$WAGLE" unlearn --model model --forget forget.jsonl --retain retain.jsonl --mask mask --objective npo --lr 1e-3 --steps 3 --batch 2 --out out
    python3 "$BATS_TEST_DIRNAME/compare_unselected.py" model out mask
    chosen mask >names
    [ "$(wc -l <names)" = 6 ] && [ "$(grep -c '\.experts\.3\.' names)" = 6 ]
    "$WAGLE" mask --scores scores --exclude '*.mlp.gate.*' --exclude '*shared_expert*' --density 1 --out mask2 --format bool
    chosen mask2 >names
    grep -q 'experts.0' names && grep -q embed_tokens names
    ! grep -q 'mlp\.gate\.\|shared_expert' names
}

@test "ffn names the experts and routers of every family" {
    for name in mixtral olmoe qwen2_moe qwen3_moe; do
        rm -rf model scores mask && setup_mixture $name
        "$WAGLE" attribute --model model --forget forget.jsonl --retain retain.jsonl --gamma 1 --out scores
        "$WAGLE" mask --scores scores --include ffn --density 1 --out mask --format bool
        chosen mask >names
        [ "$(grep -c 'experts\.' names)" = "$("$WAGLE" inspect model --tensors | grep -c 'experts\.')" ]
        grep -q 'gate.weight' names
        ! grep -q attn names
    done
}

@test "Fisher moments, adapters, 8 bits, and a random model of a mixture" {
    setup_mixture mixtral
    "$WAGLE" attribute --model model --forget forget.jsonl --retain retain.jsonl --gamma diag --out diag
    "$WAGLE" finetune --model model --data forget.jsonl --lora 2 --lora-targets '*.experts.1.w1.*' --lr 1e-3 --steps 2 --out tuned
    "$WAGLE" diff model tuned --out changed
    "$WAGLE" inspect changed --tensors >changes
    grep -q '\.experts\.1\.w1\.' changes
    [ "$(grep -c '\.w[23]\.\|self_attn' changes)" = 0 ]
    mkdir adapter # as another program may have written it
    python3 - <<'PY'
import json, struct
name, data = "base_model.model.model.layers.0.block_sparse_moe.experts.1.w1", b""
shape = {"lora_A": [1, 48], "lora_B": [28, 1]}
head = {}
for part, (rows, columns) in shape.items():
    new = struct.pack(f"<{rows * columns}f", *[0.125] * rows * columns)
    head[f"{name}.{part}.weight"] = {"dtype": "F32", "shape": [rows, columns], "data_offsets": [len(data), len(data) + len(new)]}
    data += new
text = json.dumps(head).encode()
open("adapter/adapter_model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
json.dump({"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["w1"]}, open("adapter/adapter_config.json", "w"))
PY
    "$WAGLE" merge model --adapter adapter --out merged
    "$WAGLE" diff model merged --out changed --force
    [ "$("$WAGLE" inspect changed --tensors | grep -c 'changed')" -gt 0 ]
    "$WAGLE" eval --model model --adapter adapter --data forget.jsonl >with
    "$WAGLE" eval --model merged --data forget.jsonl | cmp - with
    "$WAGLE" generate --model model --weights q8 --prompt Who --max-tokens 4 --json >q8
    "$WAGLE" inspect model | grep -q '^experts_per_token *2$'
    edit 'c["num_local_experts"] = 7'
    "$WAGLE" init --config model/config.json --dtype f32 --out made --quiet
    [ "$("$WAGLE" inspect made --tensors | grep -c 'experts.6.w2')" = 3 ]
    "$WAGLE" eval --model made --data forget.jsonl | grep -q nll
}

@test "--out-adapter refuses experts and routers, which PEFT does not find, and names what it takes" {
    for name in mixtral qwen2_moe; do
        rm -rf model tuned adapter && setup_mixture $name
        train=("$WAGLE" finetune --model model --data forget.jsonl --lora 2 --lr 1e-3 --steps 1)
        refused 2 'are experts or routers' "${train[@]}" --out out --out-adapter adapter
        refused 2 "gate.weight' first" "${train[@]}" --out out --out-adapter adapter
        refused 2 'choose others with --lora-targets attention' "${train[@]}" --lora-targets '*experts.1.*' --out out --out-adapter adapter
        refused 2 'are experts or routers' "${train[@]}" --lora-targets '*gate.weight' --out out --out-adapter adapter --dry-run
        [ ! -e adapter ]
        "${train[@]}" --lora-targets attention --out tuned --out-adapter adapter
        python3 - <<'PY'
import json
targets = set(json.load(open("adapter/adapter_config.json"))["target_modules"])
assert targets == {"q_proj", "k_proj", "v_proj", "o_proj"}, targets
PY
        "$WAGLE" eval --model model --adapter adapter --data forget.jsonl | grep -q nll
    done
    # the expert that all tokens use is a module
    "${train[@]}" --lora-targets '*.shared_expert.*' --out shared --out-adapter shared-adapter
    grep -q 'shared_expert' shared-adapter/adapter_config.json
}

@test "a model without a layer that is a mixture is an ordinary one" {
    setup_mixture qwen3_moe
    edit 'c["mlp_only_layers"] = list(range(c["num_hidden_layers"]))'
    "$WAGLE" init --config model/config.json --dtype f32 --out made --quiet
    "$WAGLE" inspect made >said
    [ "$(grep -c '^experts' said)" = 0 ]
    "$WAGLE" unlearn --model made --forget forget.jsonl --retain retain.jsonl --protect retain.jsonl --lr 1e-3 --steps 1 --out out
}

@test "what a mixture of experts does not have is refused by name" {
    setup_mixture mixtral
    eval_it() { refused 3 "$1" "$WAGLE" eval --model model --data forget.jsonl; }
    edit 'c["output_router_logits"] = True' && eval_it 'output_router_logits is not supported'
    edit 'c["output_router_logits"] = False; c["router_jitter_noise"] = 0.1' && eval_it 'router_jitter_noise is not supported'
    edit 'c["router_jitter_noise"] = 0.0; c["num_experts_per_tok"] = 6' && eval_it '6 of 5 experts'
    edit 'c["num_experts_per_tok"] = 2'
    refused 2 'is a mixture of experts' "$WAGLE" unlearn --model model --forget forget.jsonl --retain retain.jsonl --protect retain.jsonl --lr 1e-3 --steps 1 --out out
    refused 3 "'mixtral' cannot be exported" "$WAGLE" export model --out out
    python3 - <<'PY'
import json, math, struct
raw = open("model/model.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
h = {k: v["shape"] for k, v in json.loads(raw[8:8 + n]).items() if k != "__metadata__" and ".experts." not in k}
h["model.layers.0.mlp.experts.gate_up_proj"] = [5, 56, 48]
out, at = {}, 0
for k, shape in h.items():
    out[k] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at := at + 4 * math.prod(shape)]}
text = json.dumps(out).encode()
open("model/model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + bytes(at))
PY
    eval_it "holds all experts of a layer"
    edit 'c["model_type"] = "llama4_text"; c["num_local_experts"] = 16' && eval_it "'llama4_text' is a mixture of experts that is not supported"
    edit 'c = {"model_type": "llama4", "text_config": c}' && eval_it "model_type 'llama4' is not supported"
}
