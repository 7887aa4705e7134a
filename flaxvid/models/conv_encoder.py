"""A small image network for small frames, trained from nothing: it keeps where things are."""

import dataclasses
import itertools

import einops
import jax
from flax import nnx
from jaxtyping import Array, Float

from flaxvid import errors
from flaxvid.models import convolution


@dataclasses.dataclass(frozen=True)
class ConvEncoderConfig:
    """What the network is made of."""

    image_size: int = 32
    """Height and width of a frame, in pixels."""
    channels: tuple[int, ...] = (16, 32, 64)
    """Channels of the convolutions, each of which halves height and width."""
    dim: int = 64
    """Width of a frame's features."""


class ConvEncoder(nnx.Module):
    """3x3 convolutions two pixels apart, then one linear layer over all places.

    Image networks end with the mean over all places, which tells what is there and no longer
    where. Here every place has weights of its own. There is no BatchNorm: a clip's features do not
    depend on the other clips of its batch.
    """

    def __init__(self, config: ConvEncoderConfig, *, rngs: nnx.Rngs):
        """
        Raises:
            UserError: if the frame can't be halved once for every convolution.
        """
        side, rest = divmod(config.image_size, 2 ** len(config.channels))
        if rest:
            raise errors.UserError(
                f"an image size of {config.image_size} pixels can't be halved "
                f"{len(config.channels)} times: choose a multiple of {2 ** len(config.channels)}"
            )
        dims = (3, *config.channels)
        he = convolution.as_matrix(nnx.initializers.he_normal())
        self.convs = nnx.List(
            nnx.Conv(dim, new_dim, (3, 3), strides=2, kernel_init=he, rngs=rngs)
            for dim, new_dim in itertools.pairwise(dims)
        )
        self.project = nnx.Linear(side**2 * dims[-1], config.dim, rngs=rngs)

    def __call__(self, images: Float[Array, "batch height width 3"]) -> Float[Array, "batch dim"]:
        """Features of normalised frames."""
        maps = images
        for conv in self.convs:
            maps = jax.nn.relu(conv(maps))
        return self.project(einops.rearrange(maps, "b h w c -> b (h w c)"))
