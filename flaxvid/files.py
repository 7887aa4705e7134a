"""Texts, JSON and CSV: read whole and checked, written whole or not at all (`atomic`).

No pipe and no device is read. Errors of the operating system and damaged content become a
`UserError` of one line that names the file.
"""

import contextlib
import csv
import io
import json
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flaxvid import atomic, errors, stores

LARGEST = 2**28  # bytes of a text: the manifest of a million videos has half of that


# ------------------------------------------------------------------ writing
def write_bytes(path: Path | str, data: bytes) -> None:
    """Writes a file, replacing one of that name.

    Raises:
        FileError: if it can't be written.
    """
    with atomic.whole(path) as partial, partial.open("xb") as file:
        file.write(data)


def write_text(path: Path | str, text: str) -> None:
    """Writes text as UTF-8, without changing its newlines.

    Raises:
        FileError: if it can't be written.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path | str, value: Any) -> None:
    """Writes plain values as readable JSON.

    Raises:
        FileError: if it can't be written.
    """
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_csv(path: Path | str, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Writes rows under a header.

    Raises:
        FileError: if it can't be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def spreadsheet_cell(value: Any) -> Any:
    """The value, with a ' before a text that a spreadsheet would run: =HYPERLINK(...)."""
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value


def save_figure(path: Path | str, figure) -> None:
    """Writes a Matplotlib figure as a PNG.

    Raises:
        FileError: if it can't be written.
    """
    write_bytes(path, png(figure, 120))


def png(figure, dpi: int) -> bytes:
    """A Matplotlib figure as the bytes of a PNG."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    return drawn.getvalue()


def append(path: Path | str, text: str) -> None:
    """Adds to the end of a file; a kill or a full disk can leave a part of `text`.

    Raises:
        FileError: if it can't be written.
    """
    if stores.is_store(path):  # which appends nothing
        place = stores.path(path)
        before = place.read_bytes() if place.exists() else b""
        place.write_bytes(before + text.encode())
        return
    with errors.naming(path), Path(path).open("a", encoding="utf-8") as file:
        file.write(text)


# ------------------------------------------------------------------ reading
def read_text(path: Path | str, *, largest: int = LARGEST) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        FileError: if it is missing, not a file (a device or a pipe would be read for ever), larger
            than `largest` bytes, or not text.
    """
    with errors.naming(path, "read", "check the path"):
        _refuse_unreadable(path, largest)
        data = stores.path(path).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise errors.FileError(
            f"{path}: is not text in UTF-8 ({error.reason} at {error.start}); save it as UTF-8"
        ) from None


def _refuse_unreadable(path, largest):
    about = stores.path(path).stat()
    if not stat.S_ISREG(about.st_mode):
        raise errors.FileError(
            f"{path}: is {errors.kind(about.st_mode)}, and no file that could be read"
        )
    if about.st_size > largest:
        raise errors.FileError(
            f"{path}: has {about.st_size:,} bytes, too many for a file of this kind"
        )


def read_json(path: Path | str, *, largest: int = LARGEST) -> Any:
    """The values in a JSON file.

    Raises:
        FileError: if it can't be read, or is not JSON.
    """
    try:
        return json.loads(read_text(path, largest=largest))
    except (ValueError, RecursionError) as error:
        if isinstance(error, errors.FileError):
            raise
        reason = "too deep" if isinstance(error, RecursionError) else error
        raise errors.FileError(f"{path}: is damaged, no JSON ({reason}); make it again") from None


def read_csv(path: Path | str, *, largest: int = LARGEST) -> tuple[list[str], list[dict[str, Any]]]:
    """The header of a CSV file, and its rows as dictionaries.

    Raises:
        FileError: if it can't be read, or is not CSV.
    """
    with open_csv(path, largest=largest) as reader:
        return list(reader.fieldnames or ()), list(reader)


@contextlib.contextmanager
def open_csv(path: Path | str, *, largest: int = LARGEST) -> Iterator[csv.DictReader]:
    """Yields the rows of a CSV file one by one, so that a large file is never in memory.

    Raises:
        FileError: if it can't be read, or is not CSV, also while rows are read.
    """
    with errors.naming(path, "read", "check the path"):
        _refuse_unreadable(path, largest)
        with stores.path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            try:
                yield reader
            except csv.Error as error:
                raise errors.FileError(
                    f"{path}, after line {reader.line_num}: is not CSV ({error})"
                ) from None
            except UnicodeDecodeError as error:
                raise errors.FileError(
                    f"{path}: is not text in UTF-8, for a byte {error.object[error.start]:#04x} in "
                    "it; save it as UTF-8"
                ) from None
