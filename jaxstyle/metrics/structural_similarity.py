"""SSIM: how much of the content's local structure of light and shade a picture keeps."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxstyle.losses.luminance import LuminanceLoss
from jaxstyle.metrics.pictures import check_pair

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
luma = LuminanceLoss().target


def ssim(image: Float[Array, "h w 3"], content: Float[Array, "h w 3"]) -> Float[Array, ""]:
    """Structural similarity of the luma of two pictures of one size in [0, 1]: in [-1, 1], 1 for equal pictures.

    `mean (2 m n + C1) (2 s_xy + C2) / ((m^2 + n^2 + C1) (s_x^2 + s_y^2 + C2))`, where m and n are the means of x and y,
    s_x^2 and s_y^2 their variances and s_xy their covariance under an 11x11 Gaussian window of sigma 1.5, C1 = 0.01^2
    and C2 = 0.03^2 (Wang, Bovik, Sheikh & Simoncelli 2004, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", eq. 13). The mean is over the windows that lie inside the picture. Luma is that of Rec. 601.
    The result is that of scikit-image's `structural_similarity` with `gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1`.

    Raises:
        ImageError: an argument is not a picture, the sizes differ, or a side is below 11 pixels, where no window fits.
    """
    check_pair(image, content, WINDOW, "SSIM's window")
    return _ssim(luma(image), luma(content))


@jax.jit
def _ssim(x: Float[Array, "h w"], y: Float[Array, "h w"]) -> Float[Array, ""]:
    # A shift leaves the variances as they are, and near 0 they lose less to rounding.
    shift = jnp.mean(y)
    x, y = x - shift, y - shift
    m, n, xx, yy, xy = (_windowed(each) for each in (x, y, x * x, y * y, x * y))
    structure = (2 * (xy - m * n) + C2) / (xx - m * m + yy - n * n + C2)
    m, n = m + shift, n + shift
    luminance = (2 * m * n + C1) / (m * m + n * n + C1)
    # The mean of 1 - s is more exact: in a long sum of numbers near 1, rounding errors all go the same way.
    return 1 - jnp.mean(1 - luminance * structure)


def _windowed(x: Float[Array, "h w"]) -> Float[Array, "_h _w"]:
    """The Gaussian mean around every pixel whose window lies inside the picture: (h - 10, w - 10)."""
    weights = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / SIGMA) ** 2)
    for axis in (0, 1):
        x = _weighted(x, weights / weights.sum(), axis)
    return x


def _weighted(x: Float[Array, "h w"], weights: np.ndarray, axis: int) -> Float[Array, "_h _w"]:
    size = x.shape[axis] - len(weights) + 1
    shifted = [float(w) * lax.slice_in_dim(x, i, i + size, axis=axis) for i, w in enumerate(weights)]
    return jax.tree.reduce(jnp.add, shifted)
