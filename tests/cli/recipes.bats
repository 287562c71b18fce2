load helpers

# Every recipe of the program, on a tiny model and tiny files in the form that the recipe expects.

data() { python3 "$BATS_TEST_DIRNAME/recipe_data.py" data; }
tiny() { # a model of eight layers that reads text, with a chat template
    python3 -c "import json; c = json.load(open('$model/config.json')); c['num_hidden_layers'] = 8; c['max_position_embeddings'] = 4096; json.dump(c, open('config.json', 'w'))"
    "$WAGLE" init --config config.json --dtype bf16 --out m --quiet && byte_tokenizer m
    python3 - <<'PY'
import json
c = json.load(open("m/tokenizer_config.json"))
c["chat_template"] = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
json.dump(c, open("m/tokenizer_config.json", "w"))
PY
}
names() { "$WAGLE" recipe list | awk '{print $1}'; }
# The recipes whose suites this program has.
ready() { names | if "$WAGLE" help suites | grep -q 'suite wagle-paper'; then cat; else grep -v '^wagle-paper/\|^muse/'; fi; }

@test "every recipe runs from the first evaluation to the report, and has no step left" {
    data
    tiny
    for name in $(ready); do
        tokens=(--max-tokens 2)
        ! "$WAGLE" recipe show "$name" | grep -q '"suite": "\(mcq\|copyright\)"' || tokens=() # no texts, or of --length
        "$WAGLE" recipe run "$name" --model m --data data --out "out-${name//\//-}" --steps 2 --warmup 0 --resamples 9 "${tokens[@]}" --quiet >said 2>&1 ||
            { echo "$name"; cat said; return 1; }
        [ -s "out-${name//\//-}/report.html" ]
        [ -s "out-${name//\//-}/forgotten.json" ]
        [ -s "out-${name//\//-}/model/manifest.json" ]
        python3 -c "import json, sys; s = json.load(open(sys.argv[1]))['steps']; assert len(s) >= 4 and all(x['done'] for x in s.values()), s" "out-${name//\//-}/recipe.json"
        python3 "$BATS_TEST_DIRNAME/validate.py" recipe-run "out-${name//\//-}/recipe.json"
    done
}

@test "the program has every file of recipes/, and each fits the schema that the options make" {
    root=$BATS_TEST_DIRNAME/../..
    (cd "$root/recipes" && find . -name '*.json' | sed 's/^..//; s/.json$//' | sort) >files
    names | sort | diff files -
    for name in $(ready); do
        "$WAGLE" recipe show "$name" | cmp - "$root/recipes/$name.json"
        python3 -c 'import re, sys; sys.stdout.write(re.sub(r"(\"(?:\\.|[^\"\\])*\")|//[^\n]*", lambda m: m.group(1) or "", sys.stdin.read()))' <"$root/recipes/$name.json" >"one.json"
        python3 "$BATS_TEST_DIRNAME/validate.py" recipe one.json
    done
}

recipe() { # a recipe of one's own, with comments; $1: more keys
    cat >own.json <<JSON
/* for
   tests */
{
  "about": "a // b", // not a comment in the text
  "model": "any", "files": {"f.jsonl": {"from": "here", "columns": ["input_ids"]}, "r.jsonl": {"from": "there"}},
  "options": {"forget": "f.jsonl", "retain": "r.jsonl", "seed": 3},
  "attribute": {"selector": "snip"}, "mask": {"density": 0.2},
  "unlearn": {"objective": "npo", "npo.beta": 0.3, "lr": 1e-3, "steps": 2}$1
}
JSON
    mkdir -p d && cp forget.jsonl d/f.jsonl && cp retain.jsonl d/r.jsonl
}
steps() { "$WAGLE" recipe run own.json --model "$model" --data d --out o "$@" 2>&1 >/dev/null | grep -o '^wagle: step.*' | sed 's/.*, //'; }

@test "steps that are done are skipped until a file or an option of theirs changes" {
    recipe
    [ "$(steps | tr '\n' ';')" = "attribute: attribute;mask: mask;unlearn: unlearn;" ]
    [ "$(steps | tr '\n' ';')" = "attribute: attribute is done;mask: mask is done;unlearn: unlearn is done;" ]
    [ "$(steps --lr 2e-3 | tr '\n' ';')" = "attribute: attribute is done;mask: mask is done;unlearn: unlearn;" ]
    [ "$(steps --lr 2e-3 --density 0.3 | tr '\n' ';')" = "attribute: attribute is done;mask: mask;unlearn: unlearn;" ]
    python3 -c 'import json; m = json.load(open("o/manifest.json" if False else "o/model/manifest.json")); assert m["lr"] == 2e-3 and m["seed"] == 3, m'
    head -n 5 forget.jsonl >d/f.jsonl
    [ "$(steps --lr 2e-3 --density 0.3 | tr '\n' ';')" = "attribute: attribute;mask: mask;unlearn: unlearn;" ]
    rm -r o/model
    [ "$(steps --lr 2e-3 --density 0.3 | tr '\n' ';')" = "attribute: attribute is done;mask: mask is done;unlearn: unlearn;" ]
    [ "$(steps --lr 2e-3 --density 0.3 --force | tr '\n' ';')" = "attribute: attribute;mask: mask;unlearn: unlearn;" ]
}

@test "after --force that stopped early, the same command without it goes on" {
    recipe
    steps >/dev/null
    run "$WAGLE" recipe run own.json --model "$model" --data d --out o --force --memory 1K --quiet
    [ "$status" = 4 ]
    [ "$(steps | tr '\n' ';')" = "attribute: attribute;mask: mask;unlearn: unlearn;" ]
    [ "$(steps | tr '\n' ';')" = "attribute: attribute is done;mask: mask is done;unlearn: unlearn is done;" ]
}

@test "a step is done only if the files that it also writes are there" {
    recipe
    steps >/dev/null
    [ "$(steps --out-patch p1 | tail -n 1)" = "unlearn: unlearn" ]
    [ -s p1 ]
    [ "$(steps --out-patch p1 | tail -n 1)" = "unlearn: unlearn is done" ]
    [ "$(steps | tail -n 1)" = "unlearn: unlearn is done" ]
    rm p1
    [ "$(steps --out-patch p1 | tail -n 1)" = "unlearn: unlearn" ]
    [ -s p1 ]
    python3 "$BATS_TEST_DIRNAME/validate.py" recipe-run o/recipe.json
}

@test "patches of each request are files that a step writes" {
    recipe
    python3 -c '
import json
for name, of in (("d/a.jsonl", "d/f.jsonl"), ("d/b.jsonl", "d/r.jsonl")):
    open(name, "w").writelines(open(of).readlines()[:3])
json.dump({"about": "x", "model": "any", "files": {"a.jsonl": {"from": "x"}, "b.jsonl": {"from": "x"}, "r.jsonl": {"from": "x"}},
           "options": {"retain": "r.jsonl", "seed": 3}, "unlearn": {"requests": ["a.jsonl", "b.jsonl"], "objective": "npo", "lr": 1e-3, "steps": 2}}, open("own.json", "w"))'
    [ "$(steps --out-patch 'p-{}.patch' | tail -n 1)" = "unlearn: unlearn" ]
    [ -s p-1.patch ]
    [ -s p-2.patch ]
    [ "$(steps --out-patch 'p-{}.patch' | tail -n 1)" = "unlearn: unlearn is done" ]
    rm p-2.patch
    [ "$(steps --out-patch 'p-{}.patch' | tail -n 1)" = "unlearn: unlearn" ]
    [ -s p-2.patch ]
}

@test "--draw goes to the step that scores" {
    recipe
    "$WAGLE" recipe run own.json --model "$model" --data d --out o --draw 3 --quiet >/dev/null
    "$WAGLE" attribute --model "$model" --forget d/f.jsonl --retain d/r.jsonl --selector snip --seed 3 --draw 3 --out scores --quiet >/dev/null 2>&1
    "$WAGLE" mask --scores scores --density 0.2 --out mask --quiet
    cmp mask o/mask
}

@test "results of another recipe are kept, and those of another version made again" {
    recipe
    steps >/dev/null
    cp own.json other.json
    refused 2 "o: it has the results of recipe own.json; choose another folder, or replace them with --force" "$WAGLE" recipe run other.json --model "$model" --data d --out o
    "$WAGLE" recipe run ./own.json --model "$model" --data d --out o 2>&1 >/dev/null | grep -q 'unlearn is done' # the same file
    sed -i 's/"wagle": "[^"]*"/"wagle": "0.0.1"/' o/recipe.json
    [ "$("$WAGLE" recipe run own.json --model "$model" --data d --out o 2>&1 >/dev/null | grep -c 'of wagle 0.0.1\|: attribute$\|: mask$\|: unlearn$')" = 4 ]
    "$WAGLE" recipe run other.json --model "$model" --data d --out o --force --quiet >/dev/null
    grep -q '"recipe": "other.json"' o/recipe.json
}

@test "a recipe of somebody else runs no command and writes nothing outside the output folder" {
    recipe ', "eval": {"suite": "general", "scorer": "touch RAN"}'
    refused 3 "own.json: eval: 'scorer': a recipe cannot set it" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    for key in '"out_patch": "x"' '"out-adapter": "x"' '"tensorboard": "x"'; do
        recipe; sed -i "s/\"lr\": 1e-3/\"lr\": 1e-3, $key/" own.json
        refused 3 "own.json: unlearn: '$(echo "$key" | cut -d'"' -f2)': a recipe cannot set it" "$WAGLE" recipe run own.json --model "$model" --data d --out out
        recipe; sed -i "s/\"seed\": 3/\"seed\": 3, $key/" own.json
        refused 3 "own.json: options: '$(echo "$key" | cut -d'"' -f2)': a recipe cannot set it" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    done
    [ ! -e RAN ]
    [ ! -e x ]
}

@test "the steps are the commands: same scores, mask and weights" {
    recipe
    "$WAGLE" recipe run own.json --model "$model" --data d --out o --quiet >/dev/null
    "$WAGLE" attribute --model "$model" --forget d/f.jsonl --retain d/r.jsonl --selector snip --seed 3 --out scores --quiet >/dev/null 2>&1
    "$WAGLE" mask --scores scores --density 0.2 --out mask --quiet
    "$WAGLE" unlearn --model "$model" --forget d/f.jsonl --retain d/r.jsonl --objective npo --npo-beta 0.3 --lr 1e-3 --steps 2 --seed 3 --mask mask --out one --quiet >/dev/null
    cmp one/model.safetensors o/model/model.safetensors
}

@test "an interrupted recipe goes on in the middle of its training" {
    recipe
    sed -i 's/"steps": 2/"steps": 400/' own.json
    "$WAGLE" recipe run own.json --model "$model" --data d --out whole --quiet >/dev/null
    for _ in 1 2 3; do timeout --preserve-status -s INT 0.3 "$WAGLE" recipe run own.json --model "$model" --data d --out o --quiet >/dev/null || true; [ ! -e o/model.partial/checkpoint.safetensors ] || break; done
    [ ! -e o/model ]
    "$WAGLE" recipe run own.json --model "$model" --data d --out o --verbose >/dev/null 2>said
    grep -q 'resumed at step' said || { cat said; return 1; }
    cmp whole/model/model.safetensors o/model/model.safetensors
}

@test "what is wrong with a recipe is named, with what was meant, before anything runs" {
    recipe ', "eval": {"suit": "mcq"}'
    refused 3 "own.json: eval: eval has no option 'suit'; did you mean --suite?" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    recipe ', "unlern": {}'
    refused 3 "own.json: no key 'unlern'; did you mean unlearn" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    recipe; sed -i 's/"seed": 3/"sead": 3/' own.json
    refused 2 "did you mean --seed?" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    recipe; sed -i 's/"lr": 1e-3/"lr": "fast"/' own.json
    refused 3 "own.json: unlearn: 'lr' must be a number" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    recipe; sed -i 's/"lr": 1e-3/"lr": 1e-3, "memory": "4G"/' own.json
    refused 3 "a recipe cannot set it" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    for machine in '"ranks": 4' '"share_weights": true'; do # how a machine is used, of a step and of all
        recipe; sed -i "s/\"lr\": 1e-3/\"lr\": 1e-3, $machine/" own.json
        refused 3 "own.json: unlearn: '${machine:1:5}" "$WAGLE" recipe run own.json --model "$model" --data d --out out
        grep -q 'a recipe cannot set it: it is an option of the command line' stderr.txt
        recipe; sed -i "s/\"seed\": 3/\"seed\": 3, $machine/" own.json
        refused 2 "own.json: options: recipe has no option '${machine:1:5}" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    done
    refused 2 "share-weights" "$WAGLE" recipe run own.json --model "$model" --data d --out out --share-weights
    recipe; sed -i 's/"forget": "f.jsonl"/"forget": "g.jsonl"/' own.json
    refused 2 "reads 'g.jsonl', which 'files' does not name" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    recipe; sed -i 's/"model": "any", //' own.json
    refused 3 "own.json: no key 'model'" "$WAGLE" recipe run own.json --data d --out out
    recipe; sed -i 's/"input_ids"/1/' own.json
    refused 3 "files: 'f.jsonl': 'columns' must be a list of texts" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    recipe; sed -i 's/"columns"/"colums"/' own.json
    refused 3 "files: 'f.jsonl': no key 'colums'; did you mean columns" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    [ "$(grep -c 'options stand' stderr.txt)" = 0 ]
    refused 3 "recipe .: Is a directory" "$WAGLE" recipe show .
    recipe; sed -i 's/"about"/"about" x/' own.json
    refused 3 "own.json:4:" "$WAGLE" recipe run own.json --model "$model" --data d --out out
    refused 3 "did you mean tofu/npo" "$WAGLE" recipe show tofu/nop
    refused 2 "which recipe?" "$WAGLE" recipe run
    refused 2 "there are list, show NAME and run NAME" "$WAGLE" recipe lst
}

@test "missing files are listed with where they come from, and a dry run plans steps, memory and time" {
    recipe
    rm d/r.jsonl
    run "$WAGLE" recipe run own.json --model "$model" --data d --out out
    [ "$status" = 3 ]
    [[ $output == *"r.jsonl: there"* ]]
    [ ! -e out ]
    run "$WAGLE" recipe run own.json --data d --out out --dry-run
    [ "$status" = 0 ]
    [[ $output == *"The model (--model DIR): any"* ]]
    [ ! -e out ]
    cp retain.jsonl d/r.jsonl
    "$WAGLE" recipe run own.json --model "$model" --data d --out out --dry-run >plan
    [ "$(grep -c '^step . of 3' plan)" = 3 ]
    [ "$(grep -c 'in all ' plan)" -ge 2 ]
    [ "$(grep -c 'predicted:' plan)" = 2 ]
    [ ! -e out ]
    recipe ', "eval": {"suite": "general", "max_tokens": 7, "set": ["prompts=q.jsonl"]}' # before and after: of a model that is not there yet
    cp -r "$model" tiny && byte_tokenizer tiny
    printf '{"question": "a"}\n{"question": "b"}\n' >d/q.jsonl
    "$WAGLE" recipe run own.json --model tiny --data d --out out --dry-run >plan
    [ "$(grep -c '^step . of 5' plan)" = 5 ]
    [ "$(grep -c 'predicted:' plan)" = 4 ]
    [ ! -e out ]
    [ "$(grep -c 'texts after 2 prompts of .* tokens, at most 14 new tokens' plan)" = 2 ]
}

@test "a file whose SHA-256 is another than the recipe's is told" {
    recipe
    sed -i 's/{"from": "there"}/{"from": "there", "sha256": "00"}/' own.json
    "$WAGLE" recipe run own.json --model "$model" --data d --out o --quiet 2>&1 >/dev/null | grep -q 'd: not, byte for byte, the files that own.json names: r.jsonl'
}

@test "--config takes comments too" {
    echo '{"lr": 1e-3, /* a
    rate */ "steps": 1} // end' >c.json
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --config c.json --out o --quiet >/dev/null
    python3 -c 'import json; assert json.load(open("o/manifest.json"))["lr"] == 1e-3'
    echo '{/* a *//* b */"lr": 1e-3, /* c */"prompt": "https://x {prompt}", "steps": 1}' >c.json # a text right behind a comment
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --config c.json --out o2 --quiet >/dev/null
    python3 -c 'import json; assert json.load(open("o2/manifest.json"))["lr"] == 1e-3'
}
