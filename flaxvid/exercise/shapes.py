"""jaxtyping's report of a wrong shape, in the words of a verdict."""

import re

KINDS = {"f": "float", "bf": "bfloat", "i": "int", "u": "uint", "c": "complex"}
IS = re.compile(r"\b(bf|[fiuc])(\d+)\[([\d,]*)\](\(numpy\))?")
DUE = re.compile(r"\b(\w+)\[((?:[\w.]+\.)?(?:ndarray|Array)), '(.*?)'\]")
FUNCTION = re.compile(r"(collections\.abc\.|typing\.)?Callable\b")
HEADS = {"Actual value: ": "gave", "Expected type: ": "expected"}


def told(report: str) -> list[tuple[str, str]]:
    """What was given and what was due, of which axes; each with the word before it."""
    said, axes = {}, []
    for line in report.splitlines():
        for head, word in HEADS.items():
            if line.startswith(head):
                said[word] = line.removeprefix(head).rstrip(".")
        if "=" in line and line.partition("=")[0].isidentifier():
            axes.append(line.strip())
    lines = [(word, in_words(text)) for word, text in said.items()]
    lines += [("where", ", ".join(axes))] if axes else []
    given, due = IS.fullmatch(said.get("gave", "")), DUE.fullmatch(said.get("expected", ""))
    if given and due and bool(given[4]) != due[2].endswith("ndarray"):
        kinds = "an array of NumPy", "one of JAX: jnp.asarray"
        if not given[4]:
            kinds = "an array of JAX", "one of NumPy: np.asarray"
        lines.append(("so", f"it is {kinds[0]}, and is to be {kinds[1]}"))
    return lines


def in_words(text: str) -> str:
    """`i32[3](numpy)` as `int32 array of shape (3,)`, and what is due alike."""
    if FUNCTION.match(text):  # of what and to what would fill the screen
        return "a function"

    def given(found):
        shape = found[3].replace(",", ", ") if "," in found[3] else found[3] and f"{found[3]},"
        return f"{KINDS[found[1]]}{found[2]} array of shape ({shape})"

    text = IS.sub(given, text)

    def due(found):
        axes = re.sub(r"[{}]", "", found[3]).strip()  # {size} is the argument of that name
        of_axes = f"of axes ({axes})" if axes else "without axes, a single number"
        return f"{found[1].lower()} array {of_axes}"

    return DUE.sub(due, text)
