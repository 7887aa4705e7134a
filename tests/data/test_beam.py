"""The same files by a pipeline of workers as by threads here; killed, twice, or of bad videos."""

import dataclasses
import hashlib
import pickle

import numpy as np
import pytest

from flaxvid import errors, files
from flaxvid.data import beam, check, frames, manifest, packed_writer

SETTINGS = packed_writer.Packing(short_side=24, clips_per_shard=2)


class Killed(Exception):
    pass


@pytest.fixture
def few(small_motion):
    """5 videos of two splits."""
    rows = (*small_motion.split("train").rows[:3], *small_motion.split("test").rows[:2])
    return manifest.Manifest(small_motion.root, rows, small_motion.labels)


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A pipeline whose workers get the function pickled, as Beam's do, and do the first twice."""

    def run(_, function, items):
        function = pickle.loads(pickle.dumps(function))
        for item in (*items[:1], *items):
            function(item)
        return True

    monkeypatch.setattr(beam.Pipeline, "_run", run)
    return beam.Pipeline("DirectRunner", (), tmp_path / "made.beam")


def digests(folder):
    """Every file of a folder, by its name in it."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def packing(videos, out, **more):
    return packed_writer.pack(videos, out, SETTINGS, **more)


def framing(videos, out, **more):
    return frames.write(videos, out, fps=2.0, short_side=24, **more)


@pytest.mark.parametrize("make", [packing, framing])
def test_the_files_are_those_of_the_local_command(make, few, pipeline, tmp_path):
    """Shards, JPEGs, manifests and reports, byte for byte."""
    assert make(few, tmp_path / "made", each=pipeline) == {}
    assert make(few, tmp_path / "here") == {}
    assert digests(tmp_path / "made") == digests(tmp_path / "here")


@pytest.mark.parametrize("make", [packing, framing])
def test_bad_videos_are_named_and_the_others_kept(make, few, pipeline, tmp_path):
    """With `error` all are told when the rest is done; then `skip` goes on from there."""
    bad = [manifest.Row(str(tmp_path / f"bad{n}.avi"), "grow", f"b{n}", "test") for n in range(2)]
    for row in bad:
        files.write_text(row.path, "no video")
    mixed = dataclasses.replace(few, rows=(*few.rows, *bad))
    said = r"^[12] of \d could not be done, all others are kept: .*bad0\.avi"
    with pytest.raises(errors.UserError, match=said):
        make(mixed, tmp_path / "made", each=pipeline)
    assert len(digests(tmp_path / "made.beam" / "results")) >= 2
    skipped = make(mixed, tmp_path / "made", each=pipeline, skip=True)
    assert [path.rpartition("/")[2] for path in skipped] == ["bad0.avi", "bad1.avi"]
    assert make(mixed, tmp_path / "here", skip=True) == skipped
    assert digests(tmp_path / "made") == digests(tmp_path / "here")


def test_what_is_whole_is_not_done_again(few, pipeline, tmp_path, monkeypatch, capsys):
    """A pipeline killed after two shards goes on with the third, to the same end."""
    written, write = [], packed_writer._write_shard

    def killed(item, **settings):
        if len(written) == 2:
            raise Killed
        written.append(item[0])
        return write(item, **settings)

    monkeypatch.setattr(packed_writer, "_write_shard", killed)
    monkeypatch.setattr(pickle, "dumps", lambda function: function)
    monkeypatch.setattr(pickle, "loads", lambda function: function)
    with pytest.raises(Killed):
        packing(few, tmp_path / "made", each=pipeline)
    last = written.copy()
    monkeypatch.setattr(
        packed_writer, "_write_shard", lambda i, **s: written.append(i[0]) or write(i, **s)
    )
    packing(few, tmp_path / "made", each=pipeline)
    assert "goes on after 2 of 3" in capsys.readouterr().out
    assert written[:2] == last
    assert len(set(written)) == len(written) == 3
    packing(few, tmp_path / "here")
    assert digests(tmp_path / "made") == digests(tmp_path / "here")


def test_findings_are_those_of_the_local_command(few, pipeline, tmp_path):
    """Duplicates too, which no worker sees."""
    files.write_text(tmp_path / "bad.avi", "no video")
    twice = dataclasses.replace(few.rows[0], path=str(tmp_path / "copy.avi"), split="test")
    files.write_bytes(tmp_path / "copy.avi", few.path(few.rows[0]).read_bytes())
    bad = manifest.Row(str(tmp_path / "bad.avi"), "grow", "bad", "test")
    mixed = dataclasses.replace(few, rows=(*few.rows, twice, bad))
    found = check.check(mixed, num_frames=40, each=pipeline)
    assert found == check.check(mixed, num_frames=40)
    assert {"unreadable", "short", "duplicate", "leaking"} == {f.problem for f in found}


def test_the_death_of_workers_costs_what_they_had_in_hand(pipeline, monkeypatch, capsys):
    """It goes on as long as anything is done between one death and the next."""
    places = []

    def dying(self, function, items):
        places.append(len(items))
        if len(places) != 3:
            function(items[0])
        return False

    monkeypatch.setattr(beam.Pipeline, "_run", dying)
    assert list(pipeline(str, [1, 2])) == ["1", "2"]
    assert places == [2, 1]
    assert "a worker has died; goes on with 1" in capsys.readouterr().out
    with pytest.raises(errors.UserError, match="its workers die before anything is done"):
        list(pipeline(str, [3]))


def test_workers_that_write_elsewhere_are_found_out(pipeline, monkeypatch):
    """As in containers that do not share the folder."""
    monkeypatch.setattr(beam.Pipeline, "_run", lambda *_: True)
    with pytest.raises(errors.UserError, match="this machine and all workers share"):
        list(pipeline(len, ["a"]))


def test_arrays_come_back_as_they_were(pipeline):
    """Of every type that embeddings have, with none of their bits lost."""
    value = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    ((number, back, reason),) = list(pipeline(_twice, [value.tolist()]))
    assert (number, reason) == (1, None)
    np.testing.assert_array_equal(back, value * 2, strict=True)


def _twice(item):
    return 1, np.asarray(item, np.float32) * 2, None


# ------------------------------------------------------------------ with Beam itself
def test_beam_itself(few, tmp_path):
    """Apache Beam's own runner, in this process."""
    pytest.importorskip("apache_beam")
    each = beam.Pipeline("DirectRunner", (), tmp_path / "made.beam")
    framing(few, tmp_path / "made", each=each)
    framing(few, tmp_path / "here")
    assert digests(tmp_path / "made") == digests(tmp_path / "here")


@pytest.mark.parametrize(
    ("runner", "option", "said"),
    [
        ("NoRunner", "a=1", "--beam NoRunner: Beam has no such runner"),
        (
            "DirectRunner",
            "no_option=1",
            "--beam-options no_option: DirectRunner has no such option",
        ),
    ],
)
def test_what_beam_does_not_know_is_refused(runner, option, said):
    """Beam itself passes over an option that it does not know."""
    pytest.importorskip("apache_beam")
    with pytest.raises(errors.UserError, match=said):
        beam.open_beam(runner, (option,))
