"""Videos to embeddings on disk: what `prepare embeddings` does, and `train` where it needs to."""

import dataclasses
import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import grain
import numpy as np

from flaxvid import errors, progress, stores
from flaxvid.data import (
    augmented_views,
    batches,
    content_hash,
    embeddings,
    embeddings_writer,
    lock,
    manifest,
    sources,
    workers,
)
from flaxvid.recipes import zoo
from flaxvid.runs import clip_encoding, encoding, options
from flaxvid.runs import encoder as encoders
from flaxvid.video import preprocess

CACHE = Path("data") / "embeddings"
MOST_VIEWS, ALL_VIEWS = 10, 5000  # of a training video, and of all of them together


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
    place = sources.place(data.data)
    given = embeddings.is_stored(place)
    if inputs == "video":
        if given:
            raise errors.UserError(
                f"--data {data.data}: holds embeddings, and --arch {chosen.arch} takes videos: "
                "give the manifest they were made of"
            )
        return None
    if given:
        stored = embeddings.read(place)
        _refuse_changed_videos(stored)
        return stored.labelled_as(videos)
    encoder = encoding.open_encoder(
        data.encoder,
        data.encoder_weights,
        num_frames=data.num_frames,
        image_size=data.image_size,
        stage=data.encoder_stage,
        grid=data.encoder_grid,
    ).shown(sampling=data.sampling, padding=data.padding)
    if encoder.told:
        print(encoder.told)
    # How labels are read has no part in embeddings: they are made once for either way.
    labelled, videos = videos, manifest.one_label(videos)
    views = number_of_views(videos) if data.views is None else data.views
    about = describe(videos, encoder, views=views)
    folder = cache_folder(data.data, about)
    if not embeddings.is_stored(folder):
        with lock.exclusive(folder):
            if not embeddings.is_stored(folder):
                print(f"{folder}: makes the embeddings of {data.data} by {encoder.name} first")
                if about.tokens:
                    print(f"  {_sizes(videos, about)}")
                stored = make(folder, videos, encoder, about, data.bad_videos, data.threads)
                return stored.labelled_as(labelled)
    print(f"{folder}: the embeddings of {data.data} by {encoder.name}, made before")
    stored = embeddings.read(folder)
    embeddings.check(stored, about)
    return stored.labelled_as(labelled)


def _sizes(videos, about):
    """What the embeddings of whole clips take on disk."""
    each = about.rows * about.dim * np.dtype(about.dtype).itemsize
    count = len(videos.rows) + len(embeddings.view_rows(videos, about.views))
    return (
        f"{about.rows} tokens of {about.dim} numbers a video, averaged in {about.grid} x "
        f"{about.grid} cells of a frame (--encoder-grid): {each / 2**10:,.1f} KiB each, "
        f"{count * each / 2**20:,.1f} MiB in all"
    )


def _refuse_changed_videos(stored):
    """Embeddings may stand without their videos; but if those are there, they must be the same."""
    videos, made_of = stored.manifest, stored.about.content
    if not made_of or not all(content_hash.are_there(videos)):
        return
    if content_hash.fingerprint(videos) != made_of:
        raise errors.UserError(
            f"--data {stored.folder}: the videos under {videos.root} have changed since these "
            "embeddings were made of them; make others with `prepare embeddings`"
        )


def number_of_views(videos: manifest.Manifest) -> int:
    """Views of each training video that are worth their time: fewer, the more videos there are."""
    count = videos.splits().get("train", 1)
    return min(MOST_VIEWS, ALL_VIEWS // count)


def describe(
    videos: manifest.Manifest, encoder: encoders.Encoder, dtype: str = "float32", views: int = 0
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
        content=content_hash.fingerprint(videos),
        stage=encoder.stage,
        grid=encoder.grid,
        views=views,
        tokens=encoder.tokens,
    )


def cache_folder(data: str, about: embeddings.About) -> Path:
    """Where embeddings are kept that nobody gave a place: a folder of their own for each kind."""
    facts = {name: value for name, value in about.to_dict().items() if name != "weights"}
    shown = facts["preprocessing"].items()
    usual = dict(
        sampling="spread", padding="repeat", center="none"
    )  # folders from before them keep their names
    facts["preprocessing"] = {
        k: v for k, v in shown if k not in preprocess.TRAINING_ONLY and v != usual.get(k)
    }
    plain = {"stage": None, "grid": 1, "views": 0, "tokens": 0}
    facts = {k: v for k, v in facts.items() if k not in plain or v != plain[k]}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
    shown = about.preprocessing
    stem = Path(data).stem.replace(":", "-")
    size = f"{shown.crop_size}px-{shown.num_frames}frames"
    return CACHE / f"{stem}-{about.encoder}-{size}-{digest}"


def make(
    folder: Path,
    videos: manifest.Manifest,
    encoder: encoders.Encoder,
    about: embeddings.About,
    bad_videos: Literal["error", "skip"] = "error",
    threads: int = 2,
    each: workers.Each | None = None,
) -> embeddings.Stored:
    """Embeds all videos of a manifest, or those that are left after a kill.

    Args:
        folder: to make.
        videos: to embed.
        encoder: by which.
        about: what they are made of and with.
        bad_videos: stop at one that can't be read, or note it.
        threads: that decode.
        each: where they are embedded, each by itself; None: here, many at a time.

    Raises:
        UserError: if the folder exists or was begun with something else, or for a bad video.
    """
    with embeddings_writer.Writer(folder, videos, about) as writer:
        left = writer.left()
        whole = len(videos.rows) + len(writer.views)
        if len(left) < whole:
            said = "videos and views" if writer.views else "videos"
            print(f"{folder}: goes on after {whole - len(left)} of {whole} {said}")
        if left:
            jobs = _jobs(left, len(videos.rows), writer.views)
            shown = sum(number >= len(videos.rows) for number in left)
            what = f"embedding {len(left) - shown} videos"
            what += f" and {shown} views of them" * bool(shown)
            decode = functools.partial(
                _decode, root=str(videos.root), shown=encoder.preprocessing, bad_videos=bad_videos
            )
            items = [(*job, dataclasses.astuple(videos.rows[job[1]])) for job in jobs]
            if each is None:
                # What is decoded comes in the order of the jobs.
                dataset = grain.MapDataset.source(items).map(decode)
                options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
                decoded = iter(dataset.to_iter_dataset(options))
                tracked = progress.track(decoded, len(jobs), what, "reading")
                for number, embedding in _encode(encoder, _real(jobs, tracked, writer.skip)):
                    writer.write(number, embedding)
            else:
                embed_one = functools.partial(embed_video, decode=decode, about=about)
                done = progress.track(each(embed_one, items), len(items), what, "reading")
                for number, embedding, reason in itertools.chain.from_iterable(done):
                    if reason is None:
                        writer.write(number, embedding)
                    else:
                        writer.skip(number, reason)
        return writer.finish()


def _decode(item, root, shown, bad_videos):
    """The frames of a video or of views of it, as rows of a batch, and why it can't be read."""
    _, source, views, row = item
    row, skipped = manifest.Row(*row), batches.Skipped()
    videos = manifest.Manifest(stores.path(root), (row,), (row.label,))
    loader = batches.VideoRows(videos, shown, bad_videos, skipped)
    if views:
        clips = augmented_views.clips(loader, 0, views, source)
    else:
        clips = {name: np.asarray(value)[None] for name, value in loader.test_row(0).items()}
    return clips, next(iter(skipped.reasons().values()), None)


def _real(jobs, decoded, skip):
    """The number, the frames and their mask of every row; those that can't be read are skipped."""
    for (number, *_), (clips, reason) in zip(jobs, decoded, strict=True):
        for offset, weight in enumerate(clips["weight"]):
            if weight == 0:
                skip(number + offset, reason)
            else:
                yield number + offset, (clips["video"][offset], clips["mask"][offset])


def _encode(encoder, clips):
    """The number and the embedding of every clip."""
    if encoder.tokens:
        return clip_encoding.encode_clips(encoder.encode, clips)
    frames = ((number, video[mask]) for number, (video, mask) in clips)
    return encoding.encode_clips(encoder.encode, frames)


def embed_video(
    item: Sequence[Any], decode: Callable[..., Any], about: embeddings.About
) -> list[tuple[int, np.ndarray | None, str | None]]:
    """A video, or views of it, embedded by themselves in a process that knows no others.

    Returns:
        For each row of the array its number, and its embedding or why the video can't be read.
    """
    encoder, skipped = _opened(about), []
    clips = _real([item], [decode(item)], lambda number, reason: skipped.append((number, reason)))
    found = [(number, embedding, None) for number, embedding in _encode(encoder, clips)]
    return found + [(number, None, reason) for number, reason in skipped]


_opened = functools.lru_cache(1)(encoding.reopen)  # once for all videos of a process


def _jobs(left, count, views):
    """First row, its video, and the numbers of the views that are decoded together, or none."""
    jobs = [(number, number, ()) for number in left if number < count]
    for number in left:
        if number < count:
            continue
        source, view = views[number - count]
        first, of, together = jobs[-1] if jobs else (0, 0, ())
        follows = together and of == source and first + len(together) == number
        if follows and len(together) < augmented_views.TOGETHER:
            jobs[-1] = first, of, (*together, view)
        else:
            jobs.append((number, source, (view,)))
    return jobs
