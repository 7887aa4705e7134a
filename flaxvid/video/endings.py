"""The endings that containers go by: in folders, files are taken by their names."""

# FFmpeg's first name of a container -> the endings that are usual for it.
CONTAINERS = {
    "avi": (".avi", ".divx"),
    "mov": (".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v", ".mj2"),
    "matroska": (".mkv", ".webm"),
    "mpeg": (".mpg", ".mpeg", ".vob", ".m2p"),
    "mpegvideo": (".mpg", ".mpeg", ".m2v", ".m1v"),
    "mpegts": (".ts", ".mts", ".m2ts", ".m2t"),
    "asf": (".wmv", ".asf"),
    "flv": (".flv", ".f4v"),
    "ogg": (".ogv", ".ogg"),
    "gif": (".gif",),
    "mxf": (".mxf",),
    "dv": (".dv",),
    "mjpeg": (".mjpeg", ".mjpg"),
    "yuv4mpegpipe": (".y4m",),
    "rm": (".rm", ".rmvb"),
    "nut": (".nut",),
    "ivf": (".ivf",),
    "h264": (".h264", ".264"),
    "hevc": (".hevc", ".h265", ".265"),
    "m4v": (".m4v",),
}

VIDEO_SUFFIXES = tuple(dict.fromkeys(name for names in CONTAINERS.values() for name in names))


def expected(container: str) -> tuple[str, ...]:
    """The endings that a container goes by, as FFmpeg names it; none for one that is not above."""
    return CONTAINERS.get(container, ())
