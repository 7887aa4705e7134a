"""The report as one HTML file: whole without a network, and nothing from elsewhere runs in it."""

import base64
import html.parser
import io
import re

import numpy as np
import pytest
from PIL import Image

from flaxvid.data import manifest
from flaxvid.evaluation import mistakes, page, report

NAMES = ("bow <b>", "nod & $HOME")


class Reader(html.parser.HTMLParser):
    """Tags that are open, and every address that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.tags = [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def clip_of(_row):
    video = np.random.default_rng(0).integers(0, 256, (40, 8, 12, 3), np.uint8)
    return {"video": video, "mask": np.arange(40) < 30}


def written(folder, odds, **more):
    """The page of videos of class 0 with these odds for it, and what is in it."""
    odds = np.array([[value, 1 - value] for value in odds])
    rows = tuple(manifest.Row(f"<i>{n}</i>\x1b.mp4", NAMES[0]) for n in range(len(odds)))
    judged = report.Predictions(odds, rows, np.zeros(len(odds), np.int64))
    about = {"model": "tcn tiny", "split": "test", "data": "videos", "views": "1 x 1 views of each"}
    about |= {"step": 3, "parameters": 1234, "sees": "pixels", "skipped": {}}
    found = about | report.summarise(judged, NAMES, {"reversed": judged}) | more
    Image.new("RGB", (4, 4)).save(folder / "confusion.png")
    films = [(wrong.title, wrong.film()) for wrong in mistakes.clips(judged, NAMES, clip_of)]
    text = (folder / page.write(found, films, folder, folder / "curves.png")).read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return text, reader


def test_nothing_is_fetched_and_nothing_runs(tmp_path):
    """Every picture is inside; labels and paths are text; there is no script."""
    text, reader = written(tmp_path, [0.9, 0.2])
    assert reader.addresses
    assert all(address.startswith("data:image/") for address in reader.addresses)
    assert not {"script", "link", "iframe", "b"} & reader.tags
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'" in text
    assert "bow &lt;b&gt;" in text
    assert "nod &amp; $HOME" in text
    assert "&lt;i&gt;1&lt;/i&gt;\\x1b.mp4" in text


def test_numbers_are_those_of_the_report(tmp_path):
    """Top-1, its interval, the orders; a linear model and skipped files where there are."""
    linear = {"top1": 0.75, "interval": [0.5, 1.0], "videos": 10}
    text, _ = written(tmp_path, [0.9, 0.2], linear=linear, skipped={"a": "b"}, advice=["look <"])
    assert "<dt>top-1</dt><dd>50.0%" in text
    assert "<td>reversed</td><td>50.0%</td><td>+0.0%</td>" in text
    assert "a linear model on the same embeddings, of 10 training videos: top-1 75.0%" in text
    assert "1 files could not be read" in text
    assert "look &lt;" in text


def test_a_mistake_plays_without_its_padding(tmp_path):
    """30 real frames of 40, of which 24 are shown, four a second."""
    text, _ = written(tmp_path, [0.9, 0.2])
    (found,) = re.findall(r"data:image/gif;base64,([^\"]+)", text)
    film = Image.open(io.BytesIO(base64.b64decode(found)))
    assert (film.n_frames, film.size, film.info["duration"]) == (24, (12, 8), 250)


@pytest.mark.parametrize("side", [240, 500])
def test_large_frames_become_smaller(side):
    """A report of eight films of 500 pixels is a page, and no download."""
    film = Image.open(io.BytesIO(page._moving(np.zeros((2, side, side, 3), np.uint8))))
    assert max(film.size) <= 250


def test_without_mistakes_or_curves(tmp_path):
    """Said in words."""
    text, _ = written(tmp_path, [0.9, 0.8])
    assert "No video was taken for something else." in text
    assert "There is no picture of it." in text
