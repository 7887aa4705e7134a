"""Rule 1: a test that is marked for an exercise fails when the exercise is not written."""

import time

import pytest

from flaxvid.exercise import catalogue, checking, telling, watching

EXERCISES = list(catalogue.exercises())


def not_written(*_arguments, **_options):
    raise NotImplementedError


@pytest.mark.parametrize("name", EXERCISES)
def test_every_marked_test_needs_its_exercise(name):
    """With the exercise replaced by NotImplementedError, no test of it passes."""
    run = checking.Run(name, watching.Watch(deadline=0.0))
    checking.run_tests(run, not_written)
    assert run.failure is not None
    assert run.passed == 0


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_passes_its_own_check(name):
    """flaxvid's own version passes, in 5 seconds for a function and 15 for a module."""
    reference, began = catalogue.reference(name), time.monotonic()
    verdict = checking.judge(reference, name, 60.0)
    assert verdict.state == telling.PASSED, verdict.text()
    assert time.monotonic() - began < (15 if isinstance(reference, type) else 5)
