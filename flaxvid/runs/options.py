"""The options of `train`: what may be said, what it means, and what is taken where it is not said.

Those of a model are the fields of its own config, and those of learning are in
`recipes.recipe.Recipe`; --help shows them with the architecture's defaults.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import tyro

from flaxvid import ranges
from flaxvid.recipes import recipe as recipes

Model = TypeVar("Model")
DTYPES = {"float32": "float32", "bf16": "bfloat16"}
"""`--precision` in the words of NumPy."""


RANDOM = "random"
"""`--encoder-weights` of an encoder that starts from nothing."""


@dataclasses.dataclass(frozen=True)
class Data:
    """What to learn from."""

    data: Annotated[str, ranges.Source(("motion", "tfds:"), stores=True)] = "motion"
    """A manifest (.csv, .json), a folder of class folders, of packed videos or of embeddings,
    `motion`, `motion:hard`, `motion:scenes`, or `tfds:NAME`. Files, folders, runs and weights may
    be in an object store: s3://BUCKET/NAME, gs://BUCKET/NAME."""
    multi_label: bool = False
    """A video may have several labels: `run|jump` in a manifest, and `|` alone for none of them.
    Each class is decided by itself, above a threshold chosen on the validation videos."""
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
    center: Literal["none", "clip"] = "none"
    """Clip: the model sees each pixel less its mean over the clip: what moves, and not the place.
    For cameras that stand still. (Models over embeddings have --model.center.)"""
    clips_per_video: Annotated[int, ranges.between(1, 10_000)] = 1
    """Clips of each video in an epoch, each from a place of its own."""
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""
    group_regex: str | None = None
    """What it finds in a video's path is the video's group, which stands in one split, as
    subject_[0-9]+; None: the manifest's, or what names of UCF101, HMDB51 or Kinetics tell."""
    allow_leakage: bool = False
    """Go on although a group is in more than one split."""
    threads: Annotated[int, ranges.THREADS] = 2
    """Threads that decode."""
    encoder: str = "lite0"
    """What makes embeddings, for models that take those. Of frames: lite0, resnet18, densenet121;
    of whole clips: videomae, vivit, vjepa2, videoprism, timesformer, with --encoder-weights.
    densenet121_writeup is fed and pooled as the PyTorch notebook does, without ImageNet's mean."""
    encoder_weights: Annotated[
        str | None, ranges.Source(("hf:", "package:", RANDOM), start=True, stores=True)
    ] = None
    """Of --encoder, or of the --model.encoder that starts from them: a file, hf:owner/name, or
    `random`, so that --model.encoder starts from nothing; None: its usual ones."""
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

    out: Annotated[Path | None, ranges.NewFolder(stores=True)] = None
    """Run directory; None: a new one under runs/."""
    resume: Annotated[Path | None, ranges.Folder(stores=True)] = None
    """Run directory to go on with; its settings are the defaults."""
    weights: Annotated[str | None, ranges.Source(("hf:",), start=True, stores=True)] = None
    """Weights to start from: a file, a folder or hf:owner/name[@revision]. Another number of
    classes gets a fresh head."""
    probe: Literal["attention", "linear"] | None = None
    """Leave the backbone of --arch as --weights has it, and train only a probe on its features,
    which are made once: a learnt query over them, or a linear layer on their mean. Short for
    `--arch probe` with the backbone as its encoder."""
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
    track: tuple[Literal["tensorboard", "trackio", "wandb", "mlflow"], ...] = ()
    """Write metrics, confusion and a few predictions for these trackers too: in the run directory,
    for TensorBoard and, offline unless WANDB_MODE says otherwise, W&B; in TRACKIO_DIR; in mlflow.db
    or MLFLOW_TRACKING_URI. A resumed run is one more run there, of the same name, with its steps
    counted on."""
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
class TrainOptions(Generic[Model]):
    """Everything that can be said on the command line."""

    data: tyro.conf.OmitArgPrefixes[Data]
    recipe: tyro.conf.OmitArgPrefixes[recipes.Recipe]
    run: tyro.conf.OmitArgPrefixes[Run]
    machine: tyro.conf.OmitArgPrefixes[Machine]
    model: Model
    arch: str = "timesformer"
    """Architecture; its recipe gives the defaults shown here."""
    size: str = "tiny"
    """Preset of the architecture: `tiny` for a laptop, `small` for videos of one's own on two cores
    or a small GPU, `base` as published."""
    config: Annotated[Path | None, ranges.File()] = None
    """Options from a file: TOML, or the config.json of a run. Those of the command line come
    first."""
    print_config: bool = False
    """Print all options as TOML that --config takes, and do nothing else."""
    said: tyro.conf.Suppress[frozenset[str]] = frozenset()
    """Names of the options that stood on the command line, or in the file of --config with another
    value than the recipe's."""
