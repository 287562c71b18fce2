"""GradDiff steps and attribution in PyTorch and transformers on a card, at their best settings: prints JSON.

    peer.py CONFIG.json ROWS LENGTH PRECISION STEPS

ROWS forget and ROWS retain rows of LENGTH random tokens; PRECISION f32, tf32 or bf16; fused AdamW, SDPA, no padding.
The first steps are not counted."""
import json, statistics, sys, time

import torch
from transformers import AutoConfig, AutoModelForCausalLM

config_path, n, length, precision, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
config = AutoConfig.from_pretrained(config_path) if not config_path.endswith(".json") else AutoConfig.for_model(
    **json.load(open(config_path)))
torch.manual_seed(0)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "f32"
dtype = torch.bfloat16 if precision == "bf16" else torch.float32
model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").to("cuda", dtype).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
rows = torch.randint(0, config.vocab_size, (2, 8, n, length), device="cuda")


def loss_of(ids):
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), ids[:, 1:].reshape(-1))


def step(i):
    optimizer.zero_grad(set_to_none=True)
    (-loss_of(rows[0, i % 8])).backward()
    loss_of(rows[1, i % 8]).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


times = []
for i in range(steps + 5):
    torch.cuda.synchronize()
    start = time.perf_counter()
    step(i)
    torch.cuda.synchronize()
    times.append(time.perf_counter() - start)
print(json.dumps({"ms": 1e3 * statistics.median(times[5:]), "peak_gib": torch.cuda.max_memory_allocated() / 2**30}))
