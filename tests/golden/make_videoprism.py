"""Makes videoprism.npz with the authors' implementation, in Flax.

git clone https://github.com/google-deepmind/videoprism
pip install einshape
PYTHONPATH=videoprism python tests/golden/make_videoprism.py

Needs jax and flax, and nothing of flaxvid. Weights come from their names, so the file holds shapes
and results only.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import regenerate
from videoprism import encoders

# Sizes so that no two axes have one: 2 x 2 places, 3 frames, 5 classes.
ENCODER = dict(
    patch_size=6,
    pos_emb_shape=(3, 2, 2),
    model_dim=20,
    num_spatial_layers=2,
    num_temporal_layers=1,
    num_heads=2,
    mlp_dim=28,
    atten_logit_cap=2.0,  # low, so that small scores feel it
    scan=True,
)


def main():
    model = encoders.FactorizedVideoClassifier(encoder_params=ENCODER, num_classes=5)
    video = regenerate.inputs("videoprism", (2, 3, 12, 12, 3))
    shown = jnp.asarray(video)
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), shown))
    shapes = {}

    def fill(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        shapes[name] = leaf.shape
        return jnp.asarray(regenerate.weight(name, leaf.shape))

    variables = jax.tree_util.tree_map_with_path(fill, variables)
    results = {}
    paddings = jnp.asarray([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    logits, found = model.apply(variables, shown, return_intermediate=True)
    results["logits"] = np.asarray(logits)
    results["tokens"] = np.asarray(found["spatiotemporal_features"])
    _, found = model.apply(variables, shown, return_intermediate=True, frame_paddings=paddings)
    results["padded/tokens"] = np.asarray(found["spatiotemporal_features"])
    wider = jnp.asarray(regenerate.inputs("videoprism wider", (2, 4, 18, 18, 3)))
    results["wider/logits"] = np.asarray(model.apply(variables, wider)[0])
    path = Path(__file__).with_name("videoprism.npz")
    about = dict(shapes=shapes, encoder=ENCODER)
    np.savez_compressed(path, about=np.asarray(json.dumps(about)), **results)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
