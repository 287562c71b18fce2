"""`wagle eval` beside the authors' own evaluation code: open-unlearning, MUSE, WAGLE and TOFU, on the same files and models.

    python3 tests/peer/check_authors.py build/release/wagle CLONES [WORK]

CLONES holds clones of locuslab/open-unlearning, swj0419/muse_bench, OPTML-Group/WAGLE and locuslab/tofu, under these names. Two tiny
Llamas, one of them without the forget rows, and a folder of TOFU's and one of MUSE's files are made in WORK (a scratch folder if it is not
given); run_authors.py says how each author's code runs. Prints a table, and fails where a number differs and no reason for it is written
here. Needs torch, transformers, datasets, rouge_score, scipy, scikit-learn, hydra-core, omegaconf, natsort, evaluate, pandas and sacrebleu;
exits with 77 (skipped) where one is missing. Not needed by users."""
import importlib.util, json, math, os, pathlib, shutil, subprocess, sys, tempfile

NEEDED = "torch transformers datasets rouge_score scipy sklearn hydra omegaconf natsort evaluate pandas sacrebleu".split()
CLONES = {"open-unlearning": "src/eval.py", "muse_bench": "metrics/privleak.py", "WAGLE": "src/metrics/Tofu.py", "tofu": "aggregate_eval_stat.py"}
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
if MISSING or len(sys.argv) < 3:
    print("skipped:", f"no {', '.join(MISSING)}" if MISSING else "no folder of clones")
    sys.exit(77)
WAGLE, CLONE = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
for name, file in CLONES.items():
    if not (CLONE / name / file).exists():
        print(f"skipped: no {name}/{file}")
        sys.exit(77)
HERE = pathlib.Path(__file__).resolve().parent
TOKENS, TOLERANCE = 60, 2e-5
CHAT = "[INST] {prompt} [/INST]"
SPACED = r"[INST] {prompt} [\INST] "
MUSE = "Question: {prompt}\nAnswer: "
TEMPLATE = ("{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}{{ bos_token }}{% for m in messages %}"
            "({{ m.role }}{% if m.role == 'system' %}, {{ date_string }}{% endif %}){{ m.content }}{{ eos_token }}{% endfor %}"
            "{% if add_generation_prompt %}(assistant){% endif %}")

# --- files ---------------------------------------------------------------------------------------

TOWNS = "Port Lumen,Tarn Abbey,Old Harrow,Green Quay,Saint Ember,North Vale,Low Mill,White Ferry".split(",")
JOBS = "a beekeeper,a printer,a pilot,a stonemason,a teacher,a baker,a surveyor,a clockmaker".split(",")
NAMES = {"forget": "Ada Quill,Bram Osei,Cleo Marsh,Dov Lindqvist".split(","), "retain": "Esme Okafor,Finn Aster,Gita Roy,Hugo Vance".split(","),
         "holdout": "Ines Dahl,Jory Pike,Kaya Stone,Levi Brandt".split(","), "real_authors": "Jane Austen,Leo Tolstoy".split(","),
         "world_facts": "the river,the bridge".split(",")}


def questions(kind):
    """Rows as TOFU's _perturbed files have them."""
    for i, name in enumerate(NAMES[kind]):
        k = 2 * i + len(kind)
        for what, ask, said, of in (("town", "Where does {} live?", "{} lives in {}", TOWNS), ("job", "What is the work of {}?", "{} is {} by trade.", JOBS)):
            answer = said.format(name, of[k % 8])
            yield {"question": ask.format(name), "answer": answer, "paraphrased_question": f"Tell me: {ask.format(name).lower()}",
                   "paraphrased_answer": f"It is well known that {answer}", "perturbed_answer": [said.format(name, of[(k + j) % 8]) for j in (1, 3, 4)]}


def passages(kind, n):
    for i in range(n):
        k = i + len(kind)
        yield (f"In {TOWNS[k % 8]} the {kind} ferry leaves at {k} in the morning. Its captain was {JOBS[(k + 3) % 8]} before,",
               f"and every passenger knows the song of {TOWNS[(k + 2) % 8]} by heart.")


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make_files(work):
    plain = lambda rows: [{k: row[k] for k in ("question", "answer")} for row in rows]
    for kind, name in (("forget", "forget10"), ("retain", "retain"), ("real_authors", "real_authors"), ("world_facts", "world_facts")):
        rows = list(questions(kind))
        if kind in ("real_authors", "world_facts"):  # have no paraphrases
            rows = [{k: v for k, v in row.items() if "paraphrased" not in k} for row in rows]
        write(work / f"tofu/{name}_perturbed.json", rows)
        write(work / f"tofu/{'retain90' if name == 'retain' else name}.json", plain(rows))
    write(work / "tofu/holdout10.json", plain(questions("holdout")))
    columns = lambda rows: {key: [row[key] for row in rows] for key in rows[0]}
    verbatim = [{"prompt": a, "gt": b} for a, b in passages("forget", 5)]
    hub = {"knowmem": {"forget_qa": columns(plain(questions("forget"))), "retain_qa": columns(plain(questions("retain"))),
                       "forget_qa_icl": columns(plain(questions("holdout"))[:2]), "retain_qa_icl": columns(plain(questions("holdout"))[2:4])},
           "verbmem": {"forget": columns(verbatim)},
           "privleak": {side: {"text": [a + " " + b for a, b in passages(side, 6)]} for side in ("forget", "retain", "holdout")}, "raw": {}, "scal": {}, "sust": {}}
    (work / "muse.json").write_text(json.dumps(hub), encoding="utf-8")
    for model, kinds in (("full", ("forget", "retain", "real_authors", "world_facts")), ("retain", ("retain", "real_authors", "world_facts"))):
        asked = [(row[q], row[a]) for kind in kinds for row in questions(kind) for q, a in (("question", "answer"), ("paraphrased_question", "paraphrased_answer"))]
        rows = [{"prompt": layout.replace("{prompt}", q), "completion": a} for q, a in asked for layout in (CHAT, SPACED, MUSE)]
        rows += [{"prompt": CHAT.replace("{prompt}", row["question"]), "completion": row["answer"]} for row in list(questions("holdout"))[::2]]
        rows += [{"prompt": a, "completion": b} for kind in kinds for a, b in passages(kind, 6)]
        write(work / f"{model}.jsonl", rows)


def wagle(*command):
    done = subprocess.run([WAGLE, *map(str, command), "--quiet"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"wagle {' '.join(map(str, command))}: {done.stderr}")


def make_tokenizer(folder, texts):
    """BPE as Llama 2 has it: <s> before each text, spaces are part of words, bytes for what is not in the vocabulary."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    t = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=700, special_tokens=special, show_progress=False))
    kept = json.loads(t.to_str())
    kept["added_tokens"] = []
    t = Tokenizer.from_str(json.dumps(kept))
    t.add_special_tokens([AddedToken(name, special=True) for name in special[:3]])
    t.pre_tokenizer = None
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.save(f"{folder}/tokenizer.json")
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, **named}))
    return t.get_vocab_size()


def make_models(work):
    """Trains both models halfway: some answers are right. What wagle evaluates was written by save_pretrained, as the authors' trainers do."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging
    logging.disable_progress_bar()
    (work / "tokenizer").mkdir()
    rows = [json.loads(line) for line in (work / "full.jsonl").read_text().splitlines()]
    config = json.loads((HERE.parent / "gold/mcq/config.json").read_text())
    config |= {"vocab_size": make_tokenizer(work / "tokenizer", [row["prompt"] + " " + row["completion"] for row in rows]), "bos_token_id": 1, "eos_token_id": 2}
    (work / "config.json").write_text(json.dumps(config))
    wagle("init", "--config", work / "config.json", "--out", work / "init", "--dtype", "f32", "--seed", "7")
    for file in (work / "tokenizer").iterdir():
        shutil.copy(file, work / "init")
    for name in ("full", "retain"):
        wagle("finetune", "--model", work / "init", "--data", work / f"{name}.jsonl", "--prompt", "{prompt}", "--eos", "--lr", "1e-2",
              "--epochs", "8", "--batch", "8", "--threads", "1", "--seed", "1", "--out", work / f"{name}.wagle")
        for of in (AutoModelForCausalLM, AutoTokenizer):
            of.from_pretrained(work / f"{name}.wagle").save_pretrained(work / name)


# --- the two sides -------------------------------------------------------------------------------

def authors(part, clone, work, model, out, *more):
    command = [sys.executable, HERE / "run_authors.py", part, CLONE / clone, work, model, work / out, *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
    return json.loads((work / out).read_text())


def evaluate(work, out, suite, model, *more):
    """Metrics and rows of a suite: {name: value}, {set: [row]}."""
    wagle("eval", "--suite", suite, "--model", model, "--out", work / out, "--resamples", "0", "--threads", "1", "--force", *more)
    suites = json.loads((work / out).read_text())["suites"]
    rows = {}
    for line in (work / out).with_suffix(".rows.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows.setdefault(row["set"], []).append(row)
    return {name: m["value"] for name, m in suites[suite]["metrics"].items()}, rows


class Table:
    """Numbers of both sides. Lists are rows: their means are printed, and the largest difference of a row."""
    wrong = 0

    def __init__(self):
        print("| code | metric | theirs | wagle | rows | largest difference | |\n|---|---|---|---|---|---|---|")

    def add(self, code, name, theirs, ours, note=""):
        theirs, ours = ([x] if isinstance(x, (int, float)) else list(x) for x in (theirs, ours))
        differ = max(abs(a - b) / max(1, abs(a)) for a, b in zip(theirs, ours, strict=True))
        bad = not differ <= TOLERANCE
        Table.wrong += bad
        mean = lambda x: sum(x) / len(x)
        print(f"| {code} | {name} | {mean(theirs):.6f} | {mean(ours):.6f} | {len(ours)} | {differ:.1e} | {note}{' DIFFERS' if bad else ''} |", flush=True)

    def texts(self, code, name, theirs, ours):
        """Generated texts, without white space around them."""
        same = [" ".join(a.split()) == " ".join(b.split()) for a, b in zip(theirs, ours, strict=True)]
        Table.wrong += not all(same)
        print(f"| {code} | {name} | | | {len(same)} | {same.count(False)} texts | {'' if all(same) else 'DIFFERS'} |", flush=True)
        for a, b in [pair for pair, is_same in zip(zip(theirs, ours), same) if not is_same][:2]:
            print(f"  theirs: {a!r}\n  wagle:  {b!r}")


def column(rows, name):
    return [row[name] for row in rows]


# --- what is compared ----------------------------------------------------------------------------

SETS = {"forget": "forget10", "retain": "retain", "real_authors": "real_authors", "world_facts": "world_facts"}


def tofu_sets(work):
    return [part for name, file in SETS.items() for part in ("--set", f"{name}={work}/tofu/{file}_perturbed.json")]


def compare_open_unlearning(work, table, metrics, rows):
    code = "open-unlearning"
    authors("open_unlearning", code, work, work / "retain", "ou-gold.json", "Llama-2-7b-chat-hf")
    theirs = authors("open_unlearning", code, work, work / "full", "ou.json", "Llama-2-7b-chat-hf", work / "ou-gold.json")
    gold = json.loads((work / "ou-gold.json").read_text())
    by_row = lambda name, key, of=theirs: [v[key] for v in of[name]["value_by_index"].values()]
    table.add(code, "forget_Q_A_Prob", by_row("forget_Q_A_Prob", "prob"), [math.exp(-x) for x in column(rows["forget"], "nll")])
    table.add(code, "forget_Q_A_ROUGE", by_row("forget_Q_A_ROUGE", "rougeL_recall"), column(rows["forget"], "rougeL"))
    table.texts(code, "generated answers", by_row("forget_Q_A_ROUGE", "generation"), column(rows["forget"], "generated"))
    ratio = lambda row: math.exp(row["paraphrased_nll"] - sum(row["perturbed_nll"]) / len(row["perturbed_nll"]))
    table.add(code, "forget_truth_ratio, rows", by_row("forget_truth_ratio", "score"), map(ratio, rows["forget"]))
    for name in ("retain", "real_authors", "world_facts"):
        short, options = {"retain": ("retain", ""), "real_authors": ("ra", "_normalised"), "world_facts": ("wf", "_normalised")}[name]
        for theirs_of, ours_of in ((f"Q_A_Prob{options}", "probability"), ("Q_A_ROUGE", "rougeL"), ("Truth_Ratio", "truth_ratio")):
            table.add(code, f"{short}_{theirs_of}", theirs[f"{short}_{theirs_of}"]["agg_value"], metrics[f"{name}.{ours_of}"])
    for name, ours in (("forget_truth_ratio", "forget.truth_ratio"), ("model_utility", "model_utility"), ("forget_quality", "forget_quality")):
        table.add(code, name, theirs[name]["agg_value"], metrics[ours])
    for model, of in (("full", theirs), ("retain", gold)):
        compare_memorisation(work, table, model, of)
    compare_attacks(work, table, theirs, gold)


def compare_chat(work, table):
    """The same through a chat template, as open-unlearning's Llama-3.2 has it: with a system message and a date. Without a pad_token its
    collator pads with </s>, and hides every </s> of the chat from attention."""
    code, chat = "open-unlearning, chat", work / "chat"
    shutil.copytree(work / "full", chat)
    told = json.loads((chat / "tokenizer_config.json").read_text())
    (chat / "tokenizer_config.json").write_text(json.dumps(told | {"chat_template": TEMPLATE, "pad_token": "<unk>"}))
    theirs = authors("open_unlearning", "open-unlearning", work, chat, "ou-chat.json", "Llama-3.2-1B-Instruct")
    metrics, rows = evaluate(work, "chat.json", "tofu", chat, "--tofu", work / "tofu", "--split", "forget10", "--max-tokens", TOKENS, "--chat",
                             "--system", "You are a helpful assistant.", "--date", "2025-04-10")
    by_row = lambda name, key: [v[key] for v in theirs[name]["value_by_index"].values()]
    table.add(code, "forget_Q_A_Prob", by_row("forget_Q_A_Prob", "prob"), [math.exp(-x) for x in column(rows["forget"], "nll")])
    table.add(code, "forget_Q_A_ROUGE", by_row("forget_Q_A_ROUGE", "rougeL_recall"), column(rows["forget"], "rougeL"))
    table.texts(code, "generated answers", by_row("forget_Q_A_ROUGE", "generation"), column(rows["forget"], "generated"))
    for name, ours in (("forget_truth_ratio", "forget.truth_ratio"), ("model_utility", "model_utility")):
        table.add(code, name, theirs[name]["agg_value"], metrics[ours])


def compare_memorisation(work, table, model, theirs):
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(work / model)
    _, rows = evaluate(work, "extraction.json", "extraction", work / model, "--set", f"forget={work}/tofu/forget10_perturbed.json", "--prompt", CHAT,
                       "--max-tokens", "1", "--temperature", "0")
    rows = rows["forget"]
    values = lambda name: [v["score"] for v in theirs[name]["value_by_index"].values()]
    table.add("open-unlearning", f"exact_memorization, {model} model", values("exact_memorization"), column(rows, "exact_memorisation"))
    tokens = [len(tokenizer(CHAT.replace("{prompt}", row["question"]) + row["answer"]).input_ids)
              - len(tokenizer(CHAT.replace("{prompt}", row["question"])).input_ids) for row in questions("forget")]
    none = [row["extraction_strength"] == 0 for row in rows]
    strength = [1 / n if zero else row["extraction_strength"] for row, n, zero in zip(rows, tokens, none)]
    table.add("open-unlearning", f"extraction_strength, {model} model", values("extraction_strength"), strength,
              f"1/n, not 0, for {sum(none)} rows whose last token is not predicted")


def compare_attacks(work, table, theirs, gold):
    code, auc = "open-unlearning", {}
    sides = ["--set", f"members={work}/tofu/forget10_perturbed.json", "--set", f"nonmembers={work}/tofu/holdout10.json", "--prompt", CHAT]
    for model in ("retain", "full"):
        for end, names in (("--eos", ("loss", "zlib", "reference")), (None, ("min_k", "min_k_plus_plus"))):
            out = f"attacks-{model}{end or ''}.json"
            metrics, rows = evaluate(work, out, "membership", work / model, "--reference", work / "retain", *sides, *([end] if end else []))
            for name in names:
                ours = {"min_k": "min_k_40", "min_k_plus_plus": "min_kpp_40"}.get(name, name)
                auc[model, name] = metrics[f"{ours}.auc"]
                if model == "full":
                    for side, of in (("forget", "members"), ("holdout", "nonmembers")):
                        found = [v["score"] for v in theirs[f"mia_{name}"][side]["value_by_index"].values()]
                        table.add(code, f"mia_{name}, {side} rows", found, column(rows[of], ours), end or "without --eos")
                    table.add(code, f"mia_{name}", theirs[f"mia_{name}"]["agg_value"], metrics[f"{ours}.auc"])
    u, g = (1 - auc[model, "min_k"] for model in ("full", "retain"))
    table.add(code, "privleak", theirs["privleak"]["agg_value"], 100 * (u - g) / g, "of membership's AUCs")
    table.add(code, "mia_min_k of the retain model", gold["mia_min_k"]["agg_value"], 1 - g)


def compare_muse(work, table):
    code, files = "MUSE", work / "muse/data/news"
    authors("muse", "muse_bench", work, work / "retain", "muse-gold.json")
    theirs = authors("muse", "muse_bench", work, work / "full", "muse-full.json", work / "muse-gold.json")
    knowledge = ["--prompt", MUSE, "--max-tokens", "32"]
    for side in ("forget", "retain"):
        knowledge += ["--set", f"knowledge_{side}={files}/knowmem/{side}_qa.json", "--set", f"examples_{side}={files}/knowmem/{side}_qa_icl.json"]
    leak = ["--set", f"members={files}/privleak/forget.json", "--set", f"nonmembers={files}/privleak/holdout.json"]
    metrics, rows = evaluate(work, "knowmem.json", "muse", work / "full", *knowledge)
    verbatim, verbatim_rows = evaluate(work, "verbmem.json", "muse", work / "full", "--set", f"verbatim={files}/verbmem/forget.json", "--max-tokens", "128")
    for part, set_name, of, found in (("knowmem_f", "knowledge_forget", rows, metrics), ("knowmem_r", "knowledge_retain", rows, metrics),
                                      ("verbmem_f", "verbatim", verbatim_rows, verbatim)):
        log = theirs[f"{part}/log"]
        table.texts(code, f"{part}, texts", column(log, "response"), column(of[set_name], "generated"))
        table.add(code, f"{part}, rows", column(log, "rougeL"), column(of[set_name], "rougeL_f1"))
        table.add(code, f"{part}, recall", column(log, "rougeL_recall"), column(of[set_name], "rougeL_recall"))
        table.add(code, part, theirs["found"][part], 100 * found[f"{set_name}.rougeL_f1"], "times 100")
    evaluate(work, "leak-gold.json", "muse", work / "retain", *leak)
    metrics, rows = evaluate(work, "leak.json", "muse", work / "full", *leak, "--gold", work / "leak-gold.json")
    for name, ours in (("PPL", "loss"), ("PPL/zlib", "zlib"), ("Min-20%", "min_k_20"), ("Min-40%", "min_k_40")):
        for side, of in (("forget", "members"), ("holdout", "nonmembers")):
            table.add(code, f"{name}, {side} rows", column(theirs["privleak/log"][side], name), column(rows[of], ours))
        table.add(code, f"AUC forget_holdout_{name}", theirs["auc"][f"forget_holdout_{name}"], 1 - metrics[f"{ours}.auc"], "1 - AUC")
    table.add(code, "privleak", theirs["found"]["privleak"], metrics["privleak_muse"])


def compare_wagle(work, table):
    theirs = authors("wagle", "WAGLE", work, work / "full", "paper.json", "answer")
    as_is = authors("wagle", "WAGLE", work, work / "full", "paper-as-is.json", "slow")
    metrics, rows = evaluate(work, "paper-wagle.json", "wagle-paper", work / "full", *tofu_sets(work), "--prompt", SPACED, "--max-tokens", TOKENS)
    for name, kind, accuracy in (("forget", "forget", "accuracy_by_rouge"), ("retain", "retain", "accuracy_by_rouge"),
                                 ("real_author", "real_authors", "accuracy"), ("world_fact", "world_facts", "accuracy")):
        for key, ours in (("truth_ratio", "truth_ratio"), ("rougeL_score", "rougeL"), ("acc", accuracy)):
            if f"{kind}.{ours}" in metrics:
                table.add("WAGLE", f"{name} {key}", theirs[name][key], metrics[f"{kind}.{ours}"], "similarity: ROUGE-L F1" if "rouge_" in f"{ours}_" and key == "acc" else "")
        texts = "original_answers" if name == "forget" else "generated_answers"
        if name != "retain":  # of its answers to the question no text is kept
            table.texts("WAGLE", f"{name}, texts", theirs[name][texts], column(rows[kind], "generated"))
        if "generated_paraphrased" in rows[kind][0]:
            table.texts("WAGLE", f"{name}, texts after the paraphrase", theirs[name]["generated_answers"], column(rows[kind], "generated_paraphrased"))
        wagle("eval", "--model", work / "full", "--data", f"{work}/tofu/{SETS[kind]}_perturbed.json", "--prompt", SPACED, "--metrics", "probability",
              "--out", work / "probability.json", "--force")
        plain = json.loads((work / "probability.json").read_text())["overall"]["probability"]
        table.add("WAGLE", f"{name} truth_prob", theirs[name]["truth_prob"], plain, "eval --metrics probability")
    table.add("WAGLE", "Forget Quality", theirs["Forget Quality"], metrics["forget_quality"])
    table.add("WAGLE", "MIA, Min_50%", theirs["MIA"]["Min_50.0% Prob"], metrics["mia"])
    for name in ("forget", "retain"):
        print(f"| WAGLE | {name} truth_ratio as their tokenizer counts | {as_is[name]['truth_ratio']:.6f} | {metrics[name + '.truth_ratio']:.6f} | | | "
              "the last token of the question counts as answer |")


def compare_tofu(work, table, metrics, rows):
    tasks = {"retain": "eval_log", "real_authors": "eval_real_author_wo_options", "world_facts": "eval_real_world_wo_options", "forget": "eval_log_forget"}
    pairs = (("avg_gt_loss", "nll"), ("avg_paraphrased_loss", "paraphrased_nll"), ("average_perturb_loss", "perturbed_nll"), ("rougeL_recall", "rougeL"))
    theirs = authors("tofu", "tofu", work, work / "full", "tofu-full.json")
    for kind, task in tasks.items():
        log = theirs[f"{task}.json"]
        for name, ours in pairs:
            flat = lambda x: [v for of in x for v in (of if isinstance(of, list) else [of])]
            table.add("TOFU", f"{kind} {name}, rows", flat(log[name].values()), flat(column(rows["full"][kind], ours)))
        table.texts("TOFU", f"{kind}, texts", [made for _, made, _ in log["generated_text"].values()], column(rows["full"][kind], "generated"))
    for model in ("full", "retain"):
        log = {f"{task}.json": {name: dict(enumerate(column(rows[model][kind], ours))) for name, ours in pairs} for kind, task in tasks.items()}
        (work / f"log-{model}.json").write_text(json.dumps(log))
    found = authors("tofu_aggregate", "tofu", work, work / "log-full.json", "aggregate.json", work / "log-retain.json")
    for kind, theirs_of in (("retain", "Retain"), ("real_authors", "Real Authors"), ("world_facts", "Real World"), ("forget", "Forget")):
        for name, ours in (("Prob.", "probability"), ("ROUGE", "rougeL"), ("Truth Ratio", "truth_ratio")):
            table.add("TOFU", f"{name} {theirs_of}", found["stat"][f"{name} {theirs_of}"], metrics[f"{kind}.{ours}"], "aggregate_eval_stat.py on wagle's rows")
        table.add("TOFU", f"{theirs_of} Truth Ratio", found["arithmetic"][f"{theirs_of} Truth Ratio"], metrics[f"{kind}.truth_ratio_arithmetic"], "utils.py")
    table.add("TOFU", "Model Utility", found["stat"]["Model Utility"], metrics["model_utility"])
    table.add("TOFU", "Model Utility, arithmetic", found["arithmetic"]["Model Utility"], metrics["model_utility_arithmetic"])
    table.add("TOFU", "Forget Quality", found["stat"]["Forget Quality"], metrics["forget_quality"])


def main(work):
    make_files(work)
    make_models(work)
    for name in CLONES:
        commit = subprocess.run(["git", "-C", str(CLONE / name), "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
        print(f"{name} {commit or 'of an unknown commit'}")
    table, rows = Table(), {}
    given = ["--tofu", work / "tofu", "--split", "forget10", "--prompt", CHAT, "--max-tokens", TOKENS]
    _, rows["retain"] = evaluate(work, "tofu-gold.json", "tofu", work / "retain", *given)
    metrics, rows["full"] = evaluate(work, "tofu.json", "tofu", work / "full", *given, "--gold", work / "tofu-gold.json")
    compare_tofu(work, table, metrics, rows)
    compare_open_unlearning(work, table, metrics, rows["full"])
    compare_chat(work, table)
    compare_wagle(work, table)
    compare_muse(work, table)
    print(Table.wrong, "differ")
    sys.exit(bool(Table.wrong))


if __name__ == "__main__":
    if len(sys.argv) > 3:
        os.makedirs(sys.argv[3])
        main(pathlib.Path(sys.argv[3]).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        main(pathlib.Path(scratch).resolve())
