"""Object stores: data, runs and weights on a real server of S3's protocol, on this machine."""

import dataclasses
import os
import pickle
import sys
import time
import uuid
from pathlib import Path

import fsspec
import jax
import moto
import numpy as np
import pytest
from flax import nnx
from moto import server as moto_server
from moto.s3 import models as moto_s3

import flaxvid
from flaxvid import (
    compare,
    errors,
    evaluate,
    files,
    folders,
    predict,
    prepare,
    store_copies,
    stores,
    train,
)
from flaxvid.data import batches, content_hash, embeddings, manifest, manifest_file, sources
from flaxvid.runs import config, directory, metrics_log, model_folder, parsing
from flaxvid.training import checkpoint, saved
from flaxvid.video import decode, header, preprocess, write
from flaxvid.weights import fetch
from tests import several_processes

pytestmark = pytest.mark.usefixtures("unchecked_shapes", "blank_figures")
SMALL = ["--batch-size", "2", "--eval-every", "1", "--log-every", "1", "--model.dim", "8"]
SMALL += ["--model.depth", "1", "--model.num-heads", "2", "--model.mlp-dim", "8"]
SMALL += ["--num-frames", "2", "--model.patch-size", "16"]


def fresh(environment, address):
    """As in a process of its own, which knows the store at an address."""
    environment.setenv("AWS_ENDPOINT_URL", address)
    environment.setenv("AWS_ACCESS_KEY_ID", "key")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        environment.delenv(name, raising=False)
    stores._store.cache_clear()
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def serving():
    found = moto_server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    found.start()
    host, port = found.get_host_and_port()
    return found, f"http://{host}:{port}"


@pytest.fixture(scope="session")
def address():
    """Of a server, for all tests of this file."""
    found, place = serving()
    yield place
    found.stop()


@pytest.fixture
def here(tmp_path, monkeypatch, address):
    """A folder to run commands in, with copies of stores in it."""
    fresh(monkeypatch, address)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def bucket(here):
    """A new bucket."""
    name = f"bucket-{uuid.uuid4().hex}"
    backend().create_bucket(name, "us-east-1")
    return stores.path(f"s3://{name}")


def backend():
    """What the server has, without a request for each object."""
    return moto_s3.s3_backends["123456789012"]["aws"]


def filled(folder, found):
    """The folder with objects of these names and contents."""
    for name, data in found.items():
        (folder / name).write_bytes(data)
    return folder


def videos(root, each=5):
    """A folder of two classes, of videos of four frames."""
    rng = np.random.default_rng(0)
    for label in ("left", "right"):
        (root / label).mkdir(parents=True)
        for number in range(each):
            frames = rng.integers(0, 256, (4, 32, 32, 3), np.uint8)
            write.write_video(root / label / f"{number}.avi", frames, fps=10)
    return root


# ------------------------------------------------------------------ names
def test_a_name_in_a_store_is_a_path():
    """Joined, taken apart, compared and pickled as a path is; its text is what was given."""
    path = stores.path("s3://bucket/videos/a.mp4")
    assert isinstance(path, Path)
    assert str(path) == f"{path}" == "s3://bucket/videos/a.mp4"
    assert (path.name, path.suffix, str(path.parent)) == ("a.mp4", ".mp4", "s3://bucket/videos")
    assert path == stores.path(Path("s3://bucket/videos/a.mp4")) == path.parent / "a.mp4"
    assert pickle.loads(pickle.dumps(path)) == path
    assert path.relative_to(path.parent.parent).as_posix() == "videos/a.mp4"
    assert path.absolute() == path.resolve() == path


@pytest.mark.parametrize(
    ("root", "name", "joined"),
    [
        ("s3://bucket/a", "b/c.mp4", "s3://bucket/a/b/c.mp4"),
        ("s3://bucket/a", "../b.mp4", "s3://bucket/b.mp4"),
        ("s3://bucket/a", "s3://other/b.mp4", "s3://other/b.mp4"),
        ("s3://bucket/a", "/b.mp4", "/b.mp4"),
        ("/a", "s3://bucket/b.mp4", "s3://bucket/b.mp4"),
        ("/a", "b.mp4", "/a/b.mp4"),
    ],
)
def test_names_are_joined_wherever_they_lie(root, name, joined):
    """A row of a manifest starts from its folder, or is a whole name; no store knows `..`."""
    assert str(stores.joined(stores.path(root), name)) == joined


USES = [os.path.exists, os.path.isdir, os.listdir, os.stat, open, np.load, os.mkdir, Path.mkdir]
USES += [lambda path: path.glob("*"), lambda path: path.rglob("*"), lambda path: path.touch()]


@pytest.mark.parametrize("use", USES)
def test_what_takes_a_path_of_the_machine_is_refused(use):
    """And never finds that there is no such file, or makes one of that name here."""
    with pytest.raises(errors.NotLocalError, match="s3://bucket/a: can't be used where it lies"):
        use(stores.path("s3://bucket/a"))


def test_the_refusal_is_one_line(capsys):
    """Exit code 2, as for whatever a user can cause."""
    with pytest.raises(SystemExit) as end, errors.one_line_errors():
        os.listdir(stores.path("s3://bucket/a"))
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.count("\n") == 1
    assert said.startswith("error: s3://bucket/a: ")


# ------------------------------------------------------------------ reading and writing
def test_objects_are_read_listed_and_removed(bucket):
    """Names that others begin with are folders."""
    folder = filled(bucket / "a", {"b.txt": b"one", "c/d.txt": b"three"})
    assert (folder / "b.txt").read_text() == "one"
    assert (folder / "c" / "d.txt").stat().st_size == 5
    assert list(folder.iterdir()) == [folder / "b.txt", folder / "c"]
    assert (folder.is_dir(), folder.is_file(), folder.exists()) == (True, False, True)
    assert ((folder / "b.txt").is_file(), (folder / "x").exists()) == (True, False)
    assert {name: size for name, (size, _) in folder.objects().items()} == {
        "b.txt": 3,
        "c/d.txt": 5,
    }
    (folder / "b.txt").unlink()
    assert list(folder.iterdir()) == [folder / "c"]


def test_a_large_object_is_not_read_into_memory(bucket, monkeypatch):
    """Beyond a size it goes by a file, of which nothing is left."""
    monkeypatch.setattr(stores, "IN_MEMORY", 4)
    filled(bucket, {"a": b"0123456789"})
    with (bucket / "a").open("rb") as file:
        assert file.fileno() > 0
        assert file.read() == b"0123456789"


def test_files_writes_whole_objects(bucket):
    """Texts, tables, lines at the end; and nothing here."""
    folders.make_folder(bucket / "run")
    files.write_json(bucket / "run" / "a.json", {"a": 1})
    files.append(bucket / "run" / "log", "one\n")
    files.append(bucket / "run" / "log", "two\n")
    assert files.read_json(bucket / "run" / "a.json") == {"a": 1}
    assert files.read_text(bucket / "run" / "log") == "one\ntwo\n"
    assert os.listdir() == []
    with pytest.raises(errors.FileError, match="can't be read"):
        files.read_text(bucket / "none")
    with pytest.raises(errors.FileError, match="holds 'a.json', and was not made by me"):
        folders.refuse_occupied(bucket / "run", "made by me")


def test_a_listing_of_thousands_is_whole(bucket):
    """The server gives a thousand at a time."""
    for number in range(1_100):
        backend().put_object(bucket.name, f"videos/{number}.mp4", b"")
    assert len(bucket.objects()) == len(list((bucket / "videos").iterdir())) == 1_100


# ------------------------------------------------------------------ copies
def test_a_copy_takes_what_has_changed_and_no_more(bucket, capsys):
    """Said with its bytes; what the store has no more is gone."""
    filled(bucket / "set", {"a": b"one", "b/c": b"three"})
    copy = store_copies.local(bucket / "set")
    assert ((copy / "a").read_text(), (copy / "b" / "c").read_text()) == ("one", "three")
    assert f"{bucket}/set: copies 2 files, 8 bytes, to {copy}" in capsys.readouterr().out
    store_copies.local(bucket / "set")
    assert capsys.readouterr().out == ""
    filled(bucket / "set", {"a": b"two", "d": b""})
    (bucket / "set" / "b" / "c").unlink()
    store_copies.local(bucket / "set")
    assert "copies 2 files, 3 bytes" in capsys.readouterr().out
    assert sorted(path.name for path in copy.rglob("*")) == ["a", "d"]
    assert (copy / "a").read_text() == "two"


def test_a_copy_that_was_changed_here_is_made_anew(bucket):
    """What the store has is what counts."""
    filled(bucket / "set", {"a": b"one"})
    copy = store_copies.local(bucket / "set")
    (copy / "a").write_text("two")
    (copy / "b").write_text("")
    assert (store_copies.local(bucket / "set") / "a").read_text() == "one"
    assert not (copy / "b").exists()


def test_what_a_kill_left_here_is_gone_on_with(bucket):
    """Of a folder that takes hours to make; but what the store has since counts."""
    filled(bucket / "set", {"a": b"one", "b": b"one"})
    killed = store_copies.written(bucket / "set", "a").__enter__()
    for name in ("a", "b", "c"):
        (killed / name).write_text("here")
    filled(bucket / "set", {"b": b"there"})
    with store_copies.written(bucket / "set", "a") as folder:
        found = {name: (folder / name).read_text() for name in ("a", "b", "c")}
    assert found == {"a": "here", "b": "there", "c": "here"}
    assert (bucket / "set" / "a").read_text() == "here"


def test_a_new_folder_is_not_there_before_it_is_made(bucket):
    """What makes one looks for it."""
    with store_copies.written(bucket / "set", "a") as folder:
        assert not folder.exists()
        folder.mkdir()
        (folder / "a").write_text("")
    assert list(bucket.objects()) == ["set/a"]


def test_what_others_have_put_there_is_not_copied(bucket, here):
    """A name too short would else bring a whole bucket here."""
    filled(bucket, {"theirs": b""})
    with pytest.raises(stores.StoreError, match="was not made by this command"):
        store_copies.written(bucket, "ours").__enter__()
    assert not (here.parent / "cache").exists()


def test_what_is_written_here_is_then_in_the_store(bucket):
    """New and changed files; those that are gone; and no file that is another's."""
    for name, text in (("a", "one"), ("b", "two")):
        with store_copies.written(bucket / "set", "a") as folder:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(text)
            (folder / "same").write_text(text)
    assert {n: (bucket / "set" / n).read_text() for n in ("a", "b", "same")} == {
        "a": "one",
        "b": "two",
        "same": "two",
    }
    with store_copies.written(bucket / "set", "b") as folder:
        (folder / "a").unlink()
        filled(bucket / "set", {"anothers": b""})
    assert sorted(bucket.joinpath("set").objects()) == ["anothers", "b", "same"]


def test_a_name_that_leads_out_of_the_copy_is_refused(bucket, here):
    """`../../x` is a fine name for an object, and none for a file here."""
    backend().put_object(bucket.name, "set/../../../x", b"")
    with pytest.raises(stores.StoreError, match="leads out of it"):
        store_copies.local(bucket / "set")


def test_a_checkpoint_that_is_half_in_the_store_is_none(bucket, monkeypatch):
    """Its last file is what makes it whole, and the first to go."""
    checkpoint = dict.fromkeys(saved.NEEDED[:-1], b"") | {"state/d/1": b"0"}
    mirror = store_copies.Mirror(bucket / "checkpoints", "write")
    folder = mirror.fetch() / "5"
    for name, data in checkpoint.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    saved.seal(folder)
    puts, put = [], store_copies._put

    def put_once(found, path):
        put(found, path)
        puts.append(sorted(found))
        raise stores.StoreError("gone")

    monkeypatch.setattr(store_copies, "_put", put_once)
    with pytest.raises(stores.StoreError):
        mirror.publish(last=saved.NEEDED[:1])
    assert len(puts[0]) == len(checkpoint)
    copy = store_copies.local(bucket / "checkpoints")
    assert saved.damaged_file(copy / "5") == saved.NEEDED[0]


def test_a_store_that_goes_while_a_run_is_trained_is_told(bucket, monkeypatch):
    """With how to go on."""

    def gone(last):
        raise stores.StoreError("the store can't be reached")

    monkeypatch.setattr(store_copies.Mirror, "publish", lambda _mirror, last: gone(last))
    checkpoints = checkpoint.Checkpoints(bucket / "run" / "checkpoints")
    with pytest.raises(checkpoint.CheckpointError, match=f"go on with --resume {bucket}/run"):
        checkpoints.wait()
    checkpoints.__exit__(KeyError, None, None)


def test_what_changes_while_it_is_copied_is_told(bucket, monkeypatch):
    """As a run in training takes its older checkpoints away."""
    filled(bucket / "set", {"a": b"one"})
    found = stores.path(bucket / "set").objects()
    (bucket / "set" / "a").unlink()
    monkeypatch.setattr(stores.StorePath, "objects", lambda _path: found)
    with pytest.raises(stores.StoreError, match="changes while it is copied"):
        store_copies.local(bucket / "set")


# ------------------------------------------------------------------ videos
def test_a_video_is_read_from_the_store_as_from_the_disk(bucket, here):
    """The same frames and times, and errors that name it."""
    root = videos(here / "videos", each=1)
    local, place = root / "left" / "0.avi", bucket / "videos" / "left" / "0.avi"
    store_copies.put(root, bucket / "videos")
    np.testing.assert_array_equal(
        decode.read_clip(place, np.arange), decode.read_clip(local, np.arange)
    )
    np.testing.assert_array_equal(decode.frame_times(place), decode.frame_times(local))
    filled(bucket, {"empty.mp4": b"", "text.mp4": b"no video"})
    for name, reason in (
        ("none.mp4", "no such file"),
        ("empty.mp4", "empty"),
        ("text.mp4", "can't be opened"),
    ):
        with pytest.raises(errors.VideoError, match=reason) as error:
            header.probe(bucket / name)
        assert error.value.path == f"{bucket}/{name}"


def test_a_store_that_has_gone_is_no_bad_video(monkeypatch, here):
    """Else `--bad-videos skip` would train on nothing, and say that the videos are bad."""
    server, place = serving()
    fresh(monkeypatch, place)
    backend().create_bucket(name := f"bucket-{uuid.uuid4().hex}", "us-east-1")
    bucket = stores.path(f"s3://{name}")
    store_copies.put(videos(here / "videos", each=1), bucket)
    rows = manifest.of_rows(bucket, [manifest.Row("left/0.avi", "left")])
    shown = preprocess.Preprocessing(num_frames=2, stride=None, resize=32, crop_size=32)
    loader = batches.VideoRows(rows, shown, "skip", batches.Skipped())
    assert loader.test_row(0)["weight"] == 1
    server.stop()
    began = time.monotonic()
    with pytest.raises(stores.StoreError, match="can't be reached"):
        loader.test_row(0)
    assert time.monotonic() - began < 10


# ------------------------------------------------------------------ failures
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("bucket", "there is no bucket 'no-such-bucket'; check the name, or make it"),
        ("key", "the store refuses it"),
        ("credentials", "no credentials"),
        ("network", "the store can't be reached"),
        ("file", "there is no such file or folder in the store"),
    ],
)
@pytest.mark.parametrize("command", [train, evaluate], ids=["train", "evaluate"])
def test_what_is_wrong_is_said_at_once_in_one_line(
    broken, said, command, bucket, monkeypatch, capsys
):
    """Before any work, with what to do."""
    name = "no-such-bucket" if broken == "bucket" else bucket.name
    if broken == "network":
        fresh(monkeypatch, "http://127.0.0.1:1")
    elif broken == "credentials":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    elif broken == "key":  # the server knows none
        monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    words = [f"s3://{name}/none"] if command is evaluate else ["--data", f"s3://{name}/none"]
    monkeypatch.setattr("sys.argv", ["command", *words])
    began = time.monotonic()
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1, line
    assert f"s3://{name}/none: {said}" in line
    assert time.monotonic() - began < 10


def test_a_folder_that_may_not_be_written_is_refused_before_the_work(bucket, monkeypatch):
    """As a key that may only read: it is tried."""

    def forbid(*_arguments, **_options):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(stores._store("s3"), "pipe_file", forbid)
    with pytest.raises(errors.UserError, match="the store refuses it .*Access Denied"):
        folders.refuse_unwritable(bucket / "run", "--out")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://bucket/a", "needs s3fs; pip install 'flaxvid[stores]'"),
        ("gs://bucket/a", "needs gcsfs; pip install 'flaxvid[gcs]'"),
    ],
)
def test_without_the_extra_it_says_what_to_install(address, said, monkeypatch):
    """And what is missing, as fsspec says it only at length."""
    module = {"s3": "s3fs", "gs": "gcsfs"}[address[:2]]
    stores._store.cache_clear()
    known = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(known, address[:2], raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    assert stores.refusal(address) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile"], "--profile: writes into the run directory"),
        (["--track", "tensorboard"], "--track tensorboard: writes into the run directory"),
    ],
)
def test_what_a_run_in_a_store_can_not_do_is_refused(words, said, bucket, small_motion):
    """Before anything is made."""
    data = str(small_motion.root / "manifest.csv")
    chosen = parsing.parse(["--data", data, "--out", f"{bucket}/run", *SMALL, *words], "")
    with pytest.raises(errors.UserError, match=said):
        train.train(chosen)
    assert not bucket.objects()


@pytest.mark.long
@pytest.mark.parametrize("caches", [("one", "two"), ("one", "one")])
def test_several_processes_train_a_run_in_a_store(caches, bucket, here, small_motion):
    """On two machines, or on one, then by one process: the losses of a run on a disk here.

    What `fsdp` has cut is put together for the store; Orbax itself writes to a disk that all see.
    """
    words = ["--data", str(small_motion.root / "manifest.csv"), *SMALL, "--batch-size", "4"]
    words += ["--schedule", "constant", "--eval-every", "3", "--model.dim", "64"]
    command = [*words, "--steps", "6", "--out", f"{bucket}/run", "--parallel", "fsdp"]
    said = several_processes.train(command, [here / cache for cache in caches])
    assert "fsdp, 2 processes" in said[0]
    resumed = ["--resume", f"{bucket}/run", "--steps", "9", "--parallel", "mesh"]
    train.train(parsing.parse(resumed, ""))
    train.train(parsing.parse([*words, "--steps", "9", "--out", str(here / "plain")], ""))
    found, wanted = (
        {
            row["step"]: row["loss"]
            for row in metrics_log.read(run / "metrics.jsonl")
            if "loss" in row
        }
        for run in (bucket / "run", here / "plain")
    )
    assert sorted(found) == list(range(1, 10))
    assert found == pytest.approx(wanted, abs=1e-6)


# ------------------------------------------------------------------ data
def test_a_manifest_in_a_store_names_videos_from_its_place(bucket, here):
    """As CSV, as JSON, and as class folders; the same rows as of the folder here."""
    root = videos(here / "videos")
    known = sources.open_data(root)
    store_copies.put(root, bucket / "videos")
    by_folders = sources.open_data(bucket / "videos")
    assert (by_folders.rows, by_folders.labels) == (known.rows, known.labels)
    for name in ("list.csv", "list.json"):
        manifest_file.write(by_folders, bucket / "videos" / name)
        again = sources.open_data(bucket / "videos" / name)
        assert again.rows == known.rows
        assert str(again.path(again.rows[0])) == f"{bucket}/videos/{again.rows[0].path}"
    whole = manifest.Manifest(here, (manifest.Row(f"{bucket}/a/../b.avi", "x"),), ("x",))
    for root, path in ((here, f"{bucket}/b.avi"), (bucket, "b.avi")):
        rooted = manifest.with_plain_paths(dataclasses.replace(whole, root=root))
        assert rooted.rows[0].path == path
    manifest_file.write(by_folders, bucket / "list.csv")
    assert manifest_file.read(bucket / "list.csv").rows[0].path == f"videos/{known.rows[0].path}"
    manifest_file.write(by_folders, here / "list.csv")
    again = sources.open_data(here / "list.csv")
    assert again.path(again.rows[0]) == by_folders.path(by_folders.rows[0])


def test_other_videos_of_the_same_names_are_told(bucket, here):
    """By the store's tags: nothing is read."""
    store_copies.put(videos(here / "videos", each=2), bucket)
    rows = sources.open_data(bucket)
    before = content_hash.fingerprint(rows)
    assert all(content_hash.are_there(rows))
    assert content_hash.fingerprint(rows) == before
    (bucket / "left" / "0.avi").write_bytes((bucket / "left" / "1.avi").read_bytes())
    assert content_hash.fingerprint(rows) != before
    (bucket / "left" / "0.avi").unlink()
    assert not all(content_hash.are_there(rows))


@pytest.mark.parametrize("kind", ["frames", "packed"])
def test_what_is_prepared_in_a_store_is_what_is_prepared_here(kind, bucket, here):
    """From videos in the store, into the store, read from there: the same files and clips."""
    root = videos(here / "videos", each=3)
    store_copies.put(root, bucket / "videos")
    for data, out in ((root, here / "made"), (bucket / "videos", bucket / "made")):
        chosen = prepare.parse([kind, str(data), str(out)])
        prepare.COMMANDS[kind][1](chosen)
    local, copy = sources.open_data(here / "made"), sources.open_data(bucket / "made")
    assert copy.rows == local.rows
    assert content_hash.fingerprint(copy) == content_hash.fingerprint(local)


def test_embeddings_in_a_store_are_copied_before_they_are_mapped(bucket, here, capsys):
    """An array that is mapped into memory has to lie on a disk."""
    filled(bucket / "made", {embeddings.INDEX: b"{}", embeddings.ARRAY: b"0"})
    place = sources.place(f"{bucket}/made")
    assert embeddings.is_stored(place)
    assert "copies 2 files, 3 bytes" in capsys.readouterr().out


# ------------------------------------------------------------------ runs
def test_a_log_in_a_store_is_whole_with_every_checkpoint(bucket):
    """And not written anew with each line."""
    log = metrics_log.MetricsLog(bucket / "metrics.jsonl")
    log.write(1, loss=2.0)
    assert metrics_log.read(bucket / "metrics.jsonl") == []
    assert log.read() == [{"step": 1, "loss": 2.0}]
    log.flush()
    log.write(2, loss=1.0)
    log.flush()
    assert [row["step"] for row in metrics_log.read(bucket / "metrics.jsonl")] == [1, 2]
    again = metrics_log.MetricsLog(bucket / "metrics.jsonl", resume_step=1)
    assert [row["step"] for row in again.read()] == [1]


@pytest.mark.long
def test_a_run_in_a_store_from_its_data_to_predictions(bucket, here, tmp_path, capsys):
    """Trained, gone on with on another machine, judged; a video in the store predicted."""
    store_copies.put(videos(here / "videos", each=4), bucket / "videos")
    data, run = f"{bucket}/videos", bucket / "run"
    began = parsing.parse(["--data", data, "--out", str(run), *SMALL, "--steps", "1"], "")
    train.train(began)
    assert f"{run}: a store has no lock" in capsys.readouterr().out
    assert config.load(run).run.out == run
    assert {"config.json", "metrics.jsonl", "curves.png"} < set(run.objects())
    with pytest.raises(errors.UserError, match=f"--out {run}: holds a run already"):
        directory.refuse_taken(run)
    (tmp_path / "cache").rename(tmp_path / "of-another-machine")
    train.train(parsing.parse(["--resume", str(run), "--steps", "2"], ""))
    assert f"try  python -m flaxvid.evaluate {run}\n" in capsys.readouterr().out
    steps = [row["step"] for row in metrics_log.read(run / "metrics.jsonl") if "loss" in row]
    assert steps == [1, 2]
    evaluate.evaluate(evaluate.parse([str(run), "--no-orders"]))
    assert compare.read_report(run)["videos"] == 2
    video = f"{data}/left/0.avi"
    assert predict.report(predict.parse([str(run), video, "--out", "said.json"])) == 0
    assert files.read_json("said.json")["predictions"][0]["path"] == video
    assert sorted(os.listdir()) == ["said.json", "videos"]


def test_a_model_is_handed_on_by_a_store(bucket, here):
    """Exported into one, whole, and opened from there."""
    model = flaxvid.create("timesformer", labels=("left", "right"), dim=8, depth=1, num_heads=2)
    settings, folder = model.trained.settings, bucket / "model"
    model_folder.write(folder, settings, 7, model.model, "A model.")
    opened = flaxvid.load(f"{folder}")
    assert opened.trained.step == 7
    jax.tree.map(np.testing.assert_array_equal, *(nnx.state(m.model) for m in (opened, model)))
    with pytest.raises(errors.FileError, match="holds 'README.md'"):
        model_folder.write(folder, settings, 7, model.model, "Another.")


def test_weights_are_started_from_in_a_store(bucket):
    """A file with what stands beside it, or the folder of both."""
    filled(bucket / "theirs", {"model.safetensors": b"1", "config.json": b"{}"})
    path = fetch.locate(f"{bucket}/theirs/model.safetensors")
    assert path.read_bytes() == b"1"
    beside = fetch.beside(f"{bucket}/theirs/model.safetensors", path, "config.json")
    assert beside.read_bytes() == b"{}"
    assert fetch.beside(f"{bucket}/theirs/model.safetensors", path, "none.json") is None
    assert fetch.locate(f"{bucket}/theirs").name == "model.safetensors"
