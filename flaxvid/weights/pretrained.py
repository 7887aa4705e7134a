"""Models of other people, ready for use: which loader, which pixels, which class names.

params, report = pretrained.load("hf:facebook/timesformer-base-finetuned-k400", config, params)
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import PyTree

from flaxvid import errors, files
from flaxvid.models import videomae
from flaxvid.recipes import zoo
from flaxvid.video import preprocess
from flaxvid.weights import convert, families, fetch, heads, processor, published_files, read


def load(
    spec: str, config: Any, params: PyTree, *, labels: Sequence[str] | None = None
) -> tuple[PyTree, convert.Report]:
    """Fills the parameters of a fresh model from `PATH` or `hf:owner/name[@revision]`.

    `config` is the model's. What the weights can't give stays fresh, as the report says. With
    `labels`, those of the data, the last layer is kept only if the file names the same classes;
    in another order, it is put into theirs.

    Raises:
        WeightsError: if there is no loader for such a model, or the weights are not its.
    """
    family = families.of_config(config, spec)
    path = fetch.locate(spec)
    arrays, said = read.read(path), read_config(spec, path)
    leaves = convert.by_name(params)
    own = {name.removeprefix("params/"): array for name, array in arrays.items()}
    if set(own) == set(leaves):  # a tree of such a model itself
        table = [convert.Rule(re.escape(name), name) for name in leaves]
        return convert.convert(own, params, table, origin=spec)
    _check_build(family, config, arrays, said, spec)
    filled, report = family.load(arrays, params, config=config, said=said, origin=spec)
    if labels is not None:
        known = _known_labels(said, len(labels))
        filled, report = heads.as_labelled(
            filled, params, report, family.last, known, tuple(labels)
        )
    return filled, report


def _check_build(family, config, arrays, said, spec):
    """Refuses a file of another size, by its arrays and by its config.json, if that is there."""
    heads = getattr(config, "num_heads", None)
    file = dict(num_heads=said.get("num_attention_heads", heads))
    if family.describe is not None and family.owns(arrays):
        # What no array tells is a guess where there is no config.json.
        told = dict(num_heads="num_attention_heads", epsilon="layer_norm_eps")
        guessed = [name for name, key in told.items() if key not in said]
        found = families.described(family, arrays, said, spec)
        certain = family.arch == "videoprism"
        file = {k: v for k, v in found.items() if certain or k not in guessed}
    families.check_build(family, config, file, spec)


def adapted(spec: str, config: Any) -> Any:
    """The config of a model that is to take these weights.

    A VideoMAE's positions stand in no array: if its weights have learnt from clips of another
    shape, by their config.json, it has the table of those, resized.

    Raises:
        WeightsError: if the weights can't be found, or their config.json is damaged.
    """
    if not isinstance(config, videomae.VideoMAEConfig):
        return config
    said = read_config(spec, fetch.locate(spec))
    shape = dict(
        num_frames=said.get("num_frames", config.num_frames),
        image_size=said.get("image_size", config.image_size),
    )
    grid = dataclasses.replace(config, **shape).grid()
    return dataclasses.replace(config, positions=None if grid == config.grid() else grid)


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A model as it was published, head and all."""

    arch: str
    model: nnx.Module
    preprocessing: preprocess.Preprocessing
    labels: tuple[str, ...]
    """What the file beside the weights calls the classes; `class 0` and so on if there is none."""
    known: bool
    """Whether the preprocessing is the authors', and not a guess."""


def open_pretrained(
    spec: str,
    *,
    headless: bool = False,
    num_frames: int | None = None,
    image_size: int | None = None,
) -> Pretrained:
    """The model in `PATH` or `hf:owner/name[@revision]`.

    Its size is that of the arrays; heads and class names are in the `config.json` beside them.

    Args:
        spec: where the weights are.
        headless: whether it is for its features, so that it may be without a head; one that it has
            is left as it is.
        num_frames: of a clip; None: as its weights have learnt from.
        image_size: height and width in pixels; None: as its weights have learnt from.

    Raises:
        WeightsError: if it is no such model, or has no head, or one for pictures.
    """
    path = fetch.locate(spec)
    arrays, said = read.read(path), read_config(spec, path)
    kind, family = families.of_file(arrays, spec)
    fields = families.described(family, arrays, said, spec)
    if not headless:
        _refuse_without_actions(family, arrays, said, fields, spec)
    published, beside = published_files.find(spec), processor.read(spec, path)
    fields.setdefault("num_classes", 1)
    if published is not None:
        fields.setdefault("num_frames", published.num_frames)
    changes = dict(num_frames=num_frames, image_size=image_size)
    fields |= {name: value for name, value in changes.items() if value is not None}
    config = adapted(spec, kind(**fields))
    preset = zoo.find(family.arch, _a_size(family.arch))
    abstract = nnx.eval_shape(lambda: preset.module(config, rngs=nnx.Rngs(0)))
    graphdef, params = nnx.split(abstract)
    params = nnx.to_pure_dict(params)
    params, report = family.load(arrays, params, config=config, said=said, origin=spec)
    missing = [row.target for row in report.rows if row.fate == "fresh"]
    if missing:
        if not headless:
            raise read.WeightsError(
                f"{spec}: has no {missing[0]}, so that it can't be used as it is; fine-tune it "
                f"first: python -m flaxvid.train --arch {family.arch} --weights {spec} "
                "--data FOLDER"
            )
        params = jax.tree.map(_zeros, params)
    shown = _shown(published, preset.preprocessing, config)
    if beside is not None:
        shown = beside.applied(shown)
    return Pretrained(
        arch=family.arch,
        model=nnx.merge(graphdef, params),
        preprocessing=shown,
        labels=_labels(said, config.num_classes),
        known=published is not None or beside is not None,
    )


def shape_of(spec: str) -> tuple[str, dict[str, int]]:
    """The architecture of the model in `spec`, and the frames and pixels of its clips.

    Raises:
        WeightsError: if it is no model that is known.
    """
    path = fetch.locate(spec)
    arrays, said = read.read(path), read_config(spec, path)
    _, family = families.of_file(arrays, spec)
    fields = families.described(family, arrays, said, spec)
    published = published_files.find(spec)
    fields.setdefault("num_frames", 8 if published is None else published.num_frames)
    return family.arch, {name: fields[name] for name in ("num_frames", "image_size")}


def _zeros(leaf):
    """A leaf that has no value yet gets zeros: its features are not asked for."""
    return jnp.zeros(leaf.shape, leaf.dtype) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf


def _a_size(arch):
    """A published size of an architecture: for its colours, whatever the size is."""
    sizes = zoo.ARCHITECTURES[arch].sizes
    return "base" if "base" in sizes else next(size for size in sizes if size != "tiny")


def _shown(published, usual, config):
    """What a model is shown before its file has a say: its authors' frames, or spread ones."""
    found = usual if published is None else published
    same = published is not None and published.num_frames == config.num_frames
    return found.fitted(
        num_frames=config.num_frames,
        stride=published.stride if same else None,
        crop_size=config.image_size,
    )


def _refuse_without_actions(family, arrays, said, fields, spec):
    remedy = (
        f"fine-tune it first: python -m flaxvid.train --arch {family.arch} --weights {spec} "
        "--data FOLDER"
    )
    if "num_classes" not in fields:
        raise read.WeightsError(f"{spec}: has no head, so that it names no class; {remedy}")
    if family.arch == "timesformer" and families.is_image_model(arrays, said):
        raise read.WeightsError(
            f"{spec}: is of an image model: its head names what is in a picture, and no action; "
            + remedy
        )


def read_config(spec: str, path: Path) -> dict[str, Any]:
    """What Transformers' `config.json` beside the weights says; nothing if there is none.

    Raises:
        WeightsError: if it can't be understood.
    """
    beside = fetch.beside(spec, path, "config.json")
    if beside is None:
        return {}
    with errors.damage_in(beside, "fetch it again", read.WeightsError):
        said = dict(files.read_json(beside))
        heads = said.get("num_attention_heads", 1)
        if type(heads) is not int or not 1 <= heads <= 2**16:
            raise ValueError(f"num_attention_heads is {str(heads)[:60]}")
        names = said.get("id2label", {})
        if not isinstance(names, dict) or not all(isinstance(n, str) for n in names.values()):
            raise ValueError("id2label is not a table of names")
    return said


def labels_of(spec: str) -> tuple[str, ...] | None:
    """What the config.json beside the weights calls their classes; None: it does not name all.

    Raises:
        WeightsError: if the weights can't be found, or their config.json is damaged.
    """
    said = read_config(spec, fetch.locate(spec))
    names = said.get("id2label")
    return _known_labels(said, len(names)) if isinstance(names, dict) and names else None


def _known_labels(said, num_classes):
    names = said.get("id2label")
    if not isinstance(names, dict) or set(names) != {str(i) for i in range(num_classes)}:
        return None
    return _labels(said, num_classes)


def _labels(said, num_classes):
    names = said.get("id2label", {})
    labels = tuple(str(names.get(str(index), f"class {index}")) for index in range(num_classes))
    # Names are shown in terminals, which would obey what can't be printed.
    return tuple("".join(filter(str.isprintable, label)) for label in labels)
