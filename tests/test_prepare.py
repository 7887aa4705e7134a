"""`python -m flaxvid.prepare`: what people type, what they read, what they get."""

import contextlib
import json
import re
import shutil
import sys

import pytest

from flaxvid import errors, prepare
from flaxvid.data import lock, manifest_file, motion, sources

BEAM = ("--beam", "DirectRunner")
CLIPS = [
    f"v_{c}_g{g:02d}_c{n:02d}.avi" for c in ("Biking", "YoYo") for g in range(8) for n in (1, 2)
]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command line and gives what was printed; an error's line where it failed."""

    def run_it(*arguments):
        monkeypatch.setattr(sys, "argv", ["prepare", *map(str, arguments)])
        with contextlib.suppress(SystemExit):
            prepare.main()
        return "".join(capsys.readouterr())

    return run_it


@pytest.fixture
def flat(tmp_path):
    """32 empty files named as UCF101's, and no lists."""
    folder = tmp_path / "UCF-101"
    folder.mkdir()
    for name in CLIPS:
        (folder / name).touch()
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """20 real videos in class folders."""
    made = motion.open_or_draw(root=tmp_path_factory.mktemp("data"), counts={"train": 20})
    (made.root / "manifest.csv").unlink()
    return made.root


def test_ucf101_by_groups(run, flat):
    """A manifest in the folder, that --data opens; a second run writes nothing over."""
    printed = run("ucf101", flat, "--random", "0.25", "--validation", "0.2")
    assert "2 classes, 20 train, 4 validation, 8 test, 16 groups" in printed
    assert sources.open_data(flat).splits() == {"train": 20, "validation": 4, "test": 8}
    assert "is there already; pass --overwrite" in run("ucf101", flat, "--random", "0.25")
    assert "24 train, 8 test" in run("ucf101", flat, "--random", "0.25", "--overwrite")


def test_ucf101_with_lists_and_actionberts_files(run, flat, tmp_path):
    """Official lists in, a manifest in JSON and the split files out."""
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    test = [name for name in CLIPS if "_g00_" in name]
    (lists / "trainlist01.txt").write_text(
        "".join(f"x/{name} 1\n" for name in CLIPS if name not in test)
    )
    (lists / "testlist01.txt").write_text("".join(f"x/{name}\n" for name in test))
    out = tmp_path / "out" / "split1.json"
    assert "28 train, 4 test" in run("ucf101", flat, "--out", out, "--json", tmp_path / "json")
    assert sources.open_data(out).splits() == {"train": 28, "test": 4}
    files = [tmp_path / "json" / f"{split}_ucf101.json" for split in ("train", "test")]
    assert len(json.loads(files[1].read_text())) == 4
    again = tmp_path / "again.json"
    run("ucf101", flat, "--train", files[0], "--test", files[1], "--out", again)
    first, second = (
        [(row.label, row.group, row.split) for row in manifest_file.read(path).rows]
        for path in (out, again)
    )
    assert first == second


def test_a_leaking_split_is_refused_by_name(run, flat, tmp_path):
    """Clips of one group in both CSVs: nothing is written."""
    for split, number in (("train", 1), ("test", 2)):
        text = f"video_name,tag\nv_YoYo_g01_c0{number}.avi,YoYo\n"
        (tmp_path / f"{split}.csv").write_text(text)
    options = ("ucf101", flat, "--train", tmp_path / "train.csv", "--test", tmp_path / "test.csv")
    assert "'YoYo_g01' (test+train)" in run(*options)
    assert not (flat / "manifest.csv").exists()
    assert "1 train, 1 test" in run(*options, "--allow-leakage")


def test_organise(run, flat):
    """First what would happen, then it happens, then there is nothing left to do."""
    dry = run("ucf101", flat, "--organise", "move", "--dry-run")
    assert f"{flat}/v_YoYo_g03_c01.avi -> {flat}/YoYo/v_YoYo_g03_c01.avi" in dry
    assert "32 clips to go into class folders" in dry
    assert (flat / CLIPS[0]).exists()
    assert "32 clips put" in run("ucf101", flat, "--organise", "move", "--random", "0.25")
    assert (flat / "YoYo" / "v_YoYo_g03_c01.avi").exists()
    again = run("ucf101", flat, "--organise", "move", "--random", "0.25", "--overwrite")
    assert "0 clips put into class folders, 32 in all" in again
    assert len(sources.open_data(flat).rows) == 32


def test_organise_by_links(run, flat, tmp_path):
    """The folder of links is data of its own; it has to be somewhere else."""
    assert "with --into" in run("ucf101", flat, "--organise", "link")
    linked = tmp_path / "by_class"
    run(
        "ucf101",
        flat,
        "--organise",
        "link",
        "--into",
        linked,
        "--random",
        "0.25",
        "--out",
        linked / "manifest.csv",
    )
    assert len(sources.open_data(linked).rows) == 32


def test_folder_of_classes(run, videos, tmp_path):
    """Labels sorted, a fifth held out for testing."""
    out = tmp_path / "manifest.json"
    assert "10 classes" in run("folder", videos, "--out", out)
    assert manifest_file.read(out).labels == motion.CLASSES


@pytest.fixture
def rooms(tmp_path):
    """Empty files of two classes, five in each of four rooms."""
    for label in ("fall", "sit"):
        (tmp_path / "rooms" / label).mkdir(parents=True)
        for n in range(20):
            (tmp_path / "rooms" / label / f"room_{n // 5}_{n}.mp4").touch()
    return tmp_path / "rooms"


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ([], "26 train, 6 validation, 8 test"),
        (["--test", "0.5"], "16 train, 4 validation, 20 test"),
        (["--test", "0.25", "--validation", "0.5"], "16 train, 14 validation, 10 test"),
        (["--group-regex", "room_[0-9]", "--test-groups", "room_2"], "30 train, 10 test, 4 groups"),
        (
            ["--group-regex", "room_[0-9]", "--test-groups", "room_0", "room_2", "--validation=.5"],
            "10 train, 10 validation, 20 test, 4 groups",
        ),
    ],
)
def test_folder_is_split_as_asked(run, rooms, options, counts):
    """A share that is given is all that is held out, not some more than what is drawn anyway."""
    out = rooms / "manifest.csv"
    assert f"2 classes, {counts}" in run("folder", rooms, *options)
    held = {row.group for row in manifest_file.read(out).split("test").rows}
    named = [word for word in options if re.fullmatch("room_.", word)]
    assert not named or held == set(named)
    # What is written is split for good.
    again = run("folder", rooms, "--table", out, "--test", "0.2", "--overwrite")
    assert "--test 0.2: the videos have a test split already, of " in again


def test_groups_to_test_on_are_there_and_leave_each_class_some(run, rooms):
    """Refused in one line: a misspelt group, both ways at once, a class that nothing is left of."""
    by_room = ("folder", rooms, "--group-regex", "room_[0-9]", "--test-groups")
    said = run(*by_room, "room2")
    assert "group 'room2' is not there; there are room_0, room_1, room_2 and 1 more" in said
    assert "leave --test out" in run(*by_room, "room_2", "--test", "0.2")
    every = [f"room_{n}" for n in range(4)]
    assert "class 'fall' is in no other group than room_0, room_1" in run(*by_room, *every)
    assert not (rooms / "manifest.csv").exists()


def test_folder_with_a_table(run, videos, tmp_path):
    """start, end and group come from a CSV, the split from the groups."""
    names = sorted(path.relative_to(videos).as_posix() for path in videos.rglob("*.avi"))
    lines = [
        f"{name},{'ab'[n % 2]},{s}.0,{s + 1}.0,actor_{n % 4}"
        for n, name in enumerate(names)
        for s in (0, 1)
    ]
    table = tmp_path / "windows.csv"
    table.write_text("path,label,start,end,group\n" + "\n".join(lines) + "\n")
    options = ("folder", videos, "--table", table, "--out", tmp_path / "out.csv")
    printed = run(*options, "--test", "0.5")
    assert "2 classes, 20 train, 20 test, 4 groups" in printed
    opened = sources.open_data(tmp_path / "out.csv")
    assert opened.path(opened.rows[0]).exists()
    assert "--test 0.7: must be more than 0" in run(*options, "--test", "0.7", "--overwrite")


def test_folder_with_a_table_of_several_labels(run, videos, tmp_path):
    """Each label has its share of what is held out; class folders have no such table."""
    names = sorted(path.relative_to(videos).as_posix() for path in videos.rglob("*.avi"))
    labels = ["a|b", "b|c", "|", "a|b|c"]
    lines = [f"{name},{labels[n % 4]}" for n, name in enumerate(names)]
    table = tmp_path / "several.csv"
    table.write_text("path,label\n" + "\n".join(lines) + "\n")
    out = tmp_path / "out.csv"
    options = ("folder", videos, "--multi-label", "--out", out, "--test", "0.25")
    assert "class folders give a video one label; give a --table" in run(*options)
    printed = run(*options, "--table", table)
    assert "3 classes" in printed
    assert printed.strip().endswith("--multi-label")
    rooms = tmp_path / "rooms.csv"
    rows = [f"{line},room_{n % 2}" for n, line in enumerate(lines) if n % 4 != 2]
    rooms.write_text("path,label,group\n" + "\n".join(rows) + "\n")
    by_room = ("folder", videos, "--multi-label", "--table", rooms, "--test-groups", "room_1")
    # a|b is in room_0 alone, and b|c and a|b|c in room_1: each label is in both but c.
    assert "class 'c' is in no other group" in run(*by_room, "--out", tmp_path / "rooms_out.csv")
    rooms.write_text(rooms.read_text().replace("a|b,room_0", "a|c,room_0", 1))
    assert "3 classes, 5 train, 10 test, 2 groups" in run(*by_room, "--out", tmp_path / "b.csv")
    opened = sources.open_data(out, multi_label=True)
    assert {n for row in opened.split("test").rows for n in opened.names(row)} == {"a", "b", "c"}


def test_frames_and_packed(run, videos, tmp_path):
    """Both write data that --data opens."""
    assert "try  --data" in run("frames", videos, tmp_path / "frames", "--fps", "2")
    assert "try  --data" in run("packed", videos, tmp_path / "packed", "--short-side", "32")
    for name in ("frames", "packed"):
        assert len(sources.open_data(tmp_path / name).rows) == 20


@pytest.mark.parametrize("command", ["frames", "packed"])
def test_two_that_make_the_same_folder_take_turns(run, videos, tmp_path, monkeypatch, command):
    """Nothing is written before the folder is this process's own; `.` is a folder as any."""

    def taken(folder):
        raise errors.UserError(f"{folder}: is another's")

    monkeypatch.setattr(lock, "exclusive", taken)
    assert run(command, videos, tmp_path / "out") == f"error: {tmp_path / 'out'}: is another's\n"
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert "try  --data ." in run(command, videos, ".", "--short-side", "16")


def test_bad_videos_are_left_out_and_told(run, videos, tmp_path):
    """--bad-videos skip; without it the first one is the error."""
    shutil.copytree(videos, tmp_path / "videos")
    (bad,) = list(tmp_path.glob("videos/grow/*.avi"))[:1]
    bad.write_bytes(b"no video")
    said = run("packed", tmp_path / "videos", tmp_path / "a")
    assert f"error: {bad}" in said
    assert said.endswith("; or leave out such videos with --bad-videos skip\n")
    printed = run("packed", tmp_path / "videos", tmp_path / "b", "--bad-videos", "skip")
    assert f"left out: {bad}" in printed
    assert "1 videos left out" in printed


def test_check(run, videos, tmp_path):
    """Good videos: nothing. One damaged: a table, a JSON, and exit code 1."""
    assert "nothing found" in run("check", videos)
    shutil.copytree(videos, tmp_path / "videos")
    (bad,) = list(tmp_path.glob("videos/grow/*.avi"))[:1]
    bad.write_bytes(b"no video")
    printed = run("check", tmp_path / "videos", "--json", tmp_path / "found.json")
    assert "20 videos, 1 with findings: 1 unreadable" in printed
    assert json.loads((tmp_path / "found.json").read_text())["findings"][0]["path"].startswith(
        "grow"
    )


def test_download_of_an_unknown_name(run, tmp_path):
    """One line, with the names there are."""
    assert "one of ucf101-splits" in run("download", "ucf102", tmp_path / "a.zip")


def test_ucf101_organise_without_lists_only_sorts(run, flat):
    """Every clip into its class folder, no manifest, and the way to one."""
    printed = run("ucf101", flat, "--organise", "move")
    assert "32 clips put into class folders" in printed
    assert "no split was asked for" in printed
    assert sorted(path.name for path in flat.iterdir()) == ["Biking", "YoYo"]
    assert "8 test" in run("ucf101", flat, "--organise", "move", "--random", "0.25")


def test_a_dry_run_says_what_all_would_take_and_makes_nothing(run, small_motion, tmp_path):
    """Measured on 16 of the 70 videos, after one that loads what is needed."""
    for words in (("frames", tmp_path / "new"), ("packed", tmp_path / "new"), ("check",)):
        printed = run(words[0], small_motion.root, *words[1:], "--dry-run")
        assert "measured  16 of 70 videos, evenly spread" in printed
        seconds, size = re.search(r"all +about (.+) and ([\d.]+) MB", printed).groups()
        assert re.fullmatch(r"\d+ s", seconds)
        assert float(size) < 20
    assert not (tmp_path / "new").exists()


def test_workers_of_beam_need_a_place_for_findings(run, flat):
    """Which is refused before anything is read."""
    assert "--beam DirectRunner: its workers need a file" in run("check", flat, *BEAM)


def test_words_of_others_are_told(run, flat):
    """The line that says what an option is called here."""
    assert "--num_workers is --threads 4, or in training" in run(
        "frames", flat, "out", "--num_workers", "4"
    )
