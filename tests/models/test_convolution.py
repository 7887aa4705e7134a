"""Convolution and pooling over time: against loops in NumPy, XLA's own operations, and by hand."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid.models import convolution

size_exercise = pytest.mark.exercise("models.convolution.output_size")
init_exercise = pytest.mark.exercise("models.convolution.he_normal")
frames_exercise = pytest.mark.exercise("models.convolution.conv_by_frames")

# Video and kernel: sizes odd and even, kernels that are even, or reach beyond the whole clip.
SHAPES = [
    ((2, 3, 5, 4, 2), (3, 3, 3, 2, 6)),
    ((1, 4, 3, 6, 3), (2, 3, 4, 3, 5)),
    ((2, 2, 7, 5, 1), (7, 1, 3, 1, 4)),
]
CONVOLUTIONS = ("conv_by_frames", "conv_by_rows", "conv_native", "conv3d")


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def by_loops(video, kernel):
    """The definition, place by place, in float64."""
    padding = [((k - 1) // 2, k // 2) for k in kernel.shape[:3]]
    padded = np.pad(np.float64(video), [(0, 0), *padding, (0, 0)])
    result = np.zeros((*video.shape[:4], kernel.shape[-1]))
    for t, h, w in np.ndindex(video.shape[1:4]):
        window = [
            slice(start, start + k) for start, k in zip((t, h, w), kernel.shape, strict=False)
        ]
        result[:, t, h, w] = np.einsum("bthwc,thwcf->bf", padded[:, *window], kernel)
    return result


# ------------------------------------------------------------------ how many places
@size_exercise
@pytest.mark.parametrize(
    ("size", "window", "stride", "padding", "expected"),
    [
        (7, 3, 1, (0, 0), 5),
        (112, 3, 1, (1, 1), 112),
        (16, 2, 2, (0, 0), 8),
        (7, 2, 2, (0, 0), 3),
        (7, 2, 2, (1, 1), 4),
        (7, 2, 2, (0, 1), 4),
        (224, 16, 16, (0, 0), 14),
    ],
)
def test_output_size_by_hand(size, window, stride, padding, expected):
    """Places of a window: 5 of 3 in 7; 3 of 2 side by side in 7, and 4 if one is added."""
    assert convolution.output_size(size, window, stride, padding) == expected


@size_exercise
def test_output_size_defaults():
    """Without stride and padding the window moves by 1, and stays inside."""
    assert convolution.output_size(10, 4) == 7


@size_exercise
def test_output_size_counts_places():
    """For all small sizes it is the number of starts from which the whole window is inside."""
    for size, window, stride, before, after in itertools.product(
        range(6), range(1, 5), range(1, 4), range(3), range(3)
    ):
        starts = range(0, size + before + after - window + 1, stride)
        found = convolution.output_size(size, window, stride, (before, after))
        assert found == len(starts), (size, window, stride, (before, after))


# ------------------------------------------------------------------ how kernels start
@init_exercise
def test_he_normal_shape():
    """The kernel has the shape and the type that were asked for."""
    kernel = convolution.he_normal(jax.random.key(0), (3, 3, 3, 4, 5), jnp.bfloat16)
    assert (kernel.shape, kernel.dtype) == ((3, 3, 3, 4, 5), jnp.bfloat16)
    assert convolution.he_normal(jax.random.key(0), (4, 5)).dtype == jnp.float32


@init_exercise
def test_he_normal_draws_every_number():
    """No filter, channel or tap has the numbers of another; two may be alike by chance."""
    kernel = np.asarray(convolution.he_normal(jax.random.key(0), (3, 3, 3, 4, 5)))
    different = len(np.unique(kernel))
    if different < kernel.size - 3:
        pytest.fail(f"of {kernel.size} numbers only {different} are different: some are copies")


@init_exercise
@pytest.mark.parametrize("shape", [(3, 3, 3, 32, 64), (3, 3, 16, 400), (400, 100)])
def test_he_normal_spread(shape):
    """The variance is 2 / fan_in, where fan_in counts all axes but the last."""
    kernel = np.asarray(convolution.he_normal(jax.random.key(0), shape))
    if abs(kernel.mean()) > 0.02 * kernel.std():
        pytest.fail(f"the mean is {kernel.mean():.4g}, 0 expected")
    np.testing.assert_allclose(kernel.var(), 2.0 / math.prod(shape[:-1]), rtol=0.03)


@init_exercise
def test_he_normal_of_one_input():
    """With a fan_in of 1 the variance is 2."""
    kernel = np.asarray(convolution.he_normal(jax.random.key(0), (1, 1, 1, 20000)))
    np.testing.assert_allclose(kernel.var(), 2.0, rtol=0.05)


@init_exercise
def test_he_normal_has_tails():
    """A whole normal: 1 of 370 numbers lies more than 3 standard deviations out, a few beyond 4."""
    kernel = np.asarray(convolution.he_normal(jax.random.key(1), (500, 1000)))
    deviations = np.abs(kernel) / np.sqrt(2 / 500)
    np.testing.assert_allclose((deviations > 3).mean(), 1 / 370, rtol=0.2)
    furthest = deviations.max()
    if furthest < 4:  # 32 of them are to be expected
        pytest.fail(f"of {kernel.size} numbers none is beyond {furthest:.2f} standard deviations")


@init_exercise
def test_he_normal_follows_its_key():
    """The same key draws the same kernel, another key another."""
    first, same, other = (
        convolution.he_normal(jax.random.key(seed), (3, 4, 5)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert jnp.abs(first - other).max() > 0.1


@init_exercise
def test_he_normal_of_few_numbers():
    """60 numbers miss mean and variance by a little: they are drawn, and not made to fit."""
    kernel = np.float64(convolution.he_normal(jax.random.key(0), (3, 4, 5)))
    mean, variance = kernel.mean() / math.sqrt(2 / 12), kernel.var() * 12 / 2
    if abs(mean) < 1e-5 or abs(variance - 1) < 1e-5:
        pytest.fail("the mean or the variance of these 60 numbers is that of the distribution")


@init_exercise
def test_he_normal_keeps_activations_alive():
    """Through 20 layers with ReLU the mean square of the activations stays within a factor of 3."""
    keys = jax.random.split(jax.random.key(0), 21)
    activations = jax.random.normal(keys[0], (64, 512))
    for key in keys[1:]:
        activations = jax.nn.relu(activations) @ convolution.he_normal(key, (512, 512))
    square = float(jnp.mean(activations**2))
    if not 1 / 3 < square < 3:
        pytest.fail(f"a mean square of 1 has become {square:.3g}")


@pytest.mark.parametrize("shape", [(3, 3, 3, 4, 5), (2, 3, 4, 5), (4, 5)])
@pytest.mark.parametrize("init", [convolution.he_normal, nnx.initializers.he_normal()])
def test_drawn_as_a_matrix_it_is_the_same_start(init, shape):
    """The same numbers in the same places, of the type that was asked for."""
    key, flat = jax.random.key(3), convolution.as_matrix(init)
    np.testing.assert_array_equal(flat(key, shape), init(key, shape))
    assert flat(key, shape, jnp.bfloat16).dtype == jnp.bfloat16


# ------------------------------------------------------------------ frames side by side
@frames_exercise
@pytest.mark.parametrize(("video", "kernel"), SHAPES)
def test_by_frames_shape(video, kernel):
    """The result is as long, high and wide as the clip, with a channel for each filter."""
    filtered = convolution.conv_by_frames(normal(*video), normal(*kernel))
    assert filtered.shape == (*video[:4], kernel[-1])


@frames_exercise
def test_by_frames_looks_back_and_ahead():
    """A kernel whose first tap is 1 shows the frame before; whose last, the frame after."""
    video = jnp.arange(1.0, 5.0).reshape(1, 4, 1, 1, 1)
    for tap, expected in ((0, [0, 1, 2, 3]), (1, [1, 2, 3, 4]), (2, [2, 3, 4, 0])):
        kernel = jnp.zeros((3, 1, 1, 1, 1)).at[tap].set(1.0)
        assert convolution.conv_by_frames(video, kernel)[0, :, 0, 0, 0].tolist() == expected


@frames_exercise
def test_by_frames_difference_in_time():
    """Taps -1, 0, 1 give the change from the frame before to the frame after, and 0 at rest."""
    video = jnp.asarray([5.0, 5.0, 5.0, 7.0, 9.0]).reshape(1, 5, 1, 1, 1)
    kernel = jnp.asarray([-1.0, 0.0, 1.0]).reshape(3, 1, 1, 1, 1)
    filtered = convolution.conv_by_frames(video, kernel)[0, :, 0, 0, 0]
    assert filtered.tolist() == [5, 0, 2, 4, -7]


@frames_exercise
def test_by_frames_clips_do_not_mix():
    """The last frame of a clip and the first of the next in the batch are no neighbours."""
    video, kernel = normal(2, 3, 5, 4, 2), normal(3, 3, 3, 2, 6, seed=1)
    alone = convolution.conv_by_frames(video[:1], kernel)
    both = convolution.conv_by_frames(video, kernel)
    np.testing.assert_allclose(both[:1], alone, atol=1e-5)


@frames_exercise
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_by_frames_of_an_even_kernel_has_the_zero_that_is_over_at_the_end(axis):
    """Of two taps the first is the place itself and the second the next, with 0 behind the last."""
    shape = [1, 1, 1]
    shape[axis] = 4
    video = jnp.arange(1.0, 5.0).reshape(1, *shape, 1)
    shape[axis] = 2
    for tap, expected in ((0, [1, 2, 3, 4]), (1, [2, 3, 4, 0])):
        kernel = jnp.zeros(2).at[tap].set(1.0).reshape(*shape, 1, 1)
        assert convolution.conv_by_frames(video, kernel).ravel().tolist() == expected


@frames_exercise
@pytest.mark.parametrize(("video", "kernel"), SHAPES)
def test_by_frames_equals_the_definition(video, kernel):
    """Place by place the sum over window and channels, with zeros around the clip."""
    video, kernel = normal(*video), normal(*kernel, seed=1)
    filtered = convolution.conv_by_frames(video, kernel)
    np.testing.assert_allclose(filtered, by_loops(video, kernel), atol=1e-4)


@frames_exercise
def test_by_frames_keeps_the_type():
    """Of a clip and a kernel in bfloat16, the result is in bfloat16."""
    video, kernel = normal(1, 2, 3, 3, 1), normal(3, 3, 3, 1, 2)
    filtered = convolution.conv_by_frames(*(x.astype(jnp.bfloat16) for x in (video, kernel)))
    assert filtered.dtype == jnp.bfloat16


@frames_exercise
def test_by_frames_is_what_a_cpu_runs():
    """`conv3d` gives on a CPU what `conv_by_frames` does."""
    video, kernel = normal(2, 3, 5, 4, 2), normal(3, 3, 3, 2, 6, seed=1)
    np.testing.assert_allclose(
        convolution.conv3d(video, kernel), by_loops(video, kernel), atol=1e-4
    )


# ------------------------------------------------------------------ all convolutions are one
@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize(("video", "kernel"), SHAPES)
def test_convolution_equals_the_definition(name, video, kernel):
    """By frames, by rows, native, or chosen: the same sum."""
    video, kernel = normal(*video), normal(*kernel, seed=1)
    filtered = jax.jit(getattr(convolution, name))(video, kernel)
    np.testing.assert_allclose(filtered, by_loops(video, kernel), atol=1e-4)


@pytest.mark.parametrize(("video", "kernel"), SHAPES)
def test_gradients_equal_those_of_xla(video, kernel):
    """What flows back to clip and kernel is what flows through XLA's convolution of three axes."""
    video, kernel = normal(*video), normal(*kernel, seed=1)

    def reference(video, kernel):
        return jax.lax.conv_general_dilated(
            video, kernel, (1, 1, 1), "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
        )

    def gradients(conv):
        gradient = jax.grad(lambda *given: jnp.sum(jnp.sin(conv(*given))), (0, 1))
        return jax.jit(gradient)(video, kernel)

    for ours, theirs in zip(gradients(convolution.conv3d), gradients(reference), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_bfloat16(name):
    """In bfloat16 the result is bfloat16, and off by no more than its 8 bits explain."""
    video, kernel = normal(2, 3, 5, 4, 2), normal(3, 3, 3, 2, 6, seed=1)
    filtered = getattr(convolution, name)(*(x.astype(jnp.bfloat16) for x in (video, kernel)))
    assert filtered.dtype == jnp.bfloat16
    np.testing.assert_allclose(filtered, by_loops(video, kernel), atol=0.2)
    assert jax.grad(lambda k: convolution.conv3d(video, k).sum())(kernel).dtype == jnp.float32


def lowered(function, platform, *arguments):
    return jax.jit(function).trace(*arguments).lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize(("dtype", "on_nvidia"), [("float32", True), ("bfloat16", False)])
def test_the_platform_chooses(dtype, on_nvidia):
    """A CPU's program has no convolution over three axes, forward or backward, and neither has an
    NVIDIA GPU's in half precision; those of others do."""
    video = normal(2, 4, 6, 4, 2).astype(dtype)
    kernel = normal(3, 3, 3, 2, 6).astype(dtype)
    gradient = jax.grad(lambda *given: jnp.sum(convolution.conv3d(*given) ** 2), (0, 1))
    for function, count in ((convolution.conv3d, 1), (gradient, 3)):
        for platform, expected in (("cpu", 0), ("cuda", count * on_nvidia), ("tpu", count)):
            text = lowered(function, platform, video, kernel)
            over_three_axes = text.count("0, 1, 2, f]x[") + text.count("f, 0, 1, 2, b]x[")
            assert over_three_axes == expected, (platform, text)
            assert text.count("stablehlo.convolution") >= count


# ------------------------------------------------------------------ pooling
POOLS = [
    ((1, 2, 2), convolution.NO_PADDING),
    ((2, 2, 2), convolution.NO_PADDING),
    ((2, 2, 2), ((0, 0), (1, 1), (1, 1))),
    ((2, 2, 2), ((0, 0), (0, 1), (0, 1))),
    ((3, 1, 2), ((1, 0), (0, 0), (0, 1))),
]


def pooled_by_loops(video, window, padding):
    padded = np.pad(np.asarray(video), [(0, 0), *padding, (0, 0)], constant_values=-np.inf)
    counts = [n // k for n, k in zip(padded.shape[1:4], window, strict=True)]
    result = np.empty((len(video), *counts, video.shape[-1]), np.float32)
    for place in np.ndindex(*counts):
        inside = [slice(i * k, (i + 1) * k) for i, k in zip(place, window, strict=True)]
        result[:, *place] = padded[:, *inside].max((1, 2, 3))
    return result


@pytest.mark.parametrize(("window", "padding"), POOLS)
@pytest.mark.parametrize("pool", ["max_pool", "pool_native"])
def test_pool_equals_the_definition(pool, window, padding):
    """The largest of every window, on axes that the window divides and that it does not."""
    video = normal(2, 5, 7, 6, 3) - 5  # below zero, where zeros in the padding would win
    pooled = getattr(convolution, pool)(video, window, padding)
    np.testing.assert_array_equal(pooled, pooled_by_loops(video, window, padding))


@pytest.mark.parametrize(("window", "padding"), POOLS)
def test_pool_gives_the_gradient_to_the_first_of_equals(window, padding):
    """Frames without texture have equal values: both ways of pooling choose the same one."""
    video = jnp.asarray(np.random.default_rng(0).integers(0, 3, (2, 5, 7, 6, 3)), jnp.float32)

    def gradient(pool):
        return jax.jit(jax.grad(lambda video: jnp.sum(pool(video, window, padding) ** 2)))(video)

    ours = gradient(convolution.max_pool)
    np.testing.assert_array_equal(ours, gradient(convolution.pool_native))
    even = jax.grad(lambda v: convolution.max_pool(v, (2, 2, 2)).sum())(jnp.ones((1, 2, 2, 2, 1)))
    assert even.ravel().tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_pool_passes_nan_on():
    """A model that has come to NaN shows it, wherever in its window the NaN stands."""
    video = np.zeros((8, 2, 2, 2, 1), np.float32)
    for clip, place in zip(video, np.ndindex(2, 2, 2), strict=True):
        clip[place] = np.nan
    assert jnp.isnan(convolution.max_pool(jnp.asarray(video), (2, 2, 2))).all()
