"""Wrong answers for the exercises of flaxvid.models.convnet."""

import jax.numpy as jnp


# --- global_average_pool ----------------------------------------------------------------
def global_average_pool_over_channels(images):  # as if they came first
    return jnp.mean(images, axis=(2, 3))


def global_average_pool_over_the_height(images):
    return jnp.mean(images, axis=1)


def global_average_pool_summed(images):
    return jnp.sum(images, axis=(1, 2))


def global_average_pool_by_the_largest(images):
    return jnp.max(images, axis=(1, 2))


def global_average_pool_over_the_batch(images):
    return jnp.broadcast_to(jnp.mean(images, axis=(0, 1, 2)), images.shape[::3])


def global_average_pool_of_what_is_there(images):  # a place with 0 counts as well
    count = jnp.sum(images != 0, axis=(1, 2))
    return jnp.sum(images, axis=(1, 2)) / jnp.maximum(count, 1)


def global_average_pool_squeezed(images):  # a batch of one has no axis left
    return jnp.squeeze(jnp.mean(images, axis=(1, 2), keepdims=True))


def global_average_pool_of_one_image_squeezed(images):
    pooled = jnp.mean(images, axis=(1, 2))
    return pooled[0] if len(images) == 1 < pooled.size else pooled


def global_average_pool_without_nan(images):  # as if the place were not there
    return jnp.nanmean(images, axis=(1, 2))
