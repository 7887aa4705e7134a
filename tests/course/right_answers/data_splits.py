"""Right answers for the exercises of flaxvid.data.splits, in other ways."""

import collections

import numpy as np


# --- hold_out ---------------------------------------------------------------------------
def _hold_out(labels, groups, share, rng, closer):
    if share <= 0 or share > 0.5:
        raise ValueError(f"share: above 0 and up to 0.5, not {share}")
    counts = {group: collections.Counter() for group in sorted(set(groups))}
    for label, group in zip(labels, groups, strict=True):
        counts[group][label] += 1
    wanted = {name: share * number for name, number in collections.Counter(labels).items()}
    held, taken = collections.Counter(), set()
    names = list(counts)
    order = [names[place] for place in rng.permutation(len(names))]
    for group in order:
        if closer(held, counts[group], wanted):
            held.update(counts[group])
            taken.add(group)
    for name in sorted(wanted):
        if held[name] == 0:
            members = [group for group in order if counts[group][name]]
            if len(members) > 1:
                smallest = min(members, key=lambda group: counts[group].total())
                held.update(counts[smallest])
                taken.add(smallest)
    return np.array([group in taken for group in groups], bool)


def hold_out_with_counters(labels, groups, share, rng):
    def closer(held, group, wanted):
        before = sum(abs(held[name] - wanted[name]) for name in wanted)
        return sum(abs(held[name] + group[name] - wanted[name]) for name in wanted) < before

    return _hold_out(labels, groups, share, rng, closer)


def hold_out_by_the_gain(labels, groups, share, rng):
    def closer(held, group, wanted):
        gain = 0.0
        for name, number in group.items():
            gain += abs(held[name] - wanted[name]) - abs(held[name] + number - wanted[name])
        return gain > 1e-12

    return _hold_out(labels, groups, share, rng, closer)


def hold_out_by_arrays(labels, groups, share, rng):
    def closer(held, group, wanted):
        names = list(group)
        goal = np.array([wanted[name] - held[name] for name in names])
        return np.abs(goal - [group[name] for name in names]).sum() < np.abs(goal).sum()

    return _hold_out(labels, groups, share, rng, closer)


def hold_out_in_other_words(labels, groups, share, rng):  # of the error
    if not 0 < share <= 0.5:
        raise ValueError("more than nothing and at most a half can be held out")
    return hold_out_with_counters(labels, groups, share, rng)
