"""One file of pixels: decode, choose frames, crop and resize, write."""

import os

# OpenCV reads these once, when it is imported or first used. A bad file is reported by our own
# one-line error; without these, FFmpeg and OpenCV would print their own lines around it.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "FATAL")
