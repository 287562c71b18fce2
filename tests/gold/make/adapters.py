"""Writes tests/gold/adapters/NAME: LoRA adapters that PEFT saved for models of tests/gold/models, and what
PEFT's merge_and_unload makes of them: logits of one row, and some of the merged tensors.

    python tests/gold/make/adapters.py tests/gold/models tests/gold/adapters

Needs torch, transformers and peft."""
import json, os, pathlib, shutil, sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

MODELS, OUT = (pathlib.Path(p) for p in sys.argv[1:3])
ATTENTION = ["q_proj", "v_proj"]

# name: model, what LoraConfig gets, merged tensors that are kept
CASES = {
    "list": ("llama-gqa-tied", dict(r=4, lora_alpha=8, target_modules=ATTENTION),
             ["model.layers.1.self_attn.v_proj.weight"]),
    "bf16": ("llama-gqa-tied-bf16", dict(r=4, lora_alpha=6, target_modules="all-linear"),
             ["model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight"]),
    "regex-rslora": ("llama-mha", dict(r=3, lora_alpha=5, use_rslora=True,
                                       target_modules=r".*layers\.[01]\.(self_attn\.[qk]_proj|mlp\.up_proj)"),
                     ["model.layers.0.mlp.up_proj.weight"]),
    "patterns": ("qwen2", dict(r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "down_proj"],
                               rank_pattern={"layers.0.self_attn.q_proj": 2, r"\d+\.mlp\.down_proj": 6},
                               alpha_pattern={"k_proj": 3}, bias="all"),
                 ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.q_proj.bias",
                  "model.layers.1.mlp.down_proj.weight"]),
    "dora": ("mistral-swa", dict(r=4, lora_alpha=8, use_dora=True, target_modules=["q_proj", "o_proj", "gate_proj"]),
             ["model.layers.0.mlp.gate_proj.weight"]),
    "gpt2": ("gpt2", dict(r=4, lora_alpha=8, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True),
             ["transformer.h.0.attn.c_attn.weight", "transformer.h.1.attn.c_proj.weight"]),
    "gpt2-dora": ("gpt2", dict(r=2, lora_alpha=4, use_dora=True, target_modules=["c_fc"], fan_in_fan_out=True,
                               bias="lora_only"), ["transformer.h.0.mlp.c_fc.weight"]),
    "whole": ("llama-mha", dict(r=2, lora_alpha=4, target_modules=["o_proj"], modules_to_save=["lm_head", "norm"]),
              ["lm_head.weight", "model.norm.weight"]),
    "embedding": ("llama-mha", dict(r=2, lora_alpha=4, target_modules=["embed_tokens", "q_proj"]),
                  ["model.embed_tokens.weight"]),
    "embedding-tied": ("llama-gqa-tied", dict(r=2, lora_alpha=4, target_modules=["embed_tokens"]),
                       ["model.embed_tokens.weight"]),
}


def randomise(model, generator):
    """Every trained number becomes another, so that nothing is left at its start."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            noise = torch.randn(p.shape, generator=generator)
            if "lora_" in name and "magnitude" not in name:
                p.copy_(0.2 * noise)
            else:
                p.copy_(p.float() * (1 + 0.1 * noise) + 0.01 * noise)


def main():
    for i, (name, (base, how, kept)) in enumerate(CASES.items()):
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        generator = torch.Generator().manual_seed(100 + i)

        def load():
            return AutoModelForCausalLM.from_pretrained(MODELS / base, dtype="auto", attn_implementation="eager").eval()

        model = get_peft_model(load(), LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **how))
        randomise(model, generator)
        model.peft_config["default"].base_model_name_or_path = base
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        merged = PeftModel.from_pretrained(load(), folder).merge_and_unload()
        state = merged.state_dict()
        ids = torch.randint(3, 300, (12,), generator=generator)
        with torch.no_grad():
            logits = merged.float()(input_ids=ids[None]).logits[0]
        gold = {"merged." + k: state[k].to(load().state_dict()[k].dtype).contiguous() for k in kept}
        save_file({**gold, "input_ids.0": ids.int(), "labels.0": ids.int(), "logits.0": logits.contiguous()},
                  folder / "gold.safetensors")
        json.dump({"model": base}, open(folder / "case.json", "w"))
        print(name, sorted(load_file(folder / "adapter_model.safetensors"))[:3])


main()
