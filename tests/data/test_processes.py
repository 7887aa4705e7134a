"""Batches that processes decode are those of threads, and what goes wrong in them is told here."""

import multiprocessing
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import batches, processes, sources
from flaxvid.video import preprocess

SETTINGS = preprocess.Preprocessing(num_frames=4, crop_size=16, resize=20, jitter=(18, 24))


def rows_of(videos, **options):
    return batches.VideoRows(videos.split("train"), SETTINGS, **options)


def clips_of(pixels):
    return preprocess.Preprocessing(num_frames=8, crop_size=pixels)


def equal(one, other):
    assert set(one) == set(other)
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def test_they_are_those_of_threads(small_motion):
    """Order, frames and crops are the same, over an epoch's end; a run goes on with either."""
    rows = rows_of(small_motion)
    threads = batches.train_batches(rows, 8, seed=3)
    by_two = batches.train_batches(rows, 8, seed=3, workers=2)
    places = [threads.get_state()]
    for _ in range(7):
        equal(next(by_two), next(threads))
        places.append(threads.get_state())
        assert by_two.get_state() == places[-1]
    for batches_made in (threads, by_two):
        batches_made.set_state(places[3])
    equal(next(by_two), next(threads))
    for batches_made in (threads, by_two):
        batches_made.close()


def test_bad_videos_are_listed_or_raised_here(small_motion, tmp_path):
    """In the process that trains: what others could not read."""
    folder = tmp_path / "motion"
    shutil.copytree(small_motion.root, folder)
    videos = sources.open_data(folder)
    bad = videos.path(videos.split("train").rows[5])
    bad.write_bytes(b"no video")
    rows = rows_of(videos, bad_videos="skip")
    made = batches.train_batches(rows, 8, seed=3, workers=1)
    weights = np.concatenate([next(made)["weight"] for _ in range(5)])
    made.close()
    assert (weights == 0).sum() == 1
    assert list(rows.skipped.reasons()) == [str(bad)]
    made = batches.train_batches(rows_of(videos), 8, seed=3, workers=1)
    with pytest.raises(errors.VideoError, match=bad.name):
        [next(made) for _ in range(5)]
    made.close()


def test_shared_memory_that_is_too_small_is_refused(monkeypatch):
    """A container's 64 MB would end a process in the middle of a run, without a word."""
    usage = shutil.disk_usage("/")._replace(free=64_000_000)
    monkeypatch.setattr(processes.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(processes, "SHARED", pathlib.Path("/"))
    with pytest.raises(errors.UserError, match="take 154 MB of shared memory, and / has 64 MB"):
        processes.refuse_too_large(clips_of(224), batch_size=4, count=8)
    processes.refuse_too_large(clips_of(112), batch_size=4, count=8)
    processes.refuse_too_large(clips_of(224), batch_size=4, count=0)


def test_a_process_that_dies_is_said(small_motion):
    """In one line, with what to do."""
    made = batches.train_batches(rows_of(small_motion), 8, seed=3, workers=1)
    next(made)
    (worker,) = multiprocessing.active_children()
    worker.kill()
    with pytest.raises(errors.UserError, match="--workers 1: one of the processes .* ended"):
        [next(made) for _ in range(20)]
    made.close()


def test_they_end_with_a_process_that_is_killed(small_motion, tmp_path):
    """SIGKILL leaves no time to end them: each looks for its parent."""
    script = tmp_path / "train.py"
    script.write_text(
        f"""
import multiprocessing, time
from flaxvid.data import batches, sources
from flaxvid.video import preprocess

if __name__ == "__main__":
    settings = preprocess.Preprocessing(num_frames=4, crop_size=16, resize=20)
    rows = batches.VideoRows(sources.open_data({str(small_motion.root)!r}).split("train"), settings)
    made = batches.train_batches(rows, 8, seed=3, workers=1)
    next(made)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(60)
"""
    )
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
    command = [sys.executable, script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if not is_there(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it went on")


def is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
