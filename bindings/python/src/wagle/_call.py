"""One call of the library: its context, its callbacks, and the thread that it runs in.

The C function runs in a thread of its own, without Python's lock. The calling thread waits for it and runs the callbacks, so
they are called where the caller is, and Ctrl-C ends a call at once: the library is asked to stop, writes its checkpoint, and
KeyboardInterrupt follows."""
from __future__ import annotations

import logging
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from ._fill import choice
from ._library import ERRORS, INTERRUPTED, Error, UsageError, ffi, lib, text
from ._options import PARAMS

log = logging.getLogger("wagle")
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
DONE = object()
PLANNING: ContextVar[bool] = ContextVar("wagle_planning", default=False)
PARAM_NAMES = {key: keyword for keyword, key in PARAMS.items()}


def size(name: str, given: int | str) -> int:
    """Bytes of 16G, 800M or a number."""
    units = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:B|iB)?", str(given).strip())
    if not found or float(found[1]) <= 0:
        raise UsageError(f"{name}={given!r}: must be a size, as in '800M' or '16G'")
    return int(float(found[1]) * units[found[2]])


def spelled(option: str, value: str | None, names: Mapping[str, str]) -> str:
    """A member of C in messages, as Python writes it: retain_term='none', npo_beta, force=True."""
    keyword = PARAM_NAMES.get(option) or names.get(option) or option.rsplit(".", 1)[-1]
    if value is None:
        return keyword
    if value in ("true", "false"):
        return f"{keyword}={value.title()}"
    as_is = re.fullmatch(r"-?[\d.]+(?:e-?\d+)?", value) or re.match(r"[A-Z]{2}", value)
    return f"{keyword}={value}" if as_is else f"{keyword}={value!r}"


def write_name(names: Mapping[str, str], user: Any, option: Any, value: Any, out: Any, room: int) -> None:
    name = spelled(text(option), text(value) if value != ffi.NULL else None, names)
    encoded = name.encode("utf-8", "surrogateescape")[: room - 1] + b"\0"
    ffi.memmove(out, encoded, len(encoded))


class Owner:
    """A context, which lives as long as its calls and the models that were opened or made in it. One call uses it at a time.

    Freed by count, not by Python's collector, which may finalise a context before its models."""

    def __init__(self, parent: Owner | None = None) -> None:
        made = ffi.new("wagle_ctx **")
        if lib.wagle_ctx_new(made) != 0:
            raise MemoryError("wagle: no memory for a context")
        self.ctx, self.parent, self.users = made[0], parent, 0
        self.lock, self.busy = threading.Lock(), threading.Lock()
        if parent is not None:
            parent.take()

    def take(self) -> None:
        with self.lock:
            self.users += 1

    def drop(self) -> None:
        with self.lock:
            self.users -= 1
            last = self.users == 0
        if last:
            lib.wagle_ctx_free(self.ctx)
            if self.parent is not None:
                self.parent.drop()

    def hold(self, model: Any) -> Any:
        """A wagle_model that is closed when nothing refers to it any more, and the context after it."""
        def close(pointer: Any) -> None:
            lib.wagle_model_close(pointer)
            self.drop()

        self.take()
        return ffi.gc(model, close)


def ended(owner: Owner) -> None:
    """A call ended: nobody listens to its context any more."""
    for listen in (lib.wagle_on_name, lib.wagle_on_log, lib.wagle_on_progress):
        listen(owner.ctx, ffi.NULL, ffi.NULL)
    owner.busy.release()
    owner.drop()


class Call:
    """One call, or several that follow each other. Leave it with `finish`, or as a context manager."""

    def __init__(self, common: Mapping[str, Any] | None = None, names: Mapping[str, str] | None = None, owner: Owner | None = None,
                 share: bool = True) -> None:
        """owner: the context of an open model, which is used if share, unless another call uses it now. common is what the
        model was opened with, and what the call changes of it."""
        shared = owner is not None and share and owner.busy.acquire(blocking=False)
        self.owner = owner if owner is not None and shared else Owner(owner)
        if not shared:
            self.owner.busy.acquire()
        self.owner.take()
        self.finish = weakref.finalize(self, ended, self.owner)
        self.ctx = self.owner.ctx
        self.events: SimpleQueue[Any] = SimpleQueue()
        self.replies: SimpleQueue[Any] = SimpleQueue()
        self.failure: BaseException | None = None
        self.left = False
        self.kept: list[Any] = []
        self.status = 0
        self.names = names or {}
        self._listen(common or {})
        self._limit(common or {})
        if not shared:
            self._place(common or {})

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    # --- what the context is told ---------------------------------------------------------------------------------------

    def _limit(self, common: Mapping[str, Any]) -> None:
        lib.wagle_set_threads(self.ctx, common.get("threads") or 0)
        for name in ("memory", "gpu_memory"):
            given = common.get(name)
            getattr(lib, f"wagle_set_{name}")(self.ctx, 0 if given is None else size(name, given))
        lib.wagle_set_dry_run(self.ctx, PLANNING.get())

    def _place(self, common: Mapping[str, Any]) -> None:
        device, precision = common.get("device"), common.get("precision")
        if device is not None or precision is not None:
            number = choice("wagle_precision", "precision", precision) if precision is not None else 0
            name = ffi.NULL if device is None else ffi.new("char[]", device.encode())
            self.check(lib.wagle_set_device(self.ctx, name, number))

    def _listen(self, common: Mapping[str, Any]) -> None:
        lib.wagle_on_name(self.ctx, self.callback("wagle_name_fn *", partial(write_name, self.names)), ffi.NULL)
        if log.isEnabledFor(logging.WARNING):
            lib.wagle_on_log(self.ctx, self.callback("wagle_log_fn *", self._log), ffi.NULL)
        if (tell := common.get("on_progress")) is not None:
            lib.wagle_on_progress(self.ctx, self.callback("wagle_progress_fn *", lambda user, stage, done, total, detail: self.tell(
                tell, text(stage), done, total, text(detail) if detail != ffi.NULL else None)), ffi.NULL)

    def _log(self, user: Any, level: int, line: Any) -> None:
        if log.isEnabledFor(LEVELS[min(level, 2)]):
            self.tell(log.log, LEVELS[min(level, 2)], "%s", text(line))

    # --- callbacks: from the thread of the call to the caller's -----------------------------------------------------------

    def callback(self, kind: str, function: Callable[..., Any], error: Any = None) -> Any:
        made = ffi.callback(kind, function, error) if error is not None else ffi.callback(kind, function)
        self.kept.append(made)
        return made

    def tell(self, function: Callable[..., object], *args: Any) -> None:
        """In the thread of the call: lets the caller's thread run function, and goes on."""
        if not self.left:
            self.events.put((function, args, False))

    def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """In the thread of the call: waits for what function returns; None where the call is to end."""
        if self.left:
            return None
        self.events.put((function, args, True))
        return self.replies.get()

    # --- the call ---------------------------------------------------------------------------------------------------------

    def run(self, function: Any, *args: Any) -> int:
        """Calls function(ctx, *args) of the library and returns its status. Raises nothing: check does."""
        for _ in self.turns(function, *args):
            pass
        return self.status

    def turns(self, function: Any, *args: Any) -> Iterator[Any]:
        """The same; what callbacks hand on (hand) comes out here."""
        worker = threading.Thread(target=self._work, args=(function, args), name="wagle", daemon=True)
        ended = False
        try:
            worker.start()
            while not ended:
                try:
                    event = self.events.get(timeout=0.05 if self.failure else None)
                    ended = event is DONE
                    if not ended and event[0] is None:
                        yield event[1]
                    elif not ended:
                        self._answer(*event)
                except Empty:
                    lib.wagle_interrupt(self.ctx)
                except KeyboardInterrupt as interrupt:
                    self.stop(interrupt)
        finally:
            if not ended and worker.is_alive():
                self._leave()

    def hand(self, value: Any) -> bool:
        """In the thread of the call: value is the next that turns yields. False where nobody takes it any more."""
        self.events.put((None, value, False))
        return not self.left

    def _work(self, function: Any, args: Any) -> None:
        try:
            self.status = function(self.ctx, *args)
        finally:
            self.events.put(DONE)

    def _answer(self, function: Callable[..., Any], args: Any, wanted: bool) -> None:
        answer = None
        try:
            if self.failure is None:
                answer = function(*args)
        except BaseException as failure:
            self.stop(failure)
        finally:
            if wanted:
                self.replies.put(answer)

    def stop(self, failure: BaseException) -> None:
        self.failure = self.failure or failure
        lib.wagle_interrupt(self.ctx)

    def _leave(self) -> None:
        """Nobody listens any more: ends the call, and waits for that."""
        self.left = True
        while True:
            lib.wagle_interrupt(self.ctx)
            self.replies.put(None)
            try:
                if self.events.get(timeout=0.05) is DONE:
                    return
            except Empty:
                pass

    def check(self, status: int) -> None:
        """Raises what a call came to, if it failed."""
        if isinstance(self.failure, KeyboardInterrupt):
            raise KeyboardInterrupt(text(lib.wagle_message(self.ctx)) or "interrupted") from None
        if self.failure is not None:
            raise self.failure
        if status == INTERRUPTED:
            raise KeyboardInterrupt(text(lib.wagle_message(self.ctx)))
        if status != 0:
            raise ERRORS.get(status, Error)(text(lib.wagle_message(self.ctx)))
