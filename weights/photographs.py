"""What scikit-image ships in its wheel and says is CC0, in the public domain or without known restrictions."""

import numpy as np
from skimage import data
from skimage.transform import rescale

# The docstring of each in skimage.data has its source and licence.
NAMES = (
    *("astronaut", "brick", "camera", "cell", "chelsea", "clock", "coffee", "coins", "grass", "gravel"),
    *("hubble_deep_field", "immunohistochemistry", "retina", "rocket", "text"),
)
SCALES = (1.0, 0.5, 0.3)
FLAT = 0.03  # standard deviation below which there is nothing to learn


def photographs() -> list[np.ndarray]:
    """Each whole, (h, w, 3) in [0, 1]."""
    found = []
    for name in NAMES:
        picture = np.asarray(getattr(data, name)())
        picture = np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture[..., :3]
        found.append(picture.astype(np.float64) / 255)
    return found


def tiles(size: int) -> np.ndarray:
    """(n, size, size, 3) uint8 at three scales, without flat ones."""
    found = []
    for picture in photographs():
        for scale in SCALES:
            small = rescale(picture, scale, channel_axis=-1, anti_aliasing=True) if scale < 1 else picture
            found += [
                small[top : top + size, left : left + size]
                for top in range(0, small.shape[0] - size + 1, size)
                for left in range(0, small.shape[1] - size + 1, size)
            ]
    return np.stack([(tile.clip(0, 1) * 255).astype(np.uint8) for tile in found if tile.std() > FLAT])
