"""Command lines to options: read by tyro, checked by `range_checks`, refused in one line."""

import contextlib
import dataclasses
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docstring_parser
import tyro

from flaxvid import errors, option_aliases, range_checks, stores


def parse(
    kind: Any, arguments: list[str], *, prog: str, description: str | None, default: Any = None
) -> Any:
    """The options of a command, each of them inside its range.

    Args:
        kind: a dataclass, or a dictionary from the names of subcommands to theirs.
        arguments: of the command line.
        prog: the command, as it is typed.
        description: of it, for --help.
        default: an instance of `kind` with the defaults; None: those of its fields.

    Raises:
        UserError: for an unknown option, a value that can't be read, or one out of its range; for
            an option by the name that another project gives it.
        SystemExit: after --help.
    """
    if "" in arguments:
        before = arguments[arguments.index("") - 1] if arguments[0] else "the first argument"
        raise errors.UserError(f"{before}: its value is empty; is a variable of the shell not set?")
    option_aliases.refuse(arguments)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), _descriptions_in_one_line():
            if isinstance(kind, dict):
                chosen = tyro.extras.subcommand_cli_from_dict(
                    kind, args=arguments, prog=prog, description=description
                )
            else:
                given = {} if default is None else {"default": default}
                chosen = tyro.cli(kind, args=arguments, prog=prog, description=description, **given)
    except SystemExit as end:
        if end.code in (0, None):
            raise
        raise _own_error(end) or errors.UserError(
            f"{in_one_line(said.getvalue())}; see {prog} --help"
        ) from None
    range_checks.check(chosen, kept=default)
    return _placed(chosen)


def _placed(chosen: Any) -> Any:
    """The dataclass with each path in an object store as what reads it there (`stores.path`)."""
    found = {}
    for field in dataclasses.fields(chosen):
        value = getattr(chosen, field.name)
        if dataclasses.is_dataclass(value):
            found[field.name] = _placed(value)
        elif isinstance(value, tuple) and any(isinstance(one, Path) for one in value):
            found[field.name] = tuple(map(stores.path, value))
        elif isinstance(value, Path):
            found[field.name] = stores.path(value)
    changed = {name: v for name, v in found.items() if v is not getattr(chosen, name)}
    return dataclasses.replace(chosen, **changed) if changed else chosen


def names(arguments: Sequence[str]) -> frozenset[str]:
    """The options on a command line as their fields are called: `flip` for --no-flip."""
    options = (word[2:].partition("=")[0] for word in arguments if word.startswith("--"))
    return frozenset(option.replace("-", "_").removeprefix("no_") for option in options)


@contextlib.contextmanager
def _descriptions_in_one_line():
    """Inside, the docstring of a field has no line breaks, which tyro would keep in --help."""
    parse_as_is = docstring_parser.parse_from_object

    def parse_and_join(*arguments, **options):
        found = parse_as_is(*arguments, **options)
        for parameter in found.params:
            parameter.description = " ".join((parameter.description or "").split()) or None
        return found

    docstring_parser.parse_from_object = parse_and_join
    try:
        yield
    finally:
        docstring_parser.parse_from_object = parse_as_is


def _own_error(error):
    """The UserError of a dataclass that tyro was making, which says more than tyro's box."""
    while error is not None and not isinstance(error, errors.UserError):
        error = error.__context__
    return error


def in_one_line(box: str) -> str:
    """What tyro says in a box of several lines: what is wrong, and the option that may be meant."""
    # Its frame is drawn with lines or with hyphens; the title comes first.
    parts = re.split(r"─+|-{5,}", re.sub(r"[│╭╮╰╯]", " ", box))
    _, wrong, *parts = [" ".join(part.split()) for part in parts if part.strip()] + ["", ""]
    wrong = wrong.partition(" Got errors:")[0].removeprefix("Error parsing ").rstrip(".")
    near = [found for part in parts for found in re.findall(r"you meant: (--[\w.-]+)", part)]
    return f"{wrong}; did you mean {near[0]}?" if near else wrong
