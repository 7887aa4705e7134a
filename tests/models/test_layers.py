"""Patches, MLP, dropout: small pieces with values one can work out by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import layers

tubelets = pytest.mark.exercise("models.layers.tubelets")
patchify = pytest.mark.exercise("models.layers.patchify")
mlp = pytest.mark.exercise("models.layers.MLP")
dropout = pytest.mark.exercise("models.layers.Dropout")


def video_of(shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape).astype(np.float32))


@patchify
def test_patchify_shape():
    """A 4x6 frame in patches of 2 has 2 x 3 places of 2 x 2 x 3 numbers."""
    assert layers.patchify(video_of((2, 5, 4, 6, 3)), 2).shape == (2, 5, 6, 12)


@patchify
@pytest.mark.parametrize("channels", [1, 6])
def test_patchify_of_other_channels(channels):
    """A patch of 2 x 2 pixels of 6 channels has 24 numbers, and of 1 channel 4."""
    video = video_of((2, 5, 4, 6, channels))
    assert layers.patchify(video, 2).shape == (2, 5, 6, 4 * channels)


@patchify
def test_patchify_runs_row_by_row():
    """Places run along the rows of the frame, so place 1 lies right of place 0."""
    frame = jnp.arange(4 * 6, dtype=jnp.float32).reshape(1, 1, 4, 6, 1)
    patches = np.asarray(layers.patchify(frame, 2))[0, 0]
    assert patches[0].tolist() == [0, 1, 6, 7]
    assert patches[1].tolist() == [2, 3, 8, 9]
    assert patches[3].tolist() == [12, 13, 18, 19]


@patchify
def test_patchify_equals_a_loop():
    """Every patch is the frame's square at that place, flattened as it lies in memory."""
    video = video_of((2, 3, 4, 6, 3))
    patches = np.asarray(layers.patchify(video, 2))
    for b, t, row, column in np.ndindex(2, 3, 2, 3):
        square = video[b, t, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        np.testing.assert_array_equal(patches[b, t, 3 * row + column], np.ravel(square))


@patchify
def test_patchify_of_frames_taller_than_wide():
    """6 rows of 4 pixels: 2 patches stand beside each other, and patch 2 begins the next row."""
    frame = jnp.arange(6 * 4, dtype=jnp.float32).reshape(1, 1, 6, 4, 1)
    patches = layers.patchify(frame, 2)
    assert patches[0, 0, 1].tolist() == [2, 3, 6, 7]
    assert patches[0, 0, 2].tolist() == [8, 9, 12, 13]


@patchify
def test_patchify_compiles():
    """It becomes part of compiled models: there a clip has a shape, and no numbers for NumPy."""
    video = jax.ShapeDtypeStruct((2, 5, 4, 6, 3), jnp.float32)
    patches = jax.eval_shape(lambda video: layers.patchify(video, 2), video)
    assert patches.shape == (2, 5, 6, 12)


@tubelets
def test_tubelets_shape():
    """6 frames of 4 x 6 pixels, 3 frames and 2 x 2 pixels a box: 2 steps of 6, 36 numbers each."""
    assert layers.tubelets(video_of((2, 6, 4, 6, 3)), 3, 2).shape == (2, 2, 6, 36)


@tubelets
@pytest.mark.parametrize("channels", [1, 6])
def test_tubelets_of_other_channels(channels):
    """A box of 3 frames and 2 x 2 pixels of 6 channels has 72 numbers, and of 1 channel 12."""
    video = video_of((2, 6, 4, 6, channels))
    assert layers.tubelets(video, 3, 2).shape == (2, 2, 6, 12 * channels)


@tubelets
def test_a_tubelet_by_hand():
    """Four frames of one pixel, two frames a box: 1 and 2 stand together, then 3 and 4."""
    video = jnp.asarray([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1, 1)
    assert layers.tubelets(video, 2, 1).tolist() == [[[[1.0, 2.0]], [[3.0, 4.0]]]]


@tubelets
def test_tubelets_equal_a_loop():
    """A box is the square of its first frame, flattened, then that of its second, and so on."""
    video = np.asarray(video_of((2, 8, 4, 6, 3)))
    boxes = np.asarray(layers.tubelets(jnp.asarray(video), 4, 2))
    for b, t, row, column in np.ndindex(2, 2, 2, 3):
        rows, columns = slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2)
        box = video[b, 4 * t : 4 * t + 4, rows, columns]
        np.testing.assert_array_equal(boxes[b, t, 3 * row + column], np.ravel(box))


@tubelets
def test_a_tubelet_of_one_frame_is_a_patch():
    """With one frame a box, all is as without time."""
    video = np.asarray(video_of((2, 3, 4, 6, 3)))
    boxes = np.asarray(layers.tubelets(jnp.asarray(video), 1, 2))
    for b, t, row, column in np.ndindex(2, 3, 2, 3):
        square = video[b, t, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        np.testing.assert_array_equal(boxes[b, t, 3 * row + column], np.ravel(square))


@tubelets
def test_tubelets_of_frames_taller_than_wide():
    """6 rows of 4 pixels: 2 boxes stand beside each other, and box 2 begins the next row."""
    video = jnp.arange(2 * 6 * 4, dtype=jnp.float32).reshape(1, 2, 6, 4, 1)
    boxes = layers.tubelets(video, 2, 2)
    assert boxes[0, 0, 1].tolist() == [2, 3, 6, 7, 26, 27, 30, 31]
    assert boxes[0, 0, 2].tolist() == [8, 9, 12, 13, 32, 33, 36, 37]


@tubelets
def test_tubelets_compile():
    """It becomes part of compiled models: there a clip has a shape, and no numbers for NumPy."""
    video = jax.ShapeDtypeStruct((2, 6, 4, 6, 3), jnp.float32)
    boxes = jax.eval_shape(lambda video: layers.tubelets(video, 3, 2), video)
    assert boxes.shape == (2, 2, 6, 36)


def test_patch_count_of_vit_base():
    """A frame of 224 pixels in patches of 16 has 196 places."""
    assert layers.patch_count(224, 16) == 196


def test_patch_count_refuses_a_broken_grid():
    """A size that is no multiple of the patch is refused with both numbers."""
    with pytest.raises(errors.UserError, match="225 pixels .* patches of 16"):
        layers.patch_count(225, 16)


@pytest.mark.parametrize("std", [0.5, 0.02])
def test_initial_values_end_at_two_standard_deviations(std):
    """Of 2,000 numbers the largest is close to the end; of INIT they are those of 0.02."""
    found = layers.initializer(std)(jax.random.key(0), (2000,))
    assert 1.9 * std < jnp.abs(found).max() <= 2 * std
    same = np.array_equal(found, layers.INIT(jax.random.key(0), (2000,)))
    assert same == (std == 0.02)


def test_without_a_spread_all_initial_values_are_zero():
    """So an average over hundreds of numbers, or a gate, can start at nothing."""
    assert not layers.initializer(0.0)(jax.random.key(0), (5,)).any()


def test_tubelets_of_a_clip():
    """32 frames in tubelets of 2 are 16 steps; of 3 they are none, and both numbers are told."""
    assert layers.tubelet_count(32, 2) == 16
    with pytest.raises(errors.UserError, match="32 frames .* tubelets of 3: .* multiple of 3"):
        layers.tubelet_count(32, 3)


def test_a_tubelet_with_one_real_frame_is_real():
    """Of 4 frames in pairs, with 4, 3 and 2 of them real; without a mask there is none."""
    mask = jnp.asarray(np.arange(4) < np.array([[4], [3], [2]]))
    assert layers.real_steps(mask, 2).tolist() == [[True, True], [True, True], [True, False]]
    assert layers.real_steps(None, 2) is None


def test_masked_mean_by_hand():
    """Two steps of two places, 1 and 3, then 5 and 9: 4.5 of all, 2 of the first step alone."""
    tokens = jnp.broadcast_to(jnp.asarray([[1.0, 3.0], [5.0, 9.0]])[None, :, :, None], (2, 2, 2, 1))
    steps = jnp.asarray([[True, True], [True, False]])
    assert layers.masked_mean(tokens, steps).tolist() == [[4.5], [2.0]]
    assert layers.masked_mean(tokens, None).tolist() == [[4.5], [4.5]]


def test_positions_are_resized_linearly_in_time():
    """0 and 4 at two steps of time are 0, 1, 3 and 4 at four, at each of two places alone."""
    positions = jnp.asarray([0.0, 10.0, 4.0, 14.0]).reshape(1, 4, 1)
    found = layers.resize_positions(positions, (2, 1, 2), (4, 1, 2))
    assert found.shape == (1, 8, 1)
    np.testing.assert_allclose(found[0, :, 0], [0, 10, 1, 11, 3, 13, 4, 14], atol=1e-5)


def test_positions_are_resized_as_told_in_space():
    """A column of 1 and 2 is 4 rows and 2 columns of the nearest, each number of both alike."""
    positions = jnp.asarray([[[1.0, -1.0], [2.0, -2.0]]])
    found = layers.resize_positions(positions, (1, 2, 1), (1, 4, 2), "nearest")
    expected = [1, 1, 1, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(found[0], [[number, -number] for number in expected])


def test_positions_are_resized_cubically_unless_told_otherwise():
    """Beside a step from 0 to 1 cubic goes beyond both, which linear does not."""
    positions = jnp.asarray([0.0, 0.0, 1.0, 1.0]).reshape(1, 4, 1)
    found = layers.resize_positions(positions, (1, 1, 4), (1, 1, 8))[0, :, 0]
    linear = layers.resize_positions(positions, (1, 1, 4), (1, 1, 8), "linear")[0, :, 0]
    np.testing.assert_allclose(linear, [0, 0, 0, 0.25, 0.75, 1, 1, 1], atol=1e-6)
    assert found.min() < -0.01
    assert found.max() > 1.01


class Shifted(nnx.Module):
    """A block that asks for more than tokens: a shift, and rngs to drop with."""

    def __init__(self):
        self.weight = nnx.Param(jnp.asarray(3.0))
        self.dropout = layers.Dropout(0.5)

    def __call__(self, tokens, shift, rngs=None):
        return self.dropout(jnp.sin(self.weight * tokens + shift), rngs=rngs)


def test_a_block_that_is_computed_again_gives_the_same():
    """With `remat` too it gets its arguments and rngs, and has the same gradient."""
    tokens = 1 + video_of((4, 5))

    def found(remat, drops):
        def total(block):
            rngs = nnx.Rngs(dropout=3) if drops else None
            return layers.run_block(block, tokens, 2.0, remat=remat, rngs=rngs).sum()

        value, slopes = nnx.value_and_grad(total)(Shifted())
        return float(value), float(slopes["weight"][...])

    turned = 3.0 * tokens + 2.0
    whole = float(jnp.sin(turned).sum()), float((tokens * jnp.cos(turned)).sum())
    np.testing.assert_allclose([found(False, False), found(True, False)], [whole] * 2, rtol=1e-4)
    dropped = found(False, True)
    np.testing.assert_allclose(found(True, True), dropped, rtol=1e-4)
    assert abs(dropped[0] - whole[0]) > 1e-3


@pytest.mark.parametrize("remat", [False, True])
def test_only_with_remat_is_a_block_computed_again(remat):
    """JAX is told to keep nothing of what is inside."""
    definition, params = nnx.split(Shifted())

    def run(params, tokens):
        return layers.run_block(nnx.merge(definition, params), tokens, 2.0, remat=remat)

    program = jax.make_jaxpr(run)(params, jnp.ones(3))
    assert any(step.primitive.name in ("remat2", "checkpoint") for step in program.eqns) == remat


def test_check_clip_names_both_shapes():
    """A clip of another length is refused, not stretched."""
    layers.check_clip(jnp.zeros((1, 8, 32, 32, 3)), 8, 32)
    with pytest.raises(errors.UserError, match=r"\(8, 32, 32\).*\(7, 32, 32\)"):
        layers.check_clip(jnp.zeros((1, 7, 32, 32, 3)), 8, 32)


@mlp
def test_mlp_uses_the_exact_gelu():
    """GELU(1) is 0.8413447, by the normal distribution; the tanh form gives 0.8411920."""
    mlp = layers.MLP(1, 1, rngs=nnx.Rngs(0))
    for linear in (mlp.fc1, mlp.fc2):
        linear.kernel[...] = jnp.ones((1, 1))
    np.testing.assert_allclose(mlp(jnp.ones((2, 1))), 0.8413447, atol=1e-6)


@mlp
def test_mlp_uses_the_exact_gelu_in_training():
    """With rngs, as in training, and nothing to drop, GELU(1) is 0.8413447 as well."""
    mlp = layers.MLP(1, 1, rngs=nnx.Rngs(0))
    for linear in (mlp.fc1, mlp.fc2):
        linear.kernel[...] = jnp.ones((1, 1))
    np.testing.assert_allclose(mlp(jnp.ones((2, 1)), nnx.Rngs(dropout=0)), 0.8413447, atol=1e-6)


@mlp
def test_mlp_has_the_names_of_its_weights():
    """fc1 leads from 2 to 3 and fc2 back to 2, each with a bias."""
    weights = nnx.to_pure_dict(nnx.state(layers.MLP(2, 3, rngs=nnx.Rngs(0)), nnx.Param))
    shapes = {f"{layer}.{name}": w.shape for layer in weights for name, w in weights[layer].items()}
    assert shapes == {
        "fc1.kernel": (2, 3),
        "fc1.bias": (3,),
        "fc2.kernel": (3, 2),
        "fc2.bias": (2,),
    }


@mlp
def test_mlp_by_hand():
    """Widths 2, 3, 2: fc1, the GELU of each of the three, fc2, token by token."""
    mlp, tokens = layers.MLP(2, 3, rngs=nnx.Rngs(0)), video_of((4, 5, 2))
    mlp.fc1.bias[...], mlp.fc2.bias[...] = jnp.asarray([1.0, -2.0, 3.0]), jnp.asarray([4.0, -5.0])
    hidden = np.asarray(tokens) @ np.asarray(mlp.fc1.kernel[...]) + np.asarray(mlp.fc1.bias[...])
    assert hidden.shape == (4, 5, 3)
    hidden = np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)(hidden)
    expected = hidden @ np.asarray(mlp.fc2.kernel[...]) + np.asarray(mlp.fc2.bias[...])
    np.testing.assert_allclose(mlp(tokens), expected, atol=1e-6)


@mlp
def test_mlp_starts_as_told():
    """Both kernels come from `init`: with ones of width 2 and 3, fc1's sums to 6 and fc2's too."""
    mlp = layers.MLP(2, 3, init=nnx.initializers.ones, rngs=nnx.Rngs(0))
    assert (mlp.fc1.kernel.sum(), mlp.fc2.kernel.sum()) == (6.0, 6.0)


@mlp
def test_mlp_draws_its_start_from_rngs():
    """Another seed gives other kernels, in both layers."""
    first, second = (layers.MLP(2, 3, rngs=nnx.Rngs(seed)) for seed in (0, 1))
    for name in ("fc1", "fc2"):
        if (getattr(first, name).kernel[...] == getattr(second, name).kernel[...]).all():
            pytest.fail(f"the same kernel of {name} with seeds 0 and 1")


@mlp
def test_mlp_computes_in_its_dtype():
    """`dtype` goes to both layers: bfloat16 tokens come out of float32 weights as bfloat16."""
    mlp = layers.MLP(2, 3, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    assert (mlp.fc1.dtype, mlp.fc2.dtype) == (jnp.bfloat16, jnp.bfloat16)
    assert mlp(video_of((4, 2)).astype(jnp.bfloat16)).dtype == jnp.bfloat16


@mlp
def test_mlp_keeps_its_weights_in_float32():
    """`dtype` is the type of the arithmetic: in bfloat16 too, all weights are float32."""
    mlp = layers.MLP(2, 3, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    kinds = {str(weight.dtype) for weight in jax.tree.leaves(nnx.state(mlp, nnx.Param))}
    assert kinds == {"float32"}


@mlp
def test_mlp_has_its_dropout_as_an_attribute():
    """`dropout` is the layers.Dropout, of the rate that the MLP was told."""
    mlp = layers.MLP(2, 3, dropout=0.25, rngs=nnx.Rngs(0))
    if not hasattr(mlp, "dropout"):
        pytest.fail("it has no attribute `dropout`")
    assert mlp.dropout.rate == 0.25


@mlp
def test_mlp_drops_nothing_in_use():
    """Without rngs nothing is dropped, whatever the rate: it is for use."""
    mlp = layers.MLP(4, 4, dropout=0.25, rngs=nnx.Rngs(0))
    mlp.fc2.bias[...] = jnp.ones(4)
    zeros = np.mean(np.asarray(mlp(video_of((200, 4)))) == 0)
    if zeros:
        pytest.fail(f"at dropout=0.25 and without rngs {zeros:.0%} of it is zero, not 0%")


@mlp
def test_mlp_drops_in_training():
    """At 0.25, with rngs, a quarter of what comes out of fc2 is zero."""
    mlp = layers.MLP(4, 4, dropout=0.25, rngs=nnx.Rngs(0))
    mlp.fc2.bias[...] = jnp.ones(4)
    tokens = video_of((200, 4))
    zeros = np.mean(np.asarray(mlp(tokens, nnx.Rngs(dropout=0))) == 0)
    if not 0.18 < zeros < 0.32:
        pytest.fail(f"at dropout=0.25 {zeros:.0%} of what comes out of fc2 is zero, not 25%")


@mlp
def test_mlp_draws_for_each_dropout():
    """Where fc2 changes nothing, what is left has been kept twice, at 0.5 a quarter of it."""
    mlp = layers.MLP(4, 4, dropout=0.5, rngs=nnx.Rngs(0))
    mlp.fc1.bias[...], mlp.fc2.kernel[...] = jnp.full(4, 9.0), jnp.eye(4)
    kept = np.mean(np.asarray(mlp(video_of((200, 4)), nnx.Rngs(dropout=0))) != 0)
    if not 0.18 < kept < 0.32:
        told = "0.5 x 0.5 = 25% if each is drawn by itself, 50% if both drop the same"
        pytest.fail(f"{kept:.0%} is left behind two dropouts of 0.5: {told}")


@mlp
def test_mlp_draws_anew_with_other_rngs():
    """Behind the GELU too: the sums of what is left of 400 hidden numbers are others."""
    mlp = layers.MLP(1, 400, dropout=0.5, rngs=nnx.Rngs(0))
    mlp.fc1.kernel[...], mlp.fc2.kernel[...] = jnp.ones((1, 400)), jnp.ones((400, 1))
    first, second = (
        np.asarray(mlp(jnp.ones((50, 1)), nnx.Rngs(dropout=jax.random.key(key)))) for key in (0, 1)
    )
    both = (first != 0) & (second != 0)
    if np.array_equal(first[both], second[both]):
        pytest.fail("with other rngs the same hidden numbers are dropped")


@mlp
def test_mlp_drops_what_the_gelu_gives():
    """At 0.5, an output that is the sum of its 400 hidden numbers no longer is that sum.

    On average it still is, as what is kept is doubled behind the GELU, and not before it.
    """
    mlp = layers.MLP(1, 400, dropout=0.5, rngs=nnx.Rngs(0))
    mlp.fc1.kernel[...], mlp.fc2.kernel[...] = jnp.ones((1, 400)), jnp.ones((400, 1))
    whole = float(mlp(jnp.ones((1, 1)))[0, 0])
    dropped = np.asarray(mlp(jnp.ones((50, 1)), nnx.Rngs(dropout=0)))
    kept = dropped[dropped != 0] / 2  # what fc2's own dropout left is doubled
    assert len(kept) > 10
    assert np.all(np.abs(kept / whole - 1) < 0.4)
    assert np.std(kept / whole) > 0.02
    mean = np.mean(kept / whole)
    if abs(mean - 1) > 0.06:
        pytest.fail(f"the sums are {mean:.2f} times the whole on average, 1.00 behind the GELU")


def test_layer_norm_keeps_its_precision():
    """Far from zero the variance still comes out right, as it does in two passes."""
    values = 1e3 + np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    norm = layers.layer_norm(64, rngs=nnx.Rngs(0))
    exact = values.astype(np.float64)
    exact = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    np.testing.assert_allclose(norm(jnp.asarray(values)), exact, atol=1e-3)


@dropout
def test_dropout_without_rngs_drops_nothing():
    """A call without rngs is for use."""
    values = video_of((4, 5))
    np.testing.assert_array_equal(layers.Dropout(0.9)(values), values)


@dropout
def test_dropout_repeats_with_its_key():
    """The same key drops the same places, and another key others; so do the next rngs.dropout()."""
    values, drop = jnp.ones((8, 8)), layers.Dropout(0.5)
    first, second = (drop(values, rngs=nnx.Rngs(dropout=jax.random.key(3))) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, drop(values, rngs=nnx.Rngs(dropout=jax.random.key(4))))
    rngs = nnx.Rngs(dropout=jax.random.key(3))
    if np.array_equal(drop(values, rngs=rngs), drop(values, rngs=rngs)):
        pytest.fail("called twice with one rngs, it drops the same places: its key is not used up")


@dropout
def test_dropout_of_all_leaves_nothing():
    """At rate 1 the values are 0, and so are the gradients, and neither is NaN."""
    drop = layers.Dropout(1.0)
    values = jnp.arange(1.0, 5)
    found, slope = jax.value_and_grad(lambda v: drop(v, rngs=nnx.Rngs(dropout=0)).sum())(values)
    assert found == 0
    np.testing.assert_array_equal(slope, np.zeros(4))


@dropout
@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_dropout_keeps_the_type(rate):
    """What comes in bfloat16 goes out in bfloat16."""
    values = jnp.ones((4, 5), jnp.bfloat16)
    assert layers.Dropout(rate)(values, rngs=nnx.Rngs(dropout=0)).dtype == jnp.bfloat16


@dropout
@pytest.mark.parametrize("together", [(), (0,), (1,), (0, 2), (-1,)])
def test_dropout_draws_once_along_the_axes_of_broadcast_dims(together):
    """Along the axes of `broadcast_dims` all is dropped or kept together, along the others not.

    An axis of -1 is the last.
    """
    drop = layers.Dropout(0.5, broadcast_dims=together)
    kept = np.asarray(drop(jnp.ones((5, 6, 7)), rngs=nnx.Rngs(dropout=0))) != 0
    for axis in range(3):
        alike = np.all(kept == kept.take([0], axis))
        if alike != (axis in together or axis - 3 in together):
            told = "all alike" if alike else "not all alike"
            pytest.fail(f"broadcast_dims={together}: along axis {axis} they are {told}")


@dropout
def test_dropout_draws_for_each_number_alone():
    """Each number is dropped with the probability `rate`: of 4, at 0.5, now 1 and now 3."""
    drop = layers.Dropout(0.5)
    dropped = {
        int((drop(jnp.ones(4), rngs=nnx.Rngs(dropout=seed)) == 0).sum()) for seed in range(30)
    }
    if len(dropped) == 1:
        pytest.fail(f"of 4 numbers, at a rate of 0.5, always {dropped.pop()} are dropped")


@dropout
def test_dropout_keeps_the_mean():
    """What is kept is scaled up by 1 / (1 - rate)."""
    dropped = layers.Dropout(0.25)(jnp.ones((100, 100)), rngs=nnx.Rngs(dropout=0))
    np.testing.assert_allclose(np.unique(dropped), [0, 4 / 3], rtol=1e-6)
    most = layers.Dropout(0.95)(jnp.ones((100, 100)), rngs=nnx.Rngs(dropout=0))
    np.testing.assert_allclose(np.unique(most), [0, 20], rtol=1e-5)
    if abs(float(dropped.mean()) - 1) > 0.03:
        pytest.fail(f"at a rate of 0.25, the mean of ones is {dropped.mean():.3f}, 1 expected")
    values = 1 + jnp.abs(video_of((4, 5)))
    dropped = layers.Dropout(0.25)(values, rngs=nnx.Rngs(dropout=0))
    np.testing.assert_allclose(dropped, jnp.where(dropped == 0, 0, values * 4 / 3), rtol=1e-6)


@pytest.mark.parametrize("shape", [(8,), (5, 6), (2, 3, 4, 5)])
def test_dropout_drops_what_flax_drops(shape):
    """Drawn as one list, it is the draw of nnx.Dropout, number by number."""
    values, key = 1 + jnp.abs(video_of(shape)), jax.random.key(3)
    flax = nnx.Dropout(0.4)(values, rngs=nnx.Rngs(dropout=key))
    ours = layers.Dropout(0.4)(values, rngs=nnx.Rngs(dropout=key))
    np.testing.assert_array_equal(ours, flax)


@dropout
def test_drop_path_drops_whole_rows():
    """A row of `row token dim` is dropped as a whole or not at all."""
    dropped = layers.drop_path(0.5)(jnp.ones((64, 3, 4)), rngs=nnx.Rngs(dropout=0))
    rows = np.asarray(dropped).reshape(64, -1)
    assert all(len(np.unique(row)) == 1 for row in rows)
    assert 0 < (rows[:, 0] == 0).sum() < 64
    left = np.unique(rows).tolist()
    if left != [0.0, 2.0]:
        pytest.fail(f"of rows of ones, at rate 0.5, there are left {left}, not 0 and 2")
