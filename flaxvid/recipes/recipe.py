"""How a model learns: optimizer, schedule, regularisation and what stays frozen."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to learn; the defaults are the architecture's recipe."""

    steps: int | None = None
    """Updates to make; instead of epochs."""
    epochs: float = 10.0
    """Passes over the training videos, if no steps are given."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """Sgd has momentum; adamw's decay stands apart from its gradients."""
    learning_rate: float = 1e-3
    """At its highest."""
    schedule: Literal["constant", "step", "cosine"] = "cosine"
    """Cosine: warm-up, then down to a hundredth. Step: times 0.1 at each milestone."""
    warmup: float = 0.05
    """Share of the run in which the rate rises from zero (cosine only)."""
    milestones: tuple[float, ...] = (0.7, 0.9)
    """Where the step schedule falls, as shares of the run."""
    weight_decay: float = 0.05
    """On kernels only: never on norms, biases and embeddings."""
    momentum: float = 0.9
    """Of SGD."""
    clip_norm: float | None = 1.0
    """Largest norm of the whole gradient; None: unbounded."""
    label_smoothing: float = 0.0
    """Share of every target that is spread over all classes alike."""
    mixup: float = 0.0
    """Blend each clip with another of the batch; alpha of the Beta distribution, 0 for none."""
    cutmix: float = 0.0
    """Paste a box of another clip over each; alpha, 0 for none. With mixup: one or the other."""
    augment: int = 0
    """Random changes of colour or geometry to each clip, the same for all of its frames."""
    magnitude: float = 0.3
    """How strong those may be, 0 to 1."""
    average: float | None = None
    """Evaluate and keep an exponential moving average (EMA) of the weights; its decay: 0.999."""
    patience: int | None = None
    """Stop after so many evaluations without a better accuracy."""
    layer_decay: float = 1.0
    """Each block learns at this multiple of the rate of the one above it."""
    rate_factors: tuple[str, ...] = ()
    """REGEX=FACTOR on the learning rate of parameters whose path it is found in, as `^head=10`."""
    freeze: tuple[str, ...] = ()
    """REGEX: parameters whose path it is found in stay as they are, as `^blocks/[0-8]/`."""
