"""The page of `flaxvid.demo` in a real browser: upload, example, camera, and what is no video.

    pip install -e ".[demo]" playwright && python tests/benchmarks/demo.py [FOLDER]

A server with two small models, of which one has attention and one has not, and headless Chromium
(`playwright install chromium`, or the one that is installed) with a camera that is not there.
Pictures of the page, as wide as a desktop and as a phone, go into FOLDER if one is given.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright import sync_api

from flaxvid import train
from flaxvid.data import motion
from flaxvid.runs import parsing
from flaxvid.video import write

ROOT = Path(__file__).parents[2]
PORT, WIDTHS = 7899, {"desktop": 1280, "phone": 390}
PATIENCE = 300_000  # milliseconds, with compiling, on a busy machine
# Five frames a second: more take the processor that is to answer.
FAKES = ("--use-fake-device-for-media-stream=fps=5", "--use-fake-ui-for-media-stream")
READY = """() => {
    const video = document.querySelector('video[src]');
    return video && video.readyState > 1 && !document.querySelector('.generating, .progress-text');
}"""


def main() -> None:
    """Trains, serves, and goes through the page."""
    pictures = Path(sys.argv[1]) if sys.argv[1:] else None
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        runs, video = prepared(place)
        (place / "letter.mp4").write_text("Dear Sir or Madam")
        with server(runs), sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or None, args=["--no-sandbox", *FAKES]
            )
            try:
                for name, width in WIDTHS.items():
                    view = {"width": width, "height": 900}
                    context = browser.new_context(viewport=view, permissions=["camera"])
                    visit(context.new_page(), video, place / "letter.mp4", name, pictures)
                    context.close()
            finally:
                browser.close()


def prepared(place: Path) -> tuple[list[Path], Path]:
    """Two runs of two steps on motion videos, and a film of 12 s that no browser plays."""
    videos = motion.open_or_draw(root=place, counts={"train": 40, "validation": 10, "test": 20})
    words = ["--data", str(videos.root / "manifest.csv"), "--steps", "2", "--batch-size", "4"]
    runs = []
    for arch in ("timesformer", "conv_lstm"):
        out = ["--arch", arch, "--out", str(place / arch)]
        runs.append(train.train(parsing.parse([*words, *out], "")))
    drawn = [motion.draw_clip("move_right", np.random.default_rng(n)) for n in range(6)]
    write.write_video(place / "film.avi", np.concatenate(drawn), fps=motion.FPS, codec="MJPG")
    return runs, place / "film.avi"


@contextlib.contextmanager
def server(runs: list[Path]):
    """The command itself, until the page answers."""
    words = [sys.executable, "-m", "flaxvid.demo", *map(str, runs), "--port", str(PORT)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    process = subprocess.Popen(words, env=os.environ | {"PYTHONPATH": paths})
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}", timeout=1).close()
                break
            time.sleep(1)
        yield
    finally:
        process.terminate()
        process.wait()


def visit(page, video: Path, letter: Path, name: str, pictures: Path | None) -> None:
    """Upload, take away, what is no video, an example, the camera."""

    def check(what, right):
        print(f"{name}: {what}: {'right' if right else 'WRONG'}", flush=True)
        if not right:
            raise SystemExit(1)

    def shot(what):
        if pictures is not None:
            page.screenshot(path=pictures / f"demo-{name}-{what}.png", full_page=True)

    page.set_default_timeout(PATIENCE)
    page.goto(f"http://127.0.0.1:{PORT}")
    page.set_input_files("input[type=file]", video)
    page.wait_for_function(READY)
    page.wait_for_timeout(1000)
    film = "document.querySelector('video[src]')"
    check("the video plays", page.evaluate(f"{film}.videoWidth") == motion.SIZE)
    check("12 s of it", 11 < page.evaluate(f"{film}.duration") < 13)
    frames = page.get_by_text("frame 8", exact=True).count()
    check("all frames that both models saw", frames == 2)
    check("attention", page.get_by_text("where it looked (attention)").count() == 1)
    check("occlusion", page.get_by_text("where it is less sure").count() == 1)
    timelines = page.locator("img[alt='']").count() + page.locator(".image-frame img").count()
    check("both timelines", timelines >= 2)
    wide = page.evaluate("document.documentElement.scrollWidth")
    check("nothing wider than the screen", wide <= WIDTHS[name])
    shot("upload")

    page.get_by_label("Clear").or_(page.get_by_label("Remove")).first.click()
    page.set_input_files("input[type=file]", letter)
    page.get_by_text("This can't be shown").wait_for()
    check("what is no video is told by its name", page.get_by_text("letter.mp4: ").count() > 0)

    page.get_by_role("button", name="grow", exact=True).click()
    page.wait_for_function(READY)
    check("an example plays", page.evaluate(f"{film}.videoWidth") == motion.SIZE)
    shot("example")

    pictures_of = "[...document.querySelectorAll('.grid-container img')].map(i => i.src)"
    before = page.evaluate(pictures_of)
    check("16 pictures of each model", len(before) == 32)
    check("no place for a timeline of 2 s", page.locator(".image-frame").count() == 0)
    page.get_by_role("tab", name="record").click()
    page.get_by_text("Click to Access Webcam").click()
    button = page.locator("button[aria-label$='recording']")  # which starts it, and ends it
    button.click()
    page.wait_for_timeout(3000)
    button.click()
    page.get_by_text("pixels, wide").first.wait_for()
    check("the camera's film is answered", page.get_by_text("pixels, wide").count() == 2)
    page.wait_for_timeout(2000)
    after = page.evaluate(pictures_of)
    check("with pictures of its own", len(after) == 32 and not set(after) & set(before))
    shot("camera")


if __name__ == "__main__":
    main()
