"""A painting made by a program: brush strokes along a flow field. The demo's own style picture."""

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

NIGHT = ("#0b1d4f", "#14337d", "#1f5aa8", "#3f8fcf", "#9fd0e6", "#f3e3a1", "#f2b632", "#e2711d")
"""A palette from dark to light: deep blues, pale sky, and lamps."""
GARDEN = ("#12302b", "#1d5b4a", "#2f8f6b", "#8fbf7a", "#e8e3bf", "#f2c879", "#d9694a", "#8e2f3c")
"""Greens, cream and reds."""


def paint_strokes(
    size: int = 512, *, seed: int = 0, palette: tuple[str, ...] = NIGHT, strokes: int = 9000
) -> Float[np.ndarray, "size size 3"]:
    """Strokes that follow a smooth random flow, coloured by a smooth random tone; RGB in [0, 1].

    Big strokes lie below small ones, as a painter works. The same seed gives the same picture.
    """
    random = np.random.default_rng(seed)
    scale = 2
    angle = 2 * np.pi * smooth_noise(random, size, 3) * 1.5
    tone = smooth_noise(random, size, 4)
    colours = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in palette], float)
    canvas = Image.new("RGB", (size * scale, size * scale), palette[1])
    draw = ImageDraw.Draw(canvas)
    for i in range(strokes):
        share = i / strokes
        length, width = round(46 - 28 * share), round(9 - 6 * share)
        path = follow(angle, random.uniform(0, size, 2), length)
        row, column = path[0].astype(int).clip(0, size - 1)
        level = (tone[row, column] + random.normal(0, 0.07)).clip(0, 1) * (len(palette) - 1)
        colour = colours[round(level)] + random.normal(0, 14, 3)
        points = [(float(x) * scale, float(y) * scale) for y, x in path]
        draw.line(points, fill=tuple(colour.clip(0, 255).astype(int)), width=width * scale, joint="curve")
    return np.asarray(canvas.resize((size, size), Image.Resampling.LANCZOS), np.float32) / 255


def smooth_noise(random: np.random.Generator, size: int, cells: int) -> Float[np.ndarray, "size size"]:
    """Noise with about `cells` hills along each side, its ranks spread evenly over [0, 1]."""
    coarse = Image.fromarray(random.standard_normal((cells + 3, cells + 3)).astype(np.float32))
    noise = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
    return noise.ravel().argsort().argsort().reshape(size, size) / (size * size - 1)


def follow(
    angle: Float[np.ndarray, "size size"], start: Float[np.ndarray, "2"], length: int
) -> Float[np.ndarray, "n 2"]:
    """The points (row, column) of a path that starts somewhere and follows the angles, two pixels a step."""
    points = [start]
    for _ in range(length // 2):
        row, column = points[-1].astype(int).clip(0, len(angle) - 1)
        points.append(points[-1] + 2 * np.array([np.sin(angle[row, column]), np.cos(angle[row, column])]))
    return np.array(points)
