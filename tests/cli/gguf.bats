load helpers

# In the gold model, Gemma 2's scale of attention scores differs from llama.cpp's.
model_named() {
    rm -rf model && cp -r "$GOLD/models/$1" model && chmod -R u+w model && rm -f model/gold.*
    byte_tokenizer model
    case $1 in
    gemma2) set_key model/config.json query_pre_attn_scalar "$(key model/config.json head_dim)" ;;
    olmo) set_key model/config.json clip_qkv 0.5 ;;
    esac
}

# A mixture with the sizes that llama.cpp knows: of the gold model's config, with other weights
mixture_named() {
    rm -rf model config.json
    python3 - "$GOLD/models/$1/config.json" <<'PY'
import json, sys
c = json.load(open(sys.argv[1]))
c.update({"mixtral": {"sliding_window": None}, "olmoe": {"num_key_value_heads": 4}, "qwen2_moe": {"mlp_only_layers": []},
          "qwen3_moe": {"decoder_sparse_step": 1},
          "llama4_text": {"attention_chunk_size": 8192, "floor_scale": 8192, "attn_scale": 0.1, "layer_types": None, "moe_layers": None,
                          "no_rope_layers": None, "interleave_moe_layer_step": 2, "num_hidden_layers": 5}}[c["model_type"]])
json.dump(c, open("config.json", "w"))
PY
    "$WAGLE" init --config config.json --dtype "${2:-f32}" --out model --quiet
    byte_tokenizer model
}
mixtures='mixtral olmoe qwen2_moe qwen3_moe llama4'

# same_tensors FOLDER FOLDER: names, types, shapes and bits
same_tensors() {
    python3 - "$@" <<'PY'
import json, struct, sys
def read(folder):
    b = open(folder + "/model.safetensors", "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    return {k: (v["dtype"], v["shape"], b[8 + n:][slice(*v["data_offsets"])]) for k, v in json.loads(b[8:8 + n]).items() if k != "__metadata__"}
a, b = map(read, sys.argv[1:])
assert a.keys() == b.keys(), a.keys() ^ b.keys()
assert not (wrong := [k for k in a if a[k] != b[k]]), wrong
PY
}

key() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"
}

# set_key FILE KEY JSON
set_key() {
    python3 -c 'import json, sys
c = json.load(open(sys.argv[1])); c[sys.argv[2]] = json.loads(sys.argv[3]); json.dump(c, open(sys.argv[1], "w"))' "$@"
}

@test "export and import give the same tensors and tokens, for every architecture" {
    for name in llama-mha llama-gqa-tied llama-bias llama3-rope qwen2 qwen3 phi3 phi3-longrope gemma gemma2 gpt2 olmo olmo2; do
        echo "# $name"
        model_named $name
        "$WAGLE" export model --out a.gguf --type f32 --force
        "$WAGLE" import a.gguf --out again --dtype f32 --force
        "$WAGLE" export again --out b.gguf --type f32 --force
        "$WAGLE" import b.gguf --out third --dtype f32 --force
        # when read, a special token in tokenizer_config.json becomes an added token; further round trips are equal
        "$WAGLE" export third --out b.gguf --type f32 --force
        "$WAGLE" import b.gguf --out sixth --dtype f32 --force
        cmp third/tokenizer.json sixth/tokenizer.json
        "$WAGLE" tokenize --model model --text 'a bc déf 12' >ids
        "$WAGLE" tokenize --model again --text 'a bc déf 12' | cmp - ids
        "$WAGLE" logits --model model --data forget.jsonl --out first --force
        "$WAGLE" logits --model again --data forget.jsonl --out second --force
        case $name in
        gemma* | phi3-longrope) ;; # norms are stored plus one, factors as float32: last bits go
        *)
            cmp first second
            cmp again/model.safetensors third/model.safetensors
            ;;
        esac
        for type in bf16 f16 q8_0 q6_k q5_k_m q4_k_m q4_0; do
            "$WAGLE" export model --out c.gguf --type $type --force
            "$WAGLE" inspect c.gguf --tensors | grep -qi token_embd
            "$WAGLE" import c.gguf --out fourth --dtype bf16 --force
            "$WAGLE" eval --model fourth --data forget.jsonl | grep -q nll
            "$WAGLE" export fourth --out d.gguf --type bf16 --force
            "$WAGLE" import d.gguf --out fifth --force
            cmp fourth/model.safetensors fifth/model.safetensors
        done
    done
}

@test "SentencePiece vocabularies go to GGUF and back" {
    for name in llama2-legacy gemma; do
        model_named llama-mha
        python3 - <<'PY'
import json
c = json.load(open("model/config.json"))
c.update(vocab_size=1100, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, head_dim=8)
json.dump(c, open("config.json", "w"))
PY
        rm -rf small again
        "$WAGLE" init --config config.json --out small
        cp "$GOLD/tokenizers/$name/tokenizer.json" small/
        refused 3 'lstrip or single_word' "$WAGLE" export small --out a.gguf --force
        python3 - <<'PY'
import json
t = json.load(open("small/tokenizer.json"))
for token in t["added_tokens"]:
    token.update(lstrip=False, rstrip=False, single_word=False)
json.dump(t, open("small/tokenizer.json", "w"))
PY
        echo '{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}' >small/tokenizer_config.json
        "$WAGLE" export small --out a.gguf --force
        "$WAGLE" import a.gguf --out again --force
        for text in 'Once upon a time' ' two  spaces' 'né 漢字 😀'; do
            "$WAGLE" tokenize --model small --text "$text" >ids
            "$WAGLE" tokenize --model again --text "$text" | cmp - ids
        done
    done
}

@test "what GGUF has no place for is refused by name" {
    model_named mistral-swa
    refused 3 'no sliding window' "$WAGLE" export model --out out
    model_named opt
    refused 3 "'opt' cannot be exported" "$WAGLE" export model --out out
    model_named olmo2
    python3 -c 'import json
c = json.load(open("model/config.json")); c["tie_word_embeddings"] = True; json.dump(c, open("config.json", "w"))'
    rm -rf tied
    "$WAGLE" init --config config.json --out tied
    cp model/tokenizer*.json tied/
    refused 3 "llama.cpp's olmo2 has no head that is the embedding (tie_word_embeddings)" "$WAGLE" export tied --out out
    model_named gemma2
    set_key model/config.json query_pre_attn_scalar 31
    refused 3 'query_pre_attn_scalar' "$WAGLE" export model --out out
    model_named llama-mha
    for act in gelu relu; do
        set_key model/config.json hidden_act "\"$act\""
        refused 3 'hidden_act' "$WAGLE" export model --out out
    done
    set_key model/config.json hidden_act '"silu"'
    for scaling in '"dynamic", "factor": 2.0' '"longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 1, 1, 1]' \
        '"yarn", "factor": 4.0, "beta_fast": 2, "original_max_position_embeddings": 256'; do
        echo "# $scaling"
        set_key model/config.json rope_parameters "{\"rope_theta\": 10000.0, \"rope_type\": $scaling}"
        run "$WAGLE" export model --out out
        [ "$status" -eq 3 ]
        [[ $output == *rope* || $output == *beta_fast* || $output == *short_factor* ]]
    done
    model_named llama-mha
    refused 2 "--type q3: must be" "$WAGLE" export model --out out --type q3
    rm model/tokenizer.json
    refused 3 'tokenizer.json' "$WAGLE" export model --out out
}

@test "scalings of positions go to GGUF and back" {
    for scaling in '"linear", "factor": 2.5' '"yarn", "factor": 4.0, "original_max_position_embeddings": 16' \
        '"yarn", "factor": 4.0, "attention_factor": 0.9, "original_max_position_embeddings": 16' \
        '"llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64' \
        '"llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 1.0, "original_max_position_embeddings": 64'; do
        echo "# $scaling"
        if [[ $scaling == *16.0* ]]; then mixture_named llama4; else model_named llama-mha; fi # 16: Scout
        set_key model/config.json rope_parameters "{\"rope_theta\": 10000.0, \"rope_type\": $scaling}"
        "$WAGLE" export model --out a.gguf --type f32 --force
        "$WAGLE" import a.gguf --out again --dtype f32 --force
        "$WAGLE" logits --model model --data forget.jsonl --out first --force
        "$WAGLE" logits --model again --data forget.jsonl --out second --force
        python3 - <<'PY'
import json, struct
def rows(path):
    b = open(path, "rb").read(); n = struct.unpack("<Q", b[:8])[0]
    return struct.unpack(f"<{(len(b) - 8 - n) // 4}f", b[8 + n:])
worst = max(abs(a - b) for a, b in zip(rows("first"), rows("second")))
assert worst < 1e-4, worst
PY
    done
}

@test "mixtures of experts go to GGUF and back with the same bits" {
    for name in $mixtures; do
        for type in f32 bf16; do
            echo "# $name $type"
            mixture_named $name $type
            "$WAGLE" export model --out a.gguf --force # the model's own type
            types_of a.gguf >types
            [ "$(grep -c 'ffn_gate_inp.weight F32' types)" = "$(grep -c ffn_gate_inp types)" ] # routers, as llama.cpp has them
            "$WAGLE" inspect a.gguf --tensors | grep -q 'ffn_gate_exps'
            "$WAGLE" import a.gguf --out again --force
            same_tensors model again
        done
        "$WAGLE" logits --model model --data forget.jsonl --out first --force
        "$WAGLE" logits --model again --data forget.jsonl --out second --force
        cmp first second
        for type in q8_0 q6_k q5_k_m q4_k_m q4_0; do
            "$WAGLE" export model --out c.gguf --type $type --force
            "$WAGLE" import c.gguf --out fourth --dtype bf16 --force
            "$WAGLE" eval --model fourth --data forget.jsonl | grep -q nll
            "$WAGLE" export fourth --out d.gguf --type bf16 --force
            "$WAGLE" import d.gguf --out fifth --force
            same_tensors fourth fifth
        done
    done
}

@test "of a folder that also has a model of images the text model is exported" {
    mixture_named llama4
    "$WAGLE" export model --out a.gguf
    nest
    "$WAGLE" export model --out b.gguf 2>said
    cmp a.gguf b.gguf
    grep -q 'model of images is left out' said
}

@test "the type of an import is that of all matrices but routers, if these fit it" {
    mixture_named mixtral bf16
    "$WAGLE" export model --out a.gguf --type bf16
    python3 - <<'PY'
b = bytearray(open("a.gguf", "rb").read())
import re, struct
at = b.index(b"blk.2.ffn_gate_inp.weight") + len(b"blk.2.ffn_gate_inp.weight")
dims, d0, d1, kind, offset = struct.unpack("<IQQIQ", b[at:at + 32])
assert (dims, d0, d1, kind) == (2, 48, 5, 0)
last = b.rindex(b"blk.2.ffn_down_exps.weight") + len(b"blk.2.ffn_down_exps.weight") + 4 + 3 * 8 + 4 + 8
b[-(-last // 32) * 32 + offset] = 1 # the lowest bit of the first value
open("b.gguf", "wb").write(b)
PY
    types() {
        "$WAGLE" inspect "$1" --tensors --json | python3 -c 'import json, sys; print(*{t["dtype"] for t in json.load(sys.stdin)["tensors"]})'
    }
    "$WAGLE" import a.gguf --out first && [ "$(types first)" = BF16 ]
    "$WAGLE" import b.gguf --out second && [ "$(types second)" = F32 ]
    small_model num_hidden_layers=1
    "$WAGLE" export small --out c.gguf --type q8_0
    "$WAGLE" import c.gguf --out third && [ "$(types third)" = BF16 ]
}

# change FILE: python that changes its bytes b, on stdin, to out.gguf. number(key, value) and dims(tensor, dim...), fastest first
change() {
    python3 - "$1" "$(cat)" <<'PY'
import struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
text = lambda name: struct.pack("<Q", len(name)) + name.encode()
def number(key, value):
    at = b.index(text(key)) + 8 + len(key) + 4
    b[at:at + 4] = struct.pack("<I", value)
def dims(tensor, *dim):
    at = b.index(text(tensor)) + 8 + len(tensor)
    b[at:at + 4 + 8 * len(dim)] = struct.pack(f"<I{len(dim)}Q", len(dim), *dim)
exec(sys.argv[2])
open("out.gguf", "wb").write(b)
PY
}

@test "the gate of Qwen 2's shared expert may be a matrix of one row, as newer converters write it" {
    mixture_named qwen2_moe
    "$WAGLE" export model --out a.gguf --type f32 --force
    change a.gguf <<'PY'
def end(at): # of what the file says of a tensor
    at += 8 + struct.unpack("<Q", b[at:at + 8])[0]
    return at + 4 + 8 * struct.unpack("<I", b[at:at + 4])[0] + 12
def header():
    return end(b.rindex(b"blk.2.", 0, len(b)) - 8)
old = header()
data = bytes(b[-(-old // 32) * 32:])
del b[old:]
for layer in range(3):
    name = f"blk.{layer}.ffn_gate_inp_shexp.weight"
    at = b.index(text(name)) + 8 + len(name)
    assert b[at:at + 4] == struct.pack("<I", 1)
    b[at:at + 12] = struct.pack("<I", 2) + b[at + 4:at + 12] + struct.pack("<Q", 1)
b += bytes(-len(b) % 32) + data
PY
    "$WAGLE" import a.gguf --out list --dtype f32
    "$WAGLE" import out.gguf --out matrix --dtype f32
    cmp list/model.safetensors matrix/model.safetensors
}

@test "a mixture whose numbers or shapes do not fit is refused in one line" {
    for name in $mixtures; do
        echo "# $name"
        mixture_named $name
        "$WAGLE" export model --out a.gguf --type f32 --force
        read -r arch X F <<<"$(case $name in mixtral) echo llama 5 28 ;; olmoe) echo olmoe 4 24 ;; qwen2_moe) echo qwen2moe 4 20 ;;
            qwen3_moe) echo qwen3moe 6 20 ;; llama4) echo llama4 4 20 ;; esac)"
        wrong() { # what the one line says
            change a.gguf
            refused 3 "$1" "$WAGLE" import out.gguf --out out
            refused 3 "$1" "$WAGLE" eval --model out.gguf --data forget.jsonl
            [ ! -e out ]
        }
        wrong "ffn_gate_inp.weight': shape [$X,48], expected [$((X + 1)),48]" <<<"number('$arch.expert_count', $((X + 1)))"
        wrong "$arch.expert_count' is 1000; at most 512" <<<"number('$arch.expert_count', 1000)"
        wrong "$arch.expert_count' is 4.29497e+09; a whole number" <<<"number('$arch.expert_count', 0xffffffff)"
        case $arch in # without experts, llama is Llama
        llama) wrong "llama.expert_used_count' is 2; the file has no experts" <<<"number('llama.expert_count', 0)" ;;
        *) wrong "$arch.expert_count' is 0; a whole number" <<<"number('$arch.expert_count', 0)" ;;
        esac
        wrong "$arch.expert_used_count' is $((X + 1)); a token uses each" <<<"number('$arch.expert_used_count', $((X + 1)))"
        wrong "$arch.expert_used_count' is 0; a whole number" <<<"number('$arch.expert_used_count', 0)"
        wrong "ffn_down_exps.weight': shape [$X,$F,48], expected [$X,48,$F]" <<<"dims('blk.1.ffn_down_exps.weight', 48, $F, $X)"
        wrong "ffn_up_exps.weight': shape [$((X - 1)),$F,48], expected [$X,$F,48]" <<<"dims('blk.1.ffn_up_exps.weight', 48, $F, $((X - 1)))"
        wrong "blk.1.ffn_gate_exps.weight'" <<<"at = b.index(b'blk.1.ffn_gate_exps'); b[at + 4:at + 5] = b'x'"
    done
}

@test "a mixture whose layers, weights or attention llama.cpp would compute otherwise is not exported" {
    lacks() { # which config what
        mixture_named $1
        python3 -c "import json; c = json.load(open('config.json')); $2; json.dump(c, open('config.json', 'w'))"
        "$WAGLE" init --config config.json --out model --quiet --force
        byte_tokenizer model
        refused 3 "$3" "$WAGLE" export model --out out
    }
    lacks mixtral 'c["sliding_window"] = 9' "llama.cpp's llama has no sliding window"
    lacks olmoe 'c["num_key_value_heads"] = 2' 'key/value heads that heads share'
    lacks olmoe 'c["tie_word_embeddings"] = True' 'head that is the embedding'
    lacks olmoe 'c["norm_topk_prob"] = True' 'norm_topk_prob'
    lacks qwen2_moe 'c["norm_topk_prob"] = True' 'norm_topk_prob'
    lacks qwen2_moe 'c["mlp_only_layers"] = [1]' 'layer that is no mixture of experts'
    lacks qwen3_moe 'c["norm_topk_prob"] = False' 'norm_topk_prob'
    lacks qwen3_moe 'c["decoder_sparse_step"] = 2' 'layer that is no mixture of experts'
    lacks qwen3_moe 'c["mlp_only_layers"] = [0, 1, 2]' 'layer that is no mixture of experts'
    lacks qwen3_moe 'c["attention_bias"] = True' 'attention_bias'
    lacks llama4 'c["attention_chunk_size"] = 9' 'chunks of another size than 8192 tokens'
    lacks llama4 'c["no_rope_layers"] = [1] * 5' 'than every fourth (no_rope_layers'
    lacks llama4 'c["attn_scale"] = 0.3' 'attn_scale 0.1 after floor_scale 8192'
    lacks llama4 'c["attn_temperature_tuning"] = False' 'attn_scale 0.1 after floor_scale 8192'
    lacks llama4 'c["use_qk_norm"] = False' 'norms of q and k, except with 128 experts'
    lacks llama4 'c["num_local_experts"] = 128' 'norms of q and k in a model with 128 experts'
    lacks llama4 'c["moe_layers"] = [0]' 'than in every n-th layer (moe_layers)'
    model_named gptj
    refused 3 "'gptj' cannot be exported (llama.cpp does not load it)" "$WAGLE" export model --out out
}

# Splits a.gguf into NAME-00001-of-00003.gguf and so on.
split() {
    python3 - "$1" <<'PY'
import struct, sys
b = open("a.gguf", "rb").read()
_, _, tensors, keys = struct.unpack("<4sIQQ", b[:24])
at, size = 24, {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
def text():
    global at
    n = struct.unpack("<Q", b[at:at + 8])[0]; at += 8 + n
    return b[at - n:at]
def value(kind):
    global at
    if kind == 8: text()
    elif kind == 9:
        of, n = struct.unpack("<IQ", b[at:at + 12]); at += 12
        for _ in range(n): value(of)
    else: at += size[kind]
for _ in range(keys):
    text(); kind = struct.unpack("<I", b[at:at + 4])[0]; at += 4; value(kind)
first, infos = b[24:at], []
for _ in range(tensors):
    name = text(); n = struct.unpack("<I", b[at:at + 4])[0]
    dims = b[at:at + 4 + 8 * n + 4]; at += 4 + 8 * n + 4
    infos.append((name, dims, struct.unpack("<Q", b[at:at + 8])[0])); at += 8
start = -(-at // 32) * 32
ends = [i[2] for i in infos[1:]] + [len(b) - start]
string = lambda s: struct.pack("<Q", len(s)) + s
key = lambda k, v: string(k) + struct.pack("<IH", 2, v)
for no in range(3):
    mine = range(no * tensors // 3, (no + 1) * tensors // 3)
    head, data = b"", b""
    for i in mine:
        name, dims, offset = infos[i]
        head += string(name) + dims + struct.pack("<Q", len(data))
        data += b[start + offset:start + ends[i]]
    values = (first if no == 0 else b"") + key(b"split.no", no) + key(b"split.count", 3)
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(mine), (keys if no == 0 else 0) + 2) + values + head
    open(f"{sys.argv[1]}-{no + 1:05d}-of-00003.gguf", "wb").write(out + bytes(-len(out) % 32) + data)
PY
}

@test "a model split over files is imported by its first" {
    model_named llama-mha
    "$WAGLE" export model --out a.gguf --type f32
    "$WAGLE" import a.gguf --out whole --dtype f32
    split part
    "$WAGLE" import part-00001-of-00003.gguf --out joined --dtype f32
    diff -r whole joined
    "$WAGLE" inspect part-00001-of-00003.gguf | grep -qE '^kind +gguf'
    refused 3 'give the first' "$WAGLE" import part-00002-of-00003.gguf --out out
    cp part-00002-of-00003.gguf part-00003-of-00003.gguf
    refused 3 'not part 3 of 3' "$WAGLE" import part-00001-of-00003.gguf --out out
    rm part-00003-of-00003.gguf
    refused 3 'part-00003-of-00003.gguf' "$WAGLE" import part-00001-of-00003.gguf --out out
    mv part-00001-of-00003.gguf one.gguf
    refused 3 'give the first' "$WAGLE" import one.gguf --out out
}

# types_of FILE: name and type of each matrix, a line each
types_of() {
    "$WAGLE" inspect "$1" --tensors --json | python3 -c 'import json, sys
for t in json.load(sys.stdin)["tensors"]:
    if len(t["shape"]) == 2: print(t["name"], t["dtype"])'
}

# small_model KEY=VALUE...: a random model with 16 layers of 256 features
small_model() {
    python3 - "$@" <<'PY'
import json, sys
c = json.load(open("model/config.json"))
c.update(hidden_size=256, intermediate_size=256, num_hidden_layers=16, num_attention_heads=4, num_key_value_heads=4, head_dim=64)
c.update((k, json.loads(v)) for k, v in (a.split("=") for a in sys.argv[1:]))
json.dump(c, open("config.json", "w"))
PY
    rm -rf small
    "$WAGLE" init --config config.json --out small
    cp model/tokenizer*.json small/
}

@test "a mixture of types stores the more sensitive matrices in a finer type" {
    model_named llama-mha
    small_model
    for type in q4_0:Q4_0:Q4_0:2 q4_k_m:Q4_K:Q6_K:15 q5_k_m:Q5_K:Q6_K:17 q6_k:Q6_K:Q6_K:18; do
        IFS=: read -r name usual finer number <<<"$type"
        "$WAGLE" export small --out a.gguf --type "$name" --force
        types_of a.gguf | python3 -c '
import sys
usual, finer = sys.argv[1:]
for line in sys.stdin:
    name, found = line.split()
    layer = int(name.split(".")[1]) if name.startswith("blk") else -1
    many = layer in (0, 1, 14, 15) or (layer - 2) % 3 == 2
    want = "Q6_K" if name == "output.weight" else finer if many and ("attn_v" in name or "ffn_down" in name) else usual
    assert found == want, (name, found, want)' "$usual" "$finer"
        "$WAGLE" import a.gguf --out back --force
        "$WAGLE" eval --model back --data forget.jsonl | grep -q nll
    done
    small_model tie_word_embeddings=true num_hidden_layers=2
    "$WAGLE" export small --out a.gguf --type q4_0 --force
    types_of a.gguf >types
    grep -qx 'token_embd.weight Q6_K' types
}

@test "with 8 experts attention has finer types, and the experts of some layers too" {
    mixture_named mixtral
    small_model intermediate_size=512 num_local_experts=8
    for type in q4_0:Q4_0:Q4_0:Q4_0 q4_k_m:Q4_K:Q6_K:Q5_K q5_k_m:Q5_K:Q6_K:Q5_K q6_k:Q6_K:Q6_K:Q6_K q8_0:Q8_0:Q8_0:Q8_0; do
        "$WAGLE" export small --out a.gguf --type "${type%%:*}" --force
        "$WAGLE" inspect a.gguf --tensors --json | python3 -c '
import json, sys
_, usual, finer, output = sys.argv[1].split(":")
for t in json.load(sys.stdin)["tensors"]:
    name, found = t["name"], t["dtype"]
    layer = int(name.split(".")[1]) if name.startswith("blk") else -1
    many = layer in (0, 1, 14, 15) or (layer - 2) % 3 == 2
    want = "F32" if "norm" in name or "ffn_gate_inp" in name else "Q8_0" if "attn_k" in name or "attn_v" in name else \
        output if "attn_output" in name else finer if "ffn_down" in name and many else usual
    if name == "output.weight":
        want = "Q8_0" if usual == "Q8_0" else "Q6_K"
    assert found == want, (name, found, want)' "$type"
        "$WAGLE" import a.gguf --out back --force
        "$WAGLE" eval --model back --data forget.jsonl | grep -q nll
    done
}

@test "rows that are not a whole number of blocks get another type" {
    model_named llama-mha
    small_model hidden_size=288 num_hidden_layers=2 intermediate_size=240
    for type in q4_k_m:Q5_0 q5_k_m:Q5_1 q6_k:Q8_0; do
        "$WAGLE" export small --out a.gguf --type "${type%:*}" --force 2>said
        types_of a.gguf >types
        count() { # how many of the matrices that would have another type have this one
            grep -v attn_output types | grep -c " $1\$"
        }
        grep -q -- "--type ${type%:*}: the rows of $(($(wc -l <types) - 2)) matrices are not whole blocks" said || { cat said; return 1; }
        grep -q "[ ,]$(count F16) as F16[ ,]" said
        grep -q "[ ,]$(count "${type#*:}") as ${type#*:}[ ,]" said
        [ "$(grep -c 'whole blocks' said)" = 1 ]
        types_of a.gguf >types
        grep -qx "blk.0.ffn_up.weight ${type#*:}" types # 288 = 9 x 32
        types_of a.gguf >types
        grep -qx 'output.weight Q8_0' types
        types_of a.gguf >types
        grep -qx 'blk.0.ffn_down.weight F16' types # 240
        types_of a.gguf >types
        grep -qx 'blk.0.attn_output.weight '"$(case $type in q4*) echo Q4_K ;; q5*) echo Q5_K ;; *) echo Q6_K ;; esac)" types
    done
    "$WAGLE" export small --out a.gguf --type q8_0 --force 2>said # 240 = 7.5 x 32
    grep -q 'the rows of 2 matrices are not whole blocks of the type that they would have; these are stored 2 as F16, by' said
    "$WAGLE" export small --out a.gguf --type bf16 --force 2>said
    ! grep -q 'whole blocks' said || false
    model_named gpt2
    "$WAGLE" export model --out a.gguf --type q8_0 --force
    types_of a.gguf >types
    grep -qx 'position_embd.weight F32' types
}

@test "values that a quantised type cannot hold are refused" {
    model_named llama-mha
    small_model num_hidden_layers=1
    python3 - <<'PY'
import json, struct
path = "small/model.safetensors"
b = bytearray(open(path, "rb").read())
n = struct.unpack("<Q", b[:8])[0]; t = json.loads(b[8:8 + n])["model.layers.0.mlp.up_proj.weight"]
at = 8 + n + t["data_offsets"][0]
b[at:at + (4 if t["dtype"] == "F32" else 2)] = {"F32": b"\0\0\x80\x7f", "BF16": b"\x80\x7f", "F16": b"\0\x7c"}[t["dtype"]]
open(path, "wb").write(b)
PY
    for type in q8_0 q4_0 q4_k_m; do
        refused 3 "up_proj.weight' holds inf, which --type $type cannot hold" "$WAGLE" export small --out out --type $type
    done
}

@test "a GGUF file is read with exactly its weights: like its import in float32" {
    mkdir temporary
    for name in llama-mha gemma gpt2 small mixtral llama4; do
        case $name in
        small) ;;
        mixtral | llama4) mixture_named $name ;;
        *) model_named $name ;;
        esac
        if [ $name = small ]; then # whose rows are whole blocks
            model_named llama-mha && small_model num_hidden_layers=2
            rm -r model && mv small model
        fi
        for type in f32 bf16 f16 q8_0 q4_k_m q4_0; do
            echo "# $name $type"
            "$WAGLE" export model --out a.gguf --type $type --force
            types_of a.gguf >types && [[ $name != small || $type != q* ]] || grep -qi " ${type%_m}\$" types
            "$WAGLE" import a.gguf --out imported --dtype f32 --force
            TMPDIR=temporary "$WAGLE" logits --model a.gguf --data forget.jsonl --out first --force
            "$WAGLE" logits --model imported --data forget.jsonl --out second --force
            cmp first second
            TMPDIR=temporary "$WAGLE" eval --model a.gguf --data forget.jsonl --json | grep nll >first
            "$WAGLE" eval --model imported --data forget.jsonl --json | grep nll | cmp - first
            rm -r imported
        done
    done
    [ -z "$(ls temporary)" ]
    small() { (ulimit -f 100 && "$@"); }
    refused 4 'a.gguf: unpacked it takes ' small "$WAGLE" eval --model a.gguf --data forget.jsonl
    refused 4 'has no room; set TMPDIR to a folder on a larger disk' small "$WAGLE" eval --model a.gguf --data forget.jsonl
}

@test "a GGUF file is read like the folder that import makes of it, by every command that takes one" {
    model_named llama-mha
    "$WAGLE" export model --out a.gguf --type q4_k_m
    "$WAGLE" import a.gguf --out imported --dtype f32
    mkdir temporary
    export TMPDIR=$PWD/temporary
    for command in 'eval --data forget.jsonl' 'generate --prompt a --max-tokens 8' 'eval --suite mcq --set mcq=mcq.json'; do
        echo "# $command"
        if [[ $command == *mcq* ]]; then
            echo '[{"question": "a", "choices": ["b", "c"], "answer": 0}]' >mcq.json
            "$WAGLE" $command --model a.gguf --out first.json
            "$WAGLE" $command --model imported --out second.json
            python3 -c 'import json
a, b = (json.load(open(n)) for n in ("first.json", "second.json"))
assert a["suites"] == b["suites"] and a["model"] == "a.gguf"'
        else
            "$WAGLE" $command --model a.gguf >first
            "$WAGLE" $command --model imported | cmp - first
        fi
        [ -z "$(ls temporary)" ]
    done
    for command in logits gradient; do
        "$WAGLE" $command --model a.gguf --data forget.jsonl --out first --force
        "$WAGLE" $command --model imported --data forget.jsonl --out second --force
        cmp first second
    done
    "$WAGLE" attribute --model a.gguf --forget forget.jsonl --retain retain.jsonl --out first --force
    "$WAGLE" attribute --model imported --forget forget.jsonl --retain retain.jsonl --out second --force
    cmp first second
    head -c 2000 a.gguf >cut.gguf
    refused 3 'cut.gguf' "$WAGLE" eval --model cut.gguf --data forget.jsonl
    [ -z "$(ls temporary)" ]
    rmdir temporary
    refused 3 "$TMPDIR/wagle-" "$WAGLE" eval --model a.gguf --data forget.jsonl
}

@test "inspect tells of a GGUF file what it tells of its import" {
    model_named llama-mha
    small_model
    "$WAGLE" export small --out a.gguf --type q4_k_m
    "$WAGLE" import a.gguf --out imported
    "$WAGLE" inspect a.gguf --json >file
    "$WAGLE" inspect imported --json >folder
    python3 - <<'PY'
import json
file, folder = json.load(open("file")), json.load(open("folder"))
for key in ("family", "layers", "hidden_size", "heads", "vocabulary", "tied_embeddings", "tokenizer", "end_of_text", "stops_at", "chat_template"):
    assert file[key] == folder[key], key
assert file["elements"] == folder["parameters"] and "Q4_K" in file["types"] and "Q6_K" in file["types"], file
PY
    "$WAGLE" inspect "$BATS_TEST_DIRNAME/../cases/gguf-experts/model.gguf" | grep -q '^not_read .*expert'
}

@test "a GGUF file where a model folder is wanted: import it first" {
    model_named llama-mha
    "$WAGLE" export model --out a.gguf --type f32
    first='import it first'
    refused 3 "$first" "$WAGLE" tokenize --model a.gguf --text a
    refused 3 "$first" "$WAGLE" finetune --model a.gguf --data forget.jsonl --out out
    refused 3 "$first" "$WAGLE" unlearn --model a.gguf --forget forget.jsonl --retain retain.jsonl --out out
    refused 3 "$first" "$WAGLE" export a.gguf --out b.gguf
    first='wagle import a.gguf --out DIR'
    refused 3 "$first" "$WAGLE" diff a.gguf model --out out
    refused 3 "$first" "$WAGLE" diff model a.gguf --out out
    refused 3 "$first" "$WAGLE" finetune --model model --mask a.gguf --data forget.jsonl --out out
}
