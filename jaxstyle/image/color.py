"""Colour control: give the style the content's colours, or the result the content's (Gatys et al. 2017, section 5).

Every picture is what `jaxstyle.image.load_image` gives, or any array it would take: (h, w, 3) in [0, 1], sRGB-encoded;
what comes back is (h, w, 3) float32, clipped to [0, 1]. Only NumPy and Pillow are needed.

Colours matched before the transfer:

    result = stylize(content, match_color(style, content))

Luminance-only transfer, which keeps the content's colours exactly but for clipping:

    grey = luminance(content)
    result = keep_color(stylize(grey, match_luminance(style, content)), content)
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from jaxstyle.errors import SettingError, suggest
from jaxstyle.image.picture import from_array
from jaxstyle.image.size import resize

LUMA = (0.299, 0.587, 0.114)
"""Red, green and blue in Rec. 601 luma, the Y of YIQ."""

MIN_VARIANCE = 1e-5
"""Below this, under one step of 8 bits, a variance is noise or rounding: it is not stretched as if it were colour."""

Method = Literal["cholesky", "pca", "symmetric", "histogram"]


def match_color(style: ArrayLike, content: ArrayLike, *, method: Method = "cholesky") -> np.ndarray:
    """Recolour the style with the content's colours.

    The first three methods map every pixel by `A (x - mean_s) + mean_c` with A C_s A^T = C_c, so that mean and
    covariance become the content's (Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer",
    section 5.2). They differ in the rotation of the colours that is left open:

    - "cholesky": `A = L_c L_s^-1`, triangular: red comes from red alone.
    - "pca": `A = C_c^1/2 C_s^-1/2`, through whitened colours.
    - "symmetric": `A = C_s^-1/2 (C_s^1/2 C_c C_s^1/2)^1/2 C_s^-1/2`, the symmetric one, which moves the colours least.
    - "histogram": each channel's values are replaced by the content's of the same quantile; equal values stay equal.

    Gatys' code adds 1e-5 to both covariances' diagonals. Here variances of the style below 1e-5 are raised to it and
    the content's are left alone: ordinary pictures are matched exactly, and a grey content makes a grey style.

    Args:
        style: the picture to recolour.
        content: whose colours it gets; of any size.
        method: see above.

    Returns:
        The style in new colours, clipped to [0, 1]: where that cuts, mean and covariance are matched only nearly.

    Raises:
        ImageError: an argument is no picture.
        SettingError: an unknown method.
    """
    if method not in get_args(Method):
        raise SettingError(f"method: got {method!r}; {suggest(method, get_args(Method))}")
    rgb, of_content = _rgb(style, "style"), _rgb(content, "content")
    pixels, wanted = rgb.reshape(-1, 3), of_content.reshape(-1, 3)
    matched = _match_histograms(pixels, wanted) if method == "histogram" else _match_moments(pixels, wanted, method)
    return _clip(matched.reshape(rgb.shape))


def luminance(image: ArrayLike) -> np.ndarray:
    """Rec. 601 luma of a picture, `0.299 R + 0.587 G + 0.114 B` of the encoded values: (h, w) float32 in [0, 1].

    >>> luminance(np.array([[[1.0, 0.0, 0.0]]]))
    array([[0.299]], dtype=float32)

    Raises:
        ImageError: `image` is no picture.
    """
    return _clip(_rgb(image, "image") @ LUMA)


def keep_color(result: ArrayLike, content: ArrayLike) -> np.ndarray:
    """The result's luma with the content's colour: YIQ with Y from the result, I and Q from the content.

    As Y has the same weight in red, green and blue, that is `content + (Y(result) - Y(content))`.

    Args:
        result: what a transfer gave.
        content: whose chroma is kept; resized to the result if it has another size.

    Returns:
        The recoloured result, clipped to [0, 1]: very bright or dark places lose some colour.

    Raises:
        ImageError: an argument is no picture.
    """
    painted, kept = _rgb(result, "result"), _rgb(content, "content")
    kept = resize(kept, painted.shape[:2]).astype(np.float64)
    return _clip(kept + ((painted - kept) @ LUMA)[..., None])


def match_luminance(style: ArrayLike, content: ArrayLike) -> np.ndarray:
    """The style in grey, its luma given the content's mean and standard deviation, for luminance-only transfer.

    `sd_c / sd_s (Y - mean_s) + mean_c` in all three channels, clipped to [0, 1] (Gatys et al. 2017, section 5.1). A
    style without contrast (sd_s below 1e-5^1/2, one step of 8 bits) is not stretched to the content's.

    Raises:
        ImageError: an argument is no picture.
    """
    luma, wanted = _rgb(style, "style") @ LUMA, _rgb(content, "content") @ LUMA
    scale = wanted.std() / max(luma.std(), MIN_VARIANCE**0.5)
    return _clip(np.repeat((scale * (luma - luma.mean()) + wanted.mean())[..., None], 3, axis=2))


def _rgb(image: ArrayLike, name: str) -> np.ndarray:
    return from_array(np.asarray(image), name).rgb.astype(np.float64)


def _clip(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0, 1).astype(np.float32)


def _match_moments(pixels: np.ndarray, wanted: np.ndarray, method: str) -> np.ndarray:
    mean, goal = pixels.mean(0), wanted.mean(0)
    return (pixels - mean) @ _linear_map(_covariance(pixels), _covariance(wanted), method).T + goal


def _covariance(pixels: np.ndarray) -> np.ndarray:
    centred = pixels - pixels.mean(0)
    return centred.T @ centred / len(centred)


def _linear_map(old: np.ndarray, new: np.ndarray, method: str) -> np.ndarray:
    """A with A old A^T = new, if no variance of `old` is below MIN_VARIANCE."""
    values, vectors = np.linalg.eigh(old)
    old = vectors * np.maximum(values, MIN_VARIANCE) @ vectors.T
    if method == "cholesky":
        return _triangular_root(new) @ np.linalg.inv(_triangular_root(old))
    root = _symmetric_root(old)
    inverse = np.linalg.inv(root)
    return _symmetric_root(new) @ inverse if method == "pca" else inverse @ _symmetric_root(root @ new @ root) @ inverse


def _symmetric_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def _triangular_root(matrix: np.ndarray) -> np.ndarray:
    """The Cholesky factor L, L L^T = matrix, of a singular matrix too (a grey picture's), which `cholesky` refuses."""
    upper = np.linalg.qr(_symmetric_root(matrix)).R
    return (upper * np.where(np.diag(upper) < 0, -1, 1)[:, None]).T


def _match_histograms(pixels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.stack([_match_quantiles(*pair) for pair in zip(pixels.T, wanted.T, strict=True)], axis=1)


def _match_quantiles(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`wanted` at the quantiles of `values`, interpolated."""
    _, ranks, counts = np.unique(values, return_inverse=True, return_counts=True)
    levels, level_counts = np.unique(wanted, return_counts=True)
    return np.interp(_quantiles(counts), _quantiles(level_counts), levels)[ranks]


def _quantiles(counts: np.ndarray) -> np.ndarray:
    """The quantile of each value.

    Equal values get the middle one, so that a style of one colour becomes the content's median, not its maximum.
    """
    return (np.cumsum(counts) - counts / 2) / counts.sum()
