"""How the tests compile: quickly, because nearly everything that they compile runs once."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

# LLVM is given each program whole: split for many threads, a forward pass of a small TimeSformer
# took two cores of an AMD EPYC 0.30 s to compile and not 0.16, a gradient 0.70 and not 0.55.
FLAGS = ("--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1")


def quickly(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables with which JAX compiles for a CPU in a quarter of the time, and runs more slowly.

    XLA leaves out its optimisations; what the tests compare must hold all the same. Who sets
    XLA_FLAGS keeps it: with `XLA_FLAGS= pytest` everything is compiled as users have it compiled.
    """
    if "XLA_FLAGS" in environment:
        return {}
    flags = FLAGS if are_known(FLAGS) else [flag for flag in FLAGS if are_known([flag])]
    return {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "XLA_FLAGS": " ".join(flags)}


def are_known(flags: Sequence[str]) -> bool:
    """Whether the XLA that is installed takes these; it ends a process that names one it does not
    have. To look for them in the library is not enough: it names those that are gone too.
    """
    command = [sys.executable, "-c", "import jax; jax.devices()"]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": " ".join(flags)}
    ended = subprocess.run(command, env=environment, capture_output=True)
    return ended.returncode == 0


def on_a_gpu() -> dict[str, str]:
    """Variables with which a GPU gives the same bits each time, and lends memory as it is needed.

    What XLA optimises is tested as it is used.
    """
    return {
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "XLA_FLAGS": "--xla_gpu_deterministic_ops=true",
    }


def without_explanations() -> None:
    """JAX no longer explains where a traced value comes from, when it is asked for its sharding.

    Flax asks for it at every parameter it draws and takes no for an answer; the explanation, which
    nobody reads, is most of the time that an abstract model takes.
    """
    from jax._src.interpreters import partial_eval

    if hasattr(partial_eval.DynamicJaxprTracer, "_origin_msg"):
        partial_eval.DynamicJaxprTracer._origin_msg = lambda _tracer: ""


def in_one_context(times: int = 50) -> None:
    """JAX writes so many programs into one context of MLIR, and not each into one of its own.

    To make one loads all dialects: a fifth of the time of the tests of models. What is in it
    stays as long as it does, constants too, and so it is not kept for ever.
    """
    from jax._src.interpreters import mlir

    if not hasattr(mlir, "make_ir_context"):
        return
    make, kept = mlir.make_ir_context, threading.local()

    def reused():
        if getattr(kept, "left", 0) == 0:
            kept.context, kept.left = make(), times
        kept.left -= 1
        return kept.context

    mlir.make_ir_context = reused
