"""Wrong answers for the exercises of flaxvid.models.frame_encoders."""

import einops
import jax.numpy as jnp


# --- time_distributed -------------------------------------------------------------------
def time_distributed_taken_apart_by_time(encode, video):  # (time batch) of (batch time)
    frames = einops.rearrange(video, "batch time ... -> (batch time) ...")
    return einops.rearrange(encode(frames), "(t b) dim -> b t dim", b=video.shape[0])


def time_distributed_by_reshape_of_the_wrong_axis(encode, video):  # rows swapped on the way in
    frames = jnp.swapaxes(video, 0, 1).reshape(-1, *video.shape[2:])
    return encode(frames).reshape(*video.shape[:2], -1)


def time_distributed_clip_by_clip(encode, video):  # right, and as many calls as clips
    return jnp.stack([encode(clip) for clip in video])


def time_distributed_first_frame_only(encode, video):
    vectors = encode(video[:, 0])
    return jnp.repeat(vectors[:, None], video.shape[1], axis=1)


def time_distributed_averaged_first(encode, video):  # the mean of the frames is no frame
    vectors = encode(video.mean(axis=1))
    return jnp.repeat(vectors[:, None], video.shape[1], axis=1)


def time_distributed_frame_after_frame(encode, video):  # of all clips: image 4 is of clip 0
    frames = einops.rearrange(video, "batch time ... -> (time batch) ...")
    return einops.rearrange(encode(frames), "(t b) dim -> b t dim", b=video.shape[0])


def time_distributed_as_numbers(encode, video):  # the network would have made them of bytes
    frames = einops.rearrange(video, "batch time ... -> (batch time) ...").astype(jnp.float32)
    return einops.rearrange(encode(frames), "(b t) dim -> b t dim", b=video.shape[0])
