"""Checking videos: every kind of damage is found and named, and good files are left in peace."""

import dataclasses
import hashlib
import json
import shutil

import cv2
import numpy as np
import pytest

from flaxvid.data import batches, check, manifest, packed_writer, sources
from flaxvid.video import preprocess
from tests.video import draw

from .damage import damaged


def row(path, split="train", group=None, **times):
    return manifest.Row(path, "a", group or path, split, **times)


def manifest_of(folder, *rows):
    return manifest.of_rows(folder, rows)


@pytest.fixture
def clips(small_motion, tmp_path):
    """Four good videos of 16 frames at 8 fps, in a folder of their own."""
    for number, source in enumerate(small_motion.split("train").rows[:4]):
        shutil.copy(small_motion.path(source), tmp_path / f"{number}.avi")
    return tmp_path


def found(videos, **options):
    return [(f.path, f.problem) for f in check.check(videos, **options)]


def test_good_videos(clips):
    """Nothing is found, and the table says how many were looked at."""
    videos = manifest_of(clips, *(row(f"{n}.avi") for n in range(4)))
    assert check.check(videos) == []
    assert check.table([], 4) == "4 videos, nothing found"


def test_unreadable(clips):
    """No file, an empty one, and text."""
    (clips / "empty.avi").touch()
    (clips / "text.avi").write_text("no video")
    videos = manifest_of(clips, row("0.avi"), row("none.avi"), row("empty.avi"), row("text.avi"))
    assert found(videos) == [(f"{n}.avi", "unreadable") for n in ("none", "empty", "text")]


def test_short(clips):
    """Cut in half; fewer frames than a clip takes; a row that goes on after the end."""
    data = (clips / "0.avi").read_bytes()
    (clips / "0.avi").write_bytes(data[: len(data) // 2])
    videos = manifest_of(clips, row("0.avi"), row("1.avi"), row("2.avi", start=1.0, end=4.0))
    assert found(videos) == [("0.avi", "short"), ("2.avi", "short")]
    assert ("1.avi", "short") in found(videos, num_frames=17)


def test_good_videos_of_odd_times(tmp_path):
    """Edit lists, streams that begin at 5 s and uneven times are no damage."""
    frames = draw.moving(30)
    uneven = np.concatenate([np.arange(20) / 40, 0.5 + np.arange(10) / 5])
    draw.write(tmp_path / "uneven.mp4", frames, seconds=uneven)
    draw.write(tmp_path / "uneven.mkv", frames, seconds=uneven)
    draw.write(tmp_path / "late.mkv", frames, shift=5)
    draw.write(tmp_path / "late.ts", frames, shift=5)
    cut = {"avoid_negative_ts": "disabled"}
    draw.write(tmp_path / "cut.mp4", frames, shift=-0.4, container_options=cut)
    rows = [row(path.name) for path in sorted(tmp_path.iterdir())]
    assert check.check(manifest_of(tmp_path, *rows)) == []


def test_damaged_and_noted(tmp_path):
    """A bad packet is a finding; interlaced pixels are said, and are none."""
    draw.write(tmp_path / "bad.avi", draw.moving(30), codec="mpeg4", options={"g": "10"})
    draw.overwrite(tmp_path / "bad.avi", 14)
    fields = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    draw.write(tmp_path / "fields.mp4", draw.moving(5), options=fields)
    findings = check.check(manifest_of(tmp_path, row("bad.avi"), row("fields.mp4")))
    assert [(f.path, f.problem) for f in findings] == [
        ("bad.avi", "damaged"),
        ("fields.mp4", "noted"),
    ]
    assert findings[0].detail == "1 packet is damaged or incomplete, 29 frames can be read"
    assert check.wrong(findings) == findings[:1]


def test_a_gif_named_mp4(clips):
    """Is told, as any container under another's name; so is a picture."""
    draw.write(clips / "gif.mp4", draw.moving(5), codec="gif", pixels="rgb8", form="gif")
    (clips / "png.mp4").write_bytes(cv2.imencode(".png", draw.moving(1)[0])[1].tobytes())
    assert found(manifest_of(clips, row("gif.mp4"), row("png.mp4"))) == [
        ("gif.mp4", "mislabelled"),
        ("png.mp4", "mislabelled"),
    ]


def test_mislabelled(clips):
    """An AVI named .mp4 is read all the same, and told."""
    (clips / "0.avi").rename(clips / "0.mp4")
    assert found(manifest_of(clips, row("0.mp4"))) == [("0.mp4", "mislabelled")]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00", "mp4"),
        (b"\x1a\x45\xdf\xa3" + bytes(12), "matroska"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"", None),
    ],
)
def test_containers_by_content(head, expected):
    """The first bytes tell the container; those of a sound file none."""
    assert check.container(head) == expected


def test_duplicate_and_leaking(clips):
    """A copy is a duplicate; a copy in another split is a leak as well."""
    shutil.copy(clips / "0.avi", clips / "again.avi")
    shutil.copy(clips / "1.avi", clips / "test.avi")
    rows = [row("0.avi"), row("again.avi"), row("1.avi"), row("test.avi", "test")]
    assert found(manifest_of(clips, *rows)) == [
        ("again.avi", "duplicate"),
        ("test.avi", "duplicate"),
        ("test.avi", "leaking"),
    ]


def test_a_copy_of_another_label_and_a_row_twice(clips):
    """One of two labels of the same bytes is wrong; a row that is there twice counts twice."""
    shutil.copy(clips / "0.avi", clips / "again.avi")
    other = dataclasses.replace(row("again.avi"), label="other")
    findings = check.check(manifest_of(clips, row("0.avi"), other, row("1.avi"), row("1.avi")))
    assert [(finding.path, finding.problem, finding.detail) for finding in findings] == [
        ("1.avi", "duplicate", "2 rows are the same part of it"),
        ("again.avi", "duplicate", "the same bytes as 0.avi, under another label"),
    ]


def test_a_leaking_group(clips):
    """Different files of one group in two splits."""
    rows = [row("0.avi", group="g"), row("1.avi", "test", group="g")]
    ((path, problem),) = found(manifest_of(clips, *rows))
    assert (path, problem) == ("0.avi", "leaking")


def test_table_and_json(clips):
    """Counts first, then one line a finding; the JSON has the same."""
    (clips / "text.avi").write_text("no video")
    videos = manifest_of(clips, row("0.avi"), row("text.avi"))
    findings = check.check(videos)
    first, second = check.table(findings, 2).splitlines()
    assert first == "2 videos, 1 with findings: 1 unreadable"
    assert second.startswith("unreadable   text.avi  can't be opened as a video")
    content = json.loads(json.dumps(check.to_json(findings, videos)))
    assert content["videos"] == 2
    assert content["findings"][0]["path"] == "text.avi"


def test_packed_records_are_checked(small_motion, tmp_path):
    """A damaged record is unreadable under its address."""
    rows = small_motion.split("test").rows[:3]
    videos = manifest.Manifest(small_motion.root, rows, small_motion.labels)
    packed_writer.pack(videos, tmp_path / "packed")
    opened = sources.open_data(tmp_path / "packed")
    assert check.check(opened) == []
    gone = dataclasses.replace(opened.rows[0], path="test#7", group="x")
    broken = manifest.of_rows(opened.root, [*opened.rows, gone])
    assert found(broken) == [("test#7", "unreadable")]


def test_sixty_damaged_files(small_motion, tmp_path):
    """Nothing crashes, every unreadable file is named by both, and every good one is trained on."""
    sources = [small_motion.path(r).read_bytes() for r in small_motion.split("train").rows[:10]]
    rows, rng = [], np.random.default_rng(0)
    for number in range(60):
        (tmp_path / f"bad_{number}.avi").write_bytes(damaged(sources, rng))
        rows.append(row(f"bad_{number}.avi"))
    for number, data in enumerate(sources):
        (tmp_path / f"good_{number}.avi").write_bytes(data)
        rows.append(row(f"good_{number}.avi"))
    videos = manifest_of(tmp_path, *rows)
    findings = check.check(videos)
    unreadable = {f.path for f in findings if f.problem == "unreadable"}
    assert 5 < len(unreadable) < 60
    assert not any(path.startswith("good") for path in unreadable)
    small = preprocess.Preprocessing(num_frames=16, crop_size=16, resize=16)
    loader = batches.VideoRows(videos, small, bad_videos="skip")
    seen = list(batches.test_batches(loader, 10))
    weight = np.concatenate([batch["weight"] for batch in seen])
    skipped = {path.removeprefix(f"{tmp_path}/") for path in loader.skipped.reasons()}
    assert {r.path for r, w in zip(rows, weight, strict=True) if w == 0} == skipped
    assert skipped == unreadable
    assert weight[60:].tolist() == [1] * 10
    digests = {hashlib.sha256(batch["video"].tobytes()).digest() for batch in seen}
    assert len(digests) == 7
