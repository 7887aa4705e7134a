"""The training step: the loss against a loop, an update by hand, randomness that repeats."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from flaxvid.models import layers
from flaxvid.training import state as states
from flaxvid.training import step
from flaxvid.video import preprocess

LOGITS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
LABELS = np.array([2, 0, 1, 1], np.int32)
WEIGHT = np.array([1, 1, 0, 1], np.float32)


class Linear(nnx.Module):
    """The smallest model there can be: pixels to logits, with dropout and BatchNorm if asked."""

    def __init__(self, dropout=0.0, norm=False):
        rngs = nnx.Rngs(0)
        self.fc = nnx.Linear(6, 3, rngs=rngs)
        self.norm = nnx.BatchNorm(6, rngs=rngs) if norm else None
        self.dropout = layers.Dropout(dropout)

    def __call__(self, inputs, mask=None, rngs=None):
        if self.norm is not None:
            inputs = self.norm(inputs)
        return self.fc(self.dropout(inputs, rngs=rngs))


def batch_of(rows=4):
    rng = np.random.default_rng(1)
    return {
        "pixels": rng.normal(size=(rows, 6)).astype(np.float32),
        "mask": np.ones((rows, 1), bool),
        "label": LABELS[:rows],
        "weight": WEIGHT[:rows],
    }


def stepper(model, optimizer):
    parts = states.split(model)
    train_step = step.make_train_step(parts, optimizer, lambda batch: batch["pixels"])
    return parts, states.create(parts, optimizer, seed=0), jax.jit(train_step)


@pytest.mark.exercise("training.step.cross_entropy")
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_of_a_loop(smoothing):
    """The mean of -sum(target x log softmax) over the rows of weight 1, row by row."""
    losses = []
    for logits, label, weight in zip(LOGITS.astype(np.float64), LABELS, WEIGHT, strict=True):
        target = np.full(3, smoothing / 3)
        target[label] += 1 - smoothing
        if weight:
            losses.append(-np.sum(target * np.log(np.exp(logits) / np.exp(logits).sum())))
    loss = step.cross_entropy(*map(jnp.asarray, (LOGITS, LABELS, WEIGHT)), smoothing)
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)


@pytest.mark.exercise("training.step.cross_entropy")
def test_cross_entropy_of_the_undecided():
    """Equal logits over 5 classes cost log 5 = 1.609 nats."""
    arrays = jnp.zeros((2, 5)), jnp.array([0, 4]), jnp.ones(2)
    np.testing.assert_allclose(step.cross_entropy(*arrays), np.log(5), rtol=1e-6)


@pytest.mark.exercise("training.step.cross_entropy")
@pytest.mark.parametrize("row", range(4))
def test_cross_entropy_of_one_row(row):
    """If one row counts, the mean is its own loss: it is divided by 1."""
    loss = step.cross_entropy(jnp.asarray(LOGITS), jnp.asarray(LABELS), jnp.eye(4)[row])
    odds = np.exp(LOGITS[row])
    np.testing.assert_allclose(loss, -np.log(odds[LABELS[row]] / odds.sum()), rtol=1e-5)


@pytest.mark.exercise("training.step.cross_entropy")
def test_cross_entropy_of_no_rows_is_zero():
    """If no row counts the loss and its gradient are 0, not NaN."""

    def loss(logits):
        return step.cross_entropy(logits, jnp.asarray(LABELS), jnp.zeros(4))

    np.testing.assert_array_equal(loss(jnp.asarray(LOGITS)), 0.0)
    np.testing.assert_array_equal(jax.grad(loss)(jnp.asarray(LOGITS)), np.zeros((4, 3)))


def loss_and_slope():
    """Of LOGITS, LABELS and WEIGHT, whose row 2 does not count."""
    odds = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    loss = -(WEIGHT * np.log(odds[np.arange(4), LABELS])).sum() / 3
    return loss, WEIGHT[:, None] * (odds - np.eye(3)[LABELS]) / 3


@pytest.mark.exercise("training.step.cross_entropy")
@pytest.mark.parametrize("left_over", [jnp.nan, jnp.inf, -jnp.inf])
def test_cross_entropy_of_a_row_that_is_out(left_over):
    """Logits of a row of weight 0 may be NaN or infinite: loss and gradient are as without it."""

    def loss(logits):
        return step.cross_entropy(logits, jnp.asarray(LABELS), jnp.asarray(WEIGHT))

    logits = jnp.asarray(LOGITS).at[2].set(left_over)
    expected_loss, expected_slope = loss_and_slope()
    with jax.disable_jit():  # a compiler may turn 0 * NaN into 0
        np.testing.assert_allclose(loss(logits), expected_loss, rtol=1e-5)
        np.testing.assert_allclose(jax.grad(loss)(logits), expected_slope, atol=1e-6)


@pytest.mark.exercise("training.step.cross_entropy")
def test_cross_entropy_shows_what_is_no_number_in_a_row_that_counts():
    """NaN in a row that counts is a fault, and the loss shows it: it is NaN as well."""
    logits = jnp.asarray(LOGITS).at[1].set(jnp.nan)
    loss = step.cross_entropy(logits, jnp.asarray(LABELS), jnp.asarray(WEIGHT))
    np.testing.assert_allclose(loss, jnp.nan)


@pytest.mark.exercise("training.step.cross_entropy")
@pytest.mark.parametrize("size", [100.0, 1000.0, 1e6])
def test_cross_entropy_of_large_logits(size):
    """A class that leads by much costs 0 if it is right, and its lead if not: no log of 0.

    The slope is -1 and 1.
    """

    def loss(logits, label):
        return step.cross_entropy(logits, jnp.array([label]), jnp.ones(1))

    logits = jnp.array([[size, 0.0]])
    np.testing.assert_allclose(loss(logits, 0), 0.0, atol=1e-6)
    np.testing.assert_allclose(loss(logits, 1), size, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(loss)(logits, 1), [[1.0, -1.0]], rtol=1e-6)


@pytest.mark.exercise("training.step.cross_entropy")
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_of_shares(smoothing):
    """Labels may be the share of every class, 0.7 of one and 0.3 of another; smoothed as others."""
    shares = np.array([[0.7, 0.3, 0], [0, 1, 0], [0.2, 0.3, 0.5], [0, 0.4, 0.6]], np.float32)
    odds = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    target = (1 - smoothing) * shares + smoothing / 3
    expected = -(WEIGHT[:, None] * target * np.log(odds)).sum() / 3
    loss = step.cross_entropy(*map(jnp.asarray, (LOGITS, shares, WEIGHT)), smoothing)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.exercise("training.step.cross_entropy")
@pytest.mark.parametrize("shares", [False, True])
def test_cross_entropy_compiles(shares):
    """It runs inside of the training step, where neither a weight nor a label has a value yet."""
    labels = jnp.eye(3)[LABELS] if shares else jnp.asarray(LABELS)
    arrays = jnp.asarray(LOGITS), labels, jnp.asarray(WEIGHT)
    loss = jax.jit(lambda *arrays: step.cross_entropy(*arrays))(*arrays)
    np.testing.assert_allclose(loss, loss_and_slope()[0], rtol=1e-5)


@pytest.mark.exercise("training.step.cross_entropy")
def test_cross_entropy_is_pulled_by_weighted_rows_only():
    """The gradient at a row of weight 0 is zero; elsewhere (softmax - target) / rows."""
    gradient = jax.grad(lambda x: step.cross_entropy(x, jnp.asarray(LABELS), jnp.asarray(WEIGHT)))(
        jnp.asarray(LOGITS)
    )
    np.testing.assert_allclose(gradient, loss_and_slope()[1], atol=1e-6)


def gradients_of(kernel, bias, batch):
    """Of a linear layer's kernel and bias: inputs^T (softmax - target) / rows, and its sum."""
    logits = batch["pixels"] @ np.asarray(kernel) + np.asarray(bias)
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = WEIGHT[:, None] * (odds - np.eye(3)[LABELS]) / 3
    return batch["pixels"].T @ error, error.sum(axis=0)


@pytest.mark.exercise("training.step.make_train_step")
def test_step_of_gradient_descent_by_hand():
    """kernel - 0.1 x inputs^T (softmax - target) / rows, and step 0 becomes 1."""
    _, state, train_step = stepper(Linear(), optax.sgd(0.1))
    batch = batch_of()
    before = [np.asarray(state.params["fc"][name]) for name in ("kernel", "bias")]
    gradients = gradients_of(*before, batch)
    state, _ = train_step(state, batch)
    for name, was, gradient in zip(("kernel", "bias"), before, gradients, strict=True):
        np.testing.assert_allclose(state.params["fc"][name], was - 0.1 * gradient, atol=1e-6)
    assert int(state.step) == 1


@pytest.mark.exercise("training.step.make_train_step")
def test_step_starts_from_the_parameters_of_its_state():
    """All of it: the gradient, the decay and the sum are of state.params, not of parts.params.

    Those are twice what the model began with, and a tenth of them decays.
    """
    update = optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1))
    _, state, train_step = stepper(Linear(), update)
    state, batch = state._replace(params=jax.tree.map(lambda w: 2 * w, state.params)), batch_of()
    before = [np.asarray(state.params["fc"][name]) for name in ("kernel", "bias")]
    gradients = gradients_of(*before, batch)
    state, _ = train_step(state, batch)
    for name, was, gradient in zip(("kernel", "bias"), before, gradients, strict=True):
        expected = was - 0.1 * (gradient + 0.1 * was)
        np.testing.assert_allclose(state.params["fc"][name], expected, atol=1e-6)


@pytest.mark.exercise("training.step.make_train_step")
def test_step_measures_the_gradient():
    """`gradient_norm` is the length of the gradients of all parameters, and not of the updates."""
    _, state, train_step = stepper(Linear(), optax.sgd(0.1))
    batch = batch_of()
    gradients = gradients_of(*(state.params["fc"][name] for name in ("kernel", "bias")), batch)
    _, measured = train_step(state, batch)
    squares = sum(np.sum(slope**2) for slope in gradients)
    np.testing.assert_allclose(measured["gradient_norm"], np.sqrt(squares), rtol=1e-5)


@pytest.mark.exercise("training.step.make_train_step")
def test_dropout_changes_from_step_to_step_and_repeats_with_the_seed():
    """The same state gives the same loss; the next step, with equal weights, another."""
    _, state, train_step = stepper(Linear(dropout=0.5), optax.sgd(0.0))
    _, first = train_step(state, batch_of())
    later, again = train_step(state, batch_of())
    _, second = train_step(later, batch_of())
    assert float(first["loss"]) == float(again["loss"]) != float(second["loss"])


@pytest.mark.exercise("training.step.make_train_step")
def test_dropout_depends_on_the_key_of_the_state():
    """The same step, with equal weights and another key in the state, drops other numbers."""
    _, state, train_step = stepper(Linear(dropout=0.5), optax.sgd(0.0))
    losses = {
        float(train_step(state._replace(key=jax.random.key(seed)), batch_of())[1]["loss"])
        for seed in (1, 2, 3)
    }
    if len(losses) < 2:
        pytest.fail("states with three different keys have the same loss: state.key is not used")


@pytest.mark.exercise("training.step.make_train_step")
def test_optimizer_is_given_the_parameters():
    """One that takes a tenth of every weight away, whatever the gradient: nine are left."""
    decay = optax.chain(optax.set_to_zero(), optax.add_decayed_weights(0.1), optax.scale(-1.0))
    _, state, train_step = stepper(Linear(), decay)
    before = np.asarray(state.params["fc"]["kernel"])
    after, _ = train_step(state, batch_of())
    np.testing.assert_allclose(after.params["fc"]["kernel"], 0.9 * before, rtol=1e-5)


@pytest.mark.exercise("training.step.make_train_step")
def test_optimizer_keeps_its_own_state():
    """A rate of 0 at the first update and of 0.1 at the second: only the second moves weights."""
    _, state, train_step = stepper(Linear(), optax.sgd(lambda count: 0.1 * count))
    first, _ = train_step(state, batch_of())
    second, _ = train_step(first, batch_of())
    start, after_one, after_two = (s.params["fc"]["kernel"] for s in (state, first, second))
    np.testing.assert_array_equal(after_one, start)
    assert np.all(after_two != after_one)


class MeanOfFrames(nnx.Module):
    """Logits of a clip: a layer over the mean of its real frames."""

    def __init__(self):
        self.fc = nnx.Linear(5, 3, use_bias=False, rngs=nnx.Rngs(0))

    def __call__(self, inputs, mask=None, rngs=None):
        where = None if mask is None else mask[:, :, None]
        return self.fc(jnp.mean(inputs, axis=1, where=where))


@pytest.mark.exercise("training.step.make_train_step")
def test_step_passes_the_mask_on_and_measures():
    """Loss and accuracy by hand, of the frames that the mask keeps and with the loss that is given.

    The rate is such that the new weights would be wrong at every row.
    """
    parts, rng = states.split(MeanOfFrames()), np.random.default_rng(2)
    batch = {
        "pixels": rng.normal(size=(4, 2, 5)).astype(np.float32),
        "mask": np.array([[True, True], [True, False], [True, True], [True, False]]),
        "label": LABELS,
        "weight": WEIGHT,
    }
    update = optax.sgd(-100.0)
    smoothed = functools.partial(step.cross_entropy, label_smoothing=0.3)
    train_step = step.make_train_step(parts, update, lambda batch: batch["pixels"], smoothed)
    _, measured = jax.jit(train_step)(states.create(parts, update, seed=0), batch)
    losses, right = [], []
    for row in (0, 1, 3):
        frame = batch["pixels"][row][batch["mask"][row]].mean(axis=0)
        logits = frame @ np.asarray(parts.params["fc"]["kernel"])
        target = np.full(3, 0.1)
        target[LABELS[row]] += 0.7
        losses.append(-np.sum(target * np.log(np.exp(logits) / np.exp(logits).sum())))
        right.append(np.argmax(logits) == LABELS[row])
    np.testing.assert_allclose(measured["loss"], np.mean(losses), rtol=1e-5)
    assert any(right)
    np.testing.assert_allclose(measured["accuracy"], np.mean(right), rtol=1e-6)


@pytest.mark.exercise("training.step.make_train_step")
def test_step_differentiates_with_what_it_is_given():
    """A `differentiate` that halves every slope: at a rate of 1 the weights go half as far."""

    def halved(loss_of, *, has_aux):
        gradient_of = jax.value_and_grad(loss_of, has_aux=has_aux)

        def of(*arguments):
            found, slopes = gradient_of(*arguments)
            return found, jax.tree.map(lambda slope: slope / 2, slopes)

        return of

    parts, state, plain = stepper(Linear(), optax.sgd(1.0))
    changed = step.make_train_step(
        parts, optax.sgd(1.0), lambda batch: batch["pixels"], differentiate=halved
    )
    whole, _ = plain(state, batch_of())
    half, _ = jax.jit(changed)(state, batch_of())
    for name in ("kernel", "bias"):
        before = state.params["fc"][name]
        np.testing.assert_allclose(
            half.params["fc"][name] - before, (whole.params["fc"][name] - before) / 2, atol=1e-6
        )


@pytest.mark.exercise("training.step.make_train_step")
def test_the_loss_is_of_what_it_is_given():
    """`differentiate` may ask for the loss of some rows alone, with another key, other statistics.

    As accumulation does, from micro-batch to micro-batch.
    """
    shapes = []

    def asked(loss_of, *, has_aux):
        def of(params, stats, batch, key):
            rows = jax.tree.map(lambda values: values[:2], batch)
            shapes.append(jax.eval_shape(loss_of, params, stats, rows, key)[1][0].shape)
            loss, (logits, _) = loss_of(params, stats, batch, key)
            moved, other = jax.tree.map(lambda leaf: leaf + 9, stats), jax.random.fold_in(key, 1)
            again, (_, after) = loss_of(params, moved, batch, other)
            found = jnp.stack([loss, again, after["norm"]["mean"][0]])
            return (found, (logits, stats)), jax.tree.map(jnp.zeros_like, params)

        return of

    parts, update = states.split(Linear(dropout=0.5, norm=True)), optax.sgd(1.0)
    train_step = step.make_train_step(
        parts, update, lambda batch: batch["pixels"], differentiate=asked
    )
    _, measured = jax.jit(train_step)(states.create(parts, update, seed=0), batch_of())
    loss, again, mean = measured["loss"].tolist()
    for taken, argument in (
        (shapes == [(2, 3)], "two rows"),
        (again != loss, "another key"),
        (mean > 5, "other statistics"),
    ):
        if not taken:
            pytest.fail(f"loss_of was given {argument}, and went by what the step had been given")


@pytest.mark.exercise("training.step.make_train_step")
def test_a_used_step_gives_what_a_new_one_gives():
    """Called without jit, a step that was used before gives what a step made anew gives.

    Adam's moments and a BatchNorm's statistics come from the state, and from nowhere else.
    """
    parts, update = states.split(Linear(dropout=0.5, norm=True)), optax.adam(0.1)

    def make():
        return step.make_train_step(parts, update, lambda batch: batch["pixels"])

    used, batch = make(), jax.tree.map(jnp.asarray, batch_of())
    start = states.create(parts, update, seed=0)
    first, _ = used(start, batch)
    second, _ = used(first, batch)
    for begun, found in ((first, second), (start, used(start, batch)[0])):
        expected, _ = make()(begun, batch)
        for part in ("params", "stats", "opt_state"):
            there = jax.tree.leaves(getattr(found, part))
            for leaf, due in zip(there, jax.tree.leaves(getattr(expected, part)), strict=True):
                if not np.allclose(leaf, due, atol=1e-6):
                    pytest.fail(f"state.{part} depends on what the step was called with before")


@pytest.mark.exercise("training.step.make_train_step")
def test_steps_are_counted_in_whole_numbers():
    """The number of the step stays an integer, as it was."""
    _, state, train_step = stepper(Linear(), optax.sgd(0.1))
    after, _ = train_step(state, batch_of())
    assert after.step.dtype == state.step.dtype


@pytest.mark.exercise("training.step.make_train_step")
def test_step_leaves_compiling_to_its_caller():
    """Called as it is, it hands `inputs_of` the batch's own numbers: there is no `jit` inside."""
    parts, seen = states.split(Linear()), []

    def inputs_of(batch):
        seen.append(isinstance(batch["pixels"], jax.core.Tracer))
        return batch["pixels"]

    train_step = step.make_train_step(parts, optax.sgd(0.1), inputs_of)
    state = states.create(parts, optax.sgd(0.1), seed=0)
    train_step(state, jax.tree.map(jnp.asarray, batch_of()))
    assert not any(seen), "what inputs_of was given is traced: leave jax.jit out of the step"


@pytest.mark.exercise("training.step.make_train_step")
def test_step_passes_on_what_is_not_its_own():
    """The key and the mean of the weights come out as they went in."""
    parts = states.split(Linear())
    train_step = step.make_train_step(parts, optax.sgd(0.1), lambda batch: batch["pixels"])
    state = states.create(parts, optax.sgd(0.1), seed=0, average=True)
    after, _ = jax.jit(train_step)(state, batch_of())
    assert jax.tree.structure(after.average) == jax.tree.structure(state.average)
    np.testing.assert_array_equal(after.average["fc"]["kernel"], state.average["fc"]["kernel"])
    np.testing.assert_array_equal(jax.random.key_data(after.key), jax.random.key_data(state.key))


@pytest.mark.exercise("training.step.make_train_step")
def test_step_keeps_nothing_outside():
    """The same state and batch give the same new state, however often they are given."""
    parts = states.split(Linear())
    train_step = step.make_train_step(parts, optax.sgd(0.1), lambda batch: batch["pixels"])
    state = states.create(parts, optax.sgd(0.1), seed=0)
    batch = jax.tree.map(jnp.asarray, batch_of())
    (first, _), (second, _) = train_step(state, batch), train_step(state, batch)
    assert (int(first.step), int(second.step)) == (1, 1)
    for name in ("kernel", "bias"):
        np.testing.assert_allclose(second.params["fc"][name], first.params["fc"][name], atol=1e-7)


def test_evaluation_drops_nothing():
    """Without rngs the logits are those of the bare layer."""
    parts, state, _ = stepper(Linear(dropout=0.9), optax.sgd(0.1))
    eval_step = jax.jit(step.make_eval_step(parts, lambda batch: batch["pixels"]))
    batch = batch_of()
    kernel, bias = (np.asarray(state.params["fc"][name]) for name in ("kernel", "bias"))
    expected = batch["pixels"] @ kernel + bias
    np.testing.assert_allclose(eval_step(state.params, state.stats, batch), expected, atol=1e-5)


@pytest.mark.exercise("training.step.make_train_step")
def test_batch_norm_learns_its_statistics_in_training_only():
    """A step moves the running mean a hundredth of the way; evaluation uses and keeps it."""
    parts, state, train_step = stepper(Linear(norm=True), optax.sgd(0.0))
    batch = batch_of()
    after, _ = train_step(state, batch)
    np.testing.assert_allclose(
        after.stats["norm"]["mean"], 0.01 * batch["pixels"].mean(axis=0), atol=1e-6
    )
    later, _ = train_step(after, batch)
    np.testing.assert_allclose(
        later.stats["norm"]["mean"], 0.0199 * batch["pixels"].mean(axis=0), atol=1e-6
    )
    eval_step = jax.jit(step.make_eval_step(parts, lambda batch: batch["pixels"]))
    alone = {name: values[:1] for name, values in batch.items()}
    np.testing.assert_allclose(
        eval_step(after.params, after.stats, alone),
        eval_step(after.params, after.stats, batch)[:1],
        atol=1e-6,
    )


def test_pixels_are_normalised_in_the_step():
    """uint8 pixels in, (pixel / 255 - 0.45) / 0.225 out."""
    inputs_of = step.pixel_inputs(preprocess.Preprocessing(crop_size=2, resize=2))
    video = jnp.full((1, 1, 2, 2, 3), 51, jnp.uint8)
    np.testing.assert_allclose(inputs_of({"video": video}), (0.2 - 0.45) / 0.225, rtol=1e-5)


def test_a_centred_clip_is_less_its_mean():
    """Of the real frames; what stays the same is 0, and so is padding, whatever stands there."""
    shown = preprocess.Preprocessing(crop_size=2, resize=2, center="clip")
    video = np.full((1, 4, 2, 2, 3), 80, np.uint8)
    video[0, :, 0, 0] = np.array([10, 20, 60, 200])[:, None]
    mask = jnp.array([[True, True, True, False]])
    clips = np.asarray(step.pixel_inputs(shown)({"video": jnp.asarray(video), "mask": mask}))
    moved = np.array([-20, -10, 30, 0]) / 255 / 0.225
    np.testing.assert_allclose(clips[0, :, 0, 0, 1], moved, atol=1e-5)
    np.testing.assert_allclose(clips[0, :, 1], 0, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_binary_cross_entropy_of_a_loop(smoothing):
    """Each class yes or no by itself, the mean over classes and over the rows that count."""
    targets = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 0.3, 1]], np.float32)
    losses = []
    for logits, target, weight in zip(LOGITS.astype(np.float64), targets, WEIGHT, strict=True):
        odds = 1 / (1 + np.exp(-logits))
        smooth = (1 - smoothing) * target + smoothing / 2
        if weight:
            losses.append(-np.mean(smooth * np.log(odds) + (1 - smooth) * np.log(1 - odds)))
    loss = step.binary_cross_entropy(*map(jnp.asarray, (LOGITS, targets, WEIGHT)), smoothing)
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)
    none = step.binary_cross_entropy(jnp.asarray(LOGITS), jnp.asarray(targets), jnp.zeros(4))
    assert float(none) == 0.0


def test_binary_cross_entropy_of_one_row():
    """If one row counts, the mean is its own: of logits 0 and log 3, log 2 and log 4 over 2."""
    logits, targets = jnp.array([[9.0, 9.0], [0.0, np.log(3)]]), jnp.array([[0.0, 0.0], [1.0, 0.0]])
    loss = step.binary_cross_entropy(logits, targets, jnp.array([0.0, 1.0]))
    np.testing.assert_allclose(loss, np.log(8) / 2, rtol=1e-6)


def test_binary_cross_entropy_of_a_row_that_is_out():
    """Logits of a row of weight 0 may be NaN: loss and gradient are as without it."""

    def loss(logits):
        return step.binary_cross_entropy(logits, jnp.ones((4, 3)), jnp.asarray(WEIGHT))

    logits, others = (jnp.asarray(LOGITS).at[2].set(number) for number in (jnp.nan, 0.0))
    with jax.disable_jit():  # a compiler may turn 0 * NaN into 0
        np.testing.assert_allclose(loss(logits), loss(others), rtol=1e-6)
        np.testing.assert_allclose(jax.grad(loss)(logits), jax.grad(loss)(others), atol=1e-6)
