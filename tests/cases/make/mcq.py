"""Cases mcq-*: rows of benchmarks in their own columns; what is right is lm-evaluation-harness's own task code on the model of
mcq-hellaswag.

    python3 tests/cases/make/mcq.py"""
import json, os, shutil, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
cases = f"{here}/.."
sys.path.insert(0, f"{here}/../../peer")
import check_lm_eval as peer

FILES = {"model/model.safetensors": "weights/llama-a.safetensors",
         **{f"model/{name}": f"mcq-hellaswag/model/{name}" for name in ("generation_config.json", "tokenizer.json", "tokenizer_config.json")}}
with open(f"{cases}/mcq-hellaswag/model/config.json") as f:
    CONFIG = {**json.load(f), "max_position_embeddings": 4096}


def ask(name, rows, dev, shots):
    with tempfile.TemporaryDirectory() as folder:
        for to, source in FILES.items():
            shutil.copy(f"{cases}/{source}", f"{folder}/{os.path.basename(to)}")
        with open(f"{folder}/config.json", "w") as f:
            json.dump(CONFIG, f)
        peer.check.SETS = {name: {"rows": rows, "dev": dev}}
        return peer.by_lm_eval(peer.open_model(folder), name, shots)


def write(case, why, steps, files, judge="lm-evaluation-harness 0.4.13"):
    os.makedirs(f"{cases}/{case}/model", exist_ok=True)
    with open(f"{cases}/{case}/model/config.json", "w") as f:
        json.dump(CONFIG, f, indent=1)
    for name, rows in files.items():
        with open(f"{cases}/{case}/{name}", "w", encoding="utf-8") as f:
            f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with open(f"{cases}/{case}/case.json", "w", encoding="utf-8") as f:
        json.dump({"kind": "suites", "judge": judge, "why": why, "files": FILES, "steps": steps}, f, indent=1, ensure_ascii=False)
        f.write("\n")


def judged(case, why, task, rows, dev=None, shots=0, given=None):
    """A case whose losses and metrics lm-eval says. given: name of the set."""
    name = given or "s"
    want = ask(task, rows, dev or rows[:1], shots)
    run = f"wagle eval --suite mcq --model model --set {name}=rows.jsonl --out out.json --resamples 0 --quiet"
    run += f" --set dev=dev.jsonl --shots {shots}" if dev else ""
    tests = ["(rows := load('out.rows.jsonl'))", "(have := load('out.json')['suites']['mcq']['metrics'])"]
    for way, losses in want.items():
        if way != "metrics":
            tests.append(f"all(abs(a - b) < 2e-3 for row, of in zip(rows, {losses}) for a, b in zip(row['{way}'], of, strict=True))")
    tests += [f"abs(have['{name}.{key}']['value'] - {value}) < 1e-4" for key, value in want["metrics"].items()]
    write(case, why, [{"run": run, "python": " and ".join(tests)}], {"rows.jsonl": rows} | ({"dev.jsonl": dev} if dev else {}))


judged("mcq-truthfulqa", "TruthfulQA's prompt begins with six solved examples; mc2 is the right choices' share of probability", "truthfulqa", [
    {"question": "Can a lighthouse see?", "mc1_targets": {"choices": ["No, it only shines.", "Yes.", "Only at night."], "labels": [1, 0, 0]},
     "mc2_targets": {"choices": ["No, it only shines.", "It has no eyes.", "Yes.", "Only at night."], "labels": [1, 1, 0, 0]}},
    {"question": "Do geese read?", "mc1_targets": {"choices": ["Geese do not read.", "They read maps."], "labels": [1, 0]},
     "mc2_targets": {"choices": ["They read maps.", "Geese do not read.", "They read the wind."], "labels": [0, 1, 0]}}])
judged("mcq-wmdp-header", "WMDP's rows look like any others; its prompt has the header of the subject that the set is named after", "wmdp_cyber", [
    {"question": " Which knot holds a boat? ", "choices": ["a bowline", "a bow tie", "a pretzel", "none"], "answer": 0},
    {"question": "What is kept in a ledger?", "choices": ["sand", "sums", "geese", "fog"], "answer": 1}], given="wmdp_cyber")
judged("mcq-winogrande", "WinoGrande scores what follows the blank after each name is filled in", "winogrande", [
    {"sentence": "The rope was too short for the well, so _ had to be moved.", "option1": "the rope", "option2": "the well", "answer": "2"},
    {"sentence": "Ines thanked Tove because _  had rowed all night .", "option1": "Ines", "option2": "Tove", "answer": "2"}])
judged("mcq-arc-labels", "ARC's answers are labels of its choices, letters or numbers, of three to five choices", "arc_easy", [
    {"id": "a", "question": "What floats?", "choices": {"text": ["a stone", "cork", "lead", "a nail", "glass"], "label": ["1", "2", "3", "4", "5"]}, "answerKey": "2"},
    {"id": "b", "question": "What is cold?", "choices": {"text": ["fire", "steam", "ice"], "label": ["A", "B", "C"]}, "answerKey": "C"}])
judged("mcq-openbookqa-space", "White space at the end of the prompt is scored with the choice, as lm-eval's _encode_pair has it", "openbookqa", [
    {"id": "a", "question_stem": "A lamp needs  ", "choices": {"text": ["oil", "a hat", "noise", "rain"], "label": ["A", "B", "C", "D"]}, "answerKey": "A"},
    {"id": "b", "question_stem": "Boats are tied with\n", "choices": {"text": ["rope", "salt", "bells", "fog"], "label": ["A", "B", "C", "D"]}, "answerKey": "D"}])
judged("mcq-boolq", "BoolQ's question has no question mark of its own, its choices are no and yes", "boolq", [
    {"question": "is the quay closed at night", "passage": "The quay of Linnfell closes at nine. Only the ferryman has a key.", "idx": 0, "label": 1},
    {"question": "do geese cross the lock", "passage": "Geese swim above the lock.", "idx": 1, "label": 0}])
solved = [{"subject": subject, "question": f"Which {thing} is {what}?", "choices": ["one", "two", "three", "four"], "answer": k}
          for k, (subject, thing, what) in enumerate([("marine_biology", "eel", "old"), ("local_history", "gate", "red"), ("marine_biology", "crab", "blind")])]
mmlu = [{"subject": "anatomy", "question": "Which bone is longest?\n", "choices": ["hand", "thigh", "ear", "nose"], "answer": 1},
        {"subject": "anatomy", "question": "What do lungs take in?", "choices": ["air", "ink", "salt", "wool"], "answer": 0}]
judged("mcq-mmlu-shots", "The solved examples of an MMLU question are the first of its subject, under the subject's header", "mmlu", mmlu,
       dev=[solved[0], {**mmlu[0], "question": "Which tooth is wise?", "answer": 2}, solved[1], {**mmlu[1], "question": "What beats?", "answer": 3},
            {**mmlu[1], "question": "What bends?"}], shots=2)

RUN = "wagle eval --suite mcq --model model --set s=rows.jsonl --quiet"
write("mcq-label-empty", "A test split has no labels: an error by line, not a question that is never answered right",
      [{"run": RUN, "rc": 3, "stderr": ["rows.jsonl:2: 'label' is none of the 4 choices (from 0): \"\""], "stderr_lines": 1}],
      {"rows.jsonl": [{"ind": i, "activity_label": "Rowing", "ctx_a": "A boat waits.", "ctx_b": "", "endings": ["a", "b", "c", "d"], "label": label}
                      for i, label in enumerate(["3", ""])]}, "the data set's own documentation")
write("mcq-shots-too-few", "Fewer solved examples than --shots asks for are refused with the subject's name",
      [{"run": f"{RUN} --set dev=dev.jsonl --shots 3", "rc": 3, "stderr": ["dev.jsonl: 2 solved examples of subject 'anatomy', --shots 3"], "stderr_lines": 1}],
      {"rows.jsonl": mmlu, "dev.jsonl": [solved[0], {**mmlu[0], "question": "Which tooth is wise?"}, {**mmlu[1], "question": "What beats?"}]})
write("mcq-wrong-type", "A column that a prompt needs and that is no text is an error by line",
      [{"run": RUN, "rc": 3, "stderr": ["rows.jsonl:1: 'passage' is null, a text is expected"], "stderr_lines": 1}],
      {"rows.jsonl": [{"question": "is it", "passage": None, "label": 1}]})
