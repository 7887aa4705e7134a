"""Work that is done video by video: where it is done is one thing, what is done another.

A function and its items go in, and the results come out in the order of the items. `Threads` and
`InTurn` do it in this process; `beam.Pipeline` has the same function called by workers of Apache
Beam.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Each(Protocol):
    """How a function is called for every item of a list."""

    partials: Path | None
    """Folder for what is half made, under names that no other attempt has; None: it lies beside
    what it is going to be, as nobody else makes it."""

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """The result for every item, in order.

        Raises:
            UserError: what the function raises.
        """


@dataclasses.dataclass(frozen=True)
class InTurn:
    """One after the other: for a function that has threads of its own."""

    partials: Path | None = None

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        return map(function, items)


@dataclasses.dataclass(frozen=True)
class Threads:
    """In threads of this process."""

    count: int = 2
    partials: Path | None = None

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        with futures.ThreadPoolExecutor(self.count) as pool:
            yield from pool.map(function, items)
