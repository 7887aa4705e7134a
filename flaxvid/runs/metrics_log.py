"""A run's `metrics.jsonl`: what was measured, line by line."""

import json
from pathlib import Path

from flaxvid import files
from flaxvid.runs import tracking


class MetricsLog:
    """A run's `metrics.jsonl`: one JSON object a line, each with its `step`."""

    def __init__(
        self,
        path: Path,
        resume_step: int | None = None,
        *,
        writes: bool = True,
        tracked: tracking.Trackers | None = None,
    ):
        """Opens the file; on resume, what was written after `resume_step` is taken out.

        Args:
            path: of the file.
            resume_step: the step that the run goes on from.
            writes: False for a process that keeps none.
            tracked: trackers that get each line too.
        """
        self.path, self._writes, self._tracked = Path(path), writes, tracked
        self.rewind(-1 if resume_step is None else resume_step)

    def rewind(self, step: int) -> None:
        """Takes out what was written after `step`."""
        if self._writes:
            kept = [row for row in self.read() if row["step"] <= step]
            files.write_text(self.path, "".join(json.dumps(row) + "\n" for row in kept))

    def write(self, step: int, **values: int | float) -> None:
        """Adds one line; it is on disk when this returns."""
        if not self._writes:
            return
        files.append(self.path, json.dumps({"step": step, **values}) + "\n")
        if self._tracked is not None:
            self._tracked.numbers(step, values)

    def read(self) -> list[dict[str, int | float]]:
        """All lines so far."""
        return read(self.path) if self.path.exists() else []


def training_seconds(rows: list[dict[str, int | float]]) -> float | None:
    """Seconds that the steps of a run took, decoding included and evaluations not.

    None: it does not say, as none was written before steps were timed.
    """
    taken = [row["seconds"] for row in rows if "seconds" in row]
    return float(sum(taken)) if taken else None


def read(path: Path) -> list[dict[str, int | float]]:
    """The rows of a `metrics.jsonl`; a last line cut off by a crash is left out.

    Raises:
        FileError: if it can't be read.
    """
    rows = []
    for line in files.read_text(path).splitlines():
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            break
        if not isinstance(row, dict) or not all(_is_number(value) for value in row.values()):
            break
        if "step" not in row:
            break
        rows.append(row)
    return rows


def _is_number(value):
    return isinstance(value, int | float)
