load helpers

scores() { "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl "$@"; }
selected() { "$WAGLE" mask --compare "$@" --json | python3 -c 'import json, sys; print(*[m["selected"] for m in json.load(sys.stdin)["masks"]])'; }

@test "masks combine as sets do" {
    scores --selector snip --out a.scores
    scores --selector magnitude --out b.scores
    "$WAGLE" mask --scores a.scores --density 0.2 --out a
    cp a mask-a
    "$WAGLE" mask --scores b.scores --density 0.3 --out b
    "$WAGLE" mask --op and a b --out and
    "$WAGLE" mask --op or a b --out or
    "$WAGLE" mask --op minus a b --out minus
    "$WAGLE" mask --op invert a --out invert
    read -r a b and or minus invert <<<"$(selected a b and or minus invert)"
    [ $((a + b)) = $((and + or)) ]
    [ $((a - and)) = $minus ]
    [ $((a + invert)) = 68688 ]
    "$WAGLE" mask --op invert invert --out twice
    "$WAGLE" mask --op minus twice mask-a --out nothing
    [ "$(selected nothing)" = 0 ]
    "$WAGLE" mask --op and a --include attention --out attention
    [ "$("$WAGLE" mask --compare a attention --json | python3 -c 'import json, sys; print([v > 0 for k, v in json.load(sys.stdin)["masks"][1]["density"].items() if "attn" not in k].count(True))')" = 0 ]
}

@test "a mask goes to the bool layout and back" {
    "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --density 0.1 --out bits
    "$WAGLE" mask --op or bits --format bool --out bool
    "$WAGLE" mask --op or bool --out bits2
    "$WAGLE" mask --compare bits bool bits2 --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["jaccard"] == [[1, 1, 1]] * 3'
}

@test "comparing tells a table, and draws a map" {
    scores --selector snip --out s
    "$WAGLE" mask --scores s --density 0.1 --out a
    "$WAGLE" mask --scores s --density 0.1 --scope tensor --exclude embeddings --exclude norms --out b
    "$WAGLE" mask --compare a b --svg map.svg | grep -q 'model.layers.0.mlp.up_proj.weight'
    python3 -c 'import xml.dom.minidom as m; d = m.parse("map.svg"); assert len(d.getElementsByTagName("rect")) > 20'
}

@test "patterns name groups, layers and expressions" {
    scores --selector magnitude --out s
    for p in embeddings attention ffn norms layers:1 layers:0-1 're:layers\.[02]\.mlp'; do
        "$WAGLE" mask --scores s --density 1 --include "$p" --out "m-$p"
    done
    read -r e a f n l1 l01 re <<<"$(selected m-embeddings m-attention m-ffn m-norms m-layers:1 m-layers:0-1 'm-re:layers\.[02]\.mlp')"
    [ $((e + a + f + n)) = 68688 ]
    [ $l01 = $((2 * l1)) ]
    [ $((3 * re)) = $((2 * f)) ]
    refused 2 "pattern 're:(': " "$WAGLE" mask --scores s --include 're:(' --out out
    refused 2 'write a range of layers as layers:4-9' "$WAGLE" mask --scores s --include layers:x --out out
}

@test "scopes: of each tensor, of each row" {
    scores --selector wanda --out s
    "$WAGLE" mask --scores s --density 0.5 --scope row --out rows
    "$WAGLE" mask --scores s --density 0.5 --scope tensor --out tensors
    for m in rows tensors; do
        "$WAGLE" mask --compare $m --json | python3 -c 'import json, sys; assert all(abs(v - 0.5) < 0.01 for v in json.load(sys.stdin)["masks"][0]["density"].values())'
    done
    "$WAGLE" mask --model "$model" --forget forget.jsonl --selector wanda --density 0.5 --scope row --out rows2
    cmp rows rows2
    refused 2 'global, tensor, row or neurons' "$WAGLE" mask --scores s --scope rows --out out
}

@test "what does not fit is refused" {
    scores --selector magnitude --out s
    "$WAGLE" mask --scores s --density 0.5 --out m
    "$WAGLE" attribute --model "$GOLD/models/llama-mha" --forget forget.jsonl --selector magnitude --out s2
    "$WAGLE" mask --scores s2 --density 0.5 --out m2
    refused 3 'the masks must be of one model' "$WAGLE" mask --op and m m2 --out out
    refused 2 'and, or, minus or invert' "$WAGLE" mask --op xor m m --out out
    refused 2 'needs one mask' "$WAGLE" mask --op invert m m --out out
    refused 3 'this is not a mask' "$WAGLE" mask --op and m s --out out
    refused 2 '--compare needs masks to compare' "$WAGLE" mask --compare
    refused 2 'it does not follow from' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --loss dpo --out out
    refused 2 'diag, auto, protect or a number' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma dia --out out
}

@test "gamma diag is wagle-diag, and another loss gives other scores" {
    scores --gamma diag --damping 1e-3 --out a
    scores --selector wagle-diag --damping 1e-3 --out b
    cmp a b
    scores --selector snip --out nll
    scores --selector snip --loss nll --out nll2
    cmp nll nll2
    scores --selector snip --loss npo --out npo
    ! cmp -s nll npo || false
}

@test "several densities of one score file are the masks that each would be alone" {
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --out scores
    for scope in global tensor row neurons; do
        "$WAGLE" mask --scores scores --densities 0.02,0.1,0.4 --scope $scope --exclude norms --out "$scope-{}.mask"
        for density in 0.02 0.1 0.4; do
            "$WAGLE" mask --scores scores --density $density --scope $scope --exclude norms --out alone --force
            cmp alone "$scope-$density.mask"
        done
    done
    [ ! -e 'out0.1' ]
    refused 2 "{} in --out" "$WAGLE" mask --scores scores --densities 0.1,0.2 --out out
    refused 2 "write them as" "$WAGLE" mask --scores scores --densities '0.1;0.2' --out 'out{}'
    refused 2 "density 2" "$WAGLE" mask --scores scores --densities 0.1,2 --out 'out{}'
    refused 2 "0.1 is given twice" "$WAGLE" mask --scores scores --densities 0.1,0.1 --out 'out{}'
}

@test "neurons: whole rows by their summed scores, whole columns of gpt2's matrices" {
    for name in llama-gqa-tied gpt2; do
        "$WAGLE" attribute --model "$GOLD/models/$name" --forget forget.jsonl --selector magnitude --out "$name.scores"
        "$WAGLE" mask --scores "$name.scores" --density 0.3 --scope neurons --exclude embeddings --format bool --out "$name.bool"
        "$WAGLE" mask --scores "$name.scores" --density 0.3 --scope neurons --exclude embeddings --out "$name.bits"
        "$WAGLE" inspect "$name.bits" --json >"$name.json"
        python3 "$BATS_TEST_DIRNAME/check_neurons.py" "$name.scores" "$name.bool" 0.3 "$name.json"
        "$WAGLE" mask --scores "$name.scores" --density 0.8 --scope neurons --exclude embeddings --format bool --out "$name.more"
        "$WAGLE" inspect "$name.more" --json >"$name.json"
        python3 "$BATS_TEST_DIRNAME/check_neurons.py" "$name.scores" "$name.more" 0.8 "$name.json"
    done
    "$WAGLE" inspect gpt2.bits --tensors | grep -qE '^ +[0-9]+  transformer\.h\.0\.mlp\.c_proj\.weight  neurons: [0-9]+ of [0-9]+$'
    "$WAGLE" mask --op or gpt2.bits --out copy # without the list of transposed matrices
    "$WAGLE" inspect gpt2.bits | grep '^neurons ' >told
    "$WAGLE" inspect copy | cmp told <(grep '^neurons ' -)
    "$WAGLE" mask --scores gpt2.scores --density 0.3 --out scattered
    ! "$WAGLE" inspect scattered | grep -q '^neurons ' || false
}

@test "neurons straight from data, and what cannot be done with them" {
    scores --out s
    "$WAGLE" mask --scores s --density 0.2 --scope neurons --out through
    "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --density 0.2 --scope neurons --out straight
    cmp through straight
    refused 2 'no matrix is left' "$WAGLE" mask --scores s --density 0.2 --scope neurons --include norms --out out
    refused 2 'selects no neuron' "$WAGLE" mask --scores s --density 0.0001 --scope neurons --out out
}

@test "gamma protect: scores, mask straight from data and unlearn agree; factors follow rows, damping and rank" {
    scores --gamma protect --out a
    scores --selector wagle-protect --protect retain --protect-damping 0.1 --out b
    cmp a b
    "$WAGLE" mask --scores a --density 0.1 --out through
    for scope in global neurons; do
        "$WAGLE" mask --scores a --density 0.1 --scope $scope --out through --force
        "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --density 0.1 --scope $scope --out straight --force
        cmp through straight
    done
    for other in "--protect forget.jsonl" "--protect retain --protect forget.jsonl" "--protect-damping 1" "--protect-rank 1"; do
        # shellcheck disable=SC2086
        scores --gamma protect $other --force --out b
        ! cmp -s a b || { echo "as without: $other"; return 1; }
    done
    scores --gamma 1 --force --out b
    ! cmp -s a b || false
    "$WAGLE" inspect straight >told
    grep -qx 'gamma  *protect' told
    grep -qx 'protect  *retain' told
    grep -qx 'protect_rows  *8' told
    grep -qx 'protect_damping  *0.1' told
    grep -qx 'protect_rank  *-1' told
    ! grep -q 'mean_fisher' told || false
    scores --gamma protect --protect retain --protect forget.jsonl --force --out b
    "$WAGLE" inspect b >told
    grep -qx 'protect  *retain, forget.jsonl' told
    grep -qx "protect_sha256  *retain, $(sha256sum <forget.jsonl | cut -d' ' -f1)" told
    OMP_NUM_THREADS=2 scores --gamma protect --force --out b
    cmp a b
}

@test "gamma protect in unlearn: the masks of the score file, with the same factors for updates and without any" {
    run=(unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --steps 2 --warmup 0 --lr 1e-3 --quiet)
    chosen=(--selector wagle --gamma protect --density 0.2)
    scores --gamma protect --protect forget.jsonl --protect-damping 0.3 --out a
    "$WAGLE" mask --scores a --density 0.2 --exclude embeddings --out m
    "$WAGLE" "${run[@]}" --mask m --protect forget.jsonl --protect-damping 0.3 --out want
    "$WAGLE" "${run[@]}" "${chosen[@]}" --protect forget.jsonl --protect-damping 0.3 --out mine
    cmp want/model.safetensors mine/model.safetensors
    # factors in a scratch file give the same result
    "$WAGLE" "${run[@]}" "${chosen[@]}" --protect forget.jsonl --protect-damping 0.3 --memory 1G --out spilled
    cmp want/model.safetensors spilled/model.safetensors
    # factors of the retain rows, only for the scores; updates are not protected
    scores --gamma protect --protect-damping 0.3 --force --out a
    "$WAGLE" mask --scores a --density 0.2 --out m --force
    "$WAGLE" "${run[@]}" --mask m --out want --force
    "$WAGLE" "${run[@]}" "${chosen[@]}" --protect-damping 0.3 --out mine --force
    cmp want/model.safetensors mine/model.safetensors
    "$WAGLE" "${run[@]}" "${chosen[@]}" --out mine --force
    ! cmp -s want/model.safetensors mine/model.safetensors || false
    refused 4 'not enough memory' "$WAGLE" "${run[@]}" "${chosen[@]}" --memory 1M --out out
}

@test "gamma protect: what has no effect or cannot be is refused" {
    refused 2 '--protect has no effect: it needs --gamma protect' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --protect retain --out out
    refused 2 '--protect-damping' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --protect-damping 0 --out out
    refused 3 'no such file' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --protect gone.jsonl --out out
    refused 2 'the widest matrix' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --protect-rank 9999 --out out
    refused 2 'self:N' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --protect self:x --out out
    refused 2 '--retain' "$WAGLE" attribute --model "$model" --forget forget.jsonl --gamma protect --out out
    refused 2 'it needs --selector wagle' "$WAGLE" attribute --model "$model" --forget forget.jsonl --selector snip --gamma protect --out out
    refused 2 'an output never replaces an input' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --protect forget.jsonl --out forget.jsonl --force
    scores --gamma protect --memory 1G --out a
    scores --gamma protect --out b
    cmp a b
    refused 4 'not enough memory' "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --memory 1M --out out
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --dry-run --out c >plan
    grep -q 'factors of protected matrices' plan
    grep -q 'retain gradient times its factor' plan
    [ ! -e c ]
}

@test "gamma protect with rows that the model writes: those of unlearn with the same seed, which the scores name" {
    run=(--model "$model" --forget forget.jsonl --retain retain.jsonl --seed 3 --protect self:16)
    "$WAGLE" attribute "${run[@]}" --gamma protect --out a
    "$WAGLE" inspect a >told
    grep -qx 'protect  *self:16' told
    grep -qx 'protect_rows  *16' told
    grep -qx 'seed  *3' told
    "$WAGLE" mask --scores a --density 0.2 --exclude embeddings --out m
    "$WAGLE" unlearn "${run[@]}" --mask m --steps 2 --lr 1e-3 --out want
    "$WAGLE" unlearn "${run[@]}" --selector wagle --gamma protect --density 0.2 --steps 2 --lr 1e-3 --out mine
    cmp want/model.safetensors mine/model.safetensors
    python3 -c '
import json
m = json.load(open("mine/manifest.json"))
assert m["gamma"] == "protect" and m["protection"]["rows"] == 16, m'
}

@test "rows that are drawn: one row three times, one seed one result, and the file says what was drawn" {
    head -n 1 forget.jsonl >one.jsonl
    cat one.jsonl one.jsonl one.jsonl >three.jsonl
    "$WAGLE" attribute --model "$model" --forget one.jsonl --selector snip --draw 3 --out drawn
    "$WAGLE" attribute --model "$model" --forget three.jsonl --selector snip --out listed
    "$WAGLE" mask --scores drawn --density 0.3 --out mask1
    "$WAGLE" mask --scores listed --density 0.3 --out mask2
    [ "$("$WAGLE" mask --compare mask1 mask2 --json | python3 -c 'import json, sys; print(min(json.load(sys.stdin)["jaccard"][0]))')" = 1.0 ]
    for n in 1 2; do scores --draw 9 --seed 5 --gamma 4e-6 --threads $n --out s$n; done
    scores --draw 9 --seed 6 --gamma 4e-6 --out s3
    cmp s1 s2
    ! cmp -s s1 s3 || false
    "$WAGLE" inspect s1 --json | grep '"draw": *"9"'
    refused 2 'must be from 1 to 1e8' scores --draw 0 --out out
}

@test "unlearn draws the rows of its scores as attribute does: the same weights as scores, mask and training by hand" {
    run=(--model "$model" --forget forget.jsonl --retain retain.jsonl --seed 5)
    by_hand() { # options of the scores
        "$WAGLE" attribute "${run[@]}" "$@" --draw 9 --out a --force
        "$WAGLE" mask --scores a --density 0.2 --exclude embeddings --out m --force
        "$WAGLE" unlearn "${run[@]}" --mask m --steps 2 --lr 1e-3 ${protect:-} --out want --force
    }
    at_once() { "$WAGLE" unlearn "${run[@]}" "$@" --density 0.2 --exclude embeddings --steps 2 --lr 1e-3 ${protect:-} --out mine --force; }
    for how in "--selector wagle" "--selector snip" "--selector wagle --gamma protect"; do
        protect=
        by_hand $how
        at_once $how --draw 9
        [ "$(sha256sum <want/model.safetensors)" = "$(sha256sum <mine/model.safetensors)" ]
        at_once $how
        [ "$(sha256sum <want/model.safetensors)" != "$(sha256sum <mine/model.safetensors)" ]
    done
    # factors of the scores are of the drawn rows, those of the training of all rows
    protect="--protect retain"
    by_hand --selector wagle --gamma protect --protect retain
    at_once --selector wagle --gamma protect --draw 9
    cmp want/model.safetensors mine/model.safetensors
    grep -q '"draw": *9' mine/manifest.json
}
