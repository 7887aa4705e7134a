"""Wrong answers for the exercises of flaxvid.data.ucf101."""

import re
from pathlib import Path

from flaxvid.data import manifest, ucf101


# --- label_and_group --------------------------------------------------------------------
def _parts(path):
    found = ucf101.NAME.fullmatch(Path(path).stem)
    if found is None:
        raise manifest.ManifestError("not as v_Class_g01_c01.avi")
    return found


def label_and_group_of_all_classes(path):  # group 8 of every class is one group
    found = _parts(path)
    label = ucf101.SPELLINGS.get(found["label"], found["label"])
    return label, f"g{found['group']}"


def label_and_group_up_to_the_first_dot(path):  # which may be a folder's
    return ucf101.label_and_group(str(path).partition(".")[0])


def label_and_group_as_spelt(path):  # a class of its own for one class's files
    found = _parts(path)
    return found["label"], f"{found['label']}_g{found['group']}"


def label_and_group_of_the_clip(path):  # every clip its own group: the leak
    found = _parts(path)
    label = ucf101.SPELLINGS.get(found["label"], found["label"])
    return label, Path(path).stem


def label_and_group_of_any_letters(path):  # v_Biking_g08_c02_g01_c01 is no clip of UCF101
    found = re.fullmatch(r"v_(\w+)_g(\d\d)_c(\d\d)", Path(path).stem)
    if found is None:
        raise manifest.ManifestError("not as v_Class_g01_c01.avi")
    label = ucf101.SPELLINGS.get(found[1], found[1])
    return label, f"{label}_g{found[2]}"


def label_and_group_of_avi_alone(path):  # .mp4 is another name of the same clip
    if not str(path).endswith(".avi"):
        raise manifest.ManifestError("not as v_Class_g01_c01.avi")
    found = _parts(path)
    label = ucf101.SPELLINGS.get(found["label"], found["label"])
    return label, f"{label}_g{found['group']}"


def label_and_group_of_anything(path):  # holiday.avi gets a class
    parts = Path(path).stem.split("_")
    label = ucf101.SPELLINGS.get(parts[1 % len(parts)], parts[1 % len(parts)])
    return label, f"{label}_{parts[2 % len(parts)]}"


def label_and_group_of_the_folder(path):  # which other copies of the data set spell as the file
    found = _parts(path)
    label = ucf101.SPELLINGS.get(found["label"], found["label"])
    folder = Path(path).parent.name
    label = folder if folder.lower() == label.lower() else label
    return label, f"{label}_g{found['group']}"


def label_and_group_of_whatever_folder(path):  # for the one class that is spelt in two ways
    found, folder = _parts(path), Path(path).parent.name
    label = found["label"]
    if label in ucf101.SPELLINGS:
        label = folder or ucf101.SPELLINGS[label]
    return label, f"{label}_g{found['group']}"


def label_and_group_with_all_classes_respelt(path):  # PushUps is spelt so in the lists too
    found = _parts(path)
    label = found["label"].replace("Stand", "stand").replace("PushUps", "Pushups")
    return label, f"{label}_g{found['group']}"
