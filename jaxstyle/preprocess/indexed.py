"""Save pictures of few colours as PNG files with a palette: one index per pixel instead of three bytes."""

import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from jaxstyle.errors import ImageFileError
from jaxstyle.files import write_atomically
from jaxstyle.image import check_target, to_pil
from jaxstyle.image.profiles import srgb_icc
from jaxstyle.image.recipe import encode_recipe, metadata_options
from jaxstyle.preprocess.quantization import Quantized


class Saved(NamedTuple):
    """A written file, its size, and the size that it would have without a palette."""

    path: Path
    bytes: int
    """Size of the indexed file in bytes."""
    full_bytes: int
    """Size in bytes of the same picture as a PNG with 24 bits per pixel."""

    @property
    def saving(self) -> float:
        """The share of bytes saved, 1 - bytes / full_bytes; below 0 if the palette costs more than it saves."""
        return 1 - self.bytes / self.full_bytes


def save_indexed(path: str | os.PathLike, quantized: Quantized, *, recipe: dict | None = None) -> Saved:
    """Save as PNG with 1, 2, 4 or 8 bits per pixel, whole or not at all, and return how much smaller that is.

    The file carries the sRGB profile and the recipe, and reads back as exactly `quantized.image`. It has no alpha:
    save a picture with transparency by `save_image(path, quantized.image, alpha=alpha)`.

    Raises:
        ImageFileError: the file cannot be written there, or its suffix is not .png.
        SettingError: the recipe is not JSON or too long.
    """
    target = check_target(path, [".png"])
    extra = {} if recipe is None else metadata_options(encode_recipe(recipe), "PNG")
    image = Image.fromarray(quantized.labels)
    image.putpalette(np.round(quantized.palette * 255).astype(np.uint8).tobytes())
    data, full = _encode(image, extra), _encode(to_pil(quantized.image), extra)
    try:
        with write_atomically(target) as file:
            file.write(data)
    except OSError as error:
        raise ImageFileError(f"{target}: cannot be written ({error.strerror or error})") from error
    return Saved(target, len(data), len(full))


def _encode(image: Image.Image, extra: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", icc_profile=srgb_icc(), **extra)
    return buffer.getvalue()
