"""One job in PyTorch and transformers, at its best settings, for bench/run to time: prints JSON.

    peer_step.py step MODEL FORGET RETAIN STEPS [--pad 512]   GradDiff steps, 4 + 4 rows, mask 0.4
    peer_step.py attribute MODEL FORGET RETAIN ROWS           both gradients, WAGLE score, top-k
    peer_step.py eval MODEL ROWS LIMIT                        token-mean NLL of every row
    peer_step.py generate MODEL PROMPTS TOKENS                greedy, one batch

Rows are pre-tokenised: {"input_ids":[..],"labels":[..]}. Float32, or with --bf16 weights, activations and optimizer in
bf16; all threads, dynamic padding, rows of a stream batched (forget and retain apart, as their gradients must be for
attribution)."""
import json, os, resource, sys, time

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import AutoModelForCausalLM
import peer_rows
from peer_rows import rows

pad_to = int(sys.argv[sys.argv.index("--pad") + 1]) if "--pad" in sys.argv else 0
dtype = torch.bfloat16 if "--bf16" in sys.argv else torch.float32
what, folder = sys.argv[1:3]
torch.manual_seed(0)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa").train()


def row_losses(some):
    return peer_rows.row_losses(model, some, pad_to)


def train_steps(forget, retain, steps):
    """The published recipe where padded: one sequence at a time; else the batch at once."""
    params = [p for p in model.parameters()]
    generator = torch.Generator().manual_seed(1)
    masks = [torch.rand(p.shape, generator=generator) < 0.4 for p in params]
    optimizer = torch.optim.AdamW(params, lr=1e-5, weight_decay=0.0, fused=True)
    losses, start = [], None
    for step in range(steps + 1):  # the first is a warm-up
        if step == 1:
            start = time.perf_counter()
        f = [forget[(4 * step + i) % len(forget)] for i in range(4)]
        r = [retain[(4 * step + i) % len(retain)] for i in range(4)]
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for k in range(0, 4, 1 if pad_to else 4):
            width = 1 if pad_to else 4
            loss = -row_losses(f[k:k + width]).sum() / 4
            loss.backward()
            kept = row_losses(r[k:k + width]).sum() / 4
            kept.backward()
            total += loss.item() + kept.item()
        with torch.no_grad():
            for p, m in zip(params, masks):
                p.grad.mul_(m)
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        losses.append(total)
    return {"seconds": (time.perf_counter() - start) / steps, "first_loss": losses[0]}


def attribute(forget, retain):
    start = time.perf_counter()
    grads = []
    for some in (forget, retain):
        model.zero_grad(set_to_none=True)
        for k in range(0, len(some), 4):
            row_losses(some[k:k + 4]).sum().backward()
        grads.append([p.grad for p in model.parameters()])
    with torch.no_grad():
        score = torch.cat([((p - r / 1e-6) * f).abs().flatten() for p, f, r in zip(model.parameters(), *grads)])
        k = int(0.4 * score.numel() + 0.5)
        threshold = score.kthvalue(score.numel() - k + 1).values
        selected = int((score >= threshold).sum())
    return {"seconds": time.perf_counter() - start, "selected": selected}


def evaluate(some):
    model.eval()
    start, total = time.perf_counter(), 0.0
    order = sorted(range(len(some)), key=lambda i: len(some[i]["input_ids"]))  # like lengths together: least padding
    with torch.no_grad():
        for k in range(0, len(order), 16):
            total += row_losses([some[i] for i in order[k:k + 16]]).sum().item()
    return {"seconds": time.perf_counter() - start, "nll": total / len(some)}


def generate(prompts, tokens):
    model.eval()
    width = max(len(p) for p in prompts)
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    seen = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    with torch.no_grad():
        start = time.perf_counter()
        out = model.generate(input_ids=ids, attention_mask=seen, do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens,
                             pad_token_id=0)
    return {"seconds": time.perf_counter() - start, "ids": out[0, width:].tolist()}


if what == "step":
    result = train_steps(rows(sys.argv[3]), rows(sys.argv[4]), int(sys.argv[5]))
elif what == "attribute":
    result = attribute(rows(sys.argv[3], int(sys.argv[5])), rows(sys.argv[4], int(sys.argv[5])))
elif what == "eval":
    result = evaluate(rows(sys.argv[3], int(sys.argv[4])))
else:
    result = generate([r["input_ids"] for r in rows(sys.argv[3])], int(sys.argv[4]))
result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
result["torch"] = torch.__version__
print(json.dumps(result))
