"""A video backbone as an encoder: a clip to a few tokens, which a probe learns from.

Its features stand for every tubelet and place. They are averaged over the places of a coarse grid,
at every step of time, so that what is kept of a video has some hundred kilobytes and not five
megabytes, and still tells when and where.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import einops
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, UInt8

from flaxvid import errors
from flaxvid.models import convnet, layers
from flaxvid.runs import encoder
from flaxvid.video import transform
from flaxvid.weights import fetch, pretrained, provenance, read

NAMES = ("videomae", "vivit", "vjepa2", "videoprism", "timesformer")
GRID = 4  # cells along each side of a frame
BLOCK = 2  # clips that go through the backbone together

Clip = tuple[UInt8[np.ndarray, "time height width 3"], Bool[np.ndarray, " time"]]


def shape_of(name: str, spec: str) -> dict[str, int]:
    """The number of frames and the image size that a backbone's weights have learnt from.

    Raises:
        UserError: if the weights can't be had, or are another's.
    """
    arch, shape = pretrained.shape_of(spec)
    if arch != name:
        raise read.WeightsError(f"{spec}: is of {arch}, and {name} was asked for")
    return shape


def open_encoder(
    name: str, spec: str | None, *, num_frames: int, image_size: int, grid: int | None = None
) -> encoder.Encoder:
    """The backbone `name` with the weights `spec`, for clips of so many frames and pixels.

    Args:
        name: one of `NAMES`.
        spec: where its weights are; there are no usual ones.
        num_frames: of a clip, spread over the video.
        image_size: pixels, height and width.
        grid: cells along each side of a frame in which its features are averaged; None: `GRID`,
            or every patch where there are fewer.

    Raises:
        UserError: if there are no weights, or they are another model's, or the grid is finer than
            the patches.
    """
    if spec is None:
        raise errors.UserError(
            f"--encoder {name}: has no usual weights; say where they are by --encoder-weights"
        )
    found = pretrained.open_pretrained(
        spec, headless=True, num_frames=num_frames, image_size=image_size
    )
    if found.arch != name:
        raise read.WeightsError(f"{spec}: is of {found.arch}, and {name} was asked for")
    config = found.model.config
    steps, *sides = config.grid()
    grid = grid or min(GRID, *sides)
    if grid > min(sides):
        raise errors.UserError(
            f"--encoder-grid {grid}: a frame has {sides[0]} x {sides[1]} patches; give fewer cells"
        )
    shown = found.preprocessing.fitted(num_frames=num_frames, stride=None, crop_size=image_size)
    graphdef, params = nnx.split(found.model)

    @jax.jit
    def encode(params, video, mask):
        model = nnx.merge(graphdef, params)
        features = model.tokens(transform.normalise(video, shown), mask)
        real = layers.real_steps(mask, getattr(config, "tubelet_size", 1))
        return in_cells(features, sides, grid), jnp.repeat(real, grid**2, axis=1)

    return encoder.Encoder(
        name,
        spec,
        _sha256(fetch.files_of(fetch.locate(spec))),
        config.dim,
        shown,
        lambda video, mask: encode(params, video, mask),
        grid=grid,
        tokens=steps * grid**2,
        told=f"{spec}:\n{provenance.told(spec, shown)}",
    )


def in_cells(
    features: Float[Array, "batch steps space dim"], sides: Iterable[int], grid: int
) -> Float[Array, "batch token dim"]:
    """The means over the cells of a grid, row by row, step of time after step of time."""
    down, across = sides
    batch, dim = len(features), features.shape[-1]
    maps = einops.rearrange(features, "b t (h w) d -> (b t) h w d", h=down, w=across)
    cells = convnet.grid_average_pool(maps, grid)
    return einops.rearrange(cells, "(b t) (cell d) -> b (t cell) d", b=batch, d=dim)


def encode_clips(
    encode: Callable[..., tuple[Array, Array]], clips: Iterable[tuple[int, Clip]]
) -> Iterator[tuple[int, Float[np.ndarray, "token dim"]]]:
    """Embeds padded clips, `BLOCK` at a time; of each, the tokens with a real frame."""
    clips = iter(clips)
    while several := list(itertools.islice(clips, BLOCK)):
        filled = [clip for _, clip in several]
        filled += filled[-1:] * (BLOCK - len(filled))
        video, mask = (np.stack(parts) for parts in zip(*filled, strict=True))
        embedding, real = (np.asarray(found) for found in encode(video, mask))
        for (number, _), row, there in zip(several, embedding, real, strict=False):
            yield number, row[there]


def embedded(opened: encoder.Encoder, batch: Mapping[str, Any]) -> dict[str, Any]:
    """A batch of video as one of embeddings, by the backbone that they are made with."""
    embedding, mask = opened.encode(jnp.asarray(batch["video"]), jnp.asarray(batch["mask"]))
    rest = {name: value for name, value in batch.items() if name not in ("video", "mask")}
    return {"embedding": embedding, "mask": mask, **rest}


def _sha256(files: list[Path]) -> str:
    """Of one file; or of several, one after the other."""
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            while block := file.read(2**24):
                digest.update(block)
    return digest.hexdigest()
