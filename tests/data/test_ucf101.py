"""UCF101: names, lists and CSVs become manifests; nothing is opened, moved over or guessed."""

import json
import os

import pytest

from flaxvid.data import leakage, manifest, organise, ucf101
from flaxvid.video import opening

names = pytest.mark.exercise("data.ucf101.label_and_group")

CLASSES = ("Biking", "HandStandPushups", "YoYo")


def clip(label, group, number):
    return f"v_{label}_g{group:02d}_c{number:02d}.avi"


CLIPS = [clip(c, g, n) for c in CLASSES for g in range(1, 11) for n in range(1, 4)]


def folder_of(label):
    return label.replace("HandStand", "Handstand")


@pytest.fixture(autouse=True)
def no_video_is_opened(monkeypatch):
    """Manifests come from names alone."""

    def refuse(*_arguments, **_options):
        raise AssertionError("a video was opened")

    monkeypatch.setattr(opening, "opened", refuse)


@pytest.fixture(params=["flat", "class folders"])
def root(request, tmp_path):
    """90 clips of three classes, ten groups each, in either layout, with the lists beside them."""
    videos = tmp_path / "UCF-101"
    for name in CLIPS:
        label = name.split("_")[1]
        path = videos / name if request.param == "flat" else videos / folder_of(label) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    for number in (1, 2, 3):  # three groups each for testing, as the official lists have seven
        tests = [f"_g{g:02d}_" for g in range(3 * number - 2, 3 * number + 1)]
        listed = [
            (f"{folder_of(n.split('_')[1])}/{n}", any(test in n for test in tests)) for n in CLIPS
        ]
        train = [f"{path} {CLASSES.index(path.split('_')[1]) + 1}" for path, t in listed if not t]
        (lists / f"trainlist0{number}.txt").write_text("\n".join(train) + "\n")
        (lists / f"testlist0{number}.txt").write_text("\n".join(p for p, t in listed if t) + "\n\n")
    return videos


@names
def test_a_name_tells_class_and_group():
    """Groups are counted class by class: group 8 of Biking is `Biking_g08`."""
    assert ucf101.label_and_group("v_Biking_g08_c02.avi") == ("Biking", "Biking_g08")


@names
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("v_YoYo_g25_c01", ("YoYo", "YoYo_g25")),
        ("v_YoYo_g25_c01.webm", ("YoYo", "YoYo_g25")),
        ("YoYo/v_YoYo_g25_c01.avi", ("YoYo", "YoYo_g25")),
        ("/data/v_BlowDryHair_g01_c10.mp4", ("BlowDryHair", "BlowDryHair_g01")),
        ("../UCF-101.v2/v_YoYo_g25_c01.avi", ("YoYo", "YoYo_g25")),
        ("./v_YoYo_g25_c01", ("YoYo", "YoYo_g25")),
    ],
)
def test_folder_and_suffix_of_a_name_do_not_matter(path, expected):
    """A clip may lie in any folder, and have any suffix or none."""
    assert ucf101.label_and_group(path) == expected


@names
def test_one_class_is_spelt_in_two_ways():
    """Files named HandStandPushups are of the class HandstandPushups, as the lists spell it."""
    found = ucf101.label_and_group("v_HandStandPushups_g01_c03.avi")
    assert found == ("HandstandPushups", "HandstandPushups_g01")


@names
@pytest.mark.parametrize("folder", ["HandStandPushups", "handstandpushups", "data/videos"])
def test_a_folder_does_not_tell_the_spelling(folder):
    """In a folder of any name, files named HandStandPushups are of the class HandstandPushups."""
    found = ucf101.label_and_group(f"{folder}/v_HandStandPushups_g01_c03.avi")
    assert found == ("HandstandPushups", "HandstandPushups_g01")


@names
def test_a_folder_does_not_tell_the_class():
    """A clip of Biking is of the class Biking in the folder biking, too."""
    assert ucf101.label_and_group("biking/v_Biking_g08_c02.avi") == ("Biking", "Biking_g08")


@names
@pytest.mark.parametrize("label", ["PushUps", "WallPushups", "HandstandWalking", "JumpingJack"])
def test_other_classes_are_spelt_as_their_files(label):
    """PushUps and WallPushups stay as they are: only HandStandPushups is spelt in two ways."""
    found = ucf101.label_and_group(f"v_{label}_g01_c01.avi")
    assert found == (label, f"{label}_g01")


@names
@pytest.mark.parametrize(
    "path",
    [
        *("holiday.avi", "v_Biking_g08.avi", "Biking_g08_c02.avi", "v_Biking_gXX_c02.avi"),
        *("v__g1_c1", "v_Biking_g08_c02_cut.avi", "my_v_Biking_g08_c02.avi"),
        *("v_Biking_g08_c02_g01_c01.avi", "v_Biking_g08_c02.copy.avi"),
    ],
)
def test_another_name_is_refused(path):
    """Another name gets no class: a ManifestError whose message has `v_Class_g01_c01.avi`."""
    with pytest.raises(manifest.ManifestError, match=r"v_Class_g01_c01\.avi"):
        ucf101.label_and_group(path)


@pytest.mark.parametrize(
    ("number", "group"), [(1, "Biking_g02"), (2, "Biking_g05"), (3, "YoYo_g09")]
)
def test_official_splits(root, number, group):
    """Each split tests on the groups its list names, in either layout."""
    opened = ucf101.official(root, number)
    assert opened.splits() == {"train": 63, "test": 27}
    assert opened.labels == ("Biking", "HandstandPushups", "YoYo")
    assert group in {row.group for row in opened.split("test").rows}
    assert all(opened.path(row).exists() for row in opened.rows)
    leakage.check_leakage(opened)


def test_a_missing_clip_is_named(root):
    """A download that is not complete is an error, unless one says that it is partial."""
    (missing,) = root.rglob(clip("YoYo", 1, 2))
    missing.unlink()
    with pytest.raises(
        manifest.ManifestError, match=r"1 listed videos are not there, v_YoYo_g01_c02"
    ):
        ucf101.official(root, 1)
    assert ucf101.official(root, 1, partial=True).splits() == {"train": 63, "test": 26}


def test_missing_lists_are_named(root):
    """The error says where they were looked for, and how to get them."""
    (root.parent / "ucfTrainTestlist").rename(root.parent / "elsewhere")
    with pytest.raises(manifest.ManifestError, match="ucfTrainTestlist.*prepare download"):
        ucf101.official(root, 1)
    assert ucf101.official(root, 1, lists=root.parent / "elsewhere").splits()["test"] == 27


def test_a_random_split_is_by_groups(root):
    """Every class gives 2 of its 10 groups, and the next seed gives others."""
    opened = ucf101.by_groups(root, 0.2, seed=1)
    leakage.check_leakage(opened)
    groups = {row.group for row in opened.split("test").rows}
    assert sorted(group.split("_")[0] for group in groups) == sorted(
        folder_of(label) for label in CLASSES for _ in range(2)
    )
    assert ucf101.by_groups(root, 0.2, seed=1) == opened
    assert ucf101.by_groups(root, 0.2, seed=2) != opened


def test_a_clip_that_stands_twice_is_named(root):
    """The same name in two folders would be trained and tested on."""
    (root / "copy").mkdir()
    (root / "copy" / CLIPS[0]).touch()
    with pytest.raises(manifest.ManifestError, match="have one name"):
        ucf101.by_groups(root, 0.2)


def test_a_subset_from_csvs(root, tmp_path):
    """The top-5 subset comes as CSVs with video_name and tag."""
    tables = {"train": range(4, 11), "test": range(1, 4)}
    files = {}
    for split, groups in tables.items():
        files[split] = tmp_path / f"{split}.csv"
        lines = [f"{clip('Biking', g, 1)},Biking" for g in groups]
        files[split].write_text("video_name,tag\n" + "\n".join(lines) + "\n")
    opened = ucf101.from_csvs(root, files)
    assert opened.splits() == {"train": 7, "test": 3}
    assert opened.labels == ("Biking",)
    assert opened.split("test").rows[0].group == "Biking_g01"
    files["test"].write_text("name,tag\na,b\n")
    with pytest.raises(
        manifest.ManifestError, match=r"test\.csv: its columns should be video_name"
    ):
        ucf101.from_csvs(root, files)


def test_splits_in_the_format_of_actionbert(root, tmp_path):
    """What is written is read again, with the same classes under the same numbers."""
    official = ucf101.official(root, 1)
    files = {split: tmp_path / f"{split}_ucf101.json" for split in ("train", "test")}
    for split, path in files.items():
        ucf101.write_json(official, split, path)
    entry = json.loads(files["test"].read_text())[0]
    assert entry == {"video_name": "v_Biking_g01_c01", "label_idx": 0}
    assert ucf101.read_json(root, files) == official


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ('{"data": []}', "should read"),
        ('[{"video_name": "v_YoYo_g01_c01"}]', "should read"),
        (
            '[{"video_name": "v_YoYo_g01_c01", "label_idx": 1},'
            ' {"video_name": "v_YoYo_g01_c02", "label_idx": 2}]',
            "v_YoYo_g01_c02 has label_idx 2, others of YoYo have 1",
        ),
        (
            '[{"video_name": "v_YoYo_g01_c01", "label_idx": 1},'
            ' {"video_name": "v_Biking_g01_c02", "label_idx": 1}]',
            "two classes share a label_idx",
        ),
    ],
)
def test_mistakes_in_actionberts_files_are_named(root, tmp_path, entries, message):
    """Another format, and numbers that don't match the classes."""
    (tmp_path / "train.json").write_text(entries)
    with pytest.raises(manifest.ManifestError, match=message):
        ucf101.read_json(root, {"train": tmp_path / "train.json"})


def test_a_leaking_split_of_others_is_refused(root, tmp_path):
    """ActionBERT draws clips, not groups: check_leakage names the groups that are on both sides."""
    files = {}
    for split, number in (("train", 1), ("test", 2)):
        files[split] = tmp_path / f"{split}.json"
        content = [{"video_name": f"v_YoYo_g01_c0{number}", "label_idx": 0}]
        files[split].write_text(json.dumps(content))
    with pytest.raises(manifest.ManifestError, match=r"'YoYo_g01' \(test\+train\)"):
        leakage.check_leakage(ucf101.read_json(root, files))


# --- organise -----------------------------------------------------------------------------
@pytest.fixture
def flat(tmp_path):
    """Flat files, each with its own name as content, and their classes."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for name in CLIPS:
        (folder / name).write_text(name)
    return folder, {name: ucf101.label_and_group(name)[0] for name in CLIPS}


def test_move_into_class_folders(flat):
    """Every file lands in its class's folder with its content; the plan is empty afterwards."""
    folder, labels = flat
    organise.carry_out(organise.plan(folder, folder, labels), "move")
    for name in CLIPS:
        assert (folder / labels[name] / name).read_text() == name
    moved = {stem: ucf101.label_and_group(stem)[0] for stem in ucf101.find_videos(folder).values()}
    assert organise.plan(folder, folder, moved) == []


def test_link_into_class_folders(flat, tmp_path):
    """Links leave the files where they are, and again there is nothing left to do."""
    folder, labels = flat
    organise.carry_out(organise.plan(folder, tmp_path / "by_class", labels), "link")
    linked = tmp_path / "by_class" / "YoYo" / clip("YoYo", 3, 1)
    assert linked.is_symlink()
    assert linked.read_text() == clip("YoYo", 3, 1)
    assert (folder / clip("YoYo", 3, 1)).exists()
    assert organise.plan(folder, tmp_path / "by_class", labels) == []


def test_nothing_is_written_over(flat):
    """Another file in the place of one stops everything before the first move."""
    folder, labels = flat
    (folder / "YoYo").mkdir()
    (folder / "YoYo" / clip("YoYo", 3, 1)).write_text("somebody else's")
    with pytest.raises(ValueError, match=r"v_YoYo_g03_c01\.avi: stands where"):
        organise.plan(folder, folder, labels)
    assert sorted(entry.name for entry in folder.iterdir()) == sorted([*CLIPS, "YoYo"])


def test_a_file_that_comes_in_between_is_not_written_over(flat):
    """Even between plan and move."""
    folder, labels = flat
    moves = organise.plan(folder, folder, labels)
    (folder / "YoYo").mkdir()
    (folder / "YoYo" / clip("YoYo", 3, 1)).write_text("somebody else's")
    with pytest.raises(ValueError, match="is there already"):
        organise.carry_out(moves, "move")
    assert (folder / "YoYo" / clip("YoYo", 3, 1)).read_text() == "somebody else's"
    assert (folder / clip("YoYo", 3, 1)).exists()


def test_an_interrupted_move_goes_on(flat):
    """Half moved, one of them with both names still there: the second run ends it."""
    folder, labels = flat
    moves = organise.plan(folder, folder, labels)
    organise.carry_out(moves[:40], "move")
    here, there = moves[40]
    there.parent.mkdir(exist_ok=True)
    os.link(here, there)
    left = {n: label for n, label in labels.items() if (folder / n).exists()}
    organise.carry_out(organise.plan(folder, folder, left), "move")
    assert all((folder / labels[name] / name).read_text() == name for name in CLIPS)
    assert not any((folder / name).exists() for name in CLIPS)


def test_actionberts_frames_and_splits(tmp_path):
    """Folders of images named as clips, and its JSON files: a manifest, ready to be embedded."""
    for name, images in (("v_Biking_g01_c01", 11), ("v_YoYo_g02_c01", 2)):
        (tmp_path / "frames" / name).mkdir(parents=True)
        for number in range(1, images + 1):
            (tmp_path / "frames" / name / f"frame_{number}.jpg").touch()
        entry = [{"video_name": name, "label_idx": int("YoYo" in name)}]
        (tmp_path / f"{name}.json").write_text(json.dumps(entry))
    files = {
        "train": tmp_path / "v_Biking_g01_c01.json",
        "test": tmp_path / "v_YoYo_g02_c01.json",
    }
    videos = ucf101.read_json(tmp_path / "frames", files)
    assert [row.path for row in videos.rows] == ["v_Biking_g01_c01", "v_YoYo_g02_c01"]
    assert videos.splits() == {"train": 1, "test": 1}
