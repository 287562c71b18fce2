"""wagle's evaluation suites beside torch, transformers, rouge_score and scikit-learn, on a random tiny model.

    python3 tests/peer/check_suites.py build/release/wagle

Membership: Min-k % and Min-k++ of rows at several percentages as open-unlearning and MUSE define them, by torch; AUC by scikit-learn. MUSE: greedy
texts of 32 and 128 new tokens by transformers, as MUSE's code makes them; ROUGE-L by rouge_score. TOFU: exact memorisation, extraction strength
and the aggregates of OpenUnlearning, by torch and scipy. leak@k: ROUGE-L of the samples by rouge_score, and the mean over all choices of k of them.
Prints a line for docs/testing.md for each. Exits with 77 (skipped) where a package is missing. Not needed by users."""
import itertools, json, os, random, subprocess, sys, tempfile, zlib

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
try:
    import numpy as np, torch
    from rouge_score import rouge_scorer
    from scipy.stats import hmean
    from sklearn.metrics import roc_auc_score
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils.logging import disable_progress_bar
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

wagle = os.path.abspath(sys.argv[1])
torch.set_num_threads(1)
disable_progress_bar()
r = random.Random(11)
WORDS = "the a man woman of from in was born city river author wrote book famous award old new small house garden night day read write".split()
PERCENTS = (1, 5, 10, 20, 29, 30, 40, 50, 60, 100)


def sentence(n):
    return " ".join(r.choice(WORDS) for _ in range(n)).capitalize() + "."


def make_model():
    """Random weights, large enough that the likeliest token is not always the same."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.train_from_iterator([sentence(20) for _ in range(200)] + ["Question: who?\nAnswer: he."] * 20,
                                  trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                      show_progress=False))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    torch.manual_seed(5)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(fast), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                                         num_key_value_heads=2, max_position_embeddings=1024, bos_token_id=0, eos_token_id=1,
                                         initializer_range=0.35, tie_word_embeddings=False)).eval()
    model.save_pretrained("model")
    fast.save_pretrained("model")
    return model, fast


def write(name, rows):
    with open(name, "w") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)
    return rows


def evaluate(name, *options):
    subprocess.check_call([wagle, "eval", "--model", "model", "--no-chat", "--resamples", "0", "--quiet", "--out", name + ".json", *options],
                          stdout=subprocess.DEVNULL)
    [suite] = json.load(open(name + ".json"))["suites"].values()
    return {k: v["value"] for k, v in suite["metrics"].items()}, [json.loads(line) for line in open(name + ".rows.jsonl")]


class Differences:
    def __init__(self):
        self.most, self.n = 0.0, 0

    def add(self, have, want):
        self.n += 1
        self.most = max(self.most, abs(have - want))

    def line(self, what, allowed):
        print(f"| {what} | {self.n} | {self.most:.1e} |")
        assert self.n > 0 and self.most <= allowed, what


@torch.no_grad()
def logits_of(model, ids):
    """Log-probabilities that predict ids[1:]."""
    return torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0, :-1].double(), -1)


def encode(tokenizer, question, answer):
    """Ids, and where the answer begins; it ends with the end-of-text token."""
    prompt = tokenizer(question).input_ids
    ids = tokenizer(question + answer).input_ids
    assert ids[:len(prompt)] == prompt
    return ids + [tokenizer.eos_token_id], len(prompt)


def attack_scores(model, ids, start, answer):
    every, at = logits_of(model, ids)[start - 1:], torch.tensor(ids[start:])
    token = every.gather(1, at[:, None])[:, 0]
    mean = (every.exp() * every).sum(-1)
    spread = torch.clamp((every.exp() * every.square()).sum(-1) - mean.square(), min=1e-6)
    lowest = lambda x, percent: -np.mean(np.sort(x.numpy())[:max(1, int(len(x) * (percent / 100)))])  # open-unlearning, mia/min_k.py
    loss = -token.mean().item()
    out = {"loss": loss} | ({"zlib": loss / len(zlib.compress(answer.encode()))} if answer else {})
    for percent in PERCENTS:
        out[f"min_k_{percent}"] = lowest(token, percent)
        out[f"min_kpp_{percent}"] = lowest((token - mean) / spread.sqrt(), percent)
    return out


def auc(scores, key):
    members, others = ([s[key] for s in scores[side]] for side in ("members", "nonmembers"))
    return roc_auc_score([0] * len(members) + [1] * len(others), members + others)


def check_membership(model, tokenizer):
    questions = {side: write(side + ".jsonl", [{"question": sentence(5), "answer": sentence(3 + i % 9)} for i in range(40)]) for side in ("members", "nonmembers")}
    texts = {side: write(side + "_text.jsonl", [{"text": sentence(4 + i % 20)} for i in range(40)]) for side in ("members", "nonmembers")}
    of_rows, of_sets = Differences(), Differences()
    plain = lambda row: (tokenizer(row["text"]).input_ids, 1, None)
    asked = lambda row: (*encode(tokenizer, f"Q: {row['question']}\n", row["answer"]), row["answer"])
    for suite, end, data, lay_out in (("membership", "", questions, asked), ("muse", "_text", texts, plain)):
        layout = ["--prompt", "Q: {prompt}\n", "--eos"] if suite == "membership" else []
        metrics, rows = evaluate(suite, "--suite", suite, "--min-k", ",".join(map(str, PERCENTS)), *layout,
                                 *(part for side in data for part in ("--set", f"{side}={side}{end}.jsonl")))
        want = {side: [attack_scores(model, *lay_out(row)) for row in data[side]] for side in data}
        for row in rows:
            for key, value in want[row["set"]][row["row"]].items():
                of_rows.add(row[key], value)
        for key in want["members"][0]:
            of_sets.add(metrics[key + ".auc"], auc(want, key))
    of_rows.line("loss, zlib, Min-k % and Min-k++ of rows at 1, 5, 10, 20, 29, 30, 40, 50, 60, 100 % (torch)", 1e-4)
    of_sets.line("their AUC (scikit-learn)", 1e-9)


@torch.no_grad()
def continuation(model, tokenizer, prompt, most):
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=most, do_sample=False, pad_token_id=1)
    return tokenizer.decode(made[0, ids.shape[1]:], skip_special_tokens=True)


def cut(text):
    for word in ("\n\n", "\nQuestion", "Question:"):
        text = text.split(word)[0]
    return text


def check_muse(model, tokenizer):
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    solved = {side: write(f"examples_{side}.jsonl", [{"question": sentence(4), "answer": sentence(3)} for _ in range(2)]) for side in ("forget", "retain")}
    asked = {side: write(f"knowledge_{side}.jsonl", [{"question": sentence(5), "answer": sentence(4)} for _ in range(12)]) for side in ("forget", "retain")}
    verbatim = write("verbatim.jsonl", [{"prompt": sentence(10)[:-3], "gt": sentence(150)} for _ in range(12)])
    sets = [part for side in asked for kind in ("knowledge", "examples") for part in ("--set", f"{kind}_{side}={kind}_{side}.jsonl")]
    metrics, rows = evaluate("muse_texts", "--suite", "muse", "--prompt", "Question: {prompt}\nAnswer: ", "--set", "verbatim=verbatim.jsonl", *sets)
    texts, means = Differences(), Differences()
    scores = {}
    for row in rows:
        if row["set"] == "verbatim":
            of = verbatim[row["row"]]
            made = continuation(model, tokenizer, of["prompt"], 128)
            truth = tokenizer.decode(tokenizer(of["gt"]).input_ids[:128], skip_special_tokens=True)
        else:
            side = row["set"].split("_")[1]
            before = "".join(f"Question: {s['question']}\nAnswer: {s['answer']}\n\n" for s in solved[side])
            truth = asked[side][row["row"]]["answer"]
            made = cut(continuation(model, tokenizer, before + f"Question: {asked[side][row['row']]['question']}\nAnswer: ", 32))
        texts.add(row["generated"] != made, 0)
        rouge = scorer.score(truth, made)["rougeL"]
        scores.setdefault(row["set"] + ".rougeL_f1", []).append(rouge.fmeasure)
        scores.setdefault(row["set"] + ".rougeL_recall", []).append(rouge.recall)
    for key, values in scores.items():
        means.add(metrics[key], np.mean(values))
    texts.line("MUSE: texts, 128 tokens for verbatim, 32 for knowledge (transformers; a text counts 1 if it differs)", 0)
    means.line("MUSE: mean ROUGE-L F1 and recall of verbatim, knowledge_forget, knowledge_retain (rouge_score)", 1e-9)
    assert max(map(max, scores.values())) > 0


def check_tofu(model, tokenizer):
    def rows(n):
        return [{"question": sentence(5), "answer": sentence(5), "paraphrased_answer": sentence(5), "perturbed_answer": [sentence(5) for _ in range(3)]} for _ in range(n)]
    names = ("forget", "retain", "real_authors", "world_facts")
    data = {name: write(name + ".jsonl", rows(8)) for name in names}
    open("fluent.py", "w").write("import sys\nfor line in sys.stdin:\n    print(0.1 + 0.9 * len(set(line)) / (len(line) + 1))\n")
    metrics, result = evaluate("tofu", "--suite", "tofu", "--prompt", "Q: {prompt}\n", "--max-tokens", "12", "--scorer", f"{sys.executable} fluent.py",
                               *(part for name in names for part in ("--set", f"{name}={name}.jsonl")))

    def of_tokens(question, answer):
        ids, start = encode(tokenizer, f"Q: {question}\n", answer)
        every, at = logits_of(model, ids)[start - 1:], torch.tensor(ids[start:])
        hit = every.argmax(-1) == at
        first = next(k for k in range(len(hit) + 1) if bool(hit[k:].all()))
        return -every.gather(1, at[:, None]).mean().item(), hit.double().mean().item(), 1 - first / len(hit)

    exact, strength, paraphrased, share = [], [], [], []
    for row in data["forget"]:
        _, e, s = of_tokens(row["question"], row["answer"])
        p = np.exp(-of_tokens(row["question"], row["paraphrased_answer"])[0])
        q = np.exp(-np.mean([of_tokens(row["question"], a)[0] for a in row["perturbed_answer"]]))
        exact.append(e), strength.append(s), paraphrased.append(p), share.append(p / (p + q + 1e-10))
    fluency = np.mean([0.1 + 0.9 * len(set(t)) / (len(t) + 1) for t in (row["generated"].replace("\n", " ").replace("\r", " ").replace("\t", " ") + "\n"
                                                                    for row in result if row["set"] == "forget")])
    memorisation = hmean([1 - np.mean(strength), 1 - np.mean(exact), 1 - np.mean(paraphrased), 1 - np.mean(share)])
    utility = hmean([metrics["model_utility"], fluency])
    d = Differences()
    for key, want in (("forget.exact_memorisation", np.mean(exact)), ("forget.extraction_strength", np.mean(strength)),
                      ("forget.paraphrased_probability", np.mean(paraphrased)), ("forget.truth_share", np.mean(share)), ("forget.fluency", fluency),
                      ("memorisation", memorisation), ("utility", utility), ("memorisation_utility", hmean([memorisation, utility]))):
        d.add(metrics[key], want)
    d.line("TOFU: the parts of memorisation, fluency, memorisation, utility and their mean (torch, scipy)", 1e-5)


def check_leak():
    """Answers are what the model itself writes, so that samples come near them."""
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    counts = (1, 2, 3, 5, 8)
    own = [json.loads(line) for line in open("tofu.rows.jsonl")]
    write("own.jsonl", [{"question": row["question"], "answer": row["generated"]} for row in own if row["generated"].strip()])
    metrics, rows = evaluate("leak", "--suite", "extraction", "--prompt", "Q: {prompt}\n", "--set", "forget=own.jsonl", "--samples", "8", "--temperature", "0.5",
                             "--leak-k", ",".join(map(str, counts)), "--max-tokens", "12")
    scores, means = Differences(), Differences()
    for row in rows:
        for have, text in zip(row["leak_rougeL"], row["samples"], strict=True):
            scores.add(have, scorer.score(row["answer"], text)["rougeL"].recall)
    for k in counts:
        means.add(metrics[f"forget.leak_rougeL_at_{k}"], np.mean([np.mean([max(c) for c in itertools.combinations(row["leak_rougeL"], k)]) for row in rows]))
    assert len({s for row in rows for s in row["leak_rougeL"]}) > 3
    scores.line("leak@k: ROUGE-L recall of samples (rouge_score)", 1e-9)
    means.line("leak@k for k = 1, 2, 3, 5, 8 of 8 samples (the mean over all choices of k)", 1e-12)


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    tiny, its_tokenizer = make_model()
    print("| what | numbers | largest difference |\n|---|---|---|")
    check_membership(tiny, its_tokenizer)
    check_muse(tiny, its_tokenizer)
    check_tofu(tiny, its_tokenizer)
    check_leak()
