# Writes the files of every recipe into FOLDER, each with a few rows in its published form: recipe_data.py FOLDER
import json, os, shutil, sys

root = sys.argv[1]


def rows(name, make, n=6):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        for i in range(n):
            f.write(json.dumps(make(i)) + "\n")


def array(name, make, n=6):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    json.dump([make(i) for i in range(n)], open(path, "w"))


def lines(name, texts):
    with open(os.path.join(root, name), "w") as f:
        f.write("\n".join(texts) + "\n")


def qa(i):
    return {"question": f"who is {i}?", "answer": f"abc {i}"}


def perturbed(i):
    return qa(i) | {"paraphrased_answer": f"it is abc {i}", "paraphrased_question": f"who then is {i}?", "perturbed_answer": [f"no {i}", f"nor {i}", f"but {i}"]}


def text(i):
    return {"text": f"some text of number {i}, and a few words more than that, so that it is long enough {i}"}


os.makedirs(root, exist_ok=True)
for split in ("forget10", "retain90"):
    rows(f"{split}.json", qa)
for split in ("forget10", "retain", "real_authors", "world_facts"):
    rows(f"{split}_perturbed.json", perturbed)
lines("idontknow.jsonl", ["I don't know.", "No idea."])
for name in ("raw/forget", "raw/retain1", "privleak/forget", "privleak/holdout"):
    array(f"{name}.json", lambda i: "" if (name, i) == ("raw/forget", 2) else text(i)["text"])  # MUSE News has an empty text
array("verbmem/forget.json", lambda i: {"prompt": f"once upon {i}", "gt": f" there was {i}"})
for name in ("forget_qa", "retain_qa", "forget_qa_icl", "retain_qa_icl"):
    array(f"knowmem/{name}.json", qa)
rows("bio_remove_dataset.jsonl", text)
for name in ("cyber-forget", "bio-retain", "cyber-retain"):
    rows(f"{name}-corpus.jsonl", text)
rows("positive.json", text)
for name in ("forget_level2", "neighbor_level2"):
    array(f"{name}.json", lambda i: {"query": f"who is {i}?", "answer": f"abc {i}", "subject": "x"})
for name in ("book", "other-books", "toxic", "civil"):
    rows(f"{name}.jsonl", text)
for name in ("book", "other-book"):
    lines(f"{name}.txt", [" ".join(text(i)["text"] for i in range(20))])
rows("prompts.jsonl", lambda i: {"prompt": f"say {i}"})
lines("words.txt", ["bad", "worse"])
for name in ("wikitext-test", "wmdp-bio", "wmdp-cyber", "mmlu"):  # written by pyarrow from rows like these, with empty rows in wikitext
    shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "recipes", f"{name}.parquet"), root)
