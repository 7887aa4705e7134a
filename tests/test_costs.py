"""The page of what large sets cost: its tables follow from the rates that it states."""

import json
import re
from pathlib import Path

import pytest
from flax import nnx

from flaxvid.models import cost
from flaxvid.recipes import zoo
from tests.benchmarks import costs

TEXT = costs.PAGE.read_text()


def rows(heading):
    """The cells of a table of the page, by its first word."""
    _, _, rest = TEXT.partition(f"| {heading} |")
    lines = [line for line in rest.partition("\n\n")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def number(text):
    value, _, unit = text.replace(",", "").partition(" ")
    return float(value) * {"": 1, "TB": 1e12, "GB": 1e9}[unit]


def test_the_hours_follow_from_the_rates_that_are_stated():
    """Each cell, from the page's own numbers and by its own formulas."""
    rates = {row[0].partition(",")[0]: [*map(float, row[1:])] for row in rows("files | read, s")}
    files = {"UCF101": "MPEG-4", "Kinetics-400": "H.264", "Kinetics-700": "H.264"}
    clips_per_second = float(re.search(r"learns from ([\d.]+) clips/s", TEXT)[1])
    cores, epochs = 16, 15
    assert f"{cores} cores and one GPU" in TEXT
    assert f"for {epochs} epochs" in TEXT
    training = {"UCF101": 9_537, "Kinetics-400": 246_245, "Kinetics-700": 545_317}
    clips = {row[0]: number(row[1]) for row in rows("dataset | clips")}
    found = rows("dataset | machines")
    assert len(found) == 9
    for name, machines, *hours in found:
        read, read_packed, pack, embed = rates[files[name]][:4]
        expected = [
            clips[name] * seconds / 3600 / int(machines) / cores for seconds in (pack, embed)
        ]
        for seconds in (read, read_packed):
            pace = min(clips_per_second, cores / seconds)
            expected.append(training[name] * epochs / 3600 / int(machines) / pace)
        assert [*map(float, hours)] == pytest.approx(expected, rel=0.06)
    for name, count, _, *sizes, from_files, from_packed in rows("dataset | clips"):
        megabytes = rates[files[name]][4:]
        expected = [number(count) * size * 1e6 for size in megabytes]
        assert [*map(number, sizes)] == pytest.approx(expected, rel=0.06)
        expected = [clips_per_second * seconds for seconds in rates[files[name]][:2]]
        assert [float(from_files), float(from_packed)] == pytest.approx(expected, abs=0.06)


def test_the_page_is_that_of_the_rates_on_file():
    """And README leads to it."""
    assert costs.page(json.loads(costs.RATES.read_text())) == TEXT
    readme = Path(costs.__file__).parents[2] / "README.md"
    assert "tests/benchmarks/results/costs.md" in readme.read_text()


def test_the_model_has_as_many_parameters_as_are_exchanged():
    """TimeSformer base, with the classes of Kinetics-400."""
    preset = zoo.find("timesformer", "base")
    config = preset.config(num_classes=400)
    model = cost.abstract_model(lambda: preset.module(config, rngs=nnx.Rngs(0)))
    assert cost.count_parameters(nnx.state(model, nnx.Param)) == costs.PARAMETERS
