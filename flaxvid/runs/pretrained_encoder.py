"""The frame encoder of a model from pixels: which weights it starts from, and what they have seen.

encoder = pretrained_encoder.open_weights(settings.model, settings.data.encoder_weights)
settings, (parts, report) = encoder.prepare(settings), encoder.fill(parts)
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from flaxvid.models import frame_encoders
from flaxvid.runs import config, options
from flaxvid.training import state as states
from flaxvid.video import preprocess
from flaxvid.weights import convert, read
from flaxvid.weights import frame_encoders as weights


def spec_of(model: Any, asked: str | None) -> str | None:
    """Where the weights are that the frame encoder of a model starts from; None: it has none.

    Args:
        model: its config. Without a field `encoder`, or with one that was never trained on images,
            there are no weights.
        asked: as `--encoder-weights`; None: the encoder's usual ones.
    """
    if asked == options.RANDOM or getattr(model, "encoder", None) not in frame_encoders.ENCODERS:
        return None
    return asked or frame_encoders.find(model.encoder).weights


@dataclasses.dataclass(frozen=True)
class PretrainedEncoder:
    """An image network's weights, read and told from those of other networks."""

    name: str
    spec: str
    arrays: Mapping[str, np.ndarray]
    preprocessing: preprocess.Preprocessing
    """How pixels were prepared for them."""

    def prepare(self, settings: config.Settings) -> config.Settings:
        """The settings with the colours that the weights know, and with where they came from."""
        return dataclasses.replace(
            settings,
            preprocessing=settings.preprocessing.coloured_as(self.preprocessing),
            data=dataclasses.replace(settings.data, encoder_weights=self.spec),
        )

    def fill(self, parts: states.Parts) -> tuple[states.Parts, convert.Report]:
        """A model's parts with these weights, BatchNorm's statistics too, in its `encoder`.

        Raises:
            WeightsError: if they hold more or less than the encoder.
        """
        params, stats, report = weights.load(
            self.name,
            self.arrays,
            parts.params["encoder"],
            parts.stats["encoder"],
            origin=self.spec,
        )
        filled = parts._replace(
            params=parts.params | {"encoder": params}, stats=parts.stats | {"encoder": stats}
        )
        return filled, report


def open_weights(model: Any, asked: str | None) -> PretrainedEncoder | None:
    """What the frame encoder of a model starts from; None: it has none, or starts at random.

    Args:
        model: its config.
        asked: as `spec_of` takes it.

    Raises:
        WeightsError: if the weights can't be had, or are another network's.
    """
    spec = spec_of(model, asked)
    if spec is None:
        return None
    name = model.encoder
    try:
        arrays = read.read(weights.locate(spec))
    except read.WeightsError as error:
        if asked is not None:
            raise
        raise read.WeightsError(
            f"--model.encoder {name}: {error}, by --encoder-weights, or train it from nothing by "
            f"--encoder-weights {options.RANDOM}"
        ) from None
    naming = weights.find_naming(name, arrays, origin=spec)
    return PretrainedEncoder(name, spec, arrays, frame_encoders.find(name).preprocessings[naming])
