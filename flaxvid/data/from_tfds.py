"""Data sets that TFDS itself downloads and prepares, `--data tfds:ucf101/ucf101_1`.

Its video builders need TensorFlow and the program ffmpeg. `prepare packed` needs neither, and what
it writes trains at the same speed: this is for those who have the TFDS version already.
"""

import importlib.util
import shutil
from pathlib import Path

from flaxvid import errors
from flaxvid.data import manifest, manifest_file, packed


def open_tfds(name: str) -> manifest.Manifest:
    """The manifest of a TFDS data set with the features `video` and `label`.

    TFDS downloads and prepares it first if it is not there. The labels are read once, and kept in
    a manifest beside the data. TFDS states no groups: only its official splits are to be trusted.

    Args:
        name: as TFDS names it, `ucf101/ucf101_1`.

    Raises:
        UserError: without TensorFlow or ffmpeg, or for a set that is not one of labelled videos.
    """
    remedy = "or pack the videos without it: python -m flaxvid.prepare packed --help"
    if importlib.util.find_spec("tensorflow") is None:
        raise errors.UserError(
            f"--data tfds:{name}: its builder needs TensorFlow: pip install 'flaxvid[tf]', {remedy}"
        )
    if shutil.which("ffmpeg") is None:
        raise errors.UserError(
            f"--data tfds:{name}: TFDS decodes with the program ffmpeg: install it, {remedy}"
        )
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, file_format="array_record")
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise errors.UserError(f"--data tfds:{name}: {error}".splitlines()[0]) from None
    builder.download_and_prepare()
    features, folder = builder.info.features, Path(builder.data_dir)
    if not {"video", "label"} <= set(features):
        raise errors.UserError(
            f"--data tfds:{name}: has {', '.join(features)}, but video and label are wanted"
        )
    if not (folder / "manifest.csv").exists():
        rows = []
        for split in [name for name in manifest.SPLITS if name in builder.info.splits]:
            source = packed.records(folder, split)
            for number in range(len(source)):
                label = features["label"].int2str(source[number]["label"])
                address = f"{split}#{number}"
                rows.append(manifest.Row(address, label, address, split))
        manifest_file.write(manifest.of_rows(folder, rows), folder / "manifest.csv")
    return manifest_file.read(folder / "manifest.csv")
