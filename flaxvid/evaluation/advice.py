"""What the numbers of a report say about the model, and which option to try."""

from typing import Any

from flaxvid.evaluation import overfitting, wording

CLOSE = 0.02  # accuracies that are as good as each other
OTHER_INPUTS = "another --encoder, --encoder-stage or --encoder-grid"
FEW_GROUPS = 10  # of which a bootstrap knows too little


def lines(report: dict[str, Any], learnt: float | None = None) -> list[str]:
    """Each a finding and what to do about it; none, if there is nothing to say.

    Args:
        report: as `report.summarise` makes it, with `sees` and `model` of its run.
        learnt: accuracy in training at the end, 0 to 1; None: not known.
    """
    score, chance = wording.score(report), _chance_of(report)
    few = report["groups"] < FEW_GROUPS  # whose interval says little, not even that
    low = score if few or report["interval"] is None else report["interval"][0]
    found = from_these(report)
    found += [_chance(report, chance)] if low <= chance else _orders(report)
    by_heart = learnt is not None and learnt >= overfitting.BY_HEART
    if by_heart and score <= learnt - overfitting.GAP:
        found.append(_overfitting(report, learnt))
    if few:
        in_turn = (
            ", or one after the other (`prepare folder --test-groups`, then `compare --folds`)"
        )
        found.append(
            f"the interval rests on {wording.groups(report)}, too few to be relied on: hold out "
            f"more of them{in_turn if 'map' not in report else ''}"
        )
    return found


def _chance_of(report):
    """The score of one that knows nothing of the videos."""
    if "chance" in report:
        return report["chance"]
    videos = [entry["videos"] for entry in report["classes"]]
    return max(videos) / sum(videos)


def from_these(report: dict[str, Any]) -> list[str]:
    """That the model is measured on what it was learnt or chosen from, if it is."""
    if not report.get("from_these"):
        return []
    how = "learnt from" if report["split"] == "train" else "chosen on"
    remedy = "judge on others, by --split test"
    if report["split"] == "test":
        remedy = (
            "train with validation videos (`prepare folder --validation 0.2`), or judge on others, "
            "by --data"
        )
    return [
        f"{' and '.join(report['from_these'])} {how} these very videos, so that what is measured "
        f"here is too high: {remedy}"
    ]


def _chance(report, chance):
    said = f"to name the most frequent class always is right {chance:.1%} of the time"
    if "chance" in report:
        said = f"videos in any order have an mAP of {chance:.1%}"
    known = _is_linear(report) or report.get("linear")
    remedy = OTHER_INPUTS if known else "--arch linear, which can't fail to learn"
    return f"not told from chance: {said}. Check labels by eye (`prepare check`), and try {remedy}"


def _is_linear(report):
    """It is solved in closed form: there is no way of training it to choose."""
    return report["model"].startswith("linear")


def _orders(report):
    """What is left with the frames in another order, of a model that knows something."""
    score = wording.score(report)
    left = {order: score - kept <= CLOSE for order, kept in report["orders"].items()}
    if left.get("single"):
        held_out = report["groups"] < report["videos"]
        told = "" if held_out else ", perhaps by the place or person"
        held = "Hold out whole places and people (--group-regex); if the accuracy stays"
        if held_out:
            held = (
                "If a group is not all of a place or person, make it so (--group-regex); if it is"
            )
        return [
            f"one frame is as good as all: the classes are told by how things look{told}. {held}, "
            "an image classifier would do"
        ]
    if left.get("shuffled"):
        remedy = "an architecture that sees motion (--arch tcn, --encoder-stage middle)"
        if report["sees"] == "pixels":
            remedy = "a smaller --stride, so that frames are near each other"
        return [
            "shuffled frames are as good as filmed ones: order is not made use of. If the classes "
            f"differ by it, try more --num-frames, or {remedy}"
        ]
    return []


def _overfitting(report, learnt):
    remedy = "--augment 2, --mixup 0.8, or --weights from a larger set"
    if report["sees"] != "pixels":
        remedy = "more --views, --mixup 0.8, or a higher --model.input-dropout"
    if _is_linear(report):
        remedy = OTHER_INPUTS
    return (
        f"{learnt:.1%} in training and {wording.score(report):.1%} here: learnt by heart in part. "
        f"Try {remedy}; more videos of other places and people help most"
    )
