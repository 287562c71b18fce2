load helpers

model_alone() { mkdir m && cp "$model"/config.json "$model"/model.safetensors m; }

# The scalars of an event file as lines "step tag value", read by its format alone (src/io/events.h).
events() {
    python3 - "$1/events.out.tfevents.wagle" <<'PY'
import struct, sys
def crc(data):
    c = 0xffffffff
    for byte in data:
        c ^= byte
        for _ in range(8):
            c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
    c ^= 0xffffffff
    return ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff
def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at
def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            n = {1: 8, 5: 4}.get(key & 7)
            if n is None:
                n, at = varint(data, at)
            value, at = data[at:at + n], at + n
        yield key >> 3, value
file, at = open(sys.argv[1], "rb").read(), 0
while at < len(file):
    (n,), (head,) = struct.unpack_from("<Q", file, at), struct.unpack_from("<I", file, at + 8)
    data = file[at + 12:at + 12 + n]
    assert head == crc(file[at:at + 8]) and struct.unpack_from("<I", file, at + 12 + n)[0] == crc(data)
    event = dict(fields(data))
    assert at > 0 or event[3] == b"brain.Event:2"
    for _, value in fields(event.get(5, b"")):
        value = dict(fields(value))
        print(event.get(2, 0), value[1].decode(), f"{struct.unpack('<f', value[2])[0]:.6g}" if 2 in value else "histogram")
    at += n + 16
PY
}

run_to() { "$WAGLE" unlearn --model m --forget forget.jsonl --retain retain.jsonl --lr 1e-3 --quiet --out "$@"; }

@test "--tensorboard has what log.jsonl has, and the speed" {
    model_alone
    run_to out --steps 6 --monitor --eval-every 3 --tensorboard tb
    events tb >events.txt
    python3 - <<'PY'
import json
tags = {"loss": "loss/total", "forget_term": "loss/forget", "retain_term": "loss/retain", "grad_norm": "update/gradient_norm",
        "lr": "update/learning_rate"}
want = [(l["step"], tags.get(name, "metrics/" + name), value) for l in map(json.loads, open("out/log.jsonl"))
        for name, value in l.items() if name != "step"]
have = [(int(a), b, float(c)) for a, b, c in (line.split() for line in open("events.txt"))]
assert len(want) == 6 * 5 + 2 * 8, len(want)
speed = [v for _, tag, v in have if tag == "speed/tokens_per_second"]
assert len(speed) == 6 and min(speed) > 0, speed
have = [h for h in have if h[1] != "speed/tokens_per_second"]
assert [h[:2] for h in have] == [w[:2] for w in want]
assert all(abs(h[2] - w[2]) <= 1e-5 * abs(w[2]) for h, w in zip(have, want))
PY
}

@test "--tensorboard makes its folders, and refuses a file in their place" {
    model_alone
    run_to out --steps 2 --tensorboard a/b//c/
    [ "$(events a/b/c | grep -c loss/total)" = 2 ]
    rm -r out && touch events.txt
    refused 3 'cannot be made' "$WAGLE" unlearn --model m --forget forget.jsonl --retain retain.jsonl --lr 1e-3 --steps 2 --quiet \
        --tensorboard events.txt/a --out out
}

@test "--log csv writes the same numbers as a table" {
    model_alone
    run_to out --steps 6 --monitor --eval-every 3 --log csv
    python3 - <<'PY'
import csv, json
rows = [{k: float(v) for k, v in row.items() if v != ""} for row in csv.DictReader(open("out/log.csv"))]
assert rows == [json.loads(line) for line in open("out/log.jsonl")] and len(rows) == 8
PY
    run_to plain --steps 6 --monitor --eval-every 3
    cmp plain/log.jsonl out/log.jsonl
    cmp plain/model.safetensors out/model.safetensors
    cmp plain/manifest.json out/manifest.json
    [ ! -e plain/log.csv ]
}

# lines N: waits until the log that grows has N lines.
lines() {
    for _ in $(seq 600); do
        [ -e out.partial/log.jsonl ] && [ "$(wc -l <out.partial/log.jsonl)" -ge "$1" ] && return
        sleep 0.05
    done
    return 1
}

# The checkpoint of the killed run is of an earlier step than its event file.
@test "a killed run goes on in its event file without gaps and without doubles" {
    model_alone
    long() {
        exec "$WAGLE" unlearn --model m --forget forget.jsonl --retain retain.jsonl --lr 1e-3 --quiet --out out --steps 40000 \
            --batch 6 --checkpoint-every 50 --tensorboard tb --log csv "$@"
    }
    long & run=$!
    lines 70
    kill -9 $run
    wait $run || true
    [ "$(wc -l <out.partial/log.csv)" -ge 70 ]
    printf 'torn' >>tb/events.out.tfevents.wagle
    long --resume & run=$!
    lines 130
    kill -INT $run
    wait $run || true
    events tb | grep loss/total >losses.txt
    python3 - <<'PY'
steps = [int(line.split()[0]) for line in open("losses.txt")]
assert len(steps) >= 120 and steps == list(range(len(steps))), steps
PY
}

@test "events of another run are refused, and replaced with --force" {
    model_alone
    run_to first --steps 3 --tensorboard tb
    events tb >first.txt
    refused 2 'has the events of another run' "$WAGLE" unlearn --model m --forget forget.jsonl --retain retain.jsonl \
        --lr 1e-3 --steps 4 --tensorboard tb --out out
    events tb | cmp - first.txt
    run_to first --steps 3 --tensorboard tb --force # the same run again
    [ "$(events tb | grep -c loss/total)" = 3 ]
    run_to second --steps 4 --tensorboard tb --force
    [ "$(events tb | grep -c loss/total)" = 4 ]
    echo no events >tb/events.out.tfevents.wagle
    refused 3 'not an event file' "$WAGLE" unlearn --model m --forget forget.jsonl --retain retain.jsonl \
        --lr 1e-3 --steps 4 --tensorboard tb --force --out out
    refused 2 'lies in the input m' "$WAGLE" unlearn --model m --forget forget.jsonl --tensorboard m/tb --out out
}

@test "attribute --tensorboard has a histogram of each module in each layer" {
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --tensorboard tb --out scores --quiet
    events tb >events.txt
    for layer in 0 1 2; do grep -q "^$layer scores, log10/mlp.up_proj.weight histogram" events.txt; done
    grep -q '^0 scores, log10/model.embed_tokens.weight histogram' events.txt
    [ "$(grep -c histogram events.txt)" = 29 ] # the tensors
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --out plain --quiet
    cmp plain scores
}
