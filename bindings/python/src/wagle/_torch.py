"""Tensors of PyTorch, imported when one is asked for."""
from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._options import Path
    from ._tensors import Mask


def torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise ImportError("this needs PyTorch: pip install torch") from None


def types() -> dict[str, Any]:
    t = torch()
    return {"F32": t.float32, "F16": t.float16, "BF16": t.bfloat16}


def tensors(weights: Mapping[str, tuple[str, npt.NDArray[Any]]]) -> dict[str, Any]:
    """Views of arrays: bfloat16 from its bits."""
    t, kinds = torch(), types()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writ")
        return {name: t.from_numpy(a.view(np.int16)).view(t.bfloat16) if kind == "BF16" else t.from_numpy(a).view(kinds[kind])
                for name, (kind, a) in weights.items()}


def arrays(state: Mapping[str, Any], stored: Mapping[str, str]) -> dict[str, tuple[str, npt.NDArray[Any]]]:
    """The tensors that the folder stores, as (type, array). stored: name to type."""
    t, names = torch(), {kind: name for name, kind in types().items()}
    places = {tensor.data_ptr() for name, tensor in state.items() if name in stored}
    found = {}
    for name, tensor in state.items():
        kind = names.get(tensor.dtype, str(tensor.dtype))
        if name not in stored and tensor.data_ptr() in places:
            continue
        if name in stored and kind != stored[name]:
            raise ValueError(f"tensor '{name}': {tensor.dtype}, the model has {types()[stored[name]]}; convert it with .to()")
        plain = tensor.detach().cpu().contiguous()
        found[name] = kind, (plain.view(t.int16) if kind == "BF16" else plain).numpy()
    return found


# --- masks ------------------------------------------------------------------------------------------------------------------

def load_mask(path: Path) -> dict[str, npt.NDArray[np.bool_]]:
    """A dict of bool tensors, or of tensors that hold 0 and 1 alone; also below one key, as in {"mask": {...}}."""
    t = torch()
    state = t.load(path, map_location="cpu", weights_only=True)
    if isinstance(state, Mapping) and len(state) == 1 and isinstance(next(iter(state.values())), Mapping):
        state = next(iter(state.values()))
    if not isinstance(state, Mapping) or not all(hasattr(v, "dtype") for v in state.values()):
        raise ValueError(f"{path}: must hold a dict of tensors by name")
    found = {}
    for name, tensor in state.items():
        if tensor.dtype != t.bool and not bool(((tensor == 0) | (tensor == 1)).all()):
            raise ValueError(f"{path}: tensor '{name}' holds values other than 0 and 1")
        found[name] = tensor.bool().numpy()
    return found


def mask_tensors(mask: Mask) -> dict[str, Any]:
    t = torch()
    return {name: t.from_numpy(mask[name]) for name in mask}


def save_mask(mask: Mask, path: Path) -> None:
    torch().save(mask_tensors(mask), path)
