"""Right answers for the exercises of flaxvid.models.schemes, in other ways."""

import jax.numpy as jnp


def _laid_out(patches, grid):
    return patches.reshape(patches.shape[0], *grid, patches.shape[-1])


# --- over_windows -----------------------------------------------------------------------
def _quarters(grid):
    """The tokens of each quarter, quarters row by row."""
    time, height, width = grid
    numbers = jnp.arange(time * height * width).reshape(grid)
    half, side = height // 2, width // 2
    return jnp.stack(
        [
            numbers[:, y * half : (y + 1) * half, x * side : (x + 1) * side].ravel()
            for y in (0, 1)
            for x in (0, 1)
        ]
    )


def over_windows_by_take(attend, patches, grid, mask=None):
    order = _quarters(grid)
    rows = patches[:, order].reshape(-1, order.shape[1], patches.shape[-1])
    if mask is not None:
        mask = jnp.repeat(mask, grid[1] * grid[2], axis=1)[:, order].reshape(rows.shape[:2])
    rows = attend(rows, mask).reshape(patches.shape)
    return rows[:, jnp.argsort(order.ravel())]


def over_windows_by_at(attend, patches, grid, mask=None):
    order = _quarters(grid)
    rows = jnp.take(patches, order, axis=1).reshape(-1, order.shape[1], patches.shape[-1])
    if mask is not None:
        mask = jnp.repeat(jnp.repeat(mask, 4, axis=0), grid[1] * grid[2] // 4, axis=1)
    rows = attend(rows, mask).reshape(patches.shape)
    return jnp.zeros_like(rows).at[:, order.ravel()].set(rows)


def over_windows_by_transpose(attend, patches, grid, mask=None):
    time, height, width = grid
    cut = patches.reshape(len(patches), time, 2, height // 2, 2, width // 2, -1)
    rows = cut.transpose(0, 2, 4, 1, 3, 5, 6).reshape(len(patches) * 4, -1, patches.shape[-1])
    if mask is not None:
        mask = jnp.broadcast_to(
            mask[:, None, :, None], (len(mask), 4, time, height * width // 4)
        ).reshape(len(rows), -1)
    rows = attend(rows, mask).reshape(len(patches), 2, 2, time, height // 2, width // 2, -1)
    return rows.transpose(0, 3, 1, 4, 2, 5, 6).reshape(patches.shape)


# --- over_strides -----------------------------------------------------------------------
def _sets(grid):
    numbers = jnp.arange(grid[0] * grid[1] * grid[2]).reshape(grid)
    return jnp.stack(
        [numbers[i::2, y::2, x::2].ravel() for i in (0, 1) for y in (0, 1) for x in (0, 1)]
    )


def _over_sets(attend, cls, patches, grid, mask, mean):
    order, batch = _sets(grid), len(patches)
    rows = patches[:, order]
    copies = jnp.broadcast_to(cls[:, None], (batch, 8, 1, cls.shape[-1]))
    rows = jnp.concatenate([copies, rows], axis=2).reshape(batch * 8, -1, cls.shape[-1])
    real = jnp.ones((batch, 8), bool)
    if mask is not None:
        of_sets = jnp.repeat(mask, grid[1] * grid[2], axis=1)[:, order]
        real = of_sets.any(axis=2)
        mask = jnp.pad(of_sets, ((0, 0), (0, 0), (1, 0)), constant_values=True)
        mask = mask.reshape(batch * 8, -1)
    rows = attend(rows, mask).reshape(batch, 8, -1, cls.shape[-1])
    patches = rows[:, :, 1:].reshape(patches.shape)[:, jnp.argsort(order.ravel())]
    return mean(rows[:, :, 0], real), patches


def over_strides_by_take(attend, cls, patches, grid, mask=None):
    def mean(copies, real):
        return jnp.mean(copies, axis=1, where=real[:, :, None], keepdims=True)

    return _over_sets(attend, cls, patches, grid, mask, mean)


def over_strides_by_where(attend, cls, patches, grid, mask=None):
    def mean(copies, real):
        kept = jnp.where(real[:, :, None], copies, 0).sum(axis=1, keepdims=True)
        return kept / real.sum(axis=1)[:, None, None]

    return _over_sets(attend, cls, patches, grid, mask, mean)


def over_strides_by_shares(attend, cls, patches, grid, mask=None):
    def mean(copies, real):
        shares = real / real.sum(axis=1, keepdims=True)
        return jnp.einsum("bs,bsd->bd", shares, jnp.where(real[..., None], copies, 0))[:, None]

    return _over_sets(attend, cls, patches, grid, mask, mean)


# --- over_rows --------------------------------------------------------------------------
def over_rows_by_reshape(attend, patches, grid):
    rows = patches.reshape(-1, grid[2], patches.shape[-1])
    return attend(rows).reshape(patches.shape)


def over_rows_by_layout(attend, patches, grid):
    laid_out = _laid_out(patches, grid)
    rows = jnp.concatenate(laid_out.reshape(-1, *laid_out.shape[2:]))
    return jnp.reshape(attend(rows), patches.shape)


def over_rows_by_split(attend, patches, grid):
    rows = jnp.stack(jnp.split(patches, grid[0] * grid[1], axis=1), axis=1)
    out = attend(rows.reshape(-1, grid[2], patches.shape[-1]))
    return out.reshape(patches.shape[0], -1, patches.shape[-1])
