"""Draws points with names, for a picture beside a table."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, EDGE = 900, 620, 70


def scatter(
    path: Path, points: Mapping[str, tuple[float, float]], axes: tuple[str, str], *, logarithmic: bool = False
) -> Path:
    """Draw named points; those that no other point beats in both numbers, which are better if lower, are filled.

    Args:
        path: the picture to write.
        points: {name: (x, y)}.
        axes: the names of both numbers.
        logarithmic: whether the horizontal axis is.
    """
    paper = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    values = np.asarray(list(points.values()), float)
    shown = np.stack([np.log10(values[:, 0]) if logarithmic else values[:, 0], values[:, 1]], axis=1)
    low, span = shown.min(0), np.maximum(np.ptp(shown, axis=0), 1e-9)
    low, span = low - 0.06 * span, 1.25 * span
    inner = np.asarray([WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE])

    def place(point: np.ndarray) -> tuple[float, float]:
        x, y = (point - low) / span * inner
        return EDGE + float(x), HEIGHT - EDGE - float(y)

    draw.rectangle((EDGE, EDGE, WIDTH - EDGE, HEIGHT - EDGE), outline="gray")
    for share in np.linspace(0, 1, 6):
        x, y = low + share * span
        draw.text((EDGE + share * inner[0], HEIGHT - EDGE + 6), f"{10**x if logarithmic else x:.3g}", "black", font)
        draw.text((8, HEIGHT - EDGE - share * inner[1] - 8), f"{y:.3g}", "black", font)
    draw.text((WIDTH // 2 - 60, HEIGHT - 30), f"{axes[0]} (lower is better)", "black", font)
    draw.text((8, EDGE - 30), f"{axes[1]} (lower is better)", "black", font)
    for name, value, at in zip(points, values, shown, strict=True):
        x, y = place(at)
        beaten = bool(((values <= value).all(1) & (values < value).any(1)).any())
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill="white" if beaten else "#c03020", outline="#c03020", width=2)
        draw.text((x + 8, y - 8), name, "black", font)
    path.parent.mkdir(parents=True, exist_ok=True)
    paper.save(path)
    return path
