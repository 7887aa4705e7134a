"""`prepare from-actionbert` and `prepare to-actionbert`: its embeddings in and out."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Annotated

import tyro

from flaxvid import errors, folders, ranges
from flaxvid.data import actionbert, embeddings, embeddings_writer, leakage
from flaxvid.models import frame_encoders

Files = Annotated[tuple[Path, Path], ranges.File()]


@dataclasses.dataclass(frozen=True)
class FromActionbert:
    """Convert embeddings from ActionBERT's prepare_data.py to a folder for --data."""

    out: Annotated[Path, tyro.conf.Positional, ranges.NewFolder()]
    """Output folder."""
    train: Files
    """Index (.json) and array (.npy) for training ..."""
    test: Files
    """... and for testing."""
    encoder: str = "resnet18"
    """Encoder that made them; the files don't record it."""
    allow_leakage: bool = False
    """Accept groups that are in more than one split, as they are in its own splits."""


def prepare_from(options: FromActionbert) -> None:
    """A folder of embeddings, video by video.

    Raises:
        UserError: for files that are no such pair, of another size than the encoder's, or of
            splits that share groups.
    """
    splits = {
        "train": actionbert.read(*options.train),
        "test": actionbert.read(*options.test),
    }
    videos = actionbert.videos_of(splits)
    if not options.allow_leakage:
        leakage.check_leakage(videos)
    encoder = frame_encoders.find(options.encoder)
    for split, (_, array) in (
        (splits["train"], options.train),
        (splits["test"], options.test),
    ):
        if split.array.shape[-1] != encoder.dim:
            raise errors.UserError(
                f"{array}: has {split.array.shape[-1]} numbers a frame, and {options.encoder} "
                f"gives {encoder.dim}; name the encoder that made them with --encoder"
            )
    longest = max(split.array.shape[1] for split in splits.values())
    about = embeddings.About(
        encoder=options.encoder,
        weights=encoder.weights,
        # Not that of the weights, which nobody wrote down: so no other weights pass for them.
        sha256=_digest(options.train[1], options.test[1]),
        dim=encoder.dim,
        preprocessing=next(iter(encoder.preprocessings.values())).fitted(
            num_frames=longest, stride=None, crop_size=224
        ),
        manifest=videos.fingerprint(),
    )
    with embeddings_writer.Writer(options.out, videos, about) as writer:
        rows = (
            (row, length)
            for split in splits.values()
            for row, length in zip(split.array, split.lengths, strict=True)
        )
        for number, (row, length) in enumerate(rows):
            writer.write(number, row[:length])
        writer.finish()
    print(
        f"{options.out}: {len(videos.rows)} videos, {longest} frames each at most\n"
        f"try  python -m flaxvid.train --arch bert --data {errors.argument(options.out)}"
    )


@dataclasses.dataclass(frozen=True)
class ToActionbert:
    """Convert embeddings for ActionBERT's main.py: an index and an array for each split."""

    data: Annotated[Path, tyro.conf.Positional, ranges.Folder()]
    """Folder of embeddings."""
    out: Annotated[Path, tyro.conf.Positional, ranges.NewFolder()]
    """Folder to write; it must not contain such files yet."""


def prepare_to(options: ToActionbert) -> None:
    """`train.json`, `train.npy` and so on.

    Raises:
        UserError: if there are no embeddings, or a file is there already.
    """
    stored = embeddings.read(options.data)
    pairs = {
        split: (options.out / f"{split}.json", options.out / f"{split}.npy")
        for split in stored.manifest.splits()
    }
    there = [path for pair in pairs.values() for path in pair if path.exists()]
    if there:
        raise errors.UserError(f"{there[0]}: is there already; choose another folder")
    folders.make_folder(options.out)
    for split, pair in pairs.items():
        actionbert.write(stored, split, *pair)
        print(f"{pair[0]}, {pair[1].name}")


def _digest(*paths):
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
