"""Colour control: give the content's colours to the style or to the result (Gatys et al. 2017, section 5).

Pictures are arrays that `jaxstyle.image.load_image` returns or takes: (h, w, 3) in [0, 1], sRGB-encoded. Recoloured
pictures are (h, w, 3) float32, clipped to [0, 1]. Only NumPy and Pillow are needed.

Colours matched before the transfer:

    result = stylize(content, match_color(style, content))

Luminance-only transfer, which keeps the content's colours exactly, except for clipping:

    grey = luminance(content)
    result = keep_color(stylize(grey, match_luminance(style, content)), content)
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from jaxstyle.errors import SettingError, suggest
from jaxstyle.image.affine_color import affine_color
from jaxstyle.image.picture import from_array
from jaxstyle.image.size import resize

LUMA = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in Rec. 601 luma, the Y of YIQ."""

MIN_VARIANCE = 1e-5
"""The least variance that counts as colour. Below it the deviation is under one step of 8 bits: noise or rounding,
which is not stretched."""

Method = Literal["cholesky", "pca", "symmetric", "histogram"]


def match_color(style: ArrayLike, content: ArrayLike, *, method: Method = "cholesky") -> np.ndarray:
    """Recolour the style with the content's colours.

    The first three methods map every pixel by `A (x - mean_s) + mean_c` with A C_s A^T = C_c, where s is the style and
    c the content, so that mean and covariance C become the content's (Gatys et al. 2017, "Controlling Perceptual
    Factors in Neural Style Transfer", section 5.2). They differ in the rotation of the colours that this leaves open:

    - "cholesky": `A = L_c L_s^-1` with Cholesky factors L, triangular: the new red depends on the old red alone.
    - "pca": `A = C_c^1/2 C_s^-1/2`, through whitened colours.
    - "symmetric": `A = C_s^-1/2 (C_s^1/2 C_c C_s^1/2)^1/2 C_s^-1/2`, the symmetric one, which moves the colours least.
    - "histogram": each channel's values are replaced by the content's of the same quantile; equal values stay equal.

    Gatys' code adds 1e-5 to the diagonals of both covariances. Here variances of the style below 1e-5 are raised to
    1e-5, and the content's stay: ordinary pictures are matched exactly, and a grey content makes a grey style.

    Args:
        style: the picture to recolour.
        content: the picture that gives the colours; of any size.
        method: one of the four above.

    Returns:
        The recoloured style, clipped to [0, 1]. Where values are clipped, mean and covariance match only nearly.

    Raises:
        ImageError: an argument is not a picture.
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
        ImageError: `image` is not a picture.
    """
    return _clip(_rgb(image, "image") @ LUMA)


def keep_color(result: ArrayLike, content: ArrayLike) -> np.ndarray:
    """The result's luma with the content's colour: YIQ with Y from the result, I and Q from the content.

    A change of Y adds the same amount to red, green and blue, so this is `content + (Y(result) - Y(content))`.

    Args:
        result: the picture that a transfer made.
        content: the picture whose colour is kept; resized to the result's size if it has another.

    Returns:
        The recoloured result, clipped to [0, 1]: very bright or dark places lose some colour.

    Raises:
        ImageError: an argument is not a picture.
    """
    painted, kept = _rgb(result, "result"), _rgb(content, "content")
    kept = resize(kept, painted.shape[:2]).astype(np.float64)
    return _clip(kept + ((painted - kept) @ LUMA)[..., None])


def finish_color(result: np.ndarray, content: np.ndarray, styles: Sequence[np.ndarray], color: str) -> np.ndarray:
    """The result in the colours that `Recipe.color` asks for: those that are given to it at the end, not the style.

    Args:
        result: the picture that a transfer made, (h, w, 3) in [0, 1].
        content: its content; resized to the result's size if it has another.
        styles: the styles.
        color: how colours are treated.
    """
    if color == "luminance":
        return keep_color(result, content)
    if color == "affine":
        return affine_color(result, resize(content, result.shape[:2]), styles)
    return result


def match_luminance(style: ArrayLike, content: ArrayLike) -> np.ndarray:
    """The style in grey, with the mean and standard deviation of the content's luma, for luminance-only transfer.

    `sd_c / sd_s (Y - mean_s) + mean_c` in all three channels, clipped to [0, 1] (Gatys et al. 2017, section 5.1). A
    style without contrast (sd_s below 1e-5^1/2, under one step of 8 bits) is not stretched to the content's contrast.

    Raises:
        ImageError: an argument is not a picture.
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
    """The matrix A with A old A^T = new; variances of `old` below MIN_VARIANCE are first raised to it."""
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
    """The Cholesky factor L with L L^T = matrix, also of a singular matrix (a grey picture's), which NumPy refuses."""
    upper = np.linalg.qr(_symmetric_root(matrix)).R
    return (upper * np.where(np.diag(upper) < 0, -1, 1)[:, None]).T


def _match_histograms(pixels: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.stack([_match_quantiles(*pair) for pair in zip(pixels.T, wanted.T, strict=True)], axis=1)


def _match_quantiles(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Each of `values` replaced by the value at the same quantile of `wanted`, interpolated."""
    _, ranks, counts = np.unique(values, return_inverse=True, return_counts=True)
    levels, level_counts = np.unique(wanted, return_counts=True)
    return np.interp(_quantiles(counts), _quantiles(level_counts), levels)[ranks]


def _quantiles(counts: np.ndarray) -> np.ndarray:
    """The quantile of each distinct value, in ascending order, from how often each occurs.

    Equal values get the middle of their range, so that a style of one colour gets the content's median, not its
    maximum.
    """
    return (np.cumsum(counts) - counts / 2) / counts.sum()
