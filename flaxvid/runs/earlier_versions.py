"""What earlier versions of flaxvid wrote of a run, by today's names: old runs open as before."""

from collections.abc import Mapping
from typing import Any

# Settings by the names they had, as `config.made_of` has them -> today's.
RENAMED = {"data.batch_size": "recipe.batch_size", "model.layers": "model.depth"}


def made_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that make a model, name by name, as a report or a resumed run has kept them."""
    return {RENAMED.get(name, name): value for name, value in found.items()}


def config(values: Mapping[str, Any]) -> dict[str, Any]:
    """A `config.json`, each setting under today's name, in the part where it stands today.

    Raises:
        KeyError: for one without the parts that every version has written.
    """
    parts = {part: dict(values[part]) for part in ("model", "data", "recipe")}
    for old, new in RENAMED.items():
        (part, name), (new_part, new_name) = old.split("."), new.split(".")
        if name in parts[part]:
            parts[new_part][new_name] = parts[part].pop(name)
    frozen = parts["model"].pop("frozen", None)
    if frozen:  # of the models from pixels, which had an option of their own, for their encoder
        path = frozen.removeprefix("^") if frozen.startswith("^") else f".*(?:{frozen})"
        parts["recipe"]["freeze"] = [*parts["recipe"].get("freeze", ()), f"^encoder/{path}"]
    run = dict(values["run"])
    if run.pop("tensorboard", False):
        run["track"] = ["tensorboard"]
    changes = [
        change | {"before": made_of(change["before"])} for change in values.get("changes", ())
    ]
    return dict(values) | parts | {"run": run, "changes": changes}
