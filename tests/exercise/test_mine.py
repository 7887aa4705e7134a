"""A learner's file: what it defines, and the stubs it begins with."""

import inspect
import os
import re
import sys

import pytest

from flaxvid import errors, exercise
from flaxvid.exercise import catalogue, mine
from flaxvid.video import sample
from tests.exercise import definitions


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("name", list(catalogue.exercises()))
def test_a_stub_has_signature_and_docstring_and_runs(name):
    """Both equal flaxvid's own, its imports suffice, and it counts as not written."""
    text = mine.stub(name)
    node = definitions.definition(text)
    own = inspect.getsource(inspect.unwrap(catalogue.reference(name)))
    assert definitions.outside(node) == definitions.outside(definitions.definition(own))
    assert mine.is_stub(node)
    exec(text, {"__name__": "mine"})
    # In a terminal nothing but the stub says what the lesson asks for, and hints go otherwise.
    assert f"\n\n\n# Exercise `{name}` · " in text
    assert len(catalogue.text(name).splitlines()) > 4
    assert "hint(" not in text


def test_a_stub_imports_the_module_whose_functions_it_may_use():
    """The text says `attention.scaled_dot_product`; an answer without helpers needs no module."""
    assert "from flaxvid.models import attention\n" in mine.stub("models.attention.Attention")
    assert "from flaxvid.training import step\n" in mine.stub("training.step.make_train_step")
    assert "import layers" not in mine.stub("models.layers.patchify")
    # Of what only flaxvid's own version uses, nobody has to wonder what it is for.
    assert "divided_gpu" not in mine.stub("models.timesformer.TimeSformer")


@pytest.mark.parametrize("name", list(catalogue.exercises()))
def test_a_stub_imports_what_its_text_names(name):
    """`jax.random` in a text or a hint is there without an import of the learner's."""
    text, set_as, bound = mine.stub(name), catalogue.find(name), {}
    exec(text, bound)
    told = f"{text.partition('# Exercise')[2]} {set_as.nudge} {set_as.way}"
    named = set(re.findall(r"\b(cv2|decode|einops|jax|jnp|math|nnx|np|optax)\.[A-Za-z_]", told))
    assert named <= set(bound)


def test_names_in_a_file(write):
    """Exercises in the order of the file, and which of them are written; helpers are no matter."""
    path = write(
        "def helper(): ...\n"
        "def uniform_indices(a, b):\n    return a\n"
        'def pad_clip(a, b):\n    """Sentence."""\n    raise NotImplementedError("later")\n'
        "class MLP:\n    def __init__(self):\n        raise NotImplementedError\n"
    )
    assert mine.names_in(path) == {
        "video.sample.uniform_indices": True,
        "video.sample.pad_clip": False,
        "models.layers.MLP": False,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def f(:\n", "line 1 is not Python"),
        ("x = 1\n", "defines no exercise"),
        ("\0", "not .*Python"),
        ("def pad_clip(a, b):\n    raise NotImplementedError\n", "none of them written"),
        ("1 / 0\ndef pad_clip(a, b):\n    return a\n", "ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_used(write, text, told):
    """One line that names the file."""
    path = write(text)
    with pytest.raises(errors.UserError, match=told) as caught:
        exercise.install_from(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_is_not_there(tmp_path):
    """So for a folder."""
    for path in (tmp_path / "none.py", tmp_path):
        with pytest.raises(errors.UserError, match="cannot be read"):
            mine.names_in(path)


def test_install_from_replaces_what_is_written(write, monkeypatch):
    """The names come back; the stub in the file changes nothing."""
    own = sample.uniform_indices
    monkeypatch.setattr(sample, "uniform_indices", own)  # puts it back
    monkeypatch.setattr(catalogue, "replaced", {})
    pad = sample.pad_clip
    path = write(
        "def uniform_indices(a, b):\n    return 'mine'\n"
        "def pad_clip(a, b):\n    raise NotImplementedError\n"
    )
    assert exercise.install_from(path) == ["video.sample.uniform_indices"]
    assert sample.uniform_indices(1, 1) == "mine"
    assert sample.pad_clip is pad


@pytest.mark.parametrize("leave", [lambda: os._exit(0), sys.exit])
def test_training_that_a_learner_ends_is_no_success(leave, tmp_path):
    """Code 0 would say that a model was trained."""
    path = tmp_path / "mine.py"
    own = os._exit
    said = "mine.py: ends Python itself .exit code"
    with pytest.raises(errors.UserError, match=said), mine.exits_refused(path):
        leave()
    assert os._exit is own
    with pytest.raises(SystemExit), mine.exits_refused(None):
        sys.exit()


@pytest.mark.parametrize(
    ("name", "told"),
    [("uniform_indicies", "did you mean uniform_indices"), ("xyz", "python -m flaxvid.exercise")],
)
def test_an_unknown_exercise(name, told):
    """The error helps with what was meant."""
    with pytest.raises(errors.UserError, match=told):
        catalogue.find(name)


def test_a_name_that_several_have(monkeypatch):
    """All are named, and the long name decides."""
    one = catalogue.find("video.sample.pad_clip")
    several = {"a.f": one, "b.f": one}
    monkeypatch.setattr(catalogue, "exercises", lambda: several)
    with pytest.raises(errors.UserError, match=r"several .*a\.f.*b\.f"):
        catalogue.find("f")
    assert catalogue.find("b.f") is one


def test_without_tests_there_are_no_exercises(tmp_path, monkeypatch):
    """An installed wheel says what to do."""
    monkeypatch.setattr(catalogue, "TESTS", tmp_path / "tests")
    catalogue.exercises.cache_clear()
    try:
        with pytest.raises(errors.UserError, match="clone"):
            catalogue.exercises()
    finally:
        catalogue.exercises.cache_clear()
