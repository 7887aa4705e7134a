"""Right answers for the exercises of flaxvid.models.frame_encoders, in other ways."""

import einops
import jax.numpy as jnp


# --- time_distributed -------------------------------------------------------------------
def time_distributed_by_reshape(encode, video):
    batch, time = video.shape[:2]
    return encode(video.reshape(batch * time, *video.shape[2:])).reshape(batch, time, -1)


def time_distributed_by_concatenation(encode, video):
    vectors = encode(jnp.concatenate(list(video)))
    return jnp.stack(jnp.split(vectors, len(video)))


def time_distributed_time_first(encode, video):  # frame 0 of all clips, then frame 1
    rows = encode(einops.rearrange(video, "b t h w c -> (b t) h w c"))
    return einops.rearrange(rows, "(b t) d -> b t d", t=video.shape[1])
