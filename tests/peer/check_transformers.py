"""transformers loads what `wagle unlearn` wrote, and computes the same logits.

    python3 tests/peer/check_transformers.py build/release/wagle tests/gold/models

Exits with 77 (skipped) where torch or transformers is missing. Not needed by users."""
import json, os, random, subprocess, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
try:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

wagle, models = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
r = random.Random(5)
with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    for name in ("forget", "retain"):
        with open(name, "w") as f:
            for _ in range(4):
                f.write(json.dumps({"input_ids": [r.randrange(3, 320) for _ in range(20)]}) + "\n")
    for model in sorted(os.listdir(models)):
        subprocess.check_call([wagle, "unlearn", "--model", f"{models}/{model}", "--forget", "forget",
                               "--retain", "retain", "--selector", "wagle", "--density", "0.3",
                               "--lr", "1e-3", "--steps", "5", "--out", model], stdout=subprocess.DEVNULL)
        subprocess.check_call([wagle, "logits", "--model", model, "--data", "forget", "--out", model + ".logits"])
        ours = load_file(model + ".logits")
        theirs = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
        for k, line in enumerate(open("forget")):
            with torch.no_grad():
                want = theirs(input_ids=torch.tensor([json.loads(line)["input_ids"]])).logits[0]
            error = (want - ours[f"logits.{k}"]).abs().max().item()
            assert error < 1e-4, f"{model} row {k}: {error}"
        print(model, "equal")
