"""Rule 1: a test that is marked for an exercise fails when the exercise is not written."""

import pytest

from flaxvid.exercise import catalogue, checking, instrument, limits, verdicts

EXERCISES = list(catalogue.exercises())


def not_written(*_arguments, **_options):
    raise NotImplementedError


def passed_without(name):
    """How many tests of an exercise pass with NotImplementedError in its place."""
    run = checking.Run(name, instrument.Watch(limits.Limit(60.0)))
    checking.run_tests(run, not_written)
    return run.passed + (run.failure is None)


@pytest.mark.parametrize("name", EXERCISES[1::3])
def test_every_marked_test_needs_its_exercise(name):
    """With the exercise replaced by NotImplementedError, no test of it passes;
    tests/benchmarks/exercise_answers.py tries all."""
    assert passed_without(name) == 0


@pytest.mark.parametrize("name", EXERCISES[::12])
def test_the_reference_passes_its_own_check(name):
    """flaxvid's own version passes; tests/benchmarks/exercise_answers.py has all."""
    verdict = checking.judge(catalogue.reference(name), name, 60.0)
    assert verdict.state == verdicts.PASSED, verdict.text()
