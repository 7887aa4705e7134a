"""Resizing, cropping, normalising: one place for all frames, and numbers a model was trained on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid import errors
from flaxvid.video import preprocess, transform

center = pytest.mark.exercise("video.transform.center_crop")
three = pytest.mark.exercise("video.transform.three_crops")
normal = pytest.mark.exercise("video.transform.normalise")


def noise(time=3, height=12, width=20):
    rng = np.random.default_rng(time * 10_000 + height * 100 + width)
    return rng.integers(0, 256, (time, height, width, 3), dtype=np.uint8)


def coordinates(time=2, height=12, width=20):
    """Frames whose pixels tell where they are: (row, column, frame)."""
    rows, columns, index = np.mgrid[:height, :width, :time]
    return np.stack([rows, columns, index], axis=-1).astype(np.uint8).transpose(2, 0, 1, 3)


def small(**fields):
    return preprocess.Preprocessing(**{"crop_size": 8, "resize": 12, **fields})


# --- crops --------------------------------------------------------------------------------


@center
def test_center_crop_is_square():
    """12x20 frames cropped to 8 are 8x8; all 3 frames stay."""
    assert transform.center_crop(noise(), 8).shape == (3, 8, 8, 3)


@center
def test_center_crop_leaves_equal_margins():
    """8 of 12 rows are rows 2 to 9, 8 of 20 columns are columns 6 to 13, in every frame."""
    frames = noise()
    np.testing.assert_array_equal(transform.center_crop(frames, 8), frames[:, 2:10, 6:14])


@center
def test_center_crop_of_an_upright_video():
    """Height and width are not swapped: 8 of 20 rows are 6 to 13, 8 of 12 columns are 2 to 9."""
    frames = noise(height=20, width=12)
    np.testing.assert_array_equal(transform.center_crop(frames, 8), frames[:, 6:14, 2:10])


@center
def test_center_crop_with_an_odd_margin():
    """5 of 12 rows are rows 3 to 7: of the margin of 7, the pixel over is at the bottom."""
    frames = noise()
    np.testing.assert_array_equal(transform.center_crop(frames, 5), frames[:, 3:8, 7:12])


@center
def test_center_crop_of_the_whole_frame():
    """A crop as large as the frame is the frame."""
    frames = noise(height=9, width=9)
    np.testing.assert_array_equal(transform.center_crop(frames, 9), frames)


@center
@pytest.mark.parametrize(("height", "width"), [(12, 20), (20, 12), (12, 12)])
def test_center_crop_does_not_fit(height, width):
    """13 pixels do not fit where the height, the width or both are 12: a ValueError."""
    with pytest.raises(ValueError, match=r"\w"):  # in whatever words
        transform.center_crop(noise(height=height, width=width), 13)


@three
def test_three_crops_shape():
    """Three crops of 3 frames, 8x8 pixels: (3, 3, 8, 8, 3); of 2 frames: (3, 2, 8, 8, 3)."""
    assert transform.three_crops(noise(time=2), 8).shape == (3, 2, 8, 8, 3)


@three
def test_three_crops_of_a_wide_video():
    """Left, centre and right, in the middle of the height."""
    frames = noise()
    left, middle, right = transform.three_crops(frames, 8)
    np.testing.assert_array_equal(left, frames[:, 2:10, :8])
    np.testing.assert_array_equal(middle, frames[:, 2:10, 6:14])
    np.testing.assert_array_equal(right, frames[:, 2:10, 12:])


@three
def test_three_crops_with_an_odd_rest():
    """Of 11 x 19 pixels 3 rows and 11 columns are left over: the middle is row 1, column 5."""
    corners = [
        crop[0, 0, 0, :2].tolist() for crop in transform.three_crops(coordinates(2, 11, 19), 8)
    ]
    assert corners == [[1, 0], [1, 5], [1, 11]]
    upright = transform.three_crops(coordinates(2, 19, 11), 8)
    assert [crop[0, 0, 0, :2].tolist() for crop in upright] == [[0, 1], [5, 1], [11, 1]]


@three
def test_three_crops_of_an_upright_video():
    """Top, centre and bottom, in the middle of the width."""
    frames = noise(height=20, width=12)
    top, middle, bottom = transform.three_crops(frames, 8)
    np.testing.assert_array_equal(top, frames[:, :8, 2:10])
    np.testing.assert_array_equal(middle, frames[:, 6:14, 2:10])
    np.testing.assert_array_equal(bottom, frames[:, 12:, 2:10])


@three
@pytest.mark.parametrize(("height", "width"), [(13, 12), (12, 13)])
def test_three_crops_of_a_video_that_is_nearly_square(height, width):
    """One row more than columns, and it is upright: a crop at the top, and one at the bottom."""
    frames = coordinates(height=height, width=width)
    first, _, last = transform.three_crops(frames, 8)
    assert first[0, 0, 0, :2].tolist() == ([0, 2] if height > width else [2, 0])
    assert last[0, -1, -1, :2].tolist() == ([12, 9] if height > width else [9, 12])


def test_three_crops_of_a_square_video():
    """Neither side is longer: left, centre and right, as of a wide one."""
    frames = noise(height=12, width=12)
    for crop, left in zip(transform.three_crops(frames, 8), (0, 2, 4), strict=True):
        np.testing.assert_array_equal(crop, frames[:, 2:10, left : left + 8])


@three
def test_three_crops_see_every_column():
    """Crops as high as the frame reach, together, from the first column to the last.

    Of 20 columns, and of 21, where the middle crop cannot stand in the very middle.
    """
    for width in (20, 21):
        crops = transform.three_crops(coordinates(width=width), 12)
        assert np.unique(crops[..., 1]).tolist() == list(range(width))
        assert np.unique(crops[..., 0]).tolist() == list(range(12))
        crops = transform.three_crops(coordinates(height=width, width=12), 12)
        assert np.unique(crops[..., 0]).tolist() == list(range(width))


@three
def test_three_crops_do_not_fit():
    """A crop larger than the frame is a ValueError."""
    with pytest.raises(ValueError, match="13"):
        transform.three_crops(noise(), 13)


@pytest.mark.parametrize(("top", "left"), [(-1, 0), (0, -1), (5, 0), (0, 13)])
def test_crop_outside_the_frame(top, left):
    """A crop that leaves the frame is a ValueError, where a slice would wrap or come out small."""
    with pytest.raises(ValueError, match=f"row {top}, column {left}"):
        transform.crop(noise(), top, left, 8)


def test_crop_is_where_it_was_asked_for():
    """Row 4, column 12 is the last place for 8 pixels in 12x20."""
    frames = noise()
    np.testing.assert_array_equal(transform.crop(frames, 4, 12, 8), frames[:, 4:12, 12:20])


def test_random_crop_is_the_same_in_all_frames():
    """Frames that differ in nothing but their index are cropped at one place."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        crop = transform.random_crop(coordinates(), 8, rng)
        np.testing.assert_array_equal(crop[0, ..., :2], crop[1, ..., :2])
        assert (np.diff(crop[0, :, 0, 0].astype(int)) == 1).all()


def test_random_crop_reaches_every_place():
    """10 pixels in 12x20 have 3 places down and 11 across; all are taken."""
    rng = np.random.default_rng(0)
    corners = [transform.random_crop(coordinates(), 10, rng)[0, 0, 0, :2] for _ in range(400)]
    assert {(int(row), int(column)) for row, column in corners} == {
        (row, column) for row in range(3) for column in range(11)
    }


def test_random_crop_does_not_fit():
    """A crop larger than the frame is a ValueError that tells both sizes."""
    with pytest.raises(ValueError, match="13 pixels fits in a frame of 12x20"):
        transform.random_crop(noise(), 13, np.random.default_rng(0))


def test_flip_mirrors_columns_only():
    """The last column becomes the first; rows and channels stay."""
    frames = coordinates()
    flipped = transform.flip_horizontal(frames)
    assert flipped[0, 3, :, 1].tolist() == list(range(19, -1, -1))
    np.testing.assert_array_equal(flipped[..., 0], frames[..., 0])
    np.testing.assert_array_equal(flipped[..., 2], frames[..., 2])


# --- resizing -----------------------------------------------------------------------------


def test_resize_to_height_and_width():
    """The size is (height, width), where OpenCV's own is (width, height)."""
    assert transform.resize(noise(), (6, 7)).shape == (3, 6, 7, 3)


def test_resize_smaller_averages():
    """At a third of the height and a quarter of the width, a pixel is the mean of its 3x4."""
    frames = noise()
    blocks = frames.reshape(3, 4, 3, 5, 4, 3).astype(float).mean(axis=(2, 4))
    assert np.abs(transform.resize(frames, (4, 5)) - blocks).max() <= 0.5


def test_resize_larger_interpolates():
    """At twice the size, a pixel is 3/4 of the one it lies in and 1/4 of the next, each way."""
    columns = np.zeros((1, 2, 2, 3), np.uint8)
    columns[:, :, 1] = 200
    assert transform.resize(columns, (4, 4))[0, 0, :, 0].tolist() == [0, 50, 150, 200]


def test_resize_of_a_mirrored_clip():
    """Frames that are a view, running backwards in memory, are resized as their copy is."""
    frames = transform.flip_horizontal(noise())
    np.testing.assert_array_equal(
        transform.resize(frames, (6, 7)), transform.resize(frames.copy(), (6, 7))
    )


def test_frames_of_the_right_size_are_not_touched():
    """No copy is made of frames that have the size already: small videos need no resizing."""
    frames = noise()
    assert transform.resize(frames, (12, 20)) is frames
    assert transform.resize_short_side(frames, 12) is frames


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"),
    [
        (12, 20, 6, (6, 10)),
        (20, 12, 6, (10, 6)),
        (240, 320, 256, (256, 341)),
        (320, 240, 256, (341, 256)),
        (9, 9, 4, (4, 4)),
    ],
)
def test_short_side_keeps_the_shape_of_things(height, width, size, expected):
    """240x320 at a short side of 256 is 256x341: the long side 341.3 is rounded down."""
    frames = np.zeros((1, height, width, 3), np.uint8)
    assert transform.resize_short_side(frames, size).shape == (1, *expected, 3)


# --- whole pipelines ----------------------------------------------------------------------


def test_train_clip_treats_all_frames_alike():
    """Two equal frames are equal afterwards: one size, one place and one flip for the clip."""
    frames = np.repeat(noise(time=1, height=30, width=40), 2, axis=0)
    rng = np.random.default_rng(0)
    preprocessing = small(jitter=(9, 15), flip=True)
    for _ in range(20):
        clip = transform.train_clip(frames, preprocessing, rng)
        assert clip.shape == (2, 8, 8, 3)
        np.testing.assert_array_equal(clip[0], clip[1])


def test_train_clip_repeats_with_its_seed():
    """Equal seeds give equal clips; the next draws give others."""
    preprocessing = small(jitter=(9, 15), flip=True)
    frames, rng = noise(height=30, width=40), np.random.default_rng(7)
    first, second = (transform.train_clip(frames, preprocessing, rng) for _ in range(2))
    again = transform.train_clip(frames, preprocessing, np.random.default_rng(7))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def directions(preprocessing, draws=400):
    """How often the columns of a training clip run backwards."""
    rng, frames = np.random.default_rng(0), coordinates()
    clips = [transform.train_clip(frames, preprocessing, rng) for _ in range(draws)]
    return np.mean([clip[0, 0, 0, 1] > clip[0, 0, -1, 1] for clip in clips])


def test_train_clip_flips_every_second_clip_if_asked():
    """About half the clips are mirrored with flip, none without."""
    assert directions(small(flip=False)) == 0
    assert 0.4 < directions(small(flip=True)) < 0.6


def test_jitter_draws_the_short_side_from_all_its_range(monkeypatch):
    """A jitter of (9, 11) resizes the short side to 9, 10 and 11, both ends included."""
    sizes, resize = set(), transform.resize

    def recorded(frames, size):
        sizes.add(min(size))
        return resize(frames, size)

    monkeypatch.setattr(transform, "resize", recorded)
    rng = np.random.default_rng(0)
    for _ in range(60):
        transform.train_clip(noise(), small(jitter=(9, 11)), rng)
    assert sizes == {9, 10, 11}


def test_train_and_test_resize_exactly_if_asked():
    """C3D's (height, width) squeezes a video whatever its shape, in training and in testing."""
    frames = coordinates(height=24, width=40)
    preprocessing = small(resize=(8, 8))
    squeezed = transform.resize(frames, (8, 8))
    trained = transform.train_clip(frames, preprocessing, np.random.default_rng(0))
    np.testing.assert_array_equal(trained, squeezed)
    np.testing.assert_array_equal(transform.test_clips(frames, preprocessing)[0], squeezed)


def test_test_clips_never_draw():
    """One crop is the centre, three run along the long side; jitter and flip play no part."""
    frames, preprocessing = noise(), small(jitter=(9, 15), flip=True)
    one = transform.test_clips(frames, preprocessing)
    np.testing.assert_array_equal(one, frames[None, :, 2:10, 6:14])
    left, middle, right = transform.test_clips(frames, preprocessing, num_crops=3)
    np.testing.assert_array_equal(left, frames[:, 2:10, :8])
    np.testing.assert_array_equal(middle, one[0])
    np.testing.assert_array_equal(right, frames[:, 2:10, 12:])


def test_test_clips_refuses_another_number_of_crops():
    """Two crops are an error that names the option, the value and the choices."""
    with pytest.raises(errors.UserError, match="num_crops is 2: give 1 or 3"):
        transform.test_clips(noise(), small(), num_crops=2)


# --- normalise ----------------------------------------------------------------------------

C3D = {"scale": 1.0, "mean": (90.0, 98.0, 102.0), "std": (1.0, 1.0, 1.0), "channel_order": "bgr"}


@normal
def test_normalise_keeps_the_shape_and_gives_float32():
    """An image of 4x5 pixels, 3 of them, and 2 clips of 3 stay what they are, in float32."""
    for axes in ((), (3,), (2, 3)):
        video = jnp.zeros((*axes, 4, 5, 3), jnp.uint8)
        output = transform.normalise(video, small())
        assert output.shape == video.shape
        assert output.dtype == jnp.float32


@normal
def test_normalise_black_and_white():
    """With mean 0.45 and std 0.225, black is -2 and white is 0.55 / 0.225."""
    video = jnp.array([0, 255], jnp.uint8).reshape(2, 1, 1, 1).repeat(3, axis=-1)
    output = transform.normalise(video, small())
    np.testing.assert_allclose(output[0], -2.0, rtol=1e-6)
    np.testing.assert_allclose(output[1], 0.55 / 0.225, rtol=1e-6)


@normal
def test_normalise_each_channel_by_its_own():
    """Red takes the first mean and std, blue the last."""
    preprocessing = small(scale=1.0, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    output = transform.normalise(jnp.array([[[11, 12, 13]]], jnp.uint8), preprocessing)
    np.testing.assert_allclose(output[0, 0], [5.0, 2.5, 1.25])


@normal
def test_normalise_to_bgr():
    """For a BGR model blue goes first, and mean and std are in that order: C3D's 90 is blue's."""
    red, expected = np.array([200, 20, 10], np.uint8), [10 - 90, 20 - 98, 200 - 102]
    for axes in ((), (2, 3)):  # an image, and 2 clips of 3 frames
        video = jnp.asarray(np.broadcast_to(red, (*axes, 1, 2, 3)))
        output = transform.normalise(video, small(**C3D))
        np.testing.assert_allclose(output, np.broadcast_to(expected, video.shape))


@normal
def test_normalise_to_bgr_leaves_every_pixel_in_its_place():
    """Only the channels are turned round: rows, columns, frames and clips stay as they are."""
    video = np.arange(2 * 2 * 3 * 5 * 3, dtype=np.uint8).reshape(2, 2, 3, 5, 3)
    plain = small(channel_order="bgr", scale=1.0, mean=(0.0,) * 3, std=(1.0,) * 3)
    output = np.asarray(transform.normalise(jnp.asarray(video), plain))
    np.testing.assert_array_equal(output, video[..., ::-1])


@normal
def test_normalise_to_bgr_by_means_and_deviations_in_that_order():
    """For a BGR model the first std is blue's, as the first mean is: neither is turned round."""
    preprocessing = small(channel_order="bgr", scale=1.0, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    output = transform.normalise(jnp.array([[[19, 12, 11]]], jnp.uint8), preprocessing)
    np.testing.assert_allclose(output[0, 0], [5.0, 2.5, 2.0])


@normal
def test_normalise_does_not_wrap_around():
    """Pixels are made floats before anything is subtracted: 3 minus 90 is -87, not 169."""
    output = transform.normalise(jnp.full((1, 1, 3), 3, jnp.uint8), small(**C3D))
    assert output.min() == 3 - 102


@normal
def test_normalise_inside_jit():
    """Compiled it gives the same numbers, to rounding."""
    video = jnp.asarray(noise()[None])
    preprocessing = small(mean=(0.4, 0.5, 0.6), channel_order="bgr")
    eager = transform.normalise(video, preprocessing)
    compiled = jax.jit(lambda video: transform.normalise(video, preprocessing))(video)
    np.testing.assert_allclose(compiled, eager, atol=1e-5)


@normal
def test_normalise_agrees_with_numpy():
    """The formula, pixel by pixel, in NumPy's float64."""
    pixels = noise()
    preprocessing = small(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    output = transform.normalise(jnp.asarray(pixels), preprocessing)
    for channel in range(3):
        expected = pixels[..., channel] / 255 - preprocessing.mean[channel]
        expected /= preprocessing.std[channel]
        np.testing.assert_allclose(output[..., channel], expected, atol=2e-6)


@normal
@pytest.mark.parametrize(("height", "width"), [(3, 4), (4, 3), (3, 3)])
def test_normalise_of_frames_of_three_pixels(height, width):
    """Mean and std are those of the channel in frames of 3 rows or columns, too."""
    pixels = noise(height=height, width=width)
    mean, std = (0.485, 0.456, 0.406), (0.2, 0.3, 0.4)
    output = transform.normalise(jnp.asarray(pixels), small(mean=mean, std=std))
    np.testing.assert_allclose(output, (pixels / 255 - np.array(mean)) / np.array(std), atol=2e-6)


@normal
def test_normalise_refuses_what_is_normalised():
    """Floats are a TypeError: normalising twice is the silent way to lose a model."""
    with pytest.raises(TypeError):
        transform.normalise(jnp.zeros((4, 5, 3), jnp.float32), small())


@normal
@pytest.mark.parametrize("kind", [jnp.int32, jnp.int8, jnp.uint16, jnp.bool_])
def test_normalise_refuses_other_whole_numbers(kind):
    """Whole numbers of another type are a TypeError too: pixels of 16 bits have another scale."""
    with pytest.raises(TypeError):
        transform.normalise(jnp.zeros((4, 5, 3), kind), small())


def test_less_clip_mean_by_hand():
    """Of 1, 3 and padding the mean is 2: -1, 1 and 0, whatever stands at the padding; each clip
    and each channel has its own."""
    red = jnp.asarray([[1.0, 3.0, jnp.nan], [5.0, 6.0, 10.0]]).reshape(2, 3, 1, 1, 1)
    clips = jnp.concatenate([red, 10 * red, 0 * red], axis=-1).repeat(2, axis=2)
    mask = jnp.asarray([[True, True, False], [True, True, True]])
    moved = transform.less_clip_mean(clips, mask)
    expected = np.array([[-1.0, 1.0, 0.0], [-2.0, -1.0, 3.0]]).reshape(2, 3, 1, 1, 1)
    expected = (expected * [1, 10, 0]).repeat(2, axis=2)
    np.testing.assert_allclose(moved, expected, atol=1e-5)
