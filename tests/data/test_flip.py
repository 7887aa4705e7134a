"""Labels that name a side."""

from flaxvid.data import flip, motion


def test_labels_that_name_a_side_are_found():
    """However words are joined; parts of words don't count."""
    labels = ["turn left", "TurnRight", "swipe-clockwise", "CCW", "bright", "Leftover", "copyright"]
    assert flip.naming_a_side(labels) == ["turn left", "TurnRight", "swipe-clockwise", "CCW"]


def test_of_the_motion_videos_two_pairs_name_one():
    """Left and right, clockwise and not; up and down look the same in a mirror."""
    assert flip.naming_a_side(motion.CLASSES) == [
        label for label in motion.CLASSES if label.startswith(("move_left", "move_right", "circle"))
    ]
