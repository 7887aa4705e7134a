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
