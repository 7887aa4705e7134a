"""Which frames: every index in range, in order, and the ones the literature means."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flaxvid.video import sample

interval = pytest.mark.exercise("video.sample.interval_indices")
uniform = pytest.mark.exercise("video.sample.uniform_indices")
random_segment = pytest.mark.exercise("video.sample.random_segment_indices")
window = pytest.mark.exercise("video.sample.window_indices")
view = pytest.mark.exercise("video.sample.view_indices")
pad = pytest.mark.exercise("video.sample.pad_clip")
natural = pytest.mark.exercise("video.sample.natural_key")

frames_st = st.integers(1, 400)
samples_st = st.integers(1, 64)
stride_st = st.integers(1, 40)
seed_st = st.integers(0, 2**32 - 1)
# The cores are shared: a slow example is no failure. Derandomised, so a learner sees one message.
unhurried = settings(deadline=None, derandomize=True, max_examples=60)


def at_its_end(number):
    """A pattern for a message that ends in a number, whatever the words before it."""
    return rf"(?<![-.\d]){number}$"


def assert_frames_of_the_video(indices, num_frames, num_samples):
    assert indices.dtype == np.int64
    assert indices.ndim == 1
    assert 1 <= len(indices) <= num_samples
    assert indices.min() >= 0
    assert indices.max() < num_frames
    assert (np.diff(indices) > 0).all(), f"not ascending: {indices.tolist()}"


def segment_of(frame, num_frames, num_samples):
    """The segment a frame is in, found by walking over the segment borders one by one."""
    borders = [i * num_frames // num_samples for i in range(num_samples + 1)]
    (found,) = [i for i in range(num_samples) if borders[i] <= frame < borders[i + 1]]
    return found


# --- interval_indices ---------------------------------------------------------------------


@interval
def test_interval_takes_every_third_of_nine():
    """Of 9 frames, 3 samples are frames 0, 3 and 6: the first frame of each third."""
    assert sample.interval_indices(9, 3).tolist() == [0, 3, 6]


@interval
def test_interval_rounds_down_and_misses_the_end():
    """Of 39 frames, 20 samples are frames 0 to 19, because 39 // 20 is 1."""
    assert sample.interval_indices(39, 20).tolist() == list(range(20))


@interval
def test_interval_of_a_short_video_is_each_frame_once():
    """Of 3 frames, 5 samples are frames 0, 1 and 2: an interval of 0 would repeat frame 0."""
    assert sample.interval_indices(3, 5).tolist() == [0, 1, 2]


@interval
def test_interval_rounds_down_from_just_below_two():
    """Of 1,999 frames, 1,000 samples are frames 0 to 999, because 1999 // 1000 is 1."""
    np.testing.assert_array_equal(sample.interval_indices(1999, 1000), np.arange(1000))


@interval
@given(frames_st, samples_st)
@unhurried
def test_interval_is_evenly_spaced(num_frames, num_samples):
    """There are min(frames, samples) indices, from 0, all the same number of frames apart."""
    indices = sample.interval_indices(num_frames, num_samples)
    assert_frames_of_the_video(indices, num_frames, num_samples)
    assert len(indices) == min(num_frames, num_samples)
    assert indices[0] == 0
    assert set(np.diff(indices)) <= {max(1, num_frames // num_samples)}


@interval
@pytest.mark.parametrize(("num_frames", "num_samples"), [(0, 4), (4, 0), (-1, 4), (4, -2)])
def test_interval_refuses_nothing(num_frames, num_samples):
    """No frames or no samples is a ValueError whose message ends with the value."""
    with pytest.raises(ValueError, match=at_its_end(min(num_frames, num_samples))):
        sample.interval_indices(num_frames, num_samples)


# --- uniform_indices ----------------------------------------------------------------------


@uniform
def test_one_sample_is_the_middle_frame():
    """One sample of 9 frames is frame 4."""
    assert sample.uniform_indices(9, 1).tolist() == [4]


@uniform
def test_uniform_takes_the_middle_of_each_third():
    """Of 9 frames, 3 samples are frames 1, 4 and 7: middles, neither starts nor the two ends."""
    assert sample.uniform_indices(9, 3).tolist() == [1, 4, 7]


@uniform
def test_uniform_sees_the_end():
    """Of 39 frames, 20 samples reach frame 38, where an interval of 39 // 20 stops at 19."""
    assert sample.uniform_indices(39, 20).tolist() == [
        *(0, 2, 4, 6, 8, 10, 12, 14, 16, 18),
        *(20, 22, 24, 26, 28, 30, 32, 34, 36, 38),
    ]


@uniform
def test_uniform_of_a_short_video_is_each_frame_once():
    """Of 3 frames, 5 samples are frames 0, 1 and 2."""
    assert sample.uniform_indices(3, 5).tolist() == [0, 1, 2]


@uniform
def test_uniform_takes_the_later_of_two_middle_frames():
    """Of 12 frames, 3 samples are frames 2, 6 and 10: a segment of 4 has its middle at 2.0."""
    assert sample.uniform_indices(12, 3).tolist() == [2, 6, 10]


@uniform
@pytest.mark.parametrize(
    ("num_frames", "num_samples", "middles"),
    [
        *((2, 1, [1]), (6, 3, [1, 3, 5]), (6, 1, [3]), (20, 2, [5, 15])),
        (12, 6, [1, 3, 5, 7, 9, 11]),
        # The middle of segment 11 is at 13; as 11.5 times the float 26 / 23 it is below.
        (26, 23, [*range(4), *range(5, 12), *range(13, 21), *range(22, 26)]),
    ],
)
def test_uniform_rounds_no_middle_to_an_even_frame(num_frames, num_samples, middles):
    """A middle at which a frame begins is that frame, be its number even or odd."""
    assert sample.uniform_indices(num_frames, num_samples).tolist() == middles


@uniform
@pytest.mark.parametrize(
    ("num_frames", "num_samples"), [(14, 5), (28, 10), (32, 21), (42, 15), (70, 25)]
)
def test_uniform_middles_between_edges_that_are_no_frames(num_frames, num_samples):
    """Of 14 frames, 5 samples are 1, 4, 7, 9 and 12: the middle between 5.6 and 8.4 is 7.

    As floats the two edges may have a mean a little below it.
    """
    middles = [(2 * i + 1) * num_frames // (2 * num_samples) for i in range(num_samples)]
    assert sample.uniform_indices(num_frames, num_samples).tolist() == middles


@uniform
def test_uniform_of_a_day_of_frames():
    """Of 4 million frames, 50,000 samples are 80 apart: 32 bits do not hold what is multiplied."""
    indices = sample.uniform_indices(4_000_000, 50_000)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, np.arange(40, 4_000_000, 80))


@uniform
@given(frames_st, samples_st)
@unhurried
def test_uniform_is_the_frame_at_the_middle_of_each_segment(num_frames, num_samples):
    """Frame i is on screen at the middle of segment i: from time i to i + 1, counted in frames."""
    indices = sample.uniform_indices(num_frames, num_samples)
    assert_frames_of_the_video(indices, num_frames, num_samples)
    segments = min(num_frames, num_samples)
    assert len(indices) == segments
    for i, frame in enumerate(indices.tolist()):
        middle = Fraction((2 * i + 1) * num_frames, 2 * segments)
        assert frame <= middle <= frame + 1
        if frame != middle // 1:  # as where a length of 26 / 23 is rounded before it is multiplied
            pytest.fail(f"at time {middle}, frame {middle // 1} begins: that, and not {frame}")


@uniform
@pytest.mark.parametrize(("num_frames", "num_samples"), [(0, 4), (4, 0), (-1, 4), (4, -2)])
def test_uniform_refuses_nothing(num_frames, num_samples):
    """No frames or no samples is a ValueError whose message ends with the value."""
    with pytest.raises(ValueError, match=at_its_end(min(num_frames, num_samples))):
        sample.uniform_indices(num_frames, num_samples)


# --- random_segment_indices ---------------------------------------------------------------


@random_segment
@given(frames_st, samples_st, seed_st)
@unhurried
def test_random_segment_takes_one_frame_from_each(num_frames, num_samples, seed):
    """Sample i lies in segment i, which starts at frame i * frames // samples."""
    rng = np.random.default_rng(seed)
    indices = sample.random_segment_indices(num_frames, num_samples, rng)
    assert_frames_of_the_video(indices, num_frames, num_samples)
    segments = min(num_frames, num_samples)
    for number, frame in enumerate(indices):
        place = segment_of(frame, num_frames, segments)
        if place != number:
            pytest.fail(f"sample {number} is frame {frame}, which is one of segment {place}")


@random_segment
def test_random_segment_repeats_with_its_seed():
    """Equal seeds give equal frames."""
    rng, again = np.random.default_rng(7), np.random.default_rng(7)
    first = sample.random_segment_indices(300, 8, rng)
    assert first.tolist() == sample.random_segment_indices(300, 8, again).tolist()


@random_segment
def test_random_segment_moves_its_generator_on():
    """Each call draws anew: the next draw of the same generator gives other frames."""
    rng = np.random.default_rng(7)
    first = sample.random_segment_indices(300, 8, rng)
    assert sample.random_segment_indices(300, 8, rng).tolist() != first.tolist()


@random_segment
@pytest.mark.parametrize(("num_frames", "num_samples"), [(15, 11), (30, 22), (29, 7)])
def test_random_segment_reaches_the_last_frame(num_frames, num_samples):
    """Whatever the numbers: 11 times 15 / 11 is a little less than 15 if it is rounded between."""
    rng = np.random.default_rng(0)
    last = {
        int(sample.random_segment_indices(num_frames, num_samples, rng)[-1]) for _ in range(300)
    }
    first = (num_samples - 1) * num_frames // num_samples
    assert sorted(last) == list(range(first, num_frames))


@random_segment
@pytest.mark.parametrize(("num_frames", "num_samples"), [(30, 22), (94, 47), (121, 77)])
def test_random_segments_begin_at_whole_numbers(num_frames, num_samples):
    """Segment 11 of 30 frames in 22 begins at 11 * 30 // 22, which is 15: in floats 14.99... comes
    out of some ways to compute it."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        indices = sample.random_segment_indices(num_frames, num_samples, rng)
        for number, frame in enumerate(indices):
            begins, ends = (n * num_frames // num_samples for n in (number, number + 1))
            if not begins <= frame < ends:
                pytest.fail(f"segment {number} is frames {begins} to {ends - 1}, and got {frame}")


@random_segment
def test_random_segment_reaches_every_frame_alike():
    """Of 10 frames in 3 segments, every frame is drawn, and as often as the others around it."""
    rng = np.random.default_rng(0)
    draws = np.stack([sample.random_segment_indices(10, 3, rng) for _ in range(2000)])
    counts = np.bincount(draws.ravel(), minlength=10)
    # Segments are frames 0-2, 3-5 and 6-9, so a frame is expected 667 or 500 times.
    for frame, width in enumerate([3, 3, 3, 3, 3, 3, 4, 4, 4, 4]):
        expected = 2000 / width
        if abs(counts[frame] - expected) >= 0.2 * expected:
            pytest.fail(
                f"frame {frame} of 2000 draws: {counts[frame]} times, {expected:.0f} expected"
            )


@random_segment
def test_random_segment_reaches_every_frame_of_long_segments_alike():
    """Of 10,000 segments of 10 frames, each of the ten places is drawn about 1,000 times."""
    rng = np.random.default_rng(0)
    indices = sample.random_segment_indices(100_000, 10_000, rng)
    counts = np.bincount(indices - 10 * np.arange(10_000), minlength=10)
    for place, count in enumerate(counts):
        if abs(count - 1000) >= 180:  # six standard deviations
            pytest.fail(f"place {place} of 10 is drawn {count} times, 1000 expected")


@random_segment
def test_random_segment_draws_in_every_segment_anew():
    """Which frame one segment gives says nothing of any other one's."""
    rng = np.random.default_rng(0)
    draws = np.stack([sample.random_segment_indices(48, 12, rng) for _ in range(400)])
    places = draws - 4 * np.arange(12)
    for one, other in itertools.combinations(range(12), 2):
        alike = np.sum(places[:, one] == places[:, other])
        if not 50 < alike < 150:  # more than five standard deviations
            pytest.fail(
                f"segments {one} and {other} of 400 draws: {alike} times at the same place, "
                "100 expected"
            )


@random_segment
def test_random_segment_of_a_short_video_is_each_frame_once():
    """Of 3 frames, 5 samples are frames 0, 1 and 2: there is nothing to draw."""
    rng = np.random.default_rng(0)
    assert sample.random_segment_indices(3, 5, rng).tolist() == [0, 1, 2]


@random_segment
@pytest.mark.parametrize(("num_frames", "num_samples"), [(0, 4), (4, 0), (-1, 4), (4, -2)])
def test_random_segment_refuses_nothing(num_frames, num_samples):
    """No frames or no samples is a ValueError whose message ends with the value."""
    with pytest.raises(ValueError, match=at_its_end(min(num_frames, num_samples))):
        sample.random_segment_indices(num_frames, num_samples, np.random.default_rng(0))


# --- window_indices and random_window_indices ---------------------------------------------


@window
def test_window_counts_on_from_its_start():
    """4 samples from frame 5 at stride 3 are frames 5, 8, 11 and 14."""
    assert sample.window_indices(30, 4, stride=3, start=5).tolist() == [5, 8, 11, 14]


@window
def test_window_ends_with_the_video():
    """In 12 frames the same window has lost frame 14 and kept frame 11, the last one."""
    assert sample.window_indices(12, 4, stride=3, start=5).tolist() == [5, 8, 11]


@window
@given(frames_st, samples_st, stride_st, st.data())
@unhurried
def test_window_keeps_what_is_in_the_video(num_frames, num_samples, stride, data):
    """The window is start, start + stride, ... as long as that is below the number of frames."""
    start = data.draw(st.integers(0, num_frames - 1))
    indices = sample.window_indices(num_frames, num_samples, stride, start)
    assert_frames_of_the_video(indices, num_frames, num_samples)
    assert indices.tolist() == [
        start + stride * i for i in range(num_samples) if start + stride * i < num_frames
    ]


@window
@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ((9, 2, 0, 0), 0),
        ((9, 2, 1, 9), 9),
        ((9, 2, 1, -1), -1),
        ((9, 0, 1, 0), 0),
        ((9, -2, 1, 0), -2),
        ((9, 2, -3, 0), -3),
        ((0, 2, 1, 0), 0),
    ],
)
def test_window_refuses_what_is_outside(arguments, value):
    """A number below 1, or a start outside the video, is a ValueError that ends with its value."""
    with pytest.raises(ValueError, match=at_its_end(value)):
        sample.window_indices(*arguments)


@given(frames_st, samples_st, stride_st, seed_st)
@unhurried
def test_random_window_fits_if_it_can(num_frames, num_samples, stride, seed):
    """A window that fits keeps all its samples; one that is too long starts at frame 0."""
    rng = np.random.default_rng(seed)
    indices = sample.random_window_indices(num_frames, num_samples, stride, rng)
    assert_frames_of_the_video(indices, num_frames, num_samples)
    assert set(np.diff(indices)) <= {stride}
    if (num_samples - 1) * stride < num_frames:
        assert len(indices) == num_samples
    else:
        assert indices.tolist() == list(range(0, num_frames, stride))


def test_random_window_starts_everywhere():
    """3 samples at stride 4 span 9 frames, so in 12 frames the starts are 0, 1, 2 and 3."""
    rng = np.random.default_rng(0)
    starts = {int(sample.random_window_indices(12, 3, 4, rng)[0]) for _ in range(200)}
    assert starts == {0, 1, 2, 3}


def test_random_window_repeats_with_its_seed():
    """Equal seeds give equal windows."""
    one, two = (sample.random_window_indices(300, 8, 4, np.random.default_rng(7)) for _ in range(2))
    assert one.tolist() == two.tolist()


# --- view_indices -------------------------------------------------------------------------


@view
def test_views_run_from_the_first_frame_to_the_last():
    """3 views of 4 samples at stride 8 in 100 frames start at 0, 37 and 75; the last ends at 99."""
    assert sample.view_indices(100, 4, stride=8, num_views=3).tolist() == [
        [0, 8, 16, 24],
        [37, 45, 53, 61],
        [75, 83, 91, 99],
    ]


@view
@pytest.mark.parametrize("num_views", [2, 12, 14, 50])
def test_the_last_view_ends_with_the_video(num_views):
    """Of 22 frames the last view has frame 21.

    Of floats, 11 times 15 / 11 is less than 15, and 49 times 1 / 49 is less than 1.
    """
    views = sample.view_indices(22, 4, stride=2, num_views=num_views)
    assert views[[0, -1]].tolist() == [[0, 2, 4, 6], [15, 17, 19, 21]]


@view
@pytest.mark.parametrize(
    ("num_frames", "starts"), [(3, [0, 0, 1, 2]), (11, [0, 3, 6, 10]), (12, [0, 3, 7, 11])]
)
def test_the_views_between_start_evenly(num_frames, starts):
    """4 views of 1 sample: in 3 frames they start at 0, 0.67, 1.33 and 2, each rounded down."""
    views = sample.view_indices(num_frames, 1, stride=1, num_views=4)
    assert views[:, 0].tolist() == starts


@view
def test_twelve_views_start_evenly():
    """Of 56 frames 12 views of 1 sample start 5 apart; 55 times the float 3 / 11 is below 15."""
    views = sample.view_indices(56, 1, stride=1, num_views=12)
    assert views[:, 0].tolist() == list(range(0, 56, 5))


@view
@pytest.mark.parametrize(("num_frames", "num_views"), [(3, 99), (19, 67)])
def test_many_views_start_evenly(num_frames, num_views):
    """The exact start is rounded down: of 99 views of 3 frames, view 49 starts at 2 x 49 / 98, 1.

    Of floats, 49 times 2 / 98 is less than 1.
    """
    views = sample.view_indices(num_frames, 1, stride=1, num_views=num_views)
    exact = [(num_frames - 1) * view // (num_views - 1) for view in range(num_views)]
    np.testing.assert_array_equal(views[:, 0], exact)


@view
def test_a_single_view_is_in_the_middle():
    """One view of 3 samples at stride 2 in 9 frames is frames 2, 4 and 6."""
    assert sample.view_indices(9, 3, stride=2, num_views=1).tolist() == [[2, 4, 6]]


def test_a_single_view_in_an_odd_room_is_a_frame_early():
    """Of 5 frames of room 2 are before the view and 3 behind; no exercise asks for it."""
    assert sample.view_indices(10, 3, stride=2, num_views=1).tolist() == [[2, 4, 6]]


@view
def test_views_without_stride_cover_the_video_with_shifted_frames():
    """2 views of 12 frames in 3 segments of 4 take each segment's second and fourth frame.

    Segments need not be whole: a quarter of 5 / 3 frames into the second is at 2.08, in frame 2.
    """
    views = sample.view_indices(12, 3, stride=None, num_views=2)
    assert views.tolist() == [[1, 5, 9], [3, 7, 11]]
    views = sample.view_indices(5, 3, stride=None, num_views=2)
    assert views.tolist() == [[0, 2, 3], [1, 2, 4]]
    # The first view's last frame is at 13 / 6 of 18, which is 39, and of floats a little less.
    views = sample.view_indices(54, 3, stride=None, num_views=3)
    assert views.tolist() == [[3, 21, 39], [9, 27, 45], [15, 33, 51]]
    # The last of 3 views takes segment 5 of 12 frames in 7 at 35 / 6 of 12 / 7, which is 10.
    assert sample.view_indices(12, 7, stride=None, num_views=3)[2, 5] == 10


@view
def test_one_view_without_stride_is_the_middle_of_each_segment():
    """One view of 9 frames in 3 segments is frames 1, 4 and 7; of 11 in 4, frames 1, 4, 6, 9."""
    assert sample.view_indices(9, 3, stride=None, num_views=1).tolist() == [[1, 4, 7]]
    assert sample.view_indices(11, 4, stride=None, num_views=1).tolist() == [[1, 4, 6, 9]]


@view
def test_views_of_a_video_shorter_than_the_window():
    """In 11 frames 2 samples at stride 8 fit; the views use the 2 frames of room that are left."""
    assert sample.view_indices(11, 5, stride=8, num_views=3).tolist() == [[0, 8], [1, 9], [2, 10]]


@view
@given(frames_st, samples_st, st.none() | stride_st, st.integers(1, 6))
@unhurried
def test_every_view_is_a_clip_of_the_video(num_frames, num_samples, stride, num_views):
    """Views are int64, in range, ascending, as many as asked and never earlier than the last."""
    views = sample.view_indices(num_frames, num_samples, stride, num_views)
    assert len(views) == num_views
    assert (np.diff(views, axis=0) >= 0).all()
    for indices in views:
        assert_frames_of_the_video(indices, num_frames, num_samples)
        assert stride is None or set(np.diff(indices)) <= {stride}
    if stride is None:
        assert views.shape[1] == min(num_frames, num_samples)
    else:
        assert views.shape[1] == len(range(0, num_frames, stride)[:num_samples])
        first, last = views[0, 0], num_frames - 1 - views[-1, -1]
        assert first == last == 0 if num_views > 1 else abs(first - last) <= 1


@view
@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ((0, 2, None, 1), 0),
        ((9, 0, None, 1), 0),
        ((9, 2, -3, 1), -3),
        ((9, 2, 0, 1), 0),
        ((9, 2, 1, 0), 0),
        ((9, -2, None, 1), -2),
        ((9, 2, 1, -2), -2),
    ],
)
def test_views_refuse_nothing(arguments, value):
    """A number below 1 is a ValueError whose message ends with its value."""
    with pytest.raises(ValueError, match=at_its_end(value)):
        sample.view_indices(*arguments)


# --- pad_clip -----------------------------------------------------------------------------


def random_frames(time, height=4, width=5):
    rng = np.random.default_rng(time)
    return rng.integers(1, 256, (time, height, width, 3), dtype=np.uint8)


@pad
def test_pad_gives_the_frames_asked_for():
    """3 frames padded to 5 have shape (5, height, width, 3), uint8, and a mask of 5."""
    clip, mask = sample.pad_clip(random_frames(3), 5)
    assert clip.shape == (5, 4, 5, 3)
    assert clip.dtype == np.uint8
    assert mask.shape == (5,)


@pad
def test_pad_mask_is_true_on_real_frames():
    """3 frames padded to 5 have the mask True, True, True, False, False, be they all alike."""
    _, mask = sample.pad_clip(random_frames(1).repeat(3, axis=0), 5)
    assert mask.dtype == bool
    assert mask.tolist() == [True, True, True, False, False]


@pad
def test_pad_repeats_the_last_real_frame():
    """Padding is the last real frame again: not black, not the first frame, not a loop."""
    frames = random_frames(3)
    clip, _ = sample.pad_clip(frames, 5)
    np.testing.assert_array_equal(clip, frames[[0, 1, 2, 2, 2]])


@pad
def test_pad_repeats_a_single_frame():
    """One frame fills a clip of three, and is real once."""
    frames = random_frames(1)
    clip, mask = sample.pad_clip(frames, 3)
    np.testing.assert_array_equal(clip, np.concatenate([frames] * 3))
    assert mask.tolist() == [True, False, False]


@pad
def test_pad_repeats_as_often_as_it_takes():
    """Two frames padded to 20 are the first one, and the second one nineteen times."""
    frames = random_frames(2)
    clip, mask = sample.pad_clip(frames, 20)
    np.testing.assert_array_equal(clip, frames[[0] + [1] * 19])
    assert mask.tolist() == [True] * 2 + [False] * 18


@pad
def test_pad_gives_every_clip_a_mask_of_its_own():
    """The mask of 3 frames stays as it is when the next clip, of 1 frame, is padded."""
    _, mask = sample.pad_clip(random_frames(3), 5)
    sample.pad_clip(random_frames(1), 5)
    assert mask.tolist() == [True, True, True, False, False]


@pad
@pytest.mark.parametrize("time", [1, 4])
def test_pad_leaves_a_full_clip_alone(time):
    """A clip with all its frames, be it one, comes back as it is, and its mask is True."""
    frames = random_frames(time)
    clip, mask = sample.pad_clip(frames, time)
    np.testing.assert_array_equal(clip, frames)
    assert mask.tolist() == [True] * time


@pad
@pytest.mark.parametrize("time", [0, 6])
def test_pad_refuses_no_frames_and_too_many(time):
    """No frame, or more than asked for, is a ValueError that ends with the number of frames."""
    with pytest.raises(ValueError, match=at_its_end(time)):
        sample.pad_clip(random_frames(time), 5)


# --- natural_key --------------------------------------------------------------------------


@natural
def test_natural_order_counts():
    """frame_2 comes before frame_10, where plain string order gives 1, 10, 11, 2."""
    names = [f"frame_{i}.jpg" for i in (*range(12), 999, 1000)]
    assert sorted(sorted(names), key=sample.natural_key) == names


@natural
def test_natural_order_of_names_that_differ_in_their_ends():
    """a1.jpg and a1.png have an order too, however the folder lists them."""
    names, listed_otherwise = ["a1.png", "a1.jpg", "a1"], ["a1", "a1.jpg", "a1.png"]
    order = sorted(names, key=sample.natural_key)
    assert order == sorted(listed_otherwise, key=sample.natural_key)


@natural
def test_natural_order_counts_long_numbers():
    """A number of eighteen digits counts to the last one, with or without a zero before it."""
    times = (20261126, 120261126, 20261126235959, 10**17 + 1, f"0{10**17 + 2}", 10**19, 10**20)
    names = [f"frame_{i}.jpg" for i in (*range(12), 999, 1000, *times)]
    assert sorted(sorted(names), key=sample.natural_key) == names


@natural
def test_natural_order_counts_every_number():
    """Each number in a name counts as a number: group first, then clip."""
    names = ["g2_c1.avi", "g2_c9.avi", "g2_c10.avi", "g10_c2.avi"]
    assert sorted(sorted(names), key=sample.natural_key) == names


@natural
@pytest.mark.parametrize("before", ["clip-", "scene1.", "take 3,", "v0_"])
def test_natural_order_of_numbers_behind_signs(before):
    """A minus, a dot or a comma is text: clip-2 comes before clip-10, scene1.2 before scene1.10."""
    names = [f"{before}{number}.mp4" for number in (2, 10, 11)]
    assert sorted(sorted(names), key=sample.natural_key) == names


@natural
def test_natural_order_of_text_between_numbers():
    """The text after a number comes before the next number: cam1_a2 before cam1_b1."""
    names = ["cam1_a2", "cam1_a10", "cam1_b1", "cam2_a1"]
    assert sorted(sorted(names, reverse=True), key=sample.natural_key) == names


@natural
def test_natural_order_of_names_that_begin_or_end_with_numbers():
    """Names without, of only, and beginning with numbers have an order with one another."""
    names = ["2", "10", "10a", "frame", "frame1", "frame1a", "frame12"]
    order = sorted(sorted(names), key=sample.natural_key)
    assert sorted(order) == sorted(names)
    # Whether a number comes before a text is the learner's choice.
    assert order.index("2") < order.index("10")
    assert order.index("frame1") < order.index("frame12")


@natural
def test_natural_key_is_a_tuple():
    """A tuple for every name, one without a number too."""
    assert isinstance(sample.natural_key("frame_2.jpg"), tuple)
    assert isinstance(sample.natural_key("frame"), tuple)


@natural
@given(st.lists(st.text(alphabet="ab01_٣²", max_size=6)))
@example(["01_1", "1_01"])
@example(["a1", "A1"])
@unhurried
def test_natural_order_does_not_depend_on_the_order_of_listing(names):
    """Names sort alike however the folder lists them, even 1 and 01: no two have the same key."""
    for one, other in itertools.combinations(sorted(set(names)), 2):
        if sample.natural_key(one) == sample.natural_key(other):
            pytest.fail(f"{one!r} and {other!r} have the same key")
    forwards = sorted(names, key=sample.natural_key)
    names.reverse()
    assert sorted(names, key=sample.natural_key) == forwards
