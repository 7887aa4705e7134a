"""The fingerprint of files: other bytes under the same names are seen."""

import shutil

import numpy as np
import pytest

from flaxvid.data import content_hash, manifest


@pytest.fixture
def videos(tmp_path):
    """Two files: a small one, and one of a megabyte."""
    rng = np.random.default_rng(0)
    root = tmp_path / "videos"
    root.mkdir()
    (root / "small.mp4").write_bytes(rng.bytes(1000))
    (root / "large.mp4").write_bytes(rng.bytes(2**20))
    return manifest.of_rows(root, [manifest.Row(f"{n}.mp4", "a") for n in ("small", "large")])


def change(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "place"), [("small", 0), ("small", 777), ("large", 0), ("large", -1), ("large", 2**19)]
)
def test_one_bit_changes_it(videos, name, place):
    """Anywhere in a small file; at the beginning, in the middle and at the end of a large one."""
    before = content_hash.fingerprint(videos)
    change(videos.root / f"{name}.mp4", place)
    assert content_hash.fingerprint(videos) != before


def test_size_counts_and_a_missing_file_too(videos):
    """A byte more, and no file."""
    seen = {content_hash.fingerprint(videos)}
    with (videos.root / "large.mp4").open("ab") as file:
        file.write(b"x")
    seen.add(content_hash.fingerprint(videos))
    (videos.root / "large.mp4").unlink()
    seen.add(content_hash.fingerprint(videos))
    assert len(seen) == 3


def test_the_place_does_not_count(videos, tmp_path):
    """A copy, with other times, is the same data."""
    shutil.copytree(videos.root, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = manifest.Manifest(tmp_path / "copy", videos.rows, videos.labels)
    assert content_hash.fingerprint(copy) == content_hash.fingerprint(videos)


def test_folders_of_images(tmp_path):
    """An image more, and another image, are seen."""
    (tmp_path / "clip").mkdir()
    videos = manifest.of_rows(tmp_path, [manifest.Row("clip", "a")])
    seen = set()
    for name, content in (("1.jpg", b"one"), ("2.jpg", b"two"), ("2.jpg", b"TWO")):
        (tmp_path / "clip" / name).write_bytes(content)
        seen.add(content_hash.fingerprint(videos))
    assert len(seen) == 3


def test_each_split_has_its_own(videos):
    """A test video encoded anew says nothing of the training videos."""
    rows = [manifest.Row("small.mp4", "a"), manifest.Row("large.mp4", "a", split="test")]
    both = manifest.of_rows(videos.root, rows)
    before = content_hash.by_split(both)
    change(videos.root / "large.mp4", 2**19)
    after = content_hash.by_split(both)
    assert after["train"] == before["train"]
    assert after["test"] != before["test"]
