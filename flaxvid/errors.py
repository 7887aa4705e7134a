"""Errors that are not the code's fault, reported in one line with the remedy.

Every error a user can cause is a `UserError` whose message names the file or option, the value
and the remedy. Commands run inside `one_line_errors`, so that people see that line and exit
code 2, and never a traceback.
"""

import contextlib
import errno
import itertools
import os
import shlex
import stat
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

# Errors of a disk or a file system, never of the code.
REFUSALS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE, errno.EMFILE, errno.ENFILE),
}


class UserError(ValueError):
    """A mistake in what was asked or given; the message names the thing and the remedy."""


class NotLocalError(RuntimeError):
    """A use that paths in an object store don't support. Not a ValueError: `os.path.exists` takes
    those for a missing file."""


class VideoError(UserError):
    """A video that can't be read as requested; `path` says which."""

    def __init__(self, path: str | os.PathLike[str], problem: str):
        name = printable(path)
        # Both go into `args`, so that the error can be pickled from one process to another.
        super().__init__(name, problem)
        self.path = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@contextlib.contextmanager
def or_skipped(bad_videos: str):
    """Inside, a video that can't be read ends a command that has the option `--bad-videos`.

    Args:
        bad_videos: its value; unless it is "skip", the message names the option.

    Raises:
        VideoError: with the remedy.
    """
    try:
        yield
    except VideoError as error:
        if bad_videos == "skip":
            raise
        remedy = "or leave out such videos with --bad-videos skip"
        raise VideoError(error.path, f"{error.problem}; {remedy}") from None


class FileError(UserError):
    """A file or folder that can't be read or written; the message names it."""


@contextlib.contextmanager
def damage_in(path: str | os.PathLike[str], remedy: str, kind: type[UserError] = UserError):
    """Inside, the content of a file is parsed; whatever is not as expected is reported as damage.

    Raises:
        UserError: or another `kind`, naming the file and the remedy.
    """
    try:
        yield
    except UserError as error:
        told = printable(" ".join(str(error).split()))
        raise kind(told if str(path) in told else f"{path}: {told}; {remedy}") from None
    except KeyError as error:
        raise kind(f"{path}: has no {error}; {remedy}") from None
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError) as error:
        raise kind(f"{path}: is damaged ({_short(error)}); {remedy}") from None
    except (RecursionError, MemoryError) as error:
        raise kind(f"{path}: is damaged ({type(error).__name__}); {remedy}") from None


def _short(error):
    text = printable(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."


@contextlib.contextmanager
def naming(
    path: Path | str,
    done: str = "written",
    remedy: str = "make room, permit it, or choose another place",
) -> Iterator[None]:
    """Inside, an error of the operating system becomes one line that names `path`.

    Raises:
        FileError: `path: can't be written (No space left on device); make room, ...`
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, UserError):
            raise
        reason = error.strerror or str(error)
        raise FileError(f"{path}: can't be {done} ({reason}); {remedy}") from None


def kind(mode: int) -> str:
    """What a mode of `os.stat` stands for, in words."""
    names = {
        stat.S_IFDIR: "a folder",
        stat.S_IFREG: "a file",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return names.get(stat.S_IFMT(mode), "a device")


def some(names: Collection[str]) -> str:
    """Three of the names at most, as a sentence has them, as a terminal can show them."""
    shown = [printable(name) for name in itertools.islice(names, 3)]
    if len(names) > 3:
        return f"{', '.join(shown)} and {len(names) - 3} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def printable(text: str | os.PathLike[str]) -> str:
    r"""A text or path that is safe to print.

    Control characters become `\x1b`, and bytes of a name that are not UTF-8 `\xe9`.
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in str(text))


def argument(path: str | os.PathLike[str]) -> str:
    """A path quoted for a shell, in a command to be copied: `'my videos/a.mp4'`."""
    return shlex.quote(printable(path))


def _escaped(character):
    byte = ord(character) - 0xDC00  # how Python keeps a byte that is no UTF-8
    if 0x80 <= byte <= 0xFF:
        return f"\\x{byte:02x}"
    return character.encode("unicode_escape").decode()


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns a `UserError` raised inside into `error: ...` on stderr and exit code 2.

    An error of the operating system that nothing else has reported, such as a full disk, is one
    line too. Ctrl-C ends with exit code 130, as shells expect, and a closed pipe, as `| head`
    leaves it after ten lines, with 141.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except (UserError, NotLocalError) as error:
        message = printable(" ".join(str(error).split()))
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        if _somebody_reads():  # then another pipe broke, which is an error
            raise
        # Python flushes once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        gone = error.errno == errno.ENOENT and error.filename is None and not _is_somewhere()
        if not gone and error.errno not in REFUSALS:
            raise
        what = "the folder that this command runs in" if gone else error.filename
        named = printable(str(what)) + ": " if what else ""
        reason = "no longer exists; change to another" if gone else f"{error.strerror}; see to it"
        print(f"error: {named}{reason}", file=sys.stderr)
        sys.exit(2)


def _is_somewhere():
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _somebody_reads():
    """Whether standard output still has a reader."""
    try:
        print(flush=True)  # flushing alone tells nothing: what broke the pipe has left the buffer
    except BrokenPipeError:
        return False
    return True
