"""Five schemes of attention over a clip: which tokens see each other, and in which order.

A scheme is made of steps. `steps` gives the branch of each by name, `attend(rows, mask)`, and a
scheme says how the tokens are laid out in rows for it. The CLS token takes part in the last step
of a scheme, so that the steps before it can start at zero and leave the rest as it is.

Patches stand frame after frame and row after row; `grid` is how many there are along time, height
and width.

Source: Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?" (2021),
section 3 and figure 2. The authors' code has the first three. For the other two the paper leaves
open where the CLS token goes, which here is as in the third; and whether the windows of
local attention slide, which here they don't.
"""

from collections.abc import Callable, Mapping

import einops
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from flaxvid import errors
from flaxvid.models import attention

Tokens = Float[Array, "batch token dim"]
Cls = Float[Array, "batch 1 dim"]
Frames = Bool[Array, "batch time"]
Grid = tuple[int, int, int]
Steps = Mapping[str, Callable]

# Scheme -> step -> how the names of its layers begin. The last step has those of an image ViT;
# those before it have a linear layer more, which starts at zero.
PREFIXES = {
    "space": {"space": ""},
    "joint": {"joint": ""},
    "divided": {"time": "temporal_", "space": ""},
    "local_global": {"local": "local_", "global": ""},
    "axial": {"time": "temporal_", "width": "width_", "height": ""},
}


# ------------------------------------------------------------------ schemes
def space(tokens: Tokens, steps: Steps, grid: Grid, mask: Frames | None = None) -> Tokens:
    """Every token over its own frame (S); frames are rows of the batch already."""
    del grid, mask  # no frame sees another here
    return tokens + steps["space"](tokens)


def joint(tokens: Tokens, steps: Steps, grid: Grid, mask: Frames | None = None) -> Tokens:
    """Every token over all tokens of the clip (ST)."""
    if mask is not None:
        mask = einops.repeat(mask, "b t -> b (t s)", s=grid[1] * grid[2])
        mask = _with_cls(mask)
    return tokens + steps["joint"](tokens, mask)


def divided(tokens: Tokens, steps: Steps, grid: Grid, mask: Frames | None = None) -> Tokens:
    """Every patch over time, then every frame over space (T+S)."""
    cls, patches = tokens[:, :1], tokens[:, 1:]
    patches = patches + attention.over_time(steps["time"], patches, grid[0], mask)
    return _last(cls, patches, attention.over_space, steps["space"], grid[0], mask)


def local_global(tokens: Tokens, steps: Steps, grid: Grid, mask: Frames | None = None) -> Tokens:
    """Every patch over a quarter of the picture in all frames, then over every second (L+G)."""
    cls, patches = tokens[:, :1], tokens[:, 1:]
    patches = patches + over_windows(steps["local"], patches, grid, mask)
    return _last(cls, patches, over_strides, steps["global"], grid, mask)


def axial(tokens: Tokens, steps: Steps, grid: Grid, mask: Frames | None = None) -> Tokens:
    """Every patch over time, then over its row, then over its column (T+W+H)."""
    cls, patches = tokens[:, :1], tokens[:, 1:]
    patches = patches + attention.over_time(steps["time"], patches, grid[0], mask)
    patches = patches + over_rows(steps["width"], patches, grid)
    return _last(cls, patches, over_columns, steps["height"], grid, mask)


SCHEMES = {
    "space": space,
    "joint": joint,
    "divided": divided,
    "local_global": local_global,
    "axial": axial,
}


def check(scheme: str, grid: Grid) -> None:
    """Refuses a grid that a scheme can't halve.

    Raises:
        UserError: with the grid and what to change.
    """
    if scheme == "local_global" and any(size % 2 for size in grid):
        raise errors.UserError(
            f"local_global attention halves time, height and width, and {grid} (frames, patches "
            "down, patches across) has an odd one: change num_frames or patch_size"
        )


def _last(cls, patches, over, attend, grid, mask):
    """The last step of a scheme, in which the CLS token takes part, with its residual."""
    in_cls, in_patches = over(attend, cls, patches, grid, mask)
    return jnp.concatenate([cls + in_cls, patches + in_patches], axis=1)


# ------------------------------------------------------------------ steps
def over_windows(
    attend: Callable, patches: Tokens, grid: Grid, mask: Frames | None = None
) -> Tokens:
    """Lets every patch attend to those in its quarter of the picture, in all frames.

    `attend(rows, mask)` sees `(batch quarter) (time half_height half_width) dim`, quarters row by
    row, and the mask of those patches.

    Source: Bertasius et al. (2021), section 3, on F x H/2 x W/2 neighbours.
    """
    time, height, width = grid
    rows = einops.rearrange(
        patches, "b (t y h x w) d -> (b y x) (t h w) d", t=time, y=2, h=height // 2, x=2
    )
    if mask is not None:
        mask = einops.repeat(mask, "b t -> (b y x) (t h w)", y=2, x=2, h=height // 2, w=width // 2)
    rows = attend(rows, mask)
    return einops.rearrange(
        rows, "(b y x) (t h w) d -> b (t y h x w) d", y=2, x=2, t=time, h=height // 2
    )


def over_strides(
    attend: Callable, cls: Cls, patches: Tokens, grid: Grid, mask: Frames | None = None
) -> tuple[Cls, Tokens]:
    """Lets every patch attend to the CLS token and to every second patch in all directions.

    From the patch itself, in steps of 2 frames, 2 rows and 2 columns, over the whole clip: the
    patches fall into 8 sets. Each gets a copy of the CLS token; the copies' outputs are averaged
    over the sets with real frames. `attend(rows, mask)` sees `(batch set) (1 + token) dim`, the
    sets of the even frames first, and there those of the even rows.

    Source: Bertasius et al. (2021), section 3, on a stride of 2; the CLS mean as in `over_space`.
    """
    time, height, _ = grid
    batch = patches.shape[0]
    sets = einops.rearrange(
        patches,
        "b (t i h y w x) d -> (b i y x) (t h w) d",
        t=time // 2,
        i=2,
        h=height // 2,
        y=2,
        x=2,
    )
    where = None
    if mask is not None:
        frames = einops.repeat(mask, "b (t i) -> (b i four) t", i=2, four=4)
        where = einops.rearrange(frames.any(1), "(b n) -> b n 1", b=batch)
        mask = einops.repeat(frames, "n t -> n (t s)", s=sets.shape[1] // (time // 2))
        mask = _with_cls(mask)
    cls, sets = _with_copies(attend, cls, sets, mask, where)
    patches = einops.rearrange(
        sets,
        "(b i y x) (t h w) d -> b (t i h y w x) d",
        i=2,
        y=2,
        x=2,
        t=time // 2,
        h=height // 2,
    )
    return cls, patches


def over_rows(attend: Callable, patches: Tokens, grid: Grid) -> Tokens:
    """Lets every patch attend to those in its row of its frame.

    `attend(rows)` sees `(batch time height) width dim`.

    Source: Bertasius et al. (2021), section 3; Ho et al., "Axial Attention in Multidimensional
    Transformers" (2019).
    """
    time, height, _ = grid
    rows = einops.rearrange(patches, "b (t h w) d -> (b t h) w d", t=time, h=height)
    return einops.rearrange(attend(rows), "(b t h) w d -> b (t h w) d", t=time, h=height)


def over_columns(
    attend: Callable, cls: Cls, patches: Tokens, grid: Grid, mask: Frames | None = None
) -> tuple[Cls, Tokens]:
    """Lets every patch attend to the CLS token and to the patches in its column of its frame.

    Every column gets a copy of the CLS token; the copies' outputs are averaged over the columns
    of real frames. `attend(rows)` sees `(batch time width) (1 + height) dim`.

    Source: Bertasius et al. (2021), section 3; the CLS mean as in `over_space`.
    """
    time, height, width = grid
    columns = einops.rearrange(patches, "b (t h w) d -> (b t w) h d", t=time, h=height)
    where = None if mask is None else einops.repeat(mask, "b t -> b (t w) 1", w=width)
    cls, columns = _with_copies(lambda rows, _: attend(rows), cls, columns, None, where)
    return cls, einops.rearrange(columns, "(b t w) h d -> b (t h w) d", t=time, w=width)


def _with_copies(attend, cls, rows, mask, where):
    """Rows with a copy of their clip's CLS token in front; it comes back as the copies' mean."""
    batch = cls.shape[0]
    copies = einops.repeat(cls, "b 1 d -> (b n) 1 d", n=rows.shape[0] // batch)
    rows = attend(jnp.concatenate([copies, rows], axis=1), mask)
    copies = einops.rearrange(rows[:, 0], "(b n) d -> b n d", b=batch)
    return jnp.mean(copies, axis=1, keepdims=True, where=where), rows[:, 1:]


def _with_cls(mask):
    """The mask of patches, with the CLS token before them, which is never masked."""
    return jnp.pad(mask, ((0, 0), (1, 0)), constant_values=True)
