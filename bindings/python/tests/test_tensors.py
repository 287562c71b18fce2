"""Scores, masks and weights as arrays."""
import gc
import subprocess

import numpy as np
import pytest

import wagle


@pytest.fixture(scope="module")
def scores(model, forget, retain):
    return wagle.attribute(model, forget, retain)


def test_scores_show_the_memory_of_the_library(scores):
    name = next(iter(scores))
    assert scores[name].dtype == np.float32 and scores[name].shape == scores.shape(name)
    assert scores[name].ctypes.data == scores[name].ctypes.data == int(wagle._library.ffi.cast("uintptr_t", scores.tensor[name].scores))
    assert not scores[name].flags.writeable and not scores[name].flags.owndata


def test_an_array_outlives_its_scores(model, forget, retain):
    made = wagle.attribute(model, forget, retain)
    name = next(iter(made))
    array, copy = made[name], made[name].copy()
    del made
    gc.collect()
    wagle.attribute(model, forget, retain)  # would take memory that was freed
    assert np.array_equal(array, copy)


def test_scores_are_those_of_the_file_that_the_command_writes(command, folder, scores, forget, retain, tmp_path):
    import json

    for name, rows in (("forget", [{"prompt": q, "answer": a} for q, a in forget]), ("retain", retain)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    subprocess.run([command, "attribute", "--model", folder, "--forget", "forget", "--retain", "retain", "--out", "scores", "--quiet"],
                   check=True, cwd=tmp_path)
    subprocess.run([command, "mask", "--scores", "scores", "--density", "0.2", "--out", "mask", "--quiet"], check=True, cwd=tmp_path)
    of_file, of_memory = wagle.Mask.load(tmp_path / "mask"), wagle.mask(scores, density=0.2)
    assert of_file.selected == of_memory.selected > 0
    assert all(np.array_equal(of_file[name], of_memory[name]) for name in of_memory)


def test_a_mask_selects_the_highest_scores(scores):
    mask = wagle.mask(scores, density=0.25)
    chosen = np.concatenate([scores[name][mask[name]] for name in mask])
    others = np.concatenate([scores[name][~mask[name]] for name in mask])
    assert chosen.min() >= others.max()
    assert mask.selected == len(chosen) == round(0.25 * (len(chosen) + len(others)))
    assert mask.density == pytest.approx(0.25, abs=1e-4)


def test_scores_of_ones_own(scores):
    own = {name: np.abs(np.random.default_rng(1).normal(size=scores.shape(name))).astype(np.float32) for name in scores}
    mask = wagle.mask(own, density=0.1)
    assert min(own[n][mask[n]].min() for n in mask if mask[n].any()) >= max(own[n][~mask[n]].max() for n in mask)
    with pytest.raises(TypeError, match="array of float32, not of float64"):
        wagle.Scores({"a": np.ones(3)})


def test_files_are_shown_too(model, scores, forget, retain, tmp_path):
    written = wagle.attribute(model, forget, retain, out=tmp_path / "scores")
    assert list(written) == list(scores) and all(np.array_equal(written[name], scores[name]) for name in scores)
    mask = wagle.mask(written, density=0.1, scope="neurons")
    of_file = wagle.mask(tmp_path / "scores", density=0.1, scope="neurons", out=tmp_path / "mask")
    assert mask.selected == of_file.selected and all(np.array_equal(mask[name], of_file[name]) for name in mask)
    first = wagle.mask(tmp_path / "scores", densities=[0.05, 0.2], out=tmp_path / "mask-{}")
    assert first.density == pytest.approx(0.05, abs=1e-3) and (tmp_path / "mask-0.2").exists()
    with pytest.raises(ValueError, match="not a score file"):
        wagle.Scores.load(f"{model.folder}/model.safetensors")


def test_masks_are_packed_and_combined(scores):
    a, b = wagle.mask(scores, density=0.2), wagle.mask(scores, density=0.1, include="*.mlp.*")
    for made, want in ((a & b, lambda x, y: x & y), (a | b, lambda x, y: x | y), (a - b, lambda x, y: x & ~y)):
        assert all(np.array_equal(made[name], want(a[name], b[name])) for name in a)
    assert (~a).selected == sum(a[name].size for name in a) - a.selected
    again = wagle.Mask({name: a[name] for name in a})
    assert all(np.array_equal(again.words(name), a.words(name)) for name in a)
    odd = np.random.default_rng(2).random((5, 13)) < 0.5
    assert np.array_equal(wagle.Mask({"x": odd})["x"], odd)


def test_weights_show_the_model_and_keep_it(folder):
    model = wagle.Model(folder)
    weights = model.weights()
    name = "model.layers.0.mlp.up_proj.weight"
    assert weights[name].shape == (96, 48) and weights[name].dtype == np.uint16  # bfloat16
    before = weights[name].copy()
    model.close()
    with pytest.raises(ValueError, match="closed"):
        model.weights()
    del model
    gc.collect()
    assert np.array_equal(weights[name], before)
