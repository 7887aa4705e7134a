"""Wrong answers for the exercises of flaxvid.video.sample."""

import copy
import itertools
import re

import numpy as np

from flaxvid.video import sample

# Kept from before a check puts a wrong answer in its place.
views_of_the_package = sample.view_indices
padded_by_the_package = sample.pad_clip


# --- natural_key ------------------------------------------------------------------------
def natural_key_plain_strings(name):  # 1, 10, 2
    return (name,)


def natural_key_first_number_only(name):
    found = re.search(r"\d+", name)
    return (int(found[0]) if found else -1,)


def natural_key_numbers_only(name):
    return tuple(map(int, re.findall(r"\d+", name)))


def natural_key_without_a_tie_break(name):  # img_2 and img_02 in the order of listing
    parts = re.split(r"(\d+)", name)
    parts[1::2] = map(int, parts[1::2])
    return tuple(parts)


def natural_key_by_length(name):
    return len(name), name


def natural_key_with_signs(name):  # clip-10 before clip-2
    parts = re.split(r"(-?\d+)", name)
    parts[1::2] = map(int, parts[1::2])
    return tuple(parts), name


def natural_key_with_decimals(name):  # scene1.10 before scene1.2
    parts = re.split(r"(\d+\.?\d*)", name)
    parts[1::2] = map(float, parts[1::2])
    return tuple(parts), name


def natural_key_of_three_digits(name):  # 1000 before 999
    return re.sub(r"\d+", lambda found: found[0].zfill(3), name), name


def natural_key_with_a_tie_break_that_ties(name):  # 01_1 and 1_01 are of one length
    parts = re.split(r"(\d+)", name)
    parts[1::2] = map(int, parts[1::2])
    return tuple(parts), len(name)


def natural_key_of_twelve_digits(name):  # the time of a recording has fourteen
    return re.sub(r"\d+", lambda found: found[0].zfill(12), name), name


def natural_key_of_floats(name):  # seventeen digits are more than a float has
    parts = re.split(r"(\d+)", name)
    parts[1::2] = map(float, parts[1::2])
    return tuple(parts), name


# --- pad_clip ---------------------------------------------------------------------------
def _mask(frames, num_samples):
    return np.arange(num_samples) < len(frames)


def pad_clip_black(frames, num_samples):
    padding = np.zeros((num_samples - len(frames), *frames.shape[1:]), np.uint8)
    return np.concatenate([frames, padding]), _mask(frames, num_samples)


def pad_clip_loop(frames, num_samples):
    return frames[np.arange(num_samples) % len(frames)], _mask(frames, num_samples)


def pad_clip_mask_of_padding(frames, num_samples):
    last = np.minimum(np.arange(num_samples), len(frames) - 1)
    return frames[last], ~_mask(frames, num_samples)


def pad_clip_all_real(frames, num_samples):
    last = np.minimum(np.arange(num_samples), len(frames) - 1)
    return frames[last], np.ones(num_samples, bool)


def pad_clip_cuts(frames, num_samples):  # a clip that is too long loses its end, unsaid
    last = np.minimum(np.arange(num_samples), len(frames) - 1)
    return frames[last], _mask(frames[:num_samples], num_samples)


def pad_clip_of_two_frames_at_least(frames, num_samples):  # one of one is a full clip too
    if num_samples < 2:
        raise ValueError(f"{num_samples} is no clip")
    return padded_by_the_package(frames, num_samples)


def pad_clip_mask_of_what_moves(frames, num_samples):  # a video may stand still
    clip, real = padded_by_the_package(frames, num_samples)
    moved = [(frame != before).any() for before, frame in itertools.pairwise(clip)]
    return clip, real & np.array([True, *moved])


def pad_clip_by_up_to_three_frames(frames, num_samples):
    _, real = padded_by_the_package(frames, num_samples)
    black = np.zeros((num_samples, *frames.shape[1:]), np.uint8)
    return np.concatenate([frames, *[frames[-1:]] * 3, black])[:num_samples], real


MASKS = {}


def pad_clip_with_one_mask_for_all(frames, num_samples):
    clip, real = padded_by_the_package(frames, num_samples)
    mask = MASKS.setdefault(num_samples, np.zeros(num_samples, bool))
    mask[:] = real
    return clip, mask


# --- interval_indices -------------------------------------------------------------------
def _refuse_nothing(num_frames, num_samples):
    if min(num_frames, num_samples) < 1:
        raise ValueError(f"at least 1, not {min(num_frames, num_samples)}")


def interval_indices_of_zero(num_frames, num_samples):  # frame 0 again and again
    _refuse_nothing(num_frames, num_samples)
    return num_frames // num_samples * np.arange(num_samples)


def interval_indices_past_the_end(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    return max(1, num_frames // num_samples) * np.arange(num_samples)


def interval_indices_one_too_many(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    return np.arange(0, num_frames, max(1, num_frames // num_samples))


def interval_indices_rounded_up(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    return np.arange(0, num_frames, -(-num_frames // num_samples))


def interval_indices_rounded_nearly_down(num_frames, num_samples):  # 1.999 is up
    _refuse_nothing(num_frames, num_samples)
    interval = max(1, round(num_frames / num_samples - 0.499))
    return np.arange(0, num_frames, interval, dtype=np.int64)[:num_samples]


# --- uniform_indices --------------------------------------------------------------------
def uniform_indices_starts(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    return np.arange(segments) * num_frames // segments


def uniform_indices_ends(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    return np.linspace(0, num_frames - 1, min(num_frames, num_samples)).astype(np.int64)


def uniform_indices_repeat(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    return (2 * np.arange(num_samples) + 1) * num_frames // (2 * num_samples)


def uniform_indices_whole_intervals(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    interval = num_frames // segments
    return interval * np.arange(segments) + interval // 2


def uniform_indices_floats(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    return (np.arange(segments) + 0.5) * num_frames / segments


def uniform_indices_in_32_bits(num_frames, num_samples):
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    middles = (2 * np.arange(segments, dtype=np.int32) + 1) * np.int32(num_frames)
    return (middles // np.int32(2 * segments)).astype(np.int64)


def uniform_indices_by_a_rounded_length(num_frames, num_samples):  # 1/6 x 12 x 3.5 is below 7
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    return ((np.arange(segments) + 0.5) * (1 / segments) * num_frames).astype(np.int64)


def uniform_indices_between_rounded_edges(num_frames, num_samples):  # 5.6 and 8.4 as floats
    _refuse_nothing(num_frames, num_samples)
    edges = np.linspace(0, num_frames, min(num_frames, num_samples) + 1)
    return ((edges[1:] + edges[:-1]) / 2).astype(np.int64)


# --- random_segment_indices -------------------------------------------------------------
def random_segment_indices_anywhere(num_frames, num_samples, rng):
    return np.sort(rng.choice(num_frames, min(num_frames, num_samples), replace=False))


def random_segment_indices_lose_the_rest(num_frames, num_samples, rng):  # of the division
    segments = min(num_frames, num_samples)
    width = num_frames // segments
    return width * np.arange(segments) + rng.integers(width, size=segments)


def random_segment_indices_never_the_last(num_frames, num_samples, rng):
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return rng.integers(edges[:-1], np.maximum(edges[1:] - 1, edges[:-1] + 1))


def random_segment_indices_by_a_rounded_length(num_frames, num_samples, rng):
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    edges = (np.arange(segments + 1) * (num_frames / segments)).astype(np.int64)
    return rng.integers(edges[:-1], edges[1:])


def random_segment_indices_between_rounded_edges(num_frames, num_samples, rng):
    _refuse_nothing(num_frames, num_samples)
    edges = np.linspace(0, num_frames, min(num_frames, num_samples) + 1).astype(np.int64)
    return rng.integers(edges[:-1], edges[1:])


def random_segment_indices_own_seed(num_frames, num_samples, rng):
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return np.random.default_rng().integers(edges[:-1], edges[1:])


def random_segment_indices_always_the_same(num_frames, num_samples, rng):
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return np.random.default_rng(0).integers(edges[:-1], edges[1:])


def random_segment_indices_of_a_copied_generator(num_frames, num_samples, rng):
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return copy.deepcopy(rng).integers(edges[:-1], edges[1:])


def random_segment_indices_with_two_draws(num_frames, num_samples, rng):  # in turn
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return edges[:-1] + (np.resize(rng.random(2), segments) * np.diff(edges)).astype(np.int64)


def random_segment_indices_with_three_draws(num_frames, num_samples, rng):  # in turn
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return edges[:-1] + (np.resize(rng.random(3), segments) * np.diff(edges)).astype(np.int64)


def random_segment_indices_rather_early(num_frames, num_samples, rng):
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return edges[:-1] + (rng.random(segments) ** 1.1 * np.diff(edges)).astype(np.int64)


# --- window_indices ---------------------------------------------------------------------
def _refuse_outside(num_frames, stride, start):
    if stride < 1 or not 0 <= start < num_frames:
        raise ValueError(f"not {stride if stride < 1 else start}")


def window_indices_past_the_end(num_frames, num_samples, stride, start):
    _refuse_outside(num_frames, stride, start)
    return start + stride * np.arange(num_samples)


def window_indices_clamped(num_frames, num_samples, stride, start):
    _refuse_outside(num_frames, stride, start)
    return np.minimum(start + stride * np.arange(num_samples), num_frames - 1)


def window_indices_to_the_end(num_frames, num_samples, stride, start):
    _refuse_outside(num_frames, stride, start)
    return np.arange(start, num_frames, stride)


def window_indices_without_the_last(num_frames, num_samples, stride, start):
    _refuse_outside(num_frames, stride, start)
    indices = start + stride * np.arange(num_samples)
    return indices[indices < num_frames - 1]


# --- view_indices -----------------------------------------------------------------------
def _starts(num_frames, num_samples, stride, num_views, last):
    if min(num_frames, num_samples, num_views, stride or 1) < 1:
        raise ValueError(f"not {min(num_frames, num_samples, num_views, stride or 1)}")
    starts = np.linspace(0, last, num_views).astype(np.int64)[:, None]
    return starts + (stride or num_frames // num_samples) * np.arange(num_samples)


def view_indices_past_the_end(num_frames, num_samples, stride, num_views):
    return _starts(num_frames, num_samples, stride, num_views, num_frames - 1)


def view_indices_single_at_the_start(num_frames, num_samples, stride, num_views):
    last = max(0, num_frames - 1 - (stride or 1) * (num_samples - 1))
    return _starts(num_frames, num_samples, stride, num_views, last)


def view_indices_all_the_same(num_frames, num_samples, stride, num_views):
    return _starts(num_frames, num_samples, stride, num_views, 0)


def view_indices_one_short_of_the_end(num_frames, num_samples, stride, num_views):
    last = max(0, num_frames - (stride or 1) * num_samples)
    return _starts(num_frames, num_samples, stride, num_views, last)


def view_indices_in_whole_steps(num_frames, num_samples, stride, num_views):  # then to the end
    if stride is None or min(num_frames, num_samples, stride) < 1 or num_views < 2:
        return views_of_the_package(num_frames, num_samples, stride, num_views)
    count = len(range(0, num_frames, stride)[:num_samples])
    room = num_frames - 1 - stride * (count - 1)
    starts = np.arange(num_views) * (room // (num_views - 1))
    starts[-1] = room
    return starts[:, None] + stride * np.arange(count)


# --- without a word about what is outside -----------------------------------------------
def interval_indices_of_nothing(num_frames, num_samples):  # 0 frames give none, unsaid
    num_frames, num_samples = max(0, num_frames), max(1, num_samples)
    return np.arange(min(num_samples, num_frames)) * max(1, num_frames // num_samples)


def uniform_indices_of_nothing(num_frames, num_samples):
    segments = max(1, min(num_frames, num_samples))
    return (2 * np.arange(segments) + 1) * num_frames // (2 * segments)


def uniform_indices_rounded_to_even(num_frames, num_samples):  # as Python and NumPy round a half
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    middles = (np.arange(segments) + 0.5) * num_frames / segments
    return np.round(middles - 0.5).astype(np.int64)


def random_segment_indices_of_nothing(num_frames, num_samples, rng):
    segments = min(num_frames, num_samples)
    if segments < 1:
        return np.zeros(0, np.int64)
    edges = np.arange(segments + 1) * num_frames // segments
    return rng.integers(edges[:-1], edges[1:])


def random_segment_indices_with_one_draw(num_frames, num_samples, rng):  # for all segments
    _refuse_nothing(num_frames, num_samples)
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return (edges[:-1] + np.floor(rng.random() * np.diff(edges))).astype(np.int64)


def window_indices_of_any_start(num_frames, num_samples, stride, start):
    indices = start + max(1, stride) * np.arange(max(1, num_samples))
    return indices[indices < num_frames]


def view_indices_of_any_number(num_frames, num_samples, stride, num_views):
    num_samples, num_views = max(1, num_samples), max(1, num_views)
    return view_indices_all_the_same(max(1, num_frames), num_samples, stride and 1, num_views)


def view_indices_middles_in_every_view(num_frames, num_samples, stride, num_views):
    if stride is None and min(num_frames, num_samples, num_views) >= 1:
        segments = min(num_frames, num_samples)
        middles = (2 * np.arange(segments) + 1) * num_frames // (2 * segments)
        return np.repeat(middles[None], num_views, axis=0)
    last = num_frames - 1 - (stride or 1) * (num_samples - 1)
    return _starts(num_frames, num_samples, stride, num_views, max(0, last))


def view_indices_in_steps_rounded_down(num_frames, num_samples, stride, num_views):
    if stride is None or min(num_frames, num_samples, stride) < 1 or num_views < 2:
        return views_of_the_package(num_frames, num_samples, stride, num_views)
    count = len(range(0, num_frames, stride)[:num_samples])
    room = num_frames - 1 - stride * (count - 1)
    step = room / (num_views - 1)  # 11 times 15 / 11 is a little less than 15
    starts = np.array([int(number * step) for number in range(num_views)])
    return starts[:, None] + stride * np.arange(count)


def view_indices_by_a_rounded_share(num_frames, num_samples, stride, num_views):
    if stride is None or min(num_frames, num_samples, stride) < 1 or num_views < 2:
        return views_of_the_package(num_frames, num_samples, stride, num_views)
    count = len(range(0, num_frames, stride)[:num_samples])
    room = num_frames - 1 - stride * (count - 1)
    share = 1 / (num_views - 1)  # 49 times 1 / 49 is a little less than 1
    starts = np.array([int(number * share * room) for number in range(num_views)])
    return starts[:, None] + stride * np.arange(count)


def view_indices_between_rounded_starts(num_frames, num_samples, stride, num_views):
    if stride is None or min(num_frames, num_samples, stride) < 1 or num_views < 2:
        return views_of_the_package(num_frames, num_samples, stride, num_views)
    count = len(range(0, num_frames, stride)[:num_samples])
    room = num_frames - 1 - stride * (count - 1)
    starts = np.linspace(0, room, num_views).astype(np.int64)  # 49 times 2 / 98 is below 1
    return starts[:, None] + stride * np.arange(count)


def view_indices_of_rounded_segments(num_frames, num_samples, stride, num_views):
    if stride is not None or min(num_frames, num_samples, num_views) < 1:
        return views_of_the_package(num_frames, num_samples, stride, num_views)
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    places = 2 * np.arange(num_views)[:, None] + 1
    return edges[:-1] + np.diff(edges) * places // (2 * num_views)


def view_indices_at_rounded_places(num_frames, num_samples, stride, num_views):
    if stride is not None or min(num_frames, num_samples, num_views) < 1:
        return views_of_the_package(num_frames, num_samples, stride, num_views)
    segments = min(num_frames, num_samples)
    places = (np.arange(num_views)[:, None] + 0.5) / num_views
    # 35 / 6 of 12 / 7 is 10, and of floats a little less.
    return ((np.arange(segments) + places) * (num_frames / segments)).astype(np.int64)


# --- a number below 0 is below 1, too ---------------------------------------------------
def interval_indices_of_less_than_nothing(num_frames, num_samples):
    if num_frames < 1 or num_samples == 0:
        raise ValueError(f"at least 1, not {min(num_frames, num_samples)}")
    return np.arange(num_frames)[:: max(1, num_frames // num_samples)][: max(0, num_samples)]


def uniform_indices_of_less_than_nothing(num_frames, num_samples):
    if num_frames < 1 or num_samples == 0:
        raise ValueError(f"at least 1, not {min(num_frames, num_samples)}")
    segments = min(num_frames, num_samples)
    odd = np.arange(1, 2 * segments, 2, dtype=np.int64)
    return np.unique(odd * num_frames // (2 * segments))


def view_indices_of_less_than_nothing(num_frames, num_samples, stride, num_views):
    if 0 in (num_frames, num_samples, stride, num_views) or (stride or 1) < 1:
        raise ValueError("not 0" if (stride or 1) >= 0 else f"not {stride}")
    if min(num_frames, num_samples, num_views) < 1:
        return np.zeros((max(0, num_views), 0), np.int64)
    return views_of_the_package(num_frames, num_samples, stride, num_views)
