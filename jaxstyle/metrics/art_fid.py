"""ArtFID: a set of stylised pictures scored by how much content they keep and how like the styles they look."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.metrics.frechet import fid
from jaxstyle.metrics.inception import Inception
from jaxstyle.metrics.lpips import LPIPS
from jaxstyle.metrics.pictures import check_picture

Pictures = Sequence[Float[Array | np.ndarray, "_h _w 3"]]


class ArtFID(NamedTuple):
    """An ArtFID score, `value = (1 + lpips) (1 + fid)`, at least 1, and its two parts; lower is better."""

    value: float
    lpips: float
    fid: float


def artfid(results: Pictures, contents: Pictures, styles: Pictures, *, lpips: LPIPS, inception: Inception) -> ArtFID:
    """ArtFID of a set of results: `(1 + mean LPIPS(result, content)) (1 + FID(results, styles))`.

    Wright & Ommer 2022 ("ArtFID: Quantitative Evaluation of Neural Style Transfer"), eq. 5. The authors use LPIPS with
    the AlexNet trunk, and `art_inception.pth`. By default their program extrapolates FID from 5000 and more pictures to
    infinitely many. This function is its mode "art_fid", plain FID, which is biased for few pictures: compare sets of
    the same size.

    Args:
        results: RGB in [0, 1], of any sizes; the networks are compiled once for each size.
        contents: the content of each result, in the same order and of the same size.
        styles: the style pictures, 2 or more.
        lpips: from `load_lpips`.
        inception: from `load_inception`.

    Raises:
        SettingError: fewer than 2 results or styles, or not one content for each result.
        ImageError: a content is not of its result's size, or a picture is too small for a network.
    """
    if len(results) != len(contents):
        raise SettingError(f"contents: got {len(contents)} for {len(results)} results, expected one each")
    for name, pictures in (("results", results), ("styles", styles)):
        if len(pictures) < 2:
            raise SettingError(f"{name}: got {len(pictures)}, expected at least 2: FID compares distributions")
    both = enumerate(zip(results, contents, strict=True))
    kept = [_number(f"results[{i}]", lpips_distance, lpips, *pair) for i, pair in both]
    looks = (_features(inception, results, "results"), _features(inception, styles, "styles"))
    content, style = float(np.mean(kept)), fid(*looks)
    return ArtFID((1 + content) * (1 + style), content, style)


lpips_distance = jax.jit(LPIPS.__call__)
"""`lpips_distance(lpips, image, content)`, compiled once for each size."""
_inception = jax.jit(Inception.__call__)


def _features(inception: Inception, pictures: Pictures, name: str) -> np.ndarray:
    found = [_number(f"{name}[{i}]", _inception, inception, picture) for i, picture in enumerate(pictures)]
    return np.stack(found)


def _number(
    name: str, function: jax.stages.Wrapped, network: LPIPS | Inception, *pictures: Array | np.ndarray
) -> np.ndarray:
    """The output of a network for pictures. An ImageError from it gets `name` in front of its message."""
    given = [jnp.asarray(picture) for picture in pictures]
    try:
        for picture in given:
            check_picture(picture, "image")
        return np.asarray(function(network, *given))
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from None
