load helpers

# Errors of training, scoring and evaluation that are reported before a model is opened. The model does not exist, so a
# later error would name it.
early() { refused "$1" "$2" "$WAGLE" "${@:3}"; }

@test "values of unlearn are refused before the model is opened" {
    unlearn() { early "$1" "$2" unlearn --model nowhere --forget forget.jsonl --retain retain.jsonl --out out "${@:3}"; }
    unlearn 2 "no objective 'nope'" --objective nope
    unlearn 2 "no selector 'nope'" --selector nope
    unlearn 2 '--retain-term nope' --retain-term nope
    unlearn 2 '--gamma must be' --selector wagle --gamma high
    unlearn 2 '--schedule' --schedule nope
    unlearn 2 'nope' --optimizer nope
    unlearn 2 '--state' --state nope
    unlearn 2 '--stop-when' --stop-when 'forget.joy<1'
    unlearn 2 'forget, retain or one of --suite mcq' --suite mcq --set a=forget.jsonl --stop-when 'tofu.model_utility<0.5'
    unlearn 2 'layers:x' --selector snip --include layers:x
    unlearn 2 "no suite 'nope'" --suite nope --set a=forget.jsonl
    unlearn 3 'cannot be written' --out-patch nowhere/patch
    early 2 'needs --retain' unlearn --model nowhere --forget forget.jsonl --out out
    early 3 'cannot be written' unlearn --model nowhere --forget forget.jsonl --retain retain.jsonl --out no/where
}

@test "the same file as forget and as retain is said, through links too" {
    ln -s forget.jsonl link.jsonl
    said() { "$WAGLE" "$@" --out "made$((n += 1))" --quiet 2>said.txt >out.txt; grep -q '^wagle: warning: --forget .* are the same file' said.txt; }
    n=0
    said unlearn --model "$model" --forget forget.jsonl --retain ./forget.jsonl --steps 1 --lr 1e-5
    said unlearn --model "$model" --forget retain.jsonl --forget forget.jsonl@2 --retain link.jsonl --steps 1 --lr 1e-5
    said attribute --model "$model" --forget forget.jsonl --retain link.jsonl
    said mask --model "$model" --forget forget.jsonl --retain link.jsonl
    said gradient --objective npo --model "$model" --forget forget.jsonl --retain link.jsonl
}

@test "values of attribute and mask are refused before the model is opened" {
    early 2 "no selector 'nope'" attribute --model nowhere --forget forget.jsonl --selector nope --out out
    early 2 "no objective 'nope'" attribute --model nowhere --forget forget.jsonl --retain retain.jsonl --loss nope --out out
    early 2 '--scope nope' mask --model nowhere --forget forget.jsonl --scope nope --out out
    early 2 '--format nope' mask --model nowhere --forget forget.jsonl --format nope --out out
    early 2 '80 per cent is 0.8' mask --scores forget.jsonl --densities 0.1,80 --out 'm{}'
    early 3 'cannot be written' mask --model nowhere --forget forget.jsonl --out no/where
    early 3 'cannot be written' attribute --model nowhere --forget forget.jsonl --retain retain.jsonl --out no/where
    early 3 'cannot be written' mask --compare forget.jsonl --svg no/where.svg
}

@test "values of eval, generate and report are refused before anything is read" {
    early 2 "no metric 'joy'" eval --model nowhere --data forget.jsonl --metrics nll,joy
    early 2 "no suite 'joy'" eval --model nowhere --suite joy --set a=forget.jsonl
    early 2 "joy" eval --model nowhere --suite tofu --set forget=forget.jsonl --set joy=forget.jsonl
    early 3 'cannot be written' eval --model nowhere --suite mcq --set a=forget.jsonl --out no/where.json
    early 2 'end in .json' eval --model nowhere --suite mcq --set a=forget.jsonl --out where
    touch there.rows.jsonl
    early 2 'there.rows.jsonl' eval --model nowhere --suite mcq --set a=forget.jsonl --out there.json
    early 3 'cannot be written' eval --model nowhere --data forget.jsonl --out no/where.json
    early 3 'cannot be written' report nowhere.json --out no/where.html
    early 2 'max-tokens' generate --model nowhere --prompt x --max-tokens 0
}
