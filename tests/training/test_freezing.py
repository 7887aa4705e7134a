"""What is frozen stays, statistics included, and costs no backward pass."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import cost
from flaxvid.recipes import recipe as recipes
from flaxvid.training import freezing, optimizer, step
from flaxvid.training import state as states

ROWS = 3


class Net(nnx.Module):
    """Two layers, each with a BatchNorm, and a head."""

    def __init__(self, rngs):
        self.fc1 = nnx.Linear(6, 8, rngs=rngs)
        self.norm1 = nnx.BatchNorm(8, momentum=0.5, rngs=rngs)
        self.fc2 = nnx.Linear(8, 8, rngs=rngs)
        self.norm2 = nnx.BatchNorm(8, momentum=0.5, rngs=rngs)
        self.head = nnx.Linear(8, 2, rngs=rngs)

    def __call__(self, inputs, mask=None, rngs=None):
        hidden = jax.nn.tanh(self.norm1(self.fc1(inputs)))
        return self.head(jax.nn.tanh(self.norm2(self.fc2(hidden))))


@functools.cache
def parts_of(*freeze, factors=()):
    """The recipe that freezes, and the model split for it."""
    recipe = recipes.Recipe(
        steps=5, warmup=0.0, learning_rate=0.1, weight_decay=0.5, freeze=freeze,
        rate_factors=factors, clip_norm=None,
    )  # fmt: skip
    return recipe, states.split(Net(nnx.Rngs(0)), freezes=recipe.freezes)


def batch_of():
    rng = np.random.default_rng(0)
    return {
        "inputs": jnp.asarray(rng.normal(size=(ROWS, 6)).astype(np.float32)),
        "mask": jnp.ones((ROWS, 1), bool),
        "label": jnp.asarray([0, 1, 1], jnp.int32),
        "weight": jnp.ones(ROWS, jnp.float32),
    }


def differentiate_of(recipe, parts):
    return freezing.without(freezing.frozen(recipe, parts.params), jax.value_and_grad)


def stays(recipe, parts):
    """Which parameters and statistics a step of AdamW leaves as they are, and what was measured."""
    update = optimizer.create(recipe, 5, parts.params)
    train_step = step.make_train_step(
        parts, update, lambda batch: batch["inputs"], differentiate=differentiate_of(recipe, parts)
    )
    state, measured = jax.jit(train_step)(states.create(parts, update, 0), batch_of())
    same = functools.partial(jax.tree.map, np.array_equal)
    return same(state.params, parts.params), same(state.stats, parts.stats), measured


def all_of(*trees):
    return all(jax.tree.leaves(trees))


def none_of(*trees):
    return not any(jax.tree.leaves(trees))


def test_without_freezing_everything_learns():
    """Every parameter moves, and every statistic."""
    params, stats, _ = stays(*parts_of())
    assert none_of(params["fc1"], params["fc2"], params["head"], stats)


@pytest.mark.parametrize("how", [dict(freeze="1/"), dict(factor="1/=0")], ids=str)
def test_a_frozen_part_stays_with_its_statistics(how):
    """The first layer and its norm: not a bit, in spite of weight decay; the second learns."""
    found = parts_of("1/") if "freeze" in how else parts_of(factors=("1/=0",))
    params, stats, _ = stays(*found)
    assert all_of(params["fc1"], params["norm1"], stats["norm1"])
    assert none_of(params["fc2"], params["norm2"], stats["norm2"], params["head"])


def test_a_frozen_norm_uses_its_own_statistics():
    """While the rest learns, a row of a frozen model does not depend on its neighbours."""

    def gap(parts):
        model = states.merge(parts.train_def, parts.params, parts.stats)
        inputs = batch_of()["inputs"]
        return jnp.abs(model(inputs)[:1] - model(inputs[:1])).max()

    assert gap(parts_of("1/", "2/")[1]) < 1e-5
    assert gap(parts_of()[1]) > 1e-3


def test_what_is_frozen_costs_no_backward_pass():
    """It ends where only frozen parts are left: fewer multiply-adds, layer by layer."""

    def cost_of(*freeze):
        recipe, parts = parts_of(*freeze)

        def loss_of(params, stats, batch, _key):
            model = states.merge(parts.train_def, params, stats)
            return jnp.sum(model(batch["inputs"])), None

        gradient = differentiate_of(recipe, parts)(loss_of, has_aux=True)
        args = parts.params, parts.stats, batch_of(), None
        return cost.multiply_adds(lambda *args: gradient(*args)[0], *args)

    assert cost_of("1/", "2/") < cost_of("1/") < cost_of()


def test_the_norm_of_the_gradient_is_that_of_what_learns():
    """With all but the head frozen, it is the norm of the head's own gradient."""
    recipe, parts = parts_of("^(?!head/)")
    _, _, measured = stays(recipe, parts)

    def loss(head):
        model = states.merge(parts.train_def, parts.params | {"head": head}, parts.stats)
        batch = batch_of()
        return step.cross_entropy(model(batch["inputs"]), batch["label"], batch["weight"])

    own = jax.tree.leaves(jax.grad(loss)(parts.params["head"]))
    expected = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in own))
    np.testing.assert_allclose(measured["gradient_norm"], expected, rtol=1e-5)


def test_what_is_not_there_can_not_be_frozen():
    """A pattern that is found nowhere is an error, and not a model that learns."""
    recipe, parts = parts_of("layer9")
    with pytest.raises(errors.UserError, match="--freeze layer9: is found in no parameter"):
        optimizer.create(recipe, 5, parts.params)
