"""A card as the driver knows it, and programs that run beside it."""
import ctypes, os, subprocess, tempfile, time


class Card:
    """Name and free memory; every part may be missing."""

    def __init__(self, ordinal):
        self.name, self.why, self.ordinal = None, None, ordinal
        try:
            self.lib = ctypes.CDLL("libcuda.so.1")
            self.open()
        except (OSError, RuntimeError, AttributeError) as error:
            self.lib, self.why = None, str(error)

    def call(self, name, *arguments):
        error = getattr(self.lib, name)(*arguments)
        if error != 0:
            raise RuntimeError(f"{name}: error {error}")

    def open(self):
        card, context, name = ctypes.c_int(), ctypes.c_void_p(), ctypes.create_string_buffer(128)
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(card), self.ordinal)
        self.call("cuDeviceGetName", name, 128, card)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), card)
        self.call("cuCtxSetCurrent", context)
        self.name = name.value.decode()

    def free(self):
        """Bytes, or None."""
        if self.lib is None:
            return None
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value


def measured(command, seconds, card):
    """Runs it for `seconds` at most: its exit code (None: stopped), output, last line of its errors, the time it took, and the most memory of
    the card that it had (None: unknown)."""
    before = least = card.free() if card else None
    began = time.monotonic()
    stopped = False
    with tempfile.TemporaryFile("w+") as text, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=text, stderr=errors, text=True)
        while process.poll() is None:
            if before is not None:
                least = min(least, card.free())
            if time.monotonic() - began > seconds:
                process.kill()
                stopped = True
            time.sleep(0.01)
        took = time.monotonic() - began
        text.seek(0)
        errors.seek(0)
        lines = [line for line in errors.read().split("\n") if line.strip()] or [f"exit code {process.returncode}"]
        return None if stopped else process.returncode, text.read(), lines[-1][:300], took, None if before is None else before - least
