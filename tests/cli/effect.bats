load helpers

# One line per row of the table in cli/rules.c: its condition, the expected result, a command line. The paths do not
# exist, because all checks happen before anything is read.
table() {
    cat <<'LIST'
with_selector refused unlearn --density 0.1
with_selector refused unlearn --density 0.1 --mask m
with_selector refused unlearn --include embeddings --mask m
with_selector refused unlearn --exclude norms
with_selector refused unlearn --gamma auto
with_selector refused unlearn --draw 3 --mask m
with_join refused sweep spec.json --out out --baseline random
runs_sweep refused sweep --join a b --out out --jobs 2
runs_sweep refused sweep spec.json --out out --dry-run --memory 1G
with_dry_run said attribute --model m --forget f --retain r --json --out out
with_card said unlearn --model m --forget f --retain r --gpu-memory 1G --out out
with_compare refused mask --svg a.svg
with_compare said mask --json
without_compare refused mask --compare a b --density 0.1
without_op refused mask --op and a b --density 0.1
with_scoring refused mask --scores s --selector snip
with_scoring refused mask --scores s --limit 3
without_densities refused mask --densities 0.1,0.2 --density 0.1
reads_gamma refused attribute --selector snip --gamma 1e-6
reads_gamma refused unlearn --selector random --gamma 1e-6
reads_damping refused attribute --gamma 1e-6 --damping 0.1
reads_damping refused attribute --selector magnitude --damping 0.1
reads_damping refused attribute --gamma protect --damping 0.1
scores_by_protect refused attribute --protect p
scores_by_protect refused mask --model m --gamma auto --protect-damping 0.1
scores_forget refused attribute --selector random --loss npo
scores_forget said attribute --selector magnitude --forget f
scores_retain said attribute --selector snip --retain r
scores_rows said attribute --selector magnitude --limit 3
scores_rows refused attribute --selector magnitude --draw 4
scores_rows refused unlearn --selector random --draw 4
scores_rows said mask --model m --selector random --eos
with_objective refused gradient --alpha 1
without_objective refused gradient --objective npo --data d
trains_retain refused unlearn --objective ga --retain r --alpha 5
trains_retain refused unlearn --retain-term none --alpha 5
reads_retain said unlearn --objective ga --retain r
trains_forget refused unlearn --objective ft --forget-weight 2
reads_refusal said unlearn --objective npo --refusal r
reads_reference said unlearn --objective ga --reference m
reads_control said unlearn --objective npo --rmu-control r
chooses_moments refused unlearn --master bf16 --state f32 --lr 1e-5 --steps 9
chooses_moments refused finetune --master bf16 --state bf16
without_steps refused finetune --epochs 3 --steps 1
without_pairs refused unlearn --pairs p --skip-forgotten
without_pairs refused unlearn --pairs p --steps 3
without_pairs said unlearn --pairs p --batch 3
with_lora refused finetune --lora-alpha 3
with_lora refused finetune --lora-targets attention
makes_factors refused unlearn --lr 1e-5 --protect-damping 1
makes_factors refused unlearn --protect none --protect-damping 1
makes_factors refused finetune --protect-rank 3
makes_factors refused unlearn --lr 1e-5 --selector wagle --protect-rank 4
evaluates_on_the_way refused unlearn --eval-every 3 --lr 1e-5 --steps 9
evaluates_on_the_way refused finetune --eval-every 3
with_stop_when refused unlearn --allow-unmet --lr 1e-5 --epochs 1
with_stop_when refused finetune --allow-unmet --eval-every 2 --monitor
measures_chance refused unlearn --forget f --stop-when forget.nll>3 --gold-model g
measures_chance refused unlearn --forget f --lr 1e-5 --steps 9 --gold-model g
with_suite refused unlearn --gold g
with_suite_or_recompute refused eval --set a=b
with_suite_or_recompute refused eval --shots 3
with_suite_or_recompute refused eval --samples 3
without_recompute refused eval --recompute f --limit 3
without_recompute refused eval --recompute f --min-k 5
with_tofu refused eval --suite tofu --split forget05
with_suite_tofu refused eval --suite mcq --no-eos
reads_gold said eval --suite mcq --gold g
without_requests refused unlearn --requests a,b --forget f
with_requests refused unlearn --forget f --metrics nll
asks refused unlearn --forget f --max-tokens 3
with_suite refused finetune --max-tokens 3
makes_texts refused unlearn --suite mcq --max-tokens 3
makes_texts refused unlearn --requests a,b --metrics nll --max-tokens 3
suite_reads_reference said eval --suite mcq --reference m
shows_examples said eval --suite tofu --shots 3
never refused logits --facts-field facts
never refused logits --all-turns
measures_facts refused eval --suite mcq --facts-field facts
reads_scorer said eval --suite mcq --scorer cat
reads_encoder said eval --suite mcq --encoder d
without_chat refused eval --data d --chat --no-chat
without_chat refused generate --prompt a --chat-layout chatml --no-chat
samples refused generate --top-k 3
samples refused generate --temperature 0 --top-p 0.5
LIST
}

@test "an option without effect is refused or said" {
    while read -r _ how command; do
        # shellcheck disable=SC2086
        if [ "$how" = refused ]; then
            refused 2 'has no effect' "$WAGLE" $command
        else
            "$WAGLE" $command 2>said.txt && return 1
            grep -q '^wagle: warning: --[a-z-]* has no effect: ' said.txt || { echo "not said: $command"; cat said.txt; return 1; }
        fi
    done < <(table)
}

@test "every row of the table of rules is tested" {
    local n=0
    for condition in $(sed -n '/^} rules/,/^};/p' "$BATS_TEST_DIRNAME/../../cli/rules.c" | tr -d '\n' | grep -oE '", +[a-z_]+, +"' | tr -d '", '); do
        table | grep -q "^$condition " || { echo "no line for $condition"; return 1; }
        n=$((n + 1))
    done
    [ "$n" -gt 40 ]
}

@test "options that have an effect are let through" {
    while read -r command; do
        # shellcheck disable=SC2086
        "$WAGLE" $command 2>said.txt || true
        if grep -q 'no effect' said.txt; then echo "$command"; cat said.txt; return 1; fi
    done <<'LIST'
unlearn --selector wagle --density 0.1 --gamma 1e-6 --include attention --exclude norms
unlearn --selector wagle --gamma protect --protect-damping 1
attribute --selector wagle --gamma protect --forget f --retain r --protect retain --protect-damping 1 --protect-rank 4
unlearn --objective ga --retain r --retain-term nll --alpha 5
unlearn --objective ga --retain r --selector wagle
unlearn --objective ga --retain r --stop-when retain.nll>3
unlearn --objective kl --reference m --alpha 2
unlearn --objective dpo --refusal r --reference m
unlearn --retain-term kl --reference m
unlearn --objective rmu --rmu-control c --reference m
unlearn --suite tofu --tofu folder --split forget05 --gold g --max-tokens 3 --eval-every 2
attribute --selector leverage --damping 0.1 --forget f --retain r
attribute --selector wagle --gamma 1e-6 --forget f --retain r --loss npo
mask --model m --forget f --selector snip --density 0.1 --limit 3
mask --op and a b --include ffn
eval --recompute f --resamples 10 --gold g --seed 3 --json
eval --suite mcq,tofu --shots 3 --no-eos --max-tokens 3
eval --data d --metrics nll,rougeL --max-tokens 3
generate --temperature 1 --top-k 3 --top-p 0.5
finetune --lora 4 --lora-alpha 8 --lora-targets attention
unlearn --protect rows --protect-damping 1 --protect-rank 3
unlearn --requests a,b --metrics rougeL --max-tokens 3
unlearn --requests a,b --suite mcq --metrics rouge1 --max-tokens 3
unlearn --requests a,b --lr auto --steps 50 --gold-model g --eval-every 3
unlearn --forget f --gold-model g --eval-every 3 --allow-unmet --land
unlearn --forget f --lr auto --steps 50 --gold-model g --eval-every 3
unlearn --forget f --lr 1e-5 --eval-every 3
unlearn --forget f --lr 1e-5 --steps 9 --stop-when chance --gold-model g --land
LIST
}

@test "an objective's option of another objective is refused by name" {
    refused 2 'objective graddiff has no option npo.beta (--npo-beta)' "$WAGLE" unlearn --npo-beta 0.1
    refused 2 'objective npo has no option simnpo.beta' "$WAGLE" unlearn --objective npo --simnpo-beta 0.1
    refused 2 'needs --objective' "$WAGLE" gradient --npo-beta 0.1
}

@test "--steps on the command line wins over epochs in --config" {
    echo '{"epochs": 3, "data": "forget.jsonl"}' >run.json
    "$WAGLE" finetune --config run.json --model "$model" --steps 1 --out out 2>&1 | grep -q '1 steps'
}
