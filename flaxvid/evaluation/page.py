"""A report as one HTML file that opens without a network: pictures are inside, and no script is."""

import base64
import html
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

import flaxvid
from flaxvid import errors, files
from flaxvid.evaluation import wording
from flaxvid.video import write as videos

NAME = "report.html"
TEMPLATE = Path(__file__).with_name(NAME)
FPS = 4
MOST = 24  # frames of a moving picture; of more, these are spread over it
SIDE = 240  # pixels of its shorter side, at most twice: larger frames are averaged

Film = UInt8[np.ndarray, "time height width 3"]


def write(
    report: dict[str, Any],
    films: Sequence[tuple[str, Film]],
    folder: Path,
    curves: Path | None,
) -> str:
    """Writes `report.html` into a folder that has the report's pictures, and gives its name.

    Args:
        report: as `report.summarise` makes it, with what it is about.
        films: the worst mistakes: a caption and the frames of each.
        folder: of the report.
        curves: picture of the learning curves; it may be missing; None: there is none.

    Raises:
        FileError: if it can't be written.
    """
    page = string.Template(files.read_text(TEMPLATE)).substitute(
        title=_text(wording.title(report)),
        about=_text(
            f"{report['videos']} videos of {wording.groups(report)}, {report['views']}; "
            f"checkpoint of step {report['step']}, {report['parameters']:,} parameters, sees "
            f"{report['sees']}."
        ),
        figures=_figures(report),
        notes=_notes(report),
        orders=_orders(report),
        mistakes=_mistakes(report, films),
        confusion=_confusion(report, folder),
        classes=_table(*wording.class_table(report)),
        calibration=_picture(folder / "calibration.png", "accuracy over confidence"),
        curves=_picture(curves, "loss and accuracy over the steps"),
        made=_text(f"Made by flaxvid {flaxvid.__version__} from report.json beside it."),
    )
    files.write_text(folder / NAME, page)
    return NAME


def _text(value):
    """A text from elsewhere, as a page may show it."""
    return html.escape(errors.printable(str(value)))


def _figures(report):
    several = "map" in report
    shown = [
        (wording.measure(report), f"{wording.score(report):.1%}", wording.within(report)),
        *([("top-5", f"{report['top5']:.1%}", "")] if not several and wording.top5(report) else []),
        *([("mean F1", f"{report['mean_f1']:.1%}", "at the thresholds")] if several else []),
        *([("all labels right", f"{report['exact']:.1%}", "of the videos")] if several else []),
        ("loss", f"{report['loss']:.3f}", "nats"),
        ("calibration error", f"{report['calibration_error']:.1%}", ""),
    ]
    return "".join(
        f"<div><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>"
        for name, value, more in shown
    )


def _notes(report):
    found = list(report.get("advice", ()))
    if "linear" in report:
        found.insert(0, wording.beside_linear(report))
    if report["skipped"]:
        found.append(
            f"{len(report['skipped'])} files could not be read; their videos are not in the "
            "numbers (report.md lists them)"
        )
    return f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in found)}</ul>" if found else ""


def _orders(report):
    if not report["orders"]:
        return "<p>Not judged.</p>"
    whole = wording.score(report)
    rows = [("as filmed", whole), *report["orders"].items()]
    return _table(
        ("frames", wording.measure(report), "", ""),
        *(
            (
                order,
                f"{left:.1%}",
                f"{left - whole:+.1%}" if order != "as filmed" else "",
                Html(f'<div class="bar"><i style="width:{100 * left:.1f}%"></i></div>'),
            )
            for order, left in rows
        ),
    )


def _mistakes(report, films):
    said = wording.mistaken(report)
    if said is None:
        return "<p>No video was taken for something else.</p>"
    said = f"<p>{said}"
    if not films:
        return f"{said}: see predictions.csv.</p>"
    shown = "".join(
        f'<figure><img src="{_data("gif", _moving(film))}" alt="the frames the model saw">'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
        for caption, film in films
    )
    return f'{said}; it was surest of these:</p><div class="films">{shown}</div>'


def _moving(film):
    if len(film) > MOST:
        film = film[np.linspace(0, len(film) - 1, MOST).round().astype(int)]
    times = max(1, min(film.shape[1:3]) // SIDE)
    return videos.gif(np.stack([Image.fromarray(frame).reduce(times) for frame in film]), FPS)


class Html(str):
    """A text that is HTML already."""


def _confusion(report, folder):
    if "confusion" in report:
        return _picture(folder / "confusion.png", "confusion of the classes")
    return "<p>A video may have several labels: none is taken for another.</p>"


def _table(header: Sequence[str], *rows: Sequence[str]) -> str:
    def cell(value):
        return value if isinstance(value, Html) else _text(value)

    head = "".join(f"<th>{cell(value)}</th>" for value in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell(v)}</td>' for v in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _picture(path, meaning):
    if path is None or not path.is_file():
        return "<p>There is no picture of it.</p>"
    return f'<img src="{_data("png", path.read_bytes())}" alt="{meaning}">'


def _data(kind, content):
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
