"""Several labels a video, from a manifest to a run, its report, predictions and exports."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest

import flaxvid
from flaxvid import compare, errors, evaluate, export, predict, train
from flaxvid.data import batches, manifest, manifest_file
from flaxvid.evaluation import average_precision, leaderboard, predictions
from flaxvid.runs import config, dry_run, metrics_log, parsing, trained_model
from tests.benchmarks import multi_label

pytestmark = pytest.mark.usefixtures("unchecked_shapes_throughout")
blank = pytest.mark.usefixtures("blank_figures")

SMALL = ["--multi-label", "--steps", "8", "--batch-size", "4", "--eval-every", "4"]
SMALL += ["--model.dim", "8", "--model.depth", "1", "--model.num-heads", "2"]
SMALL += ["--model.mlp-dim", "8", "--num-frames", "4", "--model.patch-size", "16"]
CLASSES = ("move_left", "move_right", "grow")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """24 training, 12 validation and 16 test videos of up to three of three classes."""
    counts = {"train": 24, "validation": 12, "test": 16}
    return multi_label.draw_set(tmp_path_factory.mktemp("videos"), counts, CLASSES)


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """A run of eight steps: EMA, mixup, micro-batches and two devices."""
    folder = tmp_path_factory.mktemp("runs") / "several"
    more = ["--average", "0.9", "--mixup", "0.5", "--accumulate", "2", "--label-smoothing", "0.1"]
    return train.train(
        parsing.parse(["--data", str(table), "--out", str(folder), *SMALL, *more], "")
    )


@pytest.fixture(scope="module")
def report(run):
    return evaluate.evaluate(evaluate.EvaluateOptions(run=run))


def test_a_run_is_watched_by_map(run):
    """No accuracy is noted, in which one class would be right; mAP chose the checkpoint."""
    rows = metrics_log.read(run / "metrics.jsonl")
    assert not any("accuracy" in name or "top5" in name for row in rows for name in row)
    judged = {row["step"]: row["validation_map"] for row in rows if "validation_map" in row}
    assert rows[-1]["best_step"] == max(judged, key=judged.get)
    assert 0 < rows[-1]["test_map"] <= 1


def test_a_dry_run_measures_batches_as_they_are(run, table):
    """Of the shapes and types of a real one."""
    settings = config.load(run)
    drawn = dry_run.random_batch(settings)
    videos = manifest_file.read(table, multi_label=True).split("train")
    real = next(batches.test_batches(batches.VideoRows(videos, settings.preprocessing), 4))
    assert {name: (v.shape, v.dtype) for name, v in drawn.items()} == {
        name: (v.shape, v.dtype) for name, v in real.items()
    }


def test_thresholds_are_those_of_the_validation_videos(run):
    """In config.json, one for each class, where F1 is highest."""
    settings = config.load(run)
    assert settings.labels == tuple(sorted(CLASSES))
    judged = evaluate_split(run, "validation")
    expected = average_precision.thresholds(judged.probabilities, judged.targets)
    np.testing.assert_allclose(settings.thresholds, expected, atol=1e-5)


def evaluate_split(run, split):
    """The table of predictions for a split."""
    folder = run.parent / f"{split}-report"
    evaluate.evaluate(evaluate.EvaluateOptions(run=run, split=split, orders=False, out=folder))
    return predictions.read(folder / predictions.NAME)


def test_a_report_has_map_in_the_place_of_what_makes_no_sense(run, report):
    """That of the run, within its interval; no top-1, top-5 or confusion, in no form of it."""
    assert report["map"] == pytest.approx(
        metrics_log.read(run / "metrics.jsonl")[-1]["test_map"], abs=1e-5
    )
    low, high = report["interval"]
    assert low <= report["map"] <= high
    assert not {"top1", "top5", "confusion"} & set(report)
    assert not (run / "confusion.png").exists()
    assert set(report["orders"]) == {"shuffled", "reversed", "frozen", "single"}
    for name in ("report.md", "report.html"):
        text = (run / name).read_text()
        assert "mAP" in text
        assert "top-1" not in text
        assert "top-5" not in text


def test_predictions_have_every_probability(run, report):
    """From which mAP, and what is said, can be told again."""
    found = predictions.read(run / "predictions.csv")
    assert average_precision.mean(found.probabilities, found.targets) == pytest.approx(
        report["map"], abs=1e-6
    )
    limits = np.array(config.load(run).thresholds)
    said = average_precision.said(found.probabilities, limits)
    np.testing.assert_array_equal(np.all(said == found.targets, axis=1), found.right)
    with (run / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, of in zip(rows, said, strict=True):
        names = [name for name, one in zip(sorted(CLASSES), of, strict=True) if one]
        assert manifest.names_of(row["predicted"]) == tuple(names)


def test_predict_prints_the_classes_above_their_thresholds(run, table, tmp_path, capsys):
    """And writes each beside its threshold."""
    video, out = table.parent / "test" / "00001.avi", tmp_path / "said.csv"
    words = [str(run), str(video), "--out", str(out)]
    assert predict.report(predict.parse(words)) == 0
    shown = capsys.readouterr().out.splitlines()
    (said,) = [flaxvid.load(run).predict(video)]
    limits = dict(zip(said.labels, config.load(run).thresholds, strict=True))
    above = [n for n, odds in said.top(3) if odds > limits[n]]
    assert [name for name, _ in said.said()] == above
    assert [line.split()[0] for line in shown] == (above or ["nothing"])
    with out.open() as file:
        rows = list(csv.DictReader(file))
    written = {row["label"]: float(row["threshold"]) for row in rows}
    assert written == pytest.approx(limits, abs=1e-6)


def test_a_model_handed_on_keeps_its_thresholds(run, report, tmp_path, table):
    """As do what StableHLO's description says, and the model card the measure."""
    export.export(export.ExportOptions(run=run, format="flaxvid", folder=tmp_path / "model"))
    there = trained_model.open_best(tmp_path / "model").settings
    assert there.limits() == config.load(run).thresholds
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"- mAP **{report['map']:.1%}**" in card
    assert "any number of them" in card
    assert "top-1" not in card
    export.export(export.ExportOptions(run=run, out=tmp_path / "export", platforms=("cpu",)))
    about = json.loads((tmp_path / "export" / "model.json").read_text())
    assert about["thresholds"] == dict(zip(sorted(CLASSES), there.thresholds, strict=True))


@blank
def test_a_resumed_run_goes_on_with_several_labels(run, report, tmp_path):
    """Without being told again; until it has ended its thresholds are 0.5."""
    folder = shutil.copytree(run, tmp_path / "longer")
    before = config.load(folder)
    assert before.limits() == before.thresholds != (0.5,) * 3
    assert dataclasses.replace(before, thresholds=()).limits() == (0.5,) * 3
    with pytest.raises(errors.UserError, match="not the data of that run"):
        train.train(parsing.parse(["--resume", str(folder), "--no-multi-label"], ""))
    train.train(parsing.parse(["--resume", str(folder), "--steps", "10"], ""))
    rows = metrics_log.read(folder / "metrics.jsonl")
    assert [row["step"] for row in rows if "validation_map" in row] == [4, 8, 10]


def test_two_models_are_compared_by_map(run, report, tmp_path):
    """By a bootstrap over groups; a model is not better than itself."""
    copy = shutil.copytree(run, tmp_path / "copy")
    first = compare.read_report(run)
    reports = {run: first, copy: first | {"model": "another"}}
    found = compare.against_the_first(reports)
    assert "a bootstrap over groups of videos" in found
    assert "- not shown to be better than another: mAP +0.0%, p = 1\n" in found
    (line, _) = leaderboard.rank(list(reports.values()))
    assert (line.measure, line.top1) == ("mAP", report["map"])
    assert "| mAP " in leaderboard.markdown([line])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "motion"], "have one label each"),
        (["--balance", "loss"], "--balance: goes by the one class"),
    ],
)
def test_what_makes_no_sense_is_refused(table, words, said):
    """In one line, which names the option."""
    with pytest.raises(errors.UserError, match=said):
        train.train(parsing.parse(["--data", str(table), *SMALL, *words], ""))


def test_class_folders_are_refused_with_the_way_out(tmp_path):
    """A video stands in one of them."""
    (tmp_path / "run").mkdir()
    with pytest.raises(errors.UserError, match="write a CSV with the columns path,label"):
        train.train(parsing.parse(["--data", str(tmp_path), *SMALL], ""))
