"""Right answers for the exercises of flaxvid.data.ucf101, in other ways."""

import os
import re
from pathlib import PurePath

from flaxvid.data import manifest, ucf101


def _refuse(path):
    raise manifest.ManifestError(f"{path} is not named like v_Class_g01_c01.avi")


# --- label_and_group --------------------------------------------------------------------
def label_and_group_by_expression(path):
    found = re.fullmatch(r"v_([A-Za-z]+)_g(\d+)_c(\d+)", PurePath(path).stem)
    if not found:
        _refuse(path)
    label = ucf101.SPELLINGS.get(found[1], found[1])
    return label, f"{label}_g{found[2]}"


def label_and_group_by_split(path):
    parts = os.path.splitext(os.path.basename(path))[0].split("_")
    good = len(parts) == 4 and parts[0] == "v" and parts[1] and parts[2][:1] + parts[3][:1] == "gc"
    if not good or not (parts[2][1:].isdecimal() and parts[3][1:].isdecimal()):
        _refuse(path)
    label = ucf101.SPELLINGS.get(parts[1], parts[1])
    return label, label + "_" + parts[2]


def label_and_group_by_name(path):
    found = ucf101.NAME.fullmatch(PurePath(path).stem)
    if found is None:
        _refuse(path)
    label, group = found.group("label"), found.group("group")
    if label in ucf101.SPELLINGS:
        label = ucf101.SPELLINGS[label]
    return label, "_g".join((label, group))
