"""Packed videos: the frames of the files, for TFDS too; resumable, checksummed."""

import dataclasses
import sys
import types

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import batches, from_tfds, manifest, packed, packed_writer, sources
from flaxvid.video import decode, preprocess, sample, transform

BEST = packed_writer.Packing(quality=100, clips_per_shard=4)


@pytest.fixture(scope="module")
def few(small_motion):
    """6 training and 3 test videos, each in the place it has."""
    rows = [*small_motion.split("train").rows[:6], *small_motion.split("test").rows[:3]]
    return manifest.Manifest(small_motion.root, tuple(rows), small_motion.labels)


@pytest.fixture(scope="module")
def folder(few, tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "packed"
    assert packed_writer.pack(few, out, BEST) == {}
    return out


def test_packed_is_opened_as_any_data(few, folder):
    """Splits, labels and groups are those of the manifest; the shards have 4 clips at most."""
    opened = sources.open_data(folder)
    assert opened.splits() == {"train": 6, "test": 3}
    assert [(r.label, r.group) for r in opened.rows] == [(r.label, r.group) for r in few.rows]
    assert all(packed.is_address(opened.path(row)) for row in opened.rows)
    assert len(list(folder.glob("*.array_record-*"))) == 3


def test_the_frames_are_those_of_the_files(few, folder):
    """JPEG at quality 100 changes pixels by a few levels and keeps order and size."""
    opened = sources.open_data(folder)
    for row, original in zip(opened.rows, few.rows, strict=True):
        clip = packed.read_clip(opened.path(row), range)
        expected = decode.read_frames(few.path(original))
        assert clip.shape == expected.shape
        assert np.abs(clip.astype(int) - expected).mean() < 4


def test_wanted_frames(folder):
    """Indices in any order, repeats allowed; the rule is asked with the number of frames."""
    path = sources.open_data(folder).root / "test#2"
    whole = packed.read_clip(path, range)
    asked = []
    clip = packed.read_clip(path, lambda count: asked.append(count) or [9, 2, 9])
    assert asked == [16]
    np.testing.assert_array_equal(clip, whole[[9, 2, 9]])


def test_batches_come_from_packed_videos(folder):
    """A loader reads addresses as it reads files."""
    small = preprocess.Preprocessing(num_frames=5, crop_size=16, resize=16)
    loader = batches.VideoRows(sources.open_data(folder).split("test"), small)
    (batch,) = batches.test_batches(loader, 3)
    assert batch["video"].shape == (3, 5, 16, 16, 3)
    assert batch["weight"].tolist() == [1, 1, 1]
    path = loader.manifest.path(loader.manifest.rows[1])
    wanted = packed.read_clip(path, lambda count: sample.uniform_indices(count, 5))
    np.testing.assert_array_equal(batch["video"][1], transform.test_clips(wanted, small)[0])


def test_tfds_reads_it(few, folder):
    """`builder_from_directory` gives decoded frames, class numbers and groups; no TensorFlow."""
    import tensorflow_datasets as tfds

    source = tfds.builder_from_directory(folder).as_data_source(split="test")
    assert len(source) == 3
    example, row = source[1], few.split("test").rows[1]
    assert len(example["video"]) == 16
    assert example["label"] == few.label_index(row)
    assert example["group"].decode() == row.group
    assert "tensorflow" not in sys.modules


def test_records_are_the_same_bytes_in_every_process(folder):
    """The fields of an example are a map, whose order differs between processes unless sorted."""
    from array_record.python import array_record_module
    from tensorflow_datasets.proto import tf_example_pb2

    reader = array_record_module.ArrayRecordReader(str(next(folder.glob("*-test.array_record*"))))
    for record in reader.read_all():
        example = tf_example_pb2.Example.FromString(record)
        assert example.SerializeToString(deterministic=True) == record


def test_fewer_frames_of_smaller_size(few, tmp_path):
    """4 a second of 8, the short side 24 of 64 pixels; a part of a video is a record of its own."""
    part = dataclasses.replace(few.rows[0], start=0.5, end=1.5)
    cut = manifest.Manifest(few.root, (part,), few.labels)
    packed_writer.pack(cut, tmp_path, packed_writer.Packing(short_side=24, fps=4.0))
    assert packed.read_clip(tmp_path / "train#0", range).shape == (4, 24, 24, 3)


def test_a_packing_goes_on_where_it_stopped(few, tmp_path, monkeypatch):
    """Whole shards are not packed again, a half one leaves nothing, and the result is the same."""
    written, write_shard = [], packed_writer._write_shard

    def stop_after_two(item, **settings):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(item[0])
        return write_shard(item, **settings)

    monkeypatch.setattr(packed_writer, "_write_shard", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        packed_writer.pack(few, tmp_path, BEST)
    with pytest.raises(manifest.ManifestError):
        sources.open_data(tmp_path)
    monkeypatch.setattr(
        packed_writer, "_write_shard", lambda i, **s: written.append(i[0]) or write_shard(i, **s)
    )
    packed_writer.pack(few, tmp_path, BEST)
    assert len(written) == len(set(written)) == 3
    assert sources.open_data(tmp_path).splits() == {"train": 6, "test": 3}
    assert packed.damaged_shards(tmp_path) == []


def test_another_packing_in_the_folder_is_refused(few, folder):
    """The error says what differs."""
    with pytest.raises(errors.UserError, match="another quality; choose another folder"):
        packed_writer.pack(few, folder, dataclasses.replace(BEST, quality=50))


def test_bad_videos(few, tmp_path):
    """One that can't be read stops the packing, or is left out and told."""
    (tmp_path / "bad.avi").write_bytes(b"no video")
    bad = dataclasses.replace(few.rows[1], path=str(tmp_path / "bad.avi"))
    mixed = manifest.Manifest(few.root, (few.rows[0], bad, few.rows[2]), few.labels)
    with pytest.raises(decode.VideoError, match=r"bad\.avi"):
        packed_writer.pack(mixed, tmp_path / "one", BEST)
    skipped = packed_writer.pack(mixed, tmp_path / "two", BEST, skip=True)
    assert list(skipped) == [str(tmp_path / "bad.avi")]
    opened = sources.open_data(tmp_path / "two")
    assert [row.label for row in opened.rows] == [few.rows[0].label, few.rows[2].label]
    assert len(packed.read_clip(opened.path(opened.rows[1]), range)) == 16


def test_damage_is_found_and_named(few, tmp_path):
    """A byte that changed fails the checksum, and the record that holds it is a bad video."""
    packed_writer.pack(few, tmp_path, BEST)
    shard = tmp_path / "packed-test.array_record-00000-of-00001"
    data = bytearray(shard.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    shard.write_bytes(data)
    assert packed.damaged_shards(tmp_path) == [shard.name]
    read, failed = 0, 0
    for number in range(3):
        try:
            packed.read_clip(tmp_path / f"test#{number}", range)
            read += 1
        except decode.VideoError:
            failed += 1
    assert failed >= 1
    shard.unlink()
    assert packed.damaged_shards(tmp_path) == [shard.name]


@pytest.mark.parametrize("damage", ["gone", "cut short", "one bit"])
def test_a_damaged_shard_is_packed_again(few, tmp_path, damage, capsys):
    """Packed once more, a folder is whole again, and what was written anew is said."""
    packed_writer.pack(few, tmp_path, BEST)
    shard = tmp_path / "packed-test.array_record-00000-of-00001"
    packed_writer.pack(few, tmp_path, BEST)
    assert "damaged" not in capsys.readouterr().out
    names = sorted(tmp_path.iterdir())
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.unlink()
    if damage != "gone":
        shard.write_bytes(data if damage == "one bit" else data[:-100])
    packed_writer.pack(few, tmp_path, BEST)
    assert f"{tmp_path}: {shard.name} missing or damaged: packed again" in capsys.readouterr().out
    assert packed.damaged_shards(tmp_path) == []
    assert sorted(tmp_path.iterdir()) == names
    packed.records.cache_clear()
    assert packed.read_clip(tmp_path / "test#2", range).shape == (16, 64, 64, 3)


def test_to_go_on_reads_no_shard(few, tmp_path, monkeypatch):
    """Of a packing that was interrupted there may be terabytes: sizes are compared, not bytes."""
    packed_writer.pack(few, tmp_path, BEST)
    (tmp_path / "manifest.csv").unlink()
    monkeypatch.setattr(packed.hashlib, "file_digest", None)
    packed_writer.pack(few, tmp_path, BEST)
    assert (tmp_path / "manifest.csv").exists()


@pytest.mark.parametrize("name", ["test#99", "elsewhere#0"])
def test_a_record_that_is_not_there(folder, name):
    """The error names the address."""
    with pytest.raises(decode.VideoError, match=name):
        packed.read_clip(folder / name, range)


def test_a_packed_clip_has_no_parts(folder):
    """Seconds were settled when it was packed."""
    with pytest.raises(decode.VideoError, match="no parts"):
        packed.read_clip(folder / "test#0", range, start=1.0)


def test_a_hash_in_a_file_name_is_no_address(tmp_path):
    """`clip#1` beside no dataset is a file."""
    assert not packed.is_address(tmp_path / "clip#1")
    assert not packed.is_address(tmp_path / "clip#1.avi")


# --- TFDS's own builders --------------------------------------------------------------------
def test_without_tensorflow(monkeypatch):
    """The message names the extra, and the way that needs no TensorFlow."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(errors.UserError, match=r"tfds:ucf101/ucf101_1.*flaxvid\[tf\].*packed"):
        from_tfds.open_tfds("ucf101/ucf101_1")


@pytest.fixture
def tensorflow_and_ffmpeg(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: types.SimpleNamespace())
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/ffmpeg")


def test_without_ffmpeg(tensorflow_and_ffmpeg, monkeypatch):
    """TFDS calls the program for every video."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(errors.UserError, match="the program ffmpeg"):
        from_tfds.open_tfds("ucf101/ucf101_1")


def test_a_tfds_data_set(few, folder, tensorflow_and_ffmpeg, monkeypatch, tmp_path):
    """Its splits and labels become a manifest, kept beside the data; its records are clips."""
    import shutil

    import tensorflow_datasets as tfds

    shutil.copytree(folder, tmp_path / "set")
    (tmp_path / "set" / "manifest.csv").unlink()
    builder = tfds.builder_from_directory(tmp_path / "set")
    monkeypatch.setattr(builder, "download_and_prepare", lambda: None)
    monkeypatch.setattr(tfds, "builder", lambda name, file_format: builder)
    for _ in range(2):
        opened = from_tfds.open_tfds("ucf101/ucf101_1")
        assert opened.splits() == {"train": 6, "test": 3}
        assert [row.label for row in opened.rows] == [row.label for row in few.rows]
    assert len(packed.read_clip(opened.path(opened.rows[-1]), range)) == 16
