"""The numbers of suite tofu by transformers, rouge_score and the definitions of TOFU's paper, beside those of `wagle eval`.

    check_tofu.py MODEL RESULT.json TOFU_FOLDER SPLIT LIMIT MAX_TOKENS [SYSTEM]

Prints a table for docs/recipes.md; fails where a number differs by more than 1e-3. A chat model: its template lays rows out. Needs
torch, transformers, rouge_score."""
import json
import sys

import torch
from rouge_score import rouge_scorer
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, result, tofu, split, limit, most = sys.argv[1:7]
system = sys.argv[7:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
end = tokenizer.eos_token_id


def encode(question, answer):
    """Ids of question and answer with its end of turn, and where the answer begins."""
    said = [{"role": "system", "content": s} for s in system] + [{"role": "user", "content": question}]
    head = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    full = tokenizer.apply_chat_template(said + [{"role": "assistant", "content": answer}], tokenize=False)
    ids = tokenizer(full, add_special_tokens=False).input_ids
    while ids[-1] != end:  # what the template writes after the end of the turn
        ids.pop()
    return ids, len(tokenizer(head, add_special_tokens=False).input_ids)


@torch.no_grad()
def nll(question, answers):
    """Token-mean NLL of each answer."""
    rows = [encode(question, a) for a in answers]
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([r + [end] * (width - len(r)) for r, _ in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r, _ in rows])
    logits = model(input_ids=ids, attention_mask=mask).logits
    return [torch.nn.functional.cross_entropy(logits[k, first - 1:len(r) - 1].double(), torch.tensor(r[first:])).item()
            for k, (r, first) in enumerate(rows)]


@torch.no_grad()
def answer(question):
    ids, first = encode(question, "x")
    made = model.generate(input_ids=torch.tensor([ids[:first]]), do_sample=False, max_new_tokens=int(most), pad_token_id=end,
                          repetition_penalty=None, temperature=None, top_p=None, top_k=None)
    return tokenizer.decode(made[0, first:], skip_special_tokens=True)


def mean(x):
    return sum(x) / len(x)


found = {}
for name, file in (("forget", split), ("retain", "retain"), ("real_authors", "real_authors"), ("world_facts", "world_facts")):
    rows = [json.loads(line) for line in open(f"{tofu}/{file}_perturbed.json")][:int(limit)]
    probability, ratio, rouge = [], [], []
    for r in rows:
        whole = [r["answer"], r.get("paraphrased_answer", r["answer"])] + r["perturbed_answer"]
        n = torch.tensor(nll(r["question"], whole), dtype=torch.float64)
        p, R = torch.exp(-n), torch.exp(n[1] - n[2:].mean()).item()
        known = name in ("forget", "retain")
        probability.append((p[0] if known else p[0] / (p[0] + p[2:].sum())).item())
        ratio.append(min(R, 1 / R) if name == "forget" else max(0.0, 1 - R))
        rouge.append(scorer.score(r["answer"], answer(r["question"]))["rougeL"].recall)
    found |= {f"{name}.probability": mean(probability), f"{name}.rougeL": mean(rouge), f"{name}.truth_ratio": mean(ratio)}
nine = [v for k, v in found.items() if not k.startswith("forget")]
found["model_utility"] = len(nine) / sum(1 / v for v in nine)

ours = json.load(open(result))["suites"]["tofu"]["metrics"]
print("| metric | wagle | transformers | difference |\n|---|---|---|---|")
worst = 0
for name, value in found.items():
    worst = max(worst, abs(value - ours[name]["value"]))
    print(f"| {name} | {ours[name]['value']:.4f} | {value:.4f} | {abs(value - ours[name]['value']):.1e} |")
sys.exit(worst > 1e-3)
