"""Runs of earlier versions open: every setting is where it stands today.

`files/conv_lstm.json` was written by flaxvid when the batch size stood with the data, depth was
called `layers`, and the models from pixels had an option of their own to freeze their encoder.
"""

import json
import shutil
from pathlib import Path

from flaxvid.runs import config, earlier_versions

OLD = Path(__file__).parent / "files" / "conv_lstm.json"


def test_an_old_config_opens(tmp_path):
    """Batch size, depth and what was frozen are found under today's names."""
    shutil.copy(OLD, tmp_path / "config.json")
    settings = config.load(tmp_path)
    assert (settings.recipe.batch_size, settings.model.depth) == (4, 1)
    assert settings.recipe.freeze == ("^encoder/.*(?:.)",)
    assert settings.recipe.freezes("encoder/conv1/kernel")
    assert not settings.recipe.freezes("sequence/head/kernel")
    config.write(tmp_path, settings)
    assert config.load(tmp_path) == settings


def test_an_anchored_pattern_stays_anchored():
    """`^conv1/` was of the encoder's own paths."""
    values = json.loads(OLD.read_text())
    values["model"]["frozen"] = "^conv1/"
    assert earlier_versions.config(values)["recipe"]["freeze"] == ["^encoder/conv1/"]


def test_old_changes_and_reports_have_todays_names():
    """What was changed on resuming, and what two reports are compared by."""
    values = json.loads(OLD.read_text())
    values["changes"] = [{"step": 2, "before": {"data.batch_size": 8, "recipe.steps": 4}}]
    (change,) = earlier_versions.config(values)["changes"]
    assert change == {"step": 2, "before": {"recipe.batch_size": 8, "recipe.steps": 4}}
