"""preprocessor_config.json: how pixels were prepared, as the file beside the weights says."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from flaxvid.video import preprocess, transform
from flaxvid.weights import processor, read

# As Transformers writes them.
VIDEOMAE = dict(
    crop_size={"height": 224, "width": 224},
    do_center_crop=True,
    do_normalize=True,
    do_rescale=True,
    do_resize=True,
    image_mean=[0.485, 0.456, 0.406],
    image_std=[0.229, 0.224, 0.225],
    rescale_factor=0.00392156862745098,
    size={"shortest_edge": 224},
)
VIVIT = VIDEOMAE | dict(
    image_mean=[0.5] * 3,
    image_std=[0.5] * 3,
    offset=True,
    rescale_factor=0.00784313725490196,
    size={"shortest_edge": 256},
)


def found(folder, said, name="preprocessor_config.json"):
    (folder / name).write_text(json.dumps(said))
    return processor.read(str(folder), folder / "model.safetensors")


def test_colours_and_sizes(tmp_path):
    """Scale, mean, standard deviation, crop and short side are the file's."""
    shown = found(tmp_path, VIDEOMAE).applied(preprocess.Preprocessing(crop_size=112, resize=112))
    assert shown.mean == (0.485, 0.456, 0.406)
    assert shown.std == (0.229, 0.224, 0.225)
    assert shown.scale == pytest.approx(1 / 255)
    assert (shown.crop_size, shown.resize, shown.channel_order) == (112, 112, "rgb")


def test_an_offset_is_taken_off_before_the_mean(tmp_path):
    """ViViT's pixels: times 1/127.5, less 1, less the mean, over the standard deviation."""
    shown = found(tmp_path, VIVIT).applied(preprocess.Preprocessing(crop_size=224))
    pixels = np.array([[[0, 100, 255]]], np.uint8)
    expected = (pixels / 127.5 - 1 - 0.5) / 0.5
    seen = transform.normalise(jnp.asarray(pixels), shown)
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    assert shown.resize == 256


def test_margins_stay_in_proportion(tmp_path):
    """256 out of which 224 are cut are 128 for a model of 112 pixels."""
    shown = found(tmp_path, VIVIT).applied(preprocess.Preprocessing(crop_size=112, resize=200))
    assert shown.resize == 128


def test_squeezed_and_mirrored_channels(tmp_path):
    """Height and width are exact; a flag says that channels are blue, green, red."""
    said = VIDEOMAE | dict(size={"height": 224, "width": 224}, do_flip_channel_order=True)
    shown = found(tmp_path, said).applied(preprocess.Preprocessing())
    assert (shown.resize, shown.channel_order) == ((224, 224), "bgr")


def test_what_is_not_done_is_not_taken(tmp_path):
    """Without rescaling pixels are 0 to 255, without normalising no mean is taken off."""
    said = VIDEOMAE | dict(do_rescale=False, do_normalize=False, do_resize=False)
    shown = found(tmp_path, said).applied(preprocess.Preprocessing(resize=300))
    assert (shown.scale, shown.mean, shown.std, shown.resize) == (1.0, (0,) * 3, (1,) * 3, 300)


def test_the_newer_file_comes_first(tmp_path):
    """video_preprocessor_config.json is what newer versions write."""
    found(tmp_path, VIDEOMAE)
    assert found(tmp_path, VIVIT, "video_preprocessor_config.json").mean == (1.5,) * 3


def test_no_file(tmp_path):
    """Nothing beside the weights says nothing."""
    assert processor.read(str(tmp_path), tmp_path / "model.safetensors") is None


@pytest.mark.parametrize(
    "said", [[], {"image_mean": [1, 2]}, VIDEOMAE | {"crop_size": {"height": 2, "width": 3}}]
)
def test_what_can_t_be_understood_is_named(said, tmp_path):
    """Half a file, or a crop that is no square: one line with the path."""
    with pytest.raises(read.WeightsError, match=r"preprocessor_config\.json: is damaged"):
        found(tmp_path, said)
