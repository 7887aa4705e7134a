"""Rules of conversion that the tables of several Vision Transformers share: PyTorch's to ours."""

import re
from collections.abc import Callable, Mapping, Sequence

import einops
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from flaxvid.models import layers
from flaxvid.weights import convert


def linear(source: str, target: str) -> list[convert.Rule]:
    """A linear layer; `source` is a regular expression of its name, `target` the name here."""
    return [
        convert.Rule(rf"{source}\.weight", f"{target}/kernel", np.transpose),
        convert.Rule(rf"{source}\.bias", f"{target}/bias"),
    ]


def norm(source: str, target: str) -> list[convert.Rule]:
    """A LayerNorm."""
    return [
        convert.Rule(rf"{source}\.weight", f"{target}/scale"),
        convert.Rule(rf"{source}\.bias", f"{target}/bias"),
    ]


def tubelets(source: str, target: str) -> list[convert.Rule]:
    """A 3-D convolution whose kernels do not overlap, as a linear layer over tubelets."""
    return [
        convert.Rule(rf"{source}\.weight", f"{target}/kernel", tubelet_kernel),
        convert.Rule(rf"{source}\.bias", f"{target}/bias"),
    ]


def tubelet_kernel(
    kernel: Float[np.ndarray, "dim channel time height width"],
) -> Float[np.ndarray, "pixels dim"]:
    """A convolution kernel over tubelets as the kernel of a linear layer on `layers.tubelets`."""
    return einops.rearrange(kernel, "dim channel t h w -> (t h w channel) dim")


def joined(
    arrays: Mapping[str, np.ndarray], parts: Sequence[str], whole: str
) -> dict[str, np.ndarray]:
    """The arrays with layers that a file has apart, as query, key and value, made one.

    Args:
        arrays: of the file.
        parts: their names, each a part of a name that ends in `.weight` or `.bias`.
        whole: the part of a name that stands for all of them.
    """
    found, first = dict(arrays), parts[0]
    for name in arrays:
        if not re.search(rf"\.{first}\.(weight|bias)$", name):
            continue
        names = [name.replace(f".{first}.", f".{part}.") for part in parts]
        if all(name in found for name in names):
            together = np.concatenate([found.pop(name) for name in names])
            found[name.replace(f".{first}.", f".{whole}.")] = together
    return found


def shapes_here(
    arrays: Mapping[str, np.ndarray], rules: Sequence[convert.Rule]
) -> dict[str, tuple[int, ...]]:
    """The shapes of a file's arrays, under the names of the leaves that they are for."""
    patterns = [(re.compile(rule.source), rule) for rule in rules]
    return {
        match.expand(rule.target): array.shape
        for name, array in arrays.items()
        for pattern, rule in patterns
        if (match := pattern.fullmatch(name))
    }


def blocks(names: Sequence[str], prefix: str = "blocks/") -> int:
    """How many blocks the names of leaves speak of."""
    return len({name.removeprefix(prefix).split("/")[0] for name in names if prefix in name})


def resized_positions(
    old: tuple[int, int, int], new: tuple[int, int, int], *, method: str = "cubic", cls: int = 0
) -> Callable[[np.ndarray], Array]:
    """The function that resizes positions of a grid of tubelets to another grid.

    Linearly in time, `method` in space. `cls` is how many tokens stand in front, which have no
    place and stay as they are.

    Args:
        old: steps of time, patches down and across that `1 token dim` embeddings are for.
        new: those that they are to be for.
        method: as `jax.image.resize` takes it.
        cls: tokens in front of the grid's.
    """

    def resize(array):
        front, places = jnp.float32(array[:, :cls]), jnp.float32(array[:, cls:])
        return jnp.concatenate([front, layers.resize_positions(places, old, new, method)], axis=1)

    return resize
