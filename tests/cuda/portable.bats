load ../cli/helpers

# tools/portable and bench/gpu/run, away from the sources and without an environment.
away() { env -i PATH=/usr/bin:/bin HOME="$work" OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive "$@"; }

setup_file() {
    export BUILD=$(dirname "$WAGLE") PLACE=$(mktemp -d)
    grep -q wagle_portable "$BUILD/build.ninja" 2>/dev/null || return 0
    "$BATS_TEST_DIRNAME/../../tools/portable" "$PLACE/made/wagle-portable" >"$PLACE/said"
    mkdir "$PLACE/else"
    tar -xzf "$PLACE/made/wagle-portable.tar.gz" -C "$PLACE/else"
}

teardown_file() {
    rm -rf "$PLACE"
}

portable() {
    [ -d "$PLACE/else" ] || skip "this build makes no portable programs"
    cd "$PLACE/else/wagle-portable"
}

@test "the archive has the same bytes when it is made again, and less than 30 MB" {
    portable
    cp "$PLACE/made/wagle-portable.tar.gz" "$work/first"
    "$BATS_TEST_DIRNAME/../../tools/portable" "$PLACE/made/wagle-portable"
    cmp "$work/first" "$PLACE/made/wagle-portable.tar.gz"
    [ "$(stat -c %s "$work/first")" -lt 30000000 ]
}

@test "the programs need libc, what is in lib/, and nothing else" {
    portable
    for program in wagle card-tests; do
        away ldd $program | awk '{print $1, $3}' | grep -vE '^(linux-vdso|libc\.so|libm\.so|libdl\.so|libpthread\.so|/lib)' >"$work/others" || true
        while read -r name path; do
            [ "$path" -ef "lib/$name" ] || { echo "$program needs $name ($path)"; return 1; }
            grep -q "$program is not linked statically to $name" "$PLACE/said"
        done <"$work/others"
    done
    away ./wagle doctor | grep -q '^processor'
    cd "$work"
    mkdir -p tests/scratch
    ln -s "$PLACE/else/wagle-portable/gold" tests/gold
    away WG_TEST_FOLDER="$work/tests" "$PLACE/else/wagle-portable/card-tests" moments
}

@test "an unknown test, a folder that is not there, a foreign output folder" {
    portable
    refused 2 "no test 'nothing'" ./card-tests nothing
    refused 2 "no such folder" env WG_TEST_FOLDER=/nowhere ./card-tests select
    mkdir "$work/mine"
    refused 2 'was not made by this script' "$BATS_TEST_DIRNAME/../../tools/portable" "$work/mine"
}

@test "bench/gpu/run on the processor: tests, equal bits, each row, and what was skipped" {
    portable
    away bench/gpu/run --device cpu --models tiny --tests select,cuda_ops --pairs 1 --steps 3 --out "$work/bench" >"$work/table"
    grep -q '1 passed, 0 failed, 10 not run' "$work/table"
    grep -q 'Two runs at f32: the same bits' "$work/table"
    grep -qE '^\| tiny \| step \| 2 \+ 2 x 16 \| f32 \| [0-9.]+ \| 1 ' "$work/table"
    grep -qE '^\| tiny \| attribute \| 4 \+ 4 x 16 \| f32 \| [0-9.]+ \| 1 ' "$work/table"
    grep -q 'skipped: test cuda_ops' "$work/table"
    cmp "$work/table" "$work/bench/table.md"
    python3 -m json.tool "$work/bench/results.json" >/dev/null
    refused 4 'no card' away bench/gpu/run --models tiny --out "$work/bench"
}
