"""Which videos are held out: whole groups only, so that no recording is on both sides."""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from flaxvid import errors
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
    for class_number in range(len(wanted)):
        members = [g for g in order if counts[g, class_number]]
        if held[class_number] == 0 and len(members) > 1:
            smallest = min(members, key=lambda g: counts[g].sum())
            held_out[smallest], held = True, held + counts[smallest]
    return held_out[group]


def hold_out_rows(
    rows: Sequence[manifest.Row],
    share: float,
    *,
    seed: int,
    split: str = "test",
    multi_label: bool = False,
) -> tuple[manifest.Row, ...]:
    """Moves about `share` of every class from training to another split, whole groups only.

    Args:
        rows: in any splits; only those for training are touched.
        share: of the training rows, above 0 and up to 0.5.
        seed: of the draw.
        split: where they go.
        multi_label: a row may have several labels (`manifest.names_of`), and has a part in the
            share of each; those with none are held out like those of one class more.

    Raises:
        ManifestError: for a share out of its range, or a class that no draw of groups can both
            train and test.
    """
    numbers = [number for number, row in enumerate(rows) if row.split == "train"]
    names = {n: _names(rows[n].label, multi_label) for n in numbers}
    sources = {n: rows[n].group or rows[n].path for n in numbers}
    if not 0 < share <= 0.5:
        raise manifest.ManifestError(
            f"{share} can't be the share held out: give more than 0, up to 0.5"
        )
    labels = [name for number in numbers for name in names[number]]
    groups = [sources[number] for number in numbers for _ in names[number]]
    chosen = hold_out(labels, groups, share, np.random.default_rng(seed))
    held = {group for group, out in zip(groups, chosen, strict=True) if out}
    result = list(rows)
    for number in numbers:
        if sources[number] in held:
            result[number] = dataclasses.replace(rows[number], split=split)
    there = collections.defaultdict(set)
    for row in result:
        for name in _names(row.label, multi_label):
            there[name].add(row.split)
    for label in sorted(set(labels) - {""}):
        if not {"train", split} <= there[label]:
            first = next(rows[number] for number in numbers if label in names[number])
            raise manifest.ManifestError(
                f"class {label!r} has one video or group, {first.group or first.path}: it takes "
                f"two or more to stand in train and {split}; add videos, remove the class, or "
                "take another --seed where groups have several classes"
            )
    return tuple(result)


def hold_out_groups(
    rows: Sequence[manifest.Row],
    chosen: Sequence[str],
    *,
    split: str = "test",
    multi_label: bool = False,
) -> tuple[manifest.Row, ...]:
    """Whole groups, by name, in a split of their own, and all other rows in training.

    To hold out each group in turn, and take the mean, is what few groups allow
    (scikit-learn's LeaveOneGroupOut).

    Args:
        rows: in any splits.
        chosen: the names of the groups.
        split: where these go.
        multi_label: a row may have several labels (`manifest.names_of`), each to be trained on.

    Raises:
        ManifestError: for a group that is not there, or a class that only these groups have.
    """
    named = [row.group or row.path for row in rows]
    missing = sorted(set(chosen) - set(named))
    if missing:
        raise manifest.ManifestError(
            f"group {missing[0]!r} is not there; there are {errors.some(sorted(set(named)))}"
        )
    result = tuple(
        dataclasses.replace(row, split=split if group in chosen else "train")
        for row, group in zip(rows, named, strict=True)
    )
    trained = {n for row in result if row.split == "train" for n in _names(row.label, multi_label)}
    for label in dict.fromkeys(n for row in result for n in _names(row.label, multi_label)):
        if label not in trained:
            raise manifest.ManifestError(
                f"class {label!r} is in no other group than {', '.join(chosen)}: hold out fewer "
                "groups, or remove the class"
            )
    return result


def _names(label, multi_label):
    return (manifest.names_of(label) or ("",)) if multi_label else (label,)
