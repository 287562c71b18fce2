"""The library, opened once, and its errors as exceptions."""
from __future__ import annotations

import os
from typing import Any

from . import _ffi

ffi: Any = _ffi.ffi
lib: Any = ffi.dlopen(os.path.join(os.path.dirname(os.path.abspath(__file__)), "libwagle.so"))


def text(pointer: Any) -> str:
    """A string of the library's; bytes that are not UTF-8 come as Python's file names have them."""
    return str(ffi.string(pointer).decode("utf-8", "surrogateescape"))


__version__ = text(lib.wagle_version())


class Error(Exception):
    """A call failed. The text is the line that says why; `status` is the command's exit code."""

    status = 1


class RunError(Error):
    """The work itself failed: a loss is not finite, a metric has no value."""


class UsageError(Error, ValueError):
    """An option is missing, out of range, or does not go with another one."""

    status = 2


class InputError(Error, ValueError):
    """A file, a row or a model is missing, damaged, or does not fit the others."""

    status = 3


class ResourceError(Error):
    """There is not enough memory or disk, or the limit is too low."""

    status = 4


class UnmetError(Error):
    """Training ended before `stop_when` was reached. `result` is what the call would have returned."""

    status = 5
    result: Any = None


INTERRUPTED = 130
ERRORS: dict[int, type[Error]] = {kind.status: kind for kind in (RunError, UsageError, InputError, ResourceError, UnmetError)}
