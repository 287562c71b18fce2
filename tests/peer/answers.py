"""Losses and greedy answers of a causal model by transformers, for check_tofu.py and check_wagle_paper.py: rows of equal length are
asked together, so that no row is padded on its left."""
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class Model:
    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.end = self.tokenizer.eos_token_id

    def ids(self, text):
        return self.tokenizer(text, add_special_tokens=False).input_ids

    @torch.no_grad()
    def log_probabilities(self, rows):
        """Of the tokens of each row, a list of ids, after its first."""
        width = max(map(len, rows))
        ids = torch.tensor([r + [self.end] * (width - len(r)) for r in rows])
        mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows])
        logits = self.model(input_ids=ids, attention_mask=mask).logits
        return [-torch.nn.functional.cross_entropy(logits[k, :len(r) - 1].double(), torch.tensor(r[1:]), reduction="none")
                for k, r in enumerate(rows)]

    def nll(self, rows):
        """Token-mean NLL of the answers of rows, each its ids and where its answer begins."""
        return [-lp[first - 1:].mean().item()
                for lp, (_, first) in zip(self.log_probabilities([ids for ids, _ in rows]), rows)]

    @torch.no_grad()
    def generate(self, prompts, most):
        """Greedy text of at most `most` tokens after each prompt, a list of ids."""
        texts = [None] * len(prompts)
        for length in sorted(set(map(len, prompts))):
            same = [k for k, p in enumerate(prompts) if len(p) == length]
            for at in range(0, len(same), 16):
                group = same[at:at + 16]
                made = self.model.generate(input_ids=(ids := torch.tensor([prompts[k] for k in group])),
                                           attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=most,
                                           pad_token_id=self.end, repetition_penalty=None, temperature=None, top_p=None, top_k=None)
                for k, row in zip(group, made):
                    texts[k] = self.tokenizer.decode(row[length:], skip_special_tokens=True)
        return texts


def mean(x):
    return sum(x) / len(x)


def compare(found, ours, bound=1e-3):
    """Prints the table for docs/recipes.md; whether a number differs by more than bound."""
    print("| metric | wagle | transformers | difference |\n|---|---|---|---|")
    for name, value in found.items():
        print(f"| {name} | {ours[name]['value']:.4f} | {value:.4f} | {abs(value - ours[name]['value']):.1e} |")
    return any(abs(value - ours[name]["value"]) > bound for name, value in found.items())
