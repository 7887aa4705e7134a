"""How much memory there is, so that what needs more is not begun."""

from pathlib import Path

import jax

from flaxvid import errors, files

MEMORY = Path("/proc/meminfo")


def available() -> int | None:
    """Bytes that can still be taken, of the first device, or of the machine where that is a CPU.

    None where neither can be told.
    """
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        said = device.memory_stats() or {}
        return said["bytes_limit"] - said["bytes_in_use"] if "bytes_limit" in said else None
    try:
        lines = files.read_text(MEMORY).splitlines()
    except errors.FileError:
        return None
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * 1024 if found else None
