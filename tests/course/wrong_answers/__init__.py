"""Known wrong answers, each a mistake that people make: the checks must reject every one.

Those for `flaxvid.video.sample.natural_key` are in `video_sample.py`, and their names begin with
`natural_key_`.
"""

import importlib
from collections.abc import Callable

from flaxvid.exercise import catalogue


def of(exercise: str) -> list[Callable]:
    """The wrong answers to an exercise, by its full name."""
    place, _, short = exercise.rpartition(".")
    try:
        module = importlib.import_module(f"{__name__}.{place.replace('.', '_')}")
    except ModuleNotFoundError:
        return []
    return [value for name, value in vars(module).items() if name.startswith(f"{short}_")]


WRONG = {name: of(name) for name in catalogue.exercises()}
