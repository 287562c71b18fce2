load helpers

commands() { "$WAGLE" help --list; }
# The topics listed on the front page.
topics() { "$WAGLE" help | sed -n "/^Topics/,/^'wagle/s/^  \([a-z-]*\)  .*/\1/p"; }
# The options that the parser accepts for a command: those in its help, and the common ones.
options() { "$WAGLE" help "$1" | grep -oE '^(  |Common options.*)?--[a-z0-9-]+.*' | grep -oE '(^  |^| )--[a-z0-9-]+' | tr -d ' ' | sort -u; }

@test "every option of the table is in some command's help" {
    root=$BATS_TEST_DIRNAME/../..
    grep -ohE '(FLAG|NAMED)\("[a-z0-9-]+"' "$root/include/wagle/train_options.def" "$root/cli/options.def" | cut -d'"' -f2 | sort -u >table
    [ "$(wc -l <table)" -gt 90 ]
    for command in $(commands); do options "$command"; done | cut -c3- | sort -u >shown
    [ -z "$(comm -23 table shown)" ] || { comm -23 table shown; return 1; }
}

# In manual pages, hyphens are written as \-.
@test "the manual page of a command has every option and topic that its help has" {
    for command in $(commands); do
        "$WAGLE" help --man "$command" >"$command.1"
        sed 's/\\f[BIR]//g; s/\\//g' "$command.1" | grep -oE -- '--[a-z0-9-]+' | sort -u >page
        options "$command" | comm -23 - page >missing
        [ ! -s missing ] || { echo "$command: $(cat missing)"; return 1; }
    done
    "$WAGLE" help --man >wagle.1
    for command in $(commands); do grep -q "^\.BR wagle.-$command (1)" wagle.1; done
    for topic in $(topics); do tr -d '\\' <wagle.1 | grep -qix "\.SH $topic"; done
    ! command -v man >/dev/null || for page in *.1; do [ -z "$(man --warnings -l "$page" 2>&1 >/dev/null)" ]; done
}

@test "no page is wider than the terminal, from 60 to 100 columns" {
    for columns in 40 60 80 100 200; do
        width=$((columns < 60 ? 60 : columns > 100 ? 100 : columns))
        for page in '' $(commands) $(topics); do
            # shellcheck disable=SC2086
            COLUMNS=$columns "$WAGLE" help $page | awk -v w=$width -v p="$page" 'length > w {print p ": " $0; wide = 1} END {exit wide}'
        done
    done
}

@test "the front page names every command and topic, and a topic fits one screen" {
    "$WAGLE" help >front
    "$WAGLE" >bare; cmp front bare
    for command in $(commands); do grep -q "^  $command  " front; done
    [ "$(topics | wc -l)" -ge 12 ]
    for topic in $(topics); do
        [ "$topic" = suites ] || [ "$("$WAGLE" help "$topic" | wc -l)" -le 40 ] || { echo "$topic"; return 1; }
    done
    for name in $("$WAGLE" help unlearn | sed -n '/^More/,$p' | sed 's/.*: //'); do topics | grep -qx "$name"; done
}

@test "--help after a command is its page" {
    for command in $(commands); do
        cmp <("$WAGLE" help "$command") <("$WAGLE" "$command" --help)
        "$WAGLE" help "$command" | grep -q "^  wagle $command"
    done
}

@test "help shows the defaults of the library, and ranges and choices" {
    shows() { "$WAGLE" help "$1" | tr -s ' \n' ' ' | grep -qF -- "$2" || { echo "$1: no $2"; return 1; }; }
    shows finetune "peak learning rate ('wagle help lr') [above 0; default: 0.0001]"
    shows finetune '[0 or more; default: 5 % of the updates]'
    shows finetune '[rows or tokens; default: tokens]'
    shows unlearn '[rows or tokens; default: rows]'
    shows unlearn '[from 1 to 4096; default: 4]'
    shows unlearn '[from 1e-6 to 100; default: 2.5]'
    shows mask '[global, tensor, row or neurons; default: global]'
    shows mask '[0 or more; default: 1e-6]'
    shows eval '[0 or more; default: 200; of suite muse 32, verbatim 128; with --data 128]'
    shows compare '[0 or more; default: 2000]'
    shows generate '[above 0 and at most 1; default: 1]'
    shows demo '[default: demo]'
    for command in $(commands); do ! "$WAGLE" help "$command" | grep -F '(null)'; done
}

@test "a slip in the name of a page is answered by the nearest, an option by its commands" {
    refused 2 "did you mean 'wagle help unlearn'" "$WAGLE" help unlern
    refused 2 "did you mean 'wagle help layouts'" "$WAGLE" help layout
    refused 2 "did you mean 'wagle help stop-rules'" "$WAGLE" help stop-rule
    refused 2 '--alpha is an option of' "$WAGLE" help --alpha
    refused 2 '--npo-beta is an option of' "$WAGLE" help npo-beta
    refused 2 'it is --lr here' "$WAGLE" help learning-rate
    refused 2 "'wagle help' lists them" "$WAGLE" help xyzzy
}

@test "docs/reference is what the binary prints" {
    "$BATS_TEST_DIRNAME/../../tools/reference" "$WAGLE" reference
    for page in reference/*.md reference/schemas/*.json; do
        diff "$page" "$BATS_TEST_DIRNAME/../../docs/$page" || { echo "run: tools/reference $WAGLE"; return 1; }
    done
}

@test "the reference has every command, option and table entry" {
    "$WAGLE" help --reference >page
    for command in $(commands); do
        grep -q "^## wagle $command" page
        "$WAGLE" help "$command" | grep -oE '^  --[a-z0-9-]+' | tr -d ' ' | sort -u >want
        awk -v c="## wagle $command" '/^## / {on = $0 == c || index($0, c " ") == 1} on' page | grep -oE '^\| `--[a-z0-9-]+' | cut -c4- | sort -u | comm -23 want - >missing
        [ ! -s missing ] || { echo "$command: $(cat missing)"; return 1; }
    done
}
