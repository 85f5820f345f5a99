"""Figures of a run: pictures side by side, and the losses over the steps. Drawn with Pillow."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from jaxstyle.image import resize, save_image

Picture = Float[np.ndarray, "_h _w 3"]

WIDTH, HEIGHT = 840, 480
BOX = (70, 20, WIDTH - 20, HEIGHT - 50)
"""Left, top, right and bottom of the frame around the curves, in pixels."""
COLOURS = ("#000000", "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#7f7f7f")
"""Colours of the curves: the total is black, the terms take the others in turn."""


def save_side_by_side(path: str | os.PathLike, *pictures: Picture, gap: int = 8) -> Path:
    """Write pictures in a row with white gaps, all resized to the height of the last one; return the path.

    Args:
        path: the file to write.
        pictures: RGB in [0, 1], at least one.
        gap: width of the gaps in pixels.
    """
    height = pictures[-1].shape[0]
    row: list[np.ndarray] = []
    for picture in pictures:
        width = max(1, round(picture.shape[1] * height / picture.shape[0]))
        row += [resize(picture, (height, width)), np.ones((height, gap, 3), np.float32)]
    return save_image(path, np.concatenate(row[:-1], 1))


def save_loss_curve(path: str | os.PathLike, history: Mapping[str, Float[np.ndarray, " n"]]) -> Path:
    """Draw the values of a run over its steps, on a logarithmic scale; return the path of the file.

    Args:
        path: the file to write.
        history: of a `Result`: the weighted total first, then the unweighted value of each term.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    powers = _powers(history)
    for power in range(powers[0], powers[1] + 1):
        y = _row(np.array([float(power)]), powers)[0]
        draw.line((BOX[0], y, BOX[2], y), fill="#dddddd")
        draw.text((BOX[0] - 8, y), f"1e{power}", fill="black", font=font, anchor="rm")
    for i, (name, values) in enumerate(history.items()):
        colour = COLOURS[i] if i < len(COLOURS) else COLOURS[1 + i % (len(COLOURS) - 1)]
        _curve(draw, values, powers, colour, 3 if i == 0 else 2)
        draw.text((BOX[2] - 8, BOX[1] + 8 + 18 * i), name, fill=colour, font=font, anchor="ra")
    draw.rectangle(BOX, outline="black")
    steps = max((len(values) for values in history.values()), default=0)
    text = f"steps 1 to {steps}; values (total: weighted; terms: unweighted)"
    draw.text(((BOX[0] + BOX[2]) / 2, BOX[3] + 12), text, fill="black", font=font, anchor="ma")
    return save_image(path, np.asarray(image))


def _powers(history: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """The exponents of the powers of ten below and above all values that can be drawn."""
    values = np.concatenate([np.zeros(0), *history.values()])
    seen = values[np.isfinite(values) & (values > 0)]
    if not len(seen):
        return 0, 1
    low = int(np.floor(np.log10(seen.min())))
    return low, max(low + 1, int(np.ceil(np.log10(seen.max()))))


def _row(powers_of_ten: np.ndarray, powers: tuple[int, int]) -> np.ndarray:
    """The vertical positions, in pixels, of values given by their decimal logarithms."""
    share = (powers_of_ten - powers[0]) / (powers[1] - powers[0])
    return BOX[3] - share * (BOX[3] - BOX[1])


def _curve(draw: ImageDraw.ImageDraw, values: np.ndarray, powers: tuple[int, int], colour: str, width: int) -> None:
    """Draw one curve; values that are not finite or not above 0 have no logarithm and are left out."""
    seen = np.flatnonzero(np.isfinite(values) & (values > 0))
    columns = BOX[0] + seen / max(1, len(values) - 1) * (BOX[2] - BOX[0])
    rows = _row(np.log10(values[seen]), powers)
    points = [(float(x), float(y)) for x, y in zip(columns, rows, strict=True)]
    if len(points) == 1:
        draw.ellipse((points[0][0] - 2, points[0][1] - 2, points[0][0] + 2, points[0][1] + 2), fill=colour)
    draw.line(points, fill=colour, width=width, joint="curve")
