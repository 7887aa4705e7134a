"""Clips for testing: several views of every video, and the same clips in another order.

A view is a window of time and a crop of the picture; a model's probabilities are averaged over
the views of a video. The orders ask what a model knows of time: one that is as right on shuffled
frames as before has learnt what a video looks like, and nothing of what happens in it.
"""

from collections.abc import Iterator

import grain
import numpy as np
from jaxtyping import Bool, Shaped

from flaxvid import errors
from flaxvid.data import batches
from flaxvid.video import selection, transform

ORDERS = ("shuffled", "reversed", "frozen", "single")


def view_batches(
    loader: batches.Rows,
    batch_size: int,
    *,
    windows: int = 1,
    crops: int = 1,
    order: str | None = None,
    threads: int = 2,
) -> Iterator[batches.Batch]:
    """Every view of every video once, in the manifest's order, whatever the batch size.

    Beside the usual, a batch has the number of each clip's row in `row`, int32 `batch`; the last
    batch is filled with weight-0 rows.

    Args:
        loader: of the videos, or of embeddings, which have one view.
        batch_size: clips in a batch.
        windows: of time, at least 1 (`selection.view_indices`).
        crops: 1 or 3 (`transform.test_clips`).
        order: None leaves the frames as they are; else one of `ORDERS` (`reorder`).
        threads: that decode.

    Raises:
        UserError: for an unknown order, or several views of embeddings.
    """
    if order is not None and order not in ORDERS:
        raise errors.UserError(f"order {order!r}: there are {', '.join(ORDERS)}")
    several = windows * crops > 1
    if several and not isinstance(loader, batches.VideoRows):
        raise errors.UserError(
            f"{windows} windows of {crops} crops: embeddings were made of one view: give 1 and 1"
        )

    def clips_of(index):
        clips = _views(loader, index, windows, crops) if several else _one(loader.test_row(index))
        if order is not None:
            for number in range(len(clips["label"])):
                _reorder_row(clips, number, order, np.random.default_rng([index, number]))
        return clips | {"row": np.full(len(clips["label"]), index, np.int32)}

    dataset = grain.MapDataset.source(range(len(loader.manifest.rows))).map(clips_of)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
    yield from _rebatched(dataset.to_iter_dataset(options), batch_size)


def reorder(
    clip: Shaped[np.ndarray, "time *rest"],
    mask: Bool[np.ndarray, " time"],
    order: str,
    rng: np.random.Generator,
) -> tuple[Shaped[np.ndarray, "time *rest"], Bool[np.ndarray, " time"]]:
    """The real frames of a clip in another order; padding stays where it is.

    `shuffled`: at random, and not as they were if there are two or more. `reversed`: backwards.
    `frozen`: the middle frame again and again. `single`: the middle frame at its place, the others
    masked and black.

    Args:
        clip: frames, or embeddings of frames.
        mask: True for real frames, all of which come before the padding.
        order: one of `ORDERS`.
        rng: for `shuffled`.
    """
    real = int(mask.sum())
    places = np.arange(len(clip))
    middle = (real - 1) // 2
    if order == "single":
        alone = places == middle
        return np.where(alone.reshape(-1, *[1] * (clip.ndim - 1)), clip, 0), alone & mask
    match order:
        case "reversed":
            places[:real] = places[:real][::-1]
        case "frozen":
            places[:real] = middle
        case "shuffled":
            places[:real] = rng.permutation(real)
            while real > 1 and np.array_equal(places, np.arange(len(clip))):
                places[:real] = rng.permutation(real)
    return clip[places], mask


def _one(row):
    return {name: np.asarray(value)[None] for name, value in row.items()}


def _views(loader, index, windows, crops):
    shown = loader.preprocessing

    def choose(num_frames):
        views = selection.view_indices(num_frames, shown, windows)
        return views.reshape(-1)

    def cut(frames):
        return transform.test_clips(frames, shown, crops)

    return loader.clips(index, choose, cut, windows * crops)


def _reorder_row(clips, number, order, rng):
    pixels = "video" if "video" in clips else "embedding"
    clip, mask = reorder(clips[pixels][number], clips["mask"][number], order, rng)
    clips[pixels][number], clips["mask"][number] = clip, mask


def _rebatched(pieces, batch_size):
    """Batches of `batch_size` from pieces of any number of rows, the last one filled."""
    waiting, count = [], 0
    for piece in pieces:
        waiting.append(piece)
        count += len(piece["label"])
        while count >= batch_size:
            together = _joined(waiting)
            yield {name: values[:batch_size] for name, values in together.items()}
            waiting = [{name: values[batch_size:] for name, values in together.items()}]
            count -= batch_size
    if count:
        yield batches.fill(_joined(waiting), batch_size)


def _joined(pieces):
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
