"""A learner of one's own: a progress file that is nobody's."""

import pytest


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    """The progress file of the test, and of the processes that it starts."""
    path = tmp_path / "progress.json"
    monkeypatch.setenv("FLAXVID_PROGRESS", str(path))
    return path
