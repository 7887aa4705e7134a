"""Kills a command 50 times at random moments; every resume must succeed, and the end be the same.

    python tests/benchmarks/sigkill.py                          # training
    python tests/benchmarks/sigkill.py frames packed embeddings
    python tests/benchmarks/sigkill.py train --kills 5 --seed 1

What nobody touches is made first: a run, or what `prepare` makes of 70 small videos. Then another
is begun, killed by SIGKILL after a time drawn at random (starting up, stepping, saving: whatever it
is at), gone on with by --resume or by the same command, killed again. When it ends before it is
killed, every array of its last checkpoint, every file that was made, or, of a packed folder, every
record, is compared with that of the first, bit for bit, and the next one begins.

On two cores of an AMD EPYC, 50 kills of each of the four: every end was the same, bit for bit, as
that of what nobody touched (`packed` came to an end 17 times between them, `embeddings` 3 times).
"""

import argparse
import dataclasses
import json
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from orbax.checkpoint import v1 as orbax

sys.path.insert(0, str(Path(__file__).parents[2]))

from flaxvid.data import motion, packed

ROOT = Path(__file__).parents[2]
STEPS = 200
RUN = ["--steps", str(STEPS), "--eval-every", "5", "--batch-size", "4", "--num-frames", "4"]
RUN += ["--model.dim", "16", "--model.depth", "1", "--model.num-heads", "2"]
RUN += ["--model.mlp-dim", "16", "--model.patch-size", "16", "--average", "0.99"]
AT_START = 0.2  # of the kills come while the command starts up, the others while it works


@dataclasses.dataclass(frozen=True)
class Job:
    """A command, and how to compare what it leaves."""

    words: Callable[[Path, Path], list[str]]
    """Data and the place of the result -> the command line."""
    content: Callable[[Path], dict[str, bytes]]
    """The result -> its parts by name."""
    begins: str
    """A line that has this tells that the work begins."""


def training(data, out):
    """A new run, or the one that is there."""
    if (out / "config.json").exists():
        return ["train", "--resume", str(out)]
    shutil.rmtree(out, ignore_errors=True)
    return ["train", "--data", str(data), "--out", str(out), *RUN]


def arrays(run):
    """Every array of the last checkpoint, with its type."""
    with orbax.training.Checkpointer(run / "checkpoints") as checkpoints:
        tree = checkpoints.load(STEPS)
    leaves = jax.tree.leaves_with_path(tree)
    found = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
    return {f"{name} {array.dtype}": array.tobytes() for name, array in found.items()}


def whole(folder):
    """Every file."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def records(folder):
    """Every record of a packed folder, and the other files; TFDS writes equal records unequally."""
    assert packed.damaged_shards(folder) == []
    found = {name: data for name, data in whole(folder).items() if "array_record" not in name}
    del found["packed.json"]  # it has the checksums of the files
    info = json.loads(found.pop("dataset_info.json"))
    for split in info["splits"]:
        del split["numBytes"]
        for number, record in enumerate(packed.records(folder, split["name"])):
            found[f"{split['name']}#{number}"] = pickle.dumps(record)
    return found | {"dataset_info.json": json.dumps(info, sort_keys=True).encode()}


def prepared(name, *more):
    """`prepare NAME DATA OUT`."""
    return lambda data, out: ["prepare", name, str(data), *(more or ()), *_place(name, out)]


def _place(name, out):
    return ["--out", str(out)] if name == "embeddings" else [str(out)]


JOBS = {
    "train": Job(training, arrays, "step "),
    "frames": Job(prepared("frames", "--fps", "30"), whole, "frames to"),
    "packed": Job(prepared("packed", "--clips-per-shard", "4"), records, "packing"),
    "embeddings": Job(
        prepared("embeddings", "--num-frames", "4", "--image-size", "64"), whole, "embedding"
    ),
}


def main():
    """For each command, a line for each kill and each end, and the count of both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["train"], help=", ".join(JOBS))
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        counts = {"train": 40, "validation": 10, "test": 20}
        data = motion.open_or_draw(root=folder, counts=counts).root
        for name in chosen.what:
            rng = random.Random(chosen.seed)
            print(name, kill_and_compare(JOBS[name], data, folder / name, chosen.kills, rng))


def kill_and_compare(job, data, folder, kills_wanted, rng):
    """The story of one command; how many kills and ends there were."""
    folder.mkdir()
    untouched, out = folder / "untouched", folder / "killed"
    process = start(job, data, untouched)
    began = time.monotonic()
    process.working.wait()
    starting = time.monotonic() - began
    finish(process)
    working = process.last - began - starting
    expected = job.content(untouched)
    print(f"untouched: {starting:.1f} s to start, {working:.1f} s, {len(expected)} parts")
    kills, ended = 0, 0
    while kills < kills_wanted or ended == 0 or left(out):
        process = start(job, data, out)
        # Once the last kill is done, the command may end.
        if kills < kills_wanted and killed(process, rng, starting, working):
            kills += 1
            print(f"kill {kills}: {len(left(out))} files are there", flush=True)
            continue
        finish(process)
        found = job.content(out)
        assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
        different = [name for name in expected if found[name] != expected[name]]
        assert not different, f"not the same bits: {different}"
        ended += 1
        print(f"end {ended}: {len(found)} parts as in the untouched one", flush=True)
        shutil.rmtree(out)
    return f"{kills} kills, {ended} ends, all in the same bits"


def killed(process, rng, starting, working):
    """Whether a command was killed, at a moment drawn at random, before it ended."""
    if rng.random() < AT_START:
        limit = rng.uniform(0.2, 1.0) * starting
    else:
        limit = rng.uniform(0, 1) * working
        process.working.wait()
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.reader.join()
        return True
    return False


def left(out):
    """What of a result there is, under its name or its temporary one."""
    places = [out, out.with_name(out.name + ".partial")]
    return [path for place in places if place.exists() for path in place.rglob("*")]


def start(job, data, out):
    """The command in a process, whose event `working` is set when its work begins, or it has
    ended."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", *_module(job.words(data, out))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process.said, process.working = [], threading.Event()

    def read():
        for line in process.stdout:
            process.said.append(line)
            process.last = time.monotonic()
            if line.startswith(job.begins):
                process.working.set()
        process.working.set()

    process.reader = threading.Thread(target=read)
    process.reader.start()
    return process


def _module(words):
    return [f"flaxvid.{words[0]}", *words[1:]]


def finish(process):
    """Waits for a command that is to succeed."""
    process.wait()
    process.reader.join()
    assert process.returncode == 0, "".join(process.said)[-2000:]


if __name__ == "__main__":
    main()
