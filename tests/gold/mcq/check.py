#!/usr/bin/env python3
"""wagle's choices are those of lm-evaluation-harness: losses and metrics of rows.json, kept in expected.json.

    check.py WAGLE

tests/peer/check_lm_eval.py makes expected.json. Needs nothing beyond Python's own library."""
import json, os, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
with open(f"{here}/rows.json", encoding="utf-8") as f:
    SETS = json.load(f)
TURNS = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
INST = ("{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}<<SYS>>{{ m.content }}<</SYS>>{% elif m.role == 'user' %}[INST] {{ m.content }} [/INST]"
        "{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}")
WAYS = ("letter_nll", "text_nll", "mc2_nll")


def make_model(wagle, tokenizer, folder):
    """A model with random weights and one of the gold tokenizers."""
    subprocess.run([wagle, "init", "--config", f"{here}/config.json", "--out", folder, "--dtype", "f32", "--seed", "7", "--quiet"], check=True)
    with open(f"{here}/../tokenizers/{tokenizer}/tokenizer.json", encoding="utf-8") as f:
        text = f.read()
    with open(f"{folder}/tokenizer.json", "w", encoding="utf-8") as f:
        f.write(text)
    known = {token["content"] for token in json.loads(text)["added_tokens"]}
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    named = {key: token for key, token in named.items() if token in known}
    with open(f"{folder}/tokenizer_config.json", "w", encoding="utf-8") as f:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **named, "chat_template": INST if len(named) == 3 else TURNS}, f)


def ask(wagle, model, names, asked, work):
    """wagle's rows and metrics: {name: (rows, metrics)}. asked: "2", "0 chat"."""
    shots, chat = int(asked.split()[0]), ["--chat"] if "chat" in asked else []
    command = [wagle, "eval", "--suite", "mcq", "--model", model, "--quiet", "--force", "--truncate", "--resamples", "0", "--out", f"{work}/out.json"]
    for name in names:
        for part, to in (("rows", name), ("dev", "dev")):
            if part == "rows" or shots:
                with open(f"{work}/{to}.jsonl", "w", encoding="utf-8") as f:
                    f.writelines(json.dumps(row) + "\n" for row in SETS[name][part])
                command += ["--set", f"{to}={work}/{to}.jsonl"]
    subprocess.run(command + chat + (["--shots", str(shots)] if shots else []), check=True, stdout=subprocess.DEVNULL)
    with open(f"{work}/out.json", encoding="utf-8") as f:
        metrics = json.load(f)["suites"]["mcq"]["metrics"]
    with open(f"{work}/out.rows.jsonl", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    return {name: ([row for row in rows if row["set"] == name],
                   {key.split(".", 1)[1]: value["value"] for key, value in metrics.items() if key.split(".", 1)[0] == name}) for name in names}


def compare(have, want, where):
    """Differences of one set, as lines; numbers of choices and of metrics compared."""
    rows, metrics = have
    wrong, choices = [], 0
    for way in (w for w in WAYS if w in want):
        for i, (row, expected) in enumerate(zip(rows, want[way], strict=True)):
            if len(row.get(way, [])) != len(expected) or any(abs(a - b) > max(1e-3, 1e-4 * b) for a, b in zip(row[way], expected)):
                wrong.append(f"{where} row {i} {way}: {row.get(way)}, lm-eval {expected}")
            choices += len(expected)
    for key, value in want["metrics"].items():
        if abs(metrics.get(key, -1) - value) > 1e-4:
            wrong.append(f"{where} {key}: {metrics.get(key)}, lm-eval {value}")
    return wrong, choices, len(want["metrics"])


def run(wagle, expected, report=lambda line: None):
    """All of expected {tokenizer: {name: {asked: ...}}}; the differences."""
    wrong, total = [], [0, 0, 0]
    for tokenizer, sets in expected.items():
        with tempfile.TemporaryDirectory() as work:
            make_model(wagle, tokenizer, f"{work}/model")
            plain = ask(wagle, f"{work}/model", list(sets), "0", work)
            for name, by_shots in sets.items():
                for asked, want in by_shots.items():
                    have = plain[name] if asked == "0" else ask(wagle, f"{work}/model", [name], asked, work)[name]
                    bad, choices, metrics = compare(have, want, f"{tokenizer} {name} ({asked})")
                    wrong += bad
                    total = [total[0] + len(SETS[name]["rows"]), total[1] + choices, total[2] + metrics]
            report(f"{tokenizer}: {len(sets)} sets")
    print(f"{total[0]} questions, {total[1]} choices, {total[2]} metrics; {len(wrong)} differ from lm-evaluation-harness")
    return wrong


if __name__ == "__main__":
    with open(f"{here}/expected.json", encoding="utf-8") as f:
        differences = run(os.path.abspath(sys.argv[1]), json.load(f))
    print("\n".join(differences))
    sys.exit(bool(differences))
