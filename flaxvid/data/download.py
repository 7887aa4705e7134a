"""Files from public addresses: resumed where they broke off, checked, whole or not there."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from flaxvid import errors, progress

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
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        _fetch(address, partial, seconds)
        _verify(partial, sha256, address)
        partial.rename(path)
    return _verify(path, sha256, address)


def _fetch(address, partial, seconds):
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "flaxvid"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            resumed = answer.status == 206
            have = have if resumed else 0  # a server that can't resume sends all of it again
            length = answer.headers.get("Content-Length")
            total = None if length is None else have + int(length)
            blocks = iter(lambda: answer.read(BLOCK), b"")
            with partial.open("ab" if resumed else "wb") as file:
                count = -(-(total or 0) // BLOCK)
                for block in progress.track(blocks, count, f"fetching {address}", "MB"):
                    have += file.write(block)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send
            return
        raise DownloadError(f"{address}: answers {error.code} {error.reason}; check it") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(f"{address}: {reason}; run it again, it goes on at {have}") from None
    if total is not None and have < total:
        raise DownloadError(f"{address}: broke off at {have} of {total} bytes; run it again")


def _verify(path, sha256, address):
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise DownloadError(
            f"{path}: has SHA-256 {found}, not {sha256}; remove it and fetch {address} again"
        )
    return found
