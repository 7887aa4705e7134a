"""XLA's programs on disk, so that the second run of a command starts without compiling."""

import os
from pathlib import Path

import jax


def use() -> None:
    """Turns the cache on, unless JAX's own settings say otherwise.

    It lies in `$XDG_CACHE_HOME/flaxvid/xla`, as a rule `~/.cache/flaxvid/xla`;
    `JAX_COMPILATION_CACHE_DIR` moves it, and `JAX_ENABLE_COMPILATION_CACHE=false` turns it off.
    """
    if jax.config.jax_compilation_cache_dir is not None:
        return
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jax.config.update("jax_compilation_cache_dir", str(caches / "flaxvid" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
