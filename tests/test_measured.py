"""Figures in the README and the lessons are those of the files of results.

A percentage beside the name of an architecture has to stand in tests/benchmarks/results among those
of that architecture. One with a decimal and no name beside it, which can only be measured, has to
stand there for some architecture. What comes from elsewhere is in `ELSEWHERE`, with where from.
"""

import csv
import json
import re
from pathlib import Path

import pytest

from flaxvid.recipes import zoo

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "tests" / "benchmarks" / "results"
NAMES = re.compile(rf"\b({'|'.join(zoo.ARCHITECTURES)})\b", re.IGNORECASE)
# One percentage, or a range of which the last has the sign: 98.8% to 100.0%, 0.0 to 1.4%.
FIGURES = re.compile(r"(?:(\d+(?:\.\d+)?)%? (?:to|and) )?(\d+(?:\.\d+)?)%")

TEXTS = ["README.md", "course/README.md", "course/FROM_THE_WRITEUPS.md", "data/README.md"]
TEXTS += sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("course/*.ipynb"))

SCHEMES = "python tests/benchmarks/schemes.py, one run each"
ONE_RUN = "timesformer, seed 0, its report.json"
ELSEWHERE = {
    "README.md": {
        SCHEMES: "35.7 96.3 98.0 76.4",
        "chance": "50",
        "python tests/benchmarks/multi_label.py --steps 300": "97.2 96.5 97.7 47.7",
        "results/over_embeddings.md": "75.9 78.0 86.5 77.3 89.5 99.5 47.1 45.4 66.4 42.9",
        "results/over_embeddings.md, from pixels": "75.0 15.0 44.5 98.2",
        "pretrained_encoder.py --steps 150 --frames 4": "25.0 48.5 47.0 41.5 36.0",
        "the table of what was published with weights": "77.9 80.9 84.7 70.6 79.9 73.7 82.9",
    },
    "course/README.md": {ONE_RUN: "98.8 100.0"},
    "course/05_the_semantic_gap.ipynb": {
        "python tests/benchmarks/notebook_features.py, Lite0": "81",
    },
    "course/09_five_ways_to_attend.ipynb": {SCHEMES: "35.7 96.3 98.0 76.4 90.5 98.6"},
    "course/13_judging_a_model.ipynb": {
        ONE_RUN: "98.8 100.0 13.5",
        "5 of 6, in an exercise": "83.3",
        "space attention on Kinetics-400, as published": "76.9",
        "chance": "10",
        "half of 5%": "2.5",
    },
    "course/16_your_own_videos.ipynb": {
        "results/over_embeddings.md": "61.3 47.1",
        "the level of an interval": "95",
        "its own cells: the most frequent class, rooms left out": "43 37",
    },
}


# ------------------------------------------------------------------ what was measured
def measured():
    """Of every architecture, the percentages in the files of results, as text."""
    found = {name: set() for name in zoo.ARCHITECTURES}
    with (RESULTS / "leaderboard.csv").open() as file:
        for row in csv.DictReader(file):
            shares = [row["top1"], row["spread"], row["shuffled"]]
            shares += re.findall(r"[\d.]+", row["interval"])
            found[row["model"].split()[0]] |= {f"{100 * float(share):.1f}" for share in shares}
    for cells in table_rows(RESULTS / "leaderboard.md"):
        if cells[1].isdecimal():  # a run: its seed, top-1, two kinds of pairs, three orders
            found[cells[0].split()[0]] |= {cells[n].rstrip("%") for n in (2, 5, 6, 7)}
        if len(cells) == 3:  # a model: appearance and direction pairs
            found[cells[0].split()[0]].add(cells[2].partition("%")[0])
    for path in RESULTS.glob("accelerator-*.md"):
        for cells in table_rows(path):
            found.get(cells[0].split()[0], set()).update(re.findall(r"([\d.]+)%", " ".join(cells)))
    return found


def table_rows(path):
    """The cells of the lines of Markdown's tables that begin with an architecture's name."""
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if line.startswith("|") and cells[0].split()[:1] and cells[0].split()[0] in ARCHITECTURES:
            yield cells


ARCHITECTURES = frozenset(zoo.ARCHITECTURES)
MEASURED = measured()
OF_ANY = set.union(*MEASURED.values())


# ------------------------------------------------------------------ what is said
def passages(name):
    """Paragraphs and lines of tables of a text, or of a notebook's Markdown."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.strip().splitlines()
        is_table = bool(lines) and lines[0].startswith("|")
        yield from lines if is_table else [" ".join(lines)]


def unfounded(passage, elsewhere=frozenset()):
    """The percentages of a passage that no result bears out."""
    names = {name.lower() for name in NAMES.findall(passage)}
    known = set.union(*(MEASURED[name] for name in names)) if names else OF_ANY
    for match in FIGURES.finditer(passage):
        for figure in filter(None, match.groups()):
            # A range is of all models; without a name, a whole percentage may be anything.
            ok = OF_ANY if match[1] else known
            if (names or "." in figure) and figure not in ok | elsewhere:
                yield figure


@pytest.mark.parametrize("name", TEXTS)
def test_every_figure_was_measured(name):
    """In the results of the architecture it is said of, or where `ELSEWHERE` has it from."""
    elsewhere = frozenset(" ".join(ELSEWHERE.get(name, {}).values()).split())
    for passage in passages(name):
        wrong = list(unfounded(passage, elsewhere))
        assert not wrong, f"{name}: {wrong} is no result: {passage[:300]}"


def test_what_is_from_elsewhere_is_still_there():
    """A place that was changed leaves no hole in the list."""
    for name, sources in ELSEWHERE.items():
        said = {
            figure
            for passage in passages(name)
            for match in FIGURES.finditer(passage)
            for figure in match.groups()
        }
        for figures in sources.values():
            assert set(figures.split()) <= said, (name, set(figures.split()) - said)


def test_a_wrong_figure_is_found():
    """That of another architecture, an old one, one without a name, one in a table."""
    assert not list(unfounded("`c3d` reached 99.6%, as filmed, and 28.4% shuffled."))
    for passage in (
        "`--arch embedding_transformer` reached 96.6% of the test videos.",
        "It falls from 99.5% to 61.2% with shuffled frames.",
        "| `c3d` | 71.3% |",
        "`bert` is right on 33%.",
    ):
        assert len(list(unfounded(passage))) == 1, passage
