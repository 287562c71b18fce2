"""PEFT loads what --out-adapter wrote, and merges adapters as wagle does.

    python3 tests/peer/check_peft.py build/release/wagle tests/gold/models tests/gold/adapters

Exits with 77 (skipped) where torch, transformers or peft is missing. Not needed by users."""
import glob, json, os, random, subprocess, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
try:
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

wagle, models, adapters = (os.path.abspath(p) for p in sys.argv[1:4])
r = random.Random(5)


def tensors(folder):
    return {k: v for f in glob.glob(folder + "/model*.safetensors") for k, v in load_file(f).items()}


def run(*command):
    subprocess.check_call([wagle, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_out(model):
    """The logits of the model that was trained, from the adapter in PEFT, not merged and merged."""
    folder = f"{models}/{model}"
    mixture = any(".experts." in name for name in tensors(folder))  # PEFT has no module for an expert or a router
    run("unlearn", *(["--lora-targets", "*self_attn*"] if mixture else []), "--model", folder, "--forget", "rows", "--retain", "rows", "--retain-term", "kl", "--lora", "4",
        "--lora-alpha", "6", "--lr", "1e-2", "--steps", "5", "--out", model + ".out", "--out-adapter", model + ".adapter")
    run("logits", "--model", model + ".out", "--data", "rows", "--out", model + ".logits")
    ours = load_file(model + ".logits")
    base = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    rounded = base.dtype != torch.float32  # what is merged is rounded, as wagle's model is
    theirs = PeftModel.from_pretrained(base, model + ".adapter").eval()
    assert not [p for n, p in theirs.named_parameters() if "lora_B" in n and not p.any()], "an adapter was not loaded"
    worst = 0
    for merged in (True,) if rounded else (False, True):
        theirs = theirs.merge_and_unload().float() if merged else theirs
        for k, line in enumerate(open("rows")):
            with torch.no_grad():
                want = theirs(input_ids=torch.tensor([json.loads(line)["input_ids"]])).logits[0]
            worst = max(worst, (want - ours[f"logits.{k}"]).abs().max().item())
    assert worst < (2e-3 if rounded else 1e-4), f"{model}: {worst}"
    print(f"{model}: logits differ by at most {worst:.1e}")


def check_in(name):
    """Every merged tensor, beside merge_and_unload."""
    base = json.load(open(f"{adapters}/{name}/case.json"))["model"]
    run("merge", f"{models}/{base}", "--adapter", f"{adapters}/{name}", "--out", name)
    loaded = AutoModelForCausalLM.from_pretrained(f"{models}/{base}", dtype="auto")
    theirs = PeftModel.from_pretrained(loaded, f"{adapters}/{name}").merge_and_unload().state_dict()
    ours, worst, differ, total = tensors(name), 0, 0, 0
    for key, mine in ours.items():
        want = theirs[key if key in theirs else "transformer." + key].to(mine.dtype)
        worst = max(worst, ((want.float() - mine.float()).abs().max() / want.float().abs().max()).item())
        differ += (want != mine).sum().item()
        total += mine.numel()
    assert worst < (2 ** -7 if "bf16" in name else 1e-6), f"{name}: {worst}"
    print(f"{name}: {differ} of {total} weights differ, by at most {worst:.1e} of the largest in their tensor")


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    with open("rows", "w") as f:
        for _ in range(4):
            f.write(json.dumps({"input_ids": [r.randrange(3, 320) for _ in range(20)]}) + "\n")
    for name in sorted(os.listdir(adapters)):
        check_in(name)
    for model in sorted(os.listdir(models)):
        check_out(model)
