"""Options of `train` in a file: TOML, or the `config.json` of a run.

    arch = "timesformer"
    learning-rate = 3e-4
    clip-norm = "None"
    [model]
    depth = 6

Keys are the options as the command line has them, `_` in place of `-` too, and `--model.depth` is
`depth` in the table `[model]`. TOML has no word for None: it is written `"None"`.
"""

import dataclasses
import difflib
import json
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flaxvid import errors, files, option_aliases, range_checks, stores
from flaxvid.recipes import zoo
from flaxvid.runs import config, options

# What is asked of one command, and is no part of what runs; `probe` stands for other options.
ASKED = ("config", "print-config", "resume", "dry-run", "probe")
# Where a run was kept, and which processes took part, is said each time.
NOT_AGAIN = ("out", "coordinator", "num-processes", "process-id")
LARGEST = 2**20  # bytes


@dataclasses.dataclass(frozen=True)
class Given:
    """The options in a file, by the names of the command line without its dashes."""

    path: Path
    values: Mapping[str, Any]
    whole: bool
    """Whether it is a run's, which says everything: no value in it is by mistake."""


# ------------------------------------------------------------------ reading
def read(path: Path) -> Given:
    """The options in a TOML file, or in the `config.json` of a run.

    Raises:
        UserError: if it is neither, or names an option twice; and as `config.load` for a run's.
    """
    if path.name == config.NAME:
        return Given(path, _of_run(config.load(path.parent)), whole=True)
    if path.suffix.lower() != ".toml":
        raise errors.UserError(
            f"--config {errors.printable(path)}: give a TOML file, which must end in .toml, or a "
            f"run's {config.NAME}"
        )
    try:
        found = tomllib.loads(files.read_text(path, largest=LARGEST))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise errors.UserError(f"{path}: is not TOML ({error})") from None
    model = found.pop("model", {})
    if not isinstance(model, dict):
        raise errors.UserError(
            f"{path}: model is {_shown(model)}, and must be a table, [model]; an architecture is "
            "named by arch"
        )
    values: dict[str, Any] = {}
    pairs = [*found.items(), *((f"model.{name}", value) for name, value in model.items())]
    for key, value in pairs:
        name = key.replace("_", "-")
        if name in values:
            raise errors.UserError(f"{path}: {name} is there twice, with - and with _")
        values[name] = value
    if "epochs" in values and values.get("steps", "None") != "None":
        raise errors.UserError(f"{path}: steps, epochs: both say how long to train; give one")
    for name in ("arch", "size", "data", "encoder", "encoder-weights"):
        if not isinstance(values.get(name, ""), str):
            raise errors.UserError(f"{path}: {name} = {_shown(values[name])}: must be a text")
    return Given(path, values, whole=False)


def _of_run(saved):
    # As in `parsing.from_run`: whether clips are mirrored stands in the preprocessing.
    flip = saved.data.flip if saved.embedding is not None else saved.preprocessing.flip
    chosen = options.TrainOptions(
        dataclasses.replace(saved.data, flip=flip),
        *(saved.recipe, saved.run, saved.machine, saved.model, saved.arch, saved.size),
    )
    return {name: o.value for name, o in _options(chosen).items() if name not in NOT_AGAIN}


def _options(chosen):
    """Every option of what runs, by its name."""
    found = {option.flag[2:]: option for option in range_checks.options(chosen)}
    return {name: option for name, option in found.items() if name not in ASKED}


def apply(
    given: Given, defaults: options.TrainOptions, said: frozenset[str]
) -> options.TrainOptions:
    """The defaults with the options of a file in their places; `said` names those that count as
    given.

    Args:
        given: the file.
        defaults: of the architecture, size and data that the file or the command line names.
        said: fields named on the command line, for which the file does not count.

    Raises:
        UserError: for an unknown option, or a value of another type or out of its range, with the
            file, the key and what it may be.
    """
    known, values = _options(defaults), {}
    for name, value in given.values.items():
        if name not in known:
            raise errors.UserError(f"{given.path}: {_unknown(name, known, defaults)}")
        values[name] = value if given.whole else _typed(name, value, known[name].hint, given.path)
    values = {name: value for name, value in values.items() if _field(name) not in said}
    if "epochs" in values and "steps" not in values and not given.whole:
        # As on the command line, epochs are in place of the recipe's steps, and of its fewest.
        values["steps"] = None
        values.setdefault("least-steps", 0)
    try:
        chosen = _replaced(defaults, values)
        range_checks.check(chosen)
    except errors.UserError as error:
        raise errors.UserError(f"{given.path}: {error}") from None
    return dataclasses.replace(chosen, said=_counts_as_said(given, values, known, defaults))


def _counts_as_said(given, values, known, defaults):
    """Fields whose values are not the recipe's, and the stride, or it would be fitted anew."""
    found = {name for name in values if values[name] != known[name].value and not given.whole}
    if "stride" in values and zoo.ARCHITECTURES[defaults.arch].inputs == "video":
        found.add("stride")
    return frozenset(map(_field, found))


def _field(name):
    return name.replace("-", "_")


def _replaced(chosen, values):
    """The options with other values, each in the part that has it."""
    left = {_field(name): value for name, value in values.items()}
    for part in ("data", "recipe", "run", "machine", "model"):
        inside, prefix = getattr(chosen, part), "model." if part == "model" else ""
        names = {prefix + field.name: field.name for field in dataclasses.fields(inside)}
        # `data` is an option too, and a part.
        changes = {names[name]: left.pop(name) for name in list(left) if name in names}
        chosen = dataclasses.replace(chosen, **{part: dataclasses.replace(inside, **changes)})
    return dataclasses.replace(chosen, **left)


def _unknown(name, known, defaults):
    key = name.removeprefix("model.")
    where = f"of {defaults.arch}" if name.startswith("model.") else "of train"
    alias = option_aliases.OTHERS.get(key.lower())
    near = [alias.removesuffix(" {}").removeprefix("--")] if alias else []
    inside = [option for option in known if option.removeprefix("model.") == key]
    near = near or inside or difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    if name == "probe":
        meant = '; say arch = "probe", and the backbone as encoder'
    elif name in ("recipe", "run", "machine"):
        meant = "; its options stand before all tables"
    elif near and near[0].startswith("model.") and not name.startswith("model."):
        meant = f"; did you mean {near[0].removeprefix('model.')} in [model]?"
    return f"{errors.printable(name)} is not an option {where}{meant}"


# ------------------------------------------------------------------ types
def _typed(name, value, hint, path):
    """A value of TOML as the option has it."""
    try:
        return _converted(value, hint)
    except TypeError:
        raise errors.UserError(
            f"{path}: {name} = {_shown(value)}: must be {_in_words(hint)}"
        ) from None


def _converted(value, hint):
    """The value as its annotation has it.

    Raises:
        TypeError: if it is of another kind.
    """
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _converted(value, inside[0])
    if origin in (typing.Union, types.UnionType):
        # "None" is None before it is a text, as on the command line.
        for kind in sorted(inside, key=lambda kind: kind is not type(None)):
            try:
                return _converted(value, kind)
            except TypeError:
                continue
    elif origin is typing.Literal:
        if any(value == one and type(value) is type(one) for one in inside):
            return value
    elif origin is tuple and isinstance(value, list):
        kinds = inside[:1] * len(value) if inside[-1] is Ellipsis else inside
        if len(kinds) == len(value):
            return tuple(map(_converted, value, kinds))
    elif hint is type(None) and value == "None":
        return None
    elif hint is float and type(value) in (int, float):
        return float(value)
    elif hint is Path and isinstance(value, str):
        return stores.path(value)
    elif type(value) is hint:
        return value
    raise TypeError


def _in_words(hint):
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _in_words(inside[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_in_words, inside))
    if origin is typing.Literal:
        return " or ".join(map(_toml, inside))
    if origin is tuple and inside[-1] is Ellipsis:
        return f"a list, each of it {_in_words(inside[0])}"
    if origin is tuple:
        return f"a list of {len(inside)}, each of it {_in_words(inside[0])}"
    plain = {bool: "true or false", int: "a whole number", float: "a number"}
    return plain.get(hint, '"None"' if hint is type(None) else "a text in quotes")


def _shown(value):
    text = value if isinstance(value, str) else str(value)
    text = errors.printable(text if len(text) <= 60 else f"{text[:57]}...")
    if isinstance(value, bool):
        return text.lower()
    return f'"{text}"' if isinstance(value, str) else text


# ------------------------------------------------------------------ writing
def text(chosen: options.TrainOptions) -> str:
    """The options as TOML that `--config` takes: every one, also those that were not said.

    Of steps and epochs, the one that counts; a stride that was not said stands in a comment, for it
    is fitted to the videos.
    """
    found = _options(chosen)
    fitted = zoo.ARCHITECTURES[chosen.arch].inputs == "video" and "stride" not in chosen.said
    part, lines = None, []
    for name, option in sorted(found.items(), key=lambda pair: _place(pair[1].owner, chosen)):
        if option.owner is not part:
            part = option.owner
            lines += _heading(part, chosen)
        line = f"{name.removeprefix('model.')} = {_toml(option.value)}"
        if name == "epochs" and chosen.recipe.steps is not None:
            continue
        if name == "stride" and fitted:
            line = f"# {line}    not said: fitted to the videos"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _place(part, chosen):
    order = (chosen, chosen.data, chosen.recipe, chosen.run, chosen.machine, chosen.model)
    return [one is part for one in order].index(True)


def _heading(part, chosen):
    if part is chosen:
        return ["# python -m flaxvid.train --config FILE"]
    if part is chosen.model:
        return ["", "[model]"]
    said = {"data": "what to learn from", "recipe": "how to learn", "run": "where to keep it"}
    said["machine"] = "how devices are used"
    (name,) = [name for name in said if getattr(chosen, name) is part]
    return ["", f"# {said[name]}"]


def _toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)  # which is TOML too
