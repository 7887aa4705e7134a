"""Batches: the contract, each video once, the same in any number of threads, resumable."""

import dataclasses
import itertools

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import batches, manifest
from flaxvid.video import decode, preprocess

SMALL = preprocess.Preprocessing(num_frames=5, crop_size=16, resize=16, flip=False)


@pytest.fixture
def loader(small_motion):
    """The 40 training videos, at 5 frames of 16 pixels."""
    return batches.VideoRows(small_motion.split("train"), SMALL)


def take(iterator, count):
    return list(itertools.islice(iterator, count))


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_a_batch_keeps_the_contract(loader):
    """Names, shapes and types are those that the steps expect."""
    (batch,) = take(batches.train_batches(loader, 4, seed=0), 1)
    described = {name: (a.dtype.name, a.shape) for name, a in batch.items()}
    assert described == {
        "video": ("uint8", (4, 5, 16, 16, 3)),
        "mask": ("bool", (4, 5)),
        "label": ("int32", (4,)),
        "weight": ("float32", (4,)),
    }


def test_an_epoch_has_every_video_once(loader):
    """Ten batches of 4 are the 40 videos, in an order that is not the manifest's."""
    ten = take(batches.train_batches(loader, 4, seed=0), 10)
    labels = np.concatenate([batch["label"] for batch in ten])
    expected = [loader.manifest.label_index(row) for row in loader.manifest.rows]
    assert sorted(labels.tolist()) == sorted(expected)
    assert labels.tolist() != expected


def test_threads_do_not_change_the_batches(loader):
    """One thread or four: the same clips in the same order."""
    one = take(batches.train_batches(loader, 4, seed=0, threads=1), 12)
    four = take(batches.train_batches(loader, 4, seed=0, threads=4), 12)
    for first, second in zip(one, four, strict=True):
        assert_equal(first, second)


def test_the_seed_changes_the_batches(loader):
    """Another seed, another order."""
    first, second = (take(batches.train_batches(loader, 8, seed=s), 1)[0] for s in (0, 1))
    assert (first["video"] != second["video"]).any()


def test_the_position_is_exact(loader):
    """An iterator set to another's state goes on with the very same pixels."""
    ahead = batches.train_batches(loader, 4, seed=0)
    take(ahead, 13)
    state = ahead.get_state()
    resumed = batches.train_batches(loader, 4, seed=0)
    resumed.set_state(state)
    for first, second in zip(take(ahead, 3), take(resumed, 3), strict=True):
        assert_equal(first, second)


def test_test_batches_count_every_video_once(small_motion):
    """20 videos in batches of 8: the last batch is filled up with rows of weight 0."""
    loader = batches.VideoRows(small_motion.split("test"), SMALL)
    found = list(batches.test_batches(loader, 8))
    assert [len(batch["label"]) for batch in found] == [8, 8, 8]
    assert [batch["weight"].sum() for batch in found] == [8, 8, 4]
    counted = np.concatenate([batch["label"][batch["weight"] > 0] for batch in found])
    assert counted.tolist() == [loader.manifest.label_index(r) for r in loader.manifest.rows]


def test_too_large_a_batch_is_named(loader):
    """The error names the option and the number of videos."""
    with pytest.raises(errors.UserError, match="--batch-size 41 is larger than the 40"):
        batches.train_batches(loader, 41, seed=0)


def test_a_short_video_is_padded_and_masked(small_motion):
    """Of 16 frames, 20 are asked: the last 4 repeat the last frame and are masked out."""
    longer = dataclasses.replace(SMALL, num_frames=20)
    (batch,) = take(
        batches.test_batches(batches.VideoRows(small_motion.split("test"), longer), 1), 1
    )
    assert batch["mask"][0].tolist() == [True] * 16 + [False] * 4
    for t in range(16, 20):
        np.testing.assert_array_equal(batch["video"][0, t], batch["video"][0, 15])


@pytest.fixture
def with_a_bad_video(small_motion, tmp_path):
    """Four good videos and an empty file."""
    (tmp_path / "bad.avi").touch()
    good = [dataclasses.replace(r, path=str(small_motion.path(r))) for r in small_motion.rows[:4]]
    bad = dataclasses.replace(good[0], path=str(tmp_path / "bad.avi"))
    return manifest.Manifest(tmp_path, (*good[:2], bad, *good[2:]), small_motion.labels)


def test_a_bad_video_stops_training_by_default(with_a_bad_video):
    """The error is the decoder's, and names the file."""
    loader = batches.VideoRows(with_a_bad_video, SMALL)
    with pytest.raises(decode.VideoError, match=r"bad\.avi"):
        take(batches.train_batches(loader, 5, seed=0), 1)


def test_a_bad_video_can_be_skipped(with_a_bad_video):
    """Its row counts for nothing, and the video is listed with the reason."""
    loader = batches.VideoRows(with_a_bad_video, SMALL, bad_videos="skip")
    (batch,) = batches.test_batches(loader, 5)
    assert batch["weight"].tolist() == [1, 1, 0, 1, 1]
    ((path, reason),) = loader.skipped.reasons().items()
    assert path.endswith("bad.avi")
    assert "empty" in reason


def test_several_clips_of_every_video(loader):
    """With 3 clips a video, 30 batches of 4 have every video three times."""
    many = take(batches.train_batches(loader, 4, seed=0, clips_per_video=3), 30)
    labels = np.concatenate([batch["label"] for batch in many]).tolist()
    expected = [loader.manifest.label_index(row) for row in loader.manifest.rows]
    assert sorted(labels) == sorted(3 * expected)


def test_processes_share_one_order(loader):
    """Two processes of 4 clips together have the clips of a single one's batch of 8."""
    alone = take(batches.train_batches(loader, 8, seed=0), 6)
    shares = [
        take(batches.train_batches(loader, 8, seed=0, process=rank, processes=2), 6)
        for rank in (0, 1)
    ]
    for whole, first, second in zip(alone, *shares, strict=True):
        assert_equal({name: a[0::2] for name, a in whole.items()}, first)
        assert_equal({name: a[1::2] for name, a in whole.items()}, second)


def test_a_position_holds_for_any_number_of_processes(loader):
    """After 7 batches by one process, two go on with the very clips of the 8th: none twice."""
    alone = batches.train_batches(loader, 8, seed=0)
    take(alone, 7)
    shares = [
        batches.train_batches(loader, 8, seed=0, process=rank, processes=2) for rank in (0, 1)
    ]
    for share in shares:
        share.set_state(alone.get_state())
    (whole,), *parts = take(alone, 1), *(take(share, 1)[0] for share in shares)
    for rank, part in enumerate(parts):
        assert_equal({name: a[rank::2] for name, a in whole.items()}, part)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clips_per_video": 0}, "--clips-per-video 0"),
        ({"processes": 3}, "--batch-size 4 does not divide over 3 processes"),
    ],
)
def test_impossible_batches_are_named(loader, options, message):
    """The error names the option."""
    with pytest.raises(errors.UserError, match=message):
        batches.train_batches(loader, 4, seed=0, **options)


def test_prefetched_batches_are_the_same_and_ahead(loader):
    """Two batches wait on the device when the first is handed out."""
    put = []
    ready = batches.Prefetched(
        batches.train_batches(loader, 4, seed=0), lambda b: put.append(b) or b, ahead=2
    )
    plain = batches.train_batches(loader, 4, seed=0)
    for number in range(5):
        assert_equal(next(ready), next(plain))
        assert len(put) == number + 3
    ready.close()


def test_the_position_is_that_of_batches_handed_out(loader):
    """What waits on the device is not counted as seen."""
    ready = batches.Prefetched(batches.train_batches(loader, 4, seed=0), lambda b: b)
    take(ready, 5)
    state = ready.get_state()
    resumed = batches.Prefetched(batches.train_batches(loader, 4, seed=0), lambda b: b)
    next(resumed)
    resumed.set_state(state)
    for first, second in zip(take(ready, 3), take(resumed, 3), strict=True):
        assert_equal(first, second)
