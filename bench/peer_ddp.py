"""One process of a GradDiff step in PyTorch's DistributedDataParallel over gloo; bench/cluster starts them.

    peer_ddp.py MODEL FORGET RETAIN STEPS RANK RANKS PORT

Each process has its share of 4 + 4 rows, in one batch, in float32; fused AdamW on the weights of a mask of density 0.4 (gradients of the others
are set to zero, after DDP has summed all of them). The first process prints JSON: seconds a step."""
import json, os, sys, time

folder, forget_path, retain_path, steps, rank, ranks, port = sys.argv[1:]
steps, rank, ranks = int(steps), int(rank), int(ranks)
os.environ.update(HF_HUB_OFFLINE="1", MASTER_ADDR="127.0.0.1", MASTER_PORT=port, OMP_NUM_THREADS="1")
import torch
import torch.distributed as dist
from transformers import AutoModelForCausalLM
from peer_rows import row_losses, rows

torch.set_num_threads(1)
torch.manual_seed(0)
dist.init_process_group("gloo", rank=rank, world_size=ranks)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").train()
wrapped = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
generator = torch.Generator().manual_seed(1)
params = list(model.parameters())
masks = [torch.rand(p.shape, generator=generator) < 0.4 for p in params]
optimizer = torch.optim.AdamW(params, lr=1e-5, weight_decay=0.0, fused=True)
needed = 4 * (steps + 1)
forget, retain, start = rows(forget_path, needed), rows(retain_path, needed), 0.0
own = slice(4 * rank // ranks, 4 * (rank + 1) // ranks)
for step in range(steps + 1):  # the first is a warm-up
    if step == 1:
        dist.barrier()
        start = time.perf_counter()
    f, r = (x[4 * step : 4 * step + 4][own] for x in (forget, retain))
    mean = row_losses(wrapped, f + r)
    loss = mean[len(f) :].mean() - mean[: len(f)].mean()
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    with torch.no_grad():
        for p, mask in zip(params, masks):
            p.grad.mul_(mask)
        torch.nn.utils.clip_grad_norm_(params, 1.0)
    optimizer.step()
if rank == 0:
    weights = sum(p.numel() for p in params)
    print(json.dumps({"seconds": (time.perf_counter() - start) / steps, "weights": weights}))
dist.destroy_process_group()
