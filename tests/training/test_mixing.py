"""Clips mixed before a step, weights averaged after it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flaxvid.training import averaging, metrics, mixing, step
from flaxvid.training import state as states

averaged_exercise = pytest.mark.exercise("training.averaging.averaged")
mix = jax.jit(mixing.mix, static_argnums=(2, 3, 4))


def batch_of(kind="video"):
    """Four rows, each filled with a number of its own; the last is one of weight 0."""
    values = np.array([10, 60, 110, 160])
    if kind == "video":
        inputs = np.broadcast_to(values[:, None, None, None, None], (4, 3, 20, 30, 3))
        inputs = {"video": inputs.astype(np.uint8)}
    else:
        inputs = {"embedding": np.broadcast_to(values[:, None, None], (4, 3, 5)).astype(np.float32)}
    mask = np.ones((4, 3), bool)
    mask[0, 2] = False
    weight = np.array([1, 1, 1, 0], np.float32)
    return inputs | {"mask": mask, "label": np.array([0, 1, 2, 3], np.int32), "weight": weight}


def test_mixup_blends_pixels_and_labels_by_the_same_share():
    """Rows 1 and 2 are opposite: share x 60 + (1 - share) x 110, and the labels likewise."""
    mixed = mix(batch_of(), jax.random.key(3), 4, 0.8, 0.0)
    share = float(mixed["label"][1, 1])
    assert 0 < share < 1
    np.testing.assert_allclose(mixed["label"][1], [0, share, 1 - share, 0], atol=1e-6)
    assert mixed["video"].dtype == jnp.uint8
    np.testing.assert_array_equal(mixed["video"][1], round(share * 60 + (1 - share) * 110))
    np.testing.assert_array_equal(mixed["video"][2], round(share * 110 + (1 - share) * 60))


def test_cutmix_pastes_one_box_for_all_frames():
    """Inside it the other clip, outside the own one; the label has the share of each's pixels."""
    sizes = []
    for seed in range(20):
        mixed = mix(batch_of(), jax.random.key(seed), 4, 0.0, 1.0)
        clip = np.asarray(mixed["video"][1])
        assert set(np.unique(clip)) <= {60, 110}
        assert (clip == clip[:1, :, :, :1]).all()
        own = (clip == 60).mean()
        np.testing.assert_allclose(mixed["label"][1], [0, own, 1 - own, 0], atol=1e-6)
        pasted = np.argwhere(clip[0, :, :, 0] == 110)
        if len(pasted):
            down, across = np.ptp(pasted, axis=0) + 1
            assert len(pasted) == down * across
        sizes.append(own)
    assert len(set(sizes)) > 10


@pytest.mark.parametrize("share", [0.0, 0.75, 1.0])
def test_the_box_of_cutmix_is_what_the_share_leaves(share):
    """Where it lies whole in the frame it covers 1 - share of it; of no box, nothing is covered."""
    largest = max(
        mixing._box(jax.random.key(seed), jnp.asarray(share), (20, 40)).mean() for seed in range(40)
    )
    assert largest <= 1 - share + 1e-6
    assert largest > 0.8 * (1 - share) or share == 1


def test_both_take_turns():
    """With both options some batches are blended, and some pasted."""
    blended = [
        len(np.unique(mix(batch_of(), jax.random.key(seed), 4, 1.0, 1.0)["video"][1])) == 1
        for seed in range(30)
    ]
    assert 5 < sum(blended) < 25


@pytest.mark.parametrize("only", ["mixup", "cutmix"])
def test_what_is_not_asked_for_is_not_done(only):
    """Left out, either is 0: of ten batches all are blended, or all are pasted; so it is in a
    step."""
    alone = jax.jit(lambda batch, key: mixing.mix(batch, key, 4, **{only: 1.0}))
    in_step = mixing.mixed(show, 4, **{"mixup": 0.0, "cutmix": 0.0, only: 1.0})
    mixed = [alone(batch_of(), jax.random.key(seed)) for seed in range(10)]
    mixed.append(in_step(state_of(0.0), jax.device_put(batch_of()))[1])
    clips = [np.unique(batch["video"][1]) for batch in mixed]
    if only == "cutmix":
        assert all(set(clip.tolist()) <= {60, 110} for clip in clips)
    else:
        assert all(len(clip) == 1 for clip in clips)
        assert len(set(np.concatenate(clips).tolist())) > 5


@pytest.mark.parametrize("kind", ["video", "embedding"])
def test_a_row_counts_where_both_do(kind):
    """Row 3 has weight 0 and is mixed into row 0; frame 2 of row 0 is padding, in row 3 too now."""
    mixed = mix(batch_of(kind), jax.random.key(0), 4, 0.8, 0.0)
    np.testing.assert_array_equal(mixed["weight"], [0, 1, 1, 0])
    np.testing.assert_array_equal(mixed["mask"][:, 2], [False, True, True, False])


def test_soft_labels_cost_what_their_shares_cost():
    """0.7 of one class and 0.3 of another: the losses by these shares, accuracy by the larger."""
    logits, weight = jnp.array([[2.0, 1.0, -1.0], [0.5, 0.0, 3.0]]), jnp.ones(2)
    shares = jnp.array([[0.7, 0.3, 0.0], [0.0, 0.3, 0.7]])
    first = step.cross_entropy(logits, jnp.array([0, 2]), weight)
    second = step.cross_entropy(logits, jnp.array([1, 1]), weight)
    mixed = step.cross_entropy(logits, shares, weight)
    np.testing.assert_allclose(mixed, 0.7 * first + 0.3 * second, rtol=1e-6)
    assert metrics.accuracy(logits, shares, weight) == 1.0


@pytest.mark.parametrize("rows", [4, 2])
def test_devices_of_pmap_mix_with_each_other(rows):
    """On two devices, of two clips each or one: the same rows as of the batch in one piece."""
    batch = {name: values[:rows] for name, values in batch_of().items()}
    batch["weight"] = np.ones(rows, np.float32)
    plain, cut = mixing.mixed(show, 4, 0.8, 0.0), mixing.mixed(show, 4, 0.8, 0.0, axis="data")
    on_each = jax.pmap(cut, "data", in_axes=(None, 0), out_axes=(None, 0))
    expected = jax.jit(plain)(state_of(0.0), batch)[1]
    pieces = {
        name: values.reshape(2, rows // 2, *values.shape[1:]) for name, values in batch.items()
    }
    found = on_each(state_of(0.0), pieces)[1]
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name].reshape(values.shape), values)
    assert not np.array_equal(expected["video"], batch["video"])


def show(state, batch):
    """A step that gives back what it was given."""
    return state, batch


def state_of(value):
    params = {"w": jnp.asarray(value)}
    parts = states.Parts(None, None, params, {})
    return states.create(parts, optax.sgd(0.1), seed=0, average=True)


def plus_one(state, _batch):
    """A step that adds 1 to the only weight."""
    params = {"w": state.params["w"] + 1}
    measured = {"loss": params["w"], "gradient_norm": jnp.asarray(7.0)}
    return state._replace(step=state.step + 1, params=params), measured


@averaged_exercise
def test_average_follows_the_weights():
    """After steps 1 and 2 of a decay of 0.5 at most: 2/11 kept, then 3/12."""
    averaged = averaging.averaged(plus_one, 0.5)
    state, _ = averaged(state_of(1.0), None)
    first = 2 / 11 * 1 + 9 / 11 * 2
    np.testing.assert_allclose(state.weights()["w"], first, rtol=1e-6)
    state, _ = averaged(state, None)
    np.testing.assert_allclose(state.average["w"], 3 / 12 * first + 9 / 12 * 3, rtol=1e-6)
    assert state.params["w"] == 3


@averaged_exercise
@pytest.mark.parametrize(
    ("number", "decay", "kept"),
    [(10**6, 0.9, 0.9), (1000, 0.9999, 1001 / 1010), (1, 0.0, 0.0)],
)
def test_average_keeps_the_smaller_share(number, decay, kept):
    """Of `decay` and (number + 1) / (number + 10), in every step: at a decay of 0 nothing stays."""
    before = state_of(0.0)._replace(step=jnp.asarray(number - 1))
    state, _ = averaging.averaged(plus_one, decay)(before, None)
    np.testing.assert_allclose(state.average["w"], 1 - kept, rtol=1e-5)


@averaged_exercise
def test_averaged_leaves_the_old_state_alone():
    """The new mean is in a new state: the average of the state that went in is still 1."""
    before = state_of(1.0)
    averaging.averaged(plus_one, 0.5)(before, None)
    assert float(before.average["w"]) == 1.0


@averaged_exercise
def test_average_of_a_tree_of_trees():
    """Leaf by leaf, however deep: weights in dicts, lists and tuples have a mean of that form."""
    parts = {"blocks": [{"kernel": jnp.ones(2)}, {"kernel": jnp.zeros(3)}], "head": (jnp.ones(1),)}
    before = state_of(0.0)._replace(params=parts, average=parts)

    def plus_one_everywhere(state, _batch):
        params = jax.tree.map(lambda leaf: leaf + 1, state.params)
        return state._replace(step=state.step + 1, params=params), {}

    state, _ = averaging.averaged(plus_one_everywhere, 0.5)(before, None)
    assert jax.tree.structure(state.average) == jax.tree.structure(parts)
    for found, leaf in zip(jax.tree.leaves(state.average), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(found, leaf + 9 / 11, rtol=1e-6)


@averaged_exercise
def test_averaged_step_compiles():
    """The mean is as above, the weights are those of the step, and so is what it measured."""
    state, measured = jax.jit(averaging.averaged(plus_one, 0.5))(state_of(1.0), None)
    np.testing.assert_allclose(state.average["w"], 2 / 11 * 1 + 9 / 11 * 2, rtol=1e-6)
    assert float(state.params["w"]) == 2.0
    found = {name: float(value) for name, value in measured.items()}
    assert found == {"loss": 2.0, "gradient_norm": 7.0}


@averaged_exercise
def test_averaged_step_leaves_the_rest_to_the_step():
    """All of the state but its average is what the step made of it, the optimizer's state too."""

    def look(state, batch):
        state, measured = plus_one(state, batch)
        return state._replace(opt_state="new", stats={"mean": 3.0}), measured

    state, _ = averaging.averaged(look, 0.5)(state_of(1.0), None)
    assert state.step == 1
    assert (state.opt_state, state.stats) == ("new", {"mean": 3.0})


def test_a_state_without_average_is_used_as_it_is():
    """The weights to judge are the parameters."""
    state = state_of(2.0)._replace(average={})
    assert state.weights() is state.params


def test_mixed_step_draws_anew_each_step():
    """Two steps mix the same batch differently; the same step always alike."""
    seen = []

    def look(state, batch):
        seen.append(np.asarray(batch["label"]))
        return state._replace(step=state.step + 1), {}

    mixed, batch = mixing.mixed(look, 4, 0.8, 0.0), jax.device_put(batch_of())
    state, _ = mixed(state_of(0.0), batch)
    mixed(state, batch)
    mixed(state_of(0.0), batch)
    assert not np.allclose(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])


def test_several_labels_are_shared_too():
    """Each class has the share of the clips that have it: a clip of both keeps it whole."""
    labels = np.array([[1, 1, 0], [0, 1, 0]], np.float32)
    batch = {
        "embedding": jnp.arange(2.0)[:, None, None],
        "mask": jnp.ones((2, 1), bool),
        "label": jnp.asarray(labels),
        "weight": jnp.ones(2),
    }
    mixed = mixing.mix(batch, jax.random.key(0), 3, mixup=1.0)
    share = 1 - float(mixed["embedding"][0, 0, 0])
    expected = share * labels + (1 - share) * labels[::-1]
    np.testing.assert_allclose(mixed["label"], expected, atol=1e-6)
