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
    [ "$(wc -l <names)" = 6 ]
    [ "$(grep -c '\.experts\.3\.' names)" = 6 ]
    "$WAGLE" mask --scores scores --exclude '*.mlp.gate.*' --exclude '*shared_expert*' --density 1 --out mask2 --format bool
    chosen mask2 >names
    grep -q 'experts.0' names
    grep -q embed_tokens names
    ! grep -q 'mlp\.gate\.\|shared_expert' names || false
}

@test "ffn names the experts and routers of every family" {
    for name in mixtral olmoe qwen2_moe qwen3_moe llama4; do
        rm -rf model scores mask && setup_mixture $name
        "$WAGLE" attribute --model model --forget forget.jsonl --retain retain.jsonl --gamma 1 --out scores
        "$WAGLE" mask --scores scores --include ffn --density 1 --out mask --format bool
        chosen mask >names
        [ "$(grep -c 'experts\.' names)" = "$("$WAGLE" inspect model --tensors | grep -c 'experts\.')" ]
        grep -q 'gate.weight\|router.weight' names
        ! grep -q attn names || false
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
    edit 'c["output_router_logits"] = True'
    eval_it 'output_router_logits is not supported'
    edit 'c["output_router_logits"] = False; c["router_jitter_noise"] = 0.1'
    eval_it 'router_jitter_noise is not supported'
    edit 'c["router_jitter_noise"] = 0.0; c["num_experts_per_tok"] = 6'
    eval_it '6 of 5 experts'
    edit 'c["num_experts_per_tok"] = 2'
    refused 2 'is a mixture of experts' "$WAGLE" unlearn --model model --forget forget.jsonl --retain retain.jsonl --protect retain.jsonl --lr 1e-3 --steps 1 --out out
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
    edit 'c["model_type"] = "deepseek_v3"; c["n_routed_experts"] = 16'
    eval_it "'deepseek_v3' is a mixture of experts that is not supported"
    edit 'c = {"model_type": "gemma3", "text_config": c}'
    eval_it "model_type 'gemma3' is not supported"
}

# shapes FOLDER: name and shape of each tensor that its files hold
shapes() {
    python3 - "$1" <<'PY'
import glob, json, struct, sys
for path in sorted(glob.glob(sys.argv[1] + "/model*.safetensors")):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    for name, v in sorted(json.loads(raw[8:8 + n]).items()):
        if name != "__metadata__":
            print(name, v["shape"])
PY
}

@test "llama4: a mask names the experts of a tensor, and of the others every bit stays" {
    setup_mixture llama4
    "$WAGLE" attribute --model model --forget forget.jsonl --retain retain.jsonl --gamma auto --out scores
    "$WAGLE" mask --scores scores --include '*.experts.3.*' --density 0.5 --out mask --format bool
    "$WAGLE" unlearn --model model --forget forget.jsonl --retain retain.jsonl --mask mask --objective npo --lr 1e-3 --steps 3 --batch 2 --out out
    python3 "$BATS_TEST_DIRNAME/compare_unselected.py" model out mask
    chosen mask >names
    [ "$(wc -l <names)" = 4 ]
    [ "$(grep -c '\.experts\.3\.' names)" = 4 ]
    shapes model >before
    shapes out | diff before -
    "$WAGLE" diff model out --out patch --quiet
    "$WAGLE" inspect patch --tensors >said
    grep -q '\.experts\.3\.' said
    ! grep -q '\.experts\.[012]\.' said || false
    "$WAGLE" apply model patch --out again --quiet
    cmp again/model.safetensors out/model.safetensors
}

@test "llama4: two masked steps are those of torch" {
    setup_mixture llama4
    gold=$GOLD/models/llama4
    "$WAGLE" finetune --model model --data "$gold/gold.rows.jsonl" --mask "$gold/gold.mask.safetensors" --steps 2 --batch 3 --lr 1e-3 --schedule constant \
        --warmup 0 --clip none --out out
    python3 "$BATS_TEST_DIRNAME/compare_unselected.py" model out "$gold/gold.mask.safetensors"
    python3 - "$gold/gold.after.safetensors" <<'PY'
import array, json, struct, sys
def read(path):
    raw, out = open(path, "rb").read(), {}
    n = struct.unpack("<Q", raw[:8])[0]
    for name, v in json.loads(raw[8:8 + n]).items():
        if name == "__metadata__":
            continue
        x, shape = array.array("f", raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]), v["shape"]
        layer, matrix = name.rsplit(".", 1)
        size = len(x) // shape[0]
        out.update({f"{layer}.{e}.{matrix}": x[e * size:(e + 1) * size] for e in range(shape[0])} if len(shape) == 3 else {name: x})
    return out
def apart(x, y):
    assert len(x) == len(y)
    return max(abs(a - b) for a, b in zip(x, y))
want, found, before = read(sys.argv[1]), read("out/model.safetensors"), read("model/model.safetensors")
assert len(want) == 20, len(want)
for name, x in want.items():
    assert apart(x, found[name]) <= 1e-6, f"{name}: {apart(x, found[name])}"
assert apart(want["model.layers.2.feed_forward.experts.2.down_proj"], before["model.layers.2.feed_forward.experts.2.down_proj"]) > 1e-3
PY
}

@test "llama4: moments, adapters of experts, 8 bits, and a random model, whose file is as transformers has it" {
    setup_mixture llama4
    "$WAGLE" attribute --model model --forget forget.jsonl --retain retain.jsonl --gamma diag --out diag
    "$WAGLE" inspect diag --tensors | grep -q 'experts.2.gate_up_proj'
    "$WAGLE" finetune --model model --data forget.jsonl --lora 2 --lora-targets '*.experts.1.*' --lr 1e-2 --steps 2 --warmup 0 --out experts
    "$WAGLE" logits --model experts --data forget.jsonl --out of_experts --quiet
    "$WAGLE" finetune --model model --data forget.jsonl --lora 2 --lora-targets attention --lr 1e-2 --steps 2 --warmup 0 --out out --out-adapter adapter
    "$WAGLE" logits --model model --adapter adapter --data forget.jsonl --out merged --quiet
    "$WAGLE" logits --model out --data forget.jsonl --out trained --quiet
    "$WAGLE" logits --model model --data forget.jsonl --out before --quiet
    python3 - <<'PY'
import array, struct
def read(path):
    raw = open(path, "rb").read()
    return array.array("f", raw[8 + struct.unpack("<Q", raw[:8])[0]:])
def apart(x, y):
    assert len(x) == len(y) > 1000
    return max(abs(a - b) for a, b in zip(x, y))
merged, trained, before, experts = read("merged"), read("trained"), read("before"), read("of_experts")
assert apart(merged, trained) < 1e-4 and apart(merged, before) > 1e-3, (apart(merged, trained), apart(merged, before))
assert apart(experts, before) > 1e-3, apart(experts, before)
PY
    for weights in stored q8; do
        "$WAGLE" generate --model model --weights $weights --prompt Who --max-tokens 30 --json >$weights
    done
    grep -q '"tokens":30' stored
    grep -q '"tokens":' q8
    "$WAGLE" inspect model >said
    grep -q '^experts_per_token *2$' said
    grep -q '^attention_chunk *9$' said
    grep -q '^shared_expert_size *20$' said
    edit 'c["num_local_experts"] = 7'
    "$WAGLE" init --config model/config.json --dtype f32 --out made --quiet
    shapes made >said
    grep -qF 'model.layers.1.feed_forward.experts.gate_up_proj [7, 48, 40]' said
    grep -qF 'model.layers.2.feed_forward.experts.down_proj [7, 20, 48]' said
    ! grep -q 'experts\.[0-9]' said || false
    "$WAGLE" eval --model made --data forget.jsonl | grep -q nll
}

@test "llama4: the text part of a folder that also has a model of images" {
    setup_mixture llama4
    "$WAGLE" logits --model model --data retain.jsonl --out plain --quiet
    nest
    "$WAGLE" logits --model model --data retain.jsonl --out inside --quiet
    cmp plain inside
    "$WAGLE" inspect model | grep -q '^parameters *108720$'
    "$WAGLE" attribute --model model --forget forget.jsonl --retain retain.jsonl --gamma 1 --out scores
    "$WAGLE" mask --scores scores --density 0.2 --out mask --format bool
    chosen mask >names
    ! grep -q vision names || false
    "$WAGLE" unlearn --model model --forget forget.jsonl --retain retain.jsonl --mask mask --lr 1e-3 --steps 2 --out out
    python3 "$BATS_TEST_DIRNAME/compare_unselected.py" model out mask
    rm -r out
    edit 'c["quantization_config"] = {"quant_method": "awq"}'
    refused 3 'quantization_config' "$WAGLE" eval --model model --data forget.jsonl
    edit 'del c["quantization_config"]; c["text_config"]["model_type"] = "llama"'
    refused 3 "text_config: model_type must be 'llama4_text'" "$WAGLE" eval --model model --data forget.jsonl
    edit 'del c["text_config"]'
    refused 3 "model_type 'llama4' is not supported" "$WAGLE" eval --model model --data forget.jsonl
}

@test "llama4: what it does not have is refused by name" {
    setup_mixture llama4
    eval_it() { refused 3 "$1" "$WAGLE" eval --model model --data forget.jsonl; }
    refused 2 'is a mixture of experts' "$WAGLE" unlearn --model model --forget forget.jsonl --retain retain.jsonl --protect retain.jsonl --lr 1e-3 --steps 1 --out out
    edit 'c["moe_layers"] = []'
    eval_it 'no layer is a mixture of experts (moe_layers, interleave_moe_layer_step)'
    edit 'c["moe_layers"] = [1, "2"]'
    eval_it "'moe_layers' must be a list of whole numbers, found \"2\""
    edit 'c["moe_layers"] = [1, 2]; c["no_rope_layers"] = [1]'
    eval_it 'no_rope_layers has 1 numbers for 4 layers'
    edit 'c["no_rope_layers"] = None; c["attention_chunk_size"] = None'
    eval_it 'layer 0 has chunked attention, and there is no attention_chunk_size'
    edit 'c["attention_chunk_size"] = 9; c["layer_types"][0] = "sliding_attention"'
    eval_it "layer_types: 'sliding_attention' is not supported"
    edit 'c["layer_types"] = None; c["rope_parameters"] = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}'
    eval_it 'with use_qk_norm is not supported'
    edit 'c["rope_parameters"] = None; c["num_local_experts"] = 3'
    eval_it "shape [4,48], config.json says [3,48]"
    edit 'c["num_local_experts"] = 4; c["intermediate_size"] = 24'
    eval_it 'config.json says'
    edit 'c["intermediate_size"] = 20'
    python3 - <<'PY'
import json, struct
raw = open("model/model.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
h, data = json.loads(raw[8:8 + n]), raw[8 + n:]
h["model.layers.1.feed_forward.experts.2.down_proj"] = {"dtype": "F32", "shape": [20, 48], "data_offsets": [len(data), len(data) + 3840]}
text = json.dumps(h).encode()
open("model/model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data + bytes(3840))
PY
    eval_it 'stored twice: alone, and in one tensor of all experts'
}
