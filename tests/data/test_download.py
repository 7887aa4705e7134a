"""Downloads: whole, resumed, checked; against a server of our own on this machine."""

import errno
import hashlib
import http.server
import os
import threading

import pytest

from flaxvid import errors
from flaxvid.data import download

CONTENT = bytes(range(256)) * 12_000  # three blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    """Serves CONTENT at any path, which breaks off the first time, but for `/a` and `/plain`.

    `/plain` knows no ranges, `/wrong` sends another part than asked for, `/changes` is another file
    each time, `/unnamed` has no ETag.
    """
    asked, broken = [], {"/a", "/plain"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            asked.append((self.path, wanted))
            start, tag = 0, f'"{len(asked) if self.path == "/changes" else 0}"'
            if self.headers.get("If-Range", tag) != tag:
                wanted = None
            if self.path == "/gone":
                self.send_error(404)
                return
            if wanted and self.path != "/plain":
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(CONTENT):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
                    self.end_headers()
                    return
                self.send_response(206)
                first = start + (self.path == "/wrong")
                self.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/*")
            else:
                self.send_response(200)
            if self.path != "/unnamed":
                self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            stop = len(CONTENT) if self.path in broken else len(CONTENT) // 2
            broken.add(self.path)
            self.wfile.write(CONTENT[start:stop])

        def log_message(self, *_arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", asked
        running.shutdown()
        thread.join()


def test_a_file_comes_whole(server, tmp_path):
    """With its checksum; a second call asks nobody."""
    address, asked = server
    assert download.download(f"{address}/a", tmp_path / "a", sha256=SHA256) == SHA256
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert download.download(f"{address}/a", tmp_path / "a") == SHA256
    assert len(asked) == 1


def test_a_broken_download_goes_on(server, tmp_path):
    """The second call fetches the missing half only."""
    address, asked = server
    with pytest.raises(download.DownloadError, match="broke off at 1536000 of 3072000"):
        download.download(f"{address}/breaks", tmp_path / "a")
    assert not (tmp_path / "a").exists()
    download.download(f"{address}/breaks", tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert asked[-1] == ("/breaks", "bytes=1536000-")


@pytest.mark.parametrize("path", ["/changes", "/unnamed"])
def test_what_may_be_another_file_is_fetched_anew(path, server, tmp_path):
    """Two halves of two files would make a third."""
    address, _ = server
    with pytest.raises(download.DownloadError, match="broke off"):
        download.download(f"{address}{path}", tmp_path / "a")
    assert download.download(f"{address}{path}", tmp_path / "a") == SHA256
    assert {p.name for p in tmp_path.iterdir()} == {"a"}


def test_what_came_from_elsewhere_is_not_gone_on_with(server, tmp_path):
    """The name is the same, and the address another."""
    address, asked = server
    with pytest.raises(download.DownloadError, match="broke off"):
        download.download(f"{address}/breaks", tmp_path / "a")
    assert download.download(f"{address}/a", tmp_path / "a") == SHA256
    assert asked[-1] == ("/a", None)


def test_another_part_than_asked_for_is_refused(server, tmp_path):
    """A server that does not know what it sends."""
    address, _ = server
    for told in ("broke off", "sends another part"):
        with pytest.raises(download.DownloadError, match=told):
            download.download(f"{address}/wrong", tmp_path / "a")


def test_a_full_disk_names_the_file(server, tmp_path, monkeypatch):
    """And not the address, which is well."""

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(errors.UserError, match=r"a.partial.*: can't be written .No space left"):
        download.download(f"{server[0]}/a", tmp_path / "a")


def test_a_server_that_can_not_resume(server, tmp_path):
    """It sends everything again, and nothing stands twice in the file."""
    address, _ = server
    (tmp_path / "a.partial").write_bytes(CONTENT[:1000])
    download.download(f"{address}/plain", tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_all_was_there_but_the_name(server, tmp_path):
    """Broken off after the last byte: there is nothing left to send."""
    address, asked = server
    with pytest.raises(download.DownloadError, match="broke off"):
        download.download(f"{address}/breaks", tmp_path / "a")
    (tmp_path / "a.partial").write_bytes(CONTENT)
    assert download.download(f"{address}/breaks", tmp_path / "a") == SHA256
    assert asked[-1] == ("/breaks", f"bytes={len(CONTENT)}-")


def test_another_checksum_is_refused(server, tmp_path):
    """The file does not appear under its name."""
    address, _ = server
    with pytest.raises(download.DownloadError, match=f"has SHA-256 {SHA256}, not 0000"):
        download.download(f"{address}/a", tmp_path / "a", sha256="0" * 64)
    assert not (tmp_path / "a").exists()


def test_mistakes_are_named(server, tmp_path):
    """A missing page, no server, no address."""
    address, _ = server
    with pytest.raises(download.DownloadError, match="answers 404"):
        download.download(f"{address}/gone", tmp_path / "a")
    with pytest.raises(download.DownloadError, match="run it again"):
        download.download("http://127.0.0.1:9/a", tmp_path / "a", seconds=2.0)
    with pytest.raises(download.DownloadError, match="neither http.s. nor one of ucf101-splits"):
        download.download("file:///etc/passwd", tmp_path / "a")
