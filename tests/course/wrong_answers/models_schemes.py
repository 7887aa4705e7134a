"""Wrong answers for the exercises of flaxvid.models.schemes."""

import einops
import jax.numpy as jnp

from flaxvid.models import schemes

HALVES = dict(y=2, x=2)


# --- over_windows -----------------------------------------------------------------------
def _windows(attend, patches, grid, mask, tokens="t (y h) (x w)", rows="(b y x) (t h w)", of=None):
    time, height, width = grid
    sizes = dict(t=time, h=height // 2, w=width // 2, **HALVES)
    names = tokens.replace("(", "").replace(")", "")  # as einops wants one axis: (t y h x w)
    quarters = einops.rearrange(patches, f"b ({names}) d -> {rows} d", **sizes)
    if mask is not None:
        mask = einops.repeat(mask, f"b t -> {of or rows}", **sizes)
    back = attend(quarters, mask)
    return einops.rearrange(back, f"{rows} d -> b ({names}) d", b=patches.shape[0], **sizes)


def over_windows_of_every_second_place(attend, patches, grid, mask=None):  # strides, not windows
    return _windows(attend, patches, grid, mask, tokens="t (h y) (w x)")


def over_windows_column_by_column(attend, patches, grid, mask=None):  # upper left, lower left ...
    return _windows(attend, patches, grid, mask, rows="(b x y) (t h w)")


def over_windows_of_one_frame(attend, patches, grid, mask=None):  # time in the batch as well
    return _windows(attend, patches, grid, mask, rows="(b t y x) (h w)")


def over_windows_with_masks_in_turn(attend, patches, grid, mask=None):  # of clip 0, 1, 0, 1 ...
    return _windows(attend, patches, grid, mask, of="(y x b) (t h w)")


def over_windows_with_the_mask_place_by_place(attend, patches, grid, mask=None):
    return _windows(attend, patches, grid, mask, of="(b y x) (h w t)")


def over_windows_without_a_mask(attend, patches, grid, mask=None):
    return _windows(attend, patches, grid, None)


def over_windows_with_padding_as_it_was(attend, patches, grid, mask=None):
    seen = _windows(attend, patches, grid, mask)
    if mask is None:
        return seen
    real = jnp.repeat(mask, grid[1] * grid[2], axis=1)
    return jnp.where(real[:, :, None], seen, patches)


def over_windows_always_with_a_mask(attend, patches, grid, mask=None):
    mask = jnp.ones((len(patches), grid[0]), bool) if mask is None else mask
    return _windows(attend, patches, grid, mask)


def over_windows_but_for_the_smallest_grid(attend, patches, grid, mask=None):
    return patches if grid == (1, 2, 2) else _windows(attend, patches, grid, mask)


# --- over_strides -----------------------------------------------------------------------
def _strides(
    attend,
    cls,
    patches,
    grid,
    mask,
    tokens="(t i h y w x)",
    sets="(b i y x)",
    everywhere=False,
    real=jnp.any,
    mean=jnp.mean,
):
    time, height, width = grid
    batch = patches.shape[0]
    sizes = dict(t=time // 2, h=height // 2, w=width // 2, i=2, **HALVES)
    rows = einops.rearrange(patches, f"b {tokens} d -> {sets} (t h w) d", **sizes)
    where = None
    if mask is not None:
        pattern = f"b (t i) -> {sets} (t h w)"
        mask = einops.repeat(mask, pattern, **sizes)
        if not everywhere:
            where = einops.rearrange(real(mask, axis=1), "(b n) -> b n 1", b=batch)
        mask = jnp.pad(mask, ((0, 0), (1, 0)), constant_values=True)
    copies = einops.repeat(cls, "b 1 d -> (b n) 1 d", n=8)
    rows = attend(jnp.concatenate([copies, rows], axis=1), mask)
    copies = einops.rearrange(rows[:, 0], "(b n) d -> b n d", b=batch)
    back = einops.rearrange(rows[:, 1:], f"{sets} (t h w) d -> b {tokens} d", b=batch, **sizes)
    return mean(copies, axis=1, keepdims=True, where=where), back


def over_strides_in_halves(attend, cls, patches, grid, mask=None):  # windows, not strides
    return _strides(attend, cls, patches, grid, mask, tokens="(i t y h x w)")


def over_strides_columns_before_rows(attend, cls, patches, grid, mask=None):
    return _strides(attend, cls, patches, grid, mask, sets="(b i x y)")


def over_strides_empty_sets_in_the_mean(attend, cls, patches, grid, mask=None):
    return _strides(attend, cls, patches, grid, mask, everywhere=True)


def over_strides_without_a_mask(attend, cls, patches, grid, mask=None):
    return _strides(attend, cls, patches, grid, None)


def over_strides_first_copy_only(attend, cls, patches, grid, mask=None):
    seen = []

    def watch(rows, mask):
        seen.append(attend(rows, mask))
        return seen[0]

    _, patches = _strides(watch, cls, patches, grid, mask)
    return seen[0][::8, :1], patches


def over_strides_gives_back_what_came(attend, cls, patches, grid, mask=None):
    cls, _ = _strides(attend, cls, patches, grid, mask)
    return cls, patches


def over_strides_with_cls_hidden_in_empty_sets(attend, cls, patches, grid, mask=None):
    def hidden(rows, mask):
        return attend(rows, mask if mask is None else mask & mask[:, 1:].any(1, keepdims=True))

    return _strides(hidden, cls, patches, grid, mask)


def over_strides_judged_by_the_first_frame(attend, cls, patches, grid, mask=None):
    return _strides(attend, cls, patches, grid, mask, real=lambda mask, axis: mask[:, 0])


def over_strides_multiplied_by_zero(attend, cls, patches, grid, mask=None):
    def mean(copies, axis, keepdims, where):
        real = jnp.ones(copies.shape[:2])[..., None] if where is None else where.astype(float)
        return jnp.sum(copies * real, axis, keepdims=True) / jnp.sum(real, axis, keepdims=True)

    return _strides(attend, cls, patches, grid, mask, mean=mean)


def over_strides_without_what_is_no_number(attend, cls, patches, grid, mask=None):
    return _strides(attend, cls, patches, grid, mask, mean=jnp.nanmean)


# --- over_rows --------------------------------------------------------------------------
def over_rows_that_are_columns(attend, patches, grid):
    time, height, width = grid
    rows = einops.rearrange(patches, "b (t h w) d -> (b t w) h d", t=time, h=height)
    return einops.rearrange(attend(rows), "(b t w) h d -> b (t h w) d", t=time, w=width)


def over_rows_with_height_and_width_swapped(attend, patches, grid):
    time, height, width = grid
    rows = einops.rearrange(patches, "b (t w h) d -> (b t w) h d", t=time, h=height)
    return einops.rearrange(attend(rows), "(b t w) h d -> b (t w h) d", t=time, w=width)


def over_rows_of_all_frames(attend, patches, grid):  # time stays in the row
    time, height, _ = grid
    rows = einops.rearrange(patches, "b (t h w) d -> (b h) (t w) d", t=time, h=height)
    return einops.rearrange(attend(rows), "(b h) (t w) d -> b (t h w) d", t=time, h=height)


def over_rows_plus_itself(attend, patches, grid):  # the scheme adds the residual
    time, height, _ = grid
    rows = einops.rearrange(patches, "b (t h w) d -> (b t h) w d", t=time, h=height)
    return patches + einops.rearrange(attend(rows), "(b t h) w d -> b (t h w) d", t=time, h=height)


def over_rows_but_for_one_column(attend, patches, grid):
    time, height, width = grid
    if width == 1:
        return patches
    rows = einops.rearrange(patches, "b (t h w) d -> (b t h) w d", t=time, h=height)
    return einops.rearrange(attend(rows), "(b t h) w d -> b (t h w) d", t=time, h=height)


def over_windows_without_a_mask_that_hides_nothing(attend, patches, grid, mask=None):
    if mask is not None and mask.all():  # which can't be compiled
        mask = None
    return own_over_windows(attend, patches, grid, mask)


def over_strides_without_a_mask_that_hides_nothing(attend, cls, patches, grid, mask=None):
    if mask is not None and mask.all():  # which can't be compiled
        mask = None
    return own_over_strides(attend, cls, patches, grid, mask)


own_over_windows, own_over_strides = schemes.over_windows, schemes.over_strides
