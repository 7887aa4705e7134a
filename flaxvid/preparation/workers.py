"""Where the work of `prepare` is done: in threads of this process, or by Apache Beam's workers."""

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from flaxvid import errors, folders, ranges, stores
from flaxvid.data import beam, lock
from flaxvid.data import workers as data_workers


@dataclasses.dataclass(frozen=True)
class Workers:
    """How the videos are processed."""

    threads: Annotated[int, ranges.THREADS] = 2
    """Decoding threads."""
    beam: str | None = None
    """Process with Apache Beam instead (pip install -e ".[beam]"), on this runner: DirectRunner,
    FlinkRunner, SparkRunner or DataflowRunner. An element is a video, or a shard of a packed data
    set. Workers read videos and write results under the paths given here: on a file system that
    all machines share or, for videos, in an object store. Videos that can't be read never fail the
    pipeline: all are listed at the end."""
    beam_options: tuple[str, ...] = ()
    """Options of the runner, named as in its documentation: direct_num_workers=4
    direct_running_mode=multi_processing."""

    dry_run: bool = False
    """Make nothing; estimate time and bytes from a few videos."""

    def __post_init__(self):
        if self.beam_options and self.beam is None:
            raise errors.UserError(
                f"--beam-options {self.beam_options[0]}: say which runner it is for, with --beam"
            )

    @contextlib.contextmanager
    def each(self, out: Path | None) -> Iterator[data_workers.Each | None]:
        """Inside, what has a function called for each item by Beam; None: it is done here.

        Args:
            out: what is made; the results are gathered beside it, in OUT.beam, until it is whole.

        Raises:
            UserError: if Beam, the runner or an option is not there, or another process is making
                the same.
        """
        if self.beam is None:
            yield None
            return
        if out is not None and stores.is_store(out):
            raise errors.UserError(
                f"--beam {self.beam}: its workers need a file system that all of them share, and "
                f"{out} is in an object store; mount it, or prepare elsewhere and copy"
            )
        beam.open_beam(self.beam, self.beam_options)
        folder = Path(f"{out}.beam").absolute()
        folders.make_folder(folder)
        with lock.held(folder / "lock", f"{out}: another process is making it; wait for it"):
            yield beam.Pipeline(self.beam, self.beam_options, folder)
            shutil.rmtree(folder, ignore_errors=True)
