"""The golden cases of VideoMAE, ViViT, V-JEPA 2 and VideoPrism, as tests need them."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flaxvid.recipes import zoo
from flaxvid.weights import families, pretrained
from tests.golden import regenerate

HERE = Path(__file__).parent
GOLDEN = np.load(HERE / "backbones.npz")
PRISM = np.load(HERE / "videoprism.npz")
ABOUT = json.loads(str(GOLDEN["about"])) | {
    "videoprism": json.loads(str(PRISM["about"])) | {"said": {}}
}
NAMES = tuple(ABOUT)


def arrays_of(name):
    """The weights of a case under their own names."""
    shapes = ABOUT[name]["shapes"]
    return {key: regenerate.weight(key, tuple(shape)) for key, shape in shapes.items()}


def golden(name, what):
    """What the reference gave."""
    return PRISM[what] if name == "videoprism" else GOLDEN[f"{name}/{what}"]


def config_of(name, **changes):
    """The config that the arrays and config.json tell, with the settings that nothing tells."""
    kind, family = families.of_file(arrays_of(name), name)
    fields = families.described(family, arrays_of(name), ABOUT[name]["said"], name)
    if name == "videoprism":
        fields["score_cap"] = ABOUT[name]["encoder"]["atten_logit_cap"]
    return kind(**fields | changes)


def video_of(name, config):
    """The clips that the reference was shown."""
    side = config.image_size
    return jnp.asarray(regenerate.inputs(name, (2, config.num_frames, side, side, 3)))


def shapes_of(name, config):
    """Definition and parameters, as shapes, of a model of a case."""
    preset = zoo.find(name)
    graphdef, params = nnx.split(nnx.eval_shape(lambda: preset.module(config, rngs=nnx.Rngs(0))))
    return graphdef, nnx.to_pure_dict(params)


def converted(name, arrays=None, **changes):
    """The model of a case with the reference's weights, and the report of its loading."""
    config = config_of(name, **changes)
    graphdef, params = shapes_of(name, config)
    family = families.of_config(config, name)
    arrays = arrays_of(name) if arrays is None else arrays
    params, report = family.load(
        arrays, params, config=config, said=ABOUT[name]["said"], origin="file"
    )
    return nnx.merge(graphdef, jax.tree.map(pretrained._zeros, params)), report
