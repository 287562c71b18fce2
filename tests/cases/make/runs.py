#!/usr/bin/env python3
"""Cases of files copied along, of resuming and of definitions, made of the files of a case that is there.

    OMP_NUM_THREADS=1 python runs.py     (transformers 5.24.0 computes the losses of the last kind)"""
import json, os, shutil, tempfile

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

# --- resume ----------------------------------------------------------------------------------------

RUN = "set -f; wagle unlearn --model model --retain rows.jsonl --steps 1500 --lr 1e-3 --checkpoint-every 5 --threads 1 --out o --quiet "


def resume(name, why, before, given, changes, named):
    """A run with `given` is interrupted; then each of `changes` is refused, naming its part of `named`."""
    steps = [{"run": before + RUN + given + " & pid=$!; while [ ! -e o.partial/checkpoint.safetensors ]; do sleep 0.02; done; "
              "kill -INT $pid; wait $pid", "rc": 130}]
    for change, text in zip(changes, named):
        steps.append({"run": change[0] + RUN + change[1] + " --resume", "rc": 2, "stderr": [text, "made with"], "stderr_lines": 1,
                      "python": "exists('o.partial/checkpoint.safetensors')"})
    case(name, "resume", "the same run, uninterrupted", why, steps)


resume("resume-changed-rows", "a run does not resume on other rows, in whatever way they became others", "cp rows.jsonl f.jsonl; ",
       "--forget f.jsonl --objective npo", [("sed -i s/Lumen/Luzen/ f.jsonl; ", "--forget f.jsonl --objective npo"),
                                            ("cp rows.jsonl f.jsonl; ", "--forget f.jsonl --objective npo --prompt 'Q: {question} A: '"),
                                            ("", "--forget f.jsonl --objective npo --eos"), ("", "--forget f.jsonl --objective npo --limit 1"),
                                            ("", "--forget f.jsonl@2 --objective npo")],
       ["rows of --forget", "--prompt", "--eos", "--limit", "rows of --forget"])
resume("resume-changed-files", "a file of the same name with other content is another file",
       "wagle mask --model model --selector random --density 0.3 --seed 1 --out m --quiet; echo 'I do not know.' >r.txt; ",
       "--forget rows.jsonl --objective po --refusal r.txt --mask m",
       [("wagle mask --model model --selector random --density 0.3 --seed 2 --out m --force --quiet; ",
         "--forget rows.jsonl --objective po --refusal r.txt --mask m"),
        ("wagle mask --model model --selector random --density 0.3 --seed 1 --out m --force --quiet; echo 'No.' >r.txt; ",
         "--forget rows.jsonl --objective po --refusal r.txt --mask m")],
       ["--mask", "--refusal"])
resume("resume-changed-training", "what the updates follow from is part of the run",
       "cp -r model other; printf '\\001' | dd of=other/model.safetensors bs=1 seek=26000 conv=notrunc 2>x; ", "--forget rows.jsonl --objective npo --reference other",
       [("", "--forget rows.jsonl --objective npo --reference other --npo-beta 0.2"),
        ("", "--forget rows.jsonl --objective npo --reference model"), ("", "--forget rows.jsonl --objective npo --reference other --no-decay norms"),
        ("", "--forget rows.jsonl --objective npo --reference other --reduction tokens"),
        ("", "--forget rows.jsonl --objective npo --reference other --stop-when 'forget.nll>9'"),
        ("", "--forget rows.jsonl --objective npo --reference other --warmup 3")],
       ["--npo-beta 0.1, now --npo-beta 0.2", "--reference", "--no-decay", "--reduction rows, now --reduction tokens", "--stop-when", "--warmup"])

# --- definitions -----------------------------------------------------------------------------------

def write_rows(path, rows):
    with open(path, "w") as f:
        for ids, given in rows:
            f.write(json.dumps({"input_ids": ids, "labels": [-100] * given + ids[given:]}) + "\n")


FORGET = [(list(range(65, 65 + n)), 3) for n in (5, 9, 14, 6)]
RETAIN = [(list(range(120, 120 - n, -1)), 2) for n in (12, 4, 7, 10)]
PROBE = [(list(range(70, 86)), 1)]
SPARED = ("norm", "bias")


def train(loss_of, steps, lr, decay, spare, clip, mask=None):
    """Logits [-1, :6] of PROBE after AdamW as torch and transformers do it, and the first loss."""
    import torch
    from transformers import AutoModelForCausalLM
    with tempfile.TemporaryDirectory() as folder:
        for to, source in MODEL.items():
            if to.startswith("model/"):
                shutil.copy(os.path.join(here, source), os.path.join(folder, to[6:]))
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    named = list(model.named_parameters())
    groups = [{"params": [p for n, p in named if spare and any(s in n for s in SPARED)], "weight_decay": 0.0},
              {"params": [p for n, p in named if not (spare and any(s in n for s in SPARED))], "weight_decay": decay}]
    before = {n: p.detach().clone() for n, p in named}
    optimizer = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8)
    first = None
    for _ in range(steps):
        loss = loss_of(model)
        first = loss.item() if first is None else first
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        if mask is not None:
            for n, p in named:
                p.grad.mul_(mask(n, before[n]))
        optimizer.step()
        if mask is not None:  # decay touches selected weights only
            with torch.no_grad():
                for n, p in named:
                    p.copy_(torch.where(mask(n, before[n]).bool(), p, before[n]))
    with torch.no_grad():
        return [round(x, 6) for x in model(torch.tensor([PROBE[0][0]])).logits[0, -1, :6].tolist()], first


def token_mean(model, rows):
    import torch
    nll, n = 0, 0
    for ids, given in rows:
        logits = model(torch.tensor([ids])).logits[0, given - 1:-1]
        nll = nll + torch.nn.functional.cross_entropy(logits, torch.tensor(ids[given:]), reduction="sum")
        n += len(ids) - given
    return nll / n


def row_mean(model, rows):
    return sum(token_mean(model, [row]) for row in rows) / len(rows)


def trained(name, why, command, want):
    logits, loss = want
    case(name, "definitions", "torch and transformers 5.24.0", why,
         [{"run": f"wagle {command} --warmup 0 --schedule constant --lr 1e-2 --weight-decay 0.5 --out out --quiet >log && "
                  "head -1 out/log.jsonl", "json": {"loss": loss}, "tolerance": 2e-5},
          {"run": "wagle logits --model out --data probe.jsonl --out logits.safetensors",
           "logits": {"file": "logits.safetensors", "tensor": "logits.0", "last_row": logits, "tolerance": 2e-4}}],
         {k: v for k, v in MODEL.items() if k.startswith("model/")})
    for file, rows in (("forget.jsonl", FORGET), ("retain.jsonl", RETAIN), ("probe.jsonl", PROBE)):
        write_rows(os.path.join(here, name, file), rows)


def definitions():
    import torch
    def mask(n, w):  # norms and all of the down projection
        return torch.ones_like(w) if "down_proj" in n or "norm" in n else torch.zeros_like(w)

    trained("finetune-accumulates-tokens",
            "batches that are accumulated: the mean is over all their label tokens, as Trainer's num_items_in_batch has it; norms without decay",
            "finetune --model model --data forget.jsonl --batch 2 --accumulate 2 --steps 4 --no-decay norms,biases",
            train(lambda m: token_mean(m, FORGET), 4, 1e-2, 0.5, True, 1.0))
    trained("graddiff-by-tokens", "with --reduction tokens both terms are means over the batch's label tokens, as in TOFU and open-unlearning",
            "unlearn --model model --forget forget.jsonl --retain retain.jsonl --batch 4 --reduction tokens --forget-weight 0.5 --pairs pairs.json",
            train(lambda m: -0.5 * token_mean(m, FORGET) + token_mean(m, RETAIN), 4, 1e-2, 0.5, False, 1.0))
    trained("clip-before-mask", "the norm of all gradients clips, then the mask is laid on them, as the reference code of WAGLE does",
            "mask --model model --selector magnitude --density 1 --include '*down_proj*' --include norms --out mask && "
            "wagle unlearn --model model --forget forget.jsonl --retain retain.jsonl --batch 4 --mask mask --clip 0.5 --clip-before-mask --pairs pairs.json",
            train(lambda m: -row_mean(m, FORGET) + row_mean(m, RETAIN), 4, 1e-2, 0.5, False, 0.5, mask))
    for name in ("graddiff-by-tokens", "clip-before-mask"):
        with open(os.path.join(here, name, "pairs.json"), "w") as f:
            json.dump([[[i, i] for i in range(4)]] * 4, f)


if __name__ == "__main__":
    definitions()
