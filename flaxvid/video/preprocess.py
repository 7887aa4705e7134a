"""`Preprocessing`: what happens between a decoded video and a model, as a value of its own.

`sample` chooses the frames by it, `transform` resizes, crops and normalises them.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from flaxvid import errors, range_checks

TRAINING_ONLY = ("jitter", "flip", "augment", "magnitude")
"""Fields of `Preprocessing` that a clip for testing does not depend on."""
ADDED_LATER = {"augment", "magnitude", "sampling", "padding", "center"}
"""Fields that older checkpoints lack; their defaults are what those were trained with."""


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The preprocessing between a decoded video and a model. It belongs to the model.

    It is stored in the checkpoint and read from there, so that training, evaluation and
    prediction cannot differ. The defaults are those of TimeSformer on Kinetics, without flips.
    """

    num_frames: int = 8
    """Frames in a clip; shorter videos are padded and masked."""
    stride: int | None = None
    """Frames from one sample to the next; None spreads the samples over the whole video."""
    sampling: Literal["spread", "interval"] = "spread"
    """Without a stride: the middles of equal parts, in training a random place in each; or, as
    tutorials do, every max(1, total // num_frames)-th frame from the first, in training too."""
    padding: Literal["repeat", "zeros", "zeros_unmasked"] = "repeat"
    """How short clips are padded: by repeating the last frame, or with black frames. The mask makes
    models ignore them, except with `zeros_unmasked`."""
    crop_size: int = 224
    """Side of the square that the model sees, in pixels."""
    resize: int | tuple[int, int] = 256
    """Before the crop: the short side in pixels, or exactly (height, width) as C3D's (128, 171)."""
    jitter: tuple[int, int] | None = None
    """In training, the short side is drawn from this range, both ends included; None: `resize`."""
    flip: bool = False
    """In training, mirror half of the clips. Not if left and right distinguish classes."""
    augment: int = 0
    """In training, the number of random changes of colour or geometry; see `video.augment`."""
    magnitude: float = 0.3
    """How strong those may be, 0 to 1."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    """The order of the channels in the model's input, and in `mean` and `std`."""
    scale: float = 1 / 255
    """Pixels, 0 to 255, are first multiplied by this."""
    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    """Subtracted from each channel after scaling."""
    std: tuple[float, float, float] = (0.225, 0.225, 0.225)
    """Each channel is divided by this in the end."""
    center: Literal["none", "clip"] = "none"
    """`clip`: the mean over the frames of each clip is subtracted, so that only what moves is left
    of a static scene, which models then can't learn or be misled by."""

    def __post_init__(self):
        short_side = self.resize if isinstance(self.resize, int) else min(self.resize)
        smallest, largest = self.jitter or (short_side, short_side)
        _require(self.num_frames >= 1, "num_frames", self.num_frames, "give 1 or more")
        _require(self.stride is None or self.stride >= 1, "stride", self.stride, "give 1 or more")
        interval = self.sampling == "interval"
        known = self.sampling in ("spread", "interval")
        _require(known, "sampling", self.sampling, "give spread or interval")
        _require(
            not (interval and self.stride is not None),
            "sampling",
            self.sampling,
            f"it has no effect with a stride, {self.stride}; leave one of them out",
        )
        ways = ("repeat", "zeros", "zeros_unmasked")
        _require(self.padding in ways, "padding", self.padding, f"give one of {', '.join(ways)}")
        _require(self.crop_size >= 1, "crop_size", self.crop_size, "give 1 or more")
        fits = f"give no less than crop_size, {self.crop_size}, or lower that"
        _require(short_side >= self.crop_size, "resize", self.resize, fits)
        _require(smallest >= self.crop_size, "jitter", self.jitter, fits)
        _require(smallest <= largest, "jitter", self.jitter, "give the smaller size first")
        order = self.channel_order
        _require(self.augment >= 0, "augment", self.augment, "give 0 or more")
        _require(0 <= self.magnitude <= 1, "magnitude", self.magnitude, "give 0 to 1")
        _require(self.center in ("none", "clip"), "center", self.center, "give none or clip")
        _require(order in ("rgb", "bgr"), "channel_order", order, "give rgb or bgr")
        _require(self.scale > 0, "scale", self.scale, "give more than 0, 1/255 as a rule")
        _require(len(self.mean) == 3, "mean", self.mean, "give three numbers")
        _require(len(self.std) == 3, "std", self.std, "give three numbers")
        _require(min(self.std) > 0, "std", self.std, "give numbers above 0")

    def fitted(self, *, num_frames: int, stride: int | None, crop_size: int) -> "Preprocessing":
        """The same for clips of another length, stride or size, with margins in proportion.

        A model made for 224 pixels out of 256 gets 112 out of 128.
        """

        def scaled(size):
            return max(crop_size, round(size * crop_size / self.crop_size))

        resize, jitter = self.resize, self.jitter
        return dataclasses.replace(
            self,
            num_frames=num_frames,
            stride=stride,
            crop_size=crop_size,
            resize=scaled(resize) if isinstance(resize, int) else tuple(map(scaled, resize)),
            jitter=None if jitter is None else tuple(map(scaled, jitter)),
        )

    def coloured_as(self, other: "Preprocessing") -> "Preprocessing":
        """The same frames, their pixels in the channel order, scale, mean and standard deviation
        of another."""
        colours = ("channel_order", "scale", "mean", "std")
        return dataclasses.replace(self, **{name: getattr(other, name) for name in colours})

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them: tuples become lists."""
        fields = dataclasses.asdict(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in fields.items()
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Preprocessing":
        """The preprocessing that `to_dict` wrote down.

        Raises:
            UserError: if a field is unknown, missing or out of its range. A missing one has no
                default here: a model trained with another value would be silently wrong.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        missing = known - fields.keys() - ADDED_LATER
        differences = {"unknown": fields.keys() - known, "missing": missing}
        for problem, names in differences.items():
            if names:
                raise errors.UserError(
                    f"preprocessing has {problem} fields: {', '.join(sorted(names))}; "
                    f"its fields are {', '.join(sorted(known))}"
                )
        found = cls(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in fields.items()
            }
        )
        range_checks.check_kinds(found)
        return found


def _require(condition: bool, field: str, value: Any, remedy: str) -> None:
    if not condition:
        raise errors.UserError(f"preprocessing {field} is {value}: {remedy}")
