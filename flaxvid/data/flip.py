"""Labels that name a side: mirrored, a clip of `move_left` shows `move_right`."""

import re
from collections.abc import Iterable

SIDES = {"left", "right", "leftward", "rightward", "leftwards", "rightwards"}
SIDES |= {"clockwise", "counterclockwise", "anticlockwise", "cw", "ccw"}
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def naming_a_side(labels: Iterable[str]) -> list[str]:
    """The labels that have a side among their words: `turn_left`, `TurnLeft`, `turn-clockwise`.

    Only English is known, and only words of their own: `Skijet` and `bright` name no side.
    """
    return [label for label in labels if SIDES & {word.lower() for word in WORD.findall(label)}]
