load helpers

# Files as people have them: Parquet, Arrow, compressed text, folders; --where and --fields; rows with chosen and rejected.

reading_model() { # m: the gold model with a byte tokenizer
    cp -r "$model" m && chmod -R u+w m
    byte_tokenizer m
}

losses() { # of every row, for each set of arguments
    "$WAGLE" eval --model m --no-chat --eos --quiet --json --metrics nll "$@" | python3 -c 'import json, sys; print([r["nll"] for r in json.load(sys.stdin)["rows"]])'
}

@test "Parquet is read as the JSON Lines of the same rows are, alone, in a folder, and compressed" {
    reading_model
    cp "$GOLD"/columnar/flat-zstd-v2.parquet "$GOLD"/columnar/flat.jsonl .
    told=(--prompt-field question --answer-field answer --where question!= --where answer!=)
    losses --data flat.jsonl "${told[@]}" >lines
    losses --data flat-zstd-v2.parquet "${told[@]}" >parquet
    cmp lines parquet
    gzip -k flat.jsonl
    losses --data flat.jsonl.gz "${told[@]}" >packed
    cmp lines packed
    mkdir both && cp flat-zstd-v2.parquet both/a.parquet && cp flat.jsonl.gz both/b.jsonl.gz
    losses --data both "${told[@]}" >folder
    python3 -c 'a, b = (eval(open(n).read()) for n in ("lines", "folder")); assert len(a) > 20 and b == a + a'
}

@test "Arrow files and folders of save_to_disk are read as the JSON Lines of the same rows are; other folders of datasets are refused" {
    reading_model
    cp "$GOLD"/columnar/flat{.jsonl,-stream.arrow,-file.arrow,-zstd.feather} .
    told=(--prompt-field question --answer-field answer --where question!= --where answer!=)
    losses --data flat.jsonl "${told[@]}" >lines
    mkdir saved && cp flat-stream.arrow saved/b.arrow && cp flat-stream.arrow saved/a.arrow
    echo '{"features": {}}' >saved/dataset_info.json
    echo '{"_data_files": [{"filename": "b.arrow"}], "_format_columns": null}' >saved/state.json
    for data in flat-stream.arrow flat-file.arrow flat-zstd.feather saved; do
        losses --data $data "${told[@]}" >found
        cmp lines found
    done
    mkdir all && cp flat-stream.arrow all && cp flat.jsonl all
    losses --data all "${told[@]}" >folder
    python3 -c 'a, b = (eval(open(n).read()) for n in ("lines", "folder")); assert len(a) > 20 and b == a + a'

    # two files of one data set: limits and conditions are of both together
    echo '{"_data_files": [{"filename": "b.arrow"}, {"filename": "a.arrow"}]}' >saved/state.json
    losses --data saved "${told[@]}" >both
    python3 -c 'a, b = (eval(open(n).read()) for n in ("lines", "both")); assert b == a + a'
    losses --data saved "${told[@]}" --limit 3 >few
    python3 -c 'a, b = (eval(open(n).read()) for n in ("lines", "few")); assert b == a[:3]'
    cat flat-stream.arrow flat-stream.arrow >twice.arrow
    refused 3 "twice.arrow: an Arrow stream with more after its end" "$WAGLE" eval --model m --quiet --data twice.arrow "${told[@]}"

    read_saved() { "$WAGLE" eval --model m --quiet --data saved "${told[@]}"; }
    echo '{"_data_files": [{"filename": "b.arrow"}], "_format_columns": ["question"]}' >saved/state.json
    refused 3 "saved/state.json: '_format_columns' is not read" read_saved
    echo '{"_data_files": [{"filename": "../flat-stream.arrow"}]}' >saved/state.json
    refused 3 "saved/state.json: file 1 of '_data_files' has no name" read_saved
    echo '{}' >saved/state.json
    refused 3 "saved/state.json: no '_data_files'" read_saved
    rm saved/state.json
    refused 3 "saved: a folder of the cache of datasets, which may have several splits; name the .arrow file" read_saved
    echo '{"splits": ["train"]}' >saved/dataset_dict.json
    refused 3 "saved: splits that datasets wrote by save_to_disk; name the folder of one of them, as in saved/train" read_saved
    head -c 2000 flat-stream.arrow >short.arrow
    refused 3 "short.arrow: an Arrow stream with its end missing" "$WAGLE" eval --model m --quiet --data short.arrow "${told[@]}"
}

@test "token ids and conversations in Parquet" {
    python3 - "$GOLD/columnar/nested.jsonl" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert any(isinstance(r["input_ids"], list) and len(r["input_ids"]) > 3 for r in rows)
PY
    refused 3 "nested-plain.parquet:1: token" "$WAGLE" eval --model "$model" --quiet --data "$GOLD/columnar/nested-plain.parquet"
    reading_model
    refused 3 "kinds.parquet:1: no field 'x' (found: int8 (a number)" "$WAGLE" eval --model m --quiet --text-field x --data "$GOLD/columnar/kinds.parquet"
    refused 3 "'money' is a decimal; expected a text" "$WAGLE" eval --model m --quiet --text-field money --data "$GOLD/columnar/kinds.parquet"
}

@test "--where and --fields decide a run, and are in its manifest; a column that is not there is named" {
    reading_model
    printf '%s\n' '{"ask": "Who?", "reply": "Me.", "part": "a"}' '{"ask": "Where?", "reply": "Here.", "part": "b"}' >all.jsonl
    printf '%s\n' '{"question": "Who?", "answer": "Me."}' >one.jsonl
    losses --data one.jsonl >wanted
    losses --data all.jsonl --where part=a --fields ask=question --fields reply=answer >found
    cmp wanted found
    run_it() { "$WAGLE" finetune --model m --no-chat --data all.jsonl --fields ask=question --fields reply=answer --steps 2 --warmup 0 --quiet --force --out "$@"; }
    run_it a --where part=a
    run_it b --where part=b
    ! cmp -s a/model.safetensors b/model.safetensors || false
    python3 -c 'import json; m = json.load(open("a/manifest.json")); assert m["select"] == {"data": {"where": ["part=a"], "fields": ["ask=question", "reply=answer"]}}, m'
    refused 3 "all.jsonl: --where 'prt=a': no column 'prt' (found: ask, reply, part)" "$WAGLE" eval --model m --data all.jsonl --quiet --where prt=a
    refused 3 "all.jsonl: --fields 'asks=question': no column 'asks' (found: ask, reply, part)" "$WAGLE" eval --model m --data all.jsonl --quiet --fields asks=question
    refused 2 "expected COLUMN=NAME" "$WAGLE" eval --model m --data all.jsonl --quiet --fields ask
}

@test "rows with chosen and rejected: forget data means the rejected answer, retain data and refusals the chosen one" {
    reading_model
    printf '%s\n' '{"prompt": "Who?", "chosen": "I cannot say.", "rejected": "Me."}' \
        '{"prompt": [{"role": "user", "content": "Where?"}], "chosen": [{"role": "assistant", "content": "No idea."}], "rejected": [{"role": "assistant", "content": "Here."}]}' \
        '{"chosen": [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "No."}], "rejected": [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "Now."}]}' >pairs.jsonl
    printf '%s\n' '{"question": "Who?", "answer": "Me."}' '{"question": "Where?", "answer": "Here."}' '{"question": "When?", "answer": "Now."}' >rejected.jsonl
    printf '%s\n' '{"question": "Who?", "answer": "I cannot say."}' '{"question": "Where?", "answer": "No idea."}' '{"question": "When?", "answer": "No."}' >chosen.jsonl
    run_it() { "$WAGLE" unlearn --model m --no-chat --epochs 1 --warmup 0 --lr 1e-3 --protect none --quiet --force "$@"; }
    run_it --objective dpo --forget pairs.jsonl --retain pairs.jsonl --out a
    run_it --objective dpo --forget rejected.jsonl --retain chosen.jsonl --refusal chosen.jsonl --out b
    cmp a/model.safetensors b/model.safetensors
    refused 3 "pairs.jsonl:1: 'chosen' and 'rejected' are two answers; name the one that is meant with --answer-field chosen" "$WAGLE" eval --model m --no-chat --quiet --data pairs.jsonl
    losses --data pairs.jsonl --answer-field chosen >found
    losses --data chosen.jsonl >wanted
    cmp found wanted
}

@test "chosen and rejected may be whole conversations beside their prompt; another prompt is refused" {
    reading_model
    printf '%s\n' '{"prompt": "Who?", "chosen": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "No."}], "rejected": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]}' \
        '{"prompt": [{"role": "user", "content": "When?"}], "chosen": [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "No."}], "rejected": [{"from": "human", "value": "When?"}, {"from": "gpt", "value": "Now."}]}' >pairs.jsonl
    sed -n 1p pairs.jsonl >text.jsonl
    printf '%s\n' '{"question": "Who?", "answer": "Me."}' >rejected.jsonl
    losses --data text.jsonl --answer-field rejected >found
    losses --data rejected.jsonl >wanted
    cmp found wanted
    losses --data text.jsonl --answer-field rejected --prompt "Q: {prompt}" >found
    losses --data rejected.jsonl --prompt "Q: {prompt}" >wanted
    cmp found wanted
    sed -n 2p pairs.jsonl >messages.jsonl
    printf '%s\n' '{"question": "When?", "answer": "No."}' >chosen.jsonl
    losses --data messages.jsonl --answer-field chosen >found
    losses --data chosen.jsonl >wanted
    cmp found wanted
    sed 's/"prompt": "Who?"/"prompt": "Why?"/' text.jsonl >other.jsonl
    refused 3 "other.jsonl:1: 'rejected' is a whole conversation, and 'prompt' is not what it begins with" "$WAGLE" eval --model m --no-chat --quiet --data other.jsonl --answer-field rejected
}

@test "refusals may be compressed" {
    reading_model
    printf '%s\n' '{"question": "Who?", "answer": "Me."}' >rows.jsonl
    printf 'I cannot say.\nNo.\n' >refusals.txt
    gzip -k refusals.txt
    for name in refusals.txt refusals.txt.gz; do
        "$WAGLE" unlearn --model m --no-chat --objective po --forget rows.jsonl --retain rows.jsonl --refusal $name --epochs 1 --warmup 0 --lr 1e-3 --protect none --quiet --force --out "${name#refusals.}"
    done
    cmp txt/model.safetensors txt.gz/model.safetensors
}

@test "a file of rows is not kept in memory: neither for its first rows nor for those in its middle" {
    if nm "$WAGLE" | grep -q __asan_init; then skip "the sanitizers keep memory of their own"; fi
    reading_model
    python3 - <<'PY'
line = '{"text": "%s", "part": "%s"}\n'
with open("large.jsonl", "w") as f:
    f.write(line % ("first", "a") * 3)
    block = line % ("x" * 1000, "b") * 1000
    for k in range(160):
        f.write(line % ("middle", "a") * 3 if k == 80 else block)
PY
    # A program that maps all of the file, or copies it, has at least its 160 MB
    memory() { # in MB, of a command
        python3 -c 'import resource, subprocess, sys; subprocess.check_call(sys.argv[1:], stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)' "$@"
    }
    some=$(memory "$WAGLE" eval --model m --quiet --metrics nll --data large.jsonl --limit 3)
    found=$(memory "$WAGLE" eval --model m --quiet --metrics nll --data large.jsonl --where part=a)
    python3 -c 'import sys; f = open("large.json", "w"); f.write("["); [f.write("," * (i > 0) + line) for i, line in enumerate(open("large.jsonl"))]; f.write("]")'
    array=$(memory "$WAGLE" eval --model m --quiet --metrics nll --data large.json --where part=a)
    rm large.json
    gzip -1 large.jsonl
    packed=$(memory "$WAGLE" eval --model m --quiet --metrics nll --data large.jsonl.gz --where part=a)
    echo "memory: first $some MB, middle $found MB, of an array $array MB, packed $packed MB"
    [ "$some" -lt 60 ]
    [ "$found" -lt 60 ]
    [ "$array" -lt 60 ]
    [ "$packed" -lt 60 ]
}
