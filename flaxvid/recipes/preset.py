"""What one size of an architecture is: its network, its pixels, its training."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

from flax import nnx

from flaxvid.recipes import recipe as recipes
from flaxvid.video import preprocess


@dataclasses.dataclass(frozen=True)
class Preset:
    """One size of an architecture."""

    config: Callable[..., Any]
    """`config(num_classes=..., **overrides)` gives the frozen config."""
    module: Callable[..., nnx.Module]
    """`module(config, rngs=...)` gives the model."""
    preprocessing: preprocess.Preprocessing
    recipe: recipes.Recipe
    encoder: str | None = None
    """Frame encoder of a model over embeddings; None: the model sees pixels."""
    encoder_stage: Literal["middle", "top"] = "top"
    """Of the encoder, whose maps are taken, averaged in a grid; the top over all places."""
    views: int | None = 0
    """Augmented views of each training video; None: by their number."""
    own: "Preset | None" = None
    """For videos of one's own, which are real and few; None: this one, which is for `motion`."""


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A family of models and its presets; `tiny` is made for a laptop, `base` is published."""

    sizes: Mapping[str, Preset]
    inputs: Literal["video", "embedding"] = "video"
