"""A small motion set on disk, drawn once for the tests of this folder."""

import pytest

from flaxvid.data import motion


@pytest.fixture(scope="session")
def small_motion(tmp_path_factory):
    """40 training, 10 validation and 20 test videos."""
    counts = {"train": 40, "validation": 10, "test": 20}
    return motion.open_or_draw(root=tmp_path_factory.mktemp("data"), counts=counts)
