"""Keyword arguments, errors, generation, evaluation, reports."""
import inspect
import json
import logging
import re
import subprocess

import pytest

import wagle
from wagle import _options


# --- keywords -----------------------------------------------------------------------------------------------------------------

def test_an_unknown_keyword_names_the_closest(model, forget):
    with pytest.raises(TypeError, match=r"wagle.unlearn\(\) has no keyword argument 'learning_rate'"):
        wagle.unlearn(model, forget, learning_rate=1)
    with pytest.raises(TypeError, match="'retain_terms'; the closest is 'retain_term'"):
        wagle.unlearn(model, forget, retain_terms="kl")
    with pytest.raises(TypeError, match="'npo_betas'; the closest is 'npo_beta'"):
        wagle.unlearn(model, forget, npo_betas=1)


@pytest.mark.parametrize("options, kind, words", [
    ({"schedule": "cosin"}, wagle.UsageError, "schedule='cosin': must be one of 'linear', 'cosine', 'constant'"),
    ({"steps": 1.5}, TypeError, "steps: must be a whole number, not 1.5"), ({"lr": "fast"}, TypeError, "lr: must be a number, not 'fast'"),
    ({"force": 1}, TypeError, "force: must be True or False"), ({"gamma": "x"}, wagle.UsageError, "gamma='x': must be 'diag'"),
    ({"clip": "x"}, wagle.UsageError, "clip='x'"), ({"memory": "lots"}, wagle.UsageError, "memory='lots': must be a size"),
    ({"seed": -1}, wagle.UsageError, "seed=-1: out of range"), ({"batch": 0}, wagle.UsageError, "batch.*1"),
    ({"density": 2.0, "selector": "wagle"}, wagle.UsageError, "density.*2"), ({"objective": "none"}, wagle.UsageError, "none")])
def test_a_wrong_value_is_named(model, forget, retain, options, kind, words):
    with pytest.raises(kind, match=words) as failure:
        wagle.unlearn(model, forget, retain, **options)
    assert "--" not in str(failure.value) and "@{" not in str(failure.value)


def test_help_and_signature_list_every_option():
    for name, (_, _, members) in _options.CALLS.items():
        function = getattr(wagle, name)
        shown = inspect.signature(function).parameters
        assert set(members) <= {*shown, "retain", "on_token", "confirm"}, name
        for member, (_, _, words) in members.items():
            assert words or member not in _options.__dict__[f"{''.join(part.title() for part in name.split('_'))}Options"].__annotations__, member
        assert "WAGLE_" not in function.__doc__ and "--" not in function.__doc__ and "NULL" not in function.__doc__, name


def test_defaults_and_words_are_those_of_the_library():
    unlearn, finetune = _options.CALLS["unlearn"][2], _options.CALLS["finetune"][2]
    assert (unlearn["lr"][1], finetune["lr"][1], unlearn["batch"][1]) == ("'auto'", "0.0001", "4")
    assert _options.CHOICES["wagle_schedule"] == ("", "linear", "cosine", "constant")
    assert _options.PARAMS["npo_beta"] == "npo.beta"


# --- errors -------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("options, words", [
    ({"retain_term": "hidden", "objective": "npo"}, ["--retain-term", "hidden"]), ({"lora": 2, "selector": "wagle"}, ["--selector"]),
    ({"model": "missing"}, ["missing"]), ({"protect": "retain", "lora": 2}, ["--protect", "--lora"])])
def test_messages_are_those_of_the_command_with_keywords(command, folder, options, words, tmp_path):
    (tmp_path / "rows").write_text('{"question": "a", "answer": "b"}\n')
    given = {"model": folder, "forget": "rows", "retain": "rows", "out": "out", **options}
    flags = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    said = subprocess.run([command, "unlearn", *flags, "--quiet"], cwd=tmp_path, capture_output=True, text=True)
    with pytest.raises(wagle.Error) as failure:
        wagle.unlearn(**{**given, "forget": tmp_path / "rows", "retain": tmp_path / "rows", "out": tmp_path / "out"})
    assert said.returncode == failure.value.status
    line = said.stderr.strip().splitlines()[-1].removeprefix("wagle: ")
    as_keywords = re.sub(r"--([a-z][a-z-]*)", lambda m: m[1].replace("-", "_"), line)
    plain = re.sub(r"=", " ", str(failure.value).replace("'", "")).replace(f"{tmp_path}/", "")
    assert plain == as_keywords.replace("'", "")


def test_errors_have_the_status_of_the_command():
    with pytest.raises(wagle.InputError) as failure:
        wagle.Model("missing")
    assert failure.value.status == 3 and isinstance(failure.value, ValueError) and "missing" in str(failure.value)


def test_the_log_is_the_logger_of_the_package(model, forget, retain, caplog):
    with caplog.at_level(logging.DEBUG, "wagle"):
        wagle.unlearn(model, forget, retain, steps=1, lr=1e-3)
    assert any(record.name == "wagle" for record in caplog.records)


def test_progress_is_told(model, forget, retain):
    seen = []
    wagle.attribute(model, forget, retain, on_progress=lambda *told: seen.append(told))
    assert seen and all(0 < done <= total for _, done, total, _ in seen)


# --- generation ---------------------------------------------------------------------------------------------------------------

def test_a_model_answers_one_prompt_and_several(model, forget):
    asked = [f"### Question: {question}\n### Answer:" for question, _ in forget]
    one, all_at_once = wagle.generate(model, asked[0], max_tokens=40), wagle.generate(model, asked, max_tokens=40)
    assert one == all_at_once[0] == f" {forget[0][1]}" and len(all_at_once) == 2
    assert wagle.generate(model, [], max_tokens=4) == []


def test_tokens_come_as_a_stream(model, forget):
    prompt = f"### Question: {forget[0][0]}\n### Answer:"
    tokens = list(wagle.stream(model, prompt, max_tokens=40))
    assert "".join(token.text for token in tokens) == wagle.generate(model, prompt, max_tokens=40)
    assert [token.index for token in tokens] == list(range(len(tokens)))
    for token in wagle.stream(model, prompt, max_tokens=900, temperature=1.0):
        break  # ends the call
    heard = []
    assert wagle.generate(model, prompt, max_tokens=40, on_token=lambda token: heard.append(token) or len(heard) < 3) == "".join(t.text for t in heard)
    assert len(heard) == 3


def test_errors_of_a_stream_are_raised(model):
    with pytest.raises(wagle.Error):
        list(wagle.stream(model, "x", max_tokens=100_000))


def test_texts_are_encoded_and_decoded(model):
    ids = model.encode("Ada é 漢")
    assert ids.dtype.name == "int32" and model.decode(ids) == "Ada é 漢"
    assert model.encode("").shape == (0,)


# --- evaluation ---------------------------------------------------------------------------------------------------------------

def test_an_evaluation_is_a_frame(model, forget):
    pytest.importorskip("pandas")
    result = wagle.eval(model, forget, metrics=["nll", "rougeL"])
    frame = result.frame().set_index("metric")
    assert frame.loc["nll", "value"] == result["nll"] and frame.loc["rougeL.f1", "n"] == 2 and len(result.rows()) == 2
    assert "<table" in result._repr_html_()


def test_a_suite_has_intervals(model):
    pytest.importorskip("pandas")
    rows = [{"question": f"Q{i}", "choices": ["a", "b", "c", "d"], "answer": i % 4} for i in range(12)]
    result = wagle.eval_suites(model, "mcq", sets={"people": rows})
    frame = result.frame()
    assert {"suite", "metric", "value", "low", "high", "n"} == set(frame.columns)
    one = frame[frame.metric == "people.acc"].iloc[0]
    assert one.low <= one.value <= one.high and one.n == 12 and result["mcq.people.acc"] == one.value


def test_training_watches_a_suite(model, forget, retain):
    rows = [{"question": "Q", "choices": ["a", "b", "c", "d"], "answer": 1}] * 4
    done = wagle.unlearn(model, forget, retain, steps=2, lr=1e-4, watch={"suites": "mcq", "sets": {"people": rows}}, stop_when="mcq.people.acc<2",
                         eval_every=1)
    assert done.stopped and done.steps == 1


# --- pages and tables -----------------------------------------------------------------------------------------------------------

def test_a_sweep_is_a_table(folder, forget, retain, tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forget.jsonl").write_text("".join(json.dumps({"prompt": q, "answer": a}) + "\n" for q, a in forget))
    (tmp_path / "retain.jsonl").write_text("".join(json.dumps(row) + "\n" for row in retain))
    spec = {"model": folder, "forget": "forget.jsonl", "retain": "retain.jsonl", "eval": {"forget": "forget.jsonl", "retain": "retain.jsonl"},
            "objectives": ["graddiff", "npo"], "selectors": ["none"], "lr": [1e-4], "seeds": [1], "steps": 2}
    assert "npo" in wagle.plan(wagle.sweep, spec, "grid").text or not (tmp_path / "grid").exists()
    table = wagle.sweep(spec, "grid")
    assert "npo" in str(table) and "|" in table._repr_markdown_() and len(table.frame()) == 2


def test_a_report_is_shown_inline(folder, forget, retain, tmp_path):
    wagle.unlearn(folder, forget, retain, out=tmp_path / "run", steps=2, lr=1e-4)
    page = wagle.report({"mine": tmp_path / "run"}, title="A page")
    assert page.html.startswith("<!") and "A page" in page.html and page._repr_html_().startswith("<iframe srcdoc=")
    assert wagle.report([tmp_path / "run"], out=tmp_path / "page.html").html == (tmp_path / "page.html").read_text()


def test_folders_files_and_patches(folder, forget, retain, tmp_path):
    wagle.unlearn(folder, forget, retain, out=tmp_path / "run", steps=2, lr=1e-3)
    wagle.diff(folder, tmp_path / "run", tmp_path / "patch")
    wagle.apply(folder, tmp_path / "patch", tmp_path / "applied")
    wagle.revert(tmp_path / "applied", tmp_path / "patch", tmp_path / "back")
    assert (tmp_path / "back/model.safetensors").read_bytes() == open(f"{folder}/model.safetensors", "rb").read()
    wagle.apply(folder, tmp_path / "patch", tmp_path / "half", scale=0.5)
    wagle.merge([tmp_path / "run"], tmp_path / "half2", weights=[0.5], base=folder)
    assert (tmp_path / "half/model.safetensors").read_bytes() == (tmp_path / "half2/model.safetensors").read_bytes()
    wagle.finetune(folder, retain, out=tmp_path / "tuned", steps=2, lora=2, out_adapter=tmp_path / "adapter")
    wagle.merge(folder, tmp_path / "merged", adapter=tmp_path / "adapter")
    wagle.export(folder, tmp_path / "m.gguf", type="f32")
    wagle.import_(tmp_path / "m.gguf", tmp_path / "imported")
    assert wagle.inspect(tmp_path / "imported")["schema"].startswith("wagle-inspect")
