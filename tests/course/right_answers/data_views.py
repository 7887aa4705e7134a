"""Right answers for the exercises of flaxvid.data.views, in other ways."""

import numpy as np


# --- reorder ----------------------------------------------------------------------------
def _other_order(count, rng):
    order = np.arange(count)
    while count > 1 and (order == np.arange(count)).all():
        rng.shuffle(order)
    return order


def reorder_with_copies(clip, mask, order, rng):
    clip, mask = clip.copy(), mask.copy()
    real = np.count_nonzero(mask)
    middle = (real - 1) // 2
    if order == "reversed":
        clip[:real] = clip[:real][::-1].copy()
    elif order == "frozen":
        clip[:real] = clip[middle].copy()
    elif order == "shuffled":
        clip[:real] = clip[_other_order(real, rng)]
    elif order == "single":
        kept = clip[middle].copy()
        clip[:], mask[:] = 0, False
        clip[middle], mask[middle] = kept, True
    return clip, mask


def reorder_by_concatenation(clip, mask, order, rng):
    frames, rest = clip[mask], clip[~mask]
    middle = (len(frames) - 1) // 2
    if order == "single":
        alone = np.zeros_like(clip)
        alone[middle] = frames[middle]
        return alone, np.arange(len(clip)) == middle
    if order == "reversed":
        frames = np.flip(frames, axis=0)
    elif order == "frozen":
        frames = np.repeat(frames[middle : middle + 1], len(frames), axis=0)
    else:
        frames = frames[_other_order(len(frames), rng)]
    return np.concatenate([frames, rest]), mask


def reorder_by_rolling_a_bad_shuffle(clip, mask, order, rng):
    if order != "shuffled":
        return reorder_with_copies(clip, mask, order, rng)
    real = int(mask.sum())
    order = rng.permutation(real)
    while real > 1 and np.array_equal(order, np.arange(real)):
        order = rng.permutation(real)
    return clip[np.r_[order, real : len(clip)].astype(int)], mask.copy()
