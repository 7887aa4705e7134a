"""`--probe`: what it stands for in the options of `train`."""

import argparse

from flaxvid import errors
from flaxvid.runs import clip_encoding

WAYS = ("attention", "linear")


def rewritten(arguments: list[str]) -> list[str]:
    """The arguments with `--arch A --weights W --probe P` as `--arch probe` over A's features.

    Raises:
        UserError: for a probe of another name, without weights, of an architecture that has no
            features of clips, or with a --size: the weights tell that.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("--probe", "--arch", "--size", "--weights"):
        first.add_argument(name, nargs="?", default=None)
    given, rest = first.parse_known_args(arguments)
    if given.probe is None:
        return arguments
    if given.probe not in WAYS:
        raise errors.UserError(f"--probe {given.probe}: give one of {', '.join(WAYS)}")
    arch = given.arch or "timesformer"
    if arch not in clip_encoding.NAMES:
        raise errors.UserError(
            f"--probe {given.probe}: {arch} gives no features of clips; there are "
            f"{', '.join(clip_encoding.NAMES)}"
        )
    if given.weights is None:
        raise errors.UserError(
            f"--probe {given.probe}: features of random weights tell little; give --weights"
        )
    if given.size is not None:
        raise errors.UserError(
            f"--size {given.size}: with --probe the weights tell the backbone's size; leave it out"
        )
    made = ["--arch", "probe", "--model.pooling", given.probe]
    return [*made, "--encoder", arch, "--encoder-weights", given.weights, *rest]
