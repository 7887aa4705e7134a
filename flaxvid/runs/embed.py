"""Videos to embeddings on disk: what `prepare embeddings` does, and `train` where it needs to."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

import tyro

from flaxvid import errors, progress, ranges
from flaxvid.data import batches, contents, embeddings, lock, manifest
from flaxvid.recipes import zoo
from flaxvid.runs import config, encoding, options
from flaxvid.video import transform

CACHE = Path("data") / "embeddings"


@dataclasses.dataclass(frozen=True)
class EmbeddingsOptions:
    """Every frame of every video to a vector, by an image network trained on ImageNet."""

    manifest: Annotated[str, tyro.conf.Positional, ranges.Source(("motion",))]
    """A manifest (.csv, .json), a folder of class folders, `motion` or `motion:hard`."""
    out: Annotated[Path | None, ranges.NewFolder()] = None
    """Folder to make; None: one under data/embeddings."""
    encoder: str = config.Data.encoder
    """lite0, resnet18, densenet121, or densenet121_writeup: fed pixels / 255 and pooled without the
    last ReLU, as the PyTorch notebook does."""
    weights: Annotated[str | None, ranges.Source(("hf:",))] = None
    """Of the encoder: a file or hf:owner/name; None: its usual ones."""
    num_frames: Annotated[int, ranges.FRAMES] = 20
    """Frames of a video, spread over it; a video with fewer gives all it has."""
    sampling: Literal["spread", "interval"] = "spread"
    """Middles of equal parts of the video, or, as tutorials do, every
    max(1, total // num_frames)-th frame from the first."""
    padding: Literal["repeat", "zeros", "zeros_unmasked"] = "repeat"
    """zeros_unmasked: black frames fill up short videos, are embedded, and count as frames; the
    others: a short video has as many embeddings as frames."""
    image_size: Annotated[int, ranges.PIXELS] = 224
    """Height and width that the encoder sees, in pixels."""
    dtype: Literal["float16", "float32"] = "float32"
    """Type on disk; float16 takes half the space and keeps three digits."""
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""
    allow_leakage: bool = False
    """Go on although a group stands in more than one split."""
    threads: Annotated[int, ranges.THREADS] = 2
    """Threads that decode."""


def prepare_embeddings(chosen: EmbeddingsOptions) -> Path:
    """The command `prepare embeddings`: makes the folder, or goes on with it, and says so.

    Raises:
        UserError: for a manifest, a video, an encoder or weights that can't be used.
    """
    data = config.Data(data=chosen.manifest, allow_leakage=chosen.allow_leakage)
    videos = options.open_data(data, seed=0)
    encoder = encoding.open_encoder(
        chosen.encoder,
        chosen.weights,
        num_frames=chosen.num_frames,
        image_size=chosen.image_size,
    ).shown(sampling=chosen.sampling, padding=chosen.padding)
    about = describe(videos, encoder, chosen.dtype)
    folder = chosen.out or cache_folder(chosen.manifest, about)
    with lock.exclusive(folder):
        stored = make(folder, videos, encoder, about, chosen.bad_videos, chosen.threads)
    print(
        f"{folder}: {len(stored.lengths)} videos, {stored.array.shape[1]} frames each at most, "
        f"{about.dim} numbers a frame; {len(stored.skipped)} could not be read\n"
        f"try  python -m flaxvid.train --arch embedding_transformer --data {folder}"
    )
    return folder


def for_training(
    chosen: options.TrainOptions, videos: manifest.Manifest
) -> embeddings.Stored | None:
    """The embeddings that `--data` names, or those of its videos; None if the model sees pixels.

    Those of videos are made once and kept under `CACHE`.

    Raises:
        UserError: if the model sees pixels and the data are embeddings, if they are of another
            kind than was asked for, or if they can't be made.
    """
    data, inputs = chosen.data, zoo.ARCHITECTURES[chosen.arch].inputs
    given = embeddings.is_stored(Path(data.data))
    if inputs == "video":
        if given:
            raise errors.UserError(
                f"--data {data.data}: holds embeddings, and --arch {chosen.arch} takes videos: "
                "give the manifest they were made of"
            )
        return None
    if given:
        stored = embeddings.read(Path(data.data))
        _refuse_changed_videos(stored)
        return stored
    encoder = encoding.open_encoder(
        data.encoder,
        data.encoder_weights,
        num_frames=data.num_frames,
        image_size=data.image_size,
    ).shown(sampling=data.sampling, padding=data.padding)
    about = describe(videos, encoder)
    folder = cache_folder(data.data, about)
    if not embeddings.is_stored(folder):
        with lock.exclusive(folder):
            if not embeddings.is_stored(folder):
                print(f"{folder}: makes the embeddings of {data.data} by {encoder.name} first")
                return make(folder, videos, encoder, about, data.bad_videos, data.threads)
    print(f"{folder}: the embeddings of {data.data} by {encoder.name}, made before")
    stored = embeddings.read(folder)
    embeddings.check(stored, about)
    return stored


def _refuse_changed_videos(stored):
    """Embeddings may stand without their videos; but if those are there, they must be the same."""
    videos, made_of = stored.manifest, stored.about.content
    if not made_of or not all(videos.path(row).exists() for row in videos.rows):
        return
    if contents.fingerprint(videos) != made_of:
        raise errors.UserError(
            f"--data {stored.folder}: the videos under {videos.root} have changed since these "
            "embeddings were made of them; make others with `prepare embeddings`"
        )


def describe(
    videos: manifest.Manifest, encoder: encoding.Encoder, dtype: str = "float32"
) -> embeddings.About:
    """What the embeddings of these videos by this encoder are made of and with."""
    return embeddings.About(
        encoder=encoder.name,
        weights=encoder.weights,
        sha256=encoder.sha256,
        dim=encoder.dim,
        preprocessing=encoder.preprocessing,
        manifest=videos.fingerprint(),
        dtype=dtype,
        content=contents.fingerprint(videos),
    )


def cache_folder(data: str, about: embeddings.About) -> Path:
    """Where embeddings are kept that nobody gave a place: a folder of their own for each kind."""
    facts = {name: value for name, value in about.to_dict().items() if name != "weights"}
    shown = facts["preprocessing"].items()
    usual = dict(sampling="spread", padding="repeat")  # folders from before them keep their names
    facts["preprocessing"] = {
        k: v for k, v in shown if k not in transform.TRAINING_ONLY and v != usual.get(k)
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
    shown = about.preprocessing
    stem = Path(data).stem.replace(":", "-")
    size = f"{shown.crop_size}px-{shown.num_frames}frames"
    return CACHE / f"{stem}-{about.encoder}-{size}-{digest}"


def make(
    folder: Path,
    videos: manifest.Manifest,
    encoder: encoding.Encoder,
    about: embeddings.About,
    bad_videos: Literal["error", "skip"] = "error",
    threads: int = 2,
) -> embeddings.Stored:
    """Embeds all videos of a manifest, or those that are left after a kill.

    Raises:
        UserError: if the folder exists or was begun with something else, or for a bad video.
    """
    with embeddings.Writer(folder, videos, about) as writer:
        left = writer.left()
        done = len(videos.rows) - len(left)
        if done:
            print(f"{folder}: goes on after {done} of {len(videos.rows)} videos")
        if left:
            clips = _clips(writer, left, videos, encoder.preprocessing, bad_videos, threads)
            embedded = encoding.encode_clips(encoder.encode, clips)
            for number, embedding in embedded:
                writer.write(number, embedding)
        return writer.finish()


def _clips(writer, left, videos, preprocessing, bad_videos, threads):
    """The number and the real frames of every video that is left; notes those that are bad."""
    rows = tuple(videos.rows[number] for number in left)
    skipped = batches.Skipped()
    loader = batches.VideoRows(
        dataclasses.replace(videos, rows=rows), preprocessing, bad_videos, skipped
    )
    decoded = batches.test_batches(loader, 1, threads=threads)
    tracked = progress.track(decoded, len(left), "embedding", "video")
    for number, batch in zip(left, tracked, strict=True):
        if batch["weight"][0] == 0:
            path = str(videos.path(videos.rows[number]))
            writer.skip(number, skipped.reasons()[path])
        else:
            yield number, batch["video"][0][batch["mask"][0]]
