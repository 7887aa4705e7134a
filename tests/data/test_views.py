"""Views for testing: every one once, frames where they belong, orders that only reorder."""

import numpy as np
import pytest

from flaxvid import errors
from flaxvid.data import batches, manifest, views
from flaxvid.video import preprocess, write

CLIP = np.arange(10, dtype=np.uint8).reshape(5, 2)
MASK = np.array([True, True, True, True, False])


@pytest.mark.exercise("data.views.reorder")
def test_reversed():
    """The four real frames backwards; the padded one stays at the end."""
    clip, mask = views.reorder(CLIP, MASK, "reversed", np.random.default_rng(0))
    assert clip[:, 0].tolist() == [6, 4, 2, 0, 8]
    assert mask.tolist() == MASK.tolist()


@pytest.mark.exercise("data.views.reorder")
def test_frozen():
    """The middle of four frames is frame 1; it stands at all four places."""
    clip, mask = views.reorder(CLIP, MASK, "frozen", np.random.default_rng(0))
    assert clip[:, 0].tolist() == [2, 2, 2, 2, 8]
    assert mask.tolist() == MASK.tolist()


@pytest.mark.exercise("data.views.reorder")
def test_single():
    """Frame 1 alone at its own place, the others black and masked."""
    clip, mask = views.reorder(CLIP, MASK, "single", np.random.default_rng(0))
    assert clip.tolist() == [[0, 0], [2, 3], [0, 0], [0, 0], [0, 0]]
    assert mask.tolist() == [False, True, False, False, False]
    assert clip.dtype == np.uint8


@pytest.mark.exercise("data.views.reorder")
def test_shuffled_keeps_the_frames_and_never_their_order():
    """Of 200 draws each has the same four frames, none in the old order, the padding at its end."""
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        clip, mask = views.reorder(CLIP, MASK, "shuffled", rng)
        assert sorted(clip[:4, 0].tolist()) == [0, 2, 4, 6]
        assert clip[4, 0] == 8
        assert mask.tolist() == MASK.tolist()
        seen.add(tuple(clip[:4, 0].tolist()))
    if len(seen) != 23:
        pytest.fail(f"of the 23 other orders of four frames 200 draws gave {len(seen)}")


@pytest.mark.exercise("data.views.reorder")
@pytest.mark.parametrize("order", ["shuffled", "reversed", "frozen"])
def test_padding_stays_where_it_is(order):
    """Two padded frames, each another one, behind four real ones: 8 and 9 stay at their places."""
    clip, mask = np.array([0, 2, 4, 6, 8, 9]), np.array([True] * 4 + [False] * 2)
    for seed in range(4):
        given, _ = views.reorder(clip, mask, order, np.random.default_rng(seed))
        assert given[4:].tolist() == [8, 9]


@pytest.mark.exercise("data.views.reorder")
def test_padding_is_black_beside_a_single_frame():
    """Whatever stood there, NaN too: it is not multiplied by 0."""
    mask = np.array([True] * 4 + [False])
    clip, _ = views.reorder(
        np.array([5, 2, 4, 6, np.nan]), mask, "single", np.random.default_rng(0)
    )
    assert clip.tolist() == [0, 2, 0, 0, 0]


@pytest.mark.exercise("data.views.reorder")
def test_a_shuffle_repeats_with_its_seed():
    """The same seed gives the same order: the only source of chance is `rng`."""
    clip = np.arange(40)
    found = [
        views.reorder(clip, np.ones(40, bool), "shuffled", np.random.default_rng(seed))[0].tolist()
        for seed in (3, 3, 4)
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.mark.exercise("data.views.reorder")
def test_two_frames_change_places():
    """Two frames have one other order, and a shuffle always finds it."""
    mask = np.array([True, True, False])
    for seed in range(10):
        clip, _ = views.reorder(CLIP[:3], mask, "shuffled", np.random.default_rng(seed))
        assert clip[:, 0].tolist() == [2, 0, 4]


@pytest.mark.exercise("data.views.reorder")
@pytest.mark.parametrize(("order", "places"), [("frozen", [2] * 6), ("single", [None] * 2 + [2])])
def test_the_middle_of_six_frames_of_pixels(order, places):
    """Frame 2, `(6 - 1) // 2`; frames of 3 x 4 pixels with 3 channels are treated as whole ones."""
    rng = np.random.default_rng(0)
    clip = rng.integers(1, 256, (6, 3, 4, 3), dtype=np.uint8)
    given, mask = views.reorder(clip.copy(), np.ones(6, bool), order, rng)
    for place in range(6):
        source = places[place] if place < len(places) else None
        expected = np.zeros_like(clip[0]) if source is None else clip[source]
        np.testing.assert_array_equal(given[place], expected)
    assert mask.tolist() == [order == "frozen" or place == 2 for place in range(6)]


@pytest.mark.exercise("data.views.reorder")
def test_one_frame_has_no_other_order():
    """A clip of one real frame comes back, whatever is asked for."""
    mask = np.array([True, False])
    for order in ("shuffled", "reversed", "frozen", "single"):
        clip, _ = views.reorder(CLIP[:2], mask, order, np.random.default_rng(0))
        assert clip[0].tolist() == CLIP[0].tolist()


@pytest.mark.exercise("data.views.reorder")
def test_a_clip_that_stands_still_is_shuffled_too():
    """The places change, not what is seen: a draw until the pixels differ would never end."""
    clip, mask = views.reorder(np.ones((5, 2)), MASK, "shuffled", np.random.default_rng(0))
    assert clip.tolist() == [[1, 1]] * 5
    assert mask.tolist() == MASK.tolist()


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    """Three videos, 24, 9 and 5 frames of 16 x 24 pixels, each frame as bright as its number."""
    root, rows = tmp_path_factory.mktemp("videos"), []
    for number, frames in enumerate((24, 9, 5)):
        shades = 10 * np.arange(frames, dtype=np.uint8)[:, None, None, None]
        video = np.broadcast_to(shades, (frames, 16, 24, 3)).copy()
        video[:, :, :8, 0] += 5  # the left third is redder
        write.write_video(root / f"{number}.avi", video, fps=8.0)
        rows.append(manifest.Row(path=f"{number}.avi", label="ab"[number % 2], split="test"))
    shown = preprocess.Preprocessing(num_frames=4, stride=2, crop_size=16, resize=16)
    videos = manifest.Manifest(root=root, rows=tuple(rows), labels=("a", "b"))
    return batches.VideoRows(videos, shown)


def all_of(loader, batch_size, **settings):
    found = list(views.view_batches(loader, batch_size, **settings))
    assert all(len(batch["label"]) == batch_size for batch in found)
    together = {name: np.concatenate([b[name] for b in found]) for name in found[0]}
    counts = together["weight"] > 0
    return {name: values[counts] for name, values in together.items()}


def test_single_view_is_the_usual_one(loader):
    """One window and one crop give the clips of `test_batches`."""
    (usual,) = batches.test_batches(loader, 3)
    found = all_of(loader, 2)
    for name in ("video", "mask", "label"):
        np.testing.assert_array_equal(found[name], usual[name])
    assert found["row"].tolist() == [0, 1, 2]


def test_windows_and_crops_of_every_video(loader):
    """2 windows x 3 crops of 3 videos are 18 clips; windows at both ends, crops left to right."""
    found = all_of(loader, 4, windows=2, crops=3)
    assert found["row"].tolist() == [0] * 6 + [1] * 6 + [2] * 6
    shades = np.round(found["video"][:, :, 8, -1, 1] / 10).astype(int)
    assert shades[0].tolist() == [0, 2, 4, 6]
    assert shades[3].tolist() == [17, 19, 21, 23]
    assert shades[12, :3].tolist() == [0, 2, 4]
    assert found["mask"][12].tolist() == [True, True, True, False]
    redder = found["video"][:6, 0, 8, 0, 0].astype(int) - found["video"][:6, 0, 8, 0, 1]
    assert (redder > 2).tolist() == [True, True, False] * 2


def test_batch_size_changes_nothing(loader):
    """The same clips in the same order in batches of 1, 5 and 32, shuffled too."""
    for settings in (dict(windows=3), dict(order="shuffled")):
        one, five, many = (all_of(loader, size, **settings) for size in (1, 5, 32))
        for name, values in one.items():
            np.testing.assert_array_equal(values, five[name])
            np.testing.assert_array_equal(values, many[name])


def test_unknown_order_is_refused(loader):
    """The message lists what there is."""
    with pytest.raises(errors.UserError, match="order 'sorted': there are shuffled, reversed"):
        next(views.view_batches(loader, 2, order="sorted"))


class Embedded:
    """Two embeddings of 3 frames: rows that are no videos."""

    def __init__(self, root):
        rows = tuple(manifest.Row(path=f"{n}.avi", label="a", split="test") for n in range(2))
        self.manifest = manifest.Manifest(root=root, rows=rows, labels=("a",))
        self.skipped = batches.Skipped()

    def train_row(self, index, rng):
        raise NotImplementedError

    def test_row(self, index):
        frames = np.array([[1.0], [2.0], [3.0]], np.float32) + 10 * index
        one = {"label": np.int32(0), "weight": np.float32(1)}
        return one | {"embedding": frames, "mask": np.ones(3, bool)}


def test_embeddings_have_one_view_and_any_order(tmp_path):
    """Reversed, frames are 3, 2, 1 and 13, 12, 11; several views are refused, two already."""
    found = all_of(Embedded(tmp_path), 2, order="reversed")
    assert found["embedding"][:, :, 0].tolist() == [[3, 2, 1], [13, 12, 11]]
    for several in (dict(windows=2), dict(crops=3), dict(windows=5, crops=3)):
        with pytest.raises(errors.UserError, match="crops: embeddings were made of one view"):
            next(views.view_batches(Embedded(tmp_path), 2, **several))


def test_two_windows_are_two_views(loader):
    """The first starts with the video of 24 frames, and the last ends with it."""
    found = all_of(loader, 2, windows=2)
    assert found["row"].tolist() == [0, 0, 1, 1, 2, 2]
    shades = np.round(found["video"][:2, :, 8, -1, 1] / 10).astype(int)
    assert shades.tolist() == [[0, 2, 4, 6], [17, 19, 21, 23]]
