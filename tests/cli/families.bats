load helpers

@test "every family: attribute, mask, unlearn, evaluate, generate" {
    for folder in "$GOLD"/models/*; do
        echo "# $(basename "$folder")"
        rm -rf model scores mask out
        cp -r "$folder" model && chmod -R u+w model && rm -f model/gold.*
        byte_tokenizer model
        "$WAGLE" inspect model --layers --tensors >told
        grep -q 'parameters' told
        grep -q 'BPE of bytes, 320 tokens' told
        grep -q 'layer 2' told
        "$WAGLE" attribute --model model --forget forget.jsonl --retain retain.jsonl --out scores
        "$WAGLE" mask --scores scores --density 0.2 --out mask --format bool
        "$WAGLE" unlearn --model model --forget forget.jsonl --retain retain.jsonl --mask mask \
            --objective npo --lr 1e-3 --steps 3 --batch 2 --out out
        python3 "$BATS_TEST_DIRNAME/compare_unselected.py" model out mask
        "$WAGLE" eval --model out --data forget.jsonl | grep -q nll
        "$WAGLE" generate --model out --prompt 'Who' --max-tokens 6 --json >one
        "$WAGLE" generate --model out --prompt 'Who' --prompt 'a longer prompt' --max-tokens 6 --json | head -1 >beside
        cmp one beside
    done
}

@test "a model whose positions are learned takes no more than it has" {
    cp -r "$GOLD/models/gpt2" model && chmod -R u+w model
    byte_tokenizer model
    python3 -c 'import json; print(json.dumps({"input_ids": [5] * 129}))' >long.jsonl
    refused 3 'the limit is 128' "$WAGLE" eval --model model --data long.jsonl
    refused 3 "the model's 128 positions" "$WAGLE" generate --model model --prompt 'Who' --max-tokens 200
}

@test "GPT-2 files without their prefix, and with stored attention masks, are read" {
    cp -r "$GOLD/models/gpt2" model && chmod -R u+w model
    python3 - <<'PY'
import json, struct
data = open("model/model.safetensors", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + n])
body, end = data[8 + n:], len(data) - 8 - n
header = {k.removeprefix("transformer."): v for k, v in header.items()}
header["h.0.attn.bias"] = {"dtype": "F32", "shape": [1, 1, 2, 2], "data_offsets": [end, end + 16]}
text = json.dumps(header).encode()
open("model/model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + body + bytes(16))
PY
    "$WAGLE" logits --model model --data forget.jsonl --out a
    "$WAGLE" logits --model "$GOLD/models/gpt2" --data forget.jsonl --out b
    cmp a b
}

@test "add_bos_token and add_eos_token count where there is no tokenizer.json, as in transformers" {
    mkdir t && cp "$GOLD/tokenizers/llama2-legacy/tokenizer.json" t/
    ids() { "$WAGLE" tokenize --model t --text a; }
    config() { echo "{\"tokenizer_class\": \"$1\", \"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\"}, \"add_bos_token\": $2, \"add_eos_token\": $3}" >t/tokenizer_config.json; }
    plain=$("$WAGLE" tokenize --model t --text a --no-special)
    before=$(ids)
    [ "$before" = "1 $plain" ] # the post-processor of tokenizer.json
    for class in LlamaTokenizer LlamaTokenizerFast PreTrainedTokenizerFast; do
        config $class false true
        [ "$(ids)" = "$before" ]
    done
    config CodeLlamaTokenizer false true
    [ "$(ids)" = "1 $plain" ]
    config GPTNeoXTokenizer true true
    [ "$(ids)" = "$("$WAGLE" tokenize --model t --text a --no-special)" ]
    rm t/tokenizer.json && cp "$GOLD/sentencepiece/bpe/tokenizer.model" t/
    config LlamaTokenizer false false
    plain=$(ids)
    config LlamaTokenizer true false
    [ "$(ids)" = "1 $plain" ]
    config LlamaTokenizerFast false true
    [ "$(ids)" = "$plain 2" ]
    config LlamaTokenizer true true
    [ "$(ids)" = "1 $plain 2" ]
}
