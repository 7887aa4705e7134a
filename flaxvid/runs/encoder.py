"""What makes embeddings, ready for use: of each frame, or of a whole clip."""

import dataclasses
from collections.abc import Callable
from typing import Any

from flaxvid.video import preprocess


@dataclasses.dataclass(frozen=True)
class Encoder:
    """An encoder ready for use."""

    name: str
    weights: str
    """Where they came from, as `weights.frame_encoders.locate` takes it."""
    sha256: str
    """Of the file of weights."""
    dim: int
    preprocessing: preprocess.Preprocessing
    encode: Callable[..., Any]
    """RGB pixels to embeddings, on the device; it returns before they are there.

    Of a frame encoder: `batch height width 3` to `batch dim`. Of a clip encoder: clips `batch time
    height width 3` and their mask `batch time` to `batch token dim` and `batch token`."""
    stage: int | None = None
    """Of the network, whose maps are taken; None: its top."""
    grid: int = 1
    """Cells along each side in which the maps are averaged."""
    tokens: int = 0
    """Rows of a clip's embedding; 0: the encoder is of frames, and gives one for each."""
    told: str = ""
    """What is told to who trains on its embeddings: where its pixels' preparation is from, and the
    licence of its weights; of a frame encoder, nothing."""

    def shown(self, **changes) -> "Encoder":
        """The same for frames that are chosen or filled up otherwise.

        Raises:
            UserError: for a value that a `Preprocessing` does not take.
        """
        return dataclasses.replace(
            self, preprocessing=dataclasses.replace(self.preprocessing, **changes)
        )
