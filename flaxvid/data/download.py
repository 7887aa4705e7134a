"""Files from public addresses: resumed where they broke off, checked, whole or not there.

Not by a library: `pooch` fetches and checks as well, but begins again where a download broke off,
and UCF101 is one file of 6.5 GB. What is resumed is the same file, or all of it is sent again: the
server is asked by `If-Range`, with what it said of the file before.
"""

import contextlib
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from flaxvid import errors, files, folders, progress

ADDRESSES = {
    "ucf101-splits": (
        "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip"
    ),
    "ucf101": "https://www.crcv.ucf.edu/data/UCF101/UCF101.rar",
    "ucf101-top5": "https://git.io/JGc31",  # five classes with their CSVs, a .tar.gz
}
BLOCK = 1 << 20  # bytes


class DownloadError(errors.UserError):
    """A file that could not be fetched whole."""


def download(address: str, path: Path, *, sha256: str | None = None, seconds: float = 30.0) -> str:
    """Fetches a file, or the rest of one that was broken off, and returns its SHA-256.

    Args:
        address: http or https, or a name in `ADDRESSES`.
        path: where to; it appears when it is whole and checked. Until then it is `path.partial`.
        sha256: what its checksum must be; None only tells it.
        seconds: without an answer before giving up.

    Raises:
        DownloadError: for an address that gives nothing, a connection that breaks off (run it
            again: it goes on), or another checksum.
    """
    path, address = Path(path), ADDRESSES.get(address, address)
    if not address.startswith(("http://", "https://")):
        raise DownloadError(f"{address}: is neither http(s) nor one of {', '.join(ADDRESSES)}")
    if not path.exists():
        folders.make_folder(path.parent)
        partial = path.with_name(path.name + ".partial")
        _fetch(address, partial, seconds)
        _verify(partial, sha256, address)
        with errors.naming(path):
            partial.rename(path)
    with contextlib.suppress(OSError):
        _about(path.with_name(path.name + ".partial")).unlink()
    return _verify(path, sha256, address)


def _about(partial):
    """Beside what came so far: from where, and by what the server knows the file."""
    return partial.with_name(partial.name + ".json")


def _validator(partial, address):
    """What the server said of the file that the beginning is of; empty: that is not known."""
    try:
        said = files.read_json(_about(partial))
        return said["validator"] if said["address"] == address else ""
    except (errors.FileError, KeyError, TypeError):
        return ""


def _fetch(address, partial, seconds):
    validator = _validator(partial, address)
    have = partial.stat().st_size if partial.exists() and validator else 0
    request = urllib.request.Request(address, headers={"User-Agent": "flaxvid"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", validator)
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            resumed = answer.status == 206 and _starts_at(answer, have)
            if answer.status == 206 and not resumed:
                raise DownloadError(f"{address}: sends another part than asked for; run it again")
            have = have if resumed else 0  # another file by now, or a server that can't resume
            length = answer.headers.get("Content-Length")
            total = None if length is None else have + int(length)
            if not resumed:
                said = {"address": address, "validator": _strong(answer.headers)}
                files.write_json(_about(partial), said)
            blocks = iter(lambda: answer.read(BLOCK), b"")
            have = _append(partial, resumed, blocks, have, total, address)
    except urllib.error.HTTPError as error:
        if error.code == 416 and _total(error.headers) == have:  # nothing is left to send
            return
        if error.code == 416:
            partial.unlink()
            raise DownloadError(f"{address}: is another file by now; run it again") from None
        raise DownloadError(f"{address}: answers {error.code} {error.reason}; check it") from None
    except (ValueError, OSError, http.client.HTTPException) as error:
        if isinstance(error, errors.UserError):
            raise
        reason = getattr(error, "reason", error)
        raise DownloadError(f"{address}: {reason}; run it again, it goes on at {have}") from None
    if total is not None and have < total:
        raise DownloadError(f"{address}: broke off at {have} of {total} bytes; run it again")


def _append(partial, resumed, blocks, have, total, address):
    """Writes what comes, and says how much there is."""
    count = -(-(total or 0) // BLOCK)
    with errors.naming(partial), partial.open("ab" if resumed else "wb") as file:
        for block in progress.track(blocks, count, f"fetching {address}", "MB"):
            have += file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return have


def _strong(headers):
    """What `If-Range` may be asked with: a strong ETag, or else a date."""
    tag = headers.get("ETag") or ""
    return tag if tag.startswith('"') else headers.get("Last-Modified") or ""


def _starts_at(answer, have):
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range") or "")
    return found is not None and int(found[1]) == have


def _total(headers):
    found = re.search(r"/(\d+)$", headers.get("Content-Range") or "")
    return int(found[1]) if found else None


def _verify(path, sha256, address):
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise DownloadError(
            f"{path}: has SHA-256 {found}, not {sha256}; remove it and fetch {address} again"
        )
    return found
