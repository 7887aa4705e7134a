"""What of a model was learnt or chosen from the videos that it is judged on."""

from collections.abc import Collection

from flaxvid.runs import config


def watched(splits: Collection[str]) -> str:
    """The split that a run is judged on under way, and chosen by."""
    return "validation" if "validation" in splits else "test"


def by_judging(settings: config.Settings) -> list[str]:
    """What is chosen by how well the model does on the split that is watched, with its verb."""
    recipe, solved = settings.recipe, settings.arch == "linear"  # in one step: no checkpoints
    found = ["the best checkpoint is"] * (recipe.keep == "best" and not solved)
    found += ["the end of the run is"] * (recipe.keep == "last" and recipe.patience is not None)
    return found + ["the thresholds of the classes are"] * settings.data.multi_label


def from_split(settings: config.Settings, split: str, splits: Collection[str]) -> list[str]:
    """What a model has from a split of its run's own data, each with its verb.

    Args:
        settings: of the run.
        split: that it is judged on.
        splits: that its data have.
    """
    if split == "train":
        return ["its parameters are"]
    return by_judging(settings) if split == watched(splits) else []
