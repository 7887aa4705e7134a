"""Video files made with PyAV, of kinds that OpenCV cannot write: uneven times, fields, matrices."""

from fractions import Fraction

import av
import numpy as np


def moving(num_frames, height=48, width=64):
    """RGB frames that tell themselves apart: a bright bar moves on over a fixed, soft pattern."""
    y, x = np.mgrid[:height, :width]
    still = 90 + 50 * np.sin(x / 9) * np.cos(y / 7)
    frames = np.repeat(still[None, :, :, None], num_frames, 0) + np.array([0, 10, -20])
    for index, frame in enumerate(frames):
        frame[:, (3 * index) % width :][:, :6] = (220, 190, 160)
    return frames.clip(0, 255).astype(np.uint8)


def write(
    path,
    frames,
    *,
    codec="libx264",
    rate=25,
    seconds=None,
    pixels="yuv420p",
    options=None,
    colors=None,
    matrix=None,
    shift=0,
    container_options=None,
    form=None,
):
    """Encodes frames.

    Args:
        path: the file.
        frames: RGB, or planes in the format `pixels` as `av.VideoFrame.from_ndarray` takes them.
        codec: FFmpeg's name of an encoder.
        rate: frames per second, unless there are seconds.
        seconds: when each frame is shown, in whole milliseconds.
        pixels: FFmpeg's pixel format.
        options: of the encoder.
        colors: colour space, range and transfer characteristic, as FFmpeg numbers them.
        matrix: a, b, c, d of the display matrix.
        shift: seconds to add to all times of the stream.
        container_options: of the container.
        form: FFmpeg's name of the container; None goes by the ending.
    """
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", format=form, options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        context = stream.codec_context
        context.thread_count = 1
        if seconds is not None:
            context.time_base = Fraction(1, 1000)
        if colors is not None:
            context.colorspace, context.color_range, context.color_trc = colors
        if matrix is not None:
            a, b, c, d = (round(value * 65536) for value in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        packets = []
        for index, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            if colors is not None:
                frame = frame.reformat(
                    format=pixels, dst_colorspace=colors[0], dst_color_range=colors[1]
                )
                frame.colorspace, frame.color_range, frame.color_trc = colors
            if seconds is not None:
                frame.pts, frame.time_base = round(1000 * seconds[index]), Fraction(1, 1000)
            packets += stream.encode(frame)
        for packet in packets + stream.encode(None):
            if shift:
                ticks = round(shift / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            container.mux(packet)
    return path


def packed_pairs(path, frames):
    """An AVI as DivX and Xvid wrote: a frame and the one shown before it in one packet, then an
    empty one."""
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create("mpeg4", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), 25
    encoder.gop_size, encoder.max_b_frames = 12, 1
    encoded = []
    for index, array in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        encoded += encoder.encode(frame)
    encoded += encoder.encode(None)
    data = []
    for before, packet in zip([None, *encoded], encoded, strict=False):
        if before is not None and packet.pts < before.pts:
            data[-1] += bytes(packet)
            data.append(b"\0\0\1\xb6\x5c\xff\xff")
        else:
            data.append(bytes(packet))
    # The place of the encoder's name; the p tells decoders that packets hold pairs.
    head, _, rest = data[0].partition(b"\0\0\1\xb6")
    head = head.partition(b"\0\0\1\xb2")[0] + b"\0\0\1\xb2DivX503b1393p\0"
    data[0] = head + b"\0\0\1\xb6" + rest
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_tag = "DX50"
        for number, content in enumerate(data):
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = number == 0
            container.mux(packet)
    return path


def packets(path):
    """Place and size in the file of every packet, in decoding order."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(container.streams.video[0]) if p.size]


def overwrite(path, number, content=0):
    """Fills packet `number` with one byte, as a bad sector would."""
    place, size = packets(path)[number]
    data = bytearray(path.read_bytes())
    data[place : place + size] = bytes([content]) * size
    path.write_bytes(data)
    return path
