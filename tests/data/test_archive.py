"""Archives: good ones come out whole; those that would do harm don't come out at all."""

import io
import resource
import stat
import tarfile
import zipfile

import pytest

from flaxvid.data import archive


def tar_of(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


MAKE = {"videos.tar.gz": tar_of, "videos.zip": zip_of}


@pytest.mark.parametrize("name", MAKE)
def test_files_come_out(tmp_path, name):
    """With their folders and content; the folder is there when all is."""
    path = MAKE[name](tmp_path / name, [("lists/a.txt", b"one"), ("b.avi", b"two" * 1000)])
    files = archive.extract(path, tmp_path / "out")
    assert sorted(map(str, files)) == ["b.avi", "lists/a.txt"]
    assert (tmp_path / "out/lists/a.txt").read_bytes() == b"one"
    assert (tmp_path / "out/b.avi").read_bytes() == b"two" * 1000
    assert not (tmp_path / "out.partial").exists()


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("inside", ["../evil", "/tmp/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_a_member_outside_is_refused(tmp_path, name, inside):
    """And nothing of the archive stays."""
    path = MAKE[name](tmp_path / name, [("good.txt", b"good"), (inside, b"evil")])
    with pytest.raises(archive.ArchiveError, match="outside the folder"):
        archive.extract(path, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*evil"))
    assert not (tmp_path / "deep" / "out").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused(tmp_path, kind):
    """A link to /etc, and a later member through it, would write there."""
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc"
    path = tar_of(tmp_path / "a.tar", [(info, b"")], "w")
    with pytest.raises(archive.ArchiveError, match="link or device"):
        archive.extract(path, tmp_path / "out")


def test_links_in_a_zip_are_refused(tmp_path):
    """Zip keeps them as files with a mode."""
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zip_of(tmp_path / "a.zip", [(info, "/etc/passwd")])
    with pytest.raises(archive.ArchiveError, match="link or device"):
        archive.extract(path, tmp_path / "out")


@pytest.mark.parametrize("name", MAKE)
def test_a_bomb_is_refused(tmp_path, name):
    """Ten megabytes of zeros in ten kilobytes; counted as they come, not as the header says."""
    path = MAKE[name](tmp_path / name, [("zeros", bytes(10_000_000))])
    assert path.stat().st_size < 20_000
    with pytest.raises(archive.ArchiveError, match="holds far more"):
        archive.extract(path, tmp_path / "out", largest=1_000_000)
    assert not (tmp_path / "out").exists()


def test_two_members_of_one_name_are_refused(tmp_path):
    """The second would replace the first unseen."""
    path = tar_of(tmp_path / "a.tar", [("a", b"1"), ("a", b"2")], "w")
    with pytest.raises(archive.ArchiveError, match="two members have one name"):
        archive.extract(path, tmp_path / "out")


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    """Nothing is written over."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    path = zip_of(tmp_path / "a.zip", [("mine.txt", b"theirs")])
    with pytest.raises(archive.ArchiveError, match="not empty"):
        archive.extract(path, tmp_path / "out")


@pytest.mark.parametrize("cut", [0.02, 0.3, 0.8])
@pytest.mark.parametrize("name", MAKE)
def test_a_damaged_archive_is_named(tmp_path, name, cut):
    """Whatever is cut off, the error is one line with its name."""
    path = MAKE[name](tmp_path / name, [(f"{n}.txt", bytes(range(256)) * n) for n in range(9)])
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    with pytest.raises(archive.ArchiveError, match=name):
        archive.extract(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_archive(tmp_path):
    """A .rar is told what it takes."""
    (tmp_path / "UCF101.rar").write_bytes(b"Rar!\x1a\x07\x00" + bytes(100))
    with pytest.raises(archive.ArchiveError, match=r"UCF101\.rar.*unrar"):
        archive.extract(tmp_path / "UCF101.rar", tmp_path / "out")
    with pytest.raises(archive.ArchiveError, match="No such file"):
        archive.extract(tmp_path / "none.zip", tmp_path / "out")


@pytest.mark.parametrize("name", [".", "a/.."])
@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_a_member_without_a_name_is_refused(make, name, tmp_path):
    """The folder itself can't be a file."""
    path = make(tmp_path / "archive", [(name, b"x")])
    with pytest.raises(archive.ArchiveError, match="not a valid file name|outside the folder"):
        archive.extract(path, tmp_path / "out")


def lzma_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.zip", zip_of),
        ("lzma.zip", lzma_zip),
        ("a.tar.gz", tar_of),
        ("a.tar.xz", lambda path, members: tar_of(path, members, "w:xz")),
        ("a.tar.bz2", lambda path, members: tar_of(path, members, "w:bz2")),
    ],
)
def test_any_damaged_byte_is_one_line(name, make, tmp_path):
    """Deflate, LZMA and bzip2 each have an error of their own; every eleventh byte, one by one."""
    path = make(tmp_path / name, [(f"{n}.txt", bytes(range(200)) * n) for n in range(3)])
    data = path.read_bytes()
    said = []
    for place in range(0, len(data), 11):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            archive.extract(path, tmp_path / f"out{place}")
        except archive.ArchiveError as error:
            said.append(str(error))
    assert said
    assert all(name in line and "\n" not in line for line in said)


def test_a_full_disk_is_not_damage(tmp_path):
    """What could not be written is named, and not the archive."""
    path = zip_of(tmp_path / "a.zip", [("a.txt", b"x" * 100)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(archive.ArchiveError, match="a.txt: can't be written .File too large"):
            archive.extract(path, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {p.name for p in tmp_path.iterdir()} == {"a.zip"}
