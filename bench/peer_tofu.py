"""The TOFU evaluation by PyTorch and transformers: the same rows, tokens and greedy generation as `wagle eval --suite tofu`.

    peer_tofu.py MODEL SETS.json MAX_TOKENS OUT.jsonl      SETS.json: {"forget": FILE, ...}; prints seconds

Losses in padded batches of 16 sequences of like length, texts in left-padded batches of 32 prompts, as the published code does
it on a GPU; weights as stored, arithmetic in float32."""
import json, sys, time
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, sets, most, out = sys.argv[1], json.load(open(sys.argv[2])), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(torch.get_num_threads())
began = time.time()
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
eos = model.config.eos_token_id[0] if isinstance(model.config.eos_token_id, list) else model.config.eos_token_id


def encode(question, answer):
    prompt = f"### Question: {question}\n### Answer: "
    head, ids = tokenizer(prompt).input_ids, tokenizer(prompt + answer).input_ids + [eos]
    first = next((i for i, (a, b) in enumerate(zip(head, ids)) if a != b), min(len(head), len(ids)))
    return ids, first


@torch.no_grad()
def losses(examples, batch=16):
    order = sorted(range(len(examples)), key=lambda i: len(examples[i][0]))
    result = [0.0] * len(examples)
    for at in range(0, len(order), batch):
        some = order[at:at + batch]
        width = max(len(examples[i][0]) for i in some)
        ids = torch.full((len(some), width), eos)
        mask = torch.zeros((len(some), width), dtype=torch.long)
        for k, i in enumerate(some):
            n = len(examples[i][0])
            ids[k, :n], mask[k, :n] = torch.tensor(examples[i][0]), 1
        logits = model(input_ids=ids, attention_mask=mask).logits
        for k, i in enumerate(some):
            tokens, first = examples[i]
            z = logits[k, first - 1:len(tokens) - 1]
            result[i] = torch.nn.functional.cross_entropy(z.double(), torch.tensor(tokens[first:])).item()
    return result


@torch.no_grad()
def answers(prompts, batch=32):
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    result = [""] * len(prompts)
    for at in range(0, len(order), batch):
        some = order[at:at + batch]
        width = max(len(prompts[i]) for i in some)
        ids = torch.full((len(some), width), eos)
        mask = torch.zeros((len(some), width), dtype=torch.long)
        for k, i in enumerate(some):
            n = len(prompts[i])
            ids[k, width - n:], mask[k, width - n:] = torch.tensor(prompts[i]), 1
        made = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=most, pad_token_id=eos,
                              repetition_penalty=None, temperature=None, top_p=None, top_k=None)
        for k, i in enumerate(some):
            result[i] = tokenizer.decode(made[k, width:], skip_special_tokens=True)
    return result


with open(out, "w") as f:
    for name, path in sets.items():
        rows = [json.loads(line) for line in open(path)]
        examples, starts = [], []
        for r in rows:
            starts.append(len(examples))
            texts = [r["answer"], r.get("paraphrased_answer", r["answer"])] + r["perturbed_answer"]
            examples += [encode(r["question"], text) for text in texts]
        nll, said = losses(examples), answers([examples[s][0][:examples[s][1]] for s in starts])
        for i, (r, s) in enumerate(zip(rows, starts)):
            f.write(json.dumps({"set": name, "row": i, "nll": nll[s], "paraphrased_nll": nll[s + 1],
                                "perturbed_nll": nll[s + 2:s + 2 + len(r["perturbed_answer"])], "generated": said[i]}) + "\n")
print(json.dumps({"seconds": time.time() - began}))
