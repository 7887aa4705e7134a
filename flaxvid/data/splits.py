"""Which videos are held out: whole groups only, so that no recording is on both sides."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from flaxvid.data import manifest


def hold_out(
    labels: Sequence[str], groups: Sequence[str], share: float, rng: np.random.Generator
) -> Bool[np.ndarray, " videos"]:
    """Chooses about `share` of every class for testing, all videos of a group or none.

    Groups come in random order; one is held out if that brings the classes closer to their
    share. A class that would stay without a test video gives its smallest group, if it has two.

    Args:
        labels: the class of each video.
        groups: the group of each video: the recording, the actor or the place it comes from.
        share: of the videos, above 0 and up to 0.5.
        rng: where the randomness comes from.

    Returns:
        True for the videos held out.

    Raises:
        ValueError: if `share` is out of its range.

    Source: the idea is that of scikit-learn's StratifiedGroupKFold.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f"the share held out must be above 0 and up to 0.5, not {share}")
    _, label = np.unique(np.asarray(labels, str), return_inverse=True)
    _, group = np.unique(np.asarray(groups, str), return_inverse=True)
    counts = np.zeros((group.max(initial=-1) + 1, label.max(initial=-1) + 1), np.int64)
    np.add.at(counts, (group, label), 1)
    wanted = share * counts.sum(axis=0)
    order = rng.permutation(len(counts))
    held_out = np.zeros(len(counts), bool)
    held = np.zeros(counts.shape[1])
    for candidate in order:
        before, after = np.abs(held - wanted).sum(), np.abs(held + counts[candidate] - wanted).sum()
        if after < before:
            held_out[candidate], held = True, held + counts[candidate]
    for class_number in np.flatnonzero(held == 0):
        members = [g for g in order if counts[g, class_number]]
        if len(members) > 1:
            held_out[min(members, key=lambda g: counts[g].sum())] = True
    return held_out[group]


def hold_out_rows(
    rows: Sequence[manifest.Row], share: float, *, seed: int, split: str = "test"
) -> tuple[manifest.Row, ...]:
    """Moves about `share` of every class from training to another split, whole groups only.

    Args:
        rows: in any splits; only those for training are touched.
        share: of the training rows, above 0 and up to 0.5.
        seed: of the draw.
        split: where they go.

    Raises:
        ManifestError: for a share out of its range, or a class that no draw of groups can both
            train and test.
    """
    numbers = [number for number, row in enumerate(rows) if row.split == "train"]
    labels = [rows[number].label for number in numbers]
    sources = [rows[number].group or rows[number].path for number in numbers]
    if not 0 < share <= 0.5:
        raise manifest.ManifestError(
            f"{share} can't be the share held out: give more than 0, up to 0.5"
        )
    chosen = hold_out(labels, sources, share, np.random.default_rng(seed))
    result = list(rows)
    for number, held in zip(numbers, chosen, strict=True):
        if held:
            result[number] = dataclasses.replace(rows[number], split=split)
    for label in sorted(set(labels)):
        found = {row.split for row in result if row.label == label}
        if not {"train", split} <= found:
            first = next(rows[number] for number in numbers if rows[number].label == label)
            raise manifest.ManifestError(
                f"class {label!r} has one video or group, {first.group or first.path}: it takes "
                f"two or more to stand in train and {split}; add videos, remove the class, or "
                "take another --seed where groups have several classes"
            )
    return tuple(result)
