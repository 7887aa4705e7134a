"""Presets of preprocessing and training, by architecture and size."""
