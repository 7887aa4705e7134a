"""The leaderboard: a line for each model, the mean over its seeds; best first."""

import collections
import dataclasses
import json
from typing import Any

import numpy as np

from flaxvid import progress
from flaxvid.evaluation import wording

SHOWN = 3  # differences in the name of a model; the rest is counted
COLUMNS = {
    "model": "model",
    "sees": "sees",
    "seeds": "seeds",
    "top1": "top-1",
    "interval": "95% interval",
    "shuffled": "shuffled",
    "parameters": "parameters",
    "multiply_adds": "GMACs",
    "clips_per_second": "clips/s",
    "training": "training",
}


@dataclasses.dataclass(frozen=True)
class Line:
    """One model: the mean over its seeds."""

    model: str
    sees: str
    """Pixels, or embeddings by a frozen encoder."""
    seeds: int
    top1: float
    """Or mAP, if `measure` says so."""
    spread: float
    """Sample standard deviation over the seeds; 0 for one."""
    interval: tuple[float, float] | None
    """Of the test videos, by bootstrap over groups; the mean of the seeds'; None: one has none."""
    shuffled: float | None
    """The same measure with the frames shuffled; None: it was not judged."""
    parameters: int
    multiply_adds: int
    """Of a clip, a frozen encoder's included."""
    clips_per_second: float
    """As evaluated: embeddings came from disk."""
    training_seconds: float | None
    """Of the steps alone, the mean of the seeds'; None: a run did not record it."""
    measure: str = "top-1"
    """mAP where a video may have several labels."""

    def cells(self) -> dict[str, str]:
        """As a table shows it."""
        several = f" ± {self.spread:.1%}" if self.seeds > 1 else ""
        seconds = self.training_seconds
        return {
            "model": self.model,
            "sees": self.sees,
            "seeds": str(self.seeds),
            "top1": f"{self.top1:.1%}{several}",
            "interval": "–" if self.interval is None else "{:.1%} to {:.1%}".format(*self.interval),
            "shuffled": "–" if self.shuffled is None else f"{self.shuffled:.1%}",
            "parameters": f"{self.parameters:,}",
            "multiply_adds": f"{self.multiply_adds / 1e9:.3f}",
            "clips_per_second": f"{self.clips_per_second:.0f}",
            "training": "–" if seconds is None else progress.duration(seconds),
        }


def rank(reports: list[dict]) -> list[Line]:
    """A line for each model, best top-1 first; runs of one line differ in the seed alone."""
    return [line for line, _ in by_seed(dict(enumerate(reports)))]


def by_seed(reports: dict[Any, dict]) -> list[tuple[Line, dict[int, Any]]]:
    """Every line, best top-1 first, and for each of its seeds the key of the report."""
    by_model = collections.defaultdict(list)
    for key, report in reports.items():
        made_of = json.dumps(report.get("made_of", {}), sort_keys=True)
        by_model[report["model"], made_of].append(key)
    names = _names([reports[keys[0]] for keys in by_model.values()])
    found = []
    for name, keys in zip(names, by_model.values(), strict=True):
        seeds = {reports[key]["seed"]: key for key in reversed(keys)}
        found.append((_line(name, [reports[key] for key in keys]), seeds))
    return sorted(found, key=lambda one: -one[0].top1)


def _names(reports: list[dict]) -> list[str]:
    """Architecture and size of every model; those that share them, with what they differ in."""
    names = []
    for report in reports:
        own = report.get("made_of", {})
        alike = [r.get("made_of", {}) for r in reports if r["model"] == report["model"]]
        fields = dict.fromkeys(name for made_of in alike for name in made_of)
        differing = [
            f"{name.partition('.')[2]}={own.get(name)}"
            for name in fields
            if len({json.dumps(made_of.get(name)) for made_of in alike}) > 1
        ]
        more = [f"{len(differing) - SHOWN} more"] if len(differing) > SHOWN else []
        names.append(", ".join([report["model"], *differing[:SHOWN], *more]))
    return names


def _line(model, reports):
    def mean(values):
        return None if None in values else float(np.mean(values))

    orders = [report["orders"].get("shuffled") for report in reports]
    scores = [wording.score(report) for report in reports]
    intervals = [report["interval"] for report in reports]
    return Line(
        model=model,
        sees=reports[0]["sees"],
        seeds=len({report["seed"] for report in reports}),
        top1=mean(scores),
        spread=float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0,
        interval=None if None in intervals else tuple(np.mean(intervals, axis=0).tolist()),
        shuffled=mean(orders),
        parameters=reports[0]["parameters"],
        multiply_adds=reports[0]["multiply_adds"],
        clips_per_second=mean([report["clips_per_second"] for report in reports]),
        training_seconds=mean([report["training_seconds"] for report in reports]),
        measure=wording.measure(reports[0]),
    )


def markdown(lines: list[Line]) -> str:
    """The lines as a table in Markdown."""
    header = COLUMNS | {"top1": lines[0].measure} if lines else COLUMNS
    rows = [header, *(line.cells() for line in lines)]
    widths = {key: max(len(row[key]) for row in rows) for key in COLUMNS}
    texts = [[row[key].ljust(widths[key]) for key in COLUMNS] for row in rows]
    texts.insert(1, ["-" * widths[key] for key in COLUMNS])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in texts)
