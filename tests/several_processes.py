"""The command `train` in two processes of two devices each, as on two machines or on one."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def train(words: Sequence[str], caches: Sequence[Path]) -> list[str]:
    """What each process printed, as one line; each has the cache of its place in `caches`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "flaxvid.train", *words, "--coordinator", address]
    command += ["--num-processes", str(len(caches)), "--process-id"]
    machine = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2"}
    processes = [
        subprocess.Popen(
            [*command, str(number)],
            env=machine | {"XDG_CACHE_HOME": str(cache)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, cache in enumerate(caches)
    ]
    try:
        said = [process.communicate(timeout=240) for process in processes]
    finally:
        for process in processes:  # those that wait for each other for ever
            process.kill()
    assert not any(process.returncode for process in processes), said
    return [" ".join(printed.split()) for printed, _ in said]
