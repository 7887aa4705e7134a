"""The one way in which flaxvid writes a file: whole, or not at all.

Everything is written under a temporary name beside its place, brought to the disk, and renamed. A
full disk, a folder without permission or a kill at any moment leaves the file of before, or none,
and never half a file for the next command to take for a whole one. What the system refuses becomes
a `UserError` of one line that names the file.
"""

import contextlib
import csv
import errno
import io
import json
import os
import re
import shutil
import stat
import tempfile
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flaxvid import errors, store_copies, stores

TEMPORARY = re.compile(r"\..*\.[0-9a-f]{8}\.[0-9]+\.partial(\.[^.]*)?", re.DOTALL)  # of `whole`
LARGEST = 2**28  # bytes of a text: the manifest of a million videos has half of that


class FileError(errors.UserError):
    """A file or folder that can't be read or written; the message names it."""


# ------------------------------------------------------------------ writing
@contextlib.contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """A temporary name with the ending of `path`, for what writes by name; then it is `path`.

    If the block raises, nothing is left of it and `path` is as it was. A link is followed: the
    file that it leads to is replaced, and the link stays.

    Raises:
        FileError: if it can't be written, or something stands there that is no file.
    """
    if stores.is_store(path):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, Path(path).name)
            yield made
            stores.path(path).write_bytes(made.read_bytes())
        return
    place = Path(os.path.realpath(path))
    with or_say_why(path):
        _refuse_protected(place)
        partial = place.with_name(_temporary(place.name))
        # A kill left it under this number: in a container, every process may have the same.
        partial.unlink(missing_ok=True)
        try:
            yield partial
            if place.exists():
                shutil.copymode(place, partial)
            _to_disk(partial)
            os.replace(partial, place)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        _to_disk(place.parent)


def remove_partial(folder: Path | str) -> None:
    """Removes what kills have left, in a folder, of files that `whole` was writing there.

    For who alone writes in it, as the name of such a file tells no living process from a dead one.
    """
    with contextlib.suppress(OSError):
        for name in filter(TEMPORARY.fullmatch, os.listdir(folder)):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


def write_bytes(path: Path | str, data: bytes) -> None:
    """Writes a file, over one of that name if there is.

    Raises:
        FileError: if it can't be written.
    """
    with whole(path) as partial, partial.open("xb") as file:
        file.write(data)


def write_text(path: Path | str, text: str) -> None:
    """Writes a text in UTF-8, its newlines as they are.

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
    """The value, and a text with a ' before it that a spreadsheet would run: =HYPERLINK(...)."""
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
    with or_say_why(path), Path(path).open("a", encoding="utf-8") as file:
        file.write(text)


# ------------------------------------------------------------------ folders
def make_folder(folder: Path | str) -> None:
    """Makes a folder and those above it, if they are not there.

    Raises:
        FileError: if it can't be made.
    """
    if stores.is_store(folder):  # which has none
        return
    with or_say_why(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)


def refuse_occupied(folder: Path | str, made: str) -> None:
    """Refuses a folder with something in it that we have not made there.

    Args:
        folder: where something is to be written; it may be missing.
        made: what we make, for the message.

    Raises:
        FileError: naming one of the things in it.
    """
    with or_say_why(folder, "read"):
        if stores.is_store(folder):
            found = sorted(entry.name for entry in stores.path(folder).iterdir())
        else:
            found = sorted(os.listdir(folder)) if os.path.lexists(folder) else []
    # What a kill left of a first file is nobody's.
    found = [name for name in found if not TEMPORARY.fullmatch(name)]
    if found:
        raise FileError(
            f"{folder}: holds {found[0]!r}, and was not {made}; choose a new folder, so that "
            "nothing is written over"
        )


def refuse_strangers(folder: Path | str, ours: str, names: Sequence[str]) -> None:
    """Refuses to write over files of these names that stand in a folder without our `ours`.

    Raises:
        FileError: naming the first of them.
    """
    folder = stores.path(folder)
    if (folder / ours).exists():
        return
    there = os.path.lexists if not stores.is_store(folder) else stores.StorePath.exists
    for name in names:
        if there(folder / name):
            raise FileError(
                f"{folder / name}: is there already, and flaxvid did not make it; move it "
                "away, or choose another --out"
            )


def why_unwritable(path: Path | str) -> str:
    """Why nothing can be made under a name, as far as can be told without doing it; or nothing."""
    if stores.is_store(path):
        return stores.refusal(path, write=True)
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            return f"can't be written ({error.strerror}); choose another place"
    folder = Path(path).absolute()
    while not os.path.isdir(folder):
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"can't be written (no permission in {folder}); choose another place"
    return ""


def refuse_unwritable(folder: Path | str, option: str) -> None:
    """Refuses a folder in which nothing can be made, before the work that is to be kept there.

    Raises:
        FileError: naming the option that gives another.
    """
    if why := why_unwritable(folder):
        raise FileError(f"{folder}: {why} with {option}")


@contextlib.contextmanager
def whole_folder(folder: Path | str, partials: Path | None = None) -> Iterator[Path]:
    """A new folder under a temporary name; when the block ends it is `folder`.

    What a kill left under that name is removed by the next that makes the folder. The files inside
    are not forced to the disk one by one: after a power cut, unlike after a kill, some may be
    empty.

    Args:
        folder: to make.
        partials: a folder in which it has a name that nobody else has, where others may be making
            the same one; None: it is made beside `folder`.

    Raises:
        FileError: if it can't be made, or `folder` is there and not empty.
    """
    if stores.is_store(folder):
        with tempfile.TemporaryDirectory() as partial:
            yield Path(partial)
            store_copies.put(Path(partial), stores.path(folder))
        return
    folder = Path(folder)
    partial = partial_name(folder, partials)
    with or_say_why(folder):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            os.replace(partial, folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def partial_name(path: Path, partials: Path | None = None) -> Path:
    """Where something is made that gets its name `path` when it is whole.

    Args:
        path: the name.
        partials: a folder in which it has a name that nobody else has; None: beside `path`.
    """
    if partials is None:
        return path.with_name(f".{path.name}.partial")
    return partials / uuid.uuid4().hex / path.name


# ------------------------------------------------------------------ reading
def read_text(path: Path | str, *, largest: int = LARGEST) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        FileError: if it is missing, no file (a device or a pipe would be read for ever), larger
            than `largest` bytes, or no text.
    """
    with or_say_why(path, "read", "check the path"):
        _refuse_unreadable(path, largest)
        data = stores.path(path).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{path}: is no text in UTF-8 ({error.reason} at {error.start}); save it as UTF-8"
        ) from None


def _refuse_unreadable(path, largest):
    about = stores.path(path).stat()
    if not stat.S_ISREG(about.st_mode):
        raise FileError(f"{path}: is {kind(path)}, and no file that could be read")
    if about.st_size > largest:
        raise FileError(f"{path}: has {about.st_size:,} bytes, too many for a file of this kind")


def read_json(path: Path | str, *, largest: int = LARGEST) -> Any:
    """The values in a JSON file.

    Raises:
        FileError: if it can't be read, or is no JSON.
    """
    try:
        return json.loads(read_text(path, largest=largest))
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        reason = "too deep" if isinstance(error, RecursionError) else error
        raise FileError(f"{path}: is damaged, no JSON ({reason}); make it again") from None


def read_csv(path: Path | str, *, largest: int = LARGEST) -> tuple[list[str], list[dict[str, Any]]]:
    """The header of a CSV file, and its rows by it.

    Raises:
        FileError: if it can't be read, or is no CSV.
    """
    with open_csv(path, largest=largest) as reader:
        return list(reader.fieldnames or ()), list(reader)


@contextlib.contextmanager
def open_csv(path: Path | str, *, largest: int = LARGEST) -> Iterator[csv.DictReader]:
    """Inside, the rows of a CSV file come one by one, so that a large one is never in memory.

    Raises:
        FileError: if it can't be read, or is no CSV; from inside too.
    """
    with or_say_why(path, "read", "check the path"):
        _refuse_unreadable(path, largest)
        with stores.path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            try:
                yield reader
            except csv.Error as error:
                raise FileError(
                    f"{path}, after line {reader.line_num}: is no CSV ({error})"
                ) from None
            except UnicodeDecodeError as error:
                raise FileError(
                    f"{path}, after line {reader.line_num}: is no text in UTF-8 ({error.reason})"
                ) from None


def kind(path: Path | str) -> str:
    """What stands under a name, in words."""
    mode = stores.path(path).stat().st_mode
    names = {
        stat.S_IFDIR: "a folder",
        stat.S_IFREG: "a file",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return names.get(stat.S_IFMT(mode), "a device")


# ------------------------------------------------------------------ inside
@contextlib.contextmanager
def or_say_why(
    path: Path | str,
    done: str = "written",
    remedy: str = "make room, permit it, or choose another place",
) -> Iterator[None]:
    """Inside, what the system refuses is said of `path`, in one line.

    Raises:
        FileError: `path: can't be written (No space left on device); make room, ...`
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, errors.UserError):
            raise
        reason = error.strerror or str(error)
        raise FileError(f"{path}: can't be {done} ({reason}); {remedy}") from None


def _refuse_protected(place):
    """What a rename would replace without asking: devices, folders, files that may not change."""
    if not os.path.lexists(place):
        return
    if not place.is_file():
        raise FileError(f"{place}: is {kind(place)}; choose another name")
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _temporary(name):
    """Hidden, short enough whatever the name, one for each file and process."""
    stem, ending = os.path.splitext(name)
    mark = f"{zlib.crc32(os.fsencode(name)):08x}.{os.getpid()}"
    return f".{stem[:20]}.{mark}.partial{ending if len(ending) < 10 else ''}"


def _to_disk(path):
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # folders, on Windows
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
    finally:
        os.close(handle)
