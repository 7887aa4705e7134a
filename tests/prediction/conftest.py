"""A model that can be seen through, and videos made for it.

flaxvid is imported when a test asks for them: pytest reads this file before the tests' own
settings, which JAX must find.
"""

import pytest


@pytest.fixture
def trained():
    """A model of two classes, dark and bright."""
    from tests.prediction import examples

    return examples.trained()


@pytest.fixture
def film(tmp_path):
    """A function that writes a video: `film("a.mp4", num_frames)`."""
    from tests.prediction import examples

    return examples.film_into(tmp_path)
