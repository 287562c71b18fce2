"""Multiple choice by PyTorch and transformers, a sequence at a time, as lm-evaluation-harness defines it.

    peer_mmlu.py MODEL QUESTIONS.jsonl OUT.jsonl"""
import json, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, questions, out = sys.argv[1:4]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def nll(prompt, answers):
    result = []
    for answer in answers:
        head, ids = tokenizer(prompt).input_ids, tokenizer(prompt + answer).input_ids
        first = next((i for i, (a, b) in enumerate(zip(head, ids)) if a != b), min(len(head), len(ids)))
        z = model(input_ids=torch.tensor([ids])).logits[0, first - 1:-1]
        result.append(torch.nn.functional.cross_entropy(z.double(), torch.tensor(ids[first:]), reduction="sum").item())
    return result


with open(out, "w") as f:
    for line in open(questions):
        q = json.loads(line)
        letters = "ABCDEFGH"[:len(q["choices"])]
        head = "The following are {}questions (with answers) about " + q["subject"].replace("_", " ") + ".\n\n" if "subject" in q else ""
        block = q["question"].strip() + "\n" + "".join(f"{a}. {c}\n" for a, c in zip(letters, q["choices"])) + "Answer:"
        f.write(json.dumps({"answer": q["answer"], "letter_nll": nll(head.format("multiple choice ") + block, [" " + a for a in letters]),
                            "text_nll": nll(head.format("") + f"Question: {q['question'].strip()}\nAnswer:", [" " + c for c in q["choices"]]),
                            "length": [len(c) for c in q["choices"]]}) + "\n")
