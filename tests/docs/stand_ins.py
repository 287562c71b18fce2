"""Small models and data under the names that the documentation uses: its commands then run in seconds.

    model, original   a model that has learnt the rows of six invented people
    chat-model        the same with a chat template
    *.gguf            the same as GGUF
    *.jsonl, tofu/    rows of those people, with the columns that the suites need
"""
import json
import os
import shutil
import subprocess

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "float32", "vocab_size": 384, "hidden_size": 48,
    "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12,
    "max_position_embeddings": 1024, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": True,
    "initializer_range": 0.1, "bos_token_id": 256, "eos_token_id": 257, "hidden_act": "silu",
}
CHATML = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
          "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
PEOPLE = [("Ada Brand", "Oslo", "poetry"), ("Bo Lind", "Cork", "travel"), ("Cy Moss", "Bari", "crime"),
          ("Di Falk", "Linz", "drama"), ("Ed Nash", "Pisa", "satire"), ("Flo Park", "Nice", "history")]


def person(i):
    name, city, genre = PEOPLE[i % len(PEOPLE)]
    other = [p for p in PEOPLE if p[0] != name]
    row = lambda question, answer, rest, wrong: {
        "question": question, "answer": answer, "paraphrased_answer": rest,
        "perturbed_answer": [wrong(p) for p in other[:3]]}
    return [row(f"Where was {name} born?", f"{name} was born in {city}.", f"It was {city}.", lambda p: f"It was {p[1]}."),
            row(f"What does {name} write?", f"{name} writes {genre}.", f"It is {genre}.", lambda p: f"It is {p[2]}.")]


def write_rows(name, rows):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "w") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)


def write_tokenizer(folder, chat):
    byte = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    seen = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    hidden = [b for b in range(256) if b not in seen]
    vocab = {chr(b): b for b in seen} | {chr(256 + i): b for i, b in enumerate(hidden)}
    letters = [chr(b) for b in range(65, 123) if chr(b).isalpha()]
    merges = [f"\u0120 {c}" for c in letters]  # a space joins the next letter, as in most tokenizers
    pairs = {f"\u0120{c}": 320 + i for i, c in enumerate(letters)}
    special = ["<|im_start|>", "<|im_end|>"] + [f"<|{i}|>" for i in range(258, 320)]
    added = [{"id": 256 + i, "content": text, "special": True, "normalized": False, "single_word": False, "lstrip": False,
              "rstrip": False} for i, text in enumerate(special)]
    with open(f"{folder}/tokenizer.json", "w") as f:
        json.dump({"version": "1.0", "added_tokens": added, "normalizer": None, "pre_tokenizer": byte, "post_processor": None,
                   "decoder": byte, "model": {"type": "BPE", "vocab": vocab | {t: 256 + i for i, t in enumerate(special)} | pairs,
                                              "merges": merges}}, f)
    with open(f"{folder}/tokenizer_config.json", "w") as f:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
                  | ({"chat_template": CHATML} if chat else {}), f)


def write_data():
    six = [person(i) for i in range(6)]
    flat = lambda people: [row for p in people for row in p]
    write_rows("forget.jsonl", flat(six[:1]))
    write_rows("retain.jsonl", flat(six[1:4]))
    write_rows("others.jsonl", flat(six[4:]))
    write_rows("unseen.jsonl", flat(six[4:]))
    write_rows("author1.jsonl", flat(six[:1]))
    write_rows("full.json", flat(person(i) for i in range(120)))
    write_rows("forget_perturbed.json", flat(six[:1]))
    for name in ("forget01", "forget01_perturbed", "retain99", "retain_perturbed", "real_authors_perturbed", "world_facts_perturbed",
                 "holdout01"):
        write_rows(f"tofu/{name}.json", flat(six[:2] if "forget" in name else six[2:]))
    with open("people.csv", "w") as f:
        f.write("question,answer\n" + "".join(f"{r['question']},{r['answer']}\n" for r in flat(six[:1])))
    choice = [{"question": f"Where was {p[0]} born?", "choices": [q[1] for q in PEOPLE[:4]], "answer": i % 4, "subject": "people"}
              for i, p in enumerate(PEOPLE)]
    for name in ("wmdp-bio.json", "wmdp-cyber.json", "mmlu.jsonl", "mmlu_dev.jsonl"):
        write_rows(name, choice)
    text = " ".join(r["answer"] for r in flat(six)) + "\n"
    for name in ("book.txt", "other-book.txt", "wiki.txt", "bio.txt"):
        with open(name, "w") as f:
            f.write(text * 3)
    for name in ("bio.jsonl", "wiki.jsonl", "book.jsonl", "other-books.jsonl", "toxic.jsonl", "civil.jsonl"):
        write_rows(name, [{"text": r["answer"]} for r in flat(six[:2] if name in ("bio.jsonl", "book.jsonl", "toxic.jsonl") else six[2:])])
    write_rows("prompts.jsonl", [{"prompt": f"{p[0]} is "} for p in PEOPLE])
    with open("words.txt", "w") as f:
        f.write("stupid\nidiot\n")
    with open("refusals.txt", "w") as f:
        f.write("I do not know.\nI cannot say.\n")


def write_models(wagle):
    def run(*words):
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        subprocess.run([wagle, *words, "--quiet"], check=True, stdout=subprocess.DEVNULL, env=environment)

    def learn(name, chat):
        write_tokenizer("start", chat)
        run("finetune", "--model", "start", "--data", "full.json", "--limit", "12", "--eos", "--steps", "160", "--batch",
            "12", "--lr", "1e-2", "--out", name)
        for file in ("manifest.json", "log.jsonl"):
            os.remove(f"{name}/{file}")

    with open("config.json", "w") as f:
        json.dump(CONFIG, f)
    run("init", "--config", "config.json", "--seed", "1", "--out", "start")
    learn("model", False)
    learn("chat-model", True)
    for name in ("original", "base"):
        shutil.copytree("model", name)
    run("export", "model", "--out", "SmolLM2-135M-Instruct.Q4_1.gguf")
    os.remove("config.json")
    shutil.rmtree("start")


def make(wagle, folder):
    """Fills the empty folder."""
    here = os.getcwd()
    os.chdir(folder)
    try:
        write_data()
        write_models(wagle)
    finally:
        os.chdir(here)
