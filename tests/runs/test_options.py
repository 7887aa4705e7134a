"""The options of `train`, as its --help has them."""

import re

import pytest

from flaxvid.recipes import zoo
from flaxvid.runs import options


@pytest.mark.parametrize("arch", zoo.ARCHITECTURES)
def test_every_option_says_what_it_is(arch, capsys):
    """None has its default alone."""
    with pytest.raises(SystemExit):
        options.parse(["--arch", arch, "--help"], "Train a model.")
    text = " ".join(re.sub("[│╭╮╰╯]", "", capsys.readouterr().out).split())
    names = set(re.findall(r"--[a-z][\w.-]+", text))
    assert {"--arch", "--learning-rate"} <= names
    assert any(name.startswith("--model.") for name in names)
    values = r"(?: \{[^}]*\}\S*| \[[^\]]*\]+| [A-Z]\S*)?"
    assert re.findall(rf"(--[a-z][\w.-]+){values} \(default", text) == []


def test_sampling_and_padding_reach_the_model(small_motion):
    """What is said of frames and filling is part of the preprocessing, which is saved with it."""
    chosen = options.parse(["--arch", "c3d", "--sampling", "interval", "--padding", "zeros"], "")
    shown = options.settle(chosen, small_motion).preprocessing
    assert (shown.sampling, shown.padding) == ("interval", "zeros")
    usual = options.settle(options.parse(["--arch", "c3d"], ""), small_motion).preprocessing
    assert (usual.sampling, usual.padding) == ("spread", "repeat")
