"""GradDiff steps or attribution in PyTorch and transformers, at several settings in turn: prints a JSON line for each.

    peer.py CONFIG.json JOB ROWS LENGTH PRECISION STEPS SECONDS [SETTING...]

JOB step: ROWS forget and ROWS retain rows of LENGTH random tokens; fused AdamW (moments in the type of the weights), SDPA, no padding.
JOB attribute: both gradients in batches of 16 rows, scores of wagle, a histogram of them. PRECISION f32, tf32 or bf16. A setting is begun in
the first SECONDS only; `checkpointing` is tried where others are out of memory. On a processor if WG_PEER_DEVICE=cpu."""
import json, os, statistics, sys, time

began = time.monotonic()
import torch
from transformers import AutoConfig, AutoModelForCausalLM

config_path, job, n, length, precision, steps, seconds = *sys.argv[1:3], *map(int, sys.argv[3:5]), sys.argv[5], *map(int, sys.argv[6:8])
device = os.environ.get("WG_PEER_DEVICE", "cuda")
settings = sys.argv[8:] or ({"step": ["two passes", "one pass", "checkpointing", "compile", "CUDA graphs"], "attribute": ["batches of 16"]}[job])
config = AutoConfig.for_model(**json.load(open(config_path)))
torch.manual_seed(0)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "f32"
torch.set_default_dtype(torch.bfloat16 if precision == "bf16" else torch.float32)
with torch.device(device):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").train()
rows = torch.randint(0, config.vocab_size, (8, 2 * n, length), device=device)


def loss_of(forward, ids):
    logits = forward(input_ids=ids, use_cache=False).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), ids[:, 1:].reshape(-1), reduction="none")


def both(forward, i):
    loss = loss_of(forward, rows[i % 8]).view(2 * n, -1)
    (loss[n:].mean() - loss[:n].mean()).backward()


def apart(forward, i):
    (-loss_of(forward, rows[i % 8, :n]).mean()).backward()
    loss_of(forward, rows[i % 8, n:]).mean().backward()


def stepper(gradients, forward):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=device == "cuda")

    def step(i):
        optimizer.zero_grad(set_to_none=True)
        gradients(forward, i)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return step


def attribute(i):
    def gradient(ids):
        model.zero_grad(set_to_none=True)
        for part in ids.split(16):
            (loss_of(model, part).mean() * len(part) / n).backward()
        return [p.grad for p in model.parameters()]
    forget = gradient(rows[i % 8, :n])
    for p in model.parameters():
        p.grad = None
    retain, counts = gradient(rows[i % 8, n:]), 0
    for theta, f, r in zip(model.parameters(), forget, retain):
        for t, a, b in zip(theta.detach().view(-1).split(2**24), f.view(-1).split(2**24), r.view(-1).split(2**24)):
            score = ((t.float() - 1e3 * b.float()) * a.float()).abs()
            counts = counts + torch.histc(score.clamp_min(1e-30).log2(), 4096, -100, 28)
    return counts


def prepared(setting):
    if setting == "batches of 16":
        return attribute
    if setting == "checkpointing":
        model.gradient_checkpointing_enable()
        return stepper(apart, model)
    if setting == "compile":
        return stepper(both, torch.compile(model))
    if setting == "CUDA graphs":
        return stepper(both, torch.compile(model, mode="reduce-overhead"))
    return stepper(both if setting == "one pass" else apart, model)


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


def timed(step, warm):
    times = []
    for i in range(steps + warm):
        wait()
        start = time.perf_counter()
        step(i)
        wait()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[warm:])


lacked_memory = False
for setting in settings:
    if setting == "checkpointing" and not lacked_memory and len(settings) > 1:
        continue
    result = {"setting": setting}
    if time.monotonic() - began > seconds:
        print(json.dumps(dict(result, error="not begun: no time left")), flush=True)
        continue
    try:
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        result["ms"] = timed(prepared(setting), 2 if job == "step" else 1)
        result["tensors"] = torch.cuda.max_memory_allocated() if device == "cuda" else None
    except torch.cuda.OutOfMemoryError:
        lacked_memory, result["error"] = True, "out of memory"
    except Exception as error:  # a compiler that is missing or fails is no reason to lose the other settings
        result["error"] = (str(error).strip().split("\n") or ["?"])[0][:200]
    model.gradient_checkpointing_disable()
    model.zero_grad(set_to_none=True)
    if device == "cuda":
        torch.cuda.empty_cache()
    print(json.dumps(result), flush=True)
