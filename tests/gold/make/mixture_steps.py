"""Two masked AdamW steps of the model llama4, in double precision: rows, a bool mask, and the tensors that change, whose experts have
names of their own as wagle lists them.

python mixture_steps.py [models_dir]
"""
import json, os, pathlib, sys
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
from models import SEED, sequences

FOLDER = (pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent / "models") / "llama4"
STEPS, LR, DECAY, BETAS, EPS = 2, 1e-3, 0.01, (0.9, 0.999), 1e-8
TRAINED = {"model.layers.0.self_attn.q_proj.weight": None, "model.layers.3.feed_forward.up_proj.weight": None,
           "model.layers.2.feed_forward.router.weight": None, "model.layers.1.feed_forward.shared_expert.down_proj.weight": None,
           "model.layers.1.feed_forward.experts.gate_up_proj": (1, 3), "model.layers.1.feed_forward.experts.down_proj": (3,),
           "model.layers.2.feed_forward.experts.gate_up_proj": (0,), "model.layers.2.feed_forward.experts.down_proj": (0, 2)}

def loss_of(model, rows):
    """The mean over all label tokens."""
    total, n = 0, 0
    for ids, labels in rows:
        lp = torch.log_softmax(model(input_ids=ids[None]).logits[0][:-1], -1)
        keep = labels[1:] != -100
        total = total - lp[keep].gather(1, labels[1:][keep][:, None]).sum()
        n += int(keep.sum())
    return total / n

def apart(name, x):
    """As wagle lists it: experts one by one."""
    if x.dim() < 3:
        return {name: x.contiguous()}
    layer, matrix = name.rsplit(".", 1)
    return {f"{layer}.{e}.{matrix}": x[e].contiguous() for e in range(x.shape[0])}

def main():
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float64, attn_implementation="eager").eval()
    rows = sequences(SEED + 900, (40, 31, 22))
    params = dict(model.named_parameters())
    loss_of(model, rows).backward()
    mask = {}
    for name, p in params.items():      # the larger half of the gradient: Adam makes steps of one size of all others too
        mask[name] = torch.zeros_like(p, dtype=torch.bool)
        for e in TRAINED.get(name, ()) or ((...,) if name in TRAINED else ()):
            size = p.grad[e].abs()
            mask[name][e] = size > size.median()
    m = {n: torch.zeros_like(p) for n, p in params.items()}
    v = {n: torch.zeros_like(p) for n, p in params.items()}
    for step in range(1, STEPS + 1):
        model.zero_grad()
        loss_of(model, rows).backward()
        with torch.no_grad():
            for n, p in params.items():
                m[n].mul_(BETAS[0]).add_((1 - BETAS[0]) * p.grad)
                v[n].mul_(BETAS[1]).add_((1 - BETAS[1]) * p.grad ** 2)
                size = (m[n] / (1 - BETAS[0] ** step)) / ((v[n] / (1 - BETAS[1] ** step)).sqrt() + EPS)
                p.copy_(torch.where(mask[n], (1 - LR * DECAY) * p - LR * size, p))
    after = {k: x.float() for n in TRAINED for k, x in apart(n, params[n].detach()).items()}
    save_file(after, FOLDER / "gold.after.safetensors")
    save_file({k: x for n in mask for k, x in apart(n, mask[n]).items()}, FOLDER / "gold.mask.safetensors")
    with open(FOLDER / "gold.rows.jsonl", "w") as f:
        for ids, labels in rows:
            f.write(json.dumps({"input_ids": ids.tolist(), "labels": labels.tolist()}) + "\n")

if __name__ == "__main__":
    main()
