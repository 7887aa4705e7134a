"""A page in the browser for a trained model: upload or record a video, and see what the model says
of it, the frames it saw, and where it looked. Takes the extra `demo`: pip install -e ".[demo]" """

import dataclasses
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated

import numpy as np
import tyro
from jaxtyping import UInt8

from flaxvid import commandline, errors, progress, ranges
from flaxvid.figures import attention
from flaxvid.prediction import clips, explain, files, pictures
from flaxvid.runs import compile_cache, config, trained_model
from flaxvid.video import decode

LONGEST = 600  # seconds: what is decoded while somebody waits


@dataclasses.dataclass(frozen=True)
class DemoOptions:
    """Which model, and where the page is."""

    run: Annotated[
        Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN"), ranges.Folder(stores=True)
    ]
    """Run directory that `flaxvid.train` left; its best checkpoint is shown."""
    host: Annotated[str, ranges.Text(r"[\w.:-]{1,253}", "an address, as 0.0.0.0")] = "127.0.0.1"
    """Address to listen on: this machine alone sees the page; 0.0.0.0 shows it to the network."""
    port: Annotated[int, ranges.between(1, 65535)] = 7860
    """Port of the page."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the page shows of one video."""

    top: dict[str, float]
    """The five likeliest classes and their probabilities."""
    note: str
    """The video, and how much of it the model sees."""
    seen: UInt8[np.ndarray, "real_time height width 3"]
    """The frames the model saw, enlarged."""
    looked: UInt8[np.ndarray, "real_time height width 3"] | None
    """The same with the model's attention over them; None: it has no maps to show."""
    shares: tuple[str, ...]
    """The share of the attention that each frame has, in percent."""


def main() -> None:
    """The command `python -m flaxvid.demo`."""
    with errors.one_line_errors():
        chosen = parse(sys.argv[1:])
        compile_cache.use()
        gradio = import_gradio()
        trained = trained_model.open_best(chosen.run)
        print(f"the page is at http://{chosen.host}:{chosen.port}; Ctrl-C ends it", flush=True)
        page(gradio, trained).launch(
            server_name=chosen.host, server_port=chosen.port, quiet=True, footer_links=[]
        )


def parse(arguments: list[str]) -> DemoOptions:
    """The options of a command line, checked.

    Raises:
        UserError: for one that can't be.
    """
    return commandline.parse(
        DemoOptions, arguments, prog="python -m flaxvid.demo", description=__doc__
    )


def import_gradio() -> ModuleType:
    """Gradio, which is needed here and nowhere else.

    Raises:
        UserError: if it is not installed.
    """
    try:
        return importlib.import_module("gradio")
    except ModuleNotFoundError:
        raise errors.UserError(
            'the demo needs gradio, which is not installed: pip install -e ".[demo]"'
        ) from None


def open_answering(trained: trained_model.Trained) -> Callable[[str], Answer]:
    """The function from the path of an uploaded file to what is shown.

    It raises a UserError whose message is for the one who uploaded: for a file that is no video,
    a broken one, or one of more than `LONGEST` seconds.
    """
    heat_of = explain.open_rollout(trained) if explain.possible(trained) else None

    def answer(path):
        try:
            info = decode.probe(path)
            _refuse_long(info)
            ((prediction, clip),) = clips.whole_videos(trained, [Path(path)])
        except decode.VideoError as error:
            # Where the upload was put is nobody's business.
            problem = error.problem.replace(str(Path(path).absolute()), Path(path).name)
            raise errors.UserError(f"{Path(path).name}: {problem}") from None
        labels, odds = trained.settings.labels, prediction.probabilities
        seen, looked, shares = pictures.enlarge(clip.real()), None, ()
        if heat_of is not None:
            heat = heat_of(clip)[clip.mask]
            looked = attention.overlay(seen, heat)
            shares = tuple(f"{share:.0%}" for share in heat.sum((1, 2)) / heat.sum())
        top = {labels[n]: float(odds[n]) for n in files.likeliest(prediction, 5)}
        return Answer(top, _note(info, clip, trained.settings.preprocessing), seen, looked, shares)

    return answer


def _refuse_long(info):
    if info.seconds > LONGEST:
        raise decode.VideoError(
            info.path,
            f"lasts {progress.duration(info.seconds)}, and this page takes {LONGEST // 60} min at "
            f"most: cut out what matters, or look at all of it with "
            f"`python -m flaxvid.predict RUN {errors.argument(Path(info.path).name)} --window 10`",
        )


def _note(info, clip, shown):
    """The video in words, and what of its picture is cut away."""
    shape = "upright" if info.height > info.width else "wide" if info.width > info.height else ""
    length = f"{info.seconds:.1f} s, " if info.seconds else ""
    share = _share_seen(info, shown)
    return (
        f"{length}{info.width} x {info.height} pixels{f', {shape}' if shape else ''}. The model "
        f"saw {len(clip.real())} frames of {shown.crop_size} x {shown.crop_size} pixels: "
        + ("the whole picture." if share > 0.99 else f"the middle {share:.0%} of the picture.")
    )


def _share_seen(info, shown):
    """Of the area of the picture, after cropping."""
    if not isinstance(shown.resize, int):
        return shown.crop_size**2 / (shown.resize[0] * shown.resize[1])
    short, long = sorted((info.width, info.height))
    return (shown.crop_size / shown.resize) ** 2 * short / long


def page(gradio: ModuleType, trained: trained_model.Trained):
    """The page, as Gradio's Blocks, ready to be launched."""
    answer_of = open_answering(trained)
    settings = trained.settings
    looks = explain.possible(trained)

    def show(path):
        empty = dict.fromkeys(outputs)
        if path is None:  # taken away
            return empty
        try:
            answer = answer_of(path)
        except errors.UserError as error:
            return empty | {note: f"### This can't be shown\n{error}"}
        numbered = [(frame, f"frame {n}") for n, frame in enumerate(answer.seen, start=1)]
        shown = {top: answer.top, note: answer.note, seen: numbered}
        if answer.looked is not None:
            shown[looked] = list(zip(answer.looked, answer.shares, strict=True))
        return empty | shown

    with gradio.Blocks(title="flaxvid", analytics_enabled=False) as blocks:
        gradio.Markdown(f"# What happens in this video?\n{trained_on(settings)}")
        with gradio.Row():
            with gradio.Column():
                # Any file, so that what is no video gets our own word; gradio.Video would refuse
                # it, and those too that only the browser can't play.
                with gradio.Tab("upload"):
                    uploaded = gradio.File(label="a video file", show_label=False)
                with gradio.Tab("record"):
                    recorded = gradio.Video(
                        label="a camera",
                        sources=["webcam"],
                        # Mirrored, left would be right.
                        webcam_options=gradio.WebcamOptions(mirror=False),
                        # Without sound it would have to be converted, by the program ffmpeg.
                        include_audio=True,
                    )
            with gradio.Column():
                top = gradio.Label(label="the likeliest classes", num_top_classes=5)
                note = gradio.Markdown()
        strip = dict(columns=8, height=200, object_fit="contain", preview=False)
        seen = gradio.Gallery(label="the frames the model saw", **strip)
        label = "where it looked, and the share of each frame"
        looked = gradio.Gallery(label=label, visible=looks, **strip)
        if not looks:
            gradio.Markdown(f"{settings.arch} has no attention over patches to show.")
        outputs = [top, note, seen, looked]
        for video in (uploaded, recorded):
            video.change(show, video, outputs)
    return blocks


def trained_on(settings: config.Settings) -> str:
    """The model and its data in words; where the data lies on this machine is nobody's business."""
    data = Path(settings.data.data).absolute().name
    return (
        f"{settings.arch} {settings.size}, trained on {data}: {len(settings.labels)} classes, "
        f"{_some(settings.labels)}"
    )


def _some(labels):
    return ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")


if __name__ == "__main__":
    main()
