"""Verdicts: right, wrong, not written, endless; and nothing is left behind afterwards."""

import json
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import exercise
from flaxvid.exercise import catalogue, checking, verdicts
from flaxvid.models import layers
from flaxvid.video import sample

UNIFORM = "video.sample.uniform_indices"


def verdict_of(function, name=UNIFORM, seconds=30.0):
    return checking.judge(function, name, seconds)


def right(num_frames, num_samples):
    if min(num_frames, num_samples) < 1:
        raise ValueError(f"not {min(num_frames, num_samples)}")
    segments = min(num_frames, num_samples)
    return (2 * np.arange(segments) + 1) * num_frames // (2 * segments)


def starts(num_frames, num_samples):
    return np.arange(num_samples) * num_frames // num_samples


def test_a_right_answer_passes():
    """The verdict counts the tests, and says nothing else."""
    verdict = verdict_of(right)
    assert verdict.passed
    assert re.fullmatch(r"✓ uniform_indices: passed, \d\d tests", verdict.text())


def test_a_wrong_answer_is_told_what_was_expected():
    """Sentence, call, what it gave, what was expected, and the line of the test; plain in a log."""
    lines = verdict_of(starts).text().splitlines()
    assert lines[0] == "✗ uniform_indices: not right yet, 0 tests passed before:"
    assert lines[1] == "  One sample of 9 frames is frame 4."
    assert [line.split() for line in lines[3:6]] == [
        ["starts(9,", "1)"],
        ["gave", "[0]"],
        ["expected", "[4]"],
    ]
    assert lines[-1].startswith("  tests/video/test_sample.py:")
    assert "\033" not in "".join(lines)


def test_a_wrong_number_is_told_what_was_expected():
    """The call of what was made, NumPy's single number, and of a settings object what it sets."""

    def flat(recipe, steps):
        return lambda step: np.float32(recipe.learning_rate)

    text = verdict_of(flat, "training.optimizer.schedule").text()
    assert re.search(r"flat\(Recipe\(learning_rate=0.2, warmup=0.1.*\), 100\)\(0\)", text, re.S)
    assert re.search(r"gave +0.2\n +expected +\S+\n", text)
    assert "Mismatched" not in text


def test_a_stub_is_not_written_yet():
    """NotImplementedError is no failure."""

    def stub(num_frames, num_samples):
        raise NotImplementedError

    assert verdict_of(stub).state == verdicts.NOT_WRITTEN


def test_a_name_in_place_of_a_version_is_told(capsys):
    """check takes the function itself, and says so."""
    exercise.check("video.sample.uniform_indices")
    said = capsys.readouterr().out
    assert said == "✗ check takes your version itself: check(uniform_indices)\n"


def test_an_exception_is_told_with_its_line():
    """The learner's own line, and not pytest's traceback."""

    def broken(num_frames, num_samples):
        return [][num_frames]

    text = verdict_of(broken).text()
    assert "IndexError: list index out of range" in text
    assert "return [][num_frames]" in text


def test_a_version_that_ends_python_does_not():
    """os._exit in a notebook would take the kernel with it."""

    def leave(num_frames, num_samples):
        os._exit(0)

    assert "SystemExit: 0" in verdict_of(leave).text()


def test_without_tests_nothing_has_passed(monkeypatch):
    """A learner's file that has changed pytest itself, and calls its version too."""
    monkeypatch.setattr(pytest, "main", lambda *_, **__: int(sample.uniform_indices(9, 1)[0]))
    text = verdict_of(lambda num_frames, num_samples: np.zeros(1, int)).text()
    assert text.endswith("No test was run, so nothing is shown.")


@pytest.mark.parametrize("error", [SystemExit(3), RecursionError("too deep"), GeneratorExit()])
def test_the_end_of_python_is_an_exception_like_others(error):
    """exit() in a learner's function ends its check only."""

    def leave(num_frames, num_samples):
        raise error

    assert type(error).__name__ in verdict_of(leave).text()


def test_an_interrupt_ends_the_check():
    """Stopping the kernel while a check runs is a verdict, and the reference is back."""

    def interrupted(num_frames, num_samples):
        raise KeyboardInterrupt

    assert "interrupted" in verdict_of(interrupted).text()
    assert sample.uniform_indices is catalogue.reference(UNIFORM)


def test_a_loop_that_never_ends_is_stopped():
    """After the time limit, even if the loop catches every exception."""

    def endless(num_frames, num_samples):
        while True:
            try:
                num_frames += 1
            except Exception:  # as a learner may write it
                continue

    text = verdict_of(endless, seconds=0.5).text()
    assert "never ends" in text
    assert "in        line " in text


def test_a_wrong_shape_is_told_by_its_axes():
    """The package's annotations are checked, though the learner wrote none."""

    def without_channels(frames, num_samples):
        return frames[:, 0], np.ones(num_samples, bool)

    text = verdict_of(without_channels, "video.sample.pad_clip").text()
    assert "uint8 array of shape (3, 5, 3)" in text
    assert "time=3, height=4, width=5" in text


def test_what_was_printed_is_shown():
    """The last lines that a learner's function printed stand under the verdict."""

    def chatty(num_frames, num_samples):
        print("looking at", num_frames)
        return starts(num_frames, num_samples)

    assert verdict_of(chatty).text().endswith("you printed\n  looking at 9")


def test_other_parameters_are_refused_before_any_test():
    """The tests call by position and by name, so both have to stay."""
    text = verdict_of(lambda frames, samples: frames).text()
    assert "must stay (num_frames, num_samples)" in text


def test_a_check_that_never_calls_is_no_success(tmp_path, monkeypatch):
    """Tests that pass without the learner's function show nothing about it."""
    path = tmp_path / "test_idle.py"
    path.write_text(f"import pytest\n@pytest.mark.exercise('{UNIFORM}')\ndef test_idle(): pass\n")
    monkeypatch.setattr(catalogue, "test_files", lambda name: [path])
    verdict = verdict_of(right)
    assert verdict.state == verdicts.FAILED
    assert "No test has called" in verdict.text()


def test_tests_that_do_not_load_are_an_error_of_ours(tmp_path, monkeypatch):
    """Nobody's answer is wrong when a test file cannot be imported."""
    path = tmp_path / "test_absent.py"
    path.write_text(f"import no_such_package  # '{UNIFORM}'\n")
    monkeypatch.setattr(catalogue, "test_files", lambda name: [path])
    with pytest.raises(ValueError, match="its tests do not run: .*no_such_package"):
        verdict_of(right)


def test_everything_is_as_before():
    """The reference, import hooks, devices and rank promotion survive a check."""

    def settings():
        promotion, platforms = jax.config.jax_numpy_rank_promotion, jax.config.jax_platforms
        return sample.uniform_indices, list(sys.meta_path), promotion, platforms

    jax.config.update("jax_numpy_rank_promotion", "allow")
    try:
        before = settings()
        verdict_of(right)
        verdict_of(starts)
        assert settings() == before
    finally:
        jax.config.update("jax_numpy_rank_promotion", "raise")


def test_broadcasting_as_in_numpy_is_allowed():
    """An array of three numbers against pixels is right, though flaxvid's own code may not."""

    def normalise(video, preprocessing):
        if video.dtype != jnp.uint8:
            raise TypeError(f"uint8 is wanted, not {video.dtype}")
        turned = video[..., ::-1] if preprocessing.channel_order == "bgr" else video
        mean, std = (jnp.asarray(given) for given in (preprocessing.mean, preprocessing.std))
        return (turned.astype(jnp.float32) * preprocessing.scale - mean) / std

    verdict = verdict_of(normalise, "video.transform.normalise")
    assert verdict.passed, verdict.text()


# --- modules ------------------------------------------------------------------------------


class MLP(nnx.Module):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=layers.INIT, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=init, dtype=dtype, rngs=rngs)
        self.dropout = layers.Dropout(dropout)

    def __call__(self, tokens, rngs=None):
        hidden = self.dropout(jax.nn.gelu(self.fc1(tokens), approximate=False), rngs=rngs)
        return self.dropout(self.fc2(hidden), rngs=rngs)


class TanhMLP(MLP):
    def __init__(self, dim, hidden_dim, *, dropout=0.0, init=layers.INIT, dtype=None, rngs):
        super().__init__(dim, hidden_dim, dropout=dropout, init=init, dtype=dtype, rngs=rngs)

    def __call__(self, tokens, rngs=None):
        return self.fc2(jax.nn.gelu(self.fc1(tokens)))


def test_a_module_passes():
    """A class takes the place of a class."""
    assert verdict_of(MLP, "models.layers.MLP").passed


def test_a_wrong_module_is_told_its_call():
    """The tanh form of GELU gives 0.841192 where 0.841345 is due."""
    text = verdict_of(TanhMLP, "models.layers.MLP").text()
    assert "TanhMLP(...)([[1.], [1.]])" in text
    assert "0.841192" in text


def test_a_module_without_its_methods():
    """What is missing is named before any test."""

    class Empty(nnx.Module):
        pass

    assert "lacks __init__" in verdict_of(Empty, "models.layers.MLP").text()
    assert "is a class" in verdict_of(right, "models.layers.MLP").text()


# --- check() ------------------------------------------------------------------------------


@pytest.fixture
def reference():
    """flaxvid's own version, put back after the test."""
    own = sample.uniform_indices
    yield own
    sample.uniform_indices = own
    catalogue.replaced.clear()


def test_after_success_the_version_is_used(reference, capsys, progress):
    """The rest of the notebook runs with it; show() and the line number are still flaxvid's."""
    exercise.check(right, "uniform_indices")
    assert sample.uniform_indices is right
    assert catalogue.reference(UNIFORM) is reference
    told = capsys.readouterr().out
    assert "flaxvid's own: flaxvid/video/sample.py:" in told
    assert "1 of " in told
    assert json.loads(progress.read_text()) == {"passed": [UNIFORM]}


def test_after_failure_the_last_good_version_is_used(reference, capsys):
    """A second try that is wrong does not undo the first."""
    exercise.check(right, "uniform_indices")
    exercise.check(starts, "uniform_indices")
    assert sample.uniform_indices is right
    assert "hint('uniform_indices')" in capsys.readouterr().out


def test_hints_come_in_two_steps(capsys):
    """A question first, then what to call, then flaxvid's own: each tells of the next."""
    exercise.hint("pad_clip")
    first = capsys.readouterr().out
    exercise.hint("video.sample.pad_clip", more=True)
    second = capsys.readouterr().out
    assert "np.minimum" not in first
    assert first.endswith("\n  More? hint('pad_clip', more=True)\n")
    assert "np.minimum" in second
    assert second.endswith("\n  flaxvid's own: show('pad_clip')\n")


def test_an_unknown_name_is_one_line(capsys):
    """A cell shows a line, and no traceback."""
    exercise.check(right)
    assert capsys.readouterr().out.startswith("✗ right: no exercise has this name")


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"passed": 3}', '{"passed": ["gone"]}'])
def test_a_broken_progress_file_counts_as_none(reference, progress, broken, capsys):
    """A success is noted over it."""
    progress.write_text(broken)
    exercise.check(right, "uniform_indices")
    assert json.loads(progress.read_text()) == {"passed": [UNIFORM]}


def test_without_a_cpu_it_is_said_what_to_set(monkeypatch, capsys):
    """With JAX_PLATFORMS=cuda there is no CPU for the checks: one line, and no traceback."""
    own = jax.devices

    def devices(*kinds):
        if kinds == ("cpu",):
            raise RuntimeError("Unknown backend cpu")
        return own(*kinds)

    monkeypatch.setattr(jax, "devices", devices)
    exercise.check(sample.uniform_indices)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "checks run on the CPU, which JAX_PLATFORMS=cpu leaves out" in said


@pytest.mark.parametrize(("kernel", "precision"), [(True, "highest"), (False, "None")])
def test_a_notebook_multiplies_in_full_precision(kernel, precision):
    """Else lessons would show other numbers on a GPU; a program of one's own is left as it is."""
    program = f"""
import sys, types
shell = types.SimpleNamespace(**({{"kernel": 1}} if {kernel} else {{}}))
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)
import flaxvid.exercise, jax
print(jax.config.jax_default_matmul_precision)
"""
    words, environment = [sys.executable, "-c", program], dict(os.environ)
    environment.pop("JAX_DEFAULT_MATMUL_PRECISION", None)
    done = subprocess.run(
        words, capture_output=True, text=True, env=environment, cwd=catalogue.ROOT
    )
    assert done.stdout.strip() == precision, done.stderr


def test_an_accelerator_is_named_once(monkeypatch, capsys):
    """With what the checks run on."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    exercise._say_device.cache_clear()
    for _ in range(2):
        exercise.check("its name, which is refused")
    assert capsys.readouterr().out.count("checks run on the CPU") == 1
    exercise._say_device.cache_clear()
