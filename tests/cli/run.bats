load helpers

same() { diff -r "$1" "$2"; }

@test "attribute, mask and unlearn twice, with one and two threads, give the same files" {
    for n in 1 2; do
        "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --out scores$n --threads $n
        "$WAGLE" mask --scores scores$n --density 0.4 --out mask$n
        "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --mask mask$n \
            --objective npo --npo-beta 0.2 --lr 1e-3 --steps 6 --batch 2 --out out$n --threads $n
    done
    cmp scores1 scores2
    cmp mask1 mask2
    same out1 out2
}

@test "a mask straight from data is the one that a score file gives" {
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --out scores
    "$WAGLE" mask --scores scores --density 0.3 --exclude '*embed*' --out mask1
    "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --density 0.3 --exclude '*embed*' --out mask2
    cmp mask1 mask2
    refused 2 'one of --scores, --model' "$WAGLE" mask --out out
    refused 2 'one of --scores, --model' "$WAGLE" mask --scores scores --model "$model" --out out
}

@test "weights in bf16: the same bytes with two threads and after an interruption; refused for a float32 model" {
    echo '{"input_ids": [3, 4, 5, 6, 7], "labels": [-100, 4, 5, 6, 7]}' >ids.jsonl
    echo '{"input_ids": [8, 9, 10, 11], "labels": [-100, 9, 10, 11]}' >other.jsonl
    for master in bf16 bf16-stochastic; do
        args=(--model "$GOLD/models/llama-gqa-tied-bf16" --forget ids.jsonl --retain other.jsonl --lr 1e-4 --steps 300 --master $master)
        "$WAGLE" unlearn "${args[@]}" --out one --threads 1 --force 2>log
        grep 'takes 0.[0-9]* MB less than --master f32' log
        timeout --preserve-status -s INT 0.2 "$WAGLE" unlearn "${args[@]}" --out two --threads 2 || true
        [ -e two ] || "$WAGLE" unlearn "${args[@]}" --out two --threads 2 --resume
        cmp one/model.safetensors two/model.safetensors
        rm -r one two
    done
    refused 2 "is F32" "$WAGLE" unlearn --model "$GOLD/models/llama-gqa-tied" --forget ids.jsonl --retain other.jsonl --lr 1e-4 --steps 3 --master bf16 --out out
    refused 2 'give one with --lr' "$WAGLE" unlearn --model "$GOLD/models/llama-gqa-tied-bf16" --forget ids.jsonl --retain other.jsonl --master bf16 --out out
}

@test "weights in bf16: a model with norms in float32 trains where the mask has none of them" {
    cp -r "$GOLD/models/llama-gqa-tied-bf16" model && chmod -R u+w model
    python3 - <<'PY'
import json, struct
raw = open("model/model.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
header, body, out = json.loads(raw[8:8 + n]), raw[8 + n:], b""
for name, t in header.items():
    if name == "__metadata__":
        continue
    data = body[slice(*t["data_offsets"])]
    if "norm" in name:
        t["dtype"], data = "F32", b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))
    t["data_offsets"] = [len(out), len(out) + len(data)]
    out += data
head = json.dumps(header).encode()
open("model/model.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + out)
PY
    args=(--model model --forget forget.jsonl --retain retain.jsonl --lr 1e-4 --steps 2 --master bf16 --out out)
    "$WAGLE" unlearn "${args[@]}" --selector magnitude --exclude '*norm*' --density 0.3 --dry-run
    "$WAGLE" unlearn "${args[@]}" --selector magnitude --exclude '*norm*' --density 0.3
    rm -r out
    refused 2 "norm.weight' of model is F32" "$WAGLE" unlearn "${args[@]}" --selector magnitude --density 1
    refused 2 "norm.weight' of model is F32" "$WAGLE" unlearn "${args[@]}"
}

@test "an interrupted run resumes to the same bytes" {
    args=(--model "$model" --forget forget.jsonl --retain retain.jsonl --selector wagle --density 0.3 --lr 1e-3 --steps 400 --batch 2 --eval-every 7 --stop-when 'forget.probability<1e-9' --allow-unmet)
    "$WAGLE" unlearn "${args[@]}" --out whole
    for delay in 0.05 0.1 0.2; do
        status=0
        timeout --preserve-status -s INT $delay "$WAGLE" unlearn "${args[@]}" --out cut --resume --checkpoint-every 10 || status=$?
        [ $status = 0 ] || [ $status = 130 ]
    done
    timeout -s KILL 0.2 "$WAGLE" unlearn "${args[@]}" --out cut --resume --checkpoint-every 10 || sleep 0.2 # a killed process is not gone at once
    [ -e cut ] || "$WAGLE" unlearn "${args[@]}" --out cut --resume
    same whole cut
    [ ! -e cut.partial ]
}

@test "what a kill left half-written does not reach the finished folder" {
    args=(--model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-3 --steps 600 --batch 2)
    "$WAGLE" unlearn "${args[@]}" --out whole
    for _ in 1 2 3 4 5 6; do
        timeout -s INT 0.1 "$WAGLE" unlearn "${args[@]}" --out cut --resume || true
        [ ! -e cut.partial/checkpoint.safetensors ] || break
    done
    for name in checkpoint.safetensors.partial model.safetensors.partial model.safetensors log.jsonl; do
        echo half >cut.partial/$name
    done
    "$WAGLE" unlearn "${args[@]}" --out cut --resume
    same whole cut
}

@test "unselected weights keep their bits in F32, BF16 and F16 folders, sharded and tied" {
    python3 "$BATS_TEST_DIRNAME/../gold/../cli/make_f16.py" "$GOLD/models/llama-mha" f16
    for folder in "$GOLD/models/llama-mha" "$GOLD/models/llama-gqa-tied" "$GOLD/models/llama-gqa-tied-bf16" f16; do
        rm -rf scores mask out
        "$WAGLE" attribute --model "$folder" --forget forget.jsonl --retain retain.jsonl --out scores
        "$WAGLE" mask --scores scores --density 0.2 --out mask --format bool
        "$WAGLE" unlearn --model "$folder" --forget forget.jsonl --retain retain.jsonl --mask mask \
            --weight-decay 0.1 --lr 1e-2 --steps 4 --out out
        python3 "$BATS_TEST_DIRNAME/compare_unselected.py" "$folder" out mask
    done
}

@test "a dry run says what it would take and leaves nothing" {
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --selector wagle --out out --dry-run >plan
    grep -q 'in all' plan
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --steps 4 --out out --dry-run --json >plan.json
    python3 - <<'PY'
import json
p = json.load(open("plan.json"))
assert p["schema"] == "wagle-plan-1" and p["host"]["bytes"] == sum(x["bytes"] for x in p["host"]["parts"]) > 0, p
assert "card" not in p and p["layers"] == 3 and p["disk"]["model_bytes"] > 0, p
PY
    grep -q 'predicted' plan
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --out out --dry-run | grep -q 'in all'
    [ ! -e out ]
    [ ! -e out.partial ]
}

@test "init makes the same model of the same seed, in each type, and it trains with bf16 moments" {
    for type in f32 bf16 f16; do
        "$WAGLE" init --config "$model/config.json" --dtype $type --seed 3 --out a --force
        "$WAGLE" init --config "$model/config.json" --dtype $type --seed 3 --out b --force
        same a b
        "$WAGLE" finetune --model a --data forget.jsonl --steps 3 --state bf16 --lr 1e-3 --out c --force
        "$WAGLE" finetune --model a --data forget.jsonl --steps 3 --state bf16 --lr 1e-3 --out d --force --threads 1
        same c d
    done
}

@test "help, suggestions and config" {
    "$WAGLE" | grep -q unlearn
    "$WAGLE" help unlearn | grep -q -- --npo-beta
    refused 2 'did you mean unlearn' "$WAGLE" unlern
    refused 2 'did you mean --objective' "$WAGLE" unlearn --objektive npo
    echo '{"forget":"forget.jsonl","retain":"retain.jsonl","steps":2,"lr":0.001,"objective":"ga"}' >run.json
    "$WAGLE" unlearn --config run.json --model "$model" --objective graddiff --out out
    grep -q '"objective": "graddiff"' out/manifest.json
}

@test "several prompts are answered together as they are alone" {
    sed 's/"vocab_size": 320/"vocab_size": 702/' "$model/config.json" >config.json
    "$WAGLE" init --config config.json --dtype f32 --out tiny
    cp "$GOLD/tokenizers/smollm-like/tokenizer.json" tiny/
    prompts=(--prompt 'a b' --prompt 'the longer one of them' --prompt x)
    "$WAGLE" generate --model tiny "${prompts[@]}" --max-tokens 9 >together || cat together
    for i in 1 2 3; do
        "$WAGLE" generate --model tiny "${prompts[@]:2*i-2:2}" --max-tokens 9 --json
    done >alone
    cmp together alone
    [ "$(wc -l <together)" = 3 ]
}

@test "--stop ends a text where it first contains one of them, as lm-eval's until, whatever stands beside it" {
    cp -r "$model" tiny && byte_tokenizer tiny
    python3 - <<'PY'
import json, os, subprocess
prompts = ["a b", "x", "Who", "Some thing", "y", "zz"]
def ask(prompts, n, stops=(), *more):
    flags = [x for p in prompts for x in ("--prompt", p)] + [x for s in stops for x in ("--stop", s)]
    said = subprocess.run([os.environ["WAGLE"], "generate", "--model", "tiny", "--max-tokens", str(n), "--json", "--quiet", *flags, *more],
                          capture_output=True, check=True).stdout
    return [json.loads(line) for line in said.splitlines()]
until = [[r["text"] for r in ask(prompts, n)] for n in range(1, 17)] # [tokens - 1][prompt]
whole = until[-1]
def lm_eval(text, stops): # its postprocess_generated_text
    for stop in stops:
        text = text.split(stop)[0]
    return text
def pieces(text): # of two characters that are text already
    return [p for p in (text[i:i + 2] for i in range(len(text) - 1)) if p.isascii() and "\0" not in p]
cases = [[p] for text in whole for p in pieces(text)[3:9:3]] + [[pieces(whole[0])[4], pieces(whole[1])[3], "nowhere"], ["nowhere"], [whole[0][2], whole[0][1:3]]]
cut = 0
for stops in cases:
    have = ask(prompts, 16, stops)
    for p, r in enumerate(have):
        n = next((n for n in range(16) if any(s in until[n][p] for s in stops)), 15)
        assert r["text"] == lm_eval(until[n][p], stops) == lm_eval(whole[p], stops), (stops, r, until[n][p])
        assert r["tokens"] == n + 1, (stops, r, n)
        cut += n < 15
assert cut > 12, cut
stops = cases[-3]
for how in ([], ["--temperature", "1"]):
    assert ask(prompts, 16, stops, *how, "--threads", "1") == ask(prompts, 16, stops, *how, "--threads", "2"), how
assert [ask([p], 16, stops)[0] for p in prompts] == ask(prompts, 16, stops)
PY
    refused 2 '--stop is empty' "$WAGLE" generate --model tiny --prompt x --stop ''
    "$WAGLE" generate --model tiny --prompt x --max-tokens 2 --stop '\n' 2>said
    grep -qF "warning: --stop '\n' has a backslash and a letter; a line break is \$'\n' in the shell" said
}

@test "weights in 8 bits give the same text on one thread and on two" {
    sed 's/"vocab_size": 320/"vocab_size": 702/' "$model/config.json" >config.json
    "$WAGLE" init --config config.json --dtype bf16 --out tiny
    cp "$GOLD/tokenizers/smollm-like/tokenizer.json" tiny/
    for n in 1 2; do
        "$WAGLE" generate --model tiny --prompt 'a b' --prompt x --max-tokens 9 --weights q8 --threads $n 2>said$n >text$n
        grep -q 'in 8 bits' said$n
    done
    cmp text1 text2
    [ "$(wc -l <text1)" = 2 ]
    refused 2 'weights' "$WAGLE" generate --model tiny --prompt x --weights q4
}

@test "tokens decode to the text they came from" {
    ids=$("$WAGLE" tokenize --model "$GOLD/tokenizers/gpt2" --text 'Hello  wörld' --json | tr -d '{}"ids:')
    [ "$("$WAGLE" tokenize --model "$GOLD/tokenizers/gpt2" --decode "$ids")" = 'Hello  wörld' ]
}

@test "--stop-when is asked of the model as it is written, in bfloat16 too" {
    for extra in '--selector snip --density 0.5' '' '--lora 2'; do
        "$WAGLE" unlearn --model "$GOLD/models/llama-gqa-tied-bf16" --forget forget.jsonl --retain retain.jsonl $extra --lr 1e-3 --steps 8 \
            --stop-when 'forget.nll>1e9' --allow-unmet --eval-every 8 --out out --force
        python3 - <<PY
import json, subprocess
last = json.loads(open("out/log.jsonl").readlines()[-1])["forget.nll"]
written = json.loads(subprocess.check_output(["$WAGLE", "eval", "--model", "out", "--data", "forget.jsonl", "--metrics", "nll", "--quiet", "--json"]))
assert abs(last - written["overall"]["nll"]) < 1e-6 * last, (last, written["overall"]["nll"])
PY
    done
}
