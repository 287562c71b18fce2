"""The numbers of suite tofu by transformers, rouge_score and the definitions of TOFU's paper, beside those of `wagle eval`.

    check_tofu.py MODEL RESULT.json TOFU_FOLDER SPLIT LIMIT MAX_TOKENS [SYSTEM]

Prints a table for docs/recipes.md; fails where a number differs by more than 1e-3. A chat model: its template lays rows out. Needs
torch, transformers, rouge_score."""
import json
import sys

import torch
from answers import Model, compare, mean
from rouge_score import rouge_scorer

folder, result, tofu, split, limit, most = sys.argv[1:7]
system = sys.argv[7:]
model = Model(folder)
scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)


def encode(question, answer):
    """Ids of question and answer with its end of turn, and where the answer begins."""
    said = [{"role": "system", "content": s} for s in system] + [{"role": "user", "content": question}]
    head = model.tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    full = model.tokenizer.apply_chat_template(said + [{"role": "assistant", "content": answer}], tokenize=False)
    ids = model.ids(full)
    while ids[-1] != model.end:  # what the template writes after the end of the turn
        ids.pop()
    return ids, len(model.ids(head))


found = {}
for name, file in (("forget", split), ("retain", "retain"), ("real_authors", "real_authors"), ("world_facts", "world_facts")):
    rows = [json.loads(line) for line in open(f"{tofu}/{file}_perturbed.json")][:int(limit)]
    probability, ratio, rouge = [], [], []
    prompts = []
    for r in rows:
        whole = [encode(r["question"], a) for a in [r["answer"], r.get("paraphrased_answer", r["answer"])] + r["perturbed_answer"]]
        prompts.append(whole[0][0][:whole[0][1]])
        n = torch.tensor(model.nll(whole), dtype=torch.float64)
        p, R = torch.exp(-n), torch.exp(n[1] - n[2:].mean()).item()
        known = name in ("forget", "retain")
        probability.append((p[0] if known else p[0] / (p[0] + p[2:].sum())).item())
        ratio.append(min(R, 1 / R) if name == "forget" else max(0.0, 1 - R))
    rouge = [scorer.score(r["answer"], made)["rougeL"].recall for r, made in zip(rows, model.generate(prompts, int(most)))]
    found |= {f"{name}.probability": mean(probability), f"{name}.rougeL": mean(rouge), f"{name}.truth_ratio": mean(ratio)}
nine = [v for k, v in found.items() if not k.startswith("forget")]
found["model_utility"] = len(nine) / sum(1 / v for v in nine)
sys.exit(compare(found, json.load(open(result))["suites"]["tofu"]["metrics"]))
