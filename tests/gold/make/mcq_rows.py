"""Questions of our own in the columns of ten multiple-choice benchmarks: tests/gold/mcq/rows.json.

    python3 tests/gold/make/mcq_rows.py

{name: {"rows": [...], "dev": [...]}}, ten rows and three solved ones each. What prompts are made of shows its edges: white space
around texts, line breaks, brackets, several spaces, letters that other languages write, labels as numbers and as letters."""
import json, os, random

r = random.Random(16)
places = ["Orvask", "Linnfell", "Tamsøy", "Upper Brede", "São Calado", "Quell Harbour", "Müldorf", "Eastmoor", "Ivy Cross", "Nordhaven"]
people = ["Mara", "Joren", "Old Pim", "Ines", "the baker", "Captain Ruhl", "Agnès", "a visitor", "Tove", "Hassan"]
things = ["a blue kettle", "two ropes", "salt", "a map of the marsh", "wet paint", "seven lanterns", "the bell", "café tables", "an old cart", "Öl lamps"]
acts = ["mends the nets", "counts the geese", "rings the bell twice", "paints the gate red", "carries water uphill", "sells turnips", "sleeps until noon",
        "writes a long letter", "closes the lock", "bakes rye bread"]
reasons = ["because the tide is late", "so that the roof stays dry", "before the market opens", "although nobody asked", "when the wind turns north"]
pick = lambda pool, n: r.sample(pool, n)


def sentence():
    return f"{r.choice(people).capitalize()} {r.choice(acts)} in {r.choice(places)} {r.choice(reasons)}."


def question(i):
    who, where = r.choice(people), r.choice(places)
    forms = [f"What does {who} need in {where} to keep the lamps burning?", f"Who {r.choice(acts)} in {where}?", f"Why is {where} quiet on market days?",
             f"In {where}, which of these can float?", f"How many bells does {where} have"]
    return ["{}", "  {}", "{}\n", "{} "][i % 4].format(forms[i % 5])


def lettered(n, extra):
    return [{"question": question(i), **extra(i), "choices": pick(things + acts, 4), "answer": r.randrange(4)} for i in range(n)]


def arc(n, stem):
    rows = []
    for i in range(n):
        k = (4, 4, 3, 5)[i % 4]
        names = [str(j + 1) for j in range(k)] if i % 3 == 1 else list("ABCDE"[:k])
        rows.append({"id": f"q{i}", stem: question(i), "choices": {"text": pick(things + acts, k), "label": names}, "answerKey": r.choice(names)})
    return rows


def hellaswag(n):
    rows, labels = [], ["Mending nets", "Making jam", "Painting a fence", "How to bake bread", "Rowing"]
    for i in range(n):
        a = [sentence(), f"[header] How to keep geese [title] Build a pen. {sentence()}", f" {sentence()} "][i % 3]
        b = ["", "she", "THE MAN", "élan vital he", "then [step] Joren"][i % 5]
        endings = [f"{r.choice(acts)}.", f"[substeps] {r.choice(acts)} [title] and {r.choice(acts)}.", f" {r.choice(acts)}   slowly.", f"{r.choice(acts)} [ad] [b]now, in {r.choice(places)}."]
        r.shuffle(endings)
        rows.append({"ind": i, "activity_label": labels[i % 5], "ctx_a": a, "ctx_b": b, "ctx": f"{a} {b}", "endings": endings,
                     "source_id": f"own~{i}", "split": "val", "split_type": "indomain", "label": str(r.randrange(4))})
    return rows


def truthfulqa(n):
    rows = []
    for i in range(n):
        one, many = pick(things + acts, 4), pick(things + acts, 6)
        right = 1 + i % 3
        rows.append({"question": question(i).strip(), "mc1_targets": {"choices": [c.capitalize() + "." for c in one], "labels": [1, 0, 0, 0]},
                     "mc2_targets": {"choices": [c.capitalize() + "." for c in many], "labels": [1] * right + [0] * (6 - right)}})
    return rows


def piqa(n):
    return [{"goal": f"To {['lift', 'dry', 'keep', 'sell'][i % 4]} {r.choice(things)}{'' if i % 3 else ' '}", "sol1": sentence(), "sol2": sentence(), "label": r.randrange(2)}
            for i in range(n)]


def winogrande(n):
    rows = []
    for i in range(n):
        a, b = pick(["Mara", "Joren", "Ines", "Tove", "the kettle", "the cart"], 2)
        form = [f"{a} lent {r.choice(things)} to {b} because _ had no need of it.", f"The lamp did not fit on {a} beside {b} as _ was too small .",
                f"_ waited for {a} and {b} until dark.", f"{b} met {a} in {r.choice(places)}, and then _  left; nobody_saw it."][i % 4]
        rows.append({"sentence": form, "option1": a, "option2": b, "answer": str(1 + r.randrange(2))})
    return rows


def boolq(n):
    return [{"question": f"does {r.choice(people)} live in {r.choice(places)}", "passage": " ".join(sentence() for _ in range(1 + i % 3)), "idx": i,
             "label": r.randrange(2)} for i in range(n)]


def rte(n, a, b):
    return [{a: f"{sentence()} {sentence()}", b: sentence(), "idx": i, "label": r.randrange(2)} for i in range(n)]


subjects = ["abstract_algebra", "high_school_world_history"]
make = {
    "mmlu": lambda n: lettered(n, lambda i: {"subject": subjects[i % 2]}),
    "wmdp_bio": lambda n: lettered(n, lambda i: {}),
    "wmdp_chem": lambda n: lettered(n, lambda i: {}),
    "wmdp_cyber": lambda n: lettered(n, lambda i: {}),
    "arc_easy": lambda n: arc(n, "question"),
    "hellaswag": hellaswag,
    "truthfulqa": truthfulqa,
    "openbookqa": lambda n: arc(n, "question_stem"),
    "piqa": piqa,
    "winogrande": winogrande,
    "boolq": boolq,
    "rte": lambda n: rte(n, "sentence1", "sentence2"),
    "sglue_rte": lambda n: rte(n, "premise", "hypothesis"),
}
here = os.path.dirname(os.path.abspath(__file__))
with open(f"{here}/../mcq/rows.json", "w", encoding="utf-8") as f:
    # two subjects: six solved rows of mmlu are three of each
    rows = {name: {"rows": of(10), "dev": of(6 if name == "mmlu" else 3)} for name, of in make.items()}
    f.write("{\n" + ",\n".join(
        json.dumps(name) + ": {" + ",\n".join(
            json.dumps(part) + ": [\n  " + ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in of) + "]" for part, of in both.items()) + "}"
        for name, both in rows.items()) + "\n}\n")
