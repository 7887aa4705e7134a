"""`config.json` of a run: its settings, written down, read again, and compared with another's."""

import dataclasses
import importlib.metadata
import json
from pathlib import Path
from typing import Any

from flaxvid import errors, files, range_checks, stores
from flaxvid.data import embeddings
from flaxvid.recipes import recipe as recipes
from flaxvid.recipes import zoo
from flaxvid.runs import earlier_versions, options
from flaxvid.video import preprocess

NAME = "config.json"
PACKAGES = ("flaxvid", "jax", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that makes a run what it is: enough to go on with it, or to use its model."""

    arch: str
    size: str
    model: Any
    """The model's own config."""
    preprocessing: preprocess.Preprocessing
    data: options.Data
    recipe: recipes.Recipe
    run: options.Run
    labels: tuple[str, ...]
    manifest: str
    """Fingerprint of the manifest trained on."""
    machine: options.Machine = dataclasses.field(default_factory=options.Machine)
    embedding: embeddings.About | None = None
    """How frames become what the model sees; None: it sees their pixels."""
    content: dict[str, str] = dataclasses.field(default_factory=dict)
    """Fingerprint of the files of each split (`content_hash.by_split`), where the model sees their
    pixels; empty in runs from before there was one."""
    changes: tuple[dict[str, Any], ...] = ()
    """What was said otherwise when the run was resumed, so that these settings hold only from then
    on: the `step` that it was resumed after, and `before`, by name as in `made_of`."""

    thresholds: tuple[float, ...] = ()
    """Above which each class is said, where a video may have several labels: chosen at the end of
    the run, for its best checkpoint. Empty: not yet, or there is one label."""

    def limits(self) -> tuple[float, ...] | None:
        """The `thresholds`, or 0.5 each while none are chosen; None where a video has one label."""
        if not self.data.multi_label:
            return None
        return self.thresholds or (0.5,) * len(self.labels)

    def starts(self) -> list[str]:
        """Where the weights were that the model's parameters started from; none: at random."""
        specs = [self.run.weights]
        if self.embedding is None:  # else the encoder's are no part of the model
            specs.append(self.data.encoder_weights)
        return [spec for spec in specs if spec not in (None, options.RANDOM)]


# ---------------------------------------------------------------- on disk
def write(folder: Path, settings: Settings) -> None:
    """Writes `config.json`, with the versions of the packages in use.

    Raises:
        UserError: if it can't be written.
    """
    files.write_text(folder / NAME, text(settings))


def text(settings: Settings, **more: Any) -> str:
    """The settings as JSON, with the versions of the packages in use, and more entries."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES if _installed(name)}
    return _to_json(_plain(settings) | {"versions": versions} | more)


def update(folder: Path, settings: Settings, step: int) -> str:
    """Writes what a resumed run goes on with into its `config.json`, and what it was until then.

    Args:
        folder: of the run.
        settings: with which it goes on.
        step: the last that it has done.

    Returns:
        What is changed, in a line; empty: nothing that makes the model.

    Raises:
        UserError: if it can't be written.
    """
    saved, now = load(folder), made_of(settings)
    before = before_the_change(saved, settings)
    changes = saved.changes
    if before and step > 0:  # of a run that has done no step, nothing was different
        changes = (*changes, {"step": step, "before": before})
    run = dataclasses.replace(settings.run, resume=None)
    write(folder, dataclasses.replace(settings, run=run, changes=changes))
    told = ", ".join(f"{name} {value} to {now.get(name)}" for name, value in before.items())
    return f"from step {step} on: {told} (config.json)" if told else ""


def before_the_change(saved: Settings, settings: Settings) -> dict[str, Any]:
    """What makes the model and is not in `settings` as it was saved: its values until then."""
    was, now = made_of(dataclasses.replace(saved, changes=())), made_of(settings)
    if was["run.content"] is None:  # of a run from before there was one; it is the same data
        was["run.content"] = now["run.content"]
    return {name: was.get(name) for name in now | was if was.get(name) != now.get(name)}


def load(folder: Path) -> Settings:
    """The settings of the run in `folder`.

    Raises:
        UserError: if there is no run, or its `config.json` can't be understood.
    """
    path = stores.path(folder) / NAME
    if not path.exists():
        raise errors.UserError(f"{folder}: is not a run directory; it has no {NAME}")
    with errors.damage_in(path, "train it again"):
        values = earlier_versions.config(files.read_json(path))
        if not isinstance(values["arch"], str) or not isinstance(values["size"], str):
            raise TypeError("its arch and size are no names")
        kind = type(zoo.configure(values["arch"], values["size"], num_classes=1))
        return Settings(
            arch=values["arch"],
            size=values["size"],
            model=_from_dict(kind, values["model"], str(path)),
            preprocessing=preprocess.Preprocessing.from_dict(values["preprocessing"]),
            data=_from_dict(options.Data, values["data"], str(path)),
            recipe=_from_dict(recipes.Recipe, values["recipe"], str(path)),
            run=_from_dict(options.Run, values["run"], str(path)),
            labels=_labels(values["labels"], path),
            manifest=values["manifest"],
            machine=_from_dict(options.Machine, values.get("machine", {}), str(path)),
            embedding=_about(values.get("embedding")),
            content=dict(values.get("content", {})),
            changes=tuple(values.get("changes", ())),
            thresholds=_thresholds(values.get("thresholds", ()), len(values["labels"])),
        )


def _from_dict(kind: type, values: dict, source: str):
    """The dataclass `kind` from JSON values; `source` names the file in an error.

    Raises:
        UserError: for a field that this version does not know.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise errors.UserError(
            f"{source}: {kind.__name__} has no field {unknown[0]!r}; "
            "the run comes from another version of flaxvid"
        )
    made = kind(**{name: _restore(fields[name], value) for name, value in values.items()})
    range_checks.check_kinds(made)
    range_checks.check_numbers(made)
    return made


def _restore(field, value):
    if isinstance(value, list):
        return tuple(_restore(field, inner) for inner in value)
    if isinstance(value, str) and "Path" in str(field.type):
        return stores.path(value)
    return value


def _labels(values, path):
    """Class names are shown in terminals, which would obey what can't be printed."""
    if not isinstance(values, list) or not all(isinstance(label, str) for label in values):
        raise errors.UserError(f"{path}: its labels are not a list of names; train anew")
    return tuple(errors.printable(label) for label in values)


def _thresholds(values, classes):
    if len(values) not in (0, classes) or not all(0 <= float(value) <= 1 for value in values):
        raise ValueError(f"its thresholds are not of {classes} classes, 0 to 1")
    return tuple(map(float, values))


def _about(values):
    return None if values is None else embeddings.About.from_dict(values)


def _plain(value: object) -> dict:
    """A dataclass, field by field, without touching what the fields hold."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _to_json(value: object) -> str:
    """Nested dataclasses, paths and plain values as readable JSON."""

    def encode(inner):
        return _plain(inner) if dataclasses.is_dataclass(inner) else str(inner)

    return json.dumps(value, indent=2, ensure_ascii=False, default=encode) + "\n"


def _installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


# ---------------------------------------------------------------- two runs compared
def made_of(settings: Settings, step: int | None = None) -> dict[str, Any]:
    """What makes a model and what it sees, name by name: two runs that differ in nothing but the
    seed have the same, and their accuracies may be averaged.

    That is the model's config, its preprocessing and encoder, the recipe, the batches, the weights
    it started from, the arithmetic and the data trained on; not where, or on how many devices. If
    some of it was changed on the way, that is told apart from a run that had it from the start.

    Args:
        settings: of the run, as they were last.
        step: of the checkpoint in question: what was changed when the run was resumed after it has
            had no part in it; None: of the last one.
    """
    parts = {
        "model": _plain(settings.model),
        "preprocessing": _plain(settings.preprocessing),
        "recipe": _plain(settings.recipe),
        "embedding": {} if settings.embedding is None else _plain(settings.embedding),
        "data": {"clips_per_video": settings.data.clips_per_video},
        "run": {
            "weights": settings.run.weights,
            "manifest": settings.manifest,
            "content": settings.content.get("train"),
        },
        "machine": {"precision": settings.machine.precision},
    }
    if settings.embedding is None and settings.data.encoder_weights is not None:
        parts["data"]["encoder_weights"] = settings.data.encoder_weights
    parts["embedding"].pop("weights", None)  # where they lay; what they are, its SHA-256 says
    parts = json.loads(_to_json(parts))
    found = {
        f"{part}.{name}": value for part, inside in parts.items() for name, value in inside.items()
    }
    changes = list(settings.changes)
    while step is not None and changes and changes[-1]["step"] >= step:
        found |= changes.pop()["before"]
    return found | ({"run.changes": changes} if changes else {})
