"""What an exercise asks for, sentence by sentence: its docstring, and the text of its lesson."""

import inspect
import json
import re

from flaxvid.exercise import catalogue

SECTIONS = ("Args:", "Returns:", "Raises:")
END = re.compile(r"(?<=[.?])\s+(?=[A-Z`0-9])")


def of_docstring(exercise: str) -> list[str]:
    """The sentences of the docstrings, arguments and errors included, sources left out."""
    own = inspect.unwrap(catalogue.reference(exercise))
    documented = [own]
    if inspect.isclass(own):
        documented += [own.__init__, own.__call__]
        documented += [
            method
            for name, method in vars(own).items()
            if inspect.isfunction(method) and not name.startswith("_")
        ]
    found = []
    for thing in documented:
        text = inspect.cleandoc(thing.__doc__ or "")
        for paragraph in re.split(r"\n\n", text):
            if not paragraph.startswith("Source:"):
                found += _sentences(paragraph)
    return found


def _sentences(paragraph):
    lines = paragraph.splitlines()
    if lines and lines[0].strip() in SECTIONS:
        # An entry begins where a line is indented once, and goes on in lines indented twice.
        entries = []
        for line in lines[1:]:
            if entries and (line.startswith(" " * 8) or lines[0].strip() == "Returns:"):
                entries[-1] += " " + line.strip()
            else:
                entries.append(line.strip())
        return entries
    return [sentence for sentence in END.split(" ".join(" ".join(lines).split())) if sentence]


def of_lesson(exercise: str) -> str:
    """The text with which a lesson sets an exercise, as one line."""
    lesson = catalogue.TABLE.parent / f"{catalogue.find(exercise).lesson}.ipynb"
    for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        heading = text.find(f"### Exercise `{exercise}`")
        if heading >= 0:
            return " ".join(text[heading:].split())
    return ""
