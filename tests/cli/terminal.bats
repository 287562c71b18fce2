load helpers

# in COLUMNS SECONDS COMMAND...: what a terminal gets, as JSON in shown.json.
in_terminal() { TERM=xterm python3 "$BATS_TEST_DIRNAME/record.py" "$@" >shown.json; }
check() { python3 -c "import json, re; shown = json.load(open('shown.json')); lines = shown['lines']
progress = [line for line in lines if re.search(r'  after \d|^npo \d', line)]
assert $1, (lines[:5], lines[-5:])"; }
train() { echo "$WAGLE unlearn --model $model --forget forget.jsonl --retain retain.jsonl --objective npo --lr 1e-5 --steps 40000 --out out $*"; }

@test "one progress line that fits 80 columns and says more in 200" {
    # shellcheck disable=SC2046
    in_terminal 80 4.5 $(train)
    check "shown['code'] == 130 and len(progress) > 10 and max(map(len, lines[1:-2])) < 80"
    check "re.search(r'^npo \d+/40000  loss -?[\d.]+  forget [\d.]+  keep [\d.]+  tok/s \d+  ETA [\d:]+( s)?$', progress[-1])"
    # shellcheck disable=SC2046
    in_terminal 200 4.5 $(train --force)
    check "re.search(r'  lr [\de.-]+  tok/s \d+  peak [\d.]+ GB  after \d+ s  ETA ', progress[-1])"
    # shellcheck disable=SC2046
    in_terminal 30 1.5 $(train --force)
    check "len(progress) > 2 and max(map(len, progress)) < 30 and all(p.startswith('npo') for p in progress)"
    check "not any('  after' in line for line in lines[-2:])" # the line is gone at the end
}

@test "the line moves while the library says nothing" {
    # one update that takes seconds: no progress is told until it ends
    python3 -c "
import json
for name in ('forget', 'retain'):
    open(name + '.jsonl', 'w').writelines(json.dumps({'input_ids': [3 + (i * 7 + r) % 300 for i in range(120)]}) + '\n' for r in range(1500))"
    in_terminal 100 5 "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --batch 1500 --steps 2 --lr 1e-5 \
        --threads 1 --out out
    check "shown['longest_gap'] < 2 and len(progress) >= 3"
}

@test "a sweep says which run it is at, and what that run does" {
    cat >grid.json <<JSON
{"model": "$model", "forget": "forget.jsonl", "retain": "retain.jsonl", "eval": {"forget": "forget.jsonl"},
 "objectives": ["npo"], "selectors": ["none"], "lr": [1e-5, 2e-5], "seeds": [1, 2], "steps": 400, "stop_when": "forget.probability<1e-9"}
JSON
    in_terminal 160 60 "$WAGLE" sweep grid.json --out grid --threads 1
    check "shown['code'] == 0 and shown['longest_gap'] < 2"
    check "any(re.search(r'^sweep [0-3]/4  .*npo.*  npo \d+/400  loss ', line) for line in lines)"
}

@test "colours are for terminals, unless NO_COLOR, CLICOLOR or CLICOLOR_FORCE say otherwise" {
    colours() { env "$@" sh -c "\$WAGLE eval --model missing --data forget.jsonl 2>&1 || true" | grep -c "$(printf '\033')\[31m" || true; }
    in_terminal 80 9 "$WAGLE" eval --model missing --data forget.jsonl
    check "'\x1b[31m' in shown['raw']"
    for say in NO_COLOR=1 CLICOLOR=0 TERM=dumb; do
        in_terminal 80 9 env "$say" "$WAGLE" eval --model missing --data forget.jsonl
        check "'\x1b[31m' not in shown['raw'] and 'missing' in shown['raw']"
    done
    [ "$(colours A=b)" = 0 ]
    [ "$(colours CLICOLOR_FORCE=1)" = 1 ]
    [ "$(colours CLICOLOR_FORCE=0)" = 0 ]
    [ "$(colours CLICOLOR_FORCE=1 NO_COLOR=1)" = 0 ]
}

@test "a command ends with what it made, and in a terminal with what to try next" {
    in_terminal 200 30 "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --out scores
    check "'wagle: scores: the scores (' in lines[-2] and lines[-1] == '  next: wagle mask --scores scores --density 0.1 --exclude embeddings --out mask'"
    "$WAGLE" mask --scores scores --density 0.1 --exclude embeddings --out mask 2>said.txt
    grep -q '^wagle: mask: the mask (.*), made in ' said.txt
    [ "$(grep -c next said.txt)" = 0 ]
    "$WAGLE" mask --scores scores --density 0.1 --exclude embeddings --out mask --force --quiet 2>said.txt
    [ ! -s said.txt ]
}
