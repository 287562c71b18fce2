#!/usr/bin/env python3
"""Cases of files copied along, of resuming and of definitions, made of the files of a case that is there.

    OMP_NUM_THREADS=1 python runs.py     (transformers 5.24.0 computes the losses of the last kind)"""
import json, os

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BASE = "resume-changed-options"
MODEL = {f"model/{name}": f"{BASE}/model/{name}"
         for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")}
MODEL |= {"model/model.safetensors": "weights/llama-a.safetensors", "rows.jsonl": f"{BASE}/rows.jsonl"}


def case(name, kind, judge, why, steps, files=MODEL):
    folder = os.path.join(here, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump({"kind": kind, "judge": judge, "why": why, "files": files, "steps": steps}, f, indent=1)
        f.write("\n")


# --- files copied along ----------------------------------------------------------------------------

UNLEARN = "wagle unlearn --model model --forget rows.jsonl --retain rows.jsonl --steps 3 --lr 1e-2 --out out"

case("stale-index-beside-single", "copied files", "transformers 5.24.0",
     "transformers reads model.safetensors and not the index beside it: the index's shards are other weights",
     [{"run": "cp model/model.safetensors model/model-00001-of-00001.safetensors; "
              """echo '{"weight_map":{"lm_head.weight":"model-00001-of-00001.safetensors"}}' >model/model.safetensors.index.json; """ + UNLEARN,
       "stderr": ["model.safetensors.index.json", "model-00001-of-00001.safetensors"],
       "missing_files": ["out/model.safetensors.index.json", "out/model-00001-of-00001.safetensors"],
       "python": "exists('out/model.safetensors')"}])

STALE = ["flax_model.msgpack", "tf_model.h5", "model.gguf", "rust_model.ot", "optimizer.pt", "weights.pth", "last.ckpt",
         "pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json", "model.fp16.safetensors", "training_args.bin", "data.xyz"]
case("stale-other-formats", "copied files", "transformers 5.24.0",
     "other frameworks' weights, folders of exports and a trainer's checkpoints hold what was to be forgotten",
     [{"run": "cd model; for f in " + " ".join(STALE) + "; do cp model.safetensors $f; done; for d in onnx original checkpoint-500 .cache; do "
              "mkdir $d; cp model.safetensors $d/model.safetensors; done; cd ..; " + UNLEARN,
       "stderr": STALE + ["onnx/", "original/", "checkpoint-500/", ".cache/"],
       "python": "sorted(__import__('os').listdir(path('out'))) == ['config.json', 'generation_config.json', 'log.jsonl', 'manifest.json', "
                 "'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']"}])

KEPT = ["tokenizer.model", "chat_template.jinja", "LICENSE", "USE_POLICY.md", "README.md", "preprocessor_config.json", "modeling_own.py",
        "special_tokens_map.json", "additional_chat_templates/tool.jinja"]
case("kept-beside-weights", "copied files", "transformers 5.24.0",
     "what the tokenizer, the chat and the licence need is copied byte for byte, by unlearn, apply and revert alike",
     [{"run": "mkdir model/additional_chat_templates; cd model; for f in " + " ".join(KEPT[:-2]) + "; do echo \"kept $f\" >$f; done; "
              "echo tools >additional_chat_templates/tool.jinja; echo '{}' >special_tokens_map.json; cp model.safetensors consolidated.00.pth; cd ..; " + UNLEARN + " --out-patch p --quiet; "
              "wagle apply model p --out applied; wagle revert out p --out reverted",
       "stderr": ["consolidated.00.pth"],
       "missing_files": ["out/consolidated.00.pth", "applied/consolidated.00.pth", "reverted/consolidated.00.pth"],
       "same_files": [[f"model/{f}", f"{d}/{f}"] for d in ("out", "applied", "reverted") for f in KEPT] +
                     [["out/model.safetensors", "applied/model.safetensors"], ["model/model.safetensors", "reverted/model.safetensors"]]}])
