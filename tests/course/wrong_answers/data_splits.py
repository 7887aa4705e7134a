"""Wrong answers for the exercises of flaxvid.data.splits."""

import numpy as np

from flaxvid.data import splits

# Kept from before a check puts a wrong answer in its place.
splits_of_the_package = splits.hold_out


# --- hold_out ---------------------------------------------------------------------------
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


def hold_out_any_share(labels, groups, share, rng):
    return splits_of_the_package(labels, groups, min(0.5, max(0.01, share)), rng)


def hold_out_in_the_order_of_a_set(labels, groups, share, rng):  # another in every Python
    numbers = {name: f"{number:05d}" for number, name in enumerate(set(groups))}
    return splits_of_the_package(labels, [numbers[name] for name in groups], share, rng)


def hold_out_the_first_group(labels, groups, share, rng):  # of a class that would have none
    held = hold_out_regardless_of_class(labels, groups, share, rng)
    for name in set(labels):
        mine = np.array(labels) == name
        if not held[mine].any():
            held |= np.array(groups) == np.array(groups)[mine][0]
    return held
