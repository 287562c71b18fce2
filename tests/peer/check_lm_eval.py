"""wagle's multiple choice beside lm-evaluation-harness: the same questions, the same random tiny model, each gold tokenizer.

    python3 tests/peer/check_lm_eval.py build/release/wagle [--write | --mmlu FOLDER]

lm-eval's own task files are used; only their data sets, which need the network, are replaced by tests/gold/mcq/rows.json. --write
keeps what lm-eval says for two of the tokenizers as tests/gold/mcq/expected.json, which the required tests check. --mmlu asks
real questions instead, FOLDER/mmlu.jsonl without and with five solved ones of FOLDER/dev.jsonl; what is longer than the model allows is
cut on the left. Exits with 77 (skipped) where lm_eval is missing. Not needed by users."""
import json, logging, os, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
try:
    import datasets, lm_eval.api.task, torch
    from lm_eval.api.samplers import FirstNSampler
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks._yaml_loader import load_yaml
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

logging.disable(logging.WARNING)
datasets.disable_progress_bars()
lm_eval.api.task.tqdm = lambda of, **_: of
wagle, here = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ""), os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{here}/../gold/mcq")
import check

TASKS = os.path.dirname(lm_eval.__file__) + "/tasks"
KEPT = ("smollm-like", "llama2-legacy")
# way, file of the task, and what wagle calls lm-eval's metrics
PLANS = {
    "mmlu": [("letter_nll", "mmlu/default/mmlu_{subject}.yaml", {"acc": "letter_acc"}),
             ("text_nll", "mmlu/continuation/mmlu_{subject}.yaml", {"acc": "acc", "acc_norm": "acc_norm"})],
    "truthfulqa": [("text_nll", "truthfulqa/truthfulqa_mc1.yaml", {"acc": "mc1"}), ("mc2_nll", "truthfulqa/truthfulqa_mc2.yaml", {"acc": "mc2"})],
    **{f"wmdp_{end}": [("letter_nll", f"wmdp/wmdp_{end}.yaml", {"acc": "letter_acc"})] for end in ("bio", "chem", "cyber")},
    **{name: [("text_nll", path, {"acc": "acc", "acc_norm": "acc_norm"})] for name, path in {
        "arc_easy": "arc/arc_easy.yaml", "hellaswag": "hellaswag/hellaswag.yaml", "openbookqa": "openbookqa/openbookqa.yaml",
        "piqa": "piqa/piqa.yaml", "winogrande": "winogrande/default.yaml", "boolq": "super_glue/boolq/default.yaml",
        "rte": "glue/rte/default.yaml", "sglue_rte": "super_glue/rte/default.yaml"}.items()},
}


def open_model(folder):
    torch.set_num_threads(1)
    return HFLM(pretrained=folder, device="cpu", dtype="float32", batch_size=8)


def load_task(path, rows, dev, shots):
    config = load_yaml(f"{TASKS}/{path}")
    splits = {config.get(key): rows for key in ("validation_split", "test_split") if config.get(key)}
    splits |= {config.get(key): dev for key in ("training_split", "fewshot_split") if config.get(key)}
    data = datasets.DatasetDict({name: datasets.Dataset.from_list(of) for name, of in splits.items()})
    task = ConfigurableTask(config={**config, "custom_dataset": lambda **_: data, "metadata": None, "dataset_kwargs": None})
    task.set_config("num_fewshot", shots)
    solved = datasets.Dataset.from_list(dev)
    if task.config.process_docs:
        solved = task.config.process_docs(solved)
    task.sampler = FirstNSampler(list(solved))  # other tasks than MMLU draw theirs at random
    return task


def ask(model, path, rows, dev, shots, chat):
    """Losses of each row's choices, and the metrics of each row."""
    task = load_task(path, rows, dev, shots)
    if chat:  # as lm-eval's command does with --apply_chat_template
        task.build_all_requests(apply_chat_template=True, fewshot_as_multiturn=True, chat_template=model.apply_chat_template)
    else:
        task.build_all_requests()
    found = model.loglikelihood(task.instances, disable_tqdm=True)
    losses, metrics, at = [], [], 0
    for doc in task.eval_docs:
        n = 1
        while at + n < len(found) and task.instances[at + n].idx == n:
            n += 1
        losses.append([-ll for ll, _ in found[at:at + n]])
        metrics.append(task.process_results(doc, found[at:at + n]))
        at += n
    assert at == len(found)
    return losses, metrics


def groups(name, path):
    """Rows that one task asks: MMLU has one for each subject."""
    every = check.SETS[name]
    subjects = dict.fromkeys(row.get("subject") for row in every["rows"]) if "{subject}" in path else [None]
    for subject in subjects:
        mine = lambda row: subject is None or row["subject"] == subject
        yield path.format(subject=subject), [i for i, row in enumerate(every["rows"]) if mine(row)], list(filter(mine, every["dev"]))


def by_lm_eval(model, name, shots, chat=False):
    out = {"metrics": {}}
    for way, path, names in PLANS[name]:
        losses, metrics = [None] * len(check.SETS[name]["rows"]), {}
        for file, places, dev in groups(name, path):
            rows = [check.SETS[name]["rows"][i] for i in places]
            for i, loss, row in zip(places, *ask(model, file, rows, dev, shots, chat)):
                losses[i] = [round(x, 5) for x in loss]
                for key, value in row.items():
                    metrics.setdefault(key, []).append(float(value))
        out[way] = losses
        out["metrics"] |= {names[key]: round(sum(values) / len(values), 8) for key, values in metrics.items() if key in names}
    return out


def read_mmlu(folder):
    read = lambda name: [json.loads(line) for line in open(f"{folder}/{name}.jsonl", encoding="utf-8")]
    check.SETS = {"mmlu": {"rows": read("mmlu"), "dev": read("dev")}}
    for name in set(PLANS) - {"mmlu"}:
        del PLANS[name]


def main():
    real = "--mmlu" in sys.argv
    if real:
        read_mmlu(sys.argv[sys.argv.index("--mmlu") + 1])
    expected = {}
    with tempfile.TemporaryDirectory() as work:
        for tokenizer in KEPT if real else sorted(os.listdir(f"{here}/../gold/tokenizers")):
            folder = f"{work}/{tokenizer}"
            check.make_model(wagle, tokenizer, folder)
            model = open_model(folder)
            shots = [0, 5] if real else [0, 2]
            ways = [(str(n), n, False) for n in shots] + [(f"{n} chat", n, True) for n in shots if not real]
            expected[tokenizer] = {name: {asked: by_lm_eval(model, name, n, chat) for asked, n, chat in ways if n == 0 or name != "truthfulqa"}
                                   for name in PLANS}
            print(tokenizer, "asked by lm-eval", flush=True)
    differences = check.run(wagle, expected, print)
    print("\n".join(differences[:40]))
    if "--write" in sys.argv:
        with open(f"{here}/../gold/mcq/expected.json", "w", encoding="utf-8") as f:
            json.dump({name: expected[name] for name in KEPT}, f, separators=(",", ":"))
            f.write("\n")
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
