"""The choices of a run: what to learn from, how, and where to keep it."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from flaxvid import errors, ranges
from flaxvid.data import embeddings
from flaxvid.recipes import recipe as recipes
from flaxvid.video import transform

DTYPES = {"float32": "float32", "bf16": "bfloat16"}
"""`--precision` in the words of NumPy."""


@dataclasses.dataclass(frozen=True)
class Data:
    """What to learn from."""

    data: Annotated[str, ranges.Source(("motion", "tfds:"))] = "motion"
    """A manifest (.csv, .json), a folder of class folders, of packed videos or of embeddings,
    `motion`, `motion:hard`, or `tfds:NAME`."""
    batch_size: Annotated[int, ranges.BATCH] = 16
    """Clips in a step, over all devices together."""
    num_frames: Annotated[int, ranges.FRAMES] = 8
    """Frames of a clip."""
    stride: Annotated[int | None, ranges.FRAMES] = None
    """Frames from one to the next; None: spread over the whole video."""
    sampling: Literal["spread", "interval"] = "spread"
    """Without a stride: middles of equal parts of the video, or, as tutorials do, every
    max(1, total // num_frames)-th frame from the first."""
    padding: Literal["repeat", "zeros", "zeros_unmasked"] = "repeat"
    """What fills up short videos: the last frame again, or black frames; both are ignored, but for
    zeros_unmasked, which the model takes for frames."""
    image_size: Annotated[int, ranges.PIXELS] = 32
    """Height and width that the model sees, in pixels."""
    resize: Annotated[int | tuple[int, int] | None, ranges.PIXELS] = None
    """Before the crop: the short side in pixels, or exactly height and width; None: the
    architecture's, in proportion to the image size."""
    jitter: Annotated[tuple[int, int] | None, ranges.PIXELS] = None
    """In training, the short side is drawn from this range of pixels; twice the same: always that
    size; None: the architecture's, in proportion to the image size."""
    flip: bool = False
    """In training, mirror half of the clips. Not where left and right make different classes."""
    clips_per_video: Annotated[int, ranges.between(1, 10_000)] = 1
    """Clips of each video in an epoch, each from a place of its own."""
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""
    group_regex: str | None = None
    """What it finds in a video's path is the video's group, which stands in one split, as
    subject_[0-9]+; None: the manifest's, or what names of UCF101, HMDB51 or Kinetics tell."""
    allow_leakage: bool = False
    """Go on although a group stands in more than one split."""
    threads: Annotated[int, ranges.THREADS] = 2
    """Threads that decode."""
    encoder: str = "lite0"
    """What makes embeddings of frames, for models that take those: lite0, resnet18, densenet121;
    densenet121_writeup is fed and pooled as the PyTorch notebook does, without ImageNet's mean."""
    encoder_weights: Annotated[str | None, ranges.Source(("hf:",))] = None
    """The encoder's: a file or hf:owner/name; None: its usual ones."""
    encoder_stage: Annotated[int | Literal["middle", "top"], ranges.between(0, 100)] = "top"
    """Of the encoder, whose maps are taken: its number; `middle`, which tells parts and places
    (Lite0's fifth); or `top`, which tells what things are."""
    encoder_grid: Annotated[int | None, ranges.between(1, 1000)] = None
    """Cells along each side in which the maps are averaged; None: 4, and 1 of the top."""
    views: Annotated[int | None, ranges.between(0, 1000)] = 0
    """Augmented views of each training video that embeddings are made of, beside the video as it
    is; None: 10, and fewer of more than 500 videos."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Where to keep it, and how to go on."""

    out: Annotated[Path | None, ranges.NewFolder()] = None
    """Run directory; None: a new one under runs/."""
    resume: Annotated[Path | None, ranges.Folder()] = None
    """Run directory to go on with; its settings are the defaults."""
    weights: Annotated[str | None, ranges.Source(("hf:",))] = None
    """Weights to start from: a file, a folder or hf:owner/name[@revision]. Another number of
    classes gets a fresh head."""
    seed: Annotated[int, ranges.SEED] = 0
    """Of fresh weights, the order of the videos, crops and dropout."""
    eval_every: Annotated[int | None, ranges.STEPS] = None
    """Steps between evaluations, each with a checkpoint; None: ten in a run."""
    log_every: Annotated[int, ranges.STEPS] = 20
    """Steps between lines of metrics.jsonl."""
    mine: Annotated[Path | None, ranges.File()] = None
    """File with your solutions of exercises, to train with in place of flaxvid's own."""
    on_nan: Literal["stop", "rewind"] = "stop"
    """When the loss is NaN or infinite: stop, or go back to the last checkpoint and on with other
    clips, three times at most."""
    tensorboard: bool = False
    """Write the metrics for TensorBoard too, into the run directory."""
    dry_run: bool = False
    """Print shapes, parameters, multiply-adds, memory and step time; train nothing. Videos or
    embeddings that are to be made are made first."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """How devices are used. What is learnt stays the same, but for rounding, and for where dropout
    and BatchNorm see the rows of one device or one micro-batch."""

    parallel: Literal["mesh", "fsdp", "pmap"] = "mesh"
    """Whole state on each device, a share of it on each, or the older pmap."""
    precision: Literal["float32", "bf16"] = "float32"
    """Of the arithmetic; weights, optimizer and logits are float32 always."""
    remat: bool = False
    """Compute the insides of blocks twice instead of keeping them: less memory, more work."""
    accumulate: Annotated[int, ranges.BATCH] = 1
    """Gradient accumulation: split each batch into this many micro-batches, to use less memory."""
    coordinator: Annotated[str | None, ranges.Text(r"auto|\S+:\d{1,5}", "HOST:PORT or auto")] = None
    """HOST:PORT of process 0, the same for all processes; or `auto` on a TPU pod, under SLURM or
    Open MPI, which know the rest. Under srun it is `auto` by itself."""
    num_processes: Annotated[int | None, ranges.between(1, 2**20)] = None
    """Processes in all; each runs this same command, and reads its share of the videos."""
    process_id: Annotated[int | None, ranges.between(0, 2**20)] = None
    """Number of this one, from 0."""
    profile: bool = False
    """Trace five steps into the run directory, to be looked at in Perfetto or XProf."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that makes a run what it is: enough to go on with it, or to use its model."""

    arch: str
    size: str
    model: Any
    """The model's own config."""
    preprocessing: transform.Preprocessing
    data: Data
    recipe: recipes.Recipe
    run: Run
    labels: tuple[str, ...]
    manifest: str
    """Fingerprint of the manifest trained on."""
    machine: Machine = dataclasses.field(default_factory=Machine)
    embedding: embeddings.About | None = None
    """How frames become what the model sees; None: it sees their pixels."""
    changes: tuple[dict[str, Any], ...] = ()
    """What was said otherwise when the run was resumed, so that these settings hold only from then
    on: the `step` that it was resumed after, and `before`, by name as in `made_of`."""


def made_of(settings: Settings) -> dict[str, Any]:
    """What makes a model and what it sees, name by name: two runs that differ in nothing but the
    seed have the same, and their accuracies may be averaged.

    That is the model's config, its preprocessing and encoder, the recipe, the batches, the weights
    it started from, the arithmetic and the data trained on; not where, or on how many devices. If
    some of it was changed on the way, that is told apart from a run that had it from the start.
    """
    data, run = settings.data, settings.run
    parts = {
        "model": plain(settings.model),
        "preprocessing": plain(settings.preprocessing),
        "recipe": plain(settings.recipe),
        "embedding": {} if settings.embedding is None else plain(settings.embedding),
        "data": {name: getattr(data, name) for name in ("batch_size", "clips_per_video")},
        "run": {"weights": run.weights, "manifest": settings.manifest},
        "machine": {"precision": settings.machine.precision},
    }
    parts["embedding"].pop("weights", None)  # where they lay; what they are, its SHA-256 says
    parts = json.loads(to_json(parts))
    found = {
        f"{part}.{name}": value for part, inside in parts.items() for name, value in inside.items()
    }
    return found | ({"run.changes": list(settings.changes)} if settings.changes else {})


def plain(value: object) -> dict:
    """A dataclass, field by field, without touching what the fields hold."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def to_json(value: object) -> str:
    """Nested dataclasses, paths and plain values as readable JSON."""

    def encode(inner):
        return plain(inner) if dataclasses.is_dataclass(inner) else str(inner)

    return json.dumps(value, indent=2, ensure_ascii=False, default=encode) + "\n"


def from_dict(kind: type, values: dict, source: str):
    """The dataclass `kind` from JSON values; `source` names the file in an error.

    Raises:
        UserError: for a field that this version does not know.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise errors.UserError(
            f"{source}: {kind.__name__} has no field {unknown[0]!r}; "
            "the run comes from another version of flaxvid"
        )
    return kind(**{name: _restore(fields[name], value) for name, value in values.items()})


def _restore(field, value):
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and "Path" in str(field.type):
        return Path(value)
    return value
