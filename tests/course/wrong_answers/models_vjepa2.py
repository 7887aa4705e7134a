"""Wrong answers for the exercises of flaxvid.models.vjepa2."""

import jax.numpy as jnp
import numpy as np


def _angles(grid, dim, places=None, waves=None, order=(0, 1, 2)):
    """A right one, in pieces that the wrong ones change."""
    half = dim // 6
    if places is None:
        places = np.indices(grid).reshape(3, -1)
    if waves is None:
        waves = np.tile(1 / 10_000 ** (np.arange(half) / max(half, 1)), 2)
    turns = [np.float32(places[axis])[:, None] * np.float32(waves)[None] for axis in order]
    rest = np.zeros((places.shape[1], dim - 6 * half), np.float32)
    return jnp.concatenate([jnp.asarray(one, jnp.float32) for one in (*turns, rest)], axis=1)


def place_angles_counted_from_one(grid, dim):
    return _angles(grid, dim, 1 + np.indices(grid).reshape(3, -1))


def place_angles_from_0_to_1(grid, dim):  # so that clips of any length are alike
    places = np.indices(grid) / np.maximum(1, np.array(grid) - 1)[:, None, None, None]
    return _angles(grid, dim, places.reshape(3, -1))


def place_angles_of_the_token(grid, dim):  # as if the clip were a sentence
    count = int(np.prod(grid))
    return _angles(grid, dim, np.tile(np.arange(count), (3, 1)))


def place_angles_with_the_rest_in_front(grid, dim):
    found = _angles(grid, dim)
    return jnp.roll(found, dim - 6 * (dim // 6), axis=1)


def place_angles_columns_before_rows(grid, dim):
    return _angles(grid, dim, order=(0, 2, 1))


def place_angles_in_turns(grid, dim):  # time, row, column, time, row, column
    third = 2 * (dim // 6)
    found = _angles(grid, dim)
    turned = found[:, : 3 * third].reshape(-1, 3, third).swapaxes(1, 2).reshape(-1, 3 * third)
    return jnp.concatenate([turned, found[:, 3 * third :]], axis=1)


def place_angles_in_pairs(grid, dim):  # one angle for each pair: a true rotation
    half = dim // 6
    waves = np.repeat(1 / 10_000 ** (np.arange(half) / max(half, 1)), 2)
    return _angles(grid, dim, waves=waves)


def place_angles_with_waves_of_the_whole(grid, dim):
    half = dim // 6
    return _angles(grid, dim, waves=np.tile(1 / 10_000 ** (np.arange(half) / max(dim, 1)), 2))


def place_angles_reaching_10000(grid, dim):
    half = dim // 6
    waves = np.tile(1 / 10_000 ** (np.arange(half) / max(half - 1, 1)), 2)
    return _angles(grid, dim, waves=waves)


def place_angles_time_fastest(grid, dim):
    places = np.indices(grid).reshape(3, *grid).transpose(0, 3, 2, 1).reshape(3, -1)
    return _angles(grid, dim, places)


def place_angles_of_odd_thirds_in_wide_heads(grid, dim):
    third = dim // 3 if dim > 100 else dim // 6 * 2
    waves = 1 / 10_000 ** (np.arange(third) % (third / 2) / max(third / 2, 1))
    turns = [np.float32(places)[:, None] * waves for places in np.indices(grid).reshape(3, -1)]
    found = np.concatenate(turns, axis=1)
    return jnp.asarray(np.pad(found, [(0, 0), (0, dim - 3 * third)]), jnp.float32)
