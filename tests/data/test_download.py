"""Downloads: whole, resumed, checked; against a server of our own on this machine."""

import hashlib
import http.server
import threading

import pytest

from flaxvid.data import download

CONTENT = bytes(range(256)) * 12_000  # three blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    """Serves CONTENT at any path; `/plain` knows no ranges, `/breaks` ends too early."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            asked.append((self.path, wanted))
            start = 0
            if self.path == "/gone":
                self.send_error(404)
                return
            if wanted and self.path != "/plain":
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(CONTENT):
                    self.send_error(416)
                    return
                self.send_response(206)
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            stop = len(CONTENT) // 2 if self.path == "/breaks" and not start else len(CONTENT)
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


def test_a_server_that_can_not_resume(server, tmp_path):
    """It sends everything again, and nothing stands twice in the file."""
    address, _ = server
    (tmp_path / "a.partial").write_bytes(CONTENT[:1000])
    download.download(f"{address}/plain", tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_all_was_there_but_the_name(server, tmp_path):
    """Broken off after the last byte: there is nothing left to send."""
    address, _ = server
    (tmp_path / "a.partial").write_bytes(CONTENT)
    assert download.download(f"{address}/a", tmp_path / "a") == SHA256


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
