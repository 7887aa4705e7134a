"""Random changes: the same for every frame, and each what its name says."""

import numpy as np
import pytest

from flaxvid.video import augment, preprocess, transform


@pytest.fixture
def clip():
    """Three frames of 16 x 24, all alike: noise in the upper half, grey below."""
    frame = np.random.default_rng(0).integers(40, 200, (16, 24, 3), np.uint8)
    frame[8:] = 100
    return np.stack([frame] * 3)


@pytest.mark.parametrize("name", sorted(augment.OPERATIONS))
@pytest.mark.parametrize("strength", [-1.0, -0.4, 0.3, 1.0])
def test_frames_that_were_alike_stay_alike(name, strength, clip):
    """Nothing moves that did not move; shape and type stay, and something changes."""
    changed = augment.OPERATIONS[name](clip, strength)
    assert (changed.shape, changed.dtype) == (clip.shape, np.uint8)
    np.testing.assert_array_equal(changed, changed[:1].repeat(3, axis=0))
    assert (changed != clip).any()


@pytest.mark.parametrize("name", sorted(augment.OPERATIONS))
def test_no_strength_changes_nothing(name, clip):
    """A strength of 0 gives every pixel back."""
    np.testing.assert_array_equal(augment.OPERATIONS[name](clip, 0.0), clip)


def test_colours_by_hand():
    """A pixel of (100, 150, 200): half the light, no colour, half the levels."""
    pixel = np.array([100, 150, 200], np.uint8).reshape(1, 1, 1, 3)
    np.testing.assert_array_equal(augment.brightness(pixel, -0.5).ravel(), [50, 75, 100])
    np.testing.assert_array_equal(augment.brightness(pixel, 1.0).ravel(), [200, 255, 255])
    grey = round(0.299 * 100 + 0.587 * 150 + 0.114 * 200)
    np.testing.assert_array_equal(augment.saturation(pixel, -1.0).ravel(), [grey] * 3)
    np.testing.assert_array_equal(augment.contrast(pixel, -1.0).ravel(), [grey] * 3)
    np.testing.assert_array_equal(augment.posterise(pixel, 1.0).ravel(), [96, 144, 192])


def test_contrast_ends_at_black_and_white():
    """Of greys of 20, 90 and 190 the mean is 100: twice as far from it, they are 0, 80 and 255."""
    greys = np.array([20, 90, 190], np.uint8).reshape(1, 1, 3, 1).repeat(3, axis=-1)
    np.testing.assert_array_equal(augment.contrast(greys, 1.0)[0, 0, :, 0], [0, 80, 255])


def test_shifts_by_hand(clip):
    """0.25 / 0.3 of the largest move: a quarter of the side, and the edge drawn out."""
    across = augment.shift_across(clip, 0.25 / 0.3)
    np.testing.assert_array_equal(across[:, :, 6:], clip[:, :, :-6])
    np.testing.assert_array_equal(across[:, :, :6], clip[:, :, :1].repeat(6, axis=2))
    down = augment.shift_down(clip, -0.25 / 0.3)
    np.testing.assert_array_equal(down[:, :-4], clip[:, 4:])


def test_a_slant_by_hand():
    """Half a pixel a row, about the middle row: of a vertical line the top goes left by 2."""
    line = np.zeros((1, 9, 41, 3), np.uint8)
    line[:, :, 20] = 200
    slanted = augment.slant(line, 0.5 / 0.3)[0, :, :, 0]
    assert {row: int(slanted[row].argmax()) for row in (0, 4, 8)} == {0: 18, 4: 20, 8: 22}
    places = (slanted * np.arange(41)).sum(axis=1) / slanted.sum(axis=1)
    np.testing.assert_allclose(places, 18 + np.arange(9) / 2, atol=0.02)


def test_a_turn_by_hand():
    """By 30 degrees against the clock, about the centre: what was at the right goes up."""
    dot = np.zeros((1, 21, 31, 3), np.uint8)
    dot[:, 9:12, 22:25] = 200  # 8 pixels to the right of the centre, row 10 and column 15
    turned = augment.rotate(dot, 1.0)[0, :, :, 0].astype(float)
    rows, columns = np.mgrid[:21, :31]
    place = [(axis * turned).sum() / turned.sum() for axis in (rows, columns)]
    np.testing.assert_allclose(place, [10 - 8 * 0.5, 15 + 8 * 0.866], atol=0.2)


def test_a_blur_and_its_opposite():
    """A white dot on black: blurred to a ninth of its light, or sharpened beyond white."""
    frame = np.zeros((1, 5, 5, 3), np.uint8)
    frame[0, 2, 2] = 90
    np.testing.assert_array_equal(augment.sharpness(frame, -1.0)[0, 1:4, 1:4], 10)
    assert augment.sharpness(frame, 1.0)[0, 2, 2, 0] == 170


def test_same_seed_same_changes(clip):
    """The generator decides, and nothing else; no operations leave the clip alone."""
    draws = [
        augment.random_changes(clip, np.random.default_rng(seed), 2, 0.7) for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    np.testing.assert_array_equal(
        augment.random_changes(clip, np.random.default_rng(0), 0, 1.0), clip
    )


def test_training_clips_are_changed_and_test_clips_are_not(clip):
    """`augment` of the preprocessing acts in training only."""
    plain = preprocess.Preprocessing(num_frames=3, crop_size=16, resize=16)
    strong = preprocess.Preprocessing(num_frames=3, crop_size=16, resize=16, augment=3)
    trained = [
        transform.train_clip(clip, settings, np.random.default_rng(5))
        for settings in (plain, strong)
    ]
    assert (trained[0] != trained[1]).any()
    np.testing.assert_array_equal(
        transform.test_clips(clip, strong), transform.test_clips(clip, plain)
    )
