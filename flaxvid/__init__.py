"""Video action recognition in JAX and Flax, and the course that teaches it."""

import os

__version__ = "0.1.0"

# OpenCV reads these once, when it is imported or first used. A bad file is reported by our own
# one-line error; without these, FFmpeg and OpenCV would print their own lines around it.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
