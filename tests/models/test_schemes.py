"""Schemes of attention: who sees whom, by loops over all pairs, and what a mask takes away."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from flaxvid import errors
from flaxvid.models import attention, schemes

windows = pytest.mark.exercise("models.schemes.over_windows")
strides = pytest.mark.exercise("models.schemes.over_strides")
rows = pytest.mark.exercise("models.schemes.over_rows")

GRID = (6, 4, 2)  # time, height, width
PLACES = list(np.ndindex(GRID))
# Of two clips, the second has its even frames alone.
PADDED = jnp.asarray([[True] * 6, [True, False] * 3])


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def numbered(batch=2):
    """Patches that hold their number: 1000 x clip + 100 x frame + 10 x row + column."""
    numbers = [100 * t + 10 * h + w for t, h, w in PLACES]
    return jnp.asarray([[[1000.0 * b + n] for n in numbers] for b in range(batch)])


def spread(tokens, mask=None):
    """Gives every token of a row the mean of the row's real ones."""
    where = None if mask is None else mask[:, :, None]
    return jnp.broadcast_to(tokens.mean(1, keepdims=True, where=where), tokens.shape)


def nothing(tokens, mask=None):
    return jnp.zeros_like(tokens)


def keep(tokens, mask=None):
    return tokens


# ------------------------------------------------------------------ who sees whom
def in_window(query, key):
    return all((query[axis] < GRID[axis] // 2) == (key[axis] < GRID[axis] // 2) for axis in (1, 2))


def same(*axes):
    return lambda query, key: all(query[axis] == key[axis] for axis in axes)


# Which patches see which in a step; the CLS token takes part in those marked so.
SEES = {
    ("space", "space"): (lambda query, key: True, True),  # frames are rows of the batch
    ("joint", "joint"): (lambda query, key: True, True),
    ("divided", "time"): (same(1, 2), False),
    ("divided", "space"): (same(0), True),
    ("local_global", "local"): (in_window, False),
    ("local_global", "global"): (
        lambda query, key: all((q - k) % 2 == 0 for q, k in zip(query, key, strict=True)),
        True,
    ),
    ("axial", "time"): (same(1, 2), False),
    ("axial", "width"): (same(0, 1), False),
    ("axial", "height"): (same(0, 2), True),
}


@pytest.mark.parametrize(("scheme", "step"), SEES)
def test_receptive_field(scheme, step):
    """A token's output has a gradient to itself and the tokens that its step shows it, no other."""
    module = attention.Attention(4, 2, init=nnx.initializers.normal(0.5), rngs=nnx.Rngs(0))
    steps = dict.fromkeys(schemes.PREFIXES[scheme], nothing) | {step: module}
    tokens = normal(1, 1 + len(PLACES), 4)
    slopes = jax.jit(jax.jacobian(lambda x: schemes.SCHEMES[scheme](x, steps, GRID)))(tokens)
    seen = np.any(np.asarray(slopes) != 0, axis=(0, 2, 3, 5))

    shows, has_cls = SEES[scheme, step]
    expected = np.zeros(seen.shape, bool)
    expected[0, 0] = True
    expected[0, 1:] = expected[1:, 0] = has_cls
    for (i, query), (j, key) in itertools.product(enumerate(PLACES, 1), repeat=2):
        expected[i, j] = shows(query, key)
    np.testing.assert_array_equal(seen, expected)


# In space attention frames are rows of the batch, and no frame sees another.
@pytest.mark.parametrize(("scheme", "step"), [key for key in SEES if key[0] != "space"])
def test_padded_frames_are_not_seen(scheme, step):
    """Real frames and the CLS token have no gradient to a frame whose mask is False."""
    module = attention.Attention(4, 2, init=nnx.initializers.normal(0.5), rngs=nnx.Rngs(0))
    steps = dict.fromkeys(schemes.PREFIXES[scheme], nothing) | {step: module}
    tokens = normal(1, 1 + len(PLACES), 4)
    mask = jnp.asarray([[True, True, True, True, False, False]])

    def real(tokens):
        return schemes.SCHEMES[scheme](tokens, steps, GRID, mask)[0, : 1 + 4 * 8]

    slopes = jax.jit(jax.jacobian(real))(tokens)[:, :, 0, 1 + 4 * 8 :]
    assert not np.any(slopes)


@pytest.mark.parametrize("scheme", schemes.SCHEMES)
def test_steps_that_add_nothing_change_nothing(scheme):
    """Every step is a residual: with branches of zero, tokens come back as they were."""
    tokens = normal(2, 1 + len(PLACES), 5)
    steps = dict.fromkeys(schemes.PREFIXES[scheme], nothing)
    np.testing.assert_array_equal(schemes.SCHEMES[scheme](tokens, steps, GRID), tokens)


@pytest.mark.parametrize("scheme", schemes.SCHEMES)
def test_steps_put_everything_back(scheme):
    """With branches that add what they see, every step doubles every token in its place."""
    tokens = normal(2, 1 + len(PLACES), 5)
    steps = dict.fromkeys(schemes.PREFIXES[scheme], keep)
    doubled = schemes.SCHEMES[scheme](tokens, steps, GRID)
    factor = 2 ** len(steps)
    np.testing.assert_allclose(doubled[:, 1:], factor * tokens[:, 1:], rtol=1e-6)
    np.testing.assert_allclose(doubled[:, 0], 2 * tokens[:, 0], rtol=1e-5)


# ------------------------------------------------------------------ windows
@windows
def test_windows_show_a_quarter_of_the_picture():
    """A row of the batch is a quarter of the picture in all frames: here 2 x 1 places of 6."""
    seen = []
    schemes.over_windows(lambda r, mask: seen.append(r) or r, numbered(), GRID)
    assert seen[0].shape == (2 * 4, 6 * 2 * 1, 1)
    upper_left, upper_right = seen[0][0, :, 0].tolist(), seen[0][1, :, 0].tolist()
    assert upper_left == [0, 10, 100, 110, 200, 210, 300, 310, 400, 410, 500, 510]
    assert upper_right == [number + 1 for number in upper_left]
    assert seen[0][4 + 2, :2, 0].tolist() == [1020, 1030]


@pytest.mark.parametrize(
    "scheme",
    [
        pytest.param("windows", marks=windows),
        pytest.param("strides", marks=strides),
    ],
)
def test_they_compile(scheme):
    """The same inside a compiled step, where a mask has no values to ask for."""
    cls, patches = normal(2, 1, 5), normal(2, len(PLACES), 5, seed=1)

    def call(mask):
        if scheme == "windows":
            return schemes.over_windows(spread, patches, GRID, mask)
        return schemes.over_strides(spread, cls, patches, GRID, mask)[0]

    np.testing.assert_allclose(jax.jit(call)(PADDED), call(PADDED), atol=1e-6)


@windows
@pytest.mark.parametrize("mask", [None, PADDED])
def test_windows_put_everything_back(mask):
    """What is done to the rows, here doubling, comes back in its place, padded frames too."""
    patches = normal(2, len(PLACES), 5)
    back = schemes.over_windows(lambda r, mask: 2 * r, patches, GRID, mask)
    np.testing.assert_array_equal(back, 2 * patches)


@windows
def test_windows_of_the_smallest_grid():
    """One frame of 2 x 2 patches goes through `attend` as well, in rows of one token."""
    patches = normal(2, 4, 5)
    back = schemes.over_windows(lambda r, mask: 2 * r, patches, (1, 2, 2))
    np.testing.assert_array_equal(back, 2 * patches)


@windows
@strides
def test_without_a_mask_attend_gets_none():
    """Where no frame is padded, `attend` gets None for a mask."""
    seen = []

    def attend(rows, mask):
        seen.append(mask)
        return rows

    schemes.over_windows(attend, numbered(), GRID)
    schemes.over_strides(attend, normal(2, 1, 1), numbered(), GRID)
    assert seen == [None, None]


@windows
def test_windows_repeat_the_mask():
    """Each quarter sees the mask of its own clip, place by place."""
    seen = []
    schemes.over_windows(lambda r, m: seen.append(m) or r, numbered(), GRID, PADDED)
    of_clips = [True] * 12, [True, True, False, False] * 3
    np.testing.assert_array_equal(seen[0], np.repeat(of_clips, 4, axis=0))


# ------------------------------------------------------------------ strides
@strides
def test_strides_show_every_second_patch():
    """A row of the batch is the CLS token and every second frame, row and column."""
    seen = []
    cls = jnp.asarray([[[-1.0]], [[-2.0]]])
    schemes.over_strides(lambda r, mask: seen.append(r) or r, cls, numbered(), GRID)
    assert seen[0].shape == (2 * 8, 1 + 3 * 2 * 1, 1)
    assert seen[0][0, :, 0].tolist() == [-1, 0, 20, 200, 220, 400, 420]
    assert seen[0][1, :, 0].tolist() == [-1, 1, 21, 201, 221, 401, 421]
    assert seen[0][8 + 6, :, 0].tolist() == [-2, 1110, 1130, 1310, 1330, 1510, 1530]


@strides
def test_strides_repeat_the_mask():
    """Each set sees the mask of its own frames, and of the CLS token, which is always there."""
    seen, cls = [], normal(2, 1, 1)
    schemes.over_strides(lambda r, m: seen.append(m) or r, cls, numbered(), GRID, PADDED)
    of_sets = [True] * 7, [True] + [False] * 6
    np.testing.assert_array_equal(seen[0], np.repeat(of_sets, [12, 4], axis=0))


@strides
def test_strides_average_the_cls_copies():
    """The CLS token comes back as the mean of its 8 copies, here of all patches; these, doubled
    here, in their places."""
    cls, patches = normal(2, 1, 5), normal(2, len(PLACES), 5, seed=1)

    def attend(rows, mask):
        return (2 * rows).at[:, 0].set(rows[:, 1:].mean(1))

    out, back = schemes.over_strides(attend, cls, patches, GRID)
    np.testing.assert_array_equal(back, 2 * patches)
    _, back = schemes.over_strides(attend, cls, patches, GRID, PADDED)
    np.testing.assert_array_equal(back, 2 * patches)
    np.testing.assert_allclose(out, patches.mean(1, keepdims=True), atol=1e-6)


@strides
def test_strides_leave_padding_out():
    """Odd frames padded: the CLS token comes from the four sets of even frames. The first and the
    last two padded: from all eight sets, each with its real patches."""
    cls, patches = normal(2, 1, 5), normal(2, len(PLACES), 5, seed=1)
    mask = jnp.asarray([[False, True, True, True, False, False], [True, False] * 3])
    out, _ = schemes.over_strides(spread, cls, patches, GRID, mask)
    frames = patches.reshape(2, 6, 8, 5)
    # A set is one CLS token and 2 x 1 patches in each of its frames.
    even = frames[1, ::2].mean((0, 1))
    np.testing.assert_allclose(out[1, 0], (cls[1, 0] + 6 * even) / 7, atol=1e-6)
    both = (
        (cls[0, 0] + 2 * frames[0, 2].mean(0)) / 3,
        (cls[0, 0] + 4 * frames[0, 1:4:2].mean((0, 1))) / 5,
    )
    np.testing.assert_allclose(out[0, 0], (both[0] + both[1]) / 2, atol=1e-6)


def add_first_patch(rows, mask=None):
    return rows.at[:, 0].add(rows[:, 1])


@strides
def test_strides_with_padding_that_is_no_number():
    """NaN in a set of padded frames reaches neither the CLS token nor its gradient."""
    cls, frames = normal(1, 1, 5), normal(1, 6, 8, 5, seed=1).at[:, 1::2].set(jnp.nan)
    patches, mask = frames.reshape(1, len(PLACES), 5), jnp.asarray([[True, False] * 3])

    def total(cls):
        return schemes.over_strides(add_first_patch, cls, patches, GRID, mask)[0].sum()

    with jax.disable_jit():  # a compiler may turn 0 * NaN into 0
        out, _ = schemes.over_strides(add_first_patch, cls, patches, GRID, mask)
        slope = jax.grad(total)(cls)
    first = frames[:, 0, :4]  # the first patches of the four sets of even frames
    expected = cls + first.mean(1, keepdims=True)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(slope, np.ones((1, 1, 5)), rtol=1e-6)


@strides
@pytest.mark.parametrize("mask", [None, PADDED])
def test_strides_show_what_is_no_number_in_a_real_frame(mask):
    """NaN in a real frame is a fault, and reaches the CLS token of that clip alone."""
    cls, patches = normal(2, 1, 5), normal(2, len(PLACES), 5, seed=1).at[0, 0].set(jnp.nan)
    out, _ = schemes.over_strides(add_first_patch, cls, patches, GRID, mask)
    assert np.isnan(np.asarray(out)).all((1, 2)).tolist() == [True, False]


# ------------------------------------------------------------------ rows and columns
@rows
def test_rows_show_one_row_of_one_frame():
    """A row of the batch is a row of patches."""
    seen = []
    schemes.over_rows(lambda r: seen.append(r) or r, numbered(), GRID)
    assert seen[0].shape == (2 * 6 * 4, 2, 1)
    assert seen[0][24 + 4 + 3, :, 0].tolist() == [1130, 1131]


@rows
def test_rows_put_everything_back():
    """What is done to the rows, here doubling, comes back in its place."""
    patches = normal(2, len(PLACES), 5)
    np.testing.assert_array_equal(schemes.over_rows(lambda r: 2 * r, patches, GRID), 2 * patches)


@rows
def test_rows_of_one_patch():
    """A grid of one column goes through `attend` as well, in rows of one token."""
    patches = normal(2, 6, 5)
    back = schemes.over_rows(lambda r: 2 * r, patches, (2, 3, 1))
    np.testing.assert_array_equal(back, 2 * patches)


def test_columns_show_cls_and_one_column_of_one_frame():
    """A row of the batch is the CLS token and a column of patches."""
    seen = []
    cls = jnp.asarray([[[-1.0]], [[-2.0]]])
    schemes.over_columns(lambda r: seen.append(r) or r, cls, numbered(), GRID)
    assert seen[0].shape == (2 * 6 * 2, 1 + 4, 1)
    assert seen[0][12 + 2 + 1, :, 0].tolist() == [-2, 1101, 1111, 1121, 1131]


def test_columns_leave_padded_frames_out_of_the_cls_mean():
    """The CLS token comes from the columns of real frames alone."""
    cls, patches = normal(2, 1, 5), normal(2, len(PLACES), 5, seed=1)
    mask = jnp.asarray([[True] * 6, [True, True] + [False] * 4])
    out, _ = schemes.over_columns(spread, cls, patches, GRID, mask)
    real = patches[1].reshape(6, 8, 5)[:2].mean((0, 1))
    np.testing.assert_allclose(out[1, 0], (cls[1, 0] + 4 * real) / 5, atol=1e-6)


def test_odd_grids_are_refused():
    """Local and global attention halve all three axes; the others take any grid."""
    with pytest.raises(errors.UserError, match=r"\(8, 7, 7\) .* has an odd one"):
        schemes.check("local_global", (8, 7, 7))
    schemes.check("axial", (8, 7, 7))
