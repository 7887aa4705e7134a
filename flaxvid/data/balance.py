"""Classes of unlike numbers of videos: each given the same say in training."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from flaxvid.data import batches
from flaxvid.data import manifest as manifests

UNEVEN = 2.0  # times as many videos of the largest class as of the smallest

How = Literal["none", "sampling", "loss"]


def is_uneven(labels: Sequence[str] | Sequence[int]) -> bool:
    """Whether the largest class has `UNEVEN` times as many videos as the smallest, or more.

    Accuracy over all videos then is that of the large classes above all.
    """
    counts = collections.Counter(labels).values()
    return bool(counts) and max(counts) >= UNEVEN * min(counts)


def class_weights(videos: manifests.Manifest) -> dict[str, float]:
    """For each class there is, what makes its videos count as much as any other class's.

    Weights are inverse to the number of videos, and 1 on average over the videos.
    """
    counts = collections.Counter(row.label for row in videos.rows)
    return {label: len(videos.rows) / (len(counts) * count) for label, count in counts.items()}


def balanced(rows: batches.Rows, how: How) -> batches.Rows:
    """Rows for training in which all classes count alike.

    Args:
        rows: of the training videos.
        how: `sampling` draws each class as often as any other: an epoch is as long as before, and
            in each of its rows the video is any of a class. `loss` shows each video once an epoch,
            with its `class_weights` as the row's `weight`. `none` leaves them as they are.
    """
    match how:
        case "sampling":
            return _Sampled(rows, rows.manifest, rows.skipped, _by_class(rows.manifest))
        case "loss":
            return _Weighted(rows, rows.manifest, rows.skipped, class_weights(rows.manifest))
        case "none":
            return rows


def _by_class(videos):
    labels = np.array([row.label for row in videos.rows])
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


@dataclasses.dataclass(frozen=True)
class _Sampled:
    rows: batches.Rows
    manifest: manifests.Manifest
    skipped: batches.Skipped
    members: list[np.ndarray]
    """The row numbers of each class."""

    def train_row(self, index, rng):
        members = self.members[index % len(self.members)]
        return self.rows.train_row(int(members[rng.integers(len(members))]), rng)

    def test_row(self, index):
        return self.rows.test_row(index)


@dataclasses.dataclass(frozen=True)
class _Weighted:
    rows: batches.Rows
    manifest: manifests.Manifest
    skipped: batches.Skipped
    weights: dict[str, float]

    def train_row(self, index, rng):
        row = self.rows.train_row(index, rng)
        # One that could not be read stays at 0.
        weight = row["weight"] * self.weights[self.manifest.rows[index].label]
        return row | {"weight": np.float32(weight)}

    def test_row(self, index):
        return self.rows.test_row(index)
