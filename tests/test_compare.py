"""The leaderboard: seeds joined, best first, unlike runs refused."""

import csv
import json
from pathlib import Path

import cv2
import pytest

from flaxvid import compare, errors

REPORT = {
    "model": "timesformer tiny", "seed": 0, "top1": 0.9, "interval": [0.85, 0.95],
    "orders": {"shuffled": 0.5}, "parameters": 1000, "multiply_adds": 40_000_000,
    "clips_per_second": 300.0, "manifest": "abc", "split": "test", "views": "1 x 1 views of each",
    "data": "motion", "videos": 1000, "sees": "pixels", "training_seconds": 200.0,
    "made_of": {"model.attention": "divided", "recipe.steps": 1600, "recipe.mixup": 0.0},
}  # fmt: skip


HEADER = "path,start,end,group,label,predicted,right,probability,views,top5\n"


def predict(folder, right, groups=None):
    """Gives a run a table of predictions and a report that agrees with it."""
    lines = [
        f"v{number}.mp4,0,,{groups[number] if groups else ''},nod,nod,{said},0.9,1,nod 0.9\n"
        for number, said in enumerate("right" if one else "wrong" for one in right)
    ]
    (folder / "predictions.csv").write_text(HEADER + "".join(lines))
    report = json.loads((folder / "report.json").read_text())
    report |= {"videos": len(right), "top1": sum(right) / len(right)}
    (folder / "report.json").write_text(json.dumps(report))


def versus(*folders):
    """What is said of the first of the leaderboard and the others."""
    return compare.against_the_first({folder: compare.read_report(folder) for folder in folders})


@pytest.fixture
def runs(tmp_path):
    """Makes run directories, each with a report that differs from the one above as said."""

    def make(**changes):
        folders = []
        for name, change in changes.items():
            folder = tmp_path / name
            folder.mkdir()
            (folder / "report.json").write_text(json.dumps(REPORT | change))
            folders.append(folder)
        return tuple(folders)

    return make


def test_seeds_are_joined_and_the_best_is_first(runs):
    """Seeds of 0.8 and 0.9: 0.85 ± 0.1/√2, for 2 x 0.05² over 2 - 1; one of 0.95 goes before."""
    folders = runs(
        first={"seed": 0, "top1": 0.8, "orders": {"shuffled": 0.4}},
        second={"seed": 1, "top1": 0.9, "training_seconds": 400.0},
        other={"model": "c3d tiny", "top1": 0.95, "orders": {}, "training_seconds": None},
    )
    best, joined = compare.compare(compare.CompareOptions(runs=folders))
    assert (best.model, best.seeds, best.spread, best.shuffled) == ("c3d tiny", 1, 0.0, None)
    assert (joined.seeds, joined.top1, joined.spread) == (
        2,
        pytest.approx(0.85),
        pytest.approx(0.1 / 2**0.5),
    )
    assert joined.shuffled == pytest.approx(0.45)
    assert (best.training_seconds, joined.training_seconds) == (None, 300.0)


def test_different_models_are_not_averaged(runs):
    """divided at 99.5% and space at 35.7% are two models, though both are timesformer tiny."""
    divided, space = REPORT["made_of"], {**REPORT["made_of"], "model.attention": "space"}
    folders = runs(
        first={"top1": 0.995},
        second={"top1": 0.991, "seed": 1},
        other={"top1": 0.357, "made_of": space},
    )
    best, worse = compare.compare(compare.CompareOptions(runs=folders))
    assert (best.model, best.seeds) == ("timesformer tiny, attention=divided", 2)
    assert best.top1 == pytest.approx(0.993)
    assert (worse.model, worse.top1) == ("timesformer tiny, attention=space", 0.357)
    assert divided["model.attention"] == "divided"


def test_what_differs_is_said_and_the_rest_counted(runs):
    """Four differences: three by name. A model that stands alone needs none."""
    other = {"model.attention": "space", "recipe.steps": 100, "recipe.mixup": 0.8, "data.batch": 8}
    folders = runs(first={}, second={"made_of": other, "top1": 0.5}, third={"model": "c3d tiny"})
    lines = compare.compare(compare.CompareOptions(runs=folders))
    assert {line.model for line in lines} == {
        "timesformer tiny, attention=divided, steps=1600, mixup=0.0, 1 more",
        "timesformer tiny, attention=space, steps=100, mixup=0.8, 1 more",
        "c3d tiny",
    }


def test_table_and_picture_are_written(runs, tmp_path, capsys):
    """A line a model in Markdown and CSV, and a figure."""
    folders = runs(first={}, other={"model": "c3d tiny", "top1": 0.5})
    compare.compare(compare.CompareOptions(runs=folders, out=tmp_path / "board"))
    page = (tmp_path / "board" / "leaderboard.md").read_text()
    assert page.startswith("# ")
    assert page.removeprefix("# ") in capsys.readouterr().out
    assert page.index("timesformer tiny") < page.index("c3d tiny")
    line = "| 90.0% | 85.0% to 95.0% | 50.0%    | 1,000      | 0.040 | 300     | 3 min 20 s |"
    assert line in page
    with (tmp_path / "board" / "leaderboard.csv").open() as file:
        assert [row["model"] for row in csv.DictReader(file)] == ["timesformer tiny", "c3d tiny"]
    height, width, _ = cv2.imread(str(tmp_path / "board" / "leaderboard.png")).shape
    assert (height, width) == (252, 1080)  # 2 rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"manifest": "xyz"}, "its manifest is xyz, and that of .*first is abc"),
        ({"views": "10 x 3 views of each"}, "its views is 10 x 3"),
        ({"split": "validation"}, "its split is validation"),
        (
            {"content": "other"},
            "second: was evaluated on other videos than .*first, though their names",
        ),
        ({"videos": 998}, "was evaluated on 998 videos, and .*first on 1000"),
    ],
)
def test_unlike_runs_are_not_ranked(runs, change, message):
    """Another manifest, split or number of views makes another measurement."""
    with pytest.raises(errors.UserError, match=message):
        compare.compare(compare.CompareOptions(runs=runs(first={"content": "one"}, second=change)))


def test_a_report_that_knows_no_files_is_compared():
    """Of embeddings without their videos, or of an earlier flaxvid."""
    reports = {Path("a"): REPORT | {"content": "one"}, Path("b"): REPORT | {"content": None}}
    compare._refuse_unlike(reports | {Path("c"): REPORT})


def test_a_report_that_does_not_say_what_was_judged_is_refused(runs):
    """Of an earlier flaxvid; and the same run twice is not two seeds."""
    (old,) = runs(old={"made_of": None})
    report = json.loads((old / "report.json").read_text())
    del report["made_of"]
    (old / "report.json").write_text(json.dumps(report))
    with pytest.raises(errors.UserError, match="by an earlier flaxvid .*; make it again"):
        compare.compare(compare.CompareOptions(runs=(old,)))
    (run,) = runs(run={})
    with pytest.raises(errors.UserError, match="given twice"):
        compare.compare(compare.CompareOptions(runs=(run, run)))


def test_run_without_a_report_is_told_how_to_make_one(tmp_path):
    """The message has the command."""
    with pytest.raises(errors.UserError, match=r"flaxvid.evaluate .*young"):
        compare.compare(compare.CompareOptions(runs=(tmp_path / "young",)))
    with pytest.raises(errors.UserError, match="no run to compare"):
        compare.compare(compare.CompareOptions(runs=()))


# ---------------------------------------------------------------- video by video
def test_a_few_videos_make_nobody_better(runs, capsys):
    """99% and 97% of 100 videos, ahead on 3 and behind on 1: p = 0.625, and not shown."""
    first, second = runs(first={}, second={"model": "c3d tiny"})
    predict(first, [True] * 99 + [False])
    predict(second, [False] * 3 + [True] * 97)
    compare.compare(compare.CompareOptions(runs=(first, second)))
    said = capsys.readouterr().out
    assert "timesformer tiny against the others, video by video (McNemar's exact test" in said
    assert "- not shown to be better than c3d tiny: ahead on 3, behind on 1, p = 0.62" in said


def test_who_is_really_better_is_said(runs):
    """Ahead on 10 videos and behind on none: 2 / 2^10, twice that for the two tests."""
    folders = runs(first={}, second={"model": "c3d tiny"}, third={"model": "bert tiny"})
    for folder, wrong in zip(folders, (0, 10, 3), strict=True):
        predict(folder, [False] * wrong + [True] * (100 - wrong))
    said = versus(*folders)
    assert "- better than c3d tiny: ahead on 10, behind on 0, p = 0.0039" in said
    assert "- not shown to be better than bert tiny: ahead on 3, behind on 0, p = 0.25" in said


def test_videos_of_one_recording_count_once(runs):
    """The same ten videos, but cut from two recordings: they show nothing."""
    first, second = runs(first={}, second={"model": "c3d tiny"})
    groups = [number // 5 for number in range(100)]
    predict(first, [True] * 100, groups)
    predict(second, [False] * 10 + [True] * 90, groups)
    assert "not shown to be better than c3d tiny: ahead on 2, behind on 0" in versus(first, second)


def test_runs_of_one_seed_are_compared(runs):
    """Of several seeds, those of the smallest that both models have."""
    second = {"model": "c3d tiny"}
    seeds = dict(a={"seed": 1}, b={"seed": 2}, c=second | {"seed": 2}, d=second | {"seed": 3})
    folders = runs(**seeds)
    for folder, wrong in zip(folders, (0, 1, 7, 5), strict=True):
        predict(folder, [False] * wrong + [True] * (20 - wrong))
    assert "c3d tiny: ahead on 6, behind on 0" in versus(*folders)


def test_predictions_that_are_missing_stale_or_of_other_videos(runs):
    """Missing: the command is said. Not those of the report, or of other videos: refused."""
    first, second = runs(first={}, second={"model": "c3d tiny"})
    assert f"has no predictions.csv; make it with `python -m flaxvid.evaluate {first}`" in (
        versus(first, second)
    )
    predict(first, [True, True, False])
    predict(second, [True, False, False])
    table = (second / "predictions.csv").read_text()
    (second / "predictions.csv").write_text(table.replace("v1.mp4", "v7.mp4"))
    with pytest.raises(errors.UserError, match="was evaluated on other videos than"):
        versus(first, second)
    (second / "predictions.csv").write_text(table.replace("wrong", "right"))
    with pytest.raises(errors.UserError, match=r"has a top-1 of 100.0% over 3 videos, and report"):
        versus(first, second)
    (second / "predictions.csv").write_text("a,b\n")
    with pytest.raises(errors.UserError, match="has no column 'path'; evaluate the run again"):
        versus(first, second)


def test_folds_count_as_one_run(runs, capsys):
    """Of different manifests, which else are refused; what they differ in is said."""
    made_of = REPORT["made_of"] | {"recipe.steps": 400}
    folders = runs(one={"manifest": "a"}, two={"manifest": "b", "made_of": made_of})
    for folder, right in zip(folders, ([True, True, False], [False]), strict=True):
        predict(folder, right)
        table = folder / "predictions.csv"
        table.write_text(table.read_text().replace("v0", f"{folder.name}0"))
    names = [str(folder) for folder in folders]
    with pytest.raises(errors.UserError, match=r"its manifest is b.*held out other.*add --folds"):
        compare.compare(compare.parse(names))
    (line,) = compare.compare(compare.parse([*names, "--folds"]))
    assert (line.top1, line.seeds) == (0.5, 1)
    said = capsys.readouterr().out
    assert "the folds of timesformer tiny differ in recipe.steps" in said
    assert "2 folds, test split, 4 videos of 4 groups, 1 x 1 views of each" in said
    assert "rest on 4 groups, too few to be relied on, and no difference can be shown" in said
