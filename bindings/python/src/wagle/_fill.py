"""Keyword arguments as members of a structure of options."""
from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ._library import UsageError, ffi, lib
from ._options import AUTO, CALLS, CHOICES, COMMON, LAYOUT, PARAMS


class Memory:
    """Keeps alive what structures point to."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def keep(self, value: Any) -> Any:
        self.kept.append(value)
        return value

    def text(self, name: str, value: Any) -> Any:
        """A path or a text as char *."""
        try:
            plain = os.fspath(value)
        except TypeError:
            raise TypeError(f"{name}: must be a text or a path, not {type(value).__name__}") from None
        encoded = plain if isinstance(plain, bytes) else plain.encode("utf-8", "surrogateescape")
        if b"\0" in encoded:
            raise UsageError(f"{name}: holds a NUL byte")
        return self.keep(ffi.new("char[]", encoded))

    def texts(self, name: str, values: Any) -> Any:
        """One text or several as a list that ends in NULL."""
        several = [values] if isinstance(values, (str, bytes, os.PathLike)) else list(values)
        return self.keep(ffi.new("char *[]", [self.text(name, value) for value in several] + [ffi.NULL]))


def choice(enumeration: str, name: str, word: Any) -> int:
    words = CHOICES[enumeration]
    if word not in words or word == "":
        raise UsageError(f"{name}={word!r}: must be one of {', '.join(repr(w) for w in words if w)}")
    return words.index(word)


def number(name: str, value: Any, kind: type) -> Any:
    if isinstance(value, bool) or not hasattr(value, "__index__" if kind is int else "__float__"):
        raise TypeError(f"{name}: must be {'a whole number' if kind is int else 'a number'}, not {value!r}")
    return value.__index__() if kind is int else float(value)


def kinds(structure: str) -> dict[str, str]:
    """Members of a structure, and their types as C writes them."""
    return {name: field.type.cname.replace("struct ", "").replace("enum ", "") for name, field in ffi.typeof(structure).fields}


# --- which keywords there are -------------------------------------------------------------------------------------------------

def known(function: str) -> dict[str, Any]:
    """Keyword: (type, default, what it is) of a function."""
    structure, _, members = CALLS[function]
    return {**members, **(LAYOUT if "wagle_data" in kinds(structure).values() else {}), **COMMON}


def refuse_unknown(function: str, given: Iterable[str]) -> None:
    names = known(function)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.5)
            raise TypeError(f"wagle.{function.rstrip('_')}() has no keyword argument '{name}'" + (f"; the closest is '{near[0]}'" if near else ""))


# --- values -------------------------------------------------------------------------------------------------------------------

def put_gamma(name: str, value: Any, field: Any) -> None:
    if not lib.wagle_gamma_read(str(value).encode(), ffi.addressof(field)):
        raise UsageError(f"{name}={value!r}: must be 'diag', 'auto', 'protect' or a number above 0")


def put_clip(options: Any, value: Any) -> None:
    """A number, none, global, layer or layer:X."""
    words = str(value)
    if words.startswith("layer"):
        options.clip_each = True
        words = words[6:] or "global"
    if words == "global":
        return
    try:
        options.clip = 0 if words == "none" else float(words)
    except ValueError:
        raise UsageError(f"clip={value!r}: must be a number, 'none', 'global', 'layer' or 'layer:X'") from None


class Filler:
    """Fills one structure. others: what takes members that are no plain values, by the name of the type or of the member."""

    def __init__(self, function: str, memory: Memory, others: Mapping[str, Callable[[str, Any, Any], None]]) -> None:
        self.structure, defaults, _ = CALLS[function]
        self.memory, self.others = memory, others
        self.pointer = memory.keep(ffi.new(f"{self.structure} *"))
        getattr(lib, f"{defaults}_sized")(self.pointer, ffi.sizeof(self.structure))
        self.options = self.pointer[0]
        self.fields = kinds(self.structure)

    def fill(self, given: Mapping[str, Any]) -> Any:
        """None leaves the default. Keywords that are no members are left out: params, layout and the context's."""
        params = {PARAMS[name]: value for name, value in given.items() if name in PARAMS and value is not None}
        if params:
            self._params(params)
        for name, value in given.items():
            if name in self.fields and value is not None:
                self._put(name, value)
        return self.pointer

    def _params(self, params: Mapping[str, Any]) -> None:
        rows = [(self.memory.text(key, key), number(key.replace(".", "_"), value, float)) for key, value in params.items()]
        self.options.params = self.memory.keep(ffi.new("wagle_param[]", rows))
        self.options.n_params = len(rows)

    def _put(self, name: str, value: Any) -> None:
        kind = self.fields[name]
        if name in self.others or kind in self.others:
            self.others[name if name in self.others else kind](name, value, self.options)
        elif name == "clip":
            put_clip(self.options, value)
        elif kind == "wagle_gamma":
            put_gamma(name, value, getattr(self.options, name))
        else:
            made = self._plain(name, value, kind)
            try:
                setattr(self.options, name, made)
            except OverflowError:
                raise UsageError(f"{name}={value}: out of range") from None

    def _plain(self, name: str, value: Any, kind: str) -> Any:
        if value == "auto" and isinstance(value, str) and (self.structure, name) in AUTO:
            value = AUTO[self.structure, name] if kind == "double" else int(AUTO[self.structure, name])
        if kind in CHOICES:
            return choice(kind, name, value)
        if kind == "char *":
            return self.memory.text(name, value)
        if kind == "char * *":
            return self._list(name, value)
        if kind == "double *":
            values = [number(name, one, float) for one in value]
            setattr(self.options, f"n_{name}", len(values))
            return self.memory.keep(ffi.new("double[]", values))
        if kind == "_Bool":
            if not isinstance(value, bool):
                raise TypeError(f"{name}: must be True or False, not {value!r}")
            return value
        return number(name, value, float if kind == "double" else int)

    def _list(self, name: str, value: Any) -> Any:
        """Some lists end in NULL, others have a count beside them."""
        made = self.memory.texts(name, value)
        for count in (f"n_{name}", "n"):
            if count in self.fields:
                setattr(self.options, count, len(made) - 1)
                break
        return made
