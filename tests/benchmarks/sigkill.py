"""Kills a run 50 times at random moments; every resume must succeed, and the end be the same bits.

    python tests/benchmarks/sigkill.py
    python tests/benchmarks/sigkill.py --kills 5 --seed 1

A run that nobody touches is made first. Then another is started, killed by SIGKILL after a time
drawn at random (starting up, stepping, saving: whatever it is at), gone on with by --resume, killed
again. When it ends before it is killed, its last checkpoint is compared with that of the first run,
every array bit for bit, and the next one begins.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from orbax.checkpoint import v1 as orbax

sys.path.insert(0, str(Path(__file__).parents[2]))

from flaxvid.data import motion

ROOT = Path(__file__).parents[2]
STEPS = 200
RUN = ["--steps", str(STEPS), "--eval-every", "5", "--batch-size", "4", "--num-frames", "4"]
RUN += ["--model.dim", "16", "--model.depth", "1", "--model.num-heads", "2"]
RUN += ["--model.mlp-dim", "16", "--model.patch-size", "16", "--average", "0.99"]


def main():
    """Prints one line for each kill and each run that ended, and the count of both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    rng, kills, ended = random.Random(chosen.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        counts = {"train": 40, "validation": 10, "test": 20}
        motion.open_or_draw(root=folder, counts=counts)
        untouched, seconds = folder / "untouched", time.monotonic()
        finish(start(folder, untouched))
        seconds = time.monotonic() - seconds
        print(f"untouched: {STEPS} steps and {STEPS // 5} checkpoints in {seconds:.0f} s")
        expected, run = arrays(untouched), folder / "killed"
        while kills < chosen.kills or run.exists():
            process = start(folder, run)
            try:
                # Once the last kill is done, the run may end.
                limit = rng.uniform(1, 0.8 * seconds) if kills < chosen.kills else None
                process.wait(limit)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                print(f"kill {kills} after {limit:.1f} s, {newest(run)}", flush=True)
                continue
            finish(process)
            found = arrays(run)
            assert found.keys() == expected.keys()
            different = [name for name in expected if not same(found[name], expected[name])]
            assert not different, f"not the same bits: {different}"
            ended += 1
            print(f"run {ended} ended, {len(found)} arrays as in the untouched one", flush=True)
            shutil.rmtree(run)
    print(f"{kills} kills, {ended} runs ended, all in the same bits")


def start(folder, run):
    """The training command: a new run, or the one that is there."""
    if (run / "config.json").exists():
        words = ["--resume", str(run)]
    else:
        shutil.rmtree(run, ignore_errors=True)
        words = ["--data", str(folder / "motion" / "manifest.csv"), "--out", str(run), *RUN]
    return subprocess.Popen(
        [sys.executable, "-m", "flaxvid.train", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Waits for a run that is to succeed."""
    _, said = process.communicate()
    assert process.returncode == 0, said[-2000:]


def newest(run):
    """How far a run has come."""
    steps = [int(p.name) for p in (run / "checkpoints").glob("*") if p.name.isdecimal()]
    return f"{len(steps)} checkpoints, the newest of step {max(steps)}" if steps else "none saved"


def arrays(run):
    """Every array of the last checkpoint, by name."""
    with orbax.training.Checkpointer(run / "checkpoints") as checkpoints:
        tree = checkpoints.load(STEPS)
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}


def same(left, right):
    """Equal to the bit, NaN included."""
    left, right = np.asarray(left), np.asarray(right)
    return left.dtype == right.dtype and left.tobytes() == right.tobytes()


if __name__ == "__main__":
    main()
