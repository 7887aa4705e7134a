"""Predict the action in videos, given as files or folders, or in what a camera sees.

    python -m flaxvid.predict RUN video.mp4
    python -m flaxvid.predict RUN folder/ --out predictions.csv
    python -m flaxvid.predict RUN long.mp4 --window 4 --every 2 --out timeline.png
    python -m flaxvid.predict RUN video.mp4 --explain --out attention.gif
    python -m flaxvid.predict RUN camera
    python -m flaxvid.predict --weights hf:facebook/timesformer-base-finetuned-k400 video.mp4

If some of several videos can't be read, they are left out and listed, and the exit code is 1.
"""

import dataclasses
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from flaxvid import commandline, errors, ranges
from flaxvid.data import batches
from flaxvid.prediction import clips, explain, files, inputs, live, pictures, published
from flaxvid.runs import compile_cache, trained_model
from flaxvid.video import camera, decode

BAR = 30  # characters
CAMERA_WINDOW = 2.0  # seconds
LONGEST = 200  # windows in a moving picture


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """What to predict, and with what."""

    paths: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="[RUN] VIDEO..."),
        ranges.Source(("camera", "hf:", *"0123456789"), stores=True),
    ]
    """Run directory of `flaxvid.train`, or a model from `flaxvid.export --format flaxvid`, local or
    as hf:owner/name[@revision]; omitted with --weights. Then video files, folders of them, or
    `camera` (`0`, `1`, ... to choose one)."""
    weights: Annotated[str | None, ranges.Source(("hf:",), stores=True)] = None
    """Weights of TimeSformer, VideoMAE, ViViT or V-JEPA 2 with a classification head: a file, a
    folder or hf:owner/name[@revision]."""
    top: Annotated[int, ranges.between(1, 2**20)] = 5
    """Number of classes to print and to write. If a video may have several labels, only those above
    their thresholds are printed."""
    out: Annotated[Path | None, ranges.NewFile(files.ENDINGS)] = None
    """File to write; its ending says what. .json or .csv: the classes of every video and window.
    For a single video, .gif or .mp4: the frames the model saw, captioned; .png: the same as a
    strip or, with --window, the timeline."""
    window: Annotated[float | None, ranges.SECONDS] = None
    """Window length in seconds: predict each window of a long video, then their mean. None: one
    clip of the whole video, as in evaluation; for a camera, the last 2 seconds."""
    every: Annotated[float | None, ranges.SECONDS] = None
    """Seconds from the start of one window to the next; None: the window length."""
    explain: bool = False
    """Overlay the model's attention (attention rollout) on the frames of --out. TimeSformer
    only."""
    threads: Annotated[int, ranges.THREADS] = 2
    """Decoding threads."""
    overwrite: bool = False
    """Replace --out if it exists."""


def main() -> None:
    """The command `python -m flaxvid.predict`."""
    with errors.one_line_errors():
        compile_cache.use()
        sys.exit(report(parse(sys.argv[1:])))


def parse(arguments: list[str]) -> PredictOptions:
    """The options of a command line, checked.

    Raises:
        UserError: for one that can't be.
    """
    return commandline.parse(
        PredictOptions, arguments, prog="python -m flaxvid.predict", description=__doc__
    )


def report(chosen: PredictOptions) -> int:
    """Predicts, prints and writes; the exit code: 1 if a video was left out, else 0.

    Raises:
        UserError: for options that don't go together, or a single video that can't be read.
    """
    # ------------------------------------------------------------------ model and videos
    given = 1 if chosen.weights is None else 0
    if len(chosen.paths) <= given:
        raise errors.UserError(
            f"{' '.join(map(str, chosen.paths)) or 'nothing'}: give a run directory and a video, "
            "or --weights and a video"
        )
    number = inputs.camera(chosen.paths[given:])
    videos = inputs.videos(chosen.paths[given:]) if number is None else []
    ending = _check(chosen, videos)
    trained = (
        trained_model.open_best(chosen.paths[0])
        if given
        else published.open_weights(chosen.weights)
    )
    if number is not None:
        return _watch(trained, number, chosen)
    heat = explain.open_rollout(trained) if chosen.explain else lambda clip: None

    # ------------------------------------------------------------------ predict and print
    alone, skipped, said, shots = len(videos) == 1, batches.Skipped(), [], []
    began = time.monotonic()
    stream = _predictions(trained, videos, chosen, None if alone else skipped)
    for path, of_one in itertools.groupby(stream, key=lambda pair: pair[0].path):
        first = len(said)
        for prediction, clip in of_one:
            said.append(prediction)
            if alone and chosen.window is not None:
                print(pictures.words(prediction), flush=True)
            if _draws(chosen, ending):
                shots.append((prediction, clip))
                _check_length(shots, chosen)
        whole = clips.mean(said[first:])
        if alone:
            if chosen.window is not None:
                print(f"\nthe mean of {len(said)} windows")
            print(table(whole, chosen.top))
        else:
            print(f"{brief(whole)}  {errors.printable(path)}", flush=True)
    reasons = skipped.reasons()
    if not alone:
        _summarise(len(videos), reasons, time.monotonic() - began)

    # ------------------------------------------------------------------ write
    out = chosen.out
    if ending in files.TABLES:
        files.write_table(out, said, chosen.top, reasons)
    elif ending in files.MOVING:
        film = [pictures.captioned(one, clip, heat(clip)) for one, clip in shots]
        files.write_moving(out, pictures.joined(film))
    elif shots:
        ((prediction, clip),) = shots
        files.write_strip(out, prediction, clip, heat(clip))
    elif ending:
        files.write_timeline(out, said)
    return 1 if reasons else 0


def _check(chosen, videos):
    """The ending of --out, or an empty one; and that the options go together."""
    if chosen.out is not None and chosen.out.exists():
        for path in videos:
            if path.exists() and path.samefile(chosen.out):
                raise errors.UserError(
                    f"--out {chosen.out}: is the video itself; choose another name"
                )
    if chosen.every is not None and chosen.window is None and videos:
        raise errors.UserError(f"--every {chosen.every:g}: needs a --window, in seconds, too")
    ending = "" if chosen.out is None else files.check(chosen.out)
    if not videos and (ending or chosen.explain):
        raise errors.UserError("--out and --explain take videos from files, not from a camera")
    if ending not in ("", *files.TABLES) and len(videos) > 1:
        raise errors.UserError(
            f"--out {chosen.out}: shows one video, and there are {len(videos)}: use .json or .csv"
        )
    if chosen.explain and not _draws(chosen, ending):
        raise errors.UserError(
            "--explain: needs a file for the frames and their attention, as --out attention.gif"
            + (" (with --window, a .png is the timeline)" if ending == ".png" else "")
        )
    return ending


def _draws(chosen, ending):
    """Whether the frames of every clip are wanted."""
    return ending in files.MOVING or (ending == ".png" and chosen.window is None)


def _check_length(shots, chosen):
    if len(shots) > LONGEST:
        raise errors.UserError(
            f"--out {chosen.out}: more than {LONGEST} windows are too many to watch: take a longer "
            "--window or --every, or write .png or .json"
        )


def _predictions(trained, videos, chosen, skipped) -> Iterator[clips.Said]:
    """Of whole videos or by windows; bad videos are noted, or errors if `skipped` is None."""
    if chosen.window is None:
        yield from clips.whole_videos(trained, videos, skipped=skipped, threads=chosen.threads)
        return
    for path in videos:
        try:
            yield from clips.windows(trained, path, chosen.window, chosen.every or chosen.window)
        except decode.VideoError as error:
            if skipped is None:
                raise
            skipped.add(error)


def _summarise(count, reasons, seconds):
    read = count - len(reasons)
    print(
        f"{read} of {count} videos in {seconds:.1f} s, {read / seconds:.1f} a second, including "
        "compilation"
    )
    for reason in reasons.values():
        print(f"left out: {reason}", file=sys.stderr)


def _watch(trained, number, chosen):
    """Prints what the camera's last seconds show, until Ctrl-C."""
    seconds = chosen.window or CAMERA_WINDOW
    source = camera.frames(number)
    for prediction, _ in live.predictions(trained, source, seconds, chosen.every or seconds):
        print(pictures.words(prediction), flush=True)
    return 0


def predict(trained: trained_model.Trained, video: Path) -> np.ndarray:
    """The probability of every class for the clip of a video that evaluation shows, `classes`.

    Raises:
        VideoError: if the file can't be read as a video.
    """
    ((prediction, _),) = clips.whole_videos(trained, [video])
    return prediction.probabilities


def table(prediction: clips.Prediction, top: int) -> str:
    """The likeliest classes, one a line, with a bar; of several labels, those above thresholds."""
    shown = prediction.top(top) if prediction.thresholds is None else prediction.said()[:top]
    if not shown:
        return pictures.words(prediction)
    width = max(len(name) for name, _ in shown)
    return "\n".join(
        f"{name:<{width}}  {odds:6.1%}  {'█' * round(BAR * odds)}" for name, odds in shown
    )


def brief(prediction: clips.Prediction) -> str:
    """The likeliest class behind its probability; of several labels, all above thresholds."""
    if prediction.thresholds is None:
        return f"{prediction.probability:6.1%}  {prediction.label}"
    return pictures.words(prediction)


if __name__ == "__main__":
    main()
