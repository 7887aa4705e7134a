"""Known wrong answers, each a mistake that people make: the checks must reject every one."""

import re
from pathlib import Path

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from flaxvid.data import manifest, splits, ucf101
from flaxvid.video import decode

# Kept from before a check puts a wrong answer in its place.
splits_of_the_package = splits.hold_out


# --- natural_key --------------------------------------------------------------------------
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


# --- count_frames -------------------------------------------------------------------------
def count_frames_of_the_header(path):
    return int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))


def count_frames_and_the_failed_read(path):
    capture, count = cv2.VideoCapture(str(path)), 1
    while capture.grab():
        count += 1
    return count


def count_frames_without_an_error(path):
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.grab():
        count += 1
    return count


def count_frames_after_a_first_look(path):  # the frame that was looked at is gone
    capture, count = cv2.VideoCapture(str(path)), 0
    if not capture.grab():
        raise decode.VideoError(path, "no frame can be read")
    while capture.grab():
        count += 1
    return count


# --- read_frames --------------------------------------------------------------------------
def _read_all(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while (pair := capture.read())[0]:
        frames.append(cv2.cvtColor(pair[1], cv2.COLOR_BGR2RGB))
    return np.stack(frames)


def read_frames_bgr(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)[..., ::-1]
    return frames if indices is None else frames[np.array(indices, int)]


def read_frames_sorted(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)
    return frames if indices is None else frames[sorted(set(indices))]


def read_frames_off_by_one(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)
    return frames if indices is None else frames[np.array(indices, int) - 1]


def read_frames_nothing_is_everything(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)
    return frames[np.array(indices, int)] if indices else frames


def read_frames_clamped(path, indices=None, *, start=0, end=None):
    frames = _read_all(path)
    return frames if indices is None else frames[np.minimum(indices, len(frames) - 1).astype(int)]


def read_frames_seek(path, indices=None, *, start=0, end=None):  # and stop where a read fails
    capture, frames = cv2.VideoCapture(str(path)), []
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    for index in range(total) if indices is None else indices:
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(index))
        found, frame = capture.read()
        if not found:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return np.array(frames)


# --- pad_clip -----------------------------------------------------------------------------
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


# --- interval_indices ---------------------------------------------------------------------
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


# --- uniform_indices ----------------------------------------------------------------------
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


# --- random_segment_indices ---------------------------------------------------------------
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


def random_segment_indices_own_seed(num_frames, num_samples, rng):
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return np.random.default_rng().integers(edges[:-1], edges[1:])


def random_segment_indices_always_the_same(num_frames, num_samples, rng):
    segments = min(num_frames, num_samples)
    edges = np.arange(segments + 1) * num_frames // segments
    return np.random.default_rng(0).integers(edges[:-1], edges[1:])


# --- window_indices -----------------------------------------------------------------------
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


# --- view_indices -------------------------------------------------------------------------
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


# --- label_and_group ----------------------------------------------------------------------
def _parts(path):
    found = ucf101.NAME.fullmatch(Path(path).stem)
    if found is None:
        raise manifest.ManifestError("not as v_Class_g01_c01.avi")
    return found


def label_and_group_of_all_classes(path):  # group 8 of every class is one group
    found = _parts(path)
    label = ucf101.SPELLINGS.get(found["label"], found["label"])
    return label, f"g{found['group']}"


def label_and_group_as_spelt(path):  # a class of its own for one class's files
    found = _parts(path)
    return found["label"], f"{found['label']}_g{found['group']}"


def label_and_group_of_the_clip(path):  # every clip its own group: the leak
    found = _parts(path)
    label = ucf101.SPELLINGS.get(found["label"], found["label"])
    return label, Path(path).stem


def label_and_group_of_anything(path):  # holiday.avi gets a class
    parts = Path(path).stem.split("_")
    label = ucf101.SPELLINGS.get(parts[1 % len(parts)], parts[1 % len(parts)])
    return label, f"{label}_{parts[2 % len(parts)]}"


# --- hold_out -----------------------------------------------------------------------------
def hold_out_videos(labels, groups, share, rng):  # the usual random split
    return rng.random(len(labels)) < share


def hold_out_of_every_group(labels, groups, share, rng):  # the first ones of each
    held, seen = np.zeros(len(labels), bool), {}
    for number, group in enumerate(groups):
        seen[group] = seen.get(group, 0) + 1
        held[number] = seen[group] <= 1
    return held


def hold_out_regardless_of_class(labels, groups, share, rng):
    names = sorted(set(groups))
    chosen = set(rng.choice(names, max(1, round(share * len(names))), replace=False).tolist())
    return np.array([group in chosen for group in groups])


def hold_out_always_the_same(labels, groups, share, rng):
    return splits_of_the_package(labels, groups, share, np.random.default_rng(0))


def hold_out_the_others(labels, groups, share, rng):  # True is what is kept
    return ~splits_of_the_package(labels, groups, share, rng)
# --- lstm_update --------------------------------------------------------------------------
def _gates(gates):
    return jnp.split(gates, 4, axis=-1)


def lstm_update_keep_first(gates, cell):  # the order of other libraries
    keep, take, candidate, show = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * jnp.tanh(cell), cell


def lstm_update_show_third(gates, cell):
    take, keep, show, candidate = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * jnp.tanh(cell), cell


def lstm_update_candidate_through_sigmoid(gates, cell):
    take, keep, candidate, show = map(jax.nn.sigmoid, _gates(gates))
    cell = keep * cell + take * candidate
    return show * jnp.tanh(cell), cell


def lstm_update_cell_shown_as_it_is(gates, cell):
    take, keep, candidate, show = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * cell, cell


def lstm_update_old_cell_shown(gates, cell):
    take, keep, candidate, show = _gates(gates)
    new = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return jax.nn.sigmoid(show) * jnp.tanh(cell), new


def lstm_update_cell_first(gates, cell):
    take, keep, candidate, show = _gates(gates)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(take) * jnp.tanh(candidate)
    return cell, jax.nn.sigmoid(show) * jnp.tanh(cell)


# --- masked_scan --------------------------------------------------------------------------
def _scan(update, state, sequence, mask, choose):
    states = []
    for t in range(sequence.shape[1]):
        real = mask[:, t, None]
        new = update(state, sequence[:, t])
        state = jax.tree.map(lambda n, o, real=real: choose(real, n, o), new, state)
        states.append(state)
    return state, jax.tree.map(lambda *values: jnp.stack(values, axis=1), *states)


def masked_scan_without_a_mask(update, state, sequence, mask):
    return _scan(update, state, sequence, mask, lambda real, new, old: new)


def masked_scan_forgets_in_padding(update, state, sequence, mask):
    return _scan(update, state, sequence, mask, lambda real, new, old: jnp.where(real, new, 0.0))


def masked_scan_of_the_padding(update, state, sequence, mask):
    return _scan(update, state, sequence, mask, lambda real, new, old: jnp.where(real, old, new))


def masked_scan_zeros_for_padding(update, state, sequence, mask):  # and goes on updating
    zeroed = jnp.where(mask[:, :, None], sequence, 0.0)
    return _scan(update, state, zeroed, mask, lambda real, new, old: new)


def masked_scan_from_nothing(update, state, sequence, mask):  # the state given is not used
    state = jax.tree.map(jnp.zeros_like, state)
    return _scan(update, state, sequence, mask, jnp.where)


def masked_scan_time_first(update, state, sequence, mask):
    last, states = _scan(update, state, sequence, mask, jnp.where)
    return last, jax.tree.map(lambda values: jnp.moveaxis(values, 1, 0), states)


# --- reverse_padded -----------------------------------------------------------------------
def reverse_padded_with_its_padding(sequence, mask):
    return sequence[:, ::-1]


def reverse_padded_padding_is_lost(sequence, mask):  # the last real frame stands in its place
    times, lengths = jnp.arange(sequence.shape[1])[None], mask.sum(axis=1, keepdims=True)
    order = jnp.maximum(lengths - 1 - times, 0)
    return jnp.take_along_axis(sequence, order[:, :, None], axis=1)


def reverse_padded_one_too_far(sequence, mask):
    times, lengths = jnp.arange(sequence.shape[1])[None], mask.sum(axis=1, keepdims=True)
    order = jnp.where(times < lengths, lengths - times, times)
    return jnp.take_along_axis(sequence, order[:, :, None], axis=1)


def reverse_padded_longest_for_all(sequence, mask):
    times, length = jnp.arange(sequence.shape[1]), mask.sum(axis=1).max()
    return jnp.take(sequence, jnp.where(times < length, length - 1 - times, times), axis=1)


# --- masked_mean --------------------------------------------------------------------------
def masked_mean_of_everything(tokens, mask=None):
    return jnp.mean(tokens, axis=1)


def masked_mean_over_the_padded_length(tokens, mask=None):
    mask = jnp.ones(tokens.shape[:2], bool) if mask is None else mask
    return jnp.mean(jnp.where(mask[:, :, None], tokens, 0.0), axis=1)


def masked_mean_not_divided(tokens, mask=None):
    return jnp.sum(tokens, axis=1, where=None if mask is None else mask[:, :, None])


def masked_mean_by_the_mean_length(tokens, mask=None):
    mask = jnp.ones(tokens.shape[:2], bool) if mask is None else mask
    return jnp.sum(jnp.where(mask[:, :, None], tokens, 0.0), axis=1) / mask.sum(axis=1).mean()


WRONG = {
    "video.sample.natural_key": (
        natural_key_plain_strings,
        natural_key_first_number_only,
        natural_key_numbers_only,
        natural_key_without_a_tie_break,
        natural_key_by_length,
    ),
    "video.decode.count_frames": (
        count_frames_of_the_header,
        count_frames_and_the_failed_read,
        count_frames_without_an_error,
        count_frames_after_a_first_look,
    ),
    "video.decode.read_frames": (
        read_frames_bgr,
        read_frames_sorted,
        read_frames_off_by_one,
        read_frames_nothing_is_everything,
        read_frames_clamped,
        read_frames_seek,
    ),
    "video.sample.pad_clip": (
        pad_clip_black,
        pad_clip_loop,
        pad_clip_mask_of_padding,
        pad_clip_all_real,
        pad_clip_cuts,
    ),
    "video.sample.interval_indices": (
        interval_indices_of_zero,
        interval_indices_past_the_end,
        interval_indices_one_too_many,
        interval_indices_rounded_up,
    ),
    "video.sample.uniform_indices": (
        uniform_indices_starts,
        uniform_indices_ends,
        uniform_indices_repeat,
        uniform_indices_whole_intervals,
        uniform_indices_floats,
    ),
    "video.sample.random_segment_indices": (
        random_segment_indices_anywhere,
        random_segment_indices_lose_the_rest,
        random_segment_indices_never_the_last,
        random_segment_indices_own_seed,
        random_segment_indices_always_the_same,
    ),
    "video.sample.window_indices": (
        window_indices_past_the_end,
        window_indices_clamped,
        window_indices_to_the_end,
        window_indices_without_the_last,
    ),
    "video.sample.view_indices": (
        view_indices_past_the_end,
        view_indices_single_at_the_start,
        view_indices_all_the_same,
        view_indices_one_short_of_the_end,
    ),
    "data.ucf101.label_and_group": (
        label_and_group_of_all_classes,
        label_and_group_as_spelt,
        label_and_group_of_the_clip,
        label_and_group_of_anything,
    ),
    "data.splits.hold_out": (
        hold_out_videos,
        hold_out_of_every_group,
        hold_out_regardless_of_class,
        hold_out_always_the_same,
        hold_out_the_others,
    "models.bilstm.lstm_update": (
        lstm_update_keep_first,
        lstm_update_show_third,
        lstm_update_candidate_through_sigmoid,
        lstm_update_cell_shown_as_it_is,
        lstm_update_old_cell_shown,
        lstm_update_cell_first,
    ),
    "models.bilstm.masked_scan": (
        masked_scan_without_a_mask,
        masked_scan_forgets_in_padding,
        masked_scan_of_the_padding,
        masked_scan_zeros_for_padding,
        masked_scan_from_nothing,
        masked_scan_time_first,
    ),
    "models.bilstm.reverse_padded": (
        reverse_padded_with_its_padding,
        reverse_padded_padding_is_lost,
        reverse_padded_one_too_far,
        reverse_padded_longest_for_all,
    ),
    "models.encoder.masked_mean": (
        masked_mean_of_everything,
        masked_mean_over_the_padded_length,
        masked_mean_not_divided,
        masked_mean_by_the_mean_length,
    ),
}
