"""The options of `train`, their meaning and their defaults.

Those of a model are the fields of its config, those of training are in `recipes.recipe.Recipe`;
--help shows them with the architecture's defaults.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import tyro

from flaxvid import ranges
from flaxvid.recipes import recipe as recipes

Model = TypeVar("Model")
DTYPES = {"float32": "float32", "bf16": "bfloat16"}
"""`--precision`, as NumPy names it."""


RANDOM = "random"
"""`--encoder-weights` of an encoder that is initialised at random."""


@dataclasses.dataclass(frozen=True)
class Data:
    """What to train on."""

    data: Annotated[str, ranges.Source(("motion", "tfds:"), stores=True)] = "motion"
    """A manifest (.csv, .json), a folder of class folders, of packed videos or of embeddings,
    `motion`, `motion:hard`, `motion:scenes`, or `tfds:NAME`. Files, folders, runs and weights may
    be in an object store: s3://BUCKET/NAME, gs://BUCKET/NAME."""
    multi_label: bool = False
    """A video may have several labels: `run|jump` in a manifest, `|` alone for none.
    Each class is decided on its own, by a threshold chosen on the validation videos."""
    num_frames: Annotated[int, ranges.FRAMES] = 8
    """Frames in a clip."""
    stride: Annotated[int | None, ranges.FRAMES] = None
    """Distance between sampled frames, in frames; None: spread over the whole video."""
    sampling: Literal["spread", "interval"] = "spread"
    """Without a stride. spread: the middles of equal parts of the video; interval: as tutorials do,
    every max(1, total // num_frames)-th frame from the first."""
    padding: Literal["repeat", "zeros", "zeros_unmasked"] = "repeat"
    """How short videos are padded: by repeating the last frame, or with black frames. Models ignore
    the padding, except with zeros_unmasked."""
    image_size: Annotated[int, ranges.PIXELS] = 32
    """Height and width that the model sees, in pixels."""
    resize: Annotated[int | tuple[int, int] | None, ranges.PIXELS] = None
    """Before the crop: the short side in pixels, or exactly height and width; None: the
    architecture's, in proportion to the image size."""
    jitter: Annotated[tuple[int, int] | None, ranges.PIXELS] = None
    """In training, the short side is drawn from this range of pixels; two equal numbers: always
    that size; None: the architecture's, in proportion to the image size."""
    flip: bool = False
    """In training, mirror half of the clips. Not if left and right distinguish classes."""
    center: Literal["none", "clip"] = "none"
    """clip: subtract from each pixel its mean over the clip, so that the model sees what moves and
    not the background. For static cameras. (Models of embeddings have --model.center.)"""
    clips_per_video: Annotated[int, ranges.between(1, 10_000)] = 1
    """Clips drawn from each video in an epoch, each at its own position."""
    bad_videos: Literal["error", "skip"] = "error"
    """Stop at a video that can't be read, or leave it out and list it."""
    group_regex: str | None = None
    """Regular expression; what it matches in a video's path is the video's group, as
    subject_[0-9]+. A group is kept in one split. None: the manifest's groups, or those that names
    of UCF101, HMDB51 or Kinetics contain."""
    allow_leakage: bool = False
    """Accept groups that are in more than one split."""
    threads: Annotated[int, ranges.THREADS] = 2
    """Decoding threads."""
    workers: Annotated[int, ranges.WORKERS] = 0
    """In training, processes that decode in place of threads, each with a Python of its own: for
    many cores, as threads share Python's lock. 0: threads."""
    encoder: str = "lite0"
    """Network that makes embeddings, for models of them. Of frames: lite0, resnet18, densenet121;
    of whole clips: videomae, vivit, vjepa2, videoprism, timesformer, with --encoder-weights.
    densenet121_writeup preprocesses and pools as the PyTorch notebook does, without ImageNet's
    mean."""
    encoder_weights: Annotated[
        str | None, ranges.Source(("hf:", "package:", RANDOM), start=True, stores=True)
    ] = None
    """Weights of --encoder, or that --model.encoder starts from: a file, hf:owner/name, or `random`
    to start --model.encoder from scratch; None: its usual ones."""
    encoder_stage: Annotated[int | Literal["middle", "top"], ranges.between(0, 100)] = "top"
    """Stage of the encoder whose feature maps are used: its number; `middle`, which distinguishes
    parts and places (Lite0's fifth); or `top`, which distinguishes kinds of things."""
    encoder_grid: Annotated[int | None, ranges.between(1, 1000)] = None
    """Cells along each side in which the feature maps are averaged; None: 4, or 1 for `top`."""
    views: Annotated[int | None, ranges.between(0, 1000)] = 0
    """Augmented views of each training video to embed, in addition to the video itself; None: 10,
    or fewer if there are more than 500 videos."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Where results are kept, and what training starts from."""

    out: Annotated[Path | None, ranges.NewFolder(stores=True)] = None
    """Run directory; None: a new one under runs/."""
    resume: Annotated[Path | None, ranges.Folder(stores=True)] = None
    """Run directory to resume; its settings are the defaults."""
    weights: Annotated[str | None, ranges.Source(("hf:",), start=True, stores=True)] = None
    """Weights to start from: a file, a folder or hf:owner/name[@revision]. If the
    number of classes differs, the head is new."""
    probe: Literal["attention", "linear"] | None = None
    """Freeze the backbone of --arch with --weights, and train only a probe on its features, which
    are computed once: attention by a learnt query, or a linear layer on their mean. Short for
    `--arch probe` with the backbone as its encoder."""
    seed: Annotated[int, ranges.SEED] = 0
    """Seed of the initial weights, the order of the videos, crops and dropout."""
    eval_every: Annotated[int | None, ranges.STEPS] = None
    """Steps between evaluations, each with a checkpoint; None: ten in a run."""
    log_every: Annotated[int, ranges.STEPS] = 20
    """Steps between lines of metrics.jsonl."""
    mine: Annotated[Path | None, ranges.File()] = None
    """File with your solutions of exercises, to train with instead of flaxvid's own."""
    on_nan: Literal["stop", "rewind"] = "stop"
    """When the loss is NaN or infinite: stop, or restore the last checkpoint and continue with
    other clips, three times at most."""
    track: tuple[Literal["tensorboard", "trackio", "wandb", "mlflow"], ...] = ()
    """Write metrics, confusion and a few predictions for these trackers too: in the run directory,
    for TensorBoard and, offline unless WANDB_MODE says otherwise, W&B; in TRACKIO_DIR; in mlflow.db
    or MLFLOW_TRACKING_URI. A resumed run becomes another run there, of the same name, whose steps
    continue."""
    dry_run: bool = False
    """Print shapes, parameters, multiply-adds, memory and step time; train nothing. Videos or
    embeddings that are missing are made first."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """How devices are used. Results are the same up to rounding, except where dropout and BatchNorm
    see only the rows of one device or one micro-batch."""

    parallel: Literal["mesh", "fsdp", "pmap"] = "mesh"
    """State replicated on each device, sharded over them, or the older pmap."""
    precision: Literal["float32", "bf16"] = "float32"
    """Precision of the arithmetic; weights, optimizer and logits are always float32."""
    remat: bool = False
    """Recompute the activations of blocks in the backward pass: less memory, more work. (On a CPU,
    --parallel pmap saves no memory.)"""
    accumulate: Annotated[int, ranges.BATCH] = 1
    """Gradient accumulation: split each batch into this many micro-batches, to use less memory."""
    coordinator: Annotated[str | None, ranges.Text(r"auto|\S+:\d{1,5}", "HOST:PORT or auto")] = None
    """HOST:PORT of process 0, the same for all processes; or `auto` on a TPU pod, under SLURM or
    Open MPI, which know the rest. Under srun the default is `auto`."""
    num_processes: Annotated[int | None, ranges.between(1, 2**20)] = None
    """Processes in total; each runs this same command, and reads its share of the videos."""
    process_id: Annotated[int | None, ranges.between(0, 2**20)] = None
    """Number of this one, from 0."""
    profile: bool = False
    """Trace five steps into the run directory, to be viewed in Perfetto or XProf."""


@dataclasses.dataclass(frozen=True)
class TrainOptions(Generic[Model]):
    """Everything that can be given on the command line."""

    data: tyro.conf.OmitArgPrefixes[Data]
    recipe: tyro.conf.OmitArgPrefixes[recipes.Recipe]
    run: tyro.conf.OmitArgPrefixes[Run]
    machine: tyro.conf.OmitArgPrefixes[Machine]
    model: Model
    arch: str = "timesformer"
    """Architecture; its recipe gives the defaults shown here."""
    size: str = "tiny"
    """Preset of the architecture: `tiny` for a laptop, `small` for your own videos on two cores or
    a small GPU, `base` as published."""
    config: Annotated[Path | None, ranges.File()] = None
    """Options from a file: TOML, or the config.json of a run. Those of the command line
    override it."""
    print_config: bool = False
    """Print all options as TOML that --config takes, and do nothing else."""
    said: tyro.conf.Suppress[frozenset[str]] = frozenset()
    """Names of the options given on the command line, or in the file of --config with a value other
    than the recipe's."""
