"""A painting made by a program, with brush strokes along a flow field: the style picture of the demo."""

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

NIGHT = ("#0b1d4f", "#14337d", "#1f5aa8", "#3f8fcf", "#9fd0e6", "#f3e3a1", "#f2b632", "#e2711d")
"""A palette from dark to light: deep blues, pale sky, and lamps."""
GARDEN = ("#12302b", "#1d5b4a", "#2f8f6b", "#8fbf7a", "#e8e3bf", "#f2c879", "#d9694a", "#8e2f3c")
"""A palette of greens, cream and reds."""


def paint_strokes(
    size: int = 512, *, seed: int = 0, palette: tuple[str, ...] = NIGHT, strokes: int = 9000
) -> Float[np.ndarray, "size size 3"]:
    """Paint strokes that follow a smooth random flow, coloured by a smooth random tone; RGB in [0, 1].

    Big strokes lie below small ones, as a painter works. The same seed gives the same picture.

    Args:
        size: height and width in pixels.
        seed: random seed of the flow, the tone and the strokes.
        palette: colours as "#rrggbb", at least 2, in the order of the tone.
        strokes: number of strokes.
    """
    random = np.random.default_rng(seed)
    scale = 2
    angle = 2 * np.pi * smooth_noise(random, size, 3) * 1.5
    tone = smooth_noise(random, size, 4)
    colours = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in palette], float)
    canvas = Image.new("RGB", (size * scale, size * scale), palette[1])
    draw = ImageDraw.Draw(canvas)
    drawn = [(random.uniform(0, size, 2), random.normal(0, 0.07), random.normal(0, 14, 3)) for _ in range(strokes)]
    starts, lighter, other = (np.array(column) for column in zip(*drawn, strict=True))
    shares = np.arange(strokes) / strokes
    lengths, widths = np.round(46 - 28 * shares).astype(int), np.round(9 - 6 * shares).astype(int)
    rows, columns = starts.astype(int).clip(0, size - 1).T
    levels = ((tone[rows, columns] + lighter).clip(0, 1) * (len(palette) - 1)).round().astype(int)
    fills = (colours[levels] + other).clip(0, 255).astype(int)
    paths = follow(angle, starts, int(lengths.max()) // 2)[..., ::-1] * scale
    for path, length, width, fill in zip(paths, lengths, widths, fills, strict=True):
        points = list(map(tuple, path[: 1 + length // 2].tolist()))
        draw.line(points, fill=tuple(fill.tolist()), width=int(width) * scale, joint="curve")
    return np.asarray(canvas.resize((size, size), Image.Resampling.LANCZOS), np.float32) / 255


def smooth_noise(random: np.random.Generator, size: int, cells: int) -> Float[np.ndarray, "size size"]:
    """Smooth noise with about `cells` hills along each side. Its values are spread evenly over [0, 1]."""
    coarse = Image.fromarray(random.standard_normal((cells + 3, cells + 3)).astype(np.float32))
    noise = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
    return noise.ravel().argsort().argsort().reshape(size, size) / (size * size - 1)


def follow(
    angle: Float[np.ndarray, "size size"], starts: Float[np.ndarray, "n 2"], steps: int
) -> Float[np.ndarray, "n points 2"]:
    """The points (row, column) of paths that begin at `starts` and follow the angles, two pixels at each step."""
    step, points = 2 * np.stack([np.sin(angle), np.cos(angle)], -1), [starts]
    for _ in range(steps):
        rows, columns = points[-1].astype(int).clip(0, len(angle) - 1).T
        points.append(points[-1] + step[rows, columns])
    return np.stack(points, 1)
