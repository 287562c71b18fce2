load helpers

# A copy of the model folder with one file changed by a python expression over `raw` (bytes).
broken() { # broken FILE 'expression'
    rm -rf bad && mkdir bad && cp "$model"/config.json "$model"/model.safetensors bad/
    python3 - "$1" "$2" <<'PY'
import json, struct, sys
name, expression = sys.argv[1:]
raw = open("bad/" + name, "rb").read()
def header(change, data=None):
    n = struct.unpack("<Q", raw[:8])[0]
    h = json.loads(raw[8:8 + n])
    h = change(h) or h
    text = json.dumps(h).encode()
    return struct.pack("<Q", len(text)) + text + (raw[8 + n:] if data is None else data)
def config(**keys):
    c = json.loads(raw); c.update(keys)
    return json.dumps({k: v for k, v in c.items() if v != "DROP"}).encode()
def put(h, tensor, key, value): h[tensor][key] = value
first = "model.embed_tokens.weight"
open("bad/" + name, "wb").write(eval(expression))
PY
}
logits() { refused 3 "$1" "$WAGLE" logits --model bad --data forget.jsonl --out out; }

@test "damaged safetensors" {
    broken model.safetensors 'b""'; logits 'model.safetensors'
    broken model.safetensors 'raw[:5]'; logits 'not a safetensors file'
    broken model.safetensors 'raw[:4000]'; logits 'safetensors'
    broken model.safetensors 'raw[:-1]'; logits 'past the'
    broken model.safetensors 'raw + b"x"'; logits 'after the last tensor'
    broken model.safetensors 'struct.pack("<Q", 2**63) + raw[8:]'; logits 'the header claims'
    broken model.safetensors 'struct.pack("<Q", len(raw) - 8) + raw[8:]'; logits 'JSON'
    broken model.safetensors 'raw[:8] + b"[" + raw[9:]'; logits 'JSON'
    broken model.safetensors 'header(lambda h: [1])'; logits 'not a JSON object'
    broken model.safetensors 'header(lambda h: put(h, first, "dtype", "F128"))'; logits 'F128'
    broken model.safetensors 'header(lambda h: put(h, first, "dtype", "F64"))'; logits 'do not fit'
    broken model.safetensors 'header(lambda h: put(h, first, "dtype", 3))'; logits 'needs dtype'
    broken model.safetensors 'header(lambda h: put(h, first, "dtype", "I32"))'; logits 'I32'
    broken model.safetensors 'header(lambda h: put(h, first, "shape", [-1, 48]))'; logits 'do not fit'
    broken model.safetensors 'header(lambda h: put(h, first, "shape", [2**62, 2**62]))'; logits 'do not fit'
    broken model.safetensors 'header(lambda h: put(h, first, "shape", [48, 320]))'; logits 'config.json says [320,48]'
    broken model.safetensors 'header(lambda h: put(h, first, "shape", [1,2,3,4,5]))'; logits 'dimensions'
    broken model.safetensors 'header(lambda h: put(h, first, "shape", ["a"]))'; logits 'whole number'
    broken model.safetensors 'header(lambda h: put(h, first, "data_offsets", [0, 2**62]))'; logits 'past the'
    broken model.safetensors 'header(lambda h: put(h, first, "data_offsets", [8, 4]))'; logits 'past the'
    broken model.safetensors 'header(lambda h: put(h, first, "data_offsets", [4, 61444]))'; logits 'before its data'
    broken model.safetensors 'header(lambda h: h.update({"x": dict(h[first])}))'; logits 'overlaps'
    broken model.safetensors 'header(lambda h: h.update({"y": h.pop(first)}))'; logits 'no tensor'
}

@test "a folder of pickles is refused with the way out" {
    mkdir bin && cp "$model/config.json" bin/ && echo x >bin/pytorch_model.bin
    refused 3 'save_pretrained' "$WAGLE" logits --model bin --data forget.jsonl --out out
}

@test "configs that make no model" {
    broken config.json 'b""'; logits 'not valid JSON'
    broken config.json 'b"[]"'; logits 'not a JSON object'
    broken config.json 'b"\xff{}"'; logits 'JSON'
    broken config.json 'config(model_type="mamba")'; logits 'mamba'
    broken config.json 'config(model_type="DROP")'; logits 'model_type'
    broken config.json 'config(vocab_size=-1)'; logits 'vocab_size'
    broken config.json 'config(vocab_size=1e30)'; logits 'vocab_size'
    broken config.json 'config(vocab_size=321)'; logits 'config.json says [321,48]'
    broken config.json 'config(hidden_size="48")'; logits 'hidden_size'
    broken config.json 'config(num_hidden_layers=4)'; logits 'no tensor'
    broken config.json 'config(num_hidden_layers=2)'; logits 'does not belong to this model type'
    broken config.json 'config(num_key_value_heads=4)'; logits 'do not fit together'
    broken config.json 'config(head_dim=7)'; logits 'do not fit together'
    broken config.json 'config(hidden_act="mish")'; logits 'mish'
    broken config.json 'config(hidden_act=5)'; logits 'hidden_act'
    broken config.json 'config(attention_bias=True)'; logits 'q_proj.bias'
    broken config.json 'config(model_type="dbrx", num_local_experts=8)'; logits 'mixture of experts'
    broken config.json 'config(model_type="gemma", use_bidirectional_attention=True)'; logits 'use_bidirectional_attention is not'
    broken config.json 'config(model_type="opt", word_embed_proj_dim=5000)'; logits 'at most 4096'
    broken config.json 'config(model_type="qwen2", use_sliding_window=True, sliding_window=0)'; logits 'sliding_window'
    broken config.json 'config(model_type="qwen3", use_sliding_window=True, sliding_window=4, layer_types=["linear_attention"]*3)'; logits 'linear_attention'
    broken config.json 'config(model_type="phi", partial_rotary_factor=0.01)'; logits 'cannot be rotated'
    broken config.json 'config(rope_parameters={"rope_type": "longrope", "short_factor": [1], "long_factor": [1]})'; logits 'short_factor'
    broken config.json 'config(rope_parameters={"rope_type": "longrope", "short_factor": [0]*4, "long_factor": [1]*4})'; logits 'above 0'
    broken config.json 'config(rms_norm_eps=-1)'; logits 'rms_norm_eps'
    broken config.json 'config(rope_parameters={"rope_type": "yarn", "rope_theta": 1e4})'; logits 'yarn'
    broken config.json 'config(rope_parameters={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0})'; logits "llama3' without 'high_freq_factor'"
    broken config.json 'config(rope_parameters={"rope_type": "su"})'; logits "'su' is not supported"
    broken config.json 'config(rope_scaling="linear")'; logits "'rope_scaling' must be an object, found \"linear\""
    broken config.json 'config(rope_parameters={"full_attention": {"rope_theta": 1e4}})'; logits 'by kind of layer'
    broken config.json 'config(rope_scaling={"type": "linear", "factor": 2.0}, partial_rotary_factor=0.5)'; logits 'partial_rotary_factor'
    broken config.json 'config(vocab_size="null")'; logits "'vocab_size' must be a whole number from 1 to 16777216, found"
    broken config.json 'config(num_hidden_layers=None)'; logits 'found null'
    broken config.json 'config(tie_word_embeddings=1)'; logits "'tie_word_embeddings' must be true or false, found 1"
    broken config.json 'config(hidden_act=None)'; logits "'hidden_act' must be a name, found null"
    broken config.json 'config(quantization_config={"quant_method": "awq"})'; logits 'quantization_config'
    broken config.json 'config(is_causal=False)'; logits 'is_causal'
    broken config.json 'config(per_layer_config={"0": {"num_attention_heads": 2}})'; logits 'per_layer_config'
    broken config.json 'config(model_type="qwen2", use_sliding_window=False, layer_types=["sliding_attention"]*3)'; logits 'sliding_window'
    broken config.json 'config(model_type="gemma2", sliding_window=None)'; logits 'no sliding_window'
    broken config.json 'config(model_type="gpt_neox", head_dim=16)'; logits 'head_dim 16'
    broken config.json 'config(model_type="falcon", alibi=True)'; logits 'alibi'
    broken config.json 'config(tie_word_embeddings=False)'; logits 'lm_head.weight'
}

@test "rows that cannot be used" {
    rows() { refused "$1" "$2" "$WAGLE" logits --model "$model" --data rows --out out; }
    : >rows; rows 3 'the file is empty'
    printf '\n\n' >rows; rows 3 'the file is empty'
    echo '{"input_ids": [1,2' >rows; rows 3 'rows:1'
    echo '[1, 2]' >rows; rows 3 'JSON object'
    echo '{"input_ids": []}' >rows; rows 3 'empty'
    echo '{"input_ids": [1,2], "labels": [1]}' >rows; rows 3 "rows:1: 'labels' has 1 numbers and 'input_ids' has 2"
    echo '{"input_ids": [1, 320]}' >rows; rows 3 'token 320 is outside'
    echo '{"input_ids": [1, -5]}' >rows; rows 3 'token -5'
    echo '{"input_ids": [1, 5], "labels": [1, 999]}' >rows; rows 3 'label 999'
    echo '{"input_ids": [1, 2.5]}' >rows; rows 3 'whole numbers'
    echo '{"input_ids": [1, 2], "labels": [-100, -100]}' >rows; rows 3 'no label'
    python3 -c 'print({"input_ids": [5] * 129})' | tr "'" '"' >rows; rows 3 '--truncate'
    echo '{"question": "a", "reply": "b"}' >rows; rows 3 'found: question, reply'
    echo '{"question": "a", "answer": "b"}' >rows; rows 3 'tokenizer.json'
    printf 'question,answer\n"a,b\n' >rows; rows 3 'not closed'
    printf 'question,answer\na,b,c\n' >rows; rows 3 '3 fields'
    printf 'question,answer\n\xff,b\n' >rows; rows 3 'UTF-8'
    refused 3 'nowhere' "$WAGLE" logits --model "$model" --data nowhere --out out
    refused 3 'nowhere' "$WAGLE" logits --model nowhere --data forget.jsonl --out out
}

@test "a folder of rows may have a file that is named as a note of datasets" {
    mkdir saved
    echo '{"question": "a", "answer": "b"}' >saved/state.json
    cp -r "$model" tiny && byte_tokenizer tiny
    "$WAGLE" eval --model tiny --data saved --out result >said
    grep -q '^saved: 1 rows$' said
}

@test "whole dialogues in 'chosen' and 'rejected' are read as text, not as questions" {
    cp -r "$model" tiny && byte_tokenizer tiny
    echo '{"chosen": "\n\nHuman: Hi\n\nAssistant: Yes.", "rejected": "\n\nHuman: Hi\n\nAssistant: No."}' >hh.jsonl
    for answer in chosen rejected; do
        refused 3 "a whole dialogue, as in HH-RLHF, read it as a text with --text-field $answer" "$WAGLE" eval --model tiny --data hh.jsonl --answer-field $answer --out out
        ! grep -q 'prompt-field' stderr.txt || false
        "$WAGLE" eval --model tiny --data hh.jsonl --text-field $answer --out $answer.json
    done
    ! cmp -s chosen.json rejected.json || false
    echo '{"prompt": "Hi", "chosen": "Yes.", "rejected": "No."}' >pair.jsonl
    "$WAGLE" eval --model tiny --data pair.jsonl --answer-field rejected --out pair.json
}

@test "masks, scores, tokenizers and GGUF that do not fit" {
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --selector magnitude --out scores
    "$WAGLE" attribute --model "$GOLD/models/llama3-rope" --forget forget.jsonl --selector magnitude --out other
    "$WAGLE" mask --scores other --density 0.1 --out othermask
    unlearn() { "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --protect none --steps 1 --out out "$@"; }
    refused 3 'mask' unlearn --mask othermask
    refused 3 'not a mask' unlearn --mask scores
    refused 3 'forget.jsonl' unlearn --mask forget.jsonl
    refused 3 'not a score file' "$WAGLE" mask --scores othermask --density 0.1 --out out
    refused 2 'density 1.5' "$WAGLE" mask --scores scores --density 1.5 --out out
    refused 2 'density 0' "$WAGLE" mask --scores scores --density 0 --out out
    refused 2 'selects no weight' "$WAGLE" mask --scores scores --density 1e-9 --out out
    refused 2 'no tensor is left' "$WAGLE" mask --scores scores --density 0.1 --include nothing --out out
    refused 2 '--format' "$WAGLE" mask --scores scores --density 0.1 --format nib --out out
    echo 'GGUFxxxxxxxxxxxxxxxxxxxxx' >bad.gguf
    refused 3 'bad.gguf' "$WAGLE" import bad.gguf --out out
    printf 'GGUF\3\0\0\0\1\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377' >bad.gguf
    refused 3 'damaged' "$WAGLE" import bad.gguf --out out
    printf 'GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >bad.gguf
    refused 3 'architecture' "$WAGLE" import bad.gguf --out out
    refused 3 'nowhere' "$WAGLE" import nowhere.gguf --out out
    mkdir tok && echo '{"model":{"type":"Neural","vocab":{}}}' >tok/tokenizer.json
    refused 3 'Neural' "$WAGLE" tokenize --model tok --text a
    echo '{"model":{"type":"Unigram","vocab":[["a",-1.5]]}}' >tok/tokenizer.json
    refused 3 'unk_id' "$WAGLE" tokenize --model tok --text a
    echo '{"model":{"type":"Unigram","unk_id":0,"vocab":[["a",null]]}}' >tok/tokenizer.json
    refused 3 'token 0' "$WAGLE" tokenize --model tok --text a
    rm tok/tokenizer.json && printf '\12\377' >tok/tokenizer.model
    refused 3 'not a SentencePiece model' "$WAGLE" tokenize --model tok --text a
    rm tok/tokenizer.model
    refused 3 'tokenizer.json' "$WAGLE" tokenize --model tok --text a
    echo '{"model":{"type":"BPE","vocab":{"a":99999999},"merges":[]}}' >tok/tokenizer.json
    refused 3 'token id' "$WAGLE" tokenize --model tok --text a
    echo '{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}' >tok/tokenizer.json
    refused 3 'merge 0' "$WAGLE" tokenize --model tok --text a
    printf '\xff\xfe' >file
    refused 3 'UTF-8' "$WAGLE" tokenize --model "$GOLD/tokenizers/gpt2" --file file
    refused 3 'not in the vocabulary' "$WAGLE" tokenize --model "$GOLD/tokenizers/gpt2" --decode 99999
}

@test "wrong options" {
    unlearn() { "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --out out "$@"; }
    refused 2 'no objective' unlearn --objective nope
    refused 2 'no selector' unlearn --selector nope
    refused 2 'not a number' unlearn --lr fast
    refused 2 '--lr' unlearn --lr 0
    refused 2 'not a whole number' unlearn --steps 1.5
    refused 2 '--batch' unlearn --batch 0
    refused 2 '--stop-when' unlearn --stop-when 'forget.joy<1'
    refused 2 '--npo-beta' unlearn --objective npo --npo-beta 1000
    refused 2 'no option' unlearn --npo-beta 1
    refused 2 '--gamma' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma -1 --out out
    refused 2 '--data ROWS is missing' "$WAGLE" logits --model "$model" --out out
    refused 2 'unexpected argument' unlearn surplus
    refused 2 'no metric' "$WAGLE" eval --model "$model" --data forget.jsonl --metrics joy
    refused 2 '--memory' unlearn --memory plenty
    refused 2 '--memory' unlearn --memory 16X
    refused 2 '--state' unlearn --state f64
    refused 2 '--dtype' "$WAGLE" init --config "$model/config.json" --dtype f8 --out out
    refused 2 '--config' "$WAGLE" init --out out
    refused 3 'nowhere' "$WAGLE" init --config nowhere --out out
    echo '{"model_type":"llama","vocab_size":0}' >config.json
    refused 3 'vocab_size' "$WAGLE" init --config config.json --out out
    touch there
    refused 2 '--force' "$WAGLE" logits --model "$model" --data forget.jsonl --out there
    refused 3 'cannot be written' "$WAGLE" logits --model "$model" --data forget.jsonl --out nowhere/deep
}

@test "too little memory is refused before work starts" {
    refused 4 'not enough memory' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --out out --memory 1M
    refused 4 'not enough memory' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --out out --memory 1M
}

@test "a full disk ends with code 4 and leaves nothing" {
    small() { (ulimit -f 100 && "$@"); }
    mkdir plain # the gold files beside the model would be named in a warning
    cp "$model"/{config.json,generation_config.json,model.safetensors} plain
    refused 4 'out' small "$WAGLE" logits --model "$model" --data forget.jsonl --out out
    refused 4 'out' small "$WAGLE" gradient --model "$model" --data forget.jsonl --out out
    refused 4 'out' small "$WAGLE" attribute --model "$model" --forget forget.jsonl --selector snip --out out
    refused 4 'out' small "$WAGLE" unlearn --model plain --forget forget.jsonl --retain retain.jsonl --protect none --steps 1 --warmup 0 --out out
}
