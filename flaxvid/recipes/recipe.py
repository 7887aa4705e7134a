"""How a model learns: steps, batch size, optimizer, schedule, regularisation, what stays frozen."""

import dataclasses
import math
import re
from typing import Any, Literal

from flaxvid import errors


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train; the defaults are the architecture's recipe.

    Raises:
        UserError: for a value out of its range, with the option, the value and the range.
    """

    steps: int | None = None
    """Training steps, 1 or more; None: as many as the epochs take."""
    epochs: float = 10.0
    """Passes over the training videos, above 0; used if `steps` is None. Given on the command line,
    it replaces the recipe's steps."""
    least_steps: int = 0
    """Fewest training steps, 0 or more, if `steps` is None and the epochs take fewer."""
    batch_size: int = 16
    """Clips in a step, on all devices together, 1 or more."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """Sgd has momentum; adamw's weight decay is decoupled from the gradients."""
    learning_rate: float = 1e-3
    """Its peak, 0 or more."""
    schedule: Literal["constant", "step", "cosine"] = "cosine"
    """Cosine: warm-up, then down to a hundredth. Step: times 0.1 at each milestone."""
    warmup: float = 0.05
    """Steps in which the rate rises from zero (cosine only): below 1 a fraction of the run, from 1
    on a number of steps."""
    milestones: tuple[float, ...] = (0.7, 0.9)
    """Where the step schedule falls: all below 1 as fractions of the run, or all from 1 on as
    steps."""
    weight_decay: float = 0.05
    """Applied to kernels only, not to norms, biases and embeddings; 0 or more."""
    momentum: float = 0.9
    """Of SGD, 0 to below 1."""
    clip_norm: float | None = 1.0
    """Global norm to which gradients are clipped, above 0; None: not clipped."""
    label_smoothing: float = 0.0
    """Fraction of every target that is spread evenly over all classes, 0 to below 1."""
    balance: Literal["none", "sampling", "loss"] = "none"
    """For classes of different sizes: draw every class equally often, or weight each video's loss
    by the inverse of its class's size."""
    mixup: float = 0.0
    """Blend each clip with another of the batch; alpha of the Beta distribution, 0: off."""
    cutmix: float = 0.0
    """Paste a box of another clip over each; alpha, 0: off. With mixup, each batch gets one of
    them."""
    augment: int = 0
    """Random changes of colour or geometry to each clip, the same for all of its frames."""
    magnitude: float = 0.3
    """How strong those may be, 0 to 1."""
    average: float | None = None
    """Evaluate and keep an exponential moving average (EMA) of the weights; its decay, 0 to below
    1: 0.999."""
    patience: int | None = None
    """Stop after so many evaluations without a better accuracy, 1 or more."""
    keep: Literal["best", "last"] = "best"
    """Checkpoint to evaluate and use: the best on the validation videos, or the last, if those are
    too few to choose by."""
    layer_decay: float = 1.0
    """Learning rate of each layer as a multiple of that of the layer above it, above 0 and up to 1:
    from the head down through the blocks to the patches, and through a frame encoder below."""
    rate_factors: tuple[str, ...] = ()
    """REGEX=FACTOR: multiplies the learning rate of parameters whose path matches, as
    `^head=10`."""
    freeze: tuple[str, ...] = ()
    """REGEX: parameters whose path matches are not trained, as `^blocks/[0-8]/`, nor are the
    statistics of their BatchNorm."""

    def __post_init__(self):
        def at_least_0(name):
            value = getattr(self, name)
            _require(0 <= value < math.inf, name, value, "give 0 or more")

        def below_1(name, value):
            _require(0 <= value < 1, name, value, "give 0 or more, and less than 1")

        _require(self.steps is None or self.steps >= 1, "steps", self.steps, "give 1 or more")
        _require(0 < self.epochs < math.inf, "epochs", self.epochs, "give more than 0")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "give 1 or more")
        for name in (
            "least_steps",
            "learning_rate",
            "weight_decay",
            "mixup",
            "cutmix",
            "augment",
        ):
            at_least_0(name)
        below_1("momentum", self.momentum)
        below_1("label_smoothing", self.label_smoothing)
        if self.average is not None:
            below_1("average", self.average)
        _require(0 <= self.magnitude <= 1, "magnitude", self.magnitude, "give 0 to 1")
        norm, patience = self.clip_norm, self.patience
        _require(norm is None or norm > 0, "clip_norm", norm, "give more than 0, or None")
        _require(patience is None or patience >= 1, "patience", patience, "give 1 or more, or None")
        decay = self.layer_decay
        _require(0 < decay <= 1, "layer_decay", decay, "give more than 0, and 1 at most")
        share_or_steps = "give a share of the run, from 0 to below 1, or a whole number of steps"
        _require(_is_place(self.warmup), "warmup", self.warmup, share_or_steps)
        falls = self.milestones
        _require(
            all(map(_is_place, falls))
            and list(falls) == sorted(set(falls))
            and len({fall < 1 for fall in falls}) < 2,
            "milestones",
            " ".join(f"{fall:g}" for fall in falls),
            "give shares of the run, from 0 to below 1, or whole numbers of steps, rising",
        )
        _require(
            self.balance != "loss" or not (self.mixup or self.cutmix),
            "balance",
            self.balance,
            "mixed clips are of two classes; give --balance sampling, or no --mixup and --cutmix",
        )
        self.factor_groups()

    def freezes(self, path: str) -> bool:
        """Whether the parameter of that path, as `blocks/0/attn/qkv/kernel`, stays as it is."""
        groups = self.factor_groups()
        return next((rate == 0 for _, pattern, rate in groups if re.search(pattern, path)), False)

    def warmup_steps(self, steps: int) -> int:
        """Steps of warm-up in a run of `steps`.

        Raises:
            UserError: if it takes more steps than the run has.
        """
        found = _steps(self.warmup, steps)
        _require(
            found <= steps,
            "warmup",
            found,
            f"the run has {steps} steps: give less, or a share such as 0.05",
        )
        return found

    def milestone_steps(self, steps: int) -> tuple[int, ...]:
        """The steps of a run of `steps` at which the step schedule falls.

        Raises:
            UserError: if one lies behind the end of the run: the rate would never fall.
        """
        found = tuple(_steps(fall, steps) for fall in self.milestones)
        for fall, given in zip(found, self.milestones, strict=True):
            _require(
                given < 1 or fall < steps,
                "milestones",
                fall,
                f"the run has {steps} steps: give less, or shares such as 0.7 0.9",
            )
        return found

    def factor_groups(self) -> list[tuple[str, str, float]]:
        """Option, regular expression and factor of every group, those that are frozen first.

        Raises:
            UserError: for what is not REGEX=FACTOR, or no regular expression.
        """
        groups = [(f"--freeze {text}", text, 0.0) for text in self.freeze]
        for text in self.rate_factors:
            option = f"--rate-factors {text}"
            pattern, _, number = text.rpartition("=")
            try:
                groups.append((option, pattern, float(number)))
            except ValueError:
                raise errors.UserError(f"{option}: is not REGEX=FACTOR, as ^head=10") from None
            if not 0 <= groups[-1][2] < math.inf:
                raise errors.UserError(f"{option}: give a factor of 0 or more")
        for option, pattern, _ in groups:
            try:
                re.compile(pattern)
            except re.error as error:
                raise errors.UserError(f"{option}: is not a regular expression: {error}") from None
        return groups


def _is_place(value: float) -> bool:
    """Whether a value is a share of a run, or a whole number of steps."""
    return 0 <= value < 1 or (1 <= value < math.inf and value == int(value))


def _steps(value: float, steps: int) -> int:
    """A share of a run of `steps`, or a number of steps, as steps."""
    return round(value * steps) if value < 1 else int(value)


def _require(condition: bool, field: str, value: Any, remedy: str) -> None:
    if not condition:
        raise errors.UserError(f"--{field.replace('_', '-')} {value}: {remedy}")
