import sys
import zipfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxstyle.errors import ImageError, SettingError, WeightsError, WeightsFileError
from jaxstyle.feedforward.johnson import Johnson, load_johnson, paint_clipped
from jaxstyle.feedforward.johnson_file import LAYERS
from jaxstyle.feedforward.johnson_layers import Layer, convolve_first, convolve_transposed


@pytest.fixture(scope="module")
def tiny() -> Johnson:
    return Johnson.random(3, width=2)


@pytest.mark.parametrize("name", ["wave", "udnie"])
def test_public_networks_equal_their_goldens(shared, name):
    folder = shared / "fast_style"
    net = load_johnson(folder / f"{name}.npz")
    content = np.load(folder / "input_256_rgb255.npy")[0] / 255
    painted = np.asarray(net(content))
    assert painted.shape == (256, 256, 3)
    assert net.name == name
    # Winograd's algorithm in the residual blocks; 7e-6 were measured.
    assert np.abs(painted - np.load(folder / f"{name}_torchref_256.npy")[0] / 255).max() < 1e-4


def test_transposed_convolution_is_the_transpose_of_tensorflows_same(x64):
    random = np.random.default_rng(0)
    x, kernel = random.normal(size=(3, 5, 2)), random.normal(size=(3, 3, 4, 2))
    y = np.zeros((7, 11, 4))
    for r in range(3):
        for c in range(5):
            y[2 * r : 2 * r + 3, 2 * c : 2 * c + 3] += kernel @ x[r, c]
    found = convolve_transposed(jnp.asarray(x), jnp.asarray(kernel))
    np.testing.assert_allclose(found, y[:6, :10], atol=1e-12)


def test_first_convolution_two_columns_at_a_time_is_the_plain_one(x64):
    random = np.random.default_rng(0)
    x, kernel = random.normal(size=(5, 6, 3)), random.normal(size=(9, 9, 3, 2))
    padded = np.pad(x, ((4, 4), (4, 4), (0, 0)))
    plain = [[np.tensordot(padded[r : r + 9, c : c + 9], kernel, 3) for c in range(6)] for r in range(5)]
    np.testing.assert_allclose(convolve_first(jnp.asarray(x), jnp.asarray(kernel)), plain, atol=1e-12)


def test_prepared_layers_compute_the_same_by_other_means():
    random = np.random.default_rng(0)
    kernel = jnp.asarray(random.normal(size=(3, 3, 64, 64)), jnp.float32)
    x = jnp.asarray(random.normal(size=(44, 44, 64)), jnp.float32)
    layer, prepared = (Layer(kernel, jnp.ones(64), jnp.zeros(64)) for _ in range(2))
    prepared.prepare()
    plain, quick = layer.convolve(x), prepared.convolve(x)
    assert 0 < float(jnp.abs(plain - quick).max()) < 1e-3 * float(jnp.abs(plain).max())


def test_batches_are_single_pictures_and_sizes_are_kept(tiny):
    pictures = np.random.default_rng(0).random((2, 17, 22, 3), np.float32)
    both = tiny(pictures)
    assert both.shape == pictures.shape
    assert float(both.min()) >= 0 and float(both.max()) <= 1
    np.testing.assert_allclose(tiny(pictures[1]), both[1], atol=1e-5)


def test_networks_of_one_shape_are_one_program(tiny):
    picture = np.random.default_rng(0).random((17, 22, 3), np.float32)
    tiny(picture)
    before = paint_clipped._cache_size()
    Johnson(tiny.arrays(), "another")(picture)
    half = picture.astype(np.float16)
    np.testing.assert_array_equal(tiny(half), tiny(half.astype(np.float32)))
    assert paint_clipped._cache_size() == before


def test_saved_and_public_files_give_the_same_network(tiny, tmp_path):
    arrays = tiny.arrays()
    assert len(arrays) == 3 * len(LAYERS)
    again = load_johnson(tiny.save(tmp_path / "own.safetensors"))
    np.savez(tmp_path / "public.npz", **arrays)
    public = load_johnson(tmp_path / "public.npz")
    assert (again.name, public.name) == ("johnson", "public")
    for name, array in arrays.items():
        np.testing.assert_array_equal(again.arrays()[name], array)
        np.testing.assert_array_equal(public.arrays()[name], array)


def test_wrong_files_are_one_clear_error(tiny, tmp_path):
    arrays, path = tiny.arrays(), tmp_path / "net.npz"
    missing = {name: array for name, array in arrays.items() if name != "res3_conv2/in_scale"}
    changes = {
        "res3_conv2/in_scale is missing": missing,
        "convt1/kernel is": arrays | {"convt1/kernel": arrays["convt1/kernel"].swapaxes(2, 3)},
        "conv1/kernel is not finite": arrays | {"conv1/kernel": arrays["conv1/kernel"] * np.nan},
        "expected float16": arrays | {"conv1/kernel": np.array([object()])},
    }
    for message, changed in changes.items():
        np.savez(path, **changed, allow_pickle=True) if "float16" in message else np.savez(path, **changed)
        with pytest.raises(WeightsError, match=message):
            load_johnson(path)
    np.savez(path, **arrays)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(WeightsError, match=r"net\.npz: damaged"):
        load_johnson(path)
    path.write_bytes(b"nothing of the kind, but long enough")
    with pytest.raises(WeightsError, match=r"net\.npz"):
        load_johnson(path)
    with pytest.raises(WeightsFileError):
        load_johnson(tmp_path / "no.npz")


def test_bombs_are_not_inflated(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conv1/kernel.npy", bytes(50_000_000))
    with pytest.raises(WeightsError, match="bomb"):
        load_johnson(tmp_path / "bomb.npz")


def test_what_it_cannot_do_is_said(tiny, unchecked):
    picture = np.zeros((16, 16, 3), np.float32)
    with pytest.raises(SettingError, match="strength"):
        tiny(picture, strength=0.5)
    for attempt in (lambda: tiny.style_code(picture), lambda: tiny(picture, np.zeros(3))):
        with pytest.raises(SettingError, match=r"^style: 'johnson' was trained for one style"):
            attempt()
    for wrong in (picture[:4], picture[..., :1], picture.astype(np.uint8), picture[None, None]):
        with pytest.raises(ImageError, match="content"):
            tiny(wrong)
    with pytest.raises(SettingError, match="width"):
        Johnson.random(width=0)
    with pytest.raises(WeightsError, match="Johnson"):
        Johnson({})


def test_networks_of_other_programs_are_named_with_the_way_out(tmp_path):
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from weight_files import write_legacy, write_zip

    state = {"conv1.conv2d.weight": np.zeros((32, 3, 9, 9), np.float32), "in1.weight": np.zeros(32, np.float32)}
    for path in (write_zip(tmp_path / "mosaic.pth", state), write_legacy(tmp_path / "candy.model", state)):
        with pytest.raises(WeightsError, match=r"is a network of PyTorch's .* `jaxstyle train johnson`"):
            load_johnson(path)
    for name in ("la_muse.ckpt", "fns.ckpt.data-00000-of-00001", "fns.ckpt.meta"):
        (tmp_path / name).write_bytes(b"\0" * 100)
        with pytest.raises(WeightsError, match=r"is a TensorFlow checkpoint, .* saved as .npz"):
            load_johnson(tmp_path / name)
