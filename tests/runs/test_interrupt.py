"""Signals that end a run politely."""

import os
import signal

import pytest

from flaxvid.runs import interrupt
from tests.benchmarks import deaths


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


def test_the_moments_of_death_are_those_of_the_code():
    """`tests/benchmarks/deaths.py` takes ten minutes; what it counts calls of must be there."""
    for owner, name, count, _ in deaths.MOMENTS.values():
        assert callable(vars(owner)[name])
        assert count > 0
