"""jaxtyping's report of a wrong shape, in the words of a verdict."""

import re

KINDS = {"f": "float", "bf": "bfloat", "i": "int", "u": "uint", "c": "complex"}
IS = re.compile(r"\b(bf|[fiuc])(\d+)\[([\d,]*)\](\(numpy\))?")
DUE = re.compile(r"\b(\w+)\[(?:ndarray|Array), '(.*?)'\]")
HEADS = {"Actual value: ": "gave", "Expected type: ": "expected"}


def told(report: str) -> list[tuple[str, str]]:
    """What was given and what was due, of which axes; each with the word before it."""
    lines, axes = [], []
    for line in report.splitlines():
        for head, word in HEADS.items():
            if line.startswith(head):
                lines.append((word, in_words(line.removeprefix(head).rstrip("."))))
        if "=" in line and line.partition("=")[0].isidentifier():
            axes.append(line.strip())
    return [*lines, ("where", ", ".join(axes))] if axes else lines


def in_words(text: str) -> str:
    """`i32[3](numpy)` as `int32 array of shape (3,)`, and what is due alike."""

    def given(found):
        shape = found[3].replace(",", ", ") if "," in found[3] else found[3] and f"{found[3]},"
        return f"{KINDS[found[1]]}{found[2]} array of shape ({shape})"

    text = IS.sub(given, text)

    def due(found):
        axes = re.sub(r"[{}]", "", found[2]).strip()  # {size} is the argument of that name
        return f"{found[1].lower()} array of axes ({axes})"

    return DUE.sub(due, text)
