"""Evaluation: the numbers of metrics.jsonl again, whatever the batch size and the devices."""

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from flaxvid import errors, evaluate, train
from flaxvid.data import manifest_file
from flaxvid.evaluation import predictions
from flaxvid.runs import config, judged_data, metrics_log, parsing

pytestmark = pytest.mark.usefixtures("unchecked_shapes_throughout")
blank = pytest.mark.usefixtures("blank_figures")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def folder(small_motion, tmp_path_factory):
    """A run of 20 steps."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["--data", str(small_motion.root / "manifest.csv"), "--out", str(folder)]
    words += ["--steps", "20", "--batch-size", "8", "--eval-every", "20"]
    words += ["--model.dim", "16", "--model.depth", "1", "--model.mlp-dim", "16"]
    train.train(parsing.parse(words, ""))
    return folder


def report_of(folder, out, **settings):
    return evaluate.evaluate(evaluate.EvaluateOptions(run=folder, out=out, **settings))


def without_speed(report):
    return {key: value for key, value in report.items() if key != "clips_per_second"}


@pytest.fixture(scope="module")
def report(folder, tmp_path_factory):
    return report_of(folder, tmp_path_factory.mktemp("report"), batch_size=8)


def test_numbers_are_those_of_the_run(folder, report):
    """Top-1, top-5 and loss on the test split are what training wrote last."""
    last = metrics_log.read(folder / "metrics.jsonl")[-1]
    assert report["videos"] == 20
    assert report["top1"] == pytest.approx(last["test_accuracy"])
    assert report["from_these"] == []
    assert report["top5"] == pytest.approx(last["test_top5"])
    assert report["loss"] == pytest.approx(last["test_loss"], abs=1e-5)


def test_parts_of_the_report_agree(report):
    """The diagonal of the confusion is top-1, its rows are the classes' videos."""
    counts = np.array(report["confusion"])
    assert np.trace(counts) / counts.sum() == pytest.approx(report["top1"])
    assert counts.sum(axis=1).tolist() == [entry["videos"] for entry in report["classes"]]
    assert set(report["orders"]) == {"shuffled", "reversed", "frozen", "single"}
    low, high = report["interval"]
    assert low <= report["top1"] <= high


def test_reversed_videos_are_those_of_the_other_class(folder, report, tmp_path):
    """Backwards, a clip is that of its pair: predictions follow, so recalls change places."""
    found = {entry["label"]: entry for entry in report["classes"]}
    flipped = found["move_left"]["orders"]["reversed"]
    taken = np.array(report["confusion"])
    labels = [entry["label"] for entry in report["classes"]]
    left, right = labels.index("move_left"), labels.index("move_right")
    assert flipped == pytest.approx(taken[right, left] / taken[right].sum())


@blank
@pytest.mark.parametrize("batch_size", [2, 64])
def test_batch_size_changes_no_number(folder, report, batch_size, tmp_path):
    """Of 20 videos, batches of 2, all full, and of 64 on two devices: the report of batches of 8,
    to the last digit."""
    again = report_of(folder, tmp_path, batch_size=batch_size)
    assert without_speed(again) == without_speed(report)


@pytest.mark.long(except_for=["8"])
@pytest.mark.parametrize("devices", [1, 8])
def test_devices_change_no_number(folder, report, devices, tmp_path):
    """One device and eight give the report of two."""
    words = [sys.executable, "-m", "flaxvid.evaluate", str(folder), "--out", str(tmp_path)]
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "JAX_PLATFORMS": "cpu"}
    subprocess.run(words, env=environment, cwd=ROOT, check=True, capture_output=True)
    again = json.loads((tmp_path / "report.json").read_text())
    assert without_speed(again) == without_speed(json.loads(json.dumps(report)))


@pytest.mark.parametrize(("split", "known"), [("train", True), ("test", False)])
def test_of_an_old_run_only_its_training_videos_are_known(split, known):
    """It kept no fingerprints of its splits: whether it had validation videos is not guessed."""
    chosen = evaluate.EvaluateOptions(run=Path("run"), split=split)
    old = types.SimpleNamespace(content={})
    assert evaluate._from_these(old, None, chosen) == ["its parameters are"] * known


@blank
def test_views_are_averaged(folder, tmp_path, monkeypatch):
    """Two windows of three crops: each video counts once. The batch is one that devices divide."""
    monkeypatch.setattr(evaluate, "BATCH", 31)
    found = report_of(folder, tmp_path, windows=2, crops=3, orders=False, split="validation")
    assert found["videos"] == 10
    assert found["views"] == "2 x 3 views of each"
    assert found["orders"] == {}
    # The best checkpoint is the one that was best on these.
    assert "checkpoint is chosen on these very videos" in (tmp_path / "report.md").read_text()


def test_pages_and_pictures_are_written(folder, tmp_path):
    """report.json, report.md and both figures, and a line a class."""
    report_of(folder, tmp_path, orders=False)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["calibration.png", "confusion.png", "mistakes.png", "predictions.csv",
                     "report.html", "report.json", "report.md"]  # fmt: skip
    page = (tmp_path / "report.md").read_text()
    assert page.startswith("# timesformer tiny on the test split of")
    assert page.count("\n| ") == 11


@blank
def test_predictions_are_those_of_the_report(folder, tmp_path):
    """A line a video; as many right as top-1 says, two views each, and the label in the path."""
    found = report_of(folder, tmp_path, windows=2, orders=False)
    with (tmp_path / "predictions.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == found["videos"] == 20
    assert np.mean([line["right"] == "right" for line in lines]) == pytest.approx(found["top1"])
    assert {line["views"] for line in lines} == {"2"}
    assert all(line["path"].startswith(f"{line['label']}/") for line in lines)
    assert all((line["label"] == line["predicted"]) == (line["right"] == "right") for line in lines)


@blank
def test_groups_of_other_data(folder, small_motion, tmp_path):
    """The run's expression may not fit other names: whose it is, and what to do, is said."""
    other = str(small_motion.root / "manifest.csv")
    with pytest.raises(errors.UserError, match="--group-regex: is of other data; give --data too"):
        report_of(folder, tmp_path, group_regex="a")
    with pytest.raises(errors.UserError, match="--group-regex: --data motion has groups of its ow"):
        report_of(folder, tmp_path, data="motion", group_regex="a")
    with pytest.raises(errors.UserError, match="nowhere: is not found in .*4'$"):
        report_of(folder, tmp_path, data=other, group_regex="nowhere")
    saved = config.load(folder)
    moved = tmp_path / "run"
    shutil.copytree(folder, moved)
    config.write(
        moved, dataclasses.replace(saved, data=dataclasses.replace(saved.data, group_regex="here"))
    )
    with pytest.raises(
        errors.UserError, match="here: is not found in .*It is that of .*give anoth"
    ):
        report_of(moved, tmp_path / "report", data=other)


def test_videos_that_it_has_learnt_are_told(folder, small_motion, tmp_path, capsys):
    """Of other data some may be of training, and what is measured on them is no test."""
    learnt = [row for row in small_motion.rows if row.split == "train"][:3]
    rows = [row for row in small_motion.rows if row.split == "test"]
    videos = tmp_path / "videos.csv"
    for more, said in (([], False), (learnt, True)):
        mixed = [*rows[:7], *(dataclasses.replace(row, split="test") for row in more)]
        manifest_file.write(dataclasses.replace(small_motion, rows=tuple(mixed)), videos)
        report_of(folder, tmp_path / str(len(mixed)), data=str(videos), orders=False)
        told = f"was trained on 3 of these {len(mixed)} videos" in capsys.readouterr().out
        assert told == said


def test_videos_that_cannot_be_read_count_in_no_number(folder, small_motion, tmp_path, capsys):
    """18 of 20 are judged; the others are named in report.md with the reason, and counted apart."""
    rows = [row for row in small_motion.rows if row.split == "test"]
    for row in rows:
        (tmp_path / row.path).parent.mkdir(exist_ok=True)
        shutil.copy(small_motion.path(row), tmp_path / row.path)
    for row in rows[:2]:
        (tmp_path / row.path).write_bytes(b"")
    videos = dataclasses.replace(small_motion, root=tmp_path, rows=tuple(rows))
    manifest_file.write(videos, tmp_path / "videos.csv")
    out = tmp_path / "report"
    found = report_of(folder, out, data=str(tmp_path / "videos.csv"), orders=False)
    assert (found["videos"], len(found["skipped"])) == (18, 2)
    assert "2 of 20 videos could not be read and are not in the numbers" in capsys.readouterr().out
    page = (out / "report.md").read_text(encoding="utf-8")
    assert "18 videos of " in page
    assert "2 files could not be read; their videos are not in the numbers:" in page
    assert f"- {tmp_path / rows[0].path}: the file is empty" in page
    assert len(predictions.read(out / "predictions.csv").videos) == 18


def test_other_videos_under_the_same_names_are_noticed(folder, small_motion, tmp_path, capsys):
    """The run's own data, changed since: refused. Named by --data: judged, and said."""
    root = tmp_path / "copy"
    shutil.copytree(small_motion.root, root)
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    kept = (run / "config.json").read_text(encoding="utf-8")
    elsewhere = kept.replace(str(small_motion.root / "manifest.csv"), str(root / "manifest.csv"))
    (run / "config.json").write_text(elsewhere, encoding="utf-8")

    def rows(data=None):
        settings = config.load(run)
        return judged_data.open_rows(
            settings, run, data=data, split="test", threads=2, model=str(run)
        )

    own = rows()
    test = [row for row in small_motion.rows if row.split == "test"]
    shutil.copy(root / test[0].path, root / test[1].path)
    with pytest.raises(errors.UserError, match=r"has changed since .* \(there are other videos"):
        rows()
    assert "the videos are not" not in capsys.readouterr().out
    other = rows(data=str(root / "manifest.csv"))
    assert "names and labels are those of the run's own data, and the videos are not" in (
        capsys.readouterr().out
    )
    assert own.manifest.fingerprint() == other.manifest.fingerprint()
    manifest_file.write(
        dataclasses.replace(small_motion, root=root, rows=small_motion.rows[1:]),
        root / "manifest.csv",
    )
    with pytest.raises(
        errors.UserError, match=r"\(its rows are others\), and some of it may be of"
    ):
        rows()


def test_mistakes_are_named(folder, tmp_path, small_motion):
    """A split there is not, and a class the run does not know."""
    with pytest.raises(errors.UserError, match="--split"):
        evaluate.parse([str(folder), "--split", "testing"])
    strange = tmp_path / "strange.csv"
    video = small_motion.root / small_motion.rows[0].path
    strange.write_text(f"path,label,split\n{video},jump,test\n")
    with pytest.raises(errors.UserError, match="has a class 'jump' that .* was not trained on"):
        report_of(folder, tmp_path, data=str(strange))
