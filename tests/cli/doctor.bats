load helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "doctor says what the machine has, with or without a card" {
    run "$WAGLE" doctor
    [ "$status" -eq 0 ]
    for words in '^wagle ' '^processor .* threads$' '^products .*GFLOP/s in float32, .* --precision bf16$' '^memory .*available' '^disk .*free' '^card ' '^  135M .*fits' '^  8B '; do
        grep -qE "$words" <<<"$output" || { echo "no '$words' in: $output"; return 1; }
    done
}

@test "doctor --json has the same facts, and why there is no card" {
    "$WAGLE" doctor --json >facts.json
    python3 - <<'PY'
import json
d = json.load(open("facts.json"))
assert d["schema"] == "wagle-doctor-1" and d["cpu"]["gflops"] > 0 and d["cpu"]["gflops_bf16"] > 0 and d["cpu"]["threads"] > 0, d
assert 0 < d["memory"]["available_bytes"] <= d["memory"]["total_bytes"] and d["disk_free_bytes"] > 0, d
assert d["card"]["usable"] == ("why" not in d["card"]), d
assert [m["model"] for m in d["fits"]["models"]] == ["135M", "1B", "8B"] and d["fits"]["estimate_of"], d
assert all(("card_bytes" in m) == d["card"]["usable"] for m in d["fits"]["models"]), d
PY
}
