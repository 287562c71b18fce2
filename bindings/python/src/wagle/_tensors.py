"""Scores and masks as numpy arrays that show the library's memory."""
from __future__ import annotations

import json
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._call import Call
from ._fill import Memory
from ._library import ffi, lib, text

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._options import Path


class View:
    """Memory of the library for numpy, which keeps this object and so the owner of the memory."""

    def __init__(self, owner: Any, pointer: Any, shape: tuple[int, ...], dtype: str) -> None:
        self.owner = owner
        self.__array_interface__ = {"version": 3, "data": (int(ffi.cast("uintptr_t", pointer)), True), "shape": shape, "typestr": dtype}


def view(owner: Any, pointer: Any, shape: tuple[int, ...], dtype: str) -> npt.NDArray[Any]:
    return np.asarray(View(owner, pointer, shape, dtype))


def array_of(value: Any, dtype: Any, what: str) -> npt.NDArray[Any]:
    """value as an array in the order of C, without a copy where it is one; tensors of PyTorch too."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype != dtype:
        raise TypeError(f"{what}: must be an array of {np.dtype(dtype)}, not of {array.dtype}")
    return np.ascontiguousarray(array)


class Tensors(Mapping[str, "npt.NDArray[Any]"]):
    """Named tensors: of the library (pointer), or of arrays."""

    def __init__(self, memory: Memory, pointer: Any) -> None:
        self.memory, self.pointer = memory, pointer
        self.tensor = {text(pointer.tensor[i].name): pointer.tensor[i] for i in range(pointer.n)}

    @staticmethod
    def take(pointer: Any) -> tuple[Memory, Any]:
        """What the library made, which is freed when nothing shows it any more."""
        memory = Memory()
        return memory, memory.keep(ffi.gc(pointer, lib.wagle_tensors_free))

    def shape(self, name: str) -> tuple[int, ...]:
        t = self.tensor[name]
        return tuple(t.shape[i] for i in range(t.rank))

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensor)

    def __len__(self) -> int:
        return len(self.tensor)

    def __repr__(self) -> str:
        return f"<wagle.{type(self).__name__} of {len(self)} tensors, {sum(t.count for t in self.tensor.values())} weights>"


def describe(memory: Memory, arrays: Mapping[str, npt.NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], member: str, kind: str,
             transposed: Mapping[str, bool]) -> Any:
    """A wagle_tensors that shows arrays."""
    tensors = memory.keep(ffi.new("wagle_tensor[]", len(arrays)))
    for t, (name, array) in zip(tensors, arrays.items()):
        shape = shapes[name]
        if len(shape) > 4:
            raise ValueError(f"tensor '{name}': {len(shape)} dimensions; there may be 4")
        t.name, t.rank, t.count = memory.text("name", name), len(shape), int(np.prod(shape, dtype=np.int64))
        t.transposed = transposed.get(name, False)
        for i, length in enumerate(shape):
            t.shape[i] = length
        setattr(t, member, ffi.cast(kind, memory.keep(array).ctypes.data))
    return memory.keep(ffi.new("wagle_tensors *", {"n": len(arrays), "tensor": tensors}))


class Scores(Tensors):
    """Scores of weights: name to a float32 array [shape of the tensor], which shows the library's memory and cannot be written.

    ``Scores(arrays)`` makes scores of your own float32 arrays or tensors, which are not copied."""

    def __init__(self, arrays: Mapping[str, Any] | None = None, *, transposed: Iterable[str] = (), made: Any = None) -> None:
        """transposed: names of matrices that are stored [in, out], as in gpt2; masks by neurons need to know."""
        if made is not None:
            super().__init__(*self.take(made))
            return
        memory = Memory()
        own = {name: array_of(value, np.float32, f"tensor '{name}'") for name, value in (arrays or {}).items()}
        super().__init__(memory, describe(memory, own, {name: a.shape for name, a in own.items()}, "scores", "float *",
                                          {name: True for name in transposed}))

    @classmethod
    def load(cls, path: Path) -> Scores:
        """A score file of `wagle.attribute`. The arrays show the file: keep it as it is."""
        with open(path, "rb") as f:
            begin = int.from_bytes(f.read(8), "little")
            header = json.loads(f.read(begin))
        data = np.memmap(path, np.uint8, "r", 8 + begin)
        transposed = json.loads(header.pop("__metadata__", {}).get("transposed", "[]"))
        if any(t["dtype"] != "F32" for t in header.values()):
            raise ValueError(f"{os.fspath(path)}: not a score file: its tensors are not F32")
        arrays = {name: data[slice(*t["data_offsets"])].view("<f4").reshape(t["shape"]) for name, t in header.items()}
        return cls(arrays, transposed=transposed)

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        return view(self, self.tensor[name].scores, self.shape(name), "<f4")


def unpack(words: npt.NDArray[np.uint64], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    count = int(np.prod(shape, dtype=np.int64))
    return np.unpackbits(words.view(np.uint8), count=count, bitorder="little").view(np.bool_).reshape(shape)


def pack(array: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    packed = np.packbits(array.ravel(), bitorder="little")
    words = np.zeros((array.size + 63) // 64 * 8, np.uint8)
    words[: packed.size] = packed
    return words.view("<u8")


class Mask(Tensors):
    """Which weights may train: name to a bool array [shape of the tensor].

    A mask is stored as one bit a weight. ``mask[name]`` unpacks it into a new array; ``mask.words(name)`` shows the words
    themselves, without a copy. ``Mask(arrays)`` makes one of bool arrays or tensors, ``Mask.load`` reads a file. ``a & b``,
    ``a | b``, ``a - b`` and ``~a`` combine masks of the same tensors."""

    def __init__(self, arrays: Mapping[str, Any] | None = None, *, made: Any = None) -> None:
        if made is not None:
            super().__init__(*self.take(made))
            return
        own = {name: array_of(value, np.bool_, f"mask of '{name}'") for name, value in (arrays or {}).items()}
        self._of_words({name: pack(a) for name, a in own.items()}, {name: a.shape for name, a in own.items()}, arrays)

    def _of_words(self, words: Mapping[str, npt.NDArray[np.uint64]], shapes: Mapping[str, tuple[int, ...]], like: Any) -> None:
        transposed = {name: like.tensor[name].transposed for name in words if name in like.tensor} if isinstance(like, Tensors) else {}
        memory = Memory()
        super().__init__(memory, describe(memory, words, shapes, "bits", "uint64_t *", transposed))

    def __getitem__(self, name: str) -> npt.NDArray[np.bool_]:
        return unpack(self.words(name), self.shape(name))

    def words(self, name: str) -> npt.NDArray[np.uint64]:
        """[ceil(weights / 64)]: weight i is bit i % 64 of word i // 64. Shows the library's memory; cannot be written."""
        t = self.tensor[name]
        return view(self, t.bits, ((t.count + 63) // 64,), "<u8")

    @property
    def selected(self) -> int:
        """How many weights may train."""
        return sum(int(np.unpackbits(self.words(name).view(np.uint8)).sum(dtype=np.int64)) for name in self)

    @property
    def density(self) -> float:
        """Their share of all weights of the mask."""
        return self.selected / max(1, int(sum(t.count for t in self.tensor.values())))

    # --- files ------------------------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, path: Path) -> Mask:
        """A file of ``wagle mask``, or a ``.pt`` file: a dict of bool tensors (or of 0 and 1) by tensor name."""
        if is_torch(path):
            from ._torch import load_mask

            return cls(load_mask(path))
        from .functions import mask

        return mask(masks=[path], op="or")

    def save(self, path: Path) -> None:
        """Writes a ``.pt`` file with bool tensors by name. `wagle.mask(..., out=)` writes safetensors."""
        from ._torch import save_mask

        save_mask(self, path)

    def state_dict(self) -> dict[str, Any]:
        """name: bool tensor of PyTorch [shape of the tensor]; copies."""
        from ._torch import mask_tensors

        return mask_tensors(self)

    # --- combinations -----------------------------------------------------------------------------------------------------

    def _with(self, other: Mask, combine: Callable[[Any, Any], Any]) -> Mask:
        if not isinstance(other, Mask):
            return NotImplemented
        for name in {**self.tensor, **other.tensor}:
            if name not in self or name not in other or self.shape(name) != other.shape(name):
                raise ValueError(f"tensor '{name}' is not in both masks with the same shape")
        made = Mask.__new__(Mask)
        made._of_words({name: combine(self.words(name), other.words(name)) for name in self}, {name: self.shape(name) for name in self}, self)
        return made

    def __and__(self, other: Mask) -> Mask:
        return self._with(other, operator.and_)

    def __or__(self, other: Mask) -> Mask:
        return self._with(other, operator.or_)

    def __sub__(self, other: Mask) -> Mask:
        return self._with(other, lambda a, b: a & ~b)

    def __invert__(self) -> Mask:
        return Mask({name: ~self[name] for name in self})


def is_torch(path: Path) -> bool:
    """Whether the name is of a file of PyTorch's."""
    return os.fspath(path).endswith((".pt", ".pth", ".bin"))


def scores_of(value: Any) -> Scores:
    return value if isinstance(value, Scores) else Scores(value)


def mask_of(value: Any) -> Mask:
    return value if isinstance(value, Mask) else Mask(value)

