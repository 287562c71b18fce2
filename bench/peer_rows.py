"""Rows of token ids and their losses in PyTorch, as peer_step.py and peer_ddp.py use them."""
import json

import torch


def rows(path, n=None):
    return [json.loads(line) for line in open(path)][:n]


def batch(some, width=0):
    """Rows padded to the longest, or to `width`: ids, labels, and where there are tokens."""
    width = width or max(len(r["input_ids"]) for r in some)
    ids = torch.zeros(len(some), width, dtype=torch.long)
    labels = torch.full((len(some), width), -100, dtype=torch.long)
    seen = torch.zeros(len(some), width, dtype=torch.long)
    for i, r in enumerate(some):
        n = len(r["input_ids"])
        ids[i, :n], labels[i, :n], seen[i, :n] = torch.tensor(r["input_ids"]), torch.tensor(r["labels"]), 1
    return ids, labels, seen


def row_losses(model, some, width=0):
    """Token-mean NLL of each row."""
    ids, labels, seen = batch(some, width)
    logits = model(input_ids=ids, attention_mask=seen, use_cache=False).logits[:, :-1]
    target = labels[:, 1:]
    nll = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), target.reshape(-1), ignore_index=-100,
                                            reduction="none").float().view(target.shape)
    return nll.sum(1) / (target != -100).sum(1)
