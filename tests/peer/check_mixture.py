"""Mixtures of experts of a size at which every expert has many rows: logits, the gradient of every weight, and the model after five
updates, beside transformers.

    python3 tests/peer/check_mixture.py build/release/wagle [--times]

The models are random: 8 layers, 24 or 32 experts, 55 to 60 million weights. --times also measures a step of each, beside PyTorch. Exits
with 77 (skipped) where torch or transformers is missing. Not needed by users."""
import glob, json, os, random, subprocess, sys, tempfile, time

os.environ["HF_HUB_OFFLINE"] = "1"
try:
    import torch
    from safetensors.torch import load_file
    import transformers
    from transformers import AutoModelForCausalLM
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

wagle, times = os.path.abspath(sys.argv[1]), "--times" in sys.argv
r = random.Random(5)
BASE = dict(vocab_size=8000, hidden_size=384, num_hidden_layers=8, num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=512,
            bos_token_id=1, eos_token_id=2, pad_token_id=0)
MODELS = {
    "mixtral": transformers.MixtralConfig(**BASE, intermediate_size=200, num_local_experts=24, num_experts_per_tok=2),
    "olmoe": transformers.OlmoeConfig(**BASE, intermediate_size=160, num_experts=32, num_experts_per_tok=8),
    "qwen2_moe": transformers.Qwen2MoeConfig(**BASE, moe_intermediate_size=160, intermediate_size=512, shared_expert_intermediate_size=320, num_experts=32,
                                             num_experts_per_tok=4),
    "qwen3_moe": transformers.Qwen3MoeConfig(**BASE, head_dim=64, moe_intermediate_size=160, intermediate_size=512, num_experts=32,
                                             num_experts_per_tok=4, norm_topk_prob=True),
}


def run(*command):
    subprocess.check_call([wagle, *command, "--quiet", "--force"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def tensors(folder):
    return {k: v for f in glob.glob(folder + "/*.safetensors") for k, v in load_file(f).items()}


def rows(name):
    return [torch.tensor([json.loads(line)["input_ids"]]) for line in open(name)]


def loss(model, batch):
    """Token-mean NLL of each row, summed; rows of equal length."""
    logits = model(input_ids=batch).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()) * len(batch)


def worst_logits(model, name):
    run("logits", "--model", name, "--data", "forget", "--out", "logits")
    ours = load_file("logits")
    with torch.no_grad():
        return max((model(input_ids=ids).logits[0] - ours[f"logits.{k}"]).abs().max().item() for k, ids in enumerate(rows("forget")))


def saved(model):
    """Gradients under the names of the file: transformers keeps experts together."""
    for p in model.parameters():
        p.data = p.grad
    model.save_pretrained("gradients", safe_serialization=True)
    return tensors("gradients")


def check(name):
    torch.manual_seed(1)
    theirs = AutoModelForCausalLM.from_config(MODELS[name]).float().eval()
    theirs.save_pretrained(name)
    before = worst_logits(theirs, name)
    run("attribute", "--model", name, "--forget", "forget", "--selector", "gradient", "--out", "scores")
    loss(theirs, torch.cat(rows("forget"))).backward()
    wanted, ours = saved(theirs), load_file("scores")
    shared = [k for k in wanted if k in ours]
    assert len(shared) > 8 * 24, f"{name}: {len(shared)} tensors are shared"
    gradient = max(((wanted[k].abs() - ours[k].float()).abs().max() / wanted[k].abs().max()).item() for k in shared)
    start = time.time()
    run("unlearn", "--model", name, "--forget", "forget", "--retain", "retain", "--lr", "1e-3", "--steps", "5", "--out", name + ".out")
    took = time.time() - start
    after = worst_logits(AutoModelForCausalLM.from_pretrained(name + ".out", dtype=torch.float32).eval(), name + ".out")
    n = sum(t.numel() for t in wanted.values())
    print(f"{name}, {n / 1e6:.0f} million weights: logits differ by {before:.1e}, after training by {after:.1e}; "
          f"gradients of {len(shared)} tensors by {gradient:.1e} of the largest" + (f"; five updates {took:.1f} s" if times else ""))
    assert before < 1e-4 and after < 1e-4 and gradient < 1e-3, name


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    for name in ("forget", "retain"):
        with open(name, "w") as f:
            for _ in range(4):
                f.write(json.dumps({"input_ids": [r.randrange(3, 8000) for _ in range(200)]}) + "\n")
    for model in MODELS:
        check(model)
