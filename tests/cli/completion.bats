load helpers

# offered WORD...: what may stand in place of the last word, without its meaning.
offered() { "$WAGLE" __complete "$@" | cut -f1; }
has() { offered "${@:2}" | grep -qxF -- "$1"; }
lacks() { if has "$@"; then return 1; fi; }

@test "commands, options, choices, objectives and their options are completed" {
    has unlearn ''
    has help h
    [ "$(offered unl)" = unlearn ]
    [ "$(offered unlearn --sched)" = --schedule ]
    [ "$(offered unlearn --schedule co | sort | tr '\n' ' ')" = "constant cosine " ]
    has npo unlearn --objective ''
    [ "$(offered unlearn --lr a)" = auto ]
    has --npo-beta unlearn --objective npo --
    lacks --npo-beta unlearn --objective graddiff --
    lacks --lr unlearn --lr 1e-5 --                          # it was given
    has --forget unlearn --forget a --                       # may repeat
    lacks --density finetune --                              # of another command
    has mcq eval --suite ''
    [ "$(offered help sto)" = stop-rules ]
    [ "$(offered completion z)" = zsh ]
    [ "$(offered unlearn --forget '')" = :files ]
    [ "$(offered unlearn --reference '')" = :folders ]
    [ "$(offered inspect '')" = :files ]
    [ -z "$(offered nonsense --l)" ]
}

@test "patterns are those of the model on the line" {
    has 'model.layers.*.mlp.up_proj.weight' unlearn --model "$model" --include ''
    has model.embed_tokens.weight unlearn --include x --model "$model" --exclude model.e
    has layers:0-2 unlearn --model "$model" --include layers
    has attention mask --include att
    lacks layers:0-2 unlearn --include layers # no model
    lacks layers:0-2 unlearn --model missing --include layers
}

@test "bash completes" {
    complete_line() {
        bash --norc -c 'compopt() { :; }; source <("$WAGLE" completion bash); COMP_LINE=$1; COMP_POINT=${#1}; COMP_WORDS=($1); _wagle; printf "%s\n" "${COMPREPLY[@]}"' - "$1"
    }
    [ "$(complete_line "$WAGLE unlearn --retain-t")" = --retain-term ]
    [ "$(complete_line "$WAGLE unlearn --model $model --include layers:0")" = 0-2 ] # after the colon
    complete_line "$WAGLE unlearn --model $model --include model.l" | grep -qxF 'model.layers.\*.mlp.up_proj.weight'
    [ "$(complete_line "$WAGLE unlearn --forget for")" = forget.jsonl ]
    complete_line "$WAGLE " | grep -qx unlearn
}

@test "zsh completes" {
    command -v zsh >/dev/null || skip "no zsh"
    zsh -f -c 'compdef() { :; }; _files() { echo files; }; compadd() { print -l -- $names; }; source <("$WAGLE" completion zsh)
               words=("$WAGLE" unlearn --retain-t) CURRENT=3; _wagle
               words=("$WAGLE" unlearn --forget "") CURRENT=4; _wagle' >zsh.txt
    printf -- '--retain-term\nfiles\n' | cmp - zsh.txt
}

@test "fish completes" {
    command -v fish >/dev/null || skip "no fish"
    mkdir bin && ln -s "$WAGLE" bin/wagle
    PATH=$PWD/bin:$PATH HOME=$PWD fish --no-config -c 'wagle completion fish | source; complete -C "wagle unlearn --retain-t"; complete -C "wagle unlearn --forget for"' >fish.txt
    grep -q '^--retain-term' fish.txt
    grep -q '^forget.jsonl' fish.txt
}
