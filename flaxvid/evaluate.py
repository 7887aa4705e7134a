"""Evaluate a trained model: accuracy (or mAP, with several labels a video) with its interval, by
class, calibration, confusion, and the accuracy when frames are shuffled, reversed, frozen, or
reduced to the middle one. Everything is also in report.html, one file that opens in a browser
without a network."""

import dataclasses
import functools
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from flaxvid import commandline, errors, folders, ranges
from flaxvid.data import batches, embeddings, views
from flaxvid.evaluation import (
    advice,
    inference,
    mistakes,
    overfitting,
    page,
    predictions,
    report,
    report_files,
    wording,
)
from flaxvid.models import cost
from flaxvid.prediction import published
from flaxvid.runs import (
    baseline,
    compile_cache,
    config,
    encoding,
    judged_data,
    metrics_log,
    model_folder,
    selection,
    trained_model,
)
from flaxvid.training import parallel

BATCH = 32  # clips, where no number is given


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """What to evaluate, and how."""

    run: Annotated[
        Path | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="RUN"),
        ranges.Source(("hf:",), stores=True),
    ] = None
    """Run directory of `flaxvid.train`, of which the best checkpoint is evaluated; or a model that
    `flaxvid.export --format flaxvid` made, here or as hf:owner/name[@revision]."""
    weights: Annotated[str | None, ranges.Source(("hf:",), stores=True)] = None
    """Instead of a run, weights with a head: a file, a folder or hf:owner/name[@revision]; they
    need --data and --out."""
    data: Annotated[str | None, ranges.Source(("motion", "tfds:"), stores=True)] = None
    """Data other than the run's, named as for train."""
    group_regex: str | None = None
    """Of --data: what finds the group of a video in its path, as for train; None: the run's."""
    split: Literal["train", "validation", "test"] = "test"
    """Part of the data to evaluate on."""
    windows: Annotated[int, ranges.between(1, 1000)] = 1
    """Temporal windows of each video; C3D's authors used 10."""
    crops: Literal[1, 3] = 1
    """Spatial crops: 1 in the middle, or 3 along the longer side as TimeSformer's authors used."""
    orders: bool = True
    """Evaluate on shuffled, reversed, frozen and single frames too."""
    batch_size: Annotated[int | None, ranges.BATCH] = None
    """Clips at a time, on all devices together; None: 32, or the next number that divides over
    them. Does not change results."""
    threads: Annotated[int, ranges.THREADS] = 2
    """Decoding threads."""
    out: Annotated[Path | None, ranges.NewFolder(stores=True)] = None
    """Folder for the report; None: the run's, if there is one."""


def main() -> None:
    """The command `python -m flaxvid.evaluate`."""
    with errors.one_line_errors():
        compile_cache.use()
        evaluate(parse(sys.argv[1:]))


def parse(arguments: list[str]) -> EvaluateOptions:
    """The options of a command line, checked.

    Raises:
        UserError: for one that can't be.
    """
    return commandline.parse(
        EvaluateOptions, arguments, prog="python -m flaxvid.evaluate", description=__doc__
    )


def evaluate(chosen: EvaluateOptions) -> dict:
    """The report of a run, printed and written into its directory."""
    # ------------------------------------------------------------------ model and data
    _refuse_half(chosen)
    if chosen.group_regex is not None and chosen.data is None:
        raise errors.UserError("--group-regex: is of other data; give --data too")
    chosen = _located(chosen)
    report_files.refuse_place(chosen.out or chosen.run)
    if chosen.batch_size is None:
        chosen = dataclasses.replace(chosen, batch_size=parallel.next_multiple(BATCH))
    mesh = parallel.data_mesh(chosen.batch_size)
    if chosen.run is not None:
        trained = trained_model.open_best(chosen.run, mesh)
    else:
        trained = published.open_weights(chosen.weights)
    settings = trained.settings
    loader = judged_data.open_rows(
        settings,
        chosen.run,
        data=chosen.data,
        group_regex=chosen.group_regex,
        split=chosen.split,
        threads=chosen.threads,
        model=str(chosen.run or chosen.weights),
    )
    rows = loader.manifest.rows

    # ------------------------------------------------------------------ predict
    judge = functools.partial(
        inference.over_views,
        trained.logits,
        loader,
        num_classes=len(settings.labels),
        batch_size=chosen.batch_size,
        mesh=mesh,
        thresholds=settings.limits(),
        windows=chosen.windows,
        crops=chosen.crops,
        threads=chosen.threads,
    )
    inference.compile_first(trained.logits, loader, chosen.batch_size, mesh)
    began = time.monotonic()
    judged = judge(None)
    speed = len(rows) * chosen.windows * chosen.crops / (time.monotonic() - began)
    about = settings.embedding
    frames = about is None or not about.tokens  # tokens of a whole clip have no order of frames
    orders = {order: judge(order) for order in views.ORDERS if chosen.orders and frames}
    # Of other data's embeddings, it is not known that the model learnt from their training split.
    over_embeddings = isinstance(loader, embeddings.EmbeddingRows) and chosen.data is None
    compared = (
        report.linear(*baseline.outputs(loader.stored, chosen.split), judged)
        if over_embeddings
        else None
    )

    # ------------------------------------------------------------------ report
    about = {
        "model": f"{settings.arch} {settings.size}",
        "run": str(chosen.run or chosen.weights),
        "step": trained.step,
        "seed": settings.run.seed,
        "parameters": trained.parameters,
        "multiply_adds": _multiply_adds(trained, loader),
        "sees": _sees(settings),
        "made_of": config.made_of(settings, trained.step),
        "training_seconds": None if chosen.run is None else _training_seconds(chosen.run),
        "data": chosen.data or settings.data.data,
        # What a run has learnt from beside is known of that alone, and it has not changed.
        "own_data": chosen.data is None,
        "split": chosen.split,
        "from_these": _from_these(settings, loader, chosen),
        "manifest": loader.manifest.fingerprint(),
        "content": judged_data.content_of(loader.manifest),
        "views": f"{chosen.windows} x {chosen.crops} views of each",
        "skipped": _skipped(loader, judged),
        "clips_per_second": round(speed, 1),
    }
    several = settings.data.multi_label
    summarise = report.summarise_several if several else report.summarise
    found = about | summarise(judged, settings.labels, orders)
    if compared is not None:
        found["linear"] = compared
    learnt = _training_accuracy(chosen.run) if chosen.data is None else None
    found["advice"] = advice.lines(found, learnt)
    folder = chosen.out or chosen.run
    folders.make_folder(folder)
    predictions.write(judged, settings.labels, folder)
    worst = mistakes.clips(judged, settings.labels, _clips_of(loader, settings))
    drawn = mistakes.write(worst, folder)
    written = report_files.write(found, judged, folder, drawn)
    written += filter(None, (predictions.NAME, drawn))
    films = [(mistake.title, mistake.film()) for mistake in worst]
    written.append(page.write(found, films, folder, _curves(chosen)))
    print(
        f"{found['model']} on {found['videos']} {chosen.split} videos of {found['data']}, "
        f"{found['views']}"
    )
    if found["uneven"]:
        print(wording.by_class(found))
    name, score = wording.measure(found), wording.score(found)
    within = wording.within(found).removeprefix("95% interval ")
    print(f"{name} {score:.1%} ({within}), {wording.beside(found)}")
    for order, left in found["orders"].items():
        print(f"frames {order:<9} {name} {left:6.1%}  {left - score:+.1%}")
    if compared is not None:
        print(wording.beside_linear(found))
    for line in found["advice"]:
        print(f"note: {line}")
    if found["skipped"]:
        print(
            f"{len(rows) - found['videos']} of {len(rows)} videos could not be read and are not "
            "in the numbers: see report.md"
        )
    print(f"{folder}: {', '.join(written)}")
    return found


def _refuse_half(chosen):
    """A run has its data and its folder; weights have neither."""
    if (chosen.run is None) == (chosen.weights is None):
        raise errors.UserError(
            f"{chosen.run or 'nothing'}: give a run directory, or --weights, and not both"
        )
    if chosen.weights is not None and None in (chosen.data, chosen.out):
        raise errors.UserError(
            f"--weights {chosen.weights}: say what to judge on and where the report goes, by "
            "--data and --out"
        )


def _located(chosen):
    """With the folder of a model from the hub, beside which nothing is written."""
    if chosen.run is None:
        return chosen
    place = model_folder.locate(chosen.run)
    if place != chosen.run and chosen.out is None:
        raise errors.UserError(f"{chosen.run}: say where the report goes, by --out FOLDER")
    return dataclasses.replace(chosen, run=place)


def _from_these(settings, loader, chosen):
    """What of the model was learnt or chosen from the videos that it is judged on."""
    if chosen.data is not None:  # of other data, `judged_data` says it
        return []
    over_embeddings = isinstance(loader, embeddings.EmbeddingRows)
    splits = loader.stored.manifest.splits() if over_embeddings else settings.content
    known = splits or chosen.split == "train"  # a run from before there was `content` has none
    return selection.from_split(settings, chosen.split, splits) if known else []


def _skipped(loader, judged):
    """Why each video that could not be read was left out, by its path."""
    read = set(judged.rows)
    reasons = dict(loader.skipped.reasons())
    if isinstance(loader, embeddings.EmbeddingRows):  # known since they were made
        reasons |= loader.stored.skipped
    paths = [str(loader.manifest.path(row)) for row in loader.manifest.rows if row not in read]
    return {path: reasons.get(path, "could not be read") for path in paths}


def _clips_of(loader, settings):
    """A function from a row to its clip as the model sees it, or the encoder of what it sees."""
    shown = batches.VideoRows(loader.manifest, settings.preprocessing)
    numbers = {row: number for number, row in enumerate(loader.manifest.rows)}
    return lambda row: shown.test_row(numbers[row])


def _multiply_adds(trained, loader):
    """Of one clip, from its pixels on: a frozen encoder of its frames is counted too."""
    clip = {name: np.asarray(value)[None] for name, value in loader.test_row(0).items()}
    about = trained.settings.embedding
    return cost.multiply_adds(trained.logits, clip) + (
        0 if about is None else encoding.multiply_adds(about)
    )


def _sees(settings):
    about = settings.embedding
    return "pixels" if about is None else f"embeddings by {about.encoder}"


def _curves(chosen):
    """The picture of how a run learnt; weights from elsewhere have none."""
    return None if chosen.run is None else chosen.run / "curves.png"


def _training_seconds(folder):
    log = folder / "metrics.jsonl"
    return metrics_log.training_seconds(metrics_log.read(log)) if log.exists() else None


def _training_accuracy(folder):
    """At the end of a run; None of one without its log."""
    log = folder / "metrics.jsonl"
    return overfitting.training_accuracy(metrics_log.read(log)) if log.exists() else None


if __name__ == "__main__":
    main()
