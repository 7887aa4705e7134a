"""`prepare embeddings`: every frame of every video to a vector, kept on disk."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from flaxvid import errors, ranges, store_copies
from flaxvid.data import embeddings, lock
from flaxvid.preparation import estimate, workers
from flaxvid.runs import datasets, embed, encoding
from flaxvid.runs import options as run_options


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """Embed frames of every video, each as a vector, with an image network trained on ImageNet."""

    manifest: Annotated[str, tyro.conf.Positional, ranges.Source(("motion",), stores=True)]
    """A manifest (.csv, .json), a folder of class folders, `motion`, `motion:hard` or
    `motion:scenes`."""
    out: Annotated[Path | None, ranges.NewFolder(stores=True)] = None
    """Output folder; None: one under data/embeddings."""
    encoder: str = run_options.Data.encoder
    """lite0, resnet18, densenet121, or densenet121_writeup: fed pixels / 255 and pooled without the
    last ReLU, as the PyTorch notebook does."""
    weights: Annotated[str | None, ranges.Source(("hf:",), stores=True)] = None
    """Weights of the encoder: a file or hf:owner/name; None: its usual ones."""
    num_frames: Annotated[int, ranges.FRAMES] = 16
    """Frames per video, spread over it; of a shorter video, all."""
    sampling: Literal["spread", "interval"] = "spread"
    """spread: the middles of equal parts of the video; interval: as tutorials do, every
    max(1, total // num_frames)-th frame from the first."""
    padding: Literal["repeat", "zeros", "zeros_unmasked"] = "repeat"
    """zeros_unmasked: short videos are padded with black frames, which are embedded and count as
    frames; the others: a short video has as many embeddings as frames."""
    image_size: Annotated[int, ranges.PIXELS] = 112
    """Height and width that the encoder sees, in pixels."""
    encoder_stage: Annotated[int | Literal["middle", "top"], ranges.between(0, 100)] = "middle"
    """Stage of the encoder whose feature maps are used: its number; `middle`, which distinguishes
    parts and places (Lite0's fifth); or `top`, which distinguishes kinds of things."""
    encoder_grid: Annotated[int | None, ranges.between(1, 1000)] = None
    """Cells along each side in which the feature maps are averaged; None: 4, or 1 for `top`."""
    views: Annotated[int, ranges.between(0, 1000)] = 0
    """Augmented views of each training video to embed, in addition to the video itself."""
    dtype: Literal["float16", "float32"] = "float32"
    """Type on disk; float16 takes half the space and keeps three significant digits."""
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""
    group_regex: str | None = None
    """Regular expression; what it matches in a video's path is the video's group, as
    subject_[0-9]+; None: the manifest's groups, or those that names of UCF101, HMDB51 or Kinetics
    contain."""
    allow_leakage: bool = False
    """Accept groups that are in more than one split."""
    work: tyro.conf.OmitArgPrefixes[workers.Workers] = dataclasses.field(
        default_factory=workers.Workers
    )


def prepare(options: Embeddings) -> Path | None:
    """The command `prepare embeddings`: makes the folder, or goes on with it, and says so.

    A folder that is whole is kept, if it was made of the same videos in the same way. With
    `dry_run` there is none.

    Raises:
        UserError: for a manifest, a video, an encoder or weights that can't be used.
    """
    data = run_options.Data(
        data=options.manifest,
        group_regex=options.group_regex,
        allow_leakage=options.allow_leakage,
    )
    if options.group_regex is not None and not datasets.takes_groups(options.manifest):
        raise errors.UserError(f"--group-regex: {datasets.why_no_groups(options.manifest)}")
    videos = datasets.open_data(data, seed=0)
    encoder = encoding.open_encoder(
        options.encoder,
        options.weights,
        num_frames=options.num_frames,
        image_size=options.image_size,
        stage=options.encoder_stage,
        grid=options.encoder_grid,
    ).shown(sampling=options.sampling, padding=options.padding)
    if options.work.dry_run:
        estimate.say(
            videos,
            options.work.threads,
            lambda few, folder: embed.make(
                folder,
                few,
                encoder,
                embed.describe(few, encoder, options.dtype, options.views),
                options.bad_videos,
                options.work.threads,
            ),
        )
        return None
    about = embed.describe(videos, encoder, options.dtype, options.views)
    shown = options.out or embed.cache_folder(options.manifest, about)
    with store_copies.written(shown, embeddings.INDEX) as folder, lock.exclusive(folder):
        if embeddings.is_stored(folder):  # whole, as after a kill in the last moment
            stored = embeddings.read(folder)
            embeddings.check(stored, about)
        else:
            threads = options.work.threads
            with options.work.each(shown) as each:
                stored = embed.make(
                    folder, videos, encoder, about, options.bad_videos, threads, each
                )
    print(
        f"{shown}: {len(stored.manifest.rows)} videos, {stored.array.shape[1]} frames each at "
        f"most, {about.dim} numbers a frame"
        f"{f', {about.views} views of each training video' if about.views else ''}: "
        f"{stored.array.nbytes:,} bytes; {_unread(stored.skipped)}\n"
        "try  python -m flaxvid.train --arch embedding_transformer "
        f"--data {errors.argument(shown)}"
    )
    return shown


def _unread(skipped):
    """How many could not be read, and which."""
    return f"{len(skipped)} could not be read{f' ({errors.some(skipped)})' if skipped else ''}"
