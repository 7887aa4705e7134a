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


def _held_out(labels, groups, share, rng, place=np.argmin, turned=False, once=False):
    if not 0 < share <= 0.5:
        raise ValueError(f"the share must be above 0 and up to 0.5, not {share}")
    classes, names = sorted(set(labels)), sorted(set(groups))
    counts = np.zeros((len(names), len(classes)), int)
    for label, group in zip(labels, groups, strict=True):
        counts[names.index(group), classes.index(label)] += 1
    wanted, held = share * counts.sum(axis=0), np.zeros(len(classes), int)
    order = rng.permutation(len(names))
    if turned:
        order = np.roll(np.arange(len(names)), rng.integers(len(names) + 1))
    taken = set()
    for group in order:
        if np.abs(held + counts[group] - wanted).sum() < np.abs(held - wanted).sum():
            held = held + counts[group]
            taken.add(names[group])
    for number in np.flatnonzero(held == 0):
        members = np.flatnonzero(counts[:, number])
        if len(members) > 1 and (once or held[number] == 0):
            group = members[place(counts[members, number])]
            held = held + counts[group]
            taken.add(names[group])
    return np.array([group in taken for group in groups], bool)


def hold_out_the_last_group(labels, groups, share, rng):  # of a class that would have none
    return _held_out(labels, groups, share, rng, place=lambda sizes: len(sizes) - 1)


def hold_out_of_each_class_that_had_none(labels, groups, share, rng):  # before another one gave
    return _held_out(labels, groups, share, rng, once=True)


def hold_out_in_a_turned_order(labels, groups, share, rng):  # neighbours stay neighbours
    return _held_out(labels, groups, share, rng, turned=True)


def hold_out_a_tenth_at_least(labels, groups, share, rng):
    return _held_out(labels, groups, max(share, 0.1) if share > 0 else share, rng)
