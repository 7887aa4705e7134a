"""Folds of a cross-validation as one run: weighted as their videos are, and nothing twice."""

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.evaluation import folds, predictions, scores

# Of two rooms: 3 of 4 videos right, and none of 2.
RIGHT = {"one": [True, True, True, False], "two": [False, False]}


def table(run, right, offset=0):
    videos = [(f"{run}_{n + offset}.mp4", "0", "", "nod") for n in range(len(right))]
    return predictions.Read(
        tuple(videos), tuple(f"room_{run}" for _ in right), np.array(right), None, None
    )


def report(run, right, **more):
    usual = {
        "model": "bert tiny", "seed": 0, "videos": len(right), "top1": float(np.mean(right)),
        "orders": {"shuffled": 0.5 if run == "one" else 0.2}, "clips_per_second": 10.0,
        "training_seconds": 3.0, "split": "test", "views": "1 x 1", "data": f"{run}.csv",
        "made_of": {"recipe.steps": 300, "run.manifest": run, "embedding.content": run},
    }  # fmt: skip
    return usual | more


REPORTS = {run: report(run, right) for run, right in RIGHT.items()}
TABLES = {run: table(run, right) for run, right in RIGHT.items()}


def test_accuracy_is_over_the_videos_of_all_folds():
    """3 of 6, and not the mean of 75% and 0%; the interval is over both rooms."""
    joined, tables = folds.pooled(REPORTS, TABLES.get)
    (found,) = joined.values()
    assert found["top1"] == 0.5
    assert (found["videos"], found["groups"], found["data"]) == (6, 2, "2 folds")
    assert found["orders"]["shuffled"] == pytest.approx((4 * 0.5 + 2 * 0.2) / 6)
    assert found["training_seconds"] == 6.0
    expected = scores.interval(np.concatenate([*RIGHT.values()]), np.repeat(["one", "two"], [4, 2]))
    assert found["interval"] == pytest.approx(expected)
    assert tables["one"].videos == tuple(sorted(tables["one"].videos))
    assert found["made_of"] == {"recipe.steps": 300}


def test_each_model_and_seed_has_folds_of_its_own():
    """In whatever order they are named; their videos end up in one order."""
    others = {f"other {run}": report(run, RIGHT[run], seed=1) for run in ("two", "one")}
    tables = TABLES | {f"other {run}": TABLES[run] for run in RIGHT}
    joined, found = folds.pooled(REPORTS | others, tables.get)
    assert list(joined) == ["one", "other two"]
    assert found["one"].videos == found["other two"].videos
    np.testing.assert_array_equal(found["one"].right, found["other two"].right)


def test_two_variants_of_a_model_have_folds_of_their_own():
    """Of one seed too; what goes by the number of training videos makes no variant."""
    made_of = {"recipe.steps": 200, "recipe.batch_size": 12}
    one, two = (
        {run: report(run, RIGHT[run], made_of=made_of | more) for run in RIGHT}
        for more in ({}, {"embedding.stage": 5})
    )
    one["two"]["made_of"] = made_of | {"recipe.batch_size": 24}
    reports = one | {f"other {run}": report for run, report in two.items()}
    joined, _ = folds.pooled(reports, (TABLES | {f"other {r}": TABLES[r] for r in RIGHT}).get)
    assert [found["videos"] for found in joined.values()] == [6, 6]
    assert joined["one"]["made_of"] == {"recipe.steps": 200}
    # In whatever order they are named.
    turned, _ = folds.pooled(dict(reversed(one.items())), TABLES.get)
    assert turned["two"]["made_of"] == joined["one"]["made_of"]


@pytest.mark.parametrize(
    ("more", "tables", "message"),
    [
        ({}, {"two": TABLES["one"]}, "two: was tested on one_0.mp4 as one was, with the same seed"),
        ({}, {"two": None}, "two: has no predictions.csv; make it with `python -m flaxvid.evalua"),
        (
            {"third": report("one", RIGHT["one"], seed=1)},
            {"third": TABLES["one"]},
            "third: it and the other folds of bert tiny with seed 1 were not tested on the same",
        ),
        (
            {"two": report("two", RIGHT["two"], own_data=False)},
            {},
            "two: was evaluated on --data two.csv, of which it may have learnt some",
        ),
        (
            {"two": report("two", RIGHT["two"], classes=[{"label": "bow"}])},
            {},
            "two: has other classes than one",
        ),
        (
            {run: report(run, right, content="x") for run, right in RIGHT.items()},
            {},
            "two: was tested on the same videos as one, under other names",
        ),
    ],
)
def test_folds_that_do_not_fit_together_are_refused(more, tables, message):
    """A video twice would count twice; models on different videos can't be ranked."""
    with pytest.raises(errors.UserError) as caught:
        folds.pooled(REPORTS | more, (TABLES | tables).get)
    assert str(caught.value).startswith(message)


def test_several_labels_have_no_accuracy_to_pool():
    """Scores of one model and those of another are on scales of their own."""
    several = TABLES["one"]
    several = predictions.Read(several.videos, several.groups, several.right, None, np.ones((4, 2)))
    with pytest.raises(errors.UserError, match="one: its videos have several labels"):
        folds.pooled(REPORTS, (TABLES | {"one": several}).get)


def test_what_folds_differ_in_is_found():
    """Not the videos, which always differ."""
    changed = report("two", RIGHT["two"], made_of={"recipe.steps": 200, "run.manifest": "x"})
    assert folds.differing([REPORTS["one"], changed]) == ["recipe.steps"]
    assert folds.differing([*REPORTS.values()]) == []
