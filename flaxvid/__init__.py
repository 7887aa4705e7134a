"""Video action recognition in JAX and Flax, and the course that teaches it."""

__version__ = "0.1.0"
