load helpers

# Folders of runs: outputs that must not be replaced, and one process per folder.

@test "an output never replaces an input, through links and with --force too" {
    cp -r "$model" in
    ln -s in link
    "$WAGLE" attribute --model in --forget forget.jsonl --retain retain.jsonl --out scores
    "$WAGLE" mask --scores scores --density 0.2 --out mask
    "$WAGLE" unlearn --model in --forget forget.jsonl --retain retain.jsonl --steps 2 --lr 1e-3 --out-patch p.patch --out new
    mkdir runs
    cp mask runs/mask
    cp in/config.json config.json
    for file in quiz result options; do echo '{}' >$file.json; done
    for file in result x; do echo '{}' >$file.rows.jsonl; done
    ln result.json hard.json
    cp -r in before
    md5sum ./*.json ./*.jsonl >sums
    while read -r words; do
        refused 2 'input' "$WAGLE" $words --force
    done <<'COMMANDS'
unlearn --model in --forget forget.jsonl --retain retain.jsonl --steps 1 --out in
unlearn --model in --forget forget.jsonl --retain retain.jsonl --steps 1 --out in/
unlearn --model in --forget forget.jsonl --retain retain.jsonl --steps 1 --out ./runs/../in
unlearn --model in --forget forget.jsonl --retain retain.jsonl --steps 1 --out link
unlearn --model link --forget forget.jsonl --retain retain.jsonl --steps 1 --out in
unlearn --model in --forget forget.jsonl --retain retain.jsonl --steps 1 --out in/forgotten
unlearn --model in --forget forget.jsonl@2 --retain retain.jsonl --steps 1 --out forget.jsonl
unlearn --model in --forget forget.jsonl --retain retain.jsonl --mask runs/mask --steps 1 --out runs
unlearn --objective npo --model in --reference new --forget forget.jsonl --retain retain.jsonl --steps 1 --out new
unlearn --model in --forget forget.jsonl --retain retain.jsonl --steps 1 --out out --out-patch retain.jsonl
finetune --model in --data forget.jsonl --steps 1 --out in
attribute --model in --forget forget.jsonl --retain retain.jsonl --out retain.jsonl
attribute --model in --forget forget.jsonl --retain retain.jsonl --out in/config.json
mask --scores scores --density 0.1 --out scores
mask --op invert mask --out mask
mask --compare mask --svg mask
gradient --model in --data forget.jsonl --out forget.jsonl
logits --model in --data forget.jsonl --out in/model.safetensors
apply in p.patch --out in
apply in p.patch --out p.patch
revert new p.patch --out link/../new
diff in new --out new/config.json
report result.json --out result.json
report result.json --out result.rows.jsonl
report a=hard.json --out result.json
eval --model in --suite mcq --set q=quiz.json --out quiz.json
eval --model in --suite mcq --set q=hard.json --out result.json
eval --model in --suite mcq --set q=x.rows.jsonl --out x.json
eval --recompute result.json --out hard.json
eval --model in --suite tofu --set forget=quiz.json --gold result.json --out hard.json
unlearn --model in --forget forget.jsonl --retain retain.jsonl --config options.json --out options.json
unlearn --model in --forget forget.jsonl --retain retain.jsonl --config options.json --out out --out-patch options.json
unlearn --model in --forget forget.jsonl --retain retain.jsonl --suite mcq --set q=quiz.json --out out --out-patch quiz.json
export in --out in/model.safetensors
init --config config.json --out config.json
COMMANDS
    diff -r in before
    [ -h link ]
    md5sum --quiet -c sums
    refused 2 "--out-patch ./retain.jsonl: is the input retain.jsonl" "$WAGLE" unlearn --model nowhere --forget forget.jsonl --retain retain.jsonl \
        --out out --out-patch ./retain.jsonl --force
}

@test "a patch does not lie in the folder that the same run makes" {
    mkdir old
    for patch in out out/ ./out.partial; do
        refused 2 'lies in, the output folder' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --out out --out-patch $patch
    done
    refused 2 'lies in, the output folder' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --out old --out-patch old/p --force
}

@test "a run whose every update has rate 0 says so before training, and in a dry run" {
    idle() { "$WAGLE" finetune --model "$model" --data forget.jsonl --lr 1e-3 --force --out out "$@" 2>said >printed; }
    for how in "" --dry-run; do
        idle --steps 1 $how
        grep -q 'warning: every update has learning rate 0, because the warm-up starts there, so nothing will change; add --warmup 0' said
    done
    idle --steps 1
    cmp "$model/model.safetensors" out/model.safetensors
    for how in "--steps 1 --warmup 0" "--steps 2"; do
        idle $how
        ! grep -q 'rate 0' said || false
        ! cmp -s "$model/model.safetensors" out/model.safetensors || false
    done
}

@test "a run that changes nothing says so, and is whole without its patch" {
    cp -r "$model" plain && rm plain/gold.*
    run=(unlearn --model plain --forget forget.jsonl --retain retain.jsonl --steps 1 --lr 1e-3 --quiet)
    "$WAGLE" "${run[@]}" --out one 2>log
    grep -q 'warning: every update has learning rate 0.*--warmup 0' log
    status=0
    "$WAGLE" "${run[@]}" --out two --out-patch p 2>log || status=$?
    [ $status = 1 ]
    tail -1 log | grep -q -- '--out-patch p: not written, because no stored weight changed; the model is in two'
    [ -e two/model.safetensors ]
    [ ! -e p ]
    [ ! -e two.partial ]
    "$WAGLE" "${run[@]}" --warmup 0 --out three --out-patch p 2>log
    [ ! -s log ]
    [ -e p ]
    refused 2 '--warmup 5: the run has only 3 updates' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --steps 3 --warmup 5 --out out
}

@test "a pipe where a file is wanted is refused, and not waited for" {
    mkfifo pipe.jsonl
    for input in pipe.jsonl /dev/null; do
        refused 3 'a pipe or device; save it to a file first' timeout 20 "$WAGLE" inspect $input
        refused 3 'a pipe or device; save it to a file first' timeout 20 "$WAGLE" unlearn --model "$model" --forget $input --retain retain.jsonl --out out
    done
}

@test "names with line breaks and bytes that are no UTF-8 fit one line, and are found again" {
    odd=$(printf 'a\n%%s \377')
    refused 3 'a %s' "$WAGLE" unlearn --model "$model" --forget "$odd" --retain retain.jsonl --out out
    refused 3 'no such file' "$WAGLE" unlearn --config "$odd" --out out
    mkdir "$odd"
    echo '{"suites": {}, "model": "m"}' >"$odd/result.json"
    "$WAGLE" report "$odd/result.json" --out page.html
    grep -q 'result.json' page.html
}

@test "an output that cannot be written is refused before work" {
    refused 3 'cannot be written' "$WAGLE" unlearn --model nowhere --forget forget.jsonl --retain retain.jsonl --out deep/out
    refused 3 'cannot be written' "$WAGLE" attribute --model nowhere --forget forget.jsonl --retain retain.jsonl --out forget.jsonl/out
    refused 3 'cannot be written' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --out out --out-patch deep/patch
    refused 2 'neither a file nor a folder' "$WAGLE" logits --model "$model" --data forget.jsonl --out /dev/null --force
}

@test "two runs do not share a folder: the second names the first's process" {
    run=(unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-4 --out shared --quiet)
    "$WAGLE" "${run[@]}" --steps 100000 & first=$!
    until [ -s shared.partial/lock ]; do sleep 0.02; done
    for more in '' --force --resume; do
        status=0
        "$WAGLE" "${run[@]}" --steps 1 $more 2>words || status=$?
        [ $status = 2 ]
        grep -q "shared.partial: process $first is using it" words
    done
    status=0
    "$WAGLE" init --config "$model/config.json" --out shared 2>words || status=$?
    [ $status = 2 ]
    grep -q "process $first" words
    kill -KILL $first
    wait $first || true
    [ -e shared.partial/lock ]
    "$WAGLE" "${run[@]}" --steps 1
    [ ! -e shared.partial ]
    [ ! -e shared/lock ]
}

@test "the sample of the header compiles as it stands" {
    root=$BATS_TEST_DIRNAME/../..
    {
        printf '#include <stdio.h>\n#include <wagle/wagle.h>\n\nint main(void)\n{\n'
        sed -n '1,/^#ifndef/s/^ \*     //p' "$root/include/wagle/wagle.h"
        printf '    return 0;\n}\n'
    } >sample.c
    grep -q wagle_unlearn_defaults sample.c
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror -I "$root/include" -c sample.c -o sample.o
}

@test "a rule that was not reached is said last and by exit code 5" {
    run=(unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-6 --steps 3 --eval-every 1)
    status=0
    "$WAGLE" "${run[@]}" --stop-when 'forget.probability < 1e-30' --out out >result 2>log || status=$?
    [ $status = 5 ]
    grep -q 'out: 3 steps, last loss' result
    tail -1 log | grep -q "^wagle: --stop-when 'forget.probability < 1e-30' was not reached in 3 steps (0.*at its last check); the model is in out$"
    [ -e out/model.safetensors ]
    [ ! -e out.partial ]
    "$WAGLE" "${run[@]}" --stop-when 'forget.probability<1e-30' --allow-unmet --out out --force 2>log
    grep -q 'warning: --stop-when' log
    "$WAGLE" help exit-codes | grep -q '5  *--stop-when was not reached'
}

@test "rules may have spaces and =; one on a metric that is not there is refused before work" {
    run=(unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-6 --steps 3 --eval-every 1 --force --out out)
    for rule in ' forget.nll > 0 ' 'forget.nll>=0' 'retain.probability <= 1' 'forget.perplexity >1'; do
        "$WAGLE" "${run[@]}" --stop-when "$rule" | grep -q '1 steps (stopped by --stop-when)'
    done
    rm -r out
    for rule in 'forget.joy<1' 'forget nll<1' '<1' 'forget.nll' 'forget.nll=1' 'forget.nll<' 'forget.nll<x' 'forget.nll<nan' 'forget.nll<1 2' 'mcq.q.acc<1'; do
        refused 2 'write it as forget.probability<0.1' "$WAGLE" unlearn --model nowhere --forget forget.jsonl --retain retain.jsonl --steps 3 --stop-when "$rule" --out out
    done
    echo '[]' >q.json
    refused 2 'write it as forget.probability<0.1' "$WAGLE" unlearn --model nowhere --forget forget.jsonl --retain retain.jsonl --steps 3 --suite mcq --set q=q.json \
        --stop-when 'mqc.q.acc<1' --out out
}

@test "the same rows as forget and retain are said; a loss that is not finite names its learning rate" {
    cp -r "$model" plain && rm plain/gold.*
    cp forget.jsonl other.jsonl
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain other.jsonl --steps 2 --lr 1e-5 --out out --quiet 2>log
    grep -q 'warning: --forget and --retain are the same rows' log
    rm -r out
    "$WAGLE" unlearn --model plain --forget forget.jsonl --retain ./forget.jsonl --steps 2 --lr 1e-5 --out out --quiet 2>log
    [ "$(wc -l <log)" = 1 ]
    grep -q 'are the same file' log
    rm -r out
    status=0
    "$WAGLE" finetune --model "$model" --data forget.jsonl --lr 1e20 --warmup 0 --steps 9 --out out --quiet 2>log || status=$?
    [ $status = 1 ]
    grep -q 'step [1-9] of 9 at --lr 1e+20 .*not finite' log
    [ ! -e out ]
    [ ! -e out.partial ]
}

@test "room on disk is asked for before training, and a dry run tells it" {
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --out out --checkpoint-every 1 --dry-run >plan
    grep -A3 '^disk:' plan | grep -q 'checkpoint, if it is interrupted'
    small() { (ulimit -f 100 && "$@"); }
    refused 4 'out: a file of' small "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --protect none --steps 100000 --out out
    unshare -rm true 2>/dev/null || skip 'no mounts here'
    mkdir disk
    tiny() { unshare -rm bash -c 'mount -t tmpfs -o size=200k tmpfs disk && exec "$@"' - "$@"; }
    refused 4 'not enough disk' tiny "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --protect none --steps 100000 --out disk/out
}

@test "the last selected weights of a tensor are checked too, where its end is that of a block of the mask" {
    printf '%s' '{"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":64,"hidden_size":64,"intermediate_size":64,
        "num_hidden_layers":1,"num_attention_heads":1,"num_key_value_heads":1,"head_dim":64,"max_position_embeddings":64,
        "rms_norm_eps":1e-5,"rope_theta":10000.0,"tie_word_embeddings":true,"bos_token_id":1,"eos_token_id":2}' >config.json
    "$WAGLE" init --config config.json --dtype f16 --out square --quiet
    printf '{"input_ids":[1,%s]}\n' 5,9,3 7,4,8 >ids.jsonl
    refused 1 "q_proj.weight': a weight became" "$WAGLE" unlearn --model square --forget ids.jsonl --objective ga --include '*q_proj*' \
        --selector magnitude --density 0.3 --protect none --steps 1 --warmup 0 --schedule constant --lr 1e6 --quiet --out huge
}

@test "weights that float16 cannot hold are not written" {
    python3 "$BATS_TEST_DIRNAME/make_f16.py" "$GOLD/models/llama-mha" f16
    rm -f f16/gold.*
    for mask in "" "--selector snip --density 0.3"; do
        refused 1 "cannot hold; use a lower --lr" "$WAGLE" unlearn --model f16 --forget forget.jsonl --retain retain.jsonl \
            --steps 1 --warmup 0 --schedule constant --lr 1e5 $mask --quiet --out huge
        rm -rf huge.partial
        [ ! -e huge ]
    done
}
