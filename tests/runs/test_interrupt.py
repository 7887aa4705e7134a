"""Signals that end a run politely."""

import os
import signal
import types
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

import flaxvid
from flaxvid.runs import interrupt, loop
from tests.benchmarks import deaths

PACKAGE = Path(flaxvid.__file__).parent


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_the_first_signal_is_noted_and_the_second_breaks_off(kind, capsys):
    """Ctrl-C, a machine that is taken away, SLURM's warning; afterwards all is as it was."""
    before = signal.getsignal(kind)
    with interrupt.interruptible() as asked:
        assert not asked()
        os.kill(os.getpid(), kind)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), kind)
    assert "stopping after this step" in capsys.readouterr().err
    assert signal.getsignal(kind) == before


def test_a_signal_to_one_process_ends_all(monkeypatch, unchecked_shapes):
    """As the notice that one machine is taken away; else the others would wait for it for ever."""
    job = types.SimpleNamespace(interrupted=lambda: False)
    assert not loop.asked_to_stop(job)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(multihost_utils, "process_allgather", lambda mine: np.array([mine, True]))
    assert loop.asked_to_stop(job)


def test_nobody_stops_by_what_it_alone_has_heard():
    """The signal of one process is asked for in one place."""
    asking = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "interrupted()" in path.read_text()
    ]
    assert asking == ["runs/loop.py"]


def test_the_moments_of_death_are_those_of_the_code():
    """`tests/benchmarks/deaths.py` takes ten minutes; what it counts calls of must be there."""
    for owner, name, count, _ in deaths.MOMENTS.values():
        assert callable(vars(owner)[name])
        assert count > 0
