"""What makes a model: everything but the seed and the place."""

import dataclasses
import json
from pathlib import Path

from flaxvid.recipes import zoo
from flaxvid.runs import config, options


def settings_of(**changes):
    preset = zoo.find("timesformer")
    settings = config.Settings(
        arch="timesformer",
        size="tiny",
        model=zoo.configure("timesformer", num_classes=3),
        preprocessing=preset.preprocessing,
        data=options.Data(),
        recipe=preset.recipe,
        run=options.Run(out=Path("runs/a")),
        labels=("a", "b", "c"),
        manifest="abc",
    )
    return dataclasses.replace(settings, **changes)


def test_seed_and_place_do_not_make_a_model():
    """Nor threads and devices: such runs are seeds of one model."""
    other = settings_of(
        run=options.Run(out=Path("runs/b"), seed=1),
        data=options.Data(threads=5),
        machine=options.Machine(parallel="fsdp"),
    )
    assert config.made_of(other) == config.made_of(settings_of())
    assert json.loads(json.dumps(config.made_of(other))) == config.made_of(other)


def test_all_else_does():
    """Model, preprocessing, recipe, batches, weights, arithmetic, data."""
    first = settings_of()
    others = [
        settings_of(model=dataclasses.replace(first.model, dim=48)),
        settings_of(preprocessing=dataclasses.replace(first.preprocessing, flip=True)),
        settings_of(recipe=dataclasses.replace(first.recipe, steps=7)),
        settings_of(recipe=dataclasses.replace(first.recipe, batch_size=4)),
        settings_of(run=options.Run(weights="file.pth")),
        settings_of(machine=options.Machine(precision="bf16")),
        settings_of(manifest="xyz"),
    ]
    for other in others:
        assert config.made_of(other) != config.made_of(first)
