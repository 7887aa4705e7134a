"""A frame encoder with its weights, compiled: pixels in, embeddings out."""

import collections
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, UInt8

from flaxvid import errors
from flaxvid.data import embeddings
from flaxvid.models import cost, frame_encoders
from flaxvid.runs import clip_encoding, encoder
from flaxvid.training import state as states
from flaxvid.video import transform
from flaxvid.weights import frame_encoders as weights
from flaxvid.weights import read

GRID = 4  # cells along each side, of a stage's maps
BLOCK = 32  # frames that go through the encoder together

Clip = UInt8[np.ndarray, "time height width 3"]


def open_encoder(
    name: str,
    spec: str | None = None,
    *,
    num_frames: int = 20,
    image_size: int = 224,
    stage: int | Literal["middle", "top"] | None = "top",
    grid: int | None = None,
) -> encoder.Encoder:
    """The encoder `name` with the weights `spec`, its usual ones unless given.

    Args:
        name: of the encoder, of frames or of clips (`clip_encoding`).
        spec: where its weights are.
        num_frames: of a clip.
        image_size: pixels, height and width.
        stage: whose maps become the embedding, as `frame_encoders.which_stage` takes it; None is
            `top` too.
        grid: cells along each side in which the maps are averaged; None: `GRID` of a stage, and
            1, all places together, of the top.

    Raises:
        UserError: if there is no such encoder or stage, its weights can't be had, or they are
            another's.
    """
    if name in clip_encoding.NAMES:
        return clip_encoding.open_encoder(
            name, spec, num_frames=num_frames, image_size=image_size, grid=grid
        )
    entry = frame_encoders.find(name)
    stage = frame_encoders.which_stage(name, "top" if stage is None else stage)
    grid = grid or (1 if stage is None else GRID)
    spec = spec or entry.weights
    path = weights.locate(spec)
    arrays = read.read(path)
    naming = weights.find_naming(name, arrays, origin=spec)
    preprocessing = entry.preprocessings[naming].fitted(
        num_frames=num_frames, stride=None, crop_size=image_size
    )
    abstract = cost.abstract_model(lambda: frame_encoders.create(name, rngs=nnx.Rngs(0)))
    parts = states.split(abstract)
    params, stats, _ = weights.load(name, arrays, parts.params, parts.stats, origin=spec)

    @jax.jit
    def encode(params, stats, frames):
        model = states.merge(parts.eval_def, params, stats)
        images = transform.normalise(frames, preprocessing)
        return frame_encoders.embed(model, images, stage=stage, grid=grid)

    return encoder.Encoder(
        name,
        spec,
        _sha256(path),
        frame_encoders.embedding_dim(name, stage, grid),
        preprocessing,
        lambda frames: encode(params, stats, frames),
        stage,
        grid,
    )


def reopen(about: embeddings.About) -> encoder.Encoder:
    """The encoder that embeddings were made with.

    Raises:
        UserError: if its weights can't be had any more, or have changed.
    """
    shown = about.preprocessing
    found = open_encoder(
        about.encoder,
        about.weights,
        num_frames=shown.num_frames,
        image_size=shown.crop_size,
        stage=about.stage,
        grid=about.grid,
    )
    if found.sha256 != about.sha256:
        raise errors.UserError(
            f"{about.weights}: is not the file that the embeddings were made with "
            f"(SHA-256 {about.sha256[:12]}...): put that one back, or train it again"
        )
    return found


def multiply_adds(about: embeddings.About) -> int:
    """Of the encoder, on all frames of one clip.

    Raises:
        UserError: for a backbone whose weights can't be had any more.
    """
    shown = about.preprocessing
    shape = (shown.num_frames, shown.crop_size, shown.crop_size, 3)
    if about.tokens:
        video = jax.ShapeDtypeStruct((1, *shape), np.uint8)
        mask = jax.ShapeDtypeStruct((1, shown.num_frames), np.bool_)
        return cost.multiply_adds(reopen(about).encode, video, mask)
    abstract = cost.abstract_model(lambda: frame_encoders.create(about.encoder, rngs=nnx.Rngs(0)))
    parts = states.split(abstract)

    def encode(params, stats, frames):
        model = states.merge(parts.eval_def, params, stats)
        return frame_encoders.embed(model, frames, stage=about.stage, grid=about.grid)

    frames = jax.ShapeDtypeStruct(shape, np.float32)
    return cost.multiply_adds(encode, parts.params, parts.stats, frames)


def encode_clips(
    encode: Callable[[Array], Array],
    clips: Iterable[tuple[int, Clip]],
    block: int = BLOCK,
) -> Iterator[tuple[int, Float[np.ndarray, "time dim"]]]:
    """Embeds clips of any lengths, in blocks of frames that do not care where a clip ends.

    No frame is computed that is only padding, but in the last block. While the device computes
    one block, the next is gathered.
    """
    lengths: collections.deque[tuple[int, int]] = collections.deque()

    def frames():
        for number, clip in clips:
            lengths.append((number, len(clip)))
            yield from clip

    ready = None
    for vectors in _by_blocks(encode, frames(), block):
        ready = vectors if ready is None else np.concatenate([ready, vectors])
        while lengths and lengths[0][1] <= len(ready):
            number, length = lengths.popleft()
            yield number, ready[:length]
            ready = ready[length:]


def _by_blocks(encode, frames, size):
    computing = collections.deque()
    while block := list(itertools.islice(frames, size)):
        filled = np.stack(block + block[-1:] * (size - len(block)))
        computing.append((encode(filled), len(block)))
        if len(computing) > 1:
            vectors, real = computing.popleft()
            yield np.asarray(vectors)[:real]
    for vectors, real in computing:
        yield np.asarray(vectors)[:real]


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
