"""What tells of damage that decoding does not stop at.

FFmpeg mends what it can: it conceals a macroblock, or looks for the next sound place of a file, and
gives pixels that are not those that were recorded. It says so in its log alone. What it does not
even say there, is looked for here.
"""

import contextlib
import logging
from collections.abc import Iterator

import av

from flaxvid import stores
from flaxvid.video import container

FLV_TAGS = {8, 9, 18}  # sound, pictures, data


@contextlib.contextmanager
def heard() -> Iterator[list[str]]:
    """The errors that FFmpeg logs in this thread, a line each, filled on the way out."""
    log = logging.getLogger("libav")
    if not log.handlers:  # what other threads log goes nowhere, as it does without this
        log.addHandler(logging.NullHandler())
        log.propagate = False
    # For good: another thread may be listening when this one is done.
    av.logging.set_skip_repeated(False)
    av.logging.set_level(av.logging.ERROR)
    said = []
    with av.logging.Capture(local=True) as captured:
        yield said
    for _, speaker, message in captured:
        said.append(f"{' '.join(message.split())} ({speaker})")


def unread(path: container.PathLike, form: str) -> str:
    """Where an FLV or GIF file stops to be one, in words; "" if it does not, or is another kind.

    FFmpeg takes the first byte that it can't make sense of for the end of these.
    """
    walk = {"flv": _flv_end, "gif": _gif_end}.get(form)
    if walk is None:
        return ""
    place = stores.path(path)
    size = place.stat().st_size
    with place.open("rb") as file:
        place = walk(file, size)
    if place < size:
        kind = form.upper()
        return f"from byte {place} of {size} on it is no {kind} any more: damaged, or two in one"
    return "" if place == size else f"it is cut short, by {place - size} bytes or more"


def _flv_end(file, size):
    """Where the tags end: a kind, a size and 7 bytes more, what they hold, the size again."""
    file.seek(5)
    place = int.from_bytes(file.read(4), "big") + 4
    while place < size:
        file.seek(place)
        kind, *length = file.read(4)
        if kind & 0x1F not in FLV_TAGS:
            return place
        place += 11 + int.from_bytes(length, "big") + 4
    return place


def _gif_end(file, size):
    """Where the blocks end: extensions and images, each a head and pieces of up to 255 bytes."""
    head = file.read(13)
    place = 13 + _palette(head[10])
    while place < size:
        file.seek(place)
        block = file.read(10)
        if block[0] == 0x3B:
            return size  # some programs write on behind the last block
        if block[0] == 0x21:
            place += 2
        elif block[0] == 0x2C and len(block) == 10:
            place += 10 + _palette(block[9]) + 1
        else:
            return place
        file.seek(place)
        while piece := file.read(1):
            place += 1 + piece[0]
            if not piece[0]:
                break
            file.seek(place)
    return size + 1  # it has no last block


def _palette(flags):
    """Bytes of a colour table: three bits say the size if a fourth says that it is there."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
