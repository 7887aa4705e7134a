"""Embeddings on disk: ActionBERT's index, whole or not there, and nothing mixed up."""

import dataclasses
import errno
import json
import os

import numpy as np
import pytest

from flaxvid.data import batches, embeddings, embeddings_writer, manifest
from flaxvid.video import preprocess

ROWS = (
    manifest.Row("b/one.mp4", "jump", "one", "train"),
    manifest.Row("a/two.mp4", "run", "two", "test", 0.5, 2.0),
    manifest.Row("b/three.mp4", "jump", "three", "train"),
    manifest.Row("a/four.mp4", "run", "four", "train"),
)
LENGTHS = (5, 3, 1, 4)


@pytest.fixture
def videos(tmp_path):
    return manifest.Manifest(tmp_path, ROWS, ("jump", "run"))


def about_of(videos, **changes):
    facts = dict(
        encoder="resnet18",
        weights="weights.pth",
        sha256="0" * 64,
        dim=6,
        preprocessing=preprocess.Preprocessing(num_frames=5),
        manifest=videos.fingerprint(),
        content="files",
    )
    return embeddings.About(**facts | changes)


def embedding_of(number):
    return np.random.default_rng(number).normal(size=(LENGTHS[number], 6)).astype(np.float32)


def write_all(folder, videos, **changes):
    with embeddings_writer.Writer(folder, videos, about_of(videos, **changes)) as writer:
        for number in writer.left():
            writer.write(number, embedding_of(number))
        return writer.finish()


def test_what_was_written_is_read(tmp_path, videos):
    """Every video's embeddings come back, with zeros after its end, its label and its split."""
    write_all(tmp_path / "kept", videos)
    stored = embeddings.read(tmp_path / "kept")
    assert stored.array.shape == (4, 5, 6)
    assert stored.lengths.tolist() == list(LENGTHS)
    for number, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(stored.array[number, :length], embedding_of(number))
        assert not stored.array[number, length:].any()
    assert stored.manifest == videos
    assert stored.about == about_of(videos)


def test_the_index_is_actionberts(tmp_path, videos):
    """An index as ActionBERT's reader takes it, and a plain array beside it."""
    write_all(tmp_path / "kept", videos)
    index = json.loads((tmp_path / "kept" / "index.json").read_text())
    first = {name: index["data"][1][name] for name in list(index["data"][1])[:4]}
    assert first == {"video_idx": 1, "video_name": "a/two.mp4", "video_length": 3, "label_idx": 1}
    assert index["memmap_size"] == [4, 5, 6]
    assert "split" in index
    assert np.load(tmp_path / "kept" / "embeddings.npy", mmap_mode="r").shape == (4, 5, 6)


def test_a_full_disk_is_told_before_it_is_written_to(tmp_path, videos, monkeypatch):
    """A file with holes would end the process without a word when one of them is filled."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(embeddings.EmbeddingsError, match="can't be written .No space left"):
            write_all(tmp_path / "kept", videos)
    assert len(write_all(tmp_path / "kept", videos).lengths) == 4


@pytest.mark.parametrize("number", [-1, 2, 0.5, None, "0"])
def test_a_label_index_out_of_range_is_refused(number, tmp_path, videos):
    """-1 would be the last class without a word."""
    write_all(tmp_path / "kept", videos)
    path = tmp_path / "kept" / "index.json"
    index = json.loads(path.read_text())
    index["data"][0]["label_idx"] = number
    path.write_text(json.dumps(index))
    with pytest.raises(embeddings.EmbeddingsError, match="index.json: .* label_idx of"):
        embeddings.read(tmp_path / "kept")


def test_an_empty_array_is_refused(tmp_path, videos):
    """A file of no bytes, as a power cut leaves it."""
    write_all(tmp_path / "kept", videos)
    (tmp_path / "kept" / "embeddings.npy").write_bytes(b"")
    with pytest.raises(embeddings.EmbeddingsError, match="embeddings.npy: is damaged"):
        embeddings.read(tmp_path / "kept")


def test_float16_halves_the_file_and_reads_as_float32(tmp_path, videos):
    """On disk in float16, in a batch in float32, within three digits."""
    stored = write_all(tmp_path / "kept", videos, dtype="float16")
    assert stored.array.dtype == np.float16
    row = embeddings.EmbeddingRows(stored, "train").test_row(0)
    assert row["embedding"].dtype == np.float32
    np.testing.assert_allclose(row["embedding"], embedding_of(0), rtol=1e-3, atol=1e-3)


# ------------------------------------------------------------------ killed in the middle
def test_it_goes_on_after_a_kill(tmp_path, videos):
    """What was done is neither redone nor lost, and nothing has the final name until all is."""
    with embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos)) as writer:
        writer.write(2, embedding_of(2))
        writer.write(0, embedding_of(0))
    assert not (tmp_path / "kept").exists()
    with embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos)) as writer:
        assert writer.left() == [1, 3]
        for number in (1, 3):
            writer.write(number, embedding_of(number))
        stored = writer.finish()
    for number, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(stored.array[number, :length], embedding_of(number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_a_line_cut_short_is_done_again(tmp_path, videos):
    """A kill in the middle of a line of the journal costs that one video."""
    with embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos)) as writer:
        for number in (0, 1):
            writer.write(number, embedding_of(number))
    journal = tmp_path / "kept.partial" / "done.jsonl"
    journal.write_text(journal.read_text()[:-4])
    with embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos)) as writer:
        assert writer.left() == [1, 2, 3]
        for number in writer.left():
            writer.write(number, embedding_of(number))
        np.testing.assert_array_equal(writer.finish().array[1, :3], embedding_of(1))


def test_numbers_that_did_not_reach_the_disk_are_done_again(tmp_path, videos):
    """The journal's checksum tells them, as after a power cut."""
    with embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos)) as writer:
        for number in (0, 1):
            writer.write(number, embedding_of(number))
        writer.array[1] = 0
    with embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos)) as writer:
        assert writer.left() == [1, 2, 3]


def test_unfinished_is_not_finished(tmp_path, videos):
    """A folder that lacks a video never gets its name."""
    with embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos)) as writer:
        writer.write(0, embedding_of(0))
        with pytest.raises(ValueError, match="3 rows are not done"):
            writer.finish()


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(encoder="lite0"), "encoder resnet18, and lite0 is wanted"),
        (dict(sha256="1" * 64), "sha256 0000"),
        (dict(manifest="other"), "and other is wanted"),
        (dict(preprocessing=preprocess.Preprocessing(num_frames=5, scale=1.0)), "scale"),
        (dict(dtype="float16"), "dtype float32, and float16 is wanted"),
        (dict(content="other"), "content files, and other is wanted"),
    ],
)
def test_a_mismatch_is_refused(tmp_path, videos, changes, said):
    """Embeddings of another encoder, manifest or preprocessing are not taken for these."""
    other = about_of(videos, **changes)
    with embeddings_writer.Writer(tmp_path / "begun", videos, about_of(videos)) as writer:
        writer.write(0, embedding_of(0))
    with pytest.raises(embeddings.EmbeddingsError, match=said):
        embeddings_writer.Writer(tmp_path / "begun", videos, other)
    stored = write_all(tmp_path / "kept", videos)
    embeddings.check(stored, about_of(videos, weights="elsewhere.pth"))
    with pytest.raises(embeddings.EmbeddingsError, match=said):
        embeddings.check(stored, other)


def test_an_existing_folder_is_not_written_over(tmp_path, videos):
    """It is named, with the way out."""
    write_all(tmp_path / "kept", videos)
    with pytest.raises(embeddings.EmbeddingsError, match="kept: exists; remove it or choose"):
        embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos))


def test_a_folder_without_embeddings_is_refused(tmp_path):
    """With the command that makes some."""
    with pytest.raises(embeddings.EmbeddingsError, match="prepare embeddings"):
        embeddings.read(tmp_path)


def test_an_array_that_is_not_the_indexs_is_refused(tmp_path, videos):
    """An array of another shape, and an index that is no JSON."""
    write_all(tmp_path / "kept", videos)
    np.save(tmp_path / "kept" / "embeddings.npy", np.zeros((4, 5, 7), np.float32))
    with pytest.raises(embeddings.EmbeddingsError, match="make it again"):
        embeddings.read(tmp_path / "kept")
    (tmp_path / "kept" / "index.json").write_text("{")
    with pytest.raises(embeddings.EmbeddingsError, match="is damaged"):
        embeddings.read(tmp_path / "kept")


@pytest.mark.parametrize("damage", ["bit", "zeros", "nan"])
def test_damage_of_the_right_shape_is_seen(tmp_path, videos, damage):
    """A flipped bit, zeros or NaN in a finished array: the video is named."""
    write_all(tmp_path / "kept", videos)
    path = tmp_path / "kept" / "embeddings.npy"
    array = np.load(path)
    if damage == "bit":
        array.view(np.uint32)[2, 0, 3] ^= 1
    else:
        array[2] = dict(zeros=0.0, nan=np.nan)[damage]
    np.save(path, array)
    with pytest.raises(embeddings.EmbeddingsError, match=r"is damaged at b/three\.mp4"):
        embeddings.read(tmp_path / "kept")


def test_numbers_that_are_none_are_not_written(tmp_path, videos):
    """NaN of a broken encoder, and what float16 can't hold."""
    for dtype, number in (("float32", np.nan), ("float16", 1e6)):
        about = about_of(videos, dtype=dtype)
        with (
            embeddings_writer.Writer(tmp_path / dtype, videos, about) as writer,
            pytest.raises(embeddings.EmbeddingsError, match="three.mp4: its embeddings hold no"),
        ):
            writer.write(2, np.full((1, 6), number, np.float32))


# ------------------------------------------------------------------ batches
def test_batches_have_masks_and_labels(tmp_path, videos):
    """A batch of a split: its videos in order, the last batch filled with rows of weight 0."""
    loader = embeddings.EmbeddingRows(write_all(tmp_path / "kept", videos), "train")
    assert isinstance(loader, batches.Rows)
    first, last = batches.test_batches(loader, 2)
    assert first["embedding"].shape == (2, 5, 6)
    assert first["mask"].sum(axis=1).tolist() == [5, 1]
    assert first["label"].tolist() == [0, 0]
    np.testing.assert_array_equal(last["embedding"][0, :4], embedding_of(3))
    assert last["weight"].tolist() == [1, 0]


@pytest.mark.parametrize("change", ["cut short", "replaced", "removed"])
def test_an_array_that_changes_in_use_is_told(tmp_path, videos, change):
    """To read where a file ended before would end the process without a word."""
    loader = embeddings.EmbeddingRows(write_all(tmp_path / "kept", videos), "train")
    path = tmp_path / "kept" / "embeddings.npy"
    loader.test_row(0)
    if change == "cut short":
        os.truncate(path, 130)
    elif change == "replaced":
        path.write_bytes(path.read_bytes())
    else:
        path.unlink()
    with pytest.raises(embeddings.EmbeddingsError, match="has changed while it was in use"):
        loader.test_row(0)


def test_training_batches_meet_every_video(tmp_path, videos):
    """Three training videos, three batches of one: each comes once."""
    loader = embeddings.EmbeddingRows(write_all(tmp_path / "kept", videos), "train")
    iterator = batches.train_batches(loader, 1, seed=0)
    lengths = sorted(int(next(iterator)["mask"].sum()) for _ in range(3))
    iterator.close()
    assert lengths == [1, 4, 5]


def test_a_video_that_could_not_be_read_counts_for_nothing(tmp_path, videos):
    """Its weight is 0, its mask leaves attention something to look at, its reason is kept."""
    with embeddings_writer.Writer(tmp_path / "kept", videos, about_of(videos)) as writer:
        writer.skip(0, "b/one.mp4: empty")
        for number in (1, 2, 3):
            writer.write(number, embedding_of(number))
        stored = writer.finish()
    row = embeddings.EmbeddingRows(stored, "train").test_row(0)
    assert row["weight"] == 0
    assert row["mask"].any()
    assert stored.skipped == {"b/one.mp4": "b/one.mp4: empty"}
    assert dataclasses.replace(stored.about, weights="") == stored.about


# ------------------------------------------------------------------ augmented views
def with_views(folder, videos, views=2):
    """Row `number` holds its own number, one frame of it."""
    with embeddings_writer.Writer(folder, videos, about_of(videos, views=views)) as writer:
        for number in writer.left():
            writer.write(number, np.full((1, 6), number, np.float32))
        return writer.finish()


def test_views_belong_to_training_videos_alone(tmp_path, videos):
    """Each training video has its views behind all videos; a test video has none."""
    stored = with_views(tmp_path / "kept", videos)
    assert stored.array.shape == (4 + 3 * 2, 5, 6)
    assert stored.manifest == videos
    assert [stored.views_of(n).tolist() for n in range(4)] == [[4, 5], [], [6, 7], [8, 9]]
    index = json.loads((tmp_path / "kept" / "index.json").read_text())
    for number, entry in enumerate(index["data"]):
        assert entry["video_idx"] == number
        if "view" in entry:
            assert entry["split"] == "train"


def test_no_view_is_seen_outside_of_training(tmp_path, videos):
    """Training draws a video's own views and itself; for judging it is as it is."""
    stored = with_views(tmp_path / "kept", videos)
    train, rng = embeddings.EmbeddingRows(stored, "train"), np.random.default_rng(0)
    expected = ({0, 4, 5}, {2, 6, 7}, {3, 8, 9})
    for index, numbers in enumerate(expected):
        drawn = {int(train.train_row(index, rng)["embedding"][0, 0]) for _ in range(40)}
        assert drawn == numbers
        assert int(train.test_row(index)["embedding"][0, 0]) == min(numbers)
    test = embeddings.EmbeddingRows(stored, "test")
    assert len(test.manifest.rows) == 1
    assert {int(test.train_row(0, rng)["embedding"][0, 0]) for _ in range(10)} == {1}


def test_views_that_were_not_made_are_missed(tmp_path, videos):
    """An index that speaks of other views than the array holds is refused."""
    with_views(tmp_path / "kept", videos)
    index = json.loads((tmp_path / "kept" / "index.json").read_text())
    index["about"]["views"] = 3
    (tmp_path / "kept" / "index.json").write_text(json.dumps(index))
    with pytest.raises(embeddings.EmbeddingsError, match="make it again"):
        embeddings.read(tmp_path / "kept")


def test_embeddings_from_before_there_were_stages_are_still_read(tmp_path, videos):
    """An index without stage, grid and views is of the top, pooled, of no views."""
    write_all(tmp_path / "kept", videos)
    index = json.loads((tmp_path / "kept" / "index.json").read_text())
    for name in ("stage", "grid", "views"):
        del index["about"][name]
    (tmp_path / "kept" / "index.json").write_text(json.dumps(index))
    assert embeddings.read(tmp_path / "kept").about == about_of(videos)
