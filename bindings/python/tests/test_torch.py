"""State dicts and masks of PyTorch."""
import numpy as np
import pytest

import wagle

torch = pytest.importorskip("torch")


def test_a_state_dict_goes_out_and_comes_back(model, forget, retain):
    trained = wagle.unlearn(model, forget, retain, steps=2, lr=1e-3).model
    state = trained.state_dict()
    assert {t.dtype for t in state.values()} == {torch.bfloat16}
    name = "model.layers.0.mlp.up_proj.weight"
    assert state[name].data_ptr() == trained.weights()[name].ctypes.data
    back = model.with_state_dict(state)
    assert all(np.array_equal(a, back.weights()[name]) for name, a in trained.weights().items())
    assert wagle.eval(back, forget).json["rows"] == wagle.eval(trained, forget).json["rows"]


def test_an_edited_state_dict_makes_another_model(model, forget):
    state = {name: t.clone() for name, t in model.state_dict().items()}
    state["model.norm.weight"] *= 2
    edited = model.with_state_dict(state)
    assert wagle.eval(edited, forget)["nll"] != wagle.eval(model, forget)["nll"]
    assert float(edited.state_dict()["model.norm.weight"][0]) == 2 * float(model.state_dict()["model.norm.weight"][0])


def test_a_tied_head_that_is_not_stored_is_left_out(model):
    state = model.state_dict()
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.with_state_dict(state)
    state["lm_head.weight"] = state["lm_head.weight"].clone()
    with pytest.raises(wagle.InputError, match="has no tensor 'lm_head.weight'"):
        model.with_state_dict(state)


def test_another_type_or_shape_is_refused_by_name(model):
    norm = model.state_dict()["model.norm.weight"]
    with pytest.raises(ValueError, match="'model.norm.weight': torch.float32, the model has torch.bfloat16"):
        model.with_state_dict({"model.norm.weight": norm.float()})
    with pytest.raises(wagle.InputError, match=r"'model.norm.weight': shape \[47\], the model has \[48\]"):
        model.with_state_dict({"model.norm.weight": norm[:47].clone()})


def test_masks_go_into_pt_files_and_come_back(model, forget, retain, tmp_path):
    mask = wagle.mask(wagle.attribute(model, forget, retain), density=0.1)
    mask.save(tmp_path / "mask.pt")
    state = torch.load(tmp_path / "mask.pt", weights_only=True)
    assert {t.dtype for t in state.values()} == {torch.bool} and sum(int(t.sum()) for t in state.values()) == mask.selected
    torch.save({"mask": {name: t.float() for name, t in state.items()}}, tmp_path / "reals.pt")
    for path in ("mask.pt", "reals.pt"):
        again = wagle.Mask.load(tmp_path / path)
        assert all(np.array_equal(again.words(name), mask.words(name)) for name in mask)
    direct = wagle.unlearn(model, forget, retain, mask=mask, steps=2, lr=1e-3).model.weights()
    of_file = wagle.unlearn(model, forget, retain, mask=tmp_path / "mask.pt", steps=2, lr=1e-3).model.weights()
    assert all(np.array_equal(direct[name], of_file[name]) for name in direct)
    torch.save({"a": torch.tensor([0.5])}, tmp_path / "soft.pt")
    with pytest.raises(ValueError, match="tensor 'a' holds values other than 0 and 1"):
        wagle.Mask.load(tmp_path / "soft.pt")
