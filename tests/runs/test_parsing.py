"""The options of `train`, as its --help has them."""

import dataclasses
import re

import pytest

from flaxvid import errors
from flaxvid.recipes import zoo
from flaxvid.runs import parsing, resolve
from flaxvid.training import optimizer


@pytest.mark.parametrize("arch", zoo.ARCHITECTURES)
def test_every_option_says_what_it_is(arch, capsys):
    """None has its default alone."""
    with pytest.raises(SystemExit):
        parsing.parse(["--arch", arch, "--help"], "Train a model.")
    text = " ".join(re.sub("[│╭╮╰╯]", "", capsys.readouterr().out).split())
    names = set(re.findall(r"--[a-z][\w.-]+", text))
    assert {"--arch", "--learning-rate"} <= names
    assert any(name.startswith("--model.") for name in names)
    values = r"(?: \{[^}]*\}\S*| \[[^\]]*\]+| [A-Z]\S*)?"
    assert re.findall(rf"(--[a-z][\w.-]+){values} \(default", text) == []


def test_sampling_and_padding_reach_the_model(small_motion):
    """What is said of frames and filling is part of the preprocessing, which is saved with it."""
    chosen = parsing.parse(["--arch", "c3d", "--sampling", "interval", "--padding", "zeros"], "")
    shown = resolve.settings(chosen, small_motion).preprocessing
    assert (shown.sampling, shown.padding) == ("interval", "zeros")
    usual = resolve.settings(parsing.parse(["--arch", "c3d"], ""), small_motion).preprocessing
    assert (usual.sampling, usual.padding) == ("spread", "repeat")


# ------------------------------------------------------------------ motion, or videos of one's own
@pytest.mark.parametrize("arch", ["embedding_transformer", "bilstm", "bert", "roberta", "tcn"])
def test_videos_of_ones_own_get_their_own_recipe(arch, tmp_path):
    """A folder: place kept, scene apart, views, smoothing; motion's recipe is what it was."""
    own = parsing.parse(["--arch", arch, "--data", str(tmp_path)], "")
    assert (own.data.num_frames, own.data.image_size) == (16, 112)
    assert (own.data.encoder_stage, own.data.views) == ("middle", None)
    assert (own.model.center, own.model.standardise) == ("mean-token", True)
    assert (own.recipe.label_smoothing, own.recipe.least_steps) == (0.1, 300)
    for words in ([], ["--data", "motion"], ["--data", "motion:hard"]):
        motion = parsing.parse(["--arch", arch, *words], "")
        assert (motion.data.num_frames, motion.data.encoder_stage) == (8, "top")
        assert (motion.data.views, motion.model.center) == (0, "none")
        assert motion.recipe.steps in (1000, 2000)


def test_what_is_said_goes_before_what_is_chosen(tmp_path):
    """Options beat the recipe, and a published size keeps its publication's inputs."""
    words = ["--arch", "bert", f"--data={tmp_path}", "--views", "3", "--encoder-stage", "4"]
    own = parsing.parse([*words, "--encoder-grid", "2", "--model.center", "none"], "")
    assert (own.data.views, own.data.encoder_stage, own.data.encoder_grid) == (3, 4, 2)
    assert own.model.center == "none"
    base = parsing.parse(["--arch", "bert", "--size", "base", "--data", str(tmp_path)], "")
    assert (base.data.encoder_stage, base.data.views, base.model.standardise) == ("top", 0, False)


def test_only_an_encoder_that_was_trained_stays_as_it_is(tmp_path):
    """What `small` freezes of Lite0 with its weights learns in another encoder or at random."""
    words = ["--arch", "conv_lstm", "--size", "small", "--data", str(tmp_path)]
    usual = parsing.parse(words, "").recipe
    assert usual.freezes("encoder/blocks/10/expand/kernel")
    assert not usual.freezes("encoder/blocks/11/expand/kernel")
    for other in (["--encoder-weights", "random"], ["--model.encoder", "conv"]):
        assert parsing.parse([*words, *other], "").recipe == dataclasses.replace(usual, freeze=())
    with pytest.raises(errors.UserError, match="all parameters are random"):
        parsing.parse([*words, "--encoder-weights", "random", "--freeze", *usual.freeze], "")


def test_one_epoch_is_one_epoch(tmp_path):
    """What is said comes before the fewest steps of a recipe for videos of one's own."""
    usual = parsing.parse(["--arch", "bert", "--data", str(tmp_path)], "")
    assert usual.recipe.least_steps == 300
    asked = parsing.parse(["--arch", "bert", "--data", str(tmp_path), "--epochs", "1"], "")
    assert optimizer.total_steps(asked.recipe, 320, 32) == 10
