load helpers

# usage WORDS arguments...: fails with a usage error, in one line that contains WORDS.
usage() { refused 2 "$1" "$WAGLE" "${@:2}"; }

@test "an option given twice is refused, unless several have a meaning" {
    usage '--lr was given twice' unlearn --lr 1e-5 --lr 1e-4
    usage '--model was given twice; eval takes only one' eval --model a --model b
    usage '--data was given twice; eval takes only one' eval --data forget.jsonl --data retain.jsonl
    usage 'the same option as --suite' eval --suite mcq --suites tofu
    usage '--prompt was given twice' logits --prompt a --prompt b
    usage '--npo-beta was given twice' unlearn --npo-beta 1 --npo-beta 2
    usage '--weight-decay was given twice' finetune --weight-decay 0 --weight_decay 0
}

@test "finetune --data a --data b trains on both" {
    "$WAGLE" finetune --model "$model" --data forget.jsonl --data retain.jsonl --epochs 1 --batch 2 --out both
    cat forget.jsonl retain.jsonl >all.jsonl
    "$WAGLE" finetune --model "$model" --data all.jsonl --epochs 1 --batch 2 --out whole
    cmp both/model.safetensors whole/model.safetensors
}

@test "a flag wins over --config; keys of it are checked by name and type" {
    config() { echo "$1" >run.json; }
    config '{"lr": 1e-3, "steps": 1, "data": "forget.jsonl", "weight_decay": 0.1, "force": false}'
    "$WAGLE" finetune --config run.json --model "$model" --data retain.jsonl --out by_flag
    "$WAGLE" finetune --lr 1e-3 --steps 1 --weight-decay 0.1 --model "$model" --data retain.jsonl --out by_hand
    cmp by_flag/model.safetensors by_hand/model.safetensors
    config '{"learning_rate": 1e-3}'; usage "no option 'learning_rate'; it is --lr" finetune --config run.json
    config '{"epoch": 3}'; usage 'it is --epochs' finetune --config run.json
    config '{"shots": 3}'; usage 'is an option of' tokenize --config run.json
    config '{"npo.beta": 1}'; usage 'npo.beta' eval --config run.json
    config '{"npo.beta": "1"}'; usage "'npo.beta' must be a number" unlearn --config run.json
    config '{"lr": "1e-3"}'; usage "'lr' must be a number" finetune --config run.json
    config '{"steps": 1.5}'; usage "'steps' must be a whole number" finetune --config run.json
    config '{"model": 7}'; usage "'model' must be text" finetune --config run.json
    config '{"force": 1}'; usage "'force' must be true or false" finetune --config run.json
    config '{"data": [1]}'; usage "'data' must be text or a list of texts" finetune --config run.json
    config '{"lr": null}'; usage "'lr' must be a number" finetune --config run.json
    config '{"lr": 0}'; usage "'lr' 0: must be above 0" finetune --config run.json
    config '{"suite": "a", "suites": "b"}'; usage 'the same option as' eval --config run.json
    config '{"weight-decay": 0, "weight_decay": 0}'; usage 'was given twice' finetune --config run.json
    config '{"lr": 1, "lr": 2}'; refused 3 'duplicate' "$WAGLE" finetune --config run.json
    config '[]'; refused 3 'not a JSON object' "$WAGLE" finetune --config run.json
}

@test "numbers outside their range are refused before anything is read" {
    for one in '--lr 0' '--lr -1' '--lr nan' '--lr inf' '--epochs 0' '--epochs -1' '--steps 0' '--batch 0' '--accumulate 0' \
        '--warmup -1' '--weight-decay -0.1' '--seed -1' '--eval-every 0' '--checkpoint-every -1' '--limit 0' '--max-length 0' \
        '--density 0' '--density 1.5' '--density nan' '--alpha -1' '--forget-weight -1' '--damping -1' '--rectify 0' \
        '--lora 0' '--lora 5000' '--lora-alpha 0' '--threads 0' '--steps 1e3' '--lr 1e-4x' '--memory 0' '--npo-beta -1'; do
        # shellcheck disable=SC2086
        usage "${one%% *}" unlearn --model nowhere $one
    done
    usage '80 per cent is 0.8' mask --density 80
    for one in '--temperature -1' '--top-p 0' '--top-p 1.5' '--top-k -1' '--max-tokens -1'; do
        # shellcheck disable=SC2086
        usage "${one%% *}" generate --model nowhere $one
    done
    for one in '--shots -1' '--prefix 0' '--length 0' '--verbatim 0' '--relearn-lr 0' '--relearn-steps -1' '--resamples -1'; do
        # shellcheck disable=SC2086
        usage "${one%% *}" eval --model nowhere $one
    done
    usage '--resamples 0' compare a.json b.json --resamples 0
}

@test "other tools' names, other commands' options and slips are answered by ours" {
    while read -r command flag words; do
        usage "$words" "$command" "$flag" 1
    done <<'LIST'
finetune --learning-rate it is --lr here
finetune --learning_rate it is --lr here
finetune --lr-rate it is --lr here
finetune --per_device_train_batch_size it is --batch here
finetune --batch-size it is --batch here
finetune --num_train_epochs it is --epochs here
finetune --max_steps it is --steps here
finetune --model_name_or_path it is --model here
eval --pretrained it is --model here
finetune --output_dir it is --out here
eval --tasks it is --suite here
eval --num_fewshot it is --shots here
eval --apply_chat_template it is --chat here
finetune --gradient_accumulation_steps it is --accumulate here
finetune --max_seq_length it is --max-length here
generate --max_new_tokens it is --max-tokens here
mask --sparsity 1 minus the sparsity
unlearn --lambda it is --alpha here
unlearn --epsilon those of --optimizer
unlearn --fp16 float32
unlearn --num_workers it is --threads here
unlearn --report_to --tensorboard
finetune --dataset it is --data here
unlearn --forget_loss it is --objective here
unlearn --unlearn_method it is --objective here
unlearn --mask_path it is --mask here
unlearn --gpu it is --device here
unlearn --deepspeed one card at most
unlearn --beta --npo-beta, --simnpo-beta
eval -o it is --out here
eval -m it is --model here
finetune -lr did you mean --lr?
unlearn --objetive did you mean --objective?
eval --lr an option of unlearn, finetune
eval --npo-beta an option of unlearn, gradient
finetune --tasks it is --suite here
tokenize --tasks it would be --suite, an option of
LIST
    usage 'the objectives have --dpo-beta' unlearn --objective dpo --beta 0.1
    usage 'wagle help finetune' finetune --xyzzy
}

@test "other tools' commands are answered by ours" {
    while read -r name words; do
        usage "$words" "$name"
    done <<'LIST'
train 'wagle finetune'
evaluate 'wagle eval'
convert import reads GGUF, export writes it
chat 'wagle generate'
score 'wagle attribute'
prune 'wagle mask'
unlern did you mean unlearn?
xyzzy 'wagle help' lists them
LIST
}

@test "--help after anything is the help of the command" {
    "$WAGLE" unlearn --lr --nonsense x --help | grep -q '^wagle unlearn - '
    "$WAGLE" finetune -h | grep -q '^wagle finetune - '
}

@test "options are read with underscores too" {
    usage "must be 0 or more" finetune --weight_decay -1
    usage "must be from" unlearn --npo_beta -1
}

@test "a file that is not there is named with its option, before the model is opened" {
    refused 3 '--retain nofile: no such file' "$WAGLE" unlearn --model nowhere --forget forget.jsonl --retain nofile --out out
    refused 3 '--forget forget.jsonl@x: no such file' "$WAGLE" unlearn --model nowhere --forget forget.jsonl@x --out out
    refused 3 '--mask m: no such file' "$WAGLE" unlearn --model nowhere --forget forget.jsonl@2 --mask m --out out
    refused 3 '--data no: no such file' "$WAGLE" eval --model nowhere --data no
    refused 3 '--scores no: no such file' "$WAGLE" mask --scores no --out out
    refused 3 '--reference no: no such folder' "$WAGLE" unlearn --model nowhere --forget forget.jsonl --objective npo --reference no --out out
    refused 3 '--reference forget.jsonl: a file' "$WAGLE" unlearn --model nowhere --forget forget.jsonl --objective npo --reference forget.jsonl --out out
    refused 3 '--pairs no' "$WAGLE" finetune --model nowhere --data forget.jsonl --pairs no --out out
    refused 3 '--tofu no: no such folder' "$WAGLE" eval --model nowhere --suite tofu --tofu no
}

@test "what is no model folder is named with the way out" {
    logits() { "$WAGLE" logits --model "$1" --data forget.jsonl --out out; }
    refused 3 'hf download meta-llama/Llama-3.2-1B' logits meta-llama/Llama-3.2-1B
    refused 3 'hf download a/b' "$WAGLE" tokenize --model a/b --text x
    mkdir empty run cache cache/snapshots gguf adapter
    refused 3 'empty: no config.json' logits empty
    printf 'GGUF....' >gguf/m.gguf
    refused 3 'wagle import gguf/m.gguf' "$WAGLE" tokenize --model gguf/m.gguf --text x
    refused 3 'gguf/m.gguf: not a GGUF file' logits gguf/m.gguf
    refused 3 'm.gguf: import it first' logits gguf
    refused 3 'snapshots' logits cache
    touch adapter/adapter_config.json run/manifest.json
    refused 3 'and this one as --adapter' logits adapter
    refused 3 'unfinished run' logits run
    refused 3 'forget.jsonl: a file' logits forget.jsonl
    refused 3 'nowhere: no such model folder' logits nowhere
}

@test "files of tensors of other tools are named with the way out" {
    printf 'PK\003\004%060d' 0 >m.pt; cp m.pt m.npz
    printf '\200\002}q%060d' 0 >m.bin
    printf '\223NUMPY%060d' 0 >m.npy
    printf 'GGUF%060d' 0 >m.gguf
    unlearn() { "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --mask "$1" --out out; }
    refused 3 "a PyTorch file: convert it in Python: safetensors.torch.save_file(torch.load('m.pt')" unlearn m.pt
    refused 3 'm.bin: not a safetensors file but a PyTorch file' unlearn m.bin
    refused 3 'a NumPy archive' "$WAGLE" mask --scores m.npz --out out
    refused 3 'a NumPy array' "$WAGLE" mask --op invert m.npy --out out
    refused 3 'wagle import m.gguf' unlearn m.gguf
    refused 3 'a PyTorch file' "$WAGLE" inspect m.pt
    refused 3 'JSON or rows of text' "$WAGLE" mask --compare forget.jsonl retain.jsonl
}

@test "what is missing is named with its option" {
    usage '--model DIR is missing' unlearn
    usage '--model DIR is missing' eval --data forget.jsonl
    usage '--forget ROWS' unlearn --model nowhere --out out
    usage '--data ROWS' finetune --model nowhere --out out
    usage '--data ROWS or --suite NAME' eval --model nowhere
    usage '--retain ROWS is missing, which the selector reads' attribute --model nowhere --forget forget.jsonl --out out
    usage '--forget ROWS' attribute --model nowhere --selector snip --out out
    usage '--forget ROWS' gradient --model nowhere --objective npo --out out
}
