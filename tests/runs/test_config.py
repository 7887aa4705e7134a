"""What makes a model: everything but the seed and the place."""

import dataclasses
import json
from pathlib import Path

import pytest

from flaxvid import errors
from flaxvid.data import embeddings
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
        settings_of(content={"train": "123", "test": "456"}),
    ]
    for other in others:
        assert config.made_of(other) != config.made_of(first)


def test_what_was_changed_after_the_checkpoint_has_no_part_in_it():
    """Resumed at steps 5 and 9: the checkpoint of step 7 has the first change, that of 5 none."""
    began = settings_of()
    last = settings_of(
        recipe=dataclasses.replace(began.recipe, batch_size=32, learning_rate=0.5),
        changes=(
            {"step": 5, "before": {"recipe.batch_size": began.recipe.batch_size}},
            {"step": 9, "before": {"recipe.learning_rate": began.recipe.learning_rate}},
        ),
    )
    assert config.made_of(last, 5) == config.made_of(began)
    between = config.made_of(last, 7)
    assert between["recipe.batch_size"] == 32
    assert between["recipe.learning_rate"] == began.recipe.learning_rate
    assert between["run.changes"] == [last.changes[0]]
    assert config.made_of(last, 10) == config.made_of(last)


def test_a_run_from_before_contents_were_noted_has_not_changed(tmp_path):
    """It goes on with its data, of which more is known now."""
    config.write(tmp_path, settings_of(run=options.Run(out=tmp_path)))
    now = settings_of(run=options.Run(out=tmp_path), content={"train": "123"})
    assert config.update(tmp_path, now, step=10) == ""
    assert config.load(tmp_path).changes == ()


def test_a_finished_run_that_was_only_asked_to_go_on_is_what_it_was(tmp_path):
    """--resume with another batch size, and no step left to do: it is a seed of the others."""
    began = settings_of(run=options.Run(out=tmp_path))
    config.write(tmp_path, began)
    asked = dataclasses.replace(began, recipe=dataclasses.replace(began.recipe, batch_size=32))
    config.update(tmp_path, asked, step=1600)
    assert config.made_of(config.load(tmp_path), 1600) == config.made_of(began)


@pytest.mark.parametrize("arch", zoo.ARCHITECTURES)
def test_every_architecture_s_settings_come_back(arch, tmp_path):
    """Of each kind and range that is declared, lists in lists too."""
    preset = zoo.find(arch)
    about = embeddings.About("lite0", "w", "0" * 64, 3, preset.preprocessing, "m", stage=4, views=3)
    settings = settings_of(
        arch=arch,
        model=zoo.configure(arch, num_classes=3),
        preprocessing=preset.preprocessing,
        recipe=preset.recipe,
        embedding=about,
        changes=({"step": 1, "before": {"recipe.steps": 3}},),
    )
    config.write(tmp_path, settings)
    assert config.load(tmp_path) == settings


def test_labels_command_no_terminal(tmp_path):
    """Of a config.json from elsewhere: escape codes and newlines are shown, and not obeyed."""
    config.write(tmp_path, settings_of(labels=("a", "\x1b[31mred", "two\nlines")))
    assert config.load(tmp_path).labels == ("a", "\\x1b[31mred", "two\\nlines")


@pytest.mark.parametrize("labels", ["abc", [["a"], ["b"]], [1, 2], {"a": 1}, None])
def test_labels_that_are_no_names_are_refused(labels, tmp_path):
    """In one line that names the file."""
    config.write(tmp_path, settings_of())
    values = json.loads((tmp_path / "config.json").read_text()) | {"labels": labels}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(errors.UserError, match="config.json: its labels are not a list of names"):
        config.load(tmp_path)
