"""What is wrong with the videos of a manifest: every file opened, hashed and read to its end.

A finding is one of:
    unreadable   no frame can be decoded
    short        reading ends long before the header says, before a row's end, or gives fewer
                 frames than a clip takes
    damaged      some packets can't be decoded, and reading goes on behind them; or what FFmpeg
                 conceals, and only writes into its log
    mislabelled  the content is another container than the extension says
    duplicate    the same bytes under another name, or a row that is there twice
    leaking      a group, or the same content, stands in two splits
    noted        nothing is wrong: what to know of the pixels (interlaced, HDR, more than 8 bits)
"""

import collections
import dataclasses
import functools
import hashlib

import numpy as np

from flaxvid import errors, progress, stores
from flaxvid.data import manifest, packed, workers
from flaxvid.video import decode, endings, examine, frame_folder, header

# What content looks like that FFmpeg can't open -> FFmpeg's name of the container.
FFMPEG_NAMES = {"mp4": "mov", "wmv": "asf"}
LOST = 0.1  # of the seconds that a header claims: fewer are an encoder's rounding


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing wrong with one video."""

    path: str
    problem: str
    detail: str


def check(
    videos: manifest.Manifest,
    *,
    num_frames: int = 1,
    threads: int = 2,
    each: workers.Each | None = None,
) -> list[Finding]:
    """Opens every video of a manifest and says what is wrong, in the manifest's order.

    Args:
        videos: the manifest; leaking ones too.
        num_frames: frames that a clip takes, at least 1.
        threads: that read.
        each: where they are read; None: in so many threads.
    """
    each = each or workers.Threads(threads)
    parts = collections.defaultdict(list)
    for row in videos.rows:
        parts[row.path].append(row)

    items = [
        (str(stores.joined(videos.root, path)), path, max(row.end or row.start for row in rows))
        for path, rows in parts.items()
    ]
    found = each(functools.partial(_check_file, num_frames=num_frames), items)
    found = list(progress.track(found, len(items), "checking", "video"))
    findings = [Finding(*finding) for _, several in found for finding in several]
    digests = {path: digest for path, (digest, _) in zip(parts, found, strict=True)}
    return findings + _repeated(parts) + _duplicates(digests, parts) + _leaks(videos)


def _check_file(item, num_frames):
    """A file's digest, and what is wrong with it as the fields of findings."""
    place, name, end = item
    try:
        path = stores.path(place)
        findings = _findings(path, name, end, num_frames)
        return _digest(path), [dataclasses.astuple(finding) for finding in findings]
    except OSError as error:
        return "", [(name, "unreadable", str(error))]


def _findings(path, name, end, num_frames):
    try:
        found = _read_through(path)
    except decode.VideoError as error:
        unreadable = Finding(name, "unreadable", error.problem)
        return [*_mislabelled(path, name, _by_content(path)), unreadable]
    problems = _mislabelled(path, name, found.info.container)
    count, short = len(found.seconds), _ends_early(found)
    if short:
        problems.append(Finding(name, "short", short))
    elif found.bad_packets:
        some = "1 packet is" if found.bad_packets == 1 else f"{found.bad_packets} packets are"
        problems.append(
            Finding(name, "damaged", f"{some} damaged or incomplete, {count} frames can be read")
        )
    elif found.complaint:
        problems.append(Finding(name, "damaged", found.complaint))
    if not short and count < num_frames:
        problems.append(Finding(name, "short", f"has {count} frames, a clip takes {num_frames}"))
    if found.info.fps and end > found.end + 0.5:
        detail = f"lasts {found.end:.2f} s, a row ends at {end:g} s"
        problems.append(Finding(name, "short", detail))
    return problems + [Finding(name, "noted", note) for note in found.info.notes]


def _ends_early(found):
    """What is said of a file whose header claims more seconds than there are, or None."""
    info = found.info
    if not info.container:  # a folder: as many images as there are names
        claimed = info.frame_count
        if len(found.seconds) < (1 - LOST) * claimed:
            return f"there are {claimed} images, {len(found.seconds)} can be read"
        return None
    # Some containers count from 0, and some from their first frame.
    if max(found.end, info.start + found.end) >= (1 - LOST) * info.seconds:
        return None
    return (
        f"the header says {info.seconds:.2f} s, reading ends at {found.end:.2f} s, after "
        f"{len(found.seconds)} frames"
    )


def _read_through(path):
    """What reading all frames has shown; of a packed record, its number of frames."""
    if not packed.is_address(path):
        return examine.examine(path)
    frames = packed.read_clip(path, range)
    height, width = frames.shape[1:3]
    info = header.VideoInfo(str(path), width, height, 0.0, len(frames), 0.0)
    return examine.Examined(info, np.arange(len(frames), dtype=float), float(len(frames)), 0)


def _by_content(path):
    """FFmpeg's name of the container that the first bytes of a file look like, or None."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        found = container(file.read(16))
    return FFMPEG_NAMES.get(found, found)


def container(head: bytes) -> str | None:
    """The container that a file is, from its first 16 bytes; None for one not known here."""
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mp4"
    starts = {
        b"GIF8": "gif",
        b"OggS": "ogg",
        b"\x1a\x45\xdf\xa3": "matroska",
        b"\x00\x00\x01\xba": "mpeg",
        b"\x00\x00\x01\xb3": "mpeg",
        b"\x30\x26\xb2\x75": "wmv",
        b"FLV\x01": "flv",
    }
    return starts.get(head[:4])


def _mislabelled(path, name, really):
    """A finding if a file has the ending of another container than it is; else none."""
    suffix = path.suffix.lower()
    picture = bool(really) and really.endswith("_pipe")
    expected = endings.expected(really) if really else ()
    if suffix not in endings.VIDEO_SUFFIXES or suffix in expected or not (expected or picture):
        return []
    kind = f"a picture ({really.removesuffix('_pipe')})" if picture else really
    return [Finding(name, "mislabelled", f"its content is {kind}, rename it or convert it")]


def _digest(path):
    """SHA-256 of a file, of a folder's images one after the other, or "" for anything else."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if not path.is_dir():
        return ""
    digest = hashlib.sha256()
    for image in frame_folder.images(path):
        digest.update((path / image).read_bytes())
    return digest.hexdigest()


def _repeated(parts):
    return [
        Finding(path, "duplicate", f"{count} rows are the same part of it")
        for path, rows in parts.items()
        if (count := max(collections.Counter((row.start, row.end) for row in rows).values())) > 1
    ]


def _duplicates(digests, parts):
    findings, first = [], {}
    for path, digest in digests.items():
        original = first.setdefault(digest, path) if digest else path
        if original == path:
            continue
        labels = {tuple(sorted({row.label for row in parts[name]})) for name in (path, original)}
        other = ", under another label" * (len(labels) > 1)
        findings.append(Finding(path, "duplicate", f"the same bytes as {original}{other}"))
        splits = {row.split for row in parts[path] + parts[original]}
        if len(splits) > 1:
            detail = f"the same bytes as {original}, in {' and '.join(sorted(splits))}"
            findings.append(Finding(path, "leaking", detail))
    return findings


def _leaks(videos):
    splits, members = collections.defaultdict(set), {}
    for row in videos.rows:
        splits[row.group].add(row.split)
        members.setdefault(row.group, row.path)
    return [
        Finding(members[group], "leaking", f"group {group} is in {' and '.join(sorted(found))}")
        for group, found in splits.items()
        if len(found) > 1
    ]


def wrong(findings: list[Finding]) -> list[Finding]:
    """The findings without those that are only noted."""
    return [finding for finding in findings if finding.problem != "noted"]


def table(findings: list[Finding], total: int) -> str:
    """The findings, one a line under the number of each kind."""
    if not findings:
        return f"{total} videos, nothing found"
    counts = collections.Counter(finding.problem for finding in findings)
    bad = len({finding.path for finding in wrong(findings)})
    lines = [
        f"{total} videos, {bad} with findings: " + ", ".join(f"{n} {p}" for p, n in counts.items())
    ]
    shown = [tuple(map(errors.printable, (f.problem, f.path, f.detail))) for f in findings]
    width = min(50, max(len(path) for _, path, _ in shown))
    lines += [f"{problem:<11}  {path:<{width}}  {detail}" for problem, path, detail in shown]
    return "\n".join(lines)


def to_json(findings: list[Finding], videos: manifest.Manifest) -> dict:
    """The same for programs."""
    return {
        "root": str(videos.root),
        "videos": len({row.path for row in videos.rows}),
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
