"""How pixels were prepared for weights, as the file says that Transformers puts beside them.

found = processor.read("hf:MCG-NJU/videomae-base-finetuned-kinetics", path)
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from flaxvid import errors, files
from flaxvid.video import preprocess
from flaxvid.weights import fetch
from flaxvid.weights import read as reading

NAMES = ("video_preprocessor_config.json", "preprocessor_config.json")


@dataclasses.dataclass(frozen=True)
class Processor:
    """What the file says; None: it does not."""

    name: str
    """Of the file."""
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channel_order: Literal["rgb", "bgr"] | None = None
    crop_size: int | None = None
    resize: int | tuple[int, int] | None = None

    def applied(self, to: preprocess.Preprocessing) -> preprocess.Preprocessing:
        """The preprocessing with these colours, and with this margin around the crop."""
        changes: dict[str, Any] = dict(scale=self.scale, mean=self.mean, std=self.std)
        if self.channel_order is not None:
            changes["channel_order"] = self.channel_order
        if self.resize is not None:
            crop = self.crop_size or _short(self.resize)

            def scaled(size):
                return max(to.crop_size, round(size * to.crop_size / crop))

            whole = isinstance(self.resize, int)
            changes["resize"] = scaled(self.resize) if whole else tuple(map(scaled, self.resize))
        return dataclasses.replace(to, **changes)

    def __str__(self) -> str:
        """In a line, for a terminal."""
        colours = f"{(self.channel_order or 'rgb').upper()} x {self.scale:.6g}"
        sizes = f", short side {self.resize}" if isinstance(self.resize, int) else ""
        sizes = f", {self.resize[0]} x {self.resize[1]}" if self._squeezes() else sizes
        sizes += f", crop {self.crop_size}" if self.crop_size else ""
        return f"{colours}, mean {_numbers(self.mean)}, std {_numbers(self.std)}{sizes}"

    def _squeezes(self):
        return isinstance(self.resize, tuple)


def read(spec: str, path: Path) -> Processor | None:
    """What the file beside the weights that `locate(spec)` found at `path` says; None: no file.

    Raises:
        WeightsError: if it can't be understood, or asks for what is not done here.
    """
    for name in NAMES:
        beside = fetch.beside(spec, path, name)
        if beside is not None:
            with errors.damage_in(beside, "fetch it again, or mend it", reading.WeightsError):
                return _understood(files.read_json(beside), name)
    return None


def _understood(said: Mapping[str, Any], name: str) -> Processor:
    scale = float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1.0
    mean, std = (0.0,) * 3, (1.0,) * 3
    if said.get("do_normalize", True):
        mean, std = _three(said["image_mean"]), _three(said["image_std"])
    if said.get("offset") and said.get("do_rescale", True):
        # Pixels times the scale, less 1, and only then the mean is taken off.
        mean = tuple(value + 1.0 for value in mean)
    flag = said.get("do_flip_channel_order")
    crop = said.get("crop_size") if said.get("do_center_crop", True) else None
    resize = said.get("size") if said.get("do_resize", True) else None
    return Processor(
        name,
        scale,
        mean,
        std,
        channel_order=None if flag is None else ("bgr" if flag else "rgb"),
        crop_size=None if crop is None else _side(crop),
        resize=None if resize is None else _size(resize),
    )


def _three(values):
    values = [values] * 3 if isinstance(values, int | float) else values
    first, second, third = map(float, values)
    return first, second, third


def _side(size):
    if isinstance(size, Mapping):
        if size["height"] != size["width"]:
            raise ValueError(f"a crop of {size['height']} x {size['width']} pixels is not square")
        size = size["height"]
    return int(size)


def _size(size):
    if isinstance(size, Mapping) and "height" in size:
        return int(size["height"]), int(size["width"])
    return int(size["shortest_edge"] if isinstance(size, Mapping) else size)


def _short(size):
    return size if isinstance(size, int) else min(size)


def _numbers(values):
    return " ".join(f"{value:.4g}" for value in dict.fromkeys(values))
