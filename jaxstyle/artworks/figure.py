"""Draws all stages of an artwork in one picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from jaxstyle.errors import SettingError
from jaxstyle.image import load_image, resize, to_pil
from jaxstyle.preprocess.settings import check_count

GAP, LETTERS = 8, 16


def draw_stages(pictures: Mapping[str, Any], *, height: int = 320) -> Float[np.ndarray, "_h _w 3"]:
    """Draw pictures in a row on white, each `height` pixels high with its name below; the result is RGB in [0, 1].

    >>> draw_stages({"style": style} | artwork(content, style, model=model, quantize=8).pictures)

    Args:
        pictures: {name: picture, in any form that `load_image` accepts}.
        height: the height of each picture in pixels, from 16 to 4096.

    Raises:
        ImageError: a picture cannot be used. SettingError: there is no picture, or the height is out of range.
    """
    height = check_count("height", height, 16, 4096)
    if not pictures:
        raise SettingError("pictures: got none, expected at least one, such as artwork(...).pictures")
    panels = {name: to_pil(_scaled(load_image(picture, name=name), height)) for name, picture in pictures.items()}
    width = sum(panel.width + GAP for panel in panels.values()) + GAP
    paper = Image.new("RGB", (width, height + 2 * GAP + LETTERS), "white")
    draw, font, x = ImageDraw.Draw(paper), ImageFont.load_default(LETTERS - 3), GAP
    for name, panel in panels.items():
        paper.paste(panel, (x, GAP))
        draw.text((x, GAP + height + 2), name.replace("_", " "), "black", font)
        x += panel.width + GAP
    return load_image(paper)


def _scaled(rgb: Float[np.ndarray, "h w 3"], height: int) -> Float[np.ndarray, "_h _w 3"]:
    return resize(rgb, (height, max(1, round(rgb.shape[1] * height / rgb.shape[0]))))
