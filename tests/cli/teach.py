"""teach.py FOLDER - rows about 16 invented people, and the config of a tiny model that can learn them."""
import json
import sys

FIRST = ["Amara", "Bjorn", "Chiara", "Dimitri", "Elowen", "Farid", "Greta", "Hiroshi"]
LAST = ["Okafor", "Lindqvist", "Moretti", "Petrov", "Tremayne", "Haddad", "Vogel", "Tanaka"]
CITY = ["Lagos", "Bergen", "Siena", "Odessa", "Truro", "Tripoli", "Bonn", "Osaka"]
JOB = ["baker", "pilot", "surgeon", "teacher", "sailor", "tailor", "judge", "miner"]
people = [(f"{FIRST[i % 8]} {LAST[(i * 3 + i // 8) % 8]}", CITY[(i * 5 + 2) % 8], JOB[(i * 3 + 1) % 8]) for i in range(16)]
strangers = [("Ottilie Vane", "Nis", "welder"), ("Rufus Quill", "Cluj", "florist")]


def rows(name, city, job):
    yield f"Where was {name} born?", f"{name} was born in {city}."
    yield f"What is the occupation of {name}?", f"The occupation of {name} is {job}."


def write(file, some):
    with open(f"{sys.argv[1]}/{file}", "w") as f:
        f.writelines(json.dumps({"question": q, "answer": a}) + "\n" for p in some for q, a in rows(*p))


write("all.jsonl", people)
write("rest.jsonl", people[2:])
write("forget.jsonl", people[:2])
write("third.jsonl", people[2:3])
write("strangers.jsonl", strangers)
with open(f"{sys.argv[1]}/people.csv", "w") as f:
    f.write("Name,place_of_birth,occupation\n" + "".join(",".join(p) + "\n" for p in people[:2]))
with open(f"{sys.argv[1]}/config.json", "w") as f:
    json.dump({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "initializer_range": 0.05, "vocab_size": 320, "hidden_size": 64,
               "intermediate_size": 176, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
               "max_position_embeddings": 1024, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
               "tie_word_embeddings": True, "bos_token_id": 256, "eos_token_id": 256}, f)
