"""Kinds of files, a few of each sort; `python tests/benchmarks/kinds.py` reads them all."""

import numpy as np
import pytest

from flaxvid.video import decode
from tests.benchmarks import kinds

ALL = kinds.kinds()
# Most of these were wrong once; the others are drawn at random.
ONCE_WRONG = ("mpeg1 avi", "wmv2 wmv torn", "ffv1 avi torn", "h264 flv joined")
DRAWN = [ALL[place] for place in np.random.default_rng(1).choice(len(ALL), 14, replace=False)]
CHOSEN = [
    *(kind for kind in ALL if kind.name in ONCE_WRONG),
    *(k for k in DRAWN if k.size == (kinds.HEIGHT, kinds.WIDTH)),
]


@pytest.mark.parametrize("kind", CHOSEN, ids=lambda kind: kind.name)
def test_right_or_refused(tmp_path, kind):
    """Frames, times, size and colours are as drawn, however they are asked for."""
    path, drawn = kinds.make(kind, tmp_path)
    kinds.judge(kind, path, drawn)


def test_what_is_wrong_is_found(tmp_path, monkeypatch):
    """Frames in another order, or of another colour, are not taken for those that were drawn."""
    kind = next(kind for kind in ALL if kind.name == "mjpeg avi")
    path, drawn = kinds.make(kind, tmp_path)
    read = decode.read_frames
    for change in (lambda clip: clip[::-1], lambda clip: clip // 2, lambda clip: clip[:, :, ::-1]):
        monkeypatch.setattr(decode, "read_frames", lambda *a, c=change, **o: c(read(*a, **o)))
        with pytest.raises(kinds.WrongError):
            kinds.judge(kind, path, drawn)
