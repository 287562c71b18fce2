"""Gold of --master bf16: AdamW of PyTorch on bf16 parameters, alone and in ten masked steps. See ../README.md.

python master.py [models_dir] [out_dir]
"""
import json, pathlib, sys
import torch
from safetensors.torch import load_file, save_file
from attribution import load, HERE
from objectives import nll
from training import HYPER, NAME, lr_at

OUT = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "training"

def adamw(params, lr):
    return torch.optim.AdamW(params, lr=lr, betas=HYPER["betas"], eps=HYPER["eps"], weight_decay=HYPER["weight_decay"], foreach=False,
                             fused=False)

def alone():
    """Ten updates with given gradients."""
    torch.manual_seed(11); n = 1000; steps = 10
    p = torch.nn.Parameter((torch.randn(n) * 0.02).bfloat16()); opt = adamw([p], 1e-3)
    grads = (torch.randn(steps, n) * 0.01 * torch.rand(steps, n)).bfloat16()
    out = {"start": p.detach().clone(), "gradients": grads}
    for g in grads:
        p.grad = g.clone(); opt.step()
    s = opt.state[p]
    save_file({**out, "value": p.detach().clone(), "first": s["exp_avg"].clone(), "second": s["exp_avg_sq"].clone()},
              OUT / "adamw_bf16.safetensors")

def train():
    """Gradients are float32 numbers; their norm is; they are rounded to bf16, clipped, and rounded again."""
    facts = json.load(open(OUT / "training.json")); data = load_file(OUT / "data.safetensors"); mask = load_file(OUT / "mask.safetensors")
    rows = {tag: [(data[f"{tag}.input_ids.{k}"].long(), data[f"{tag}.labels.{k}"].long()) for k in range(6)] for tag in ("forget", "retain")}
    model = load(NAME + "-bf16"); params = dict(model.named_parameters())
    half = {n: torch.nn.Parameter(p.detach().bfloat16()) for n, p in params.items()}
    opt = adamw(list(half.values()), HYPER["lr"])
    for step in range(HYPER["steps"]):
        model.zero_grad()
        for f, r in facts["order"][step]:
            loss = (-nll(model, rows["forget"][f]).mean() + HYPER["alpha"] * nll(model, rows["retain"][r]).mean()) / HYPER["accumulation"]
            loss.backward()
        with torch.no_grad():
            g = {n: (p.grad * mask[n]).float() for n, p in params.items()}
            norm = float(sum((x.double() ** 2).sum() for x in g.values()) ** 0.5)
            scale = min(1.0, HYPER["clip"] / (norm + 1e-6))
            for n, p in half.items():
                p.grad = (g[n].bfloat16().float() * scale).bfloat16()
            before = {n: p.detach().clone() for n, p in half.items()}
            for group in opt.param_groups:
                group["lr"] = lr_at(step)
            opt.step()
            for n, p in half.items():
                p.copy_(torch.where(mask[n].bool(), p, before[n]))
                params[n].copy_(p.double())
    save_file({n: p.detach().contiguous() for n, p in half.items()}, OUT / "final_graddiff-bf16.safetensors")

if __name__ == "__main__":
    alone(); train()
