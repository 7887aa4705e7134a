"""Runs that each were tested on other videos, as one: the folds of a cross-validation."""

import collections
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np

from flaxvid import errors
from flaxvid.evaluation import predictions, scores

Run = TypeVar("Run", bound=Hashable)
OF_DATA = ("manifest", "content")  # of the videos trained on, which differ in any case


def pooled(
    reports: Mapping[Run, dict[str, Any]], table_of: Callable[[Run], predictions.Read | None]
) -> tuple[dict[Run, dict[str, Any]], dict[Run, predictions.Read]]:
    """One report and one table for the folds of each model and seed, under the first fold's run.

    Accuracy and its interval are over all videos and groups that any fold was tested on; accuracies
    with frames in another order are means, weighted by the videos of a fold.

    Args:
        reports: of every run, as `report.summarise` makes them.
        table_of: gives the predictions that belong to a report; None if there are none.

    Raises:
        UserError: for folds that share a video, models that were tested on different ones, or
            videos with several labels, whose mAP is of one model and not of many.
    """
    by_model = collections.defaultdict(list)
    for run, report in reports.items():
        by_model[report["model"], report["seed"]].append(run)
    joined, tables = {}, {}
    for runs in by_model.values():
        first = runs[0]
        tables[first] = _table({run: table_of(run) for run in runs})
        joined[first] = _report([reports[run] for run in runs], tables[first])
    first, *others = tables
    for run in others:
        if tables[run].videos != tables[first].videos:
            raise errors.UserError(
                f"{run}: it and the other folds of {joined[run]['model']} were not tested on the "
                f"same videos as {first} and those of {joined[first]['model']}: name all folds of "
                "each"
            )
    return joined, tables


def differing(reports: list[dict[str, Any]]) -> list[str]:
    """The settings in which runs differ, those that say which videos they are of left aside."""
    settings = [_without_data(report["made_of"]) for report in reports]
    names = dict.fromkeys(name for one in settings for name in one)
    return [
        name for name in names if any(one.get(name) != settings[0].get(name) for one in settings)
    ]


def _without_data(made_of):
    return {name: value for name, value in made_of.items() if name.split(".")[-1] not in OF_DATA}


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
                f"{run}: its videos have several labels, and an mAP is of one model: compare the "
                "runs of each fold by themselves, without --folds"
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
    first, weights = folds[0], [report["videos"] for report in folds]

    def mean(values):
        return None if None in values else float(np.average(values, weights=weights))

    orders = [report["orders"] for report in folds]
    seconds = [report["training_seconds"] for report in folds]
    return first | {
        "made_of": _without_data(first["made_of"]),
        "data": f"{len(folds)} fold{'s' if len(folds) > 1 else ''}",
        "videos": len(table.right),
        "groups": len(set(table.groups)),
        "top1": float(table.right.mean()),
        "interval": scores.reported_interval(table.right, np.array(table.groups)),
        "orders": {name: mean([one.get(name) for one in orders]) for name in orders[0]},
        "clips_per_second": mean([report["clips_per_second"] for report in folds]),
        "training_seconds": None if None in seconds else sum(seconds),
    }
