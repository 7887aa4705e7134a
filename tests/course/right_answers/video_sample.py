"""Right answers for the exercises of flaxvid.video.sample, in other ways."""

import itertools
import re

import numpy as np


def _refuse(**numbers):
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name}: at least 1, not {number}")


# --- natural_key ------------------------------------------------------------------------
def natural_key_in_pairs(name):
    found = re.findall(r"(\D*)(\d*)", name)
    return tuple((text, int(digits or -1)) for text, digits in found), name


def natural_key_character_by_character(name):
    key = []
    for is_number, run in itertools.groupby(name, str.isdecimal):
        run = "".join(run)
        key.append((0, int(run), "") if is_number else (1, 0, run))
    return tuple(key), name


def natural_key_with_zeros_in_front(name):
    return re.sub(r"\d+", lambda found: f"{int(found[0]):0>30}", name), name


def natural_key_texts_first(name):
    parts = re.findall(r"\D+|\d+", name)
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts], name


# --- pad_clip ---------------------------------------------------------------------------
def _refuse_clip(frames, num_samples):
    if len(frames) == 0 or len(frames) > num_samples:
        raise ValueError(f"frames: 1 to {num_samples}, not {len(frames)}")


def pad_clip_by_concatenation(frames, num_samples):
    _refuse_clip(frames, num_samples)
    missing = num_samples - len(frames)
    padding = np.repeat(frames[-1:], missing, axis=0)
    mask = np.concatenate([np.ones(len(frames), bool), np.zeros(missing, bool)])
    return np.concatenate([frames, padding]), mask


def pad_clip_by_np_pad(frames, num_samples):
    _refuse_clip(frames, num_samples)
    missing = num_samples - len(frames)
    padded = np.pad(frames, ((0, missing), (0, 0), (0, 0), (0, 0)), mode="edge")
    return padded, np.arange(num_samples) <= len(frames) - 1


def pad_clip_in_a_loop(frames, num_samples):
    _refuse_clip(frames, num_samples)
    clip, mask = list(frames), [True] * len(frames)
    while len(clip) < num_samples:
        clip.append(clip[-1])
        mask.append(False)
    return np.stack(clip), np.array(mask)


def pad_clip_in_other_words(frames, num_samples):  # the error ends in the number, too
    count = len(frames)
    if count < 1 or count > num_samples:
        raise ValueError(f"between 1 and {num_samples} frames fit, and there are {count}")
    places = np.arange(num_samples)
    return frames[np.minimum(places, count - 1)], places < count


# --- interval_indices -------------------------------------------------------------------
def interval_indices_by_a_range(num_frames, num_samples):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    step = max(1, num_frames // num_samples)
    return np.array(range(0, num_frames, step)[:num_samples], np.int64)


def interval_indices_by_a_filter(num_frames, num_samples):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    indices = np.arange(num_samples) * max(1, num_frames // num_samples)
    return indices[indices < num_frames]


def interval_indices_in_a_loop(num_frames, num_samples):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    step = num_frames // num_samples or 1
    found = []
    for number in range(num_samples):
        if number * step < num_frames:
            found.append(number * step)
    return np.array(found, dtype=np.int64)


def interval_indices_in_other_words(num_frames, num_samples):  # the error ends in the value, too
    for number in (num_frames, num_samples):
        if number <= 0:
            raise ValueError(f"must be positive, got {number}")
    return np.arange(0, num_frames, max(num_frames // num_samples, 1))[:num_samples]


# --- uniform_indices --------------------------------------------------------------------
def uniform_indices_by_divmod(num_frames, num_samples):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    count = min(num_frames, num_samples)
    return np.array([num_frames * (2 * i + 1) // (2 * count) for i in range(count)], np.int64)


def uniform_indices_by_floor(num_frames, num_samples):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    count = min(num_frames, num_samples)
    middles = (2 * np.arange(count) + 1) * num_frames / (2 * count)
    return np.floor(middles).astype(np.int64)


def uniform_indices_by_shifting(num_frames, num_samples):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    count = min(num_frames, num_samples)
    return np.floor_divide(num_frames * np.arange(1, 2 * count, 2, dtype=np.int64), 2 * count)


# --- random_segment_indices -------------------------------------------------------------
def random_segment_indices_one_by_one(num_frames, num_samples, rng):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    count = min(num_frames, num_samples)
    edges = [i * num_frames // count for i in range(count + 1)]
    return np.array(
        [rng.integers(low, high) for low, high in itertools.pairwise(edges)], dtype=np.int64
    )


def random_segment_indices_by_shares(num_frames, num_samples, rng):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    count = min(num_frames, num_samples)
    edges = np.arange(count + 1) * num_frames // count
    return (edges[:-1] + np.floor(rng.random(count) * np.diff(edges))).astype(np.int64)


def random_segment_indices_by_choice(num_frames, num_samples, rng):
    _refuse(num_frames=num_frames, num_samples=num_samples)
    count = min(num_frames, num_samples)
    edges = [i * num_frames // count for i in range(count + 1)]
    return np.array([rng.choice(np.arange(a, b)) for a, b in itertools.pairwise(edges)], np.int64)


# --- window_indices ---------------------------------------------------------------------
def _refuse_window(num_frames, num_samples, stride, start):
    _refuse(num_frames=num_frames, num_samples=num_samples, stride=stride)
    if start < 0 or start >= num_frames:
        raise ValueError(f"start: not {start}")


def window_indices_by_a_range(num_frames, num_samples, stride, start):
    _refuse_window(num_frames, num_samples, stride, start)
    stop = min(num_frames, start + stride * num_samples)
    return np.arange(start, stop, stride, dtype=np.int64)


def window_indices_by_a_slice(num_frames, num_samples, stride, start):
    _refuse_window(num_frames, num_samples, stride, start)
    return np.arange(num_frames)[start::stride][:num_samples]


def window_indices_in_a_loop(num_frames, num_samples, stride, start):
    _refuse_window(num_frames, num_samples, stride, start)
    found = []
    while start < num_frames and len(found) < num_samples:
        found.append(start)
        start += stride
    return np.array(found, np.int64)


def window_indices_in_other_words(num_frames, num_samples, stride, start):
    if start < 0 or start >= num_frames:
        raise ValueError(f"no frame has the number {start}")
    for number in (num_samples, stride):
        if number < 1:
            raise ValueError(f"should be at least 1 and is {number}")
    return np.array([*range(start, num_frames, stride)][:num_samples], np.int64)


# --- view_indices -----------------------------------------------------------------------
def view_indices_view_by_view(num_frames, num_samples, stride, num_views):
    _refuse(num_frames=num_frames, num_samples=num_samples, num_views=num_views)
    _refuse(stride=1 if stride is None else stride)
    views = []
    for view in range(num_views):
        if stride is None:
            count = min(num_frames, num_samples)
            parts = 2 * num_views * count
            views.append(
                [(2 * num_views * i + 2 * view + 1) * num_frames // parts for i in range(count)]
            )
            continue
        count = min(num_samples, -(-num_frames // stride))
        room = num_frames - 1 - stride * (count - 1)
        start = room // 2 if num_views == 1 else room * view // (num_views - 1)
        views.append([start + stride * i for i in range(count)])
    return np.array(views, dtype=np.int64)


def view_indices_by_broadcasting(num_frames, num_samples, stride, num_views):
    _refuse(num_frames=num_frames, num_samples=num_samples, num_views=num_views)
    views = np.arange(num_views)
    if stride is None:
        count = min(num_frames, num_samples)
        points = np.add.outer(2 * views + 1, 2 * num_views * np.arange(count))
        return points * num_frames // (2 * num_views * count)
    _refuse(stride=stride)
    count = len(range(0, num_frames, stride)[:num_samples])
    room = num_frames - 1 - stride * (count - 1)
    starts = np.array([room // 2]) if num_views == 1 else views * room // (num_views - 1)
    return np.add.outer(starts, stride * np.arange(count))


def view_indices_by_linspace(num_frames, num_samples, stride, num_views):
    _refuse(num_frames=num_frames, num_samples=num_samples, num_views=num_views)
    if stride is None:
        return view_indices_by_broadcasting(num_frames, num_samples, stride, num_views)
    _refuse(stride=stride)
    count = min(num_samples, (num_frames - 1) // stride + 1)
    room = num_frames - 1 - stride * (count - 1)
    starts = np.linspace(0, room, num_views) if num_views > 1 else np.array([room / 2])
    return np.floor(starts + 1e-9).astype(np.int64)[:, None] + stride * np.arange(count)
