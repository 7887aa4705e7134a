"""The pieces every Transformer here is made of: patches, MLP, norm, drop-path."""

import einops
import jax
from flax import nnx
from jaxtyping import Array, Float

from flaxvid import errors

# Linear layers, position embeddings and CLS tokens of a ViT start small: truncated normal, 0.02.
INIT = nnx.initializers.truncated_normal(0.02)


def patchify(
    video: Float[Array, "batch time height width channel"], patch_size: int
) -> Float[Array, "batch time space pixels"]:
    """Cuts every frame into square patches and lays each patch out as one vector.

    Patches run row by row (`space` = height / patch_size x width / patch_size), and inside a
    patch the pixels run row by row with their channels together
    (`pixels` = patch_size x patch_size x channel).

    Raises:
        UserError: if the frame is not a whole number of patches high and wide.

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021), eq. 1.
    """
    height, width = video.shape[2:4]
    if height % patch_size or width % patch_size:
        raise errors.UserError(
            f"a frame of {height}x{width} pixels does not divide into patches of {patch_size}: "
            f"choose an image size that is a multiple of {patch_size}"
        )
    return einops.rearrange(
        video,
        "batch time (h p) (w q) channel -> batch time (h w) (p q channel)",
        p=patch_size,
        q=patch_size,
    )


class MLP(nnx.Module):
    """Two linear layers with an exact GELU between, applied to every token alone."""

    def __init__(self, dim: int, hidden_dim: int, *, dropout: float = 0.0, dtype=None, rngs):
        self.fc1 = nnx.Linear(dim, hidden_dim, kernel_init=INIT, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(hidden_dim, dim, kernel_init=INIT, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)

    def __call__(
        self, tokens: Float[Array, "*batch dim"], rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch dim"]:
        # jax.nn.gelu defaults to the tanh approximation; published weights expect the exact one.
        hidden = jax.nn.gelu(self.fc1(tokens), approximate=False)
        hidden = self.dropout(hidden, rngs=rngs)
        return self.dropout(self.fc2(hidden), rngs=rngs)


def layer_norm(dim: int, *, epsilon: float = 1e-6, dtype=None, rngs: nnx.Rngs) -> nnx.LayerNorm:
    """LayerNorm over `dim` with the two-pass variance: the fast one costs about 1e-5."""
    return nnx.LayerNorm(dim, epsilon=epsilon, use_fast_variance=False, dtype=dtype, rngs=rngs)


def drop_path(rate: float) -> nnx.Dropout:
    """Stochastic depth: drops the whole residual branch of a row, `row token dim`, at once.

    Source: Huang et al., "Deep Networks with Stochastic Depth" (2016).
    """
    return nnx.Dropout(rate, broadcast_dims=(1, 2))
