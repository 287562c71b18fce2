"""Open models."""
from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._call import Call
from ._fill import Memory
from ._library import ffi, lib, text
from ._tensors import view

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Unpack

    from ._options import Common, Path

# bfloat16 has no type in numpy: its bits.
NUMPY = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class Model:
    """A model folder that stays open for many calls; training makes another one.

    It never changes, so threads may share it. Close it with `close`, or as a context manager, or let it go. The files of the
    folder must stay as they are while it is open."""

    def __init__(self, folder: Path, **common: Unpack[Common]) -> None:
        """common: `device`, `precision` and the limits hold for all calls with this model that do not say otherwise."""
        made = ffi.new("wagle_model **")
        with Call(common) as call:
            call.check(call.run(lib.wagle_model_open, Memory().text("folder", folder), made))
            self._common: dict[str, Any] = {name: value for name, value in common.items() if name != "on_progress"}
            self._owner, self._pointer = call.owner, call.owner.hold(made[0])

    @classmethod
    def _of(cls, pointer: Any, call: Call, common: dict[str, Any]) -> Model:
        """What the library made."""
        self = cls.__new__(cls)
        self._common, self._owner, self._pointer = common, call.owner, call.owner.hold(pointer)
        return self

    def _call(self) -> Call:
        return Call(self._common, owner=self._owner)

    @property
    def pointer(self) -> Any:
        if self._pointer is None:
            raise ValueError("the model is closed")
        return self._pointer

    def close(self) -> None:
        """Arrays that show its weights keep it open."""
        self._pointer = None

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<wagle.Model of {self.folder!r}>" if self._pointer is not None else "<wagle.Model, closed>"

    @property
    def folder(self) -> str:
        """The folder that it was opened from; of a trained model, that of the model before."""
        return text(lib.wagle_model_folder(self.pointer))

    @property
    def config(self) -> dict[str, Any]:
        """config.json of the folder."""
        with open(os.path.join(self.folder, "config.json"), encoding="utf-8") as f:
            return dict(json.load(f))

    def save(self, out: Path, *, force: bool = False) -> None:
        """Writes a model folder with its weights, in the files and types of the folder that it was opened from."""
        with self._call() as call:
            call.check(call.run(lib.wagle_model_save, self.pointer, Memory().text("out", out), force))

    # --- tokens -----------------------------------------------------------------------------------------------------------

    def _tokenizer(self) -> Any:
        found = lib.wagle_model_tokenizer(self.pointer)
        if found == ffi.NULL:
            raise ValueError(f"{self.folder}: has no tokenizer")
        return found

    def encode(self, words: str, *, special: bool = False) -> npt.NDArray[np.int32]:
        """Token ids [n]. special: with those that the tokenizer puts around a text."""
        ids, n, encoded = ffi.new("int32_t **"), ffi.new("int64_t *"), words.encode("utf-8", "surrogatepass")
        with Call() as call:
            call.check(lib.wagle_encode(call.ctx, self._tokenizer(), encoded, len(encoded), special, ids, n))
        try:
            return np.frombuffer(ffi.buffer(ids[0], 4 * n[0]), np.int32).copy() if n[0] else np.zeros(0, np.int32)
        finally:
            lib.wagle_ids_free(ids[0])

    def decode(self, ids: Any, *, skip_special: bool = False) -> str:
        """The text of token ids [n]."""
        made, bytes_made, array = ffi.new("char **"), ffi.new("size_t *"), np.ascontiguousarray(ids, np.int32)
        with Call() as call:
            call.check(lib.wagle_decode(call.ctx, self._tokenizer(), ffi.from_buffer("int32_t[]", array), array.size, skip_special, made, bytes_made))
        try:
            return bytes(ffi.buffer(made[0], bytes_made[0])).decode("utf-8", "replace")
        finally:
            lib.wagle_string_free(made[0])

    # --- weights ----------------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """name: array [shape of the tensor], in the order of names. The arrays show the model's memory, and keep it; they cannot
        be written. bfloat16, which numpy does not have, comes as its bits (uint16)."""
        return {name: array for name, (_, array) in self._weights().items()}

    def _weights(self) -> dict[str, tuple[str, npt.NDArray[Any]]]:
        """name: (type, array)."""
        found: dict[str, tuple[str, npt.NDArray[Any]]] = {}
        while (w := lib.wagle_model_weight(self.pointer, len(found))).name != ffi.NULL:
            kind = text(w.type)
            found[text(w.name)] = kind, view(self.pointer, w.data, tuple(w.shape[i] for i in range(w.rank)), NUMPY[kind])
        return found

    def state_dict(self) -> dict[str, Any]:
        """name: tensor of PyTorch, which shows the model's memory: do not write to it. ``load_state_dict`` copies it."""
        from ._torch import tensors

        return tensors(self._weights())

    def with_state_dict(self, state: Mapping[str, Any]) -> Model:
        """Another open model with these weights (tensors of PyTorch), which are copied; those that are not named stay.

        Types and shapes must be those of the folder. A tied weight that the folder does not store (lm_head.weight) is left out."""
        from ._torch import arrays

        return self._with(arrays(state, {name: kind for name, (kind, _) in self._weights().items()}))

    def _with(self, weights: Mapping[str, tuple[str, npt.NDArray[Any]]]) -> Model:
        memory, made = Memory(), ffi.new("wagle_model **")
        given = memory.keep(ffi.new("wagle_weight[]", len(weights)))
        for w, (name, (kind, array)) in zip(given, weights.items()):
            w.name, w.type, w.rank, w.bytes = memory.text("name", name), memory.text("type", kind), array.ndim, array.nbytes
            w.data = ffi.cast("void *", memory.keep(array).ctypes.data)
            for i, length in enumerate(array.shape[:4]):
                w.shape[i] = length
        with self._call() as call:
            call.check(call.run(lib.wagle_model_with, self.pointer, given, len(weights), made))
            return Model._of(made[0], call, self._common)
