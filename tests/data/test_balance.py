"""Classes of unlike numbers: each is drawn, or weighs, as much as any other."""

import collections
from pathlib import Path

import numpy as np
import pytest

from flaxvid.data import balance, batches, manifest


class Rows:
    """Rows that say which they are; the last could not be read."""

    skipped = batches.Skipped()

    def __init__(self, counts):
        rows = [
            manifest.Row(path=f"{label}{n}.avi", label=label, group="", split="train")
            for label, count in counts.items()
            for n in range(count)
        ]
        self.manifest = manifest.of_rows(Path(), rows)

    def train_row(self, index, rng):
        label = self.manifest.label_index(self.manifest.rows[index])
        read = index < len(self.manifest.rows) - 1
        return {"row": index, "label": np.int32(label), "weight": np.float32(read)}

    def test_row(self, index):
        return self.train_row(index, None)


COUNTS = {"many": 12, "some": 6, "few": 2}


def drawn(how, epochs=50):
    rows = balance.balanced(Rows(COUNTS), how)
    assert isinstance(rows, batches.Rows)
    rng = np.random.default_rng(0)
    return [rows.train_row(i, rng) for _ in range(epochs) for i in range(len(rows.manifest.rows))]


def test_sampling_draws_each_class_equally_often():
    """And within a class, each video."""
    labels = collections.Counter(int(row["label"]) for row in drawn("sampling"))
    assert max(labels.values()) - min(labels.values()) <= 50
    videos = collections.Counter(row["row"] for row in drawn("sampling"))
    assert len(videos) == 20
    assert videos[18] == pytest.approx(6 * videos[0], rel=0.5)  # few has a sixth of many's videos


def test_loss_gives_each_class_the_same_weight_in_all():
    """Each video comes once an epoch; one that could not be read keeps its weight of 0."""
    rows = drawn("loss", epochs=1)
    assert [row["row"] for row in rows] == list(range(20))
    assert rows[-1]["weight"] == 0
    weights = balance.class_weights(Rows(COUNTS).manifest)
    sums = [weights[label] * count for label, count in COUNTS.items()]
    np.testing.assert_allclose(sums, 20 / 3)
    assert {row["weight"].dtype for row in rows} == {np.dtype(np.float32)}
    assert rows[0]["weight"] == pytest.approx(weights["many"])


@pytest.mark.parametrize("how", ["sampling", "loss"])
def test_judging_counts_every_video_once_and_alike(how):
    """What is held out is not weighted."""
    rows = balance.balanced(Rows(COUNTS), how)
    assert [rows.test_row(i)["row"] for i in range(20)] == list(range(20))
    assert rows.test_row(0)["weight"] == 1


def test_none_changes_nothing():
    """The rows themselves."""
    rows = Rows(COUNTS)
    assert balance.balanced(rows, "none") is rows


@pytest.mark.parametrize(
    ("labels", "uneven"), [("aab", True), ("aaabb", False), ("", False), ("aa", False)]
)
def test_uneven_is_twice_as_many(labels, uneven):
    """The largest class beside the smallest."""
    assert balance.is_uneven(list(labels)) is uneven
