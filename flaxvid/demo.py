"""A web page for a trained model, or two side by side: upload or record a video, and see each
model's predictions over time, the frames it saw, and where it looked. Needs the extra `demo`:
pip install -e ".[demo]" """

import dataclasses
import importlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import tyro

from flaxvid import commandline, errors, ranges, stores
from flaxvid.data import packed
from flaxvid.evaluation import wording
from flaxvid.prediction import answer as answers
from flaxvid.runs import compile_cache, config, datasets, trained_model
from flaxvid.video import playable

EXAMPLES = 24  # classes that have one, at most


@dataclasses.dataclass(frozen=True)
class DemoOptions:
    """Which model, and the address of the page."""

    runs: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="RUN..."),
        ranges.Folder(stores=True),
    ]
    """Run directory of `flaxvid.train`; its best checkpoint is used. The model of a second one is
    shown beside it."""
    host: Annotated[str, ranges.Text(r"[\w.:-]{1,253}", "an address, as 0.0.0.0")] = "127.0.0.1"
    """Address to listen on: by default only this machine can open the page; with 0.0.0.0, the whole
    network can."""
    port: Annotated[int, ranges.between(1, 65535)] = 7860
    """Port to listen on."""


def main() -> None:
    """The command `python -m flaxvid.demo`."""
    with errors.one_line_errors():
        chosen = parse(sys.argv[1:])
        compile_cache.use()
        gradio = import_gradio()
        models = [trained_model.open_best(run) for run in chosen.runs]
        with tempfile.TemporaryDirectory() as place:
            blocks = page(gradio, models, Path(place))
            print(f"the page is at http://{chosen.host}:{chosen.port}; Ctrl-C ends it", flush=True)
            blocks.launch(
                server_name=chosen.host,
                server_port=chosen.port,
                quiet=True,
                footer_links=[],
                allowed_paths=[place],
            )


def parse(arguments: list[str]) -> DemoOptions:
    """The options of a command line, checked.

    Raises:
        UserError: for one that can't be.
    """
    chosen = commandline.parse(
        DemoOptions, arguments, prog="python -m flaxvid.demo", description=__doc__
    )
    if not 1 <= len(chosen.runs) <= 2:
        raise errors.UserError(f"{len(chosen.runs)} runs: give one, or two to see side by side")
    return chosen


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


def examples(settings: config.Settings, place: Path) -> dict[str, Path]:
    """A test video of each class, copied into a folder; none if the run's data are not there."""
    found: dict[str, Path] = {}
    try:
        if not datasets.is_there(settings.data.data):
            return found
        videos = datasets.open_data(settings.data, settings.run.seed)
    except errors.UserError:
        return found
    for row in videos.split("test").rows:
        path, whole = videos.path(row), row.start == 0 and row.end is None
        fresh = [name for name in videos.names(row) if name not in found]
        # Of a store's, none: the page would begin by copying them.
        here = whole and not packed.is_address(path) and not stores.is_store(path)
        if fresh and here and path.is_file():
            copy = place / f"example_{len(found):02d}{path.suffix}"
            found[fresh[0]] = Path(shutil.copyfile(path, copy))
        if len(found) == min(EXAMPLES, len(videos.labels)):
            break
    return dict(sorted(found.items()))


def page(gradio: ModuleType, models: Sequence[trained_model.Trained], place: Path) -> Any:
    """The page, as Gradio's Blocks, ready to be launched; `place` is for what browsers play."""
    ready = [answers.open_answering(trained) for trained in models]
    shown = examples(models[0].settings, place)

    def shown_if_any(values):
        # An empty frame would look as if something were still to come.
        return {
            part: gradio.update(value=value, visible=value is not None) if part in hiding else value
            for part, value in values.items()
        }

    def show(path):
        empty = dict.fromkeys(outputs)
        if path is None:  # taken away
            return shown_if_any(empty)
        try:
            with answers.named_as_uploaded(path):
                found = [answer(path) for answer in ready]
                played = playable.playable(path, Path(tempfile.mkdtemp(dir=place)))
        except errors.UserError as error:
            said = {columns[0].note: f"### This can't be shown\n{error}"}
            return shown_if_any(empty | said)
        filled = {player: None if played is None else str(played)}
        for column, answer in zip(columns, found, strict=True):
            filled |= column.filled(answer)
        return shown_if_any(empty | filled)

    with gradio.Blocks(title="flaxvid", analytics_enabled=False) as blocks:
        gradio.Markdown("# What happens in this video?")
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
                if shown:
                    gradio.Examples(
                        [[str(path)] for path in shown.values()],
                        uploaded,
                        example_labels=list(shown),
                        label="an example of each class",
                        examples_per_page=EXAMPLES,
                    )
            player = gradio.Video(
                label="the video", height=320, interactive=False, autoplay=True, loop=True
            )
        with gradio.Row():
            columns = [_Column.made(gradio, trained, len(models)) for trained in models]
        hiding = {part for column in columns for part in column.hiding()}
        outputs = [player, *(part for column in columns for part in column.parts())]
        for video in (uploaded, recorded):
            video.change(show, video, outputs)
    return blocks


@dataclasses.dataclass(frozen=True)
class _Column:
    """What the page shows of one model."""

    top: Any
    note: Any
    timeline: Any
    seen: Any
    looked: Any

    @classmethod
    def made(cls, gradio, trained, models):
        """Inside of a row of the page."""
        height = 200 if models == 1 else 320  # two rows of eight frames, where there is less room
        strip = dict(
            columns=8 // models, height=height, object_fit="contain", preview=False, visible=False
        )
        with gradio.Column(min_width=280):
            gradio.Markdown(trained_on(trained.settings))
            return cls(
                gradio.Label(label="the likeliest classes", num_top_classes=5, visible=False),
                gradio.Markdown(),
                gradio.Image(
                    label="over the time", show_label=False, interactive=False, visible=False
                ),
                gradio.Gallery(label="the frames the model saw", **strip),
                gradio.Gallery(label=answers.heat_of(trained), **strip),
            )

    def hiding(self):
        """What is not there until there is something in it."""
        return [self.top, self.timeline, self.seen, self.looked]

    def parts(self):
        return [self.top, self.note, self.timeline, self.seen, self.looked]

    def filled(self, answer):
        numbered = [(frame, f"frame {n}") for n, frame in enumerate(answer.seen, start=1)]
        looked = list(zip(answer.looked, answer.shares, strict=True))
        values = (answer.top, answer.note, answer.timeline, numbered, looked)
        return dict(zip(self.parts(), values, strict=True))


def trained_on(settings: config.Settings) -> str:
    """The model and its data in words; where the data lies on this machine is nobody's business."""
    data = wording.data_name(settings.data.data)
    return (
        f"{settings.arch} {settings.size}, trained on {data}: {len(settings.labels)} classes, "
        f"{_some(settings.labels)}"
    )


def _some(labels):
    return ", ".join(labels[:10]) + (", ..." if len(labels) > 10 else "")


if __name__ == "__main__":
    main()
