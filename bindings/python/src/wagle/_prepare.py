"""From the arguments of a Python function to a filled structure of options, and its signature and help."""
from __future__ import annotations

import dataclasses
import inspect
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ._call import PLANNING, Call
from ._fill import Filler, Memory, known, refuse_unknown
from ._library import ffi, lib, text
from ._model import Model
from ._options import CALLS, COMMON, LAYOUT, Step, Token
from ._rows import Rows, put_layout, records, row_of, rows_of
from ._tensors import Mask, is_torch, mask_of, scores_of

F = TypeVar("F", bound=Callable[..., Any])


# --- callbacks ----------------------------------------------------------------------------------------------------------------

STEP = [field.name for field in dataclasses.fields(Step)]


def step_of(step: Any) -> Step:
    return Step(*[getattr(step, name) for name in STEP])


def token_of(token: Any) -> Token:
    words = bytes(ffi.buffer(token.text, token.bytes)).decode("utf-8", "replace")
    return Token(token.prompt, token.index, token.id, words)


def goes_on(answer: Any) -> bool:
    """A callback that returns nothing goes on."""
    return answer is None or bool(answer)


class Planned(Exception):
    """A dry run ended: its plan as text, and in bytes."""


class Prepared:
    """A call that is ready: its context, what its structures point to, and the structure."""

    def __init__(self, function: str, given: Mapping[str, Any], names: Mapping[str, str] | None = None) -> None:
        refuse_unknown(function, given)
        self.function, self.memory = function, Memory()
        self.model = given["model"] if isinstance(given.get("model"), Model) else None
        common = {name: given[name] for name in COMMON if given.get(name) is not None}
        if self.model is None:
            self.call = Call(common, names)
        else:  # in the model's context, unless the call is to compute elsewhere
            self.call = Call({**self.model._common, **common}, names, self.model._owner, not {"device", "precision"} & set(common))
        self.call.kept.append(self.memory)  # the thread of the call holds the call, and so what the structures point to
        self.given = given
        self.layout = {name: value for name, value in given.items() if name in LAYOUT and name not in CALLS[function][2]}
        self.filler = Filler(function, self.memory, {
            "wagle_data": self._data, "model": self._model, "mask": self._mask, "scores": self._scores, "sets": self._sets,
            "wagle_attribute_options *": self._nested("attribute"), "wagle_suite_options *": self._nested("eval_suites"),
            "on_step": self._on_step, "on_token": self._on_token, "confirm": self._confirm, "runs": self._runs, "suites": self._joined,
            "metrics": self._joined, "type": self._type})
        self.pointer = self.filler.fill(given)
        self.options = self.pointer[0]
        self._lay_out()

    def _lay_out(self) -> None:
        """The layout holds for all rows of the call, also where only a file of a suite is named."""
        for name, kind in self.filler.fields.items():
            if kind == "wagle_data" and self.given.get(name) is None:
                put_layout(self.memory, getattr(self.options, name), self.layout)

    # --- members that are more than a value -------------------------------------------------------------------------------

    def _data(self, name: str, value: Any, options: Any) -> None:
        rows_of(value).put(self.memory, getattr(options, name), self.layout)

    def _model(self, name: str, value: Any, options: Any) -> None:
        if isinstance(value, Model) and "opened" in self.filler.fields:
            options.opened = self.memory.keep(value.pointer)
        elif isinstance(value, Model):
            raise TypeError("model: this call takes a folder; Model.save writes one")
        else:
            options.model = self.memory.text(name, value)

    def _mask(self, name: str, value: Any, options: Any) -> None:
        if isinstance(value, (str, os.PathLike)) and not is_torch(value):
            options.mask = self.memory.text(name, value)
        else:
            options.mask_tensors = self.memory.keep(Mask.load(value) if isinstance(value, (str, os.PathLike)) else mask_of(value)).pointer

    def _scores(self, name: str, value: Any, options: Any) -> None:
        if isinstance(value, (str, os.PathLike)):
            options.scores = self.memory.text(name, value)
        else:
            options.score_tensors = self.memory.keep(scores_of(value)).pointer

    def _sets(self, name: str, value: Any, options: Any) -> None:
        """Suites read files: rows in memory are written into a folder that goes with the call."""
        entries = []
        for key, data in value.items():
            if isinstance(data, (str, os.PathLike)):
                entries.append(f"{key}={os.fspath(data)}")
                continue
            if isinstance(data, Rows):
                raise TypeError(f"sets: '{key}' must be a file, or rows; not wagle.Rows")
            folder = self.memory.keep(tempfile.TemporaryDirectory(prefix="wagle-")).name
            with open(f"{folder}/{key}.jsonl", "wb") as f:
                f.writelines(row_of(row, place) + b"\n" for place, row in enumerate(records(data), 1))
            entries.append(f"{key}={folder}/{key}.jsonl")
        options.sets = self.memory.texts(name, entries)

    def _nested(self, function: str) -> Callable[[str, Any, Any], None]:
        def put(name: str, value: Any, options: Any) -> None:
            inner = Prepared(function, dict(value))
            self.memory.keep(inner)
            setattr(options, name, inner.pointer)
        return put

    def _joined(self, name: str, value: Any, options: Any) -> None:
        """Names with commas between them: as a text, or several."""
        setattr(options, name, self.memory.text(name, value if isinstance(value, str) else ",".join(value)))

    def _runs(self, name: str, value: Any, options: Any) -> None:
        entries = [f"{label}={os.fspath(path)}" for label, path in value.items()] if isinstance(value, Mapping) else value
        options.runs = self.memory.texts(name, entries)

    def _type(self, name: str, value: Any, options: Any) -> None:
        options.type = self.filler._plain(name, value, "wagle_gguf_type")

    def _on_step(self, name: str, value: Any, options: Any) -> None:
        options.on_step = self._callback("wagle_step_fn *", lambda user, step: goes_on(self.call.ask(value, step_of(step))))

    def _on_token(self, name: str, value: Any, options: Any) -> None:
        options.on_token = self._callback("wagle_token_fn *", lambda user, token: goes_on(self.call.ask(value, token_of(token))))

    def _confirm(self, name: str, value: Any, options: Any) -> None:
        options.confirm = self._callback("wagle_confirm_fn *", lambda user, words: value is True or goes_on(self.call.ask(value, text(words))))

    def _callback(self, kind: str, function: Callable[..., bool]) -> Any:
        return self.call.callback(kind, function, False)

    # --- the call -----------------------------------------------------------------------------------------------------------

    def run(self, function: Any, *out: Any) -> None:
        """Raises where the call failed."""
        self.check(self.call.run(function, self.pointer, *out))

    def check(self, status: int) -> None:
        try:
            self.call.check(status)
            if PLANNING.get() and (plan := text(lib.wagle_plan(self.call.ctx))):
                raise Planned(plan, json.loads(text(lib.wagle_plan_json(self.call.ctx)) or "{}"))
        finally:
            self.close()

    def close(self) -> None:
        """Lets go of rows, masks and models at once: this object is part of a cycle, which Python collects some time."""
        self.call.finish()
        self.call.kept.clear()
        for held in self.memory.kept:
            if isinstance(held, Prepared):
                held.close()
        self.memory.kept.clear()
        self.filler.others = {}


# --- signatures and help ------------------------------------------------------------------------------------------------------

def documented(function: F) -> F:
    """Gives a function with **options its whole signature, and its docstring what each keyword is."""
    name = function.__name__
    shown = inspect.signature(function)
    own = [p for p in shown.parameters.values() if p.kind is not p.VAR_KEYWORD]
    others = {k: v for k, v in known(name).items() if k not in shown.parameters}
    keywords = [inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=v[0]) for k, v in others.items()]
    function.__signature__ = shown.replace(parameters=own + keywords)  # type: ignore[attr-defined]
    lines = [inspect.cleandoc(function.__doc__ or ""), "", "Keyword arguments; None is the default:", ""]
    for keyword, (hint, default, words) in others.items():
        lines += [f"{keyword} : {hint}" + (f", default {default}" if default else ""), f"    {words[:1].upper()}{words[1:]}".rstrip(".") + "."]
    function.__doc__ = "\n".join(lines)
    return function
