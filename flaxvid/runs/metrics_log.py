"""A run's `metrics.jsonl`: what was measured, line by line."""

import json
from pathlib import Path

from flaxvid import files, stores
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
        self.path, self._writes, self._tracked = stores.path(path), writes, tracked
        self._text = ""
        self.rewind(-1 if resume_step is None else resume_step)

    def rewind(self, step: int) -> None:
        """Takes out what was written after `step`."""
        if self._writes:
            rows = read(self.path) if self.path.exists() else []
            kept = [row for row in rows if row["step"] <= step]
            self._text = "".join(json.dumps(row) + "\n" for row in kept)
            files.write_text(self.path, self._text)

    def write(self, step: int, **values: int | float) -> None:
        """Adds one line; it is on disk when this returns, or in a store after `flush`."""
        if not self._writes:
            return
        line = json.dumps({"step": step, **values}) + "\n"
        if stores.is_store(self.path):
            self._text += line
        else:
            files.append(self.path, line)
        if self._tracked is not None:
            self._tracked.numbers(step, values)

    def flush(self) -> None:
        """Puts the log into a store, where each line would write all of it anew.

        It goes there with every checkpoint: a run that goes on from one drops later lines anyway.
        """
        if self._writes and stores.is_store(self.path):
            files.write_text(self.path, self._text)

    def read(self) -> list[dict[str, int | float]]:
        """All lines so far."""
        if self._writes and stores.is_store(self.path):
            return [json.loads(line) for line in self._text.splitlines()]
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
