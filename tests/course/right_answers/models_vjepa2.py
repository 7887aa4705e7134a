"""Right answers for the exercises of flaxvid.models.vjepa2, in other ways."""

import einops
import jax.numpy as jnp
import numpy as np


def place_angles_by_indices(grid, dim):
    half = dim // 6
    waves = 10_000.0 ** (-np.arange(half) / max(half, 1))
    places = jnp.indices(grid, dtype=jnp.float32).reshape(3, -1)
    angles = jnp.einsum("at,w->taw", places, jnp.asarray(waves, jnp.float32))
    angles = einops.repeat(angles, "token part wave -> token (part two wave)", two=2)
    return jnp.pad(angles, ((0, 0), (0, dim - angles.shape[1])))


def place_angles_in_numpy(grid, dim):
    found = np.zeros((*grid, dim), np.float32)
    half = dim // 6
    for number in range(6 * half):
        axis, i = divmod(number, 2 * half)
        shape = [1, 1, 1]
        shape[axis] = grid[axis]
        place = np.arange(grid[axis], dtype=np.float64).reshape(shape)
        found[..., number] = place / 10_000 ** ((i % half) / half)
    return jnp.asarray(found.reshape(-1, dim))


def place_angles_from_the_number_of_a_token(grid, dim):
    time, down, across = grid
    token = jnp.arange(time * down * across)
    third = dim // 3 - dim // 3 % 2
    i = jnp.arange(third)
    waves = jnp.power(10_000.0, -((2 * i) % max(third, 1)) / max(third, 1))
    row, column = token // across % down, token % across
    parts = [jnp.outer(place, waves) for place in (token // (down * across), row, column)]
    return jnp.concatenate([*parts, jnp.zeros((len(token), dim - 3 * third))], axis=1)
