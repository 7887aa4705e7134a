"""A model to hand on: each file is the other's, and what is not so is refused in one line."""

import dataclasses
import json
import re
import shutil

import jax
import numpy as np
import pytest
import safetensors.numpy

from flaxvid import errors
from flaxvid.data import manifest
from flaxvid.evaluation import report
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import config, model_card, model_facts, model_folder, options, trained_model
from flaxvid.training import state as states
from flaxvid.weights import provenance

SMALL = dict(dim=8, depth=1, mlp_dim=8, num_heads=2)


@pytest.fixture(scope="module")
def trained():
    """A model that has learnt nothing."""
    made = zoo.configure("timesformer", num_classes=3, **SMALL)
    return trained_model.fresh("timesformer", "tiny", made, ("a|b", "c", "d"), seed=0)


@pytest.fixture
def folder(trained, tmp_path):
    model_folder.write(tmp_path / "m", trained.settings, 7, trained.module, "# card\n")
    return tmp_path / "m"


def known(**changes):
    given = dict(step=7, parameters=12, splits=None, report=None, licences={})
    return model_facts.Known(**given | changes)


def test_a_card_tells_how_long_it_learnt(trained):
    """In steps: 10 epochs of 15 videos are 10 steps, and the recipe's fewest are 300."""
    learnt = recipes.Recipe(epochs=10.0, least_steps=300, batch_size=15)
    settings = dataclasses.replace(trained.settings, recipe=learnt)
    card = model_card.text(settings, known(splits={"train": (15, 15), "test": (5, 5)}))
    assert "| length | 300 steps, batches of 15;" in card
    assert "| length | 10 epochs, 300 steps at least, batches" in model_card.text(settings, known())
    steps = dataclasses.replace(settings, recipe=dataclasses.replace(learnt, steps=7))
    assert "| length | 7 steps, batches of 15;" in model_card.text(steps, known())


def test_batch_statistics_are_kept(tmp_path):
    """A model with BatchNorm: all of its arrays come back."""
    made = dataclasses.replace(zoo.configure("c3d", num_classes=2), batch_norm=True)
    trained = trained_model.fresh("c3d", "tiny", made, ("a", "b"), seed=1)
    model_folder.write(tmp_path / "m", trained.settings, 3, trained.module, "")
    names = safetensors.numpy.load_file(tmp_path / "m" / "model.safetensors")
    assert any(name.startswith("stats/") for name in names)
    again = trained_model.open_best(tmp_path / "m")
    assert (again.step, again.settings.labels) == (3, ("a", "b"))
    assert again.parameters == trained.parameters


def changed(folder, **entries):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_weights_of_another_model_are_refused(folder, trained):
    """Of the same shape even: the config tells which they are."""
    arrays = safetensors.numpy.load_file(folder / "model.safetensors")
    arrays["params/head/kernel"] = arrays["params/head/kernel"] + 1
    safetensors.numpy.save_file(arrays, folder / "model.safetensors")
    with pytest.raises(errors.UserError, match="not the weights that config.json beside it is"):
        trained_model.open_best(folder)


def test_weights_without_numbers_are_refused(trained, tmp_path):
    """By whomever they were written so."""
    parts = states.split(trained.module)
    spoilt = jax.tree.map(lambda leaf: leaf * np.float32(np.nan), parts.params)
    module = states.merge(parts.eval_def, spoilt, parts.stats)
    model_folder.write(tmp_path / "m", trained.settings, 7, module, "")
    with pytest.raises(errors.UserError, match="safetensors: holds NaN or infinite numbers in par"):
        trained_model.open_best(tmp_path / "m")


def test_a_config_of_another_shape_is_refused(folder):
    """And a file cut short, none at all, or without a step."""
    made = json.loads((folder / "config.json").read_text())["model"]
    changed(folder, model=made | {"mlp_dim": 16})
    with pytest.raises(errors.UserError, match="of the shape that its config.json says"):
        trained_model.open_best(folder)
    changed(folder, model=made | {"depth": 0})
    with pytest.raises(errors.UserError, match="its depth is 0"):
        trained_model.open_best(folder)
    changed(folder, model=made, step="7")
    with pytest.raises(errors.UserError, match="has no step"):
        trained_model.open_best(folder)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-9])
    with pytest.raises(errors.UserError, match=r"model.safetensors: is damaged"):
        trained_model.open_best(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(errors.UserError, match=r"model.safetensors: can't be read"):
        trained_model.open_best(folder)


def test_places_stay_at_home(trained):
    """Folders of the author's machine are in no file; what names a source everywhere is."""
    settings = dataclasses.replace(
        trained.settings,
        data=options.Data(data="/home/ann/videos", encoder_weights="hf:timm/resnet18"),
        run=options.Run(weights="/home/ann/start.pth", seed=3),
        machine=options.Machine(coordinator="10.0.0.1:5"),
    )
    said = config.text(model_folder.without_places(settings)) + model_card.text(settings, known())
    assert "ann" not in re.sub("channel|planned", "", said)
    assert "10.0.0.1" not in said
    assert '"data": "videos"' in said
    assert '"weights": "start.pth"' in said
    assert "hf:timm/resnet18" in said


# ------------------------------------------------------------------ the card
def test_a_card_without_an_evaluation_says_so(trained):
    """No number that was not measured; labels can't break its tables."""
    card = model_card.text(trained.settings, known())
    assert "None: this checkpoint was not evaluated" in card
    assert "a\\|b, c, d" in card
    assert "%" not in card
    assert "No other" not in card
    assert "no other model's licence applies" in card
    assert "license:" not in card


def test_a_card_says_on_which_videos_thresholds_were_chosen(trained):
    """The test videos, where there are no others."""
    settings = dataclasses.replace(trained.settings, data=options.Data(multi_label=True))
    for splits, said in (
        ({"train": (8, 8), "test": (4, 4)}, "the test videos"),
        ({"train": (8, 8), "validation": (2, 2), "test": (4, 4)}, "the validation videos"),
        (None, "videos of another split"),
    ):
        card = model_card.text(settings, known(splits=splits))
        assert f"thresholds, which were chosen on {said} and" in card


def test_a_card_says_where_its_accuracy_is_too_good(trained):
    """The report's line on what was chosen on the very videos, or none."""
    rows = tuple(manifest.Row(f"{n}.avi", "c", "") for n in range(3))
    judged = report.Predictions(np.eye(3), rows, np.array([0, 1, 2]))
    measured = report.summarise(judged, trained.settings.labels, {})
    measured |= {"split": "test", "views": "1 x 1 views of each", "skipped": {}}
    measured["from_these"] = ["the best checkpoint is"]
    card = model_card.text(trained.settings, known(report=measured))
    assert "- the best checkpoint is chosen on these very videos" in card
    measured["from_these"] = []
    assert "these very videos" not in model_card.text(trained.settings, known(report=measured))


def test_a_report_of_something_else_is_left_out(trained, tmp_path):
    """Another checkpoint, other data or another split: not this model's numbers."""
    right = {"step": 7, "own_data": True, "split": "test"}
    for changes, there in (
        ({}, True),
        ({"step": 8}, False),
        ({"own_data": False}, False),
        ({"split": "train"}, False),
    ):
        (tmp_path / "report.json").write_text(json.dumps(right | changes))
        found = model_facts.find_out(tmp_path, trained.settings, 7, 12).report
        assert (found is not None) == there, changes


@pytest.mark.parametrize("data", ["motion", "motion:hard", "motion:scenes", "motion:scenes:x"])
def test_a_card_draws_no_videos(data, trained, tmp_path, monkeypatch):
    """Data that are not there any more are not made for the sake of their counts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    settings = dataclasses.replace(trained.settings, data=options.Data(data=data))
    assert model_facts.find_out(None, settings, 7, 12).splits is None
    assert not list((tmp_path / "data").iterdir())


def test_a_card_counts_videos_that_were_drawn(small_motion, trained, tmp_path, monkeypatch):
    """Where `motion` was drawn before, the card tells its splits."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "motion").symlink_to(small_motion.root)
    settings = dataclasses.replace(trained.settings, manifest=small_motion.fingerprint())
    splits = model_facts.find_out(None, settings, 7, 12).splits
    assert splits == {"train": (40, 20), "validation": (10, 5), "test": (20, 10)}


def test_the_licence_is_that_of_the_weights_model_card(tmp_path):
    """In its front matter; elsewhere, or not there, it is not known."""
    (tmp_path / "model.safetensors").write_bytes(b"")
    for text, licence in (
        ("---\ntags: [a]\nlicense: cc-by-nc-4.0\n---\n# A\n", "cc-by-nc-4.0"),
        ("---\nlicense: mit\n---\n", "mit"),
        ("# A\nlicense: mit\n", None),
    ):
        (tmp_path / "README.md").write_text(text)
        assert model_facts.licence(str(tmp_path / "model.safetensors")) == licence
    shutil.rmtree(tmp_path)
    assert model_facts.licence(str(tmp_path / "model.safetensors")) is None
    assert "CC-BY-NC" in model_facts.licence("/nowhere/TimeSformer_divST_8x32_224_K400.pyth")
    assert "CC-BY-NC" in provenance.by_name("hf:MCG-NJU/videomae-base")
    assert model_facts.licence("/home/ann/timesformer/own.pth") is None
    assert model_facts.licence("package:numpy") is not None
    assert model_facts.licence("package:no_such_package") is None


def test_what_a_model_started_from_is_told():
    """Weights that an encoder inside the model had at the start are no random start."""
    made = zoo.configure("conv_lstm", num_classes=2)
    settings = trained_model.fresh("conv_lstm", "tiny", made, ("a", "b"), seed=0).settings
    for spec, start in (
        (None, "random weights"),
        ("random", "random weights"),
        ("package:numpy", "`package:numpy`"),
    ):
        from_it = dataclasses.replace(settings, data=options.Data(encoder_weights=spec))
        found = model_facts.find_out(None, from_it, 7, 12)
        card = model_card.text(from_it, found)
        assert f"| started from | {start} |" in card
        assert ("no other model's licence applies" in card) == (start == "random weights")


def test_one_licence_is_told_to_the_hub(trained):
    """A model of weights under one licence has it too; an unknown one is said to be unknown."""
    card = model_card.text(trained.settings, known(licences={"hf:a/b": "cc-by-nc-4.0"}))
    assert "\nlicense: cc-by-nc-4.0\n---" in card
    assert "`hf:a/b`: cc-by-nc-4.0" in card
    card = model_card.text(trained.settings, known(licences={"hf:a/b": None}))
    assert "license:" not in card
    assert "`hf:a/b`: not known" in card


def test_many_classes_have_their_most_frequent_confusions():
    """A table of 21 columns nobody reads."""
    counts = np.zeros((21, 21), int)
    counts[3, 5], counts[2, 2], counts[4, 1] = 9, 50, 2
    report = {"confusion": counts.tolist(), "classes": [{"label": f"c{n}"} for n in range(21)]}
    assert model_card._confusion(report)[2:4] == [
        "- c3 mistaken for c5: 9",
        "- c4 mistaken for c1: 2",
    ]
