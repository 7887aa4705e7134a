"""Optimizers: the rate at every step, who decays, who moves how far, who stays."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flaxvid import errors
from flaxvid.recipes import recipe as recipes
from flaxvid.training import optimizer


def params():
    """A backbone and a head, kernels and biases."""
    rng = np.random.default_rng(0)

    def layer(rows, columns):
        kernel = jnp.asarray(rng.normal(size=(rows, columns)).astype(np.float32))
        return {"kernel": kernel, "bias": jnp.ones(columns)}

    return {"blocks": {0: layer(3, 4), 1: layer(4, 4)}, "head": layer(4, 2)}


def plain(**changes):
    """SGD without anything else, so that an update is -rate x gradient."""
    settings = dict(optimizer="sgd", schedule="constant", momentum=0.0, weight_decay=0.0)
    return recipes.Recipe(**settings | dict(clip_norm=None, learning_rate=0.1) | changes)


def updates_of(recipe, gradient=1.0):
    weights = params()
    update = optimizer.create(recipe, 10, weights)
    gradients = jax.tree.map(lambda leaf: jnp.full_like(leaf, gradient), weights)
    updates, _ = jax.jit(update.update)(gradients, update.init(weights), weights)
    return updates, weights


@pytest.mark.parametrize(
    ("recipe", "videos", "batch", "steps"),
    [
        (recipes.Recipe(steps=7, epochs=3.0), 100, 10, 7),
        (recipes.Recipe(epochs=3.0), 100, 10, 30),
        (recipes.Recipe(epochs=2.0), 105, 10, 21),
        (recipes.Recipe(epochs=10.0), 15, 8, 19),
        (recipes.Recipe(epochs=0.01), 100, 10, 1),
    ],
)
def test_total_steps(recipe, videos, batch, steps):
    """Steps if given, else so many that each clip is seen as often as epochs say; one at least."""
    assert optimizer.total_steps(recipe, videos, batch) == steps


@pytest.mark.exercise("training.optimizer.schedule")
@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (1, 0.1), (5, 0.5), (10, 1.0)])
def test_warm_up_rises_in_a_line(step, share):
    """In a warm-up of 10 steps the rate is 0 at step 0, a tenth at step 1, and all of it at 10."""
    rate = optimizer.schedule(recipes.Recipe(learning_rate=0.2, warmup=0.1), 100)
    np.testing.assert_allclose(rate(step), 0.2 * share, atol=1e-7)


@pytest.mark.exercise("training.optimizer.schedule")
@pytest.mark.parametrize(("step", "share"), [(55, 0.505), (100, 0.01)])
def test_cosine_falls_to_a_hundredth(step, share):
    """After a warm-up of 10 of 100 steps half a cosine leads from 1 to 0.01, at 55 half-way."""
    rate = optimizer.schedule(recipes.Recipe(learning_rate=0.2, warmup=0.1), 100)
    np.testing.assert_allclose(rate(step), 0.2 * share, atol=1e-7)


@pytest.mark.exercise("training.optimizer.schedule")
@pytest.mark.parametrize("name", ["cosine", "step", "constant"])
def test_without_warm_up_the_rate_is_highest_at_step_0(name):
    """Without a warm-up the rate is not 0 at step 0, which would be wasted, but highest."""
    recipe = recipes.Recipe(schedule=name, learning_rate=0.3, warmup=0.0)
    np.testing.assert_allclose(optimizer.schedule(recipe, 100)(0), 0.3, rtol=1e-6)


@pytest.mark.exercise("training.optimizer.schedule")
@pytest.mark.parametrize("milestones", [(), (0.3,), (0.3, 0.5, 0.9)])
def test_there_are_as_many_milestones_as_there_are(milestones):
    """None, one or three: each divides the rate by ten."""
    recipe = recipes.Recipe(schedule="step", milestones=milestones, learning_rate=1.0)
    rate = optimizer.schedule(recipe, 100)(99)
    np.testing.assert_allclose(rate, 0.1 ** len(milestones), rtol=1e-5)


@pytest.mark.exercise("training.optimizer.schedule")
def test_cosine_in_between():
    """A quarter of the way down it stands at 0.01 + 0.99 (1 + cos 45 degrees) / 2."""
    rate = optimizer.schedule(recipes.Recipe(learning_rate=1.0, warmup=0.0), 80)
    expected = 0.01 + 0.99 * (1 + math.cos(math.pi / 4)) / 2
    np.testing.assert_allclose(rate(20), expected, rtol=1e-5)


@pytest.mark.exercise("training.optimizer.schedule")
@pytest.mark.parametrize(("step", "rate"), [(0, 1.0), (49, 1.0), (50, 0.1), (79, 0.1), (80, 0.01)])
def test_step_schedule_falls_by_ten_at_each_milestone(step, rate):
    """Milestones at 0.5 and 0.8 of 100 steps."""
    recipe = recipes.Recipe(schedule="step", milestones=(0.5, 0.8), learning_rate=1.0)
    np.testing.assert_allclose(optimizer.schedule(recipe, 100)(step), rate, rtol=1e-5)


@pytest.mark.exercise("training.optimizer.schedule")
def test_milestones_that_fall_on_one_step_both_count():
    """Of 10 steps, 0.5 and 0.52 are both step 5: there the rate falls to a hundredth."""
    recipe = recipes.Recipe(schedule="step", milestones=(0.5, 0.52), learning_rate=1.0)
    rate = optimizer.schedule(recipe, 10)
    np.testing.assert_allclose([rate(4), rate(5), rate(9)], [1.0, 0.01, 0.01], rtol=1e-5)


@pytest.mark.exercise("training.optimizer.schedule")
def test_schedules_take_steps_as_well():
    """A warm-up of 50 steps is at its top at step 50, and milestones 50 and 80 are steps 50, 80."""
    rate = optimizer.schedule(recipes.Recipe(learning_rate=1.0, warmup=50.0), 200)
    np.testing.assert_allclose([rate(25), rate(50)], [0.5, 1.0], rtol=1e-5)
    recipe = recipes.Recipe(schedule="step", milestones=(50.0, 80.0), learning_rate=1.0)
    rate = optimizer.schedule(recipe, 100)
    np.testing.assert_allclose([rate(49), rate(50), rate(80)], [1.0, 0.1, 0.01], rtol=1e-5)


@pytest.mark.exercise("training.optimizer.schedule")
def test_a_run_that_is_all_warm_up():
    """Half the rate half-way, and all of it at the end: there is nothing to fall through."""
    rate = optimizer.schedule(recipes.Recipe(learning_rate=1.0, warmup=10.0), 10)
    np.testing.assert_allclose([rate(0), rate(5), rate(10)], [0.0, 0.5, 1.0], atol=1e-6)


@pytest.mark.exercise("training.optimizer.schedule")
def test_constant_schedule():
    """The same rate at the start, in the middle and at the end: it is not for it to warm up."""
    recipe = recipes.Recipe(schedule="constant", learning_rate=0.3, warmup=0.1)
    rate = optimizer.schedule(recipe, 100)
    np.testing.assert_allclose([rate(0), rate(5), rate(50), rate(100)], 0.3)


@pytest.mark.exercise("training.optimizer.schedule")
@pytest.mark.parametrize("name", ["constant", "step", "cosine"])
def test_schedules_compile(name):
    """The number of the step is traced in a training step, so no `if` may ask for it."""
    recipe = recipes.Recipe(schedule=name, learning_rate=0.3, warmup=0.5, milestones=(0.8,))
    rate = jax.jit(optimizer.schedule(recipe, 10))(jnp.asarray(5))
    np.testing.assert_allclose(rate, 0.3, rtol=1e-6)


def test_momentum_of_sgd():
    """Of gradients of 1 the updates are 0.1 times 1, 1.9 and 2.71: nine tenths go on."""
    weights = params()
    update = optimizer.create(plain(momentum=0.9), 10, weights)
    ones, state = jax.tree.map(jnp.ones_like, weights), update.init(weights)
    for expected in (0.1, 0.19, 0.271):
        updates, state = jax.jit(update.update)(ones, state, weights)
        for leaf in jax.tree.leaves(updates):
            np.testing.assert_allclose(leaf, -expected, rtol=1e-5)


def test_kernels_decay_and_nothing_else():
    """With a gradient of zero SGD moves kernels by -rate x decay x kernel, biases not at all."""
    updates, weights = updates_of(plain(weight_decay=0.5), gradient=0.0)
    kernel = weights["head"]["kernel"]
    np.testing.assert_allclose(updates["head"]["kernel"], -0.1 * 0.5 * kernel, rtol=1e-6)
    assert not np.any(updates["head"]["bias"])


def test_adamw_decays_beside_the_gradient_and_adam_within():
    """Adam divides the decay by its own size, so the pull is rate; AdamW's is rate x decay."""
    settings = dict(weight_decay=0.5, learning_rate=0.1)
    adam, weights = updates_of(plain(optimizer="adam", **settings), gradient=0.0)
    adamw, _ = updates_of(plain(optimizer="adamw", **settings), gradient=0.0)
    kernel = weights["head"]["kernel"]
    np.testing.assert_allclose(adam["head"]["kernel"], -0.1 * np.sign(kernel), rtol=1e-4)
    np.testing.assert_allclose(adamw["head"]["kernel"], -0.1 * 0.5 * kernel, rtol=1e-5)


def test_gradient_is_clipped_as_a_whole():
    """A gradient of norm sqrt(46) is cut to norm 1, every number by the same share."""
    updates, weights = updates_of(plain(clip_norm=1.0))
    numbers = sum(leaf.size for leaf in jax.tree.leaves(weights))
    for leaf in jax.tree.leaves(updates):
        np.testing.assert_allclose(leaf, -0.1 / math.sqrt(numbers), rtol=1e-5)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_head_moves_ten_times_as_far(name):
    """--rate-factors ^head=10: updates of -1 there and -0.1 elsewhere, though Adam divides each
    gradient by its own size."""
    updates, _ = updates_of(plain(optimizer=name, rate_factors=("^head=10",)))
    for leaf in jax.tree.leaves(updates["head"]):
        np.testing.assert_allclose(leaf, -1.0, rtol=1e-5)
    for leaf in jax.tree.leaves(updates["blocks"]):
        np.testing.assert_allclose(leaf, -0.1, rtol=1e-5)


def test_factors_count_beside_what_is_frozen():
    """Block 0 stays, block 1 moves by 0.1 and the head by 1."""
    updates, _ = updates_of(plain(rate_factors=("^head=10",), freeze=("^blocks/0/",)))
    for moved, part in ((0.0, updates["blocks"][0]), (-0.1, updates["blocks"][1])):
        np.testing.assert_allclose(part["kernel"], moved, rtol=1e-6)
    np.testing.assert_allclose(updates["head"]["kernel"], -1.0, rtol=1e-6)


def test_first_factor_that_matches_counts():
    """A block's bias is named by both: the factor that stands first is taken."""
    factors = optimizer.factors(plain(rate_factors=("bias=2", "^blocks=3")), params())
    assert factors["blocks"][0] == {"kernel": 3.0, "bias": 2.0}
    assert factors["head"] == {"kernel": 1.0, "bias": 2.0}


def test_frozen_leaves_keep_every_bit():
    """Ten steps of AdamW with decay do not touch block 0, and do move block 1."""
    recipe = recipes.Recipe(freeze=("^blocks/0/",), rate_factors=("head=10",), weight_decay=0.5)
    weights = start = params()
    update = optimizer.create(recipe, 10, weights)
    state = update.init(weights)
    for _ in range(10):
        gradients = jax.tree.map(jnp.ones_like, weights)
        updates, state = update.update(gradients, state, weights)
        weights = optax.apply_updates(weights, updates)
    jax.tree.map(np.testing.assert_array_equal, weights["blocks"][0], start["blocks"][0])
    assert np.all(weights["blocks"][1]["kernel"] != start["blocks"][1]["kernel"])


def test_frozen_leaves_have_no_share_in_the_norm():
    """With all but the head's 2 biases frozen, a gradient of ones has norm sqrt(2)."""
    recipe = plain(clip_norm=1.0, freeze=("kernel", "^blocks"))
    updates, _ = updates_of(recipe)
    np.testing.assert_allclose(updates["head"]["bias"], -0.1 / math.sqrt(2), rtol=1e-6)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (dict(freeze=("encoder",)), "--freeze encoder: is found in no parameter"),
        (dict(rate_factors=("tail=2",)), "--rate-factors tail=2: is found in no parameter"),
        (dict(rate_factors=("head",)), "--rate-factors head: is not REGEX=FACTOR"),
        (dict(freeze=("blocks/(",)), "--freeze blocks/[(]: is not a regular expression"),
    ],
)
def test_groups_that_do_not_fit_are_refused(groups, message):
    """A misspelt group would train or freeze nothing, and nobody would know."""
    with pytest.raises(errors.UserError, match=message):
        optimizer.create(plain(**groups), 10, params())


def test_layer_decay_by_hand():
    """Two blocks at 0.5: the head at 1, block 1 at 0.5, block 0 at 0.25, what is below at 0.125."""
    weights = {
        "pos_embed": jnp.ones(3),
        "blocks": {n: {"norm1": {"scale": jnp.ones(2)}} for n in (0, 1)},
        "norm": {"scale": jnp.ones(2)},
        "head": {"kernel": jnp.ones((2, 2))},
    }
    recipe = plain(optimizer="sgd", layer_decay=0.5, rate_factors=("^head=10",), momentum=0.0)
    found = optimizer.factors(recipe, weights)
    assert found["head"]["kernel"] == 10
    assert found["norm"]["scale"] == 1
    assert found["blocks"][1]["norm1"]["scale"] == 0.5
    assert found["blocks"][0]["norm1"]["scale"] == 0.25
    assert found["pos_embed"] == 0.125
    update = optimizer.create(recipe, 10, weights)
    slopes = jax.tree.map(jnp.ones_like, weights)
    moved, _ = jax.jit(update.update)(slopes, update.init(weights), weights)
    ratio = moved["pos_embed"][0] / moved["norm"]["scale"][0]
    np.testing.assert_allclose(ratio, 0.125, rtol=1e-6)


def test_layer_decay_needs_blocks():
    """Without blocks there are no layers to count, and none is needed at a decay of 1."""
    weights = {"head": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}}
    assert optimizer.factors(plain(layer_decay=1.0), weights)["head"] == {"kernel": 1, "bias": 1}
    with pytest.raises(errors.UserError, match="--layer-decay 0.5: this model has no blocks"):
        optimizer.factors(plain(layer_decay=0.5), weights)
