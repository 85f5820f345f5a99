"""LPIPS and InceptionV3 against PyTorch (torchvision 0.29, in float64)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from metric_networks import inception_state, linear_state, pictures, trunk_state
from weight_files import write_legacy, write_zip

from jaxstyle.errors import ImageError, SettingError, WeightsError
from jaxstyle.metrics import LPIPS, Inception, load_inception, load_lpips
from jaxstyle.metrics.layers import average_pool3x3, max_pool

X, Y = (jnp.asarray(each) for each in pictures(2, 45, 52))
DISTANCES = {"alexnet": 0.9349083196108002, "vgg16": 0.9797392706746578}
FEATURES = {
    "art": ([0.0, 0.35368177159487685, 0.20530289095157617, 0.0, 0.0, 0.35460619977874414], 0.2109291598870186),
    "fid": (
        [0.01567783989422332, 0.31691094186115354, 0.16045826132189406, 0.02343591873146483, 0.2648715716861123, 0.0],
        0.6536751973444708,
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{name: path}: trunks and linear weights, in both of torch's layouts, and Inceptions."""
    folder, writers = tmp_path_factory.mktemp("networks"), {"alexnet": write_legacy, "vgg16": write_zip}
    found = {trunk: write(folder / f"{trunk}.pth", trunk_state(trunk)) for trunk, write in writers.items()}
    found |= {f"{trunk}_lin": writers[trunk](folder / f"{trunk}_lin.pth", linear_state(trunk)) for trunk in writers}
    return found | {c: write_zip(folder / f"{c}.pth", inception_state(c)) for c in ("fid", "art", "imagenet")}


@pytest.fixture(scope="module", params=["alexnet", "vgg16"])
def lpips(request, files):
    return load_lpips(trunk=files[request.param], linear=files[f"{request.param}_lin"])


# --- LPIPS ---------------------------------------------------------------------------------------------------------


def test_lpips_is_pytorchs(lpips):
    distance = jax.jit(LPIPS.__call__)(lpips, X, Y)
    assert distance.shape == () and distance.dtype == jnp.float32
    np.testing.assert_allclose(distance, DISTANCES[lpips.trunk], rtol=1e-5)


def test_lpips_of_equal_pictures_order_and_batches(lpips):
    both = jax.jit(jax.vmap(LPIPS.__call__, in_axes=(None, 0, 0)))(lpips, jnp.stack([X, Y, X]), jnp.stack([Y, X, X]))
    np.testing.assert_allclose(both, [DISTANCES[lpips.trunk]] * 2 + [0], rtol=1e-5, atol=1e-7)


def test_lpips_refuses(lpips, unchecked):
    with pytest.raises(ImageError, match="image: got 52x45 pixels, expected the content's 52x40"):
        lpips(X, Y[:40])
    small = 15 if lpips.trunk == "vgg16" else 30
    with pytest.raises(ImageError, match=f"image: got 52x{small} pixels, too small for {lpips.trunk}"):
        jax.eval_shape(lpips, X[:small], Y[:small])
    assert jax.eval_shape(lpips, X[: small + 1], Y[: small + 1]).shape == ()


def test_files_that_do_not_fit(files):
    with pytest.raises(WeightsError, match=r"alexnet_lin.pth: not LPIPS' linear weights for the trunk vgg16: lin1"):
        load_lpips(trunk=files["vgg16"], linear=files["alexnet_lin"])
    with pytest.raises(WeightsError, match=r"fid\.pth: not torchvision's vgg16 .* features\.0\.weight is missing"):
        load_lpips(trunk=files["fid"], linear=files["vgg16_lin"])
    with pytest.raises(WeightsError, match="not an InceptionV3 under torchvision's names: Conv2d_1a"):
        load_inception(files["vgg16_lin"])


# --- Inception -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["fid", "art"])
def test_inception_is_pytorchs(variant, files):
    network = load_inception(files[variant])
    assert network.variant == variant
    image = jnp.asarray(pictures(1, 90, 81, seed=3)[0])
    found = np.asarray(jax.jit(Inception.__call__)(network, image))
    some, mean = FEATURES[variant]
    assert found.shape == (128,)
    np.testing.assert_allclose(found[::24], some, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.mean(), mean, rtol=1e-5)


def test_pools_at_the_edges():
    x = jnp.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])[..., None]
    np.testing.assert_allclose(average_pool3x3(x, count_padding=False)[..., 0], [[3, 3.5, 4]] * 2)
    np.testing.assert_allclose(average_pool3x3(x, count_padding=True)[..., 0], jnp.asarray([[12, 21, 16]] * 2) / 9)
    np.testing.assert_allclose(max_pool(-x, 3, 1, padding=1)[..., 0], [[-1, -1, -2]] * 2)


def test_which_inception(files, unchecked):
    with pytest.raises(WeightsError, match=r"neither pytorch-fid's .* Pass variant='fid' or 'art'"):
        load_inception(files["imagenet"])
    network = load_inception(files["imagenet"], variant="art")
    with pytest.raises(ImageError, match="image: got 52x45 pixels; InceptionV3 needs at least 75"):
        jax.eval_shape(network, X)
    with pytest.raises(SettingError, match="variant: got 'arts'; did you mean 'art'"):
        load_inception(files["imagenet"], variant="arts")


def test_an_inception_with_too_many_channels(tmp_path):
    state = inception_state() | {"Conv2d_1a_3x3.conv.weight": np.zeros((40, 3, 3, 3), np.float32)}
    with pytest.raises(WeightsError, match=r"Conv2d_1a_3x3.conv.weight is \(40, 3, 3, 3\), expected \(32, 3, 3, 3\)"):
        load_inception(write_zip(tmp_path / "wide.pth", state))
