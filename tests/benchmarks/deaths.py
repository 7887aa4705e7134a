"""Processes that die or are taken away: what the others do, and what the run is worth afterwards.

    python tests/benchmarks/deaths.py                          # all of it, in ten minutes
    python tests/benchmarks/deaths.py step stop-and-change

Two processes train. The second is killed by SIGKILL while it loads its first clips, steps,
evaluates or saves a checkpoint: the seconds until the first has ended and its line are shown, and
the run goes on with two processes, and with one. `stop-and-change` sends SIGTERM to one of two
processes, goes on with four and --parallel fsdp, stops these by SIGUSR1, and ends with one. Each
loss from then on is compared with that of the run that nobody disturbed.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from flaxvid import progress, train
from flaxvid.data import batches, motion
from flaxvid.runs import metrics_log
from flaxvid.training import checkpoint

ROOT = Path(__file__).parents[2]
STEPS = 12
RUN = ["--steps", str(STEPS), "--batch-size", "8", "--eval-every", "4", "--log-every", "1"]
RUN += ["--model.dim", "16", "--model.depth", "1", "--model.num-heads", "2"]
RUN += ["--model.mlp-dim", "64", "--num-frames", "4", "--model.patch-size", "16"]
# Which call of which function, and the signal: a checkpoint is written while the next step is done.
MOMENTS = {
    "loading": (batches.VideoRows, "train_row", 3, signal.SIGKILL),
    "step": (progress.Progress, "advance", 7, signal.SIGKILL),
    "evaluation": (batches.VideoRows, "test_row", 8, signal.SIGKILL),
    "checkpoint": (checkpoint.Checkpoints, "save", 2, signal.SIGKILL),
    "SIGTERM": (progress.Progress, "advance", 3, signal.SIGTERM),
    "SIGUSR1": (progress.Progress, "advance", 3, signal.SIGUSR1),
}
DEATHS = ("loading", "step", "evaluation", "checkpoint")


def child(moment, words):
    """The command `train` in this process, which gets a signal at a moment; "": none."""
    if moment:
        owner, name, count, kind = MOMENTS[moment]
        whole, calls = getattr(owner, name), []

        def counted(*arguments, **options):
            found = whole(*arguments, **options)
            calls.append(None)
            if len(calls) == count:
                os.kill(os.getpid(), kind)
            return found

        setattr(owner, name, counted)
    sys.argv = ["train", *words]
    train.main()


def start(words, processes, moment="", disturbed=1):
    """The processes of a run; the one that is disturbed gets the signal of the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    meet = ["--coordinator", address, "--num-processes", str(processes)] * (processes > 1)
    return [
        subprocess.Popen(
            [sys.executable, __file__, "--child", moment if number == disturbed else "", *words]
            + meet
            + ["--process-id", str(number)] * (processes > 1),
            env=os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]


def finish(processes):
    """When all have ended, and well, what the first said."""
    said = [process.communicate() for process in processes]
    assert not any(process.returncode for process in processes), said
    return said[0][0]


def difference(folder, undisturbed):
    """The largest between losses of a run and those of another, which has the same steps."""
    found, wanted = (
        {
            (row["step"], name): row[name]
            for row in metrics_log.read(run / "metrics.jsonl")
            for name in ("loss", "validation_loss")
            if name in row
        }
        for run in (folder, undisturbed)
    )
    assert found.keys() == wanted.keys()
    return max(abs(found[key] - wanted[key]) for key in wanted)


def death(moment, words, folder, undisturbed):
    """A row of the table: one of two processes dies, and the run goes on with two, and with one."""
    processes = start([*words, "--out", str(folder)], 2, moment)
    processes[1].communicate()
    assert processes[1].returncode == -signal.SIGKILL
    began = time.monotonic()
    _, line = processes[0].communicate()
    seconds = time.monotonic() - began
    told = [one for one in line.splitlines() if one.startswith("error: ")]
    assert len(told) == 1, line
    assert processes[0].returncode == 2
    apart = []
    for number in (2, 1):
        again = folder.with_name(f"{folder.name}-{number}")
        shutil.copytree(folder, again)
        # Before the first checkpoint there is nothing to go on with but the settings.
        finish(start(["--resume", str(again)], number, disturbed=None))
        apart.append(difference(again, undisturbed))
    last = told[0].partition("; ")[2].partition(";")[0]
    return f"| {moment} | {seconds:.1f} | {last} | {apart[0]:.1e} | {apart[1]:.1e} |"


def stop_and_change(words, folder, undisturbed):
    """Two processes, then four with fsdp, then one; each stopped politely by one signal to one."""
    said = finish(start([*words, "--out", str(folder)], 2, "SIGTERM"))
    assert "stopped after step 3" in said, said
    fsdp = ["--resume", str(folder), "--parallel", "fsdp"]
    said = finish(start(fsdp, 4, "SIGUSR1"))
    assert "stopped after step 6" in said, said
    finish(start(["--resume", str(folder), "--parallel", "mesh"], 1, disturbed=None))
    apart = difference(folder, undisturbed)
    return (
        "stopped after step 3 by SIGTERM, and after step 6 by SIGUSR1: mesh on 2 processes, fsdp "
        f"on 4, one alone; losses differ by {apart:.1e} at most"
    )


def main():
    """The table, and what was stopped and changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=[*DEATHS, "stop-and-change"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        counts = {"train": 40, "validation": 10, "test": 20}
        words = ["--data", str(motion.open_or_draw(root=folder, counts=counts).root), *RUN]
        finish(start([*words, "--out", str(folder / "undisturbed")], 2, disturbed=None))
        print("| killed while | the other ends after, s | and says | on with 2 | on with 1 |")
        print("|---|---:|---|---:|---:|", flush=True)
        for moment in [name for name in chosen.what if name in DEATHS]:
            row = death(moment, words, folder / moment, folder / "undisturbed")
            print(row, flush=True)
        if "stop-and-change" in chosen.what:
            print(stop_and_change(words, folder / "changed", folder / "undisturbed"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
    else:
        main()
