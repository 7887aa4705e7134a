"""What stood on a command line, beside what the options then are."""

import contextlib
import io
import sys
from collections.abc import Sequence
from typing import Any

import tyro

from flaxvid import errors


def names(arguments: Sequence[str]) -> frozenset[str]:
    """The options on a command line as their fields are called: `flip` for --no-flip."""
    options = (word[2:].partition("=")[0] for word in arguments if word.startswith("--"))
    return frozenset(option.replace("-", "_").removeprefix("no_") for option in options)


def parse(kind: Any, **settings: Any) -> Any:
    """`tyro.cli`, but an error of flaxvid's own comes out as it is, and not in a box.

    tyro shows any ValueError of a dataclass that it makes in its own way; ours say in one line
    which option, which value and what to do.

    Raises:
        UserError: what a dataclass raised when it was made.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(kind, **settings)
    except SystemExit as ended:
        cause = ended.__context__
        while cause is not None:
            if isinstance(cause, errors.UserError):
                raise cause from None
            cause = cause.__context__
        sys.stderr.write(said.getvalue())
        raise
