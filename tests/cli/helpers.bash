# helpers.bash - a scratch folder, tiny data for the gold model, and checks of failures.
setup() {
    work=$(mktemp -d)
    cd "$work" || exit 1
    model=$GOLD/models/llama-gqa-tied
    python3 - <<'PY'
import json, random
r = random.Random(3)
for name, n in (("forget", 6), ("retain", 8)):
    with open(f"{name}.jsonl", "w") as f:
        for _ in range(n):
            ids = [r.randrange(3, 320) for _ in range(r.randrange(5, 30))]
            labels = [-100, -100] + ids[2:]
            f.write(json.dumps({"input_ids": ids, "labels": labels}) + "\n")
PY
}
teardown() { cd / && rm -rf "$work"; }

# refused CODE WORDS command...: exits with CODE, prints one line with WORDS to stderr, and leaves no output.
refused() {
    local code=$1 words=$2 status=0
    shift 2
    "$@" >stdout.txt 2>stderr.txt || status=$?
    [ "$status" = "$code" ] || { echo "exit $status, $code expected: $*"; cat stderr.txt; return 1; }
    [ "$(wc -l <stderr.txt)" = 1 ] || { echo "not one line: $*"; cat stderr.txt; return 1; }
    grep -qF -- "$words" stderr.txt || { echo "no '$words' in:"; cat stderr.txt; return 1; }
    [ ! -e out ] && [ ! -e out.partial ] || { echo "left behind: $(ls)"; return 1; }
}

# Adds a byte tokenizer, so that a model without a tokenizer can generate.
byte_tokenizer() {
    python3 - "$1" <<'PY'
import json, sys
byte = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
seen = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
hidden = [b for b in range(256) if b not in seen]
vocab = {chr(b): b for b in seen} | {chr(256 + i): b for i, b in enumerate(hidden)} | {f"<{i}>": i for i in range(256, 320)}
json.dump({"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": byte, "post_processor": None, "decoder": byte,
           "model": {"type": "BPE", "vocab": vocab, "merges": []}}, open(sys.argv[1] + "/tokenizer.json", "w"))
# uses tokenizer.json unchanged, whatever the family's class; qwen2 has its own class, which needs these names
json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<256>", "unk_token": "<256>", "pad_token": "<256>"},
          open(sys.argv[1] + "/tokenizer_config.json", "w"))
PY
}

# Puts the model into a folder of the whole one, with a tensor for images.
nest() {
    python3 - <<'PY'
import json, struct
raw = open("model/model.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
header = {"language_model." + k: v for k, v in json.loads(raw[8:8 + n]).items() if k != "__metadata__"}
data = raw[8 + n:]
header["vision_model.class_embedding"] = {"dtype": "F32", "shape": [5], "data_offsets": [len(data), len(data) + 20]}
text = json.dumps(header).encode()
open("model/model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data + bytes(range(20)))
c = json.load(open("model/config.json"))
json.dump({"model_type": "llama4", "tie_word_embeddings": False, "text_config": c, "vision_config": {"model_type": "llama4_vision_model"}},
          open("model/config.json", "w"))
PY
}
