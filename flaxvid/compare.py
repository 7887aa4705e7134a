"""Rank runs that were evaluated on the same data: a leaderboard, best first. Runs that differ only
in the seed share a line; where runs of one architecture and size differ in more, it says so. Then
the first is compared with each of the others video by video, to tell whether it is really better.
With --folds the runs of a model are the folds of a cross-validation, and count as one.
"""

import dataclasses
import functools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from flaxvid import commandline, errors, files, folders, ranges, stores
from flaxvid.evaluation import (
    advice,
    average_precision,
    folds,
    leaderboard,
    paired,
    predictions,
    wording,
)
from flaxvid.figures import leaderboard as figure
from flaxvid.runs import earlier_versions

SAME = ("manifest", "split", "views")  # what two reports must share to be compared
SURE = 0.05  # how likely a verdict may be wrong
LEAST_GROUPS = 6  # all of which may speak for one model with less than that by chance: 2 / 2**6


@dataclasses.dataclass(frozen=True)
class CompareOptions:
    """What to compare."""

    runs: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="RUN..."),
        ranges.Folder(stores=True),
    ]
    """Run directories, each with the report.json that `flaxvid.evaluate` wrote."""
    folds: bool = False
    """The runs of a model were each tested on other videos, as by `prepare folder --test-groups`:
    accuracy and interval over the videos of all, of one label each."""
    out: Annotated[Path | None, ranges.NewFolder(stores=True)] = None
    """Folder for leaderboard.md, leaderboard.csv and leaderboard.png; None: only print."""


def main() -> None:
    """The command `python -m flaxvid.compare`."""
    with errors.one_line_errors():
        compare(parse(sys.argv[1:]))


def parse(arguments: list[str]) -> CompareOptions:
    """The options of a command line, checked.

    Raises:
        UserError: for one that can't be.
    """
    return commandline.parse(
        CompareOptions, arguments, prog="python -m flaxvid.compare", description=__doc__
    )


def compare(chosen: CompareOptions) -> list[leaderboard.Line]:
    """Prints the leaderboard, writes it if asked, and returns its lines.

    Raises:
        UserError: for a run that was not judged, or runs that were judged on different data.
    """
    if not chosen.runs:
        raise errors.UserError("no run to compare: give one or more run directories")
    reports = {folder: read_report(folder) for folder in chosen.runs}
    if len(reports) < len(chosen.runs):
        raise errors.UserError("a run is given twice: name each once")
    _refuse_unlike(reports, ("split", "views") if chosen.folds else SAME)
    table_of = functools.partial(_table_of, reports)
    if chosen.folds:
        _say_where_folds_differ(reports)
        reports, tables = folds.pooled(reports, table_of)
        table_of = tables.get
    lines = leaderboard.rank(list(reports.values()))
    versus = against_the_first(reports, table_of)
    first = next(iter(reports.values()))
    videos = f"{first['videos']} videos"
    videos += f" of {wording.groups(first)}" if chosen.folds else ""
    title = f"{first['data']}, {first['split']} split, {videos}, {first['views']}"
    page = leaderboard.markdown(lines) + (f"\n{versus}" if versus else "")
    if chosen.folds and first["groups"] < advice.FEW_GROUPS:
        page += f"\n{_few(first)}"
    print(f"{title}\n\n{page}")
    if chosen.out is not None:
        names = ("leaderboard.csv", "leaderboard.md", "leaderboard.png")
        folders.refuse_strangers(chosen.out, names[0], names[1:])
        folders.make_folder(chosen.out)
        files.write_text(chosen.out / "leaderboard.md", f"# {title}\n\n{page}")
        header = [field.name for field in dataclasses.fields(leaderboard.Line)]
        rows = [dataclasses.asdict(line).values() for line in lines]
        files.write_csv(chosen.out / "leaderboard.csv", header, rows)
        files.save_figure(chosen.out / "leaderboard.png", figure.draw(lines, title=title))
    return lines


def _table_of(reports, folder):
    return _table(folder, reports[folder])


def _few(report):
    """What an interval over a few groups is worth, and a test."""
    shown = ", and no difference can be shown" if report["groups"] < LEAST_GROUPS else ""
    return (
        f"note: the intervals rest on {wording.groups(report)}, too few to be relied on{shown}: "
        "more groups help, more videos of the same ones hardly\n"
    )


def _say_where_folds_differ(reports):
    for runs in folds.by_model(reports).values():
        if names := folds.differing([reports[run] for run in runs]):
            print(f"the folds of {reports[runs[0]]['model']} differ in {errors.some(names)}")


def against_the_first(
    reports: dict[Path, dict], table_of: Callable[[Path], predictions.Read | None] | None = None
) -> str:
    """Who is really better: the first of the leaderboard against each other, video by video.

    Of several seeds one run stands for a model: that of the smallest seed which both have, or
    otherwise of each one's own smallest. The tests are corrected for their number.

    Args:
        reports: of every run, all on the same videos.
        table_of: gives the predictions of a run; None: those in its directory.

    Returns:
        Lines for a terminal or a page; none for a single model.

    Raises:
        UserError: for predictions that do not belong to their report, or of other videos.
    """
    table_of = table_of or functools.partial(_table_of, reports)
    (best, runs), *rest = leaderboard.by_seed(reports)
    told = {}
    for line, others in rest:
        common = set(runs) & set(others)
        pair = [found[min(common or found)] for found in (runs, others)]
        first, second = map(table_of, pair)
        if first is None or second is None:
            missing = pair[0] if first is None else pair[1]
            return (
                f"not compared video by video: {missing} has no {predictions.NAME}; make it with "
                f"`python -m flaxvid.evaluate {errors.argument(missing)}`\n"
            )
        if first.videos != second.videos:
            raise errors.UserError(
                f"{pair[1]}: was evaluated on other videos than {pair[0]}, as some could not be "
                "read: evaluate both on the same"
            )
        told[line.model] = _verdict(first, second)
    return _verdicts(best, told)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How the first model stands to another."""

    ahead: bool
    said: str
    """By what, in words."""
    p: float
    """How likely it would be by chance alone."""


def _verdict(first, second):
    groups = np.array(first.groups)
    if first.targets is None:
        found = paired.compare(first.right, second.right, groups)
        said = f"ahead on {found.first}, behind on {found.second}"
        return Verdict(found.first > found.second, said, found.p)
    odds = first.probabilities, second.probabilities
    ahead, p = average_precision.difference(*odds, first.targets, groups)
    return Verdict(ahead > 0, f"mAP {ahead:+.1%}", p)


def _verdicts(best, told):
    if not told:
        return ""
    how = "a bootstrap over groups of videos"
    if best.measure == "top-1":
        how = "McNemar's exact test over groups of videos"
    page = [
        f"{best.model} against the others, video by video ({how}, with Holm's correction):",
        "",
    ]
    chances = paired.corrected([found.p for found in told.values()])
    for (name, found), chance in zip(told.items(), chances, strict=True):
        really = chance < SURE and found.ahead
        verdict = "better than" if really else "not shown to be better than"
        page.append(f"- {verdict} {name}: {found.said}, p = {chance:.2g}")
    return "\n".join(page) + "\n"


def _table(folder, report):
    """The predictions of a run, if they were written; they must be those of its report."""
    path = folder / predictions.NAME
    if not path.exists():
        return None
    found = predictions.read(path)
    count, score = len(found.right), float(np.mean(found.right)) if len(found.right) else 0.0
    if found.targets is not None and count:
        score = average_precision.mean(found.probabilities, found.targets)
    if count != report["videos"] or abs(score - wording.score(report)) > 1e-5:
        raise errors.UserError(
            f"{path}: has a {wording.measure(report)} of {score:.1%} over {count} videos, and "
            f"report.json {wording.score(report):.1%} over {report['videos']}: evaluate the run "
            "again"
        )
    return found


def read_report(folder: Path) -> dict:
    """What `flaxvid.evaluate` wrote about the run in `folder`.

    Raises:
        UserError: if it was not judged yet, or the report is damaged.
    """
    path = stores.path(folder) / "report.json"
    if not path.exists():
        raise errors.UserError(
            f"{folder}: has no report.json; make it with "
            f"`python -m flaxvid.evaluate {errors.argument(folder)}`"
        )
    with errors.damage_in(path, "evaluate the run again"):
        report = dict(files.read_json(path))
        _check(report)
    if "made_of" not in report:
        raise errors.UserError(
            f"{path}: was written by an earlier flaxvid and doesn't describe the model's settings; "
            f"make it again with `python -m flaxvid.evaluate {errors.argument(folder)}`"
        )
    with errors.damage_in(path, "evaluate the run again"):
        return report | {"made_of": earlier_versions.made_of(report["made_of"])}


def _check(report):
    """That what is shown of a report is there, and of its kind."""
    for name in ("model", "sees", "split", "views", "data", "manifest"):
        if not isinstance(report[name], str) or not report[name].isprintable():
            raise ValueError(f"its {name} is not text")
    numbers = [report[name] for name in ("parameters", "multiply_adds", "videos")]
    interval = (0, 1) if report["interval"] is None and "map" in report else report["interval"]
    numbers += [wording.score(report), report["seed"], report["clips_per_second"], *interval]
    numbers += [value for value in report["orders"].values() if value is not None]
    numbers += [0 if report["training_seconds"] is None else report["training_seconds"]]
    if len(interval) != 2 or not all(map(math.isfinite, numbers)):
        raise ValueError("some of its numbers are not finite")


def _refuse_unlike(reports, same=SAME):
    first, *others = reports
    for folder in others:
        own, its = (
            {key: reports[one][key] for key in same} | {"measure": wording.measure(reports[one])}
            for one in (folder, first)
        )
        for key, value in own.items():
            if value != its[key]:
                folds_too = "; if each held out other videos, add --folds"
                raise errors.UserError(
                    f"{folder}: its {key} is {value}, and that of {first} is {its[key]}: runs on "
                    f"different data or views can't be ranked{folds_too * (key == 'manifest')}"
                )
        if "manifest" not in same:
            continue
        contents = [reports[one].get("content") for one in (folder, first)]
        if None not in contents and contents[0] != contents[1]:
            raise errors.UserError(
                f"{folder}: was evaluated on other videos than {first}, though their names and "
                "labels are the same: evaluate both on the same"
            )
        if reports[folder]["videos"] != reports[first]["videos"]:
            raise errors.UserError(
                f"{folder}: was evaluated on {reports[folder]['videos']} videos, and {first} on "
                f"{reports[first]['videos']}, as some could not be read: evaluate both on the same"
            )


if __name__ == "__main__":
    main()
