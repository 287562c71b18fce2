"""Rows of data: files, lists, pandas frames, Hugging Face datasets."""
from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Union

from ._call import Call
from ._fill import Memory, kinds, number
from ._library import ffi, lib
from ._options import LAYOUT, Path

if TYPE_CHECKING:
    from typing_extensions import TypeAlias, Unpack

    from ._options import Layout


class Frame(Protocol):
    """A pandas frame."""

    @property
    def columns(self) -> Any: ...

    def to_dict(self, *args: Any, **kwargs: Any) -> Any: ...


Row: TypeAlias = Union[Mapping[str, Any], "tuple[str, str]"]
Data: TypeAlias = Union[Path, "Rows", Frame, Iterable[Row]]


class Rows:
    """Rows to give to several calls, or with a layout of their own.

    A source is one of

    - files, one or several: JSON Lines, a JSON array, CSV or Parquet, or a folder of them; ``FILE@W`` multiplies the loss terms of that file by W in training;
    - a list, or any iterable, of dicts with the columns that a file may have (``question`` and ``answer``, ``prompt`` and
      ``completion``, ``text``, ``messages``, or ``input_ids`` and ``labels``), or of tuples (prompt, answer);
    - a pandas frame; cells without a value are left out;
    - a Hugging Face dataset: one split.

    Rows in memory are copied here, so they can be changed or dropped afterwards. The keywords are those of the layout; they win
    over those of the call."""

    def __init__(self, *sources: Data, **layout: Unpack[Layout]) -> None:
        for name in layout:
            if name not in LAYOUT:
                raise TypeError(f"wagle.Rows() has no keyword argument '{name}'")
        if not sources:
            raise TypeError("wagle.Rows() needs a file, or rows")
        self.layout: dict[str, Any] = dict(layout)
        self.files = [source for source in sources if isinstance(source, (str, os.PathLike))]
        self.dataset: Any = None
        if not self.files and len(sources) == 1:
            self.dataset = dataset(records(sources[0]))
        elif len(self.files) < len(sources):
            raise TypeError("wagle.Rows() takes several files, or one set of rows in memory")

    def __len__(self) -> int:
        """How many rows are in memory."""
        if self.dataset is None:
            raise TypeError("rows of files are counted when they are read")
        return int(lib.wagle_dataset_count(self.dataset))

    def put(self, memory: Memory, data: Any, layout: Mapping[str, Any]) -> None:
        """Fills a wagle_data."""
        if self.dataset is not None:
            data.rows = memory.keep(self.dataset)
        else:
            data.path = memory.text("rows", self.files[0])
            data.more = memory.texts("rows", self.files[1:])
        put_layout(memory, data, {**layout, **self.layout})


def put_layout(memory: Memory, data: Any, layout: Mapping[str, Any]) -> None:
    types = kinds("wagle_data")
    for name, value in layout.items():
        if name not in LAYOUT or value is None:
            continue
        kind = types[name]
        if kind == "char *":
            value = memory.text(name, value)
        elif kind == "char * *":
            value = memory.texts(name, [f"{k}={json_word(v)}" for k, v in value.items()] if isinstance(value, Mapping) else value)
        elif kind == "int64_t":
            value = number(name, value, int)
        elif not isinstance(value, bool):
            raise TypeError(f"{name}: must be True or False, not {value!r}")
        setattr(data, name, value)


def json_word(value: Any) -> str:
    """As --chat-kwarg takes it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def rows_of(value: Data) -> Rows:
    return value if isinstance(value, Rows) else Rows(value)


# --- rows in memory -----------------------------------------------------------------------------------------------------------

def records(source: Any) -> Iterator[Any]:
    """The rows of a list, a frame or a dataset."""
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        return iter(source.to_dict("records"))
    if hasattr(source, "to_dicts"):
        return iter(source.to_dicts())
    if isinstance(source, Mapping):
        raise TypeError(f"rows: a mapping ({', '.join(map(str, list(source)[:4]))}) is no list of rows; of a dataset with splits give one split")
    try:
        return iter(source)
    except TypeError:
        raise TypeError(f"rows: must be a file, a list, a frame or a dataset, not {type(source).__name__}") from None


def plain(value: Any) -> Any:
    """What json does not know: arrays, tensors, numbers of numpy, dates."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be part of a row")


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in ("NAType", "NaTType")


def row_of(row: Any, place: int) -> bytes:
    if isinstance(row, (tuple, list)) and len(row) == 2 and all(isinstance(part, str) for part in row):
        row = {"prompt": row[0], "answer": row[1]}
    if isinstance(row, str):
        raise TypeError(f"rows: row {place} is a text alone; write {{'text': ...}} for a row, or wagle.Rows('a', 'b') for files")
    if not isinstance(row, Mapping):
        raise TypeError(f"rows: row {place} must be a dict or (prompt, answer), not {type(row).__name__}")
    try:
        return json.dumps({k: v for k, v in row.items() if not is_missing(v)}, default=plain, allow_nan=False).encode()
    except (TypeError, ValueError) as failure:
        raise TypeError(f"rows: row {place}: {failure}") from None


def dataset(rows: Iterable[Any]) -> Any:
    made = ffi.new("wagle_dataset **")
    with Call() as call:
        call.check(lib.wagle_dataset_new(call.ctx, made))
        held = ffi.gc(made[0], lib.wagle_dataset_free)
        for place, row in enumerate(rows, 1):
            encoded = row_of(row, place)
            call.check(lib.wagle_dataset_add_json(call.ctx, held, encoded, len(encoded)))
    return held
