"""Folders as HMDB51 and Kinetics come: their names and lists tell label, group and split."""

from pathlib import Path

from flaxvid import files
from flaxvid.data import manifest, ucf101

HMDB51_SPLITS = {"1": "train", "2": "test"}  # 0: in neither
KINETICS_SPLITS = {"train": "train", "val": "validation", "validate": "validation", "test": "test"}


def hmdb51(root: Path, lists: Path, number: int) -> manifest.Manifest:
    """HMDB51 with one of its three splits of 70 training and 30 test clips a class.

    The group is the film a clip was cut from, which its name begins with. A film that the
    official split has on both sides is split up into its clips, so that the split stands.

    Args:
        root: the folder of the class folders.
        lists: the folder of `<class>_test_split<number>.txt`.
        number: of the split, 1 to 3.

    Raises:
        ManifestError: without a class's list, or for a listed clip that is missing.

    Source: Kuehne et al., "HMDB: A Large Video Database for Human Motion Recognition" (2011).
    """
    rows = []
    for folder in sorted(entry for entry in Path(root).iterdir() if entry.is_dir()):
        file = Path(lists, f"{folder.name}_test_split{number}.txt")
        if not file.exists():
            raise manifest.ManifestError(f"{file}: is missing; --lists names the folder of lists")
        for line in files.read_text(file).splitlines():
            name, _, code = line.strip().rpartition(" ")
            if code not in HMDB51_SPLITS:
                continue
            video = folder / name.strip()
            if not video.exists():
                raise manifest.ManifestError(f"{video}: is in {file.name}, and not there; add it")
            group = hmdb51_film(video.stem, folder.name)
            path = video.relative_to(root).as_posix()
            rows.append(manifest.Row(path, folder.name, group, HMDB51_SPLITS[code]))
    return manifest.of_rows(root, _split_up(rows))


def hmdb51_film(stem: str, label: str) -> str:
    """The film of a clip: `April_09` of `April_09_brush_hair_u_nm_np1_ba_goo_0`."""
    return stem.partition(f"_{label}_")[0]


def _split_up(rows):
    splits = {}
    for row in rows:
        splits.setdefault(row.group, set()).add(row.split)
    return [
        row
        if len(splits[row.group]) == 1
        else manifest.Row(row.path, row.label, row.path, row.split)
        for row in rows
    ]


def kinetics(root: Path, tables: list[Path]) -> tuple[manifest.Manifest, int]:
    """Kinetics: clips named `<youtube_id>_<start>_<end>.mp4`, with its annotation CSVs.

    The group is the YouTube video. Videos vanish from YouTube, so clips that are missing are
    counted, not refused.

    Args:
        root: the folder of the clips, in any folders below it.
        tables: CSVs with the columns `label,youtube_id,time_start,time_end,split`.

    Returns:
        The manifest, and how many annotated clips are not there.

    Raises:
        ManifestError: for a CSV of another kind, or if no clip is there.

    Source: Kay et al., "The Kinetics Human Action Video Dataset" (2017).
    """
    videos, rows, missing = ucf101.find_videos(root), [], 0
    for file in tables:
        for number, line in enumerate(files.read_csv(file)[1], start=2):
            try:
                start, end = (int(float(line[key])) for key in ("time_start", "time_end"))
                stem, split = f"{line['youtube_id']}_{start:06d}_{end:06d}", line["split"]
                row = (line["label"], line["youtube_id"], KINETICS_SPLITS[split])
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise manifest.ManifestError(
                    f"{file}, row {number}: {error} is wrong or missing; the columns are "
                    f"label,youtube_id,time_start,time_end,split, the splits "
                    f"{', '.join(KINETICS_SPLITS)}"
                ) from None
            if stem in videos:
                rows.append(manifest.Row(videos[stem], *row))
            else:
                missing += 1
    if not rows:
        raise manifest.ManifestError(f"{root}: none of the {missing} annotated clips is there")
    return manifest.of_rows(root, rows), missing
