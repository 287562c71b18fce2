load helpers

model_named() {
    rm -rf model && cp -r "$GOLD/models/$1" model && chmod -R u+w model && rm -f model/gold.*
    byte_tokenizer model
}

@test "export and import give the same tensors and tokens, for every architecture" {
    for name in llama-mha llama-gqa-tied llama-bias qwen2 qwen3 phi3 gemma gemma2 gpt2; do
        echo "# $name"
        model_named $name
        "$WAGLE" export model --out a.gguf --type f32 --force
        "$WAGLE" import a.gguf --out again --dtype f32 --force
        "$WAGLE" export again --out b.gguf --type f32 --force
        "$WAGLE" import b.gguf --out third --dtype f32 --force
        cmp again/tokenizer.json third/tokenizer.json
        "$WAGLE" tokenize --model model --text 'a bc déf 12' >ids
        "$WAGLE" tokenize --model again --text 'a bc déf 12' | cmp - ids
        "$WAGLE" logits --model model --data forget.jsonl --out first --force
        "$WAGLE" logits --model again --data forget.jsonl --out second --force
        case $name in
        gemma*) ;; # norms are stored plus one: of some the last bits go
        *)
            cmp first second
            cmp again/model.safetensors third/model.safetensors
            ;;
        esac
        for type in bf16 f16 q8_0; do
            "$WAGLE" export model --out c.gguf --type $type --force
            "$WAGLE" inspect c.gguf --tensors | grep -qi token_embd
            "$WAGLE" import c.gguf --out fourth --force
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
    model_named llama3-rope
    refused 3 'rope scaling' "$WAGLE" export model --out out
    model_named opt
    refused 3 "'opt' is not exported" "$WAGLE" export model --out out
    model_named llama-mha
    refused 2 "no type 'q3'" "$WAGLE" export model --out out --type q3
    rm model/tokenizer.json
    refused 3 'tokenizer.json' "$WAGLE" export model --out out
}
