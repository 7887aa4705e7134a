"""Small changes to flaxvid's own exercises fail their tests: a sample of them.

`python tests/benchmarks/exercise_mutants.py` tries them all.
"""

import pytest

from flaxvid.exercise import catalogue
from tests.course import equivalent, mutants

SAMPLE = [
    *("video.sample.window_indices", "data.ucf101.label_and_group", "models.layers.patchify"),
    *("models.bert.masked_mean", "training.step.cross_entropy", "evaluation.scores.interval"),
]


@pytest.mark.parametrize("name", SAMPLE)
def test_every_sixth_mutant_fails(name):
    """Those known to be equivalent are left out."""
    known = equivalent.EQUIVALENT.get(name, {})
    chosen = [mutant for mutant in mutants.of(name) if mutant.change not in known][::6]
    left = [mutant.change for mutant in mutants.survivors(name, chosen)]
    assert not left


@pytest.mark.parametrize("name", list(catalogue.exercises()))
def test_an_exercise_has_mutants(name):
    """Each has some, and what is listed as equivalent is one of them."""
    changes = {mutant.change for mutant in mutants.of(name)}
    assert len(changes) >= 4
    assert set(equivalent.EQUIVALENT.get(name, {})) <= changes


def test_a_mutant_that_changes_nothing_lives():
    """So a score below 100% can be seen at all."""
    name = "models.convnet.global_average_pool"
    (mutant,) = [found for found in mutants.of(name) if found.change.endswith("(2, 1)")]
    assert mutants.survivors(name, [mutant]) == [mutant]
