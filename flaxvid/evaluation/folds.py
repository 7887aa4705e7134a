"""Runs that each were tested on other videos, as one: the folds of a cross-validation."""

import collections
import json
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np

from flaxvid import errors
from flaxvid.evaluation import predictions, scores

Run = TypeVar("Run", bound=Hashable)
OF_DATA = ("manifest", "content")  # of the videos trained on, which differ in any case
# What goes by the number of training videos, unless it is given.
BY_SIZE = ("recipe.steps", "recipe.epochs", "recipe.least_steps", "recipe.batch_size")
BY_SIZE += ("embedding.views",)


def pooled(
    reports: Mapping[Run, dict[str, Any]], table_of: Callable[[Run], predictions.Read | None]
) -> tuple[dict[Run, dict[str, Any]], dict[Run, predictions.Read]]:
    """One report and one table for the folds of each model and seed, under the first fold's run.

    Runs are of one model if they have the same settings, but for what says which videos they are
    of, and for what goes by the number of these. Accuracy and its interval are over all videos and
    groups that any fold was tested on; accuracies with frames in another order are means, weighted
    by the videos of a fold.

    Args:
        reports: of every run, as `report.summarise` makes them.
        table_of: gives the predictions that belong to a report; None if there are none.

    Raises:
        UserError: for folds that share a video or have other classes, a run that was evaluated on
            other data than its own, models that were tested on different videos, or videos with
            several labels, whose mAP is of one model and not of many.
    """
    joined, tables = {}, {}
    for runs in by_model(reports).values():
        first = runs[0]
        _refuse_unfit({run: reports[run] for run in runs})
        tables[first] = _table({run: table_of(run) for run in runs})
        joined[first] = _report([reports[run] for run in runs], tables[first])
    first, *others = tables
    for run in others:
        if tables[run].videos != tables[first].videos:
            raise errors.UserError(
                f"{run}: it and the other folds of {_named(joined[run])} were not tested on the "
                f"same videos as {first} and those of {_named(joined[first])}: name all folds of "
                "each, and let all read the same videos"
            )
    return joined, tables


def by_model(reports: Mapping[Run, dict[str, Any]]) -> dict[Hashable, list[Run]]:
    """The runs of each model and seed, by what they have in common."""
    found = collections.defaultdict(list)
    for run, report in reports.items():
        own = {name: value for name, value in _settings(report).items() if name not in BY_SIZE}
        found[report["model"], report["seed"], json.dumps(own, sort_keys=True)].append(run)
    return found


def differing(reports: list[dict[str, Any]]) -> list[str]:
    """The settings in which the folds of one model differ; of those that go by their size."""
    settings = [_settings(report) for report in reports]
    return [
        name
        for name in dict.fromkeys(name for one in settings for name in one)
        if any(one.get(name) != settings[0].get(name) for one in settings)
    ]


def _settings(report):
    """Without those that say which videos a run is of."""
    made_of = report["made_of"]
    return {name: value for name, value in made_of.items() if name.split(".")[-1] not in OF_DATA}


def _named(report):
    return f"{report['model']} with seed {report['seed']}"


def _refuse_unfit(reports):
    """A fold counts with what its own run held out, once; and all are of one data set."""
    classes, contents = {}, {}
    for run, report in reports.items():
        if not report.get("own_data", True):
            raise errors.UserError(
                f"{run}: was evaluated on --data {report['data']}, of which it may have learnt "
                "some, and a fold counts with its own test videos; evaluate it without --data"
            )
        names = tuple(entry["label"] for entry in report.get("classes", ()))
        first = next(iter(classes), names)
        if names != first:
            raise errors.UserError(
                f"{run}: has other classes than {classes[first]}, and folds are of one data set"
            )
        classes[names] = run
        content = report.get("content")
        if content is not None and contents.setdefault(content, run) != run:
            raise errors.UserError(
                f"{run}: was tested on the same videos as {contents[content]}, under other names"
            )


def _table(found):
    """All rows of several tables, in the order of the videos."""
    rows, owner = [], {}
    for run, table in found.items():
        if table is None:
            raise errors.UserError(
                f"{run}: has no {predictions.NAME}; make it with "
                f"`python -m flaxvid.evaluate {errors.argument(run)}`"
            )
        if table.targets is not None:
            raise errors.UserError(
                f"{run}: its videos have several labels, and an mAP is of one model: take the mean "
                "of the folds' by hand"
            )
        for row in zip(table.videos, table.groups, table.right.tolist(), strict=True):
            if row[0] in owner:
                raise errors.UserError(
                    f"{run}: was tested on {row[0][0]} as {owner[row[0]]} was, with the same seed: "
                    "folds hold out different videos; runs on the same ones are compared without "
                    "--folds"
                )
            owner[row[0]] = run
            rows.append(row)
    videos, groups, right = zip(*sorted(rows), strict=True)
    return predictions.Read(videos, groups, np.array(right, bool), None, None)


def _report(folds, table):
    """As that of one run, tested on all videos."""
    first, weights, unlike = folds[0], [report["videos"] for report in folds], differing(folds)

    def mean(values):
        return None if None in values else float(np.average(values, weights=weights))

    orders = [report["orders"] for report in folds]
    seconds = [report["training_seconds"] for report in folds]
    return first | {
        "made_of": {name: v for name, v in _settings(first).items() if name not in unlike},
        "data": f"{len(folds)} fold{'s' if len(folds) > 1 else ''}",
        "videos": len(table.right),
        "groups": len(set(table.groups)),
        "top1": float(table.right.mean()),
        "interval": scores.reported_interval(table.right, np.array(table.groups)),
        "orders": {name: mean([one.get(name) for one in orders]) for name in orders[0]},
        "clips_per_second": mean([report["clips_per_second"] for report in folds]),
        "training_seconds": None if None in seconds else sum(seconds),
    }
