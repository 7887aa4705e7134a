"""Export a trained model as one file: StableHLO that includes weights and preprocessing, for CPU or
GPU and batches of any size. It needs only JAX and flatbuffers (`pip install jax flatbuffers`):

    from jax import export
    model = export.deserialize(open("model.jax", "rb").read())
    logits = model.call(video, mask)    # uint8 batch time height width 3, bool batch time

With --format onnx, an ONNX file, for ONNX Runtime and others; its logits are compared with JAX's.

With --format flaxvid, a folder to share: model.safetensors, config.json and a model card, for
`flaxvid.load`, `predict` and `evaluate`. `hf upload OWNER/NAME DIR` puts it on the Hugging Face
Hub, where these commands find it as hf:OWNER/NAME.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Literal

import jax
import jax.export
import numpy as np
import tyro

from flaxvid import commandline, errors, files, folders, ranges, stores
from flaxvid.prediction import published
from flaxvid.runs import model_card, model_facts, model_folder, onnx_file, trained_model


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """What to export, and where."""

    run: Annotated[
        Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="RUN"), ranges.Folder(stores=True)
    ] = None
    """Run directory of `flaxvid.train`; its best checkpoint is exported."""
    folder: Annotated[
        Path | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="DIR"),
        ranges.NewFolder(stores=True),
    ] = None
    """Output folder; the same as --out."""
    format: Literal["stablehlo", "onnx", "flaxvid"] = "stablehlo"
    """stablehlo: a file that JAX runs without flaxvid; onnx: a file for ONNX Runtime; flaxvid: a
    folder that flaxvid opens again, with a model card."""
    weights: Annotated[str | None, ranges.Source(("hf:",), stores=True)] = None
    """Instead of a run, weights with a classification head: a file, a folder or
    hf:owner/name[@revision]."""
    out: Annotated[Path | None, ranges.NewFolder(stores=True)] = None
    """Folder for the files; None: export/, or model/ for --format flaxvid, in the run directory, or
    in the current folder if there is no run."""
    platforms: tuple[Literal["cpu", "cuda", "rocm", "tpu"], ...] = ("cpu", "cuda")
    """Platforms that a StableHLO file can run on."""


def main() -> None:
    """The command `python -m flaxvid.export`."""
    with errors.one_line_errors():
        export(parse(sys.argv[1:]))


def parse(arguments: list[str]) -> ExportOptions:
    """The options of a command line, checked.

    Raises:
        UserError: for one that can't be.
    """
    return commandline.parse(
        ExportOptions, arguments, prog="python -m flaxvid.export", description=__doc__
    )


def export(chosen: ExportOptions) -> Path:
    """Writes `model.jax` or `model.onnx` and, with its labels and shapes, `model.json`, or a model
    to hand on; returns the folder.

    Raises:
        UserError: if there is not one of a run and weights, or they can't be used; if the folder is
            taken.
    """
    if (chosen.run is None) == (chosen.weights is None):
        raise errors.UserError(
            f"{chosen.run or 'nothing'}: give a run directory, or --weights, and not both"
        )
    if None not in (chosen.folder, chosen.out):
        raise errors.UserError(f"{chosen.folder}, --out {chosen.out}: give only one of them")
    if chosen.format != "stablehlo" and chosen.platforms != ExportOptions.platforms:
        raise errors.UserError(
            f"--platforms {' '.join(chosen.platforms)}: only applies to --format stablehlo"
        )
    usual = "model" if chosen.format == "flaxvid" else "export"
    folder = chosen.folder or chosen.out or (chosen.run or Path()) / usual
    if chosen.format == "flaxvid":
        folders.refuse_occupied(folder, "made by this export")
    else:
        folders.refuse_strangers(folder, "model.json", ("model.jax", "model.onnx"))
    folders.refuse_unwritable(folder, "--out")
    if chosen.format == "onnx":
        onnx_file.refuse_missing()
    if chosen.run is not None:
        # ONNX Runtime has few operators for bfloat16 on a CPU.
        trained = trained_model.open_best(chosen.run, in_float32=chosen.format == "onnx")
    else:
        trained = published.open_weights(chosen.weights)
    if chosen.format == "flaxvid":
        return _hand_on(trained, chosen.run, folder)
    folders.make_folder(folder)
    if chosen.format == "onnx":
        return to_onnx(trained, folder)
    exported = to_stablehlo(trained, chosen.platforms)
    files.write_bytes(folder / "model.jax", bytes(exported.serialize()))
    names = _function(trained, 1)[1]
    shapes = dict(zip(names, exported.in_avals, strict=True))
    files.write_json(
        folder / "model.json", _about(trained, shapes) | {"platforms": exported.platforms}
    )
    size = (folder / "model.jax").stat().st_size / 2**20
    print(
        f"{folder}: model.jax ({size:.1f} MiB, for {', '.join(exported.platforms)}) and model.json"
    )
    return folder


def _about(trained, inputs):
    """What one who has the file alone needs to know."""
    settings = trained.settings
    shapes = {n: f"{a.dtype}[{','.join(map(str, a.shape))}]" for n, a in inputs.items()}
    return {
        "model": f"{settings.arch} {settings.size}",
        "labels": settings.labels,
        "inputs": shapes,
        "frames": _frames_of(settings),
        "preprocessing": settings.preprocessing.to_dict(),
        "step": trained.step,
    } | _several(settings)


def _several(settings):
    limits = settings.limits()
    if limits is None:
        return {}
    return {
        "multi_label": "the sigmoid of each logit is the probability of its class, by itself",
        "thresholds": dict(zip(settings.labels, limits, strict=True)),
    }


def to_onnx(trained: trained_model.Trained, folder: Path) -> Path:
    """Writes `model.onnx`, of batches of any size, or of one clip where jax2onnx can't leave that
    open, and `model.json`; says how far ONNX Runtime's logits are from JAX's.

    Raises:
        UserError: for a model that can't be written, or whose logits differ; then there is no file.
    """
    try:
        logits, inputs = _function(trained, *jax.export.symbolic_shape("batch"))
        data, batches = onnx_file.convert(logits, list(inputs.values()), list(inputs)), (1, 3)
    except errors.UserError:
        logits, inputs = _function(trained, 1)
        data, batches = onnx_file.convert(logits, list(inputs.values()), list(inputs)), (1,)
    apart = onnx_file.difference(data, logits, [_drawn(inputs, batch) for batch in batches])
    files.write_bytes(folder / "model.onnx", data)
    about = _about(trained, inputs)
    files.write_json(folder / "model.json", about | {"largest_difference": apart})
    print(
        f"{folder}: model.onnx ({len(data) / 2**20:.1f} MiB, batches of "
        f"{'any size' if len(batches) > 1 else 'one clip'}) and model.json\n"
        f"  ONNX Runtime's logits differ from JAX's, in float32, by {apart:.1e} at most"
    )
    return folder


def _drawn(inputs, batch):
    """Random inputs of a batch, the last frames of its first row padding."""
    generator, drawn = np.random.default_rng(batch), {}
    for name, aval in inputs.items():
        shape = (batch, *aval.shape[1:])
        if aval.dtype == np.bool_:
            drawn[name] = np.ones(shape, bool)
            drawn[name][0, -(shape[1] // 4) :] = shape[1] < 4
        elif aval.dtype == np.uint8:
            drawn[name] = generator.integers(0, 256, shape, np.uint8)
        else:
            drawn[name] = generator.normal(size=shape).astype(np.float32)
    return drawn


def _hand_on(trained, run, folder):
    """The model as a folder that flaxvid opens again; its place is said, and how to pass it on."""
    settings = trained.settings
    known = model_facts.find_out(run, settings, trained.step, trained.parameters)
    card = model_card.text(settings, known)
    model_folder.write(folder, settings, trained.step, trained.module, card)
    size = (folder / model_folder.WEIGHTS).stat().st_size / 2**20
    print(f"{folder}: {model_folder.WEIGHTS} ({size:.1f} MiB), config.json, {model_folder.CARD}")
    if known.report is None:
        print(
            "  no evaluation of this checkpoint on its test split was found: to have its numbers "
            "in the model card, evaluate the run and export it again"
        )
    about = settings.embedding
    if about is not None:
        print(f"  {about.encoder}, its encoder, is not included: {about.weights}")
    if not stores.is_store(folder):
        print(f"to share it:  hf upload OWNER/NAME {folder}   and then hf:OWNER/NAME opens it")
    return folder


def to_stablehlo(trained: trained_model.Trained, platforms: tuple[str, ...]) -> jax.export.Exported:
    """The function from uint8 clips and their masks to logits, with the batch left open.

    A model that sees embeddings takes those, float32 `batch time dim`, in the place of clips.

    Raises:
        UserError: for a model that can't be lowered for one of the platforms.
    """
    logits, inputs = _function(trained, *jax.export.symbolic_shape("batch"))
    return jax.export.export(jax.jit(logits), platforms=platforms)(*inputs.values())


def _function(trained, batch):
    """Clips or embeddings and their mask to logits, and the shapes of these by name."""
    settings = trained.settings
    shown = settings.preprocessing
    if settings.embedding is None:
        size = shown.crop_size
        clip, name = ((batch, shown.num_frames, size, size, 3), np.uint8), "video"
    else:
        clip = ((batch, settings.embedding.rows, settings.embedding.dim), np.float32)
        name = "embedding"

    def logits(inputs, mask):
        return trained.logits({name: inputs, "mask": mask})

    mask = jax.ShapeDtypeStruct(clip[0][:2], np.bool_)
    return logits, {name: jax.ShapeDtypeStruct(*clip), "mask": mask}


def _frames_of(settings):
    """How to choose and cut the frames, in words."""
    shown = settings.preprocessing
    spread = "spread over the video" if shown.stride is None else f"every {shown.stride}th"
    if shown.sampling == "interval":
        spread = f"every max(1, total // {shown.num_frames})th from the first"
    return (
        f"{shown.num_frames} frames, {spread}; resized to {shown.resize}, then the middle "
        f"{shown.crop_size} x {shown.crop_size} pixels; RGB, 0 to 255"
    )


if __name__ == "__main__":
    main()
