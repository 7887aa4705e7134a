"""Verdicts say what a teacher would: the place, the argument, the earlier part that is to blame."""

import asyncio
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jaxtyping import Shaped

from flaxvid import exercise
from flaxvid.exercise import (
    board,
    catalogue,
    checking,
    first_difference,
    instrument,
    limits,
    shapes,
    verdicts,
    wording,
)
from flaxvid.models import bert
from flaxvid.video import sample

CROP, THREE = "video.transform.center_crop", "video.transform.three_crops"


def text_of(function, name):
    return checking.judge(function, name, 120.0).text()


def test_what_the_types_forbid_is_for_the_learner_to_refuse():
    """A version that takes floats is rejected, though the package's types would refuse them."""

    def normalise(video, preprocessing):
        video = jnp.asarray(video)
        turned = video[..., ::-1] if preprocessing.channel_order == "bgr" else video
        mean, std = (jnp.asarray(given) for given in (preprocessing.mean, preprocessing.std))
        return (turned.astype(jnp.float32) * preprocessing.scale - mean) / std

    text = text_of(normalise, "video.transform.normalise")
    assert "Floats are a TypeError" in text
    assert "DID NOT RAISE" in text


def test_where_an_error_is_due_it_is_said_and_no_shape():
    """A crop that is smaller than asked for breaks the types too, but that is not the point."""

    def center_crop(frames, size):
        height, width = frames.shape[1:3]
        top, left = max(0, (height - size) // 2), max(0, (width - size) // 2)
        return frames[:, top : top + size, left : left + size]

    text = text_of(center_crop, CROP)
    assert "gave      uint8 array of shape (3, 12, 13, 3)\n    expected  a ValueError\n" in text


def test_an_argument_that_was_written_into_is_named():
    """The first test says so, and not a later one that finds its clip changed."""

    def reorder(clip, mask, order, rng):
        clip[:] = clip[::-1]
        return clip, mask

    text = text_of(reorder, "data.views.reorder")
    assert "0 tests passed before" in text
    assert "clip is not as it was before the call" in text
    # What a test gives to several calls is whole again: the next answer may be right.
    name = "data.views.reorder"
    assert checking.judge(catalogue.reference(name), name, 60.0).passed


def test_another_default_is_refused_before_any_test():
    """Of a function and of a class."""

    def calibration_error(probabilities, labels, bins=15):
        return 0.0

    class MLP(nnx.Module):
        def __init__(self, dim, hidden_dim, *, dropout=0.1, init=None, dtype=None, rngs):
            pass

        def __call__(self, tokens, rngs=None):
            return tokens

    assert "bins=10" in text_of(calibration_error, "evaluation.scores.calibration_error")
    assert "dropout=0.0" in text_of(MLP, "models.layers.MLP")


def test_the_first_place_that_differs_is_told_by_its_axes():
    """`batch 0, dim 0`, what was given there, what was expected, and how many differ."""

    def masked_mean(tokens, mask=None):
        if mask is None:
            return jnp.sum(tokens, axis=1)
        return jnp.mean(tokens, axis=1, where=mask[:, :, None])

    text = text_of(masked_mean, "models.bert.masked_mean")
    assert "batch 0, dim 0: gave" in text
    assert "8 of 8 numbers differ" in text


def test_a_place_has_numbers_where_axes_have_no_names():
    """What was compared need not be what was given."""
    with pytest.raises(AssertionError) as caught:
        np.testing.assert_allclose([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 5.0]])
    found = first_difference.of_test(caught.tb, np.zeros(3), None)
    assert found.told() == "[1, 1]: gave 4, expected 5 (1 of 4 numbers differ)"


def test_a_place_in_one_of_several_results():
    """Each part of a tuple has axes of its own; a time is told as a frame, and 3 as a channel."""
    returns = tuple[Shaped[np.ndarray, "{n} height 3"], Shaped[np.ndarray, "*rest time dim"]]
    result = np.zeros((2, 4, 3)), np.zeros((5, 2, 4, 3))

    def place(*arguments):
        found = first_difference.between(*arguments)
        return found and found.told()

    due = [np.zeros(part.shape) for part in result]
    for part in due:
        part[..., 1, 2] = 1.0
    assert place(result[0], due[0], result, returns).startswith(
        "axis 0 0, height 1, channel 2: gave 0"
    )
    assert place(result[1], due[1], result, returns).startswith(
        "axis 0 0, axis 1 0, frame 1, dim 2"
    )
    square, black = np.ones((3, 4, 4, 3)), np.zeros((3, 4, 4, 3))
    crop = Shaped[np.ndarray, "time {size} {size} 3"]
    assert place(square, black, square, crop).startswith("frame 0, height 0, width 0, channel 0")
    assert place([[1, 2], [3, 4]], [[1, 2], [3, 5]], None, None).startswith("[1, 1]: gave 4")
    assert place([[1], [2, 3]], [[1], [2, 4]], None, None) is None


def test_a_wrong_type_is_told_in_words():
    """Not in jaxtyping's own: what was given, and what was due."""
    assert shapes.in_words("i32[3](numpy)") == "int32 array of shape (3,)"
    assert shapes.in_words("bf16[2,3]") == "bfloat16 array of shape (2, 3)"
    assert shapes.in_words("Int64[ndarray, 'samples']") == "int64 array of axes (samples)"
    report = "Actual value: f32[].\nExpected type: Float[Array, '2 dim'].\ndim=3\n"
    assert shapes.told(report) == [
        ("gave", "float32 array of shape ()"),
        ("expected", "float array of axes (2 dim)"),
        ("where", "dim=3"),
    ]


def test_long_lists_are_told_where_they_differ():
    """Names that are cut off before they differ would be printed alike."""

    def natural_key(name):
        return re.sub(r"\d+", lambda found: found[0].zfill(12), name), name

    text = text_of(natural_key, "video.sample.natural_key")
    assert "the same as far as 16 items: then 'frame_20261126235959.jpg', and not 'frame_01" in (
        " ".join(text.split())
    )


def test_a_crash_in_a_class_names_its_line():
    """Also where the class takes over how it is made."""

    class Dropout(nnx.Dropout):
        def __call__(self, inputs, rngs=None):
            return inputs.nonsense

    text = text_of(Dropout, "models.layers.Dropout")
    assert "raised    AttributeError" in text
    assert "return inputs.nonsense" in text


LAST_IS_NOT_MEANT = '''
import numpy as np
import pytest
from flaxvid.video import sample

@pytest.mark.exercise("video.sample.uniform_indices")
def test_of_several_calls():
    """The middle of 9 is 4."""
    middle = sample.uniform_indices(9, 1)
    seen = [sample.uniform_indices(n, 1) for n in (3, 5)]
    numbers = middle.tolist()
    {assertion}
'''


@pytest.mark.parametrize(
    "assertion",
    [
        "assert numbers == [4]",
        "np.testing.assert_array_equal(middle, [4])",
        "assert middle[0] > sample.uniform_indices(3, 1)[0]",
        "assert all(number == 4 for number in numbers)",
    ],
)
def test_the_call_is_that_of_what_was_compared(assertion, tmp_path, monkeypatch):
    """Not the last call of the test, but the one that the failed line speaks of."""

    def uniform_indices(num_frames, num_samples):
        return np.zeros(1, np.int64)

    path = tmp_path / "test_several.py"
    path.write_text(LAST_IS_NOT_MEANT.format(assertion=assertion))
    monkeypatch.setattr(catalogue, "test_files", lambda name: [path])
    assert "uniform_indices(9, 1)\n" in text_of(uniform_indices, "video.sample.uniform_indices")


def test_two_that_are_printed_alike():
    """All digits are shown, so that they no longer look the same."""
    watch = instrument.Watch(limits.Limit(1.0), calls=1, result=np.array([0.1]))
    watch.comparison = "==", np.array([0.1]), np.array([0.1 + 1e-12])
    assert "0.100000000001" in "".join(verdicts._gave(AssertionError(), None, watch))


def test_two_that_should_differ():
    """`!=` is said in words."""
    watch = instrument.Watch(limits.Limit(1.0), calls=1, result=3)
    watch.comparison = "!=", 3, 3
    assert "should differ" in "".join(verdicts._gave(AssertionError(), None, watch))


def test_modules_and_rngs_are_named_only():
    """What they hold would fill the screen."""
    assert wording.value(nnx.Rngs(0)) == "Rngs(...)"
    assert wording.value(nnx.Linear(2, 3, rngs=nnx.Rngs(0))) == "Linear(...)"


def test_the_earlier_part_that_is_to_blame_is_named(capsys, tmp_path, monkeypatch):
    """A right version that fails because of the learner's own crop is told whose fault it is."""
    from flaxvid.video import transform

    monkeypatch.setenv("FLAXVID_PROGRESS", str(tmp_path / "progress.json"))
    own = {name: catalogue.reference(name) for name in (CROP, THREE)}

    def center_crop(frames, size):  # wrong, as if it had got a tick
        return frames[:, :size, :size]

    def three_crops(frames, size):
        if frames.shape[1] == frames.shape[2] == size:
            return np.stack([frames] * 3)
        height, width = frames.shape[1:3]
        room = max(height, width) - size
        crops = []
        for start in (0, room // 2, room):
            rows = slice(start, start + size) if height > width else slice(None)
            columns = slice(start, start + size) if height <= width else slice(None)
            crops.append(transform.center_crop(frames[:, rows, columns], size))
        return np.stack(crops)

    try:
        checking.install(center_crop, CROP)
        exercise.check(three_crops)
    finally:
        for name, function in own.items():
            checking.install(function, name)
        catalogue.replaced.clear()
    told = capsys.readouterr().out
    assert f"{board.TICK} three_crops: passes with flaxvid's own {CROP}" in told
    assert "not with yours" in told


def test_without_earlier_parts_nobody_is_to_blame():
    """A wrong version is wrong."""
    assert (
        checking.blame(lambda num_frames, num_samples: None, "video.sample.uniform_indices", 9.0)
        == ""
    )
    assert bert.masked_mean is catalogue.reference("models.bert.masked_mean")
    assert sample.uniform_indices is catalogue.reference("video.sample.uniform_indices")


def test_in_a_notebook_what_differs_is_drawn(monkeypatch, capsys):
    """Under the verdict; a terminal gets the words alone, and so does what is seen at a glance."""
    drawn = []
    monkeypatch.setattr(exercise, "_draw", drawn.append)

    def masked_mean(tokens, mask=None):
        if mask is None:
            return jnp.sum(tokens, axis=1)
        return jnp.mean(tokens, axis=1, where=mask[:, :, None])

    def uniform_indices(num_frames, num_samples):
        return np.zeros(num_samples, np.int64)

    exercise.check(masked_mean)
    assert drawn == []
    monkeypatch.setattr(exercise, "_in_notebook", lambda: True)
    exercise.check(uniform_indices)
    exercise.check(masked_mean)
    (found,) = drawn
    assert found.axes == ("batch", "dim")
    assert found.given.shape == found.due.shape
    assert "numbers differ" in capsys.readouterr().out


def test_of_two_dictionaries_the_difference_is_told():
    """What is missing, what is too many, and the first that is another: not both in full."""
    due = {f"blocks/{number}/bias": (12,) for number in range(30)} | {"head": (12, 7)}
    given = {name: shape for name, shape in due.items() if name != "blocks/29/bias"}
    given |= {"project": (6, 12), "head": (7, 12)}
    assert [" ".join(line.split()) for line in verdicts._between(given, due)] == [
        "missing blocks/29/bias",
        "too many project",
        "at head",
        "gave (7, 12)",
        "expected (12, 7)",
    ]


def test_the_call_that_is_shown_is_the_one_that_raised():
    """And not one inside of it, which came to its end; if that raised, it is shown."""

    class Model:
        def __call__(self, number):
            return 1 / self.less(number)

        def less(self, number):
            if number < 0:
                raise ValueError("below 0")
            return number - 1

    watch = instrument.Watch(limits.Limit(10.0))
    model = instrument.watched(Model, Model, watch)()
    with pytest.raises(ZeroDivisionError):
        model(1)
    assert watch.call == "Model(...)(1)"
    with pytest.raises(ValueError, match="below 0"):
        model(-2)
    assert watch.call == "Model(...).less(-2)"


def test_a_not_implemented_error_with_words_is_an_answer():
    """It leaves a case out; without words it is what a stub says."""

    def uniform_indices(num_frames, num_samples):
        if num_frames < num_samples:
            raise NotImplementedError("more samples than frames")
        return (2 * np.arange(num_samples) + 1) * num_frames // (2 * num_samples)

    text = text_of(uniform_indices, "video.sample.uniform_indices")
    assert "raised    NotImplementedError: more samples" in text


def test_a_branch_that_is_not_implemented_is_an_answer():
    """A bare NotImplementedError that only some inputs reach is no stub's."""

    def uniform_indices(num_frames, num_samples):
        if num_frames < num_samples:
            raise NotImplementedError
        return (2 * np.arange(num_samples) + 1) * num_frames // (2 * num_samples)

    text = text_of(uniform_indices, "video.sample.uniform_indices")
    assert re.search(r"raised +NotImplementedError\n +in +line \d+: raise NotImpl", text)


def test_what_a_library_has_not_implemented_is_an_answer():
    """A bare NotImplementedError out of what an answer calls is no stub's."""

    def uniform_indices(num_frames, num_samples):
        return asyncio.AbstractEventLoop().run_forever()

    text = text_of(uniform_indices, "video.sample.uniform_indices")
    assert re.search(r"raised +NotImplementedError\n +in +line \d+: return asyncio", text)


def test_a_pattern_of_a_test_is_not_shown():
    """An error whose words are not those asked for; the pattern is no sentence."""

    def pad_clip(frames, num_samples):
        if not 0 < len(frames) <= num_samples:
            raise ValueError("bad")
        places = np.arange(num_samples)
        return frames[np.minimum(places, len(frames) - 1)], places < len(frames)

    text = text_of(pad_clip, "video.sample.pad_clip")
    assert re.search(r"raised +ValueError: bad\n +expected +another message", text)
    assert "regex" not in text.lower()


def test_what_was_traced_is_not_shown_beside_numbers():
    """A gradient is wrong, and the call gave an array that has no numbers."""

    class Dropout(nnx.Dropout):
        def __call__(self, inputs, rngs=None):
            if rngs is None:
                return inputs
            together = {axis % inputs.ndim for axis in self.broadcast_dims}
            sizes = [1 if axis in together else n for axis, n in enumerate(inputs.shape)]
            kept = jax.random.bernoulli(rngs.dropout(), 1 - self.rate, sizes)
            return jnp.where(kept, inputs / jnp.asarray(1 - self.rate, inputs.dtype), 0)

    text = text_of(Dropout, "models.layers.Dropout")
    assert "gave nan, expected 0" in text
    assert "gave      traced" not in text


def test_a_number_that_is_none_is_told_with_the_one_expected():
    """NumPy says of NaN only that it is somewhere else."""

    def cross_entropy(logits, labels, weight, label_smoothing=0.0):
        targets = jax.nn.one_hot(labels, logits.shape[-1]) if labels.ndim == 1 else labels
        targets = (1 - label_smoothing) * targets + label_smoothing / logits.shape[-1]
        losses = -jnp.sum(targets * jax.nn.log_softmax(logits), axis=-1)
        return jnp.sum(weight * losses) / jnp.sum(weight)

    text = text_of(cross_entropy, "training.step.cross_entropy")
    assert "gave      nan\n    expected  0." in text
    assert "location" not in text


def test_a_call_in_a_gradient_is_told_with_its_numbers():
    """They are known there; in a compiled function they are not."""
    seen = []
    jax.grad(lambda x: seen.append(wording.value(x)) or x.sum())(jnp.array([1.5, 2.0]))
    jax.jit(lambda x: seen.append(wording.value(x)) or x)(jnp.array([1.5, 2.0]))
    assert seen == ["[1.5, 2. ]", "traced float32 array of shape (2,)"]


def test_a_function_that_is_due_is_told_in_two_words():
    """A schedule is one, and not the rate itself."""

    def schedule(recipe, steps):
        return recipe.learning_rate

    assert "gave      0.2\n    expected  a function\n" in text_of(
        schedule, "training.optimizer.schedule"
    )


def test_what_is_due_has_no_braces():
    """A size that is an argument is told by its name."""
    assert shapes.in_words("UInt8[ndarray, 'time {size} {size} 3']") == (
        "uint8 array of axes (time size size 3)"
    )


def test_an_array_of_the_other_library_is_told():
    """Shape and type fit, so what is shown of them would not say what is wrong."""
    report = (
        "Actual value: f32[60,7]\nExpected type: <class 'Float[ndarray, 'pixels dim']'>.\ndim=7\n"
    )
    report = report.replace("<class '", "").replace("'>.", ".")
    assert shapes.told(report)[-1] == (
        "so",
        "it is an array of JAX, and is to be one of NumPy: np.asarray",
    )
    report = "Actual value: f32[24,6](numpy)\nExpected type: Float[jaxlib._jax.Array, 'token dim']."
    assert shapes.told(report)[-1][1].startswith("it is an array of NumPy")
    assert shapes.told(report.replace("(numpy)", ""))[-1][0] == "expected"
