"""What is known of a trained model, for its card: data, evaluation, licences.

What is not known is None, and the card says so.
"""

import dataclasses
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flaxvid import errors, files, stores
from flaxvid.data import manifest
from flaxvid.runs import config, datasets
from flaxvid.weights import provenance


@dataclasses.dataclass(frozen=True)
class Known:
    """What a card says, apart from the settings."""

    step: int
    """Of the checkpoint."""
    parameters: int
    splits: Mapping[str, tuple[int, int]] | None
    """Videos and groups of each split; None: the data is no longer there."""
    report: Mapping[str, Any] | None
    """The `report.json` of this checkpoint; None: it was not evaluated."""
    licences: Mapping[str, str | None]
    """Of the weights it started from and of its frame encoder's; None: not known."""


def find_out(run: Path | None, settings: config.Settings, step: int, parameters: int) -> Known:
    """Finds the evaluation in the run, the sizes of the data's splits, and licences.

    A report on another checkpoint, split or data set is left out.
    """
    report = None
    if run is not None and (run / "report.json").is_file():
        found = files.read_json(run / "report.json")
        same = ("step", step), ("own_data", True), ("split", "test")
        if isinstance(found, dict) and all(found.get(name) == value for name, value in same):
            report = found
    specs = [*settings.starts(), settings.embedding and settings.embedding.weights]
    licences = {shown(spec): licence(spec) for spec in specs if spec}
    return Known(step, parameters, _splits(settings), report, licences)


def _splits(settings):
    try:
        if not datasets.is_there(settings.data.data):
            return None  # which would be downloaded, or drawn, for this alone
        videos = datasets.open_data(settings.data, settings.run.seed)
    except errors.UserError:
        return None
    if videos.fingerprint() != settings.manifest:
        return None
    return {split: _size(videos.split(split)) for split in videos.splits()}


def _size(videos: manifest.Manifest):
    return len(videos.rows), len({row.group or row.path for row in videos.rows})


def licence(spec: str) -> str | None:
    """The licence of weights, as their model card or package names it; None: it is not known."""
    if spec.startswith("package:"):
        try:
            about = importlib.metadata.metadata(spec.removeprefix("package:"))
        except importlib.metadata.PackageNotFoundError:
            return None
        return about.get("License-Expression") or about.get("License") or None
    try:
        said = provenance.by_card(spec)
    except errors.UserError:
        said = None
    return said or provenance.by_name(spec)


def shown(spec: str) -> str:
    """Weights or data as a card names them: a path by its last part alone."""
    return spec if ":" in spec and not stores.is_store(spec) else Path(spec).name
