"""A model of 0.1 million weights that has learnt six invented people, for the notebook and the tests: made in a second."""
import json
import os
import sys

import wagle

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.abspath(f"{HERE}/../../../tests/docs"))
import stand_ins  # noqa: E402  (the pages of docs/ use the same)

PEOPLE = [[(row["question"], row["answer"]) for row in stand_ins.person(i)] for i in range(6)]


def make(folder: str) -> str:
    """Makes the model folder, if it is not there."""
    if not os.path.exists(folder):
        start = f"{folder}-start"
        with open(f"{start}.json", "w") as f:
            json.dump(stand_ins.CONFIG, f)
        wagle.init(f"{start}.json", start, seed=1, force=True)
        stand_ins.write_tokenizer(start, chat=False)
        wagle.finetune(start, [row for person in PEOPLE for row in person], out=folder, eos=True, steps=160, batch=12, lr=1e-2)
    return folder
