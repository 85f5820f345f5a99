"""Resizing of maps and pictures within compiled programs, as PyTorch does it."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def bilinear(image: Float[Array, "_h _w c"], shape: tuple[int, ...], *, corners: bool = False) -> Array:
    """Resize by bilinear interpolation without a filter, as PyTorch's `interpolate` does.

    Args:
        image: (h, w, c).
        shape: (height, width) of the result.
        corners: whether the centres of the corner pixels lie on each other (`align_corners`), or their outer corners.
    """
    rows, columns = (
        jnp.asarray(_interpolation(new, old, corners), image.dtype)
        for new, old in zip(shape, image.shape[:2], strict=True)
    )
    return jnp.einsum("Hh,hwc,Ww->HWc", rows, image, columns, precision="highest")


def _interpolation(new: int, old: int, corners: bool) -> np.ndarray:
    """Matrix (new, old) that interpolates between neighbours along one axis."""
    places = np.arange(new) * ((old - 1) / max(new - 1, 1)) if corners else (np.arange(new) + 0.5) * old / new - 0.5
    places = np.clip(places, 0, old - 1)
    distances = np.abs(places[:, None] - np.arange(old)[None])
    return np.maximum(1 - distances, 0)
