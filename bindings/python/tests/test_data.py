"""Rows from everything that holds rows."""
import json

import numpy as np
import pytest

import wagle

ROWS = [{"question": "Where was Ada Brand born?", "answer": "Ada Brand was born in Oslo."},
        {"question": "What does Ada Brand write?", "answer": "Ada Brand writes poetry."}]


def losses(model, data, **layout):
    return [row["nll"] for row in wagle.eval(model, data, **layout).json["rows"]]


@pytest.fixture(scope="module")
def of_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path, losses(model, path)


def test_lists_of_dicts_and_of_tuples_are_as_a_file(model, of_file):
    assert losses(model, ROWS) == of_file[1]
    assert losses(model, [(row["question"], row["answer"]) for row in ROWS]) == of_file[1]
    assert losses(model, (row for row in ROWS)) == of_file[1]


def test_a_frame_is_as_a_file_and_empty_cells_are_no_columns(model, of_file):
    pandas = pytest.importorskip("pandas")
    assert losses(model, pandas.DataFrame(ROWS)) == of_file[1]
    frame = pandas.DataFrame([{**ROWS[0], "system": None, "note": float("nan")}, {**ROWS[1], "note": 3.5}])
    assert losses(model, frame) == of_file[1]


def test_a_dataset_is_as_a_file(model, of_file):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list(ROWS)
    assert losses(model, data) == of_file[1]
    with pytest.raises(TypeError, match="one split"):
        wagle.eval(model, datasets.DatasetDict({"train": data}))


def test_rows_of_tokens_take_arrays(model):
    ids = model.encode("Ada Brand was born in Oslo.")
    labels = np.where(np.arange(len(ids)) < 4, -100, ids)
    assert losses(model, [{"input_ids": ids, "labels": labels}]) == losses(model, [{"input_ids": ids.tolist(), "labels": labels.tolist()}])


def test_a_layout_of_rows_wins_over_that_of_the_call(model):
    renamed = [{"q": row["question"], "a": row["answer"]} for row in ROWS]
    wanted = losses(model, ROWS)
    assert losses(model, renamed, prompt_field="q", answer_field="a") == wanted
    assert losses(model, wagle.Rows(renamed, prompt_field="q", answer_field="a"), prompt_field="other") == wanted
    assert losses(model, ROWS, prompt="Q: {question} A: ") != wanted


def test_rows_are_copied_once_and_serve_several_calls(model, of_file):
    rows = wagle.Rows(ROWS)
    assert len(rows) == 2
    assert losses(model, rows) == losses(model, rows) == of_file[1]


def test_several_files(model, of_file):
    assert losses(model, wagle.Rows(of_file[0], of_file[0])) == of_file[1] * 2


@pytest.mark.parametrize("data, words", [
    (["forget.jsonl"], "row 1 is a text alone"), ([3], "row 1 must be a dict"), ({"a": [1]}, "no list of rows"), (5, "must be a file"),
    ([{"question": "q", "answer": object()}], "row 1: object cannot be part of a row"), ([{"question": "q", "answer": [float("inf")]}], "row 1")])
def test_what_are_no_rows_is_named(model, data, words):
    with pytest.raises(TypeError, match=words):
        wagle.eval(model, data)


def test_a_missing_column_is_named_with_the_keyword(model):
    with pytest.raises(wagle.InputError, match="rows in memory:1: .*answer_field=") as failure:
        wagle.eval(model, [{"question": "q", "reply": "r"}])
    assert "\n" not in str(failure.value) and "@{" not in str(failure.value) and "--" not in str(failure.value)
