"""Recipes: what is out of its range is refused where it is made; shares and steps told apart."""

import dataclasses
import math

import pytest

from flaxvid import errors
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo

# For every number of a recipe values that make no sense. Those that are text are not numbers.
WRONG = {
    "steps": (0, -1),
    "epochs": (0.0, -1.0, math.nan, math.inf),
    "least_steps": (-1,),
    "batch_size": (0, -1),
    "learning_rate": (-1e-3, math.nan, math.inf),
    "warmup": (-0.1, 1.5, math.nan, math.inf),
    "milestones": ((0.9, 0.7), (0.5, 0.5), (0.5, 700.0), (-0.1,), (700.5,), (math.nan,)),
    "weight_decay": (-0.1, math.nan),
    "momentum": (-0.1, 1.0, math.nan),
    "clip_norm": (0.0, -1.0, math.nan),
    "label_smoothing": (-0.1, 1.0, 2.0, math.nan),
    "mixup": (-1.0, math.nan),
    "cutmix": (-1.0, math.nan),
    "augment": (-1,),
    "magnitude": (-0.1, 1.1, math.nan),
    "average": (-0.1, 1.0, 2.0, math.nan),
    "patience": (0, -1),
    "layer_decay": (0.0, 1.1, math.nan),
    "rate_factors": (("head",), ("head=-1",), ("head=nan",), ("(=2",)),
    "freeze": (("(",),),
}


def test_every_field_is_known_here():
    """A new field is checked too: it has values above that are refused, or a list of choices."""
    choices = {"optimizer", "schedule", "keep", "balance"}
    assert {field.name for field in dataclasses.fields(recipes.Recipe)} == set(WRONG) | choices


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_values_out_of_range_are_refused(name, value):
    """The message names the option and says what to give."""
    with pytest.raises(errors.UserError, match=rf"^--{name.replace('_', '-')} .*: (give|is n)"):
        recipes.Recipe(**{name: value})


def test_recipes_of_all_architectures_are_sound():
    """Each is made when it is imported: that none is refused is the test."""
    for architecture in zoo.ARCHITECTURES.values():
        for preset in architecture.sizes.values():
            assert dataclasses.replace(preset.recipe) == preset.recipe


@pytest.mark.parametrize(("warmup", "steps"), [(0.0, 0), (0.05, 80), (1.0, 1), (500.0, 500)])
def test_warmup_is_a_share_below_1_and_steps_from_1_on(warmup, steps):
    """Of 1,600 steps: a twentieth is 80; 500 are 500, as in Transformers."""
    assert recipes.Recipe(warmup=warmup).warmup_steps(1600) == steps


def test_milestones_are_shares_or_steps():
    """700 and 900 of 1,000 steps, said in both ways."""
    assert recipes.Recipe(milestones=(0.7, 0.9)).milestone_steps(1000) == (700, 900)
    assert recipes.Recipe(milestones=(700.0, 900.0)).milestone_steps(1000) == (700, 900)


def test_what_lies_behind_the_end_is_refused():
    """A rate that never gets up, or never falls, is not what was meant."""
    with pytest.raises(errors.UserError, match="--warmup 500: the run has 200 steps"):
        recipes.Recipe(warmup=500.0).warmup_steps(200)
    with pytest.raises(errors.UserError, match="--milestones 700: the run has 700 steps"):
        recipes.Recipe(milestones=(700.0,)).milestone_steps(700)


@pytest.mark.parametrize("mixed", ["mixup", "cutmix"])
def test_mixed_clips_have_no_class_to_weigh_by(mixed):
    """By --balance loss; sampling goes with both."""
    with pytest.raises(errors.UserError, match=r"^--balance loss: .* --balance sampling"):
        recipes.Recipe(**{"balance": "loss", mixed: 0.8})
    assert recipes.Recipe(**{"balance": "sampling", mixed: 0.8}).balance == "sampling"
