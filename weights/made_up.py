"""Pictures made up by programs, to learn from: noise, waves, leaves, strokes, cells, fractals, shaded balls, lattices.

After "Learning to See by Looking at Noise" (Baradad et al. 2021): features learned from such processes serve natural
pictures too, the better the nearer the statistics. No picture of anyone's is in them. NumPy and Pillow only; the same
seed gives the same picture on every machine but for the last bit of its arithmetic.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Random = np.random.Generator
Picture = np.ndarray  # (size, size, 3) in [0, 1]


def made_up(seed: int, size: int) -> np.ndarray:
    """One picture, (size, size, 3) uint8: the kind by turns, all else by the seed; some are two kinds in patches."""
    random = np.random.default_rng(seed)
    picture = KINDS[seed % len(KINDS)](random, size)
    if random.random() < 0.3:
        other = KINDS[int(random.integers(len(KINDS)))](random, size)
        where = ranks(field(random, size, 2.2)) > random.uniform(0.3, 0.7)
        picture = np.where(where[..., None], picture, other)
    if random.random() < 0.3:
        picture = picture + random.normal(0, random.uniform(0.01, 0.06), picture.shape)
    if random.random() < 0.6:
        grey = picture.mean(-1, keepdims=True)
        picture = grey + random.uniform(0.1, 0.7) * (picture - grey)
    return (picture.clip(0, 1) * 255).astype(np.uint8)


def palette(random: Random, count: int) -> np.ndarray:
    """Colours (count, 3): any, of about one hue, or between two."""
    kind = random.integers(3)
    if kind == 0:
        return random.uniform(0, 1, (count, 3))
    if kind == 1:
        return (random.uniform(0, 1, 3) + random.normal(0, 0.3, (count, 1)) + random.normal(0, 0.12, (count, 3))).clip(
            0, 1
        )
    one, two = random.uniform(0, 1, (2, 3))
    share = random.uniform(0, 1, (count, 1))
    return (one * share + two * (1 - share) + random.normal(0, 0.06, (count, 3))).clip(0, 1)


def colormap(random: Random, tone: np.ndarray) -> Picture:
    """Tones in [0, 1] through a few random colours."""
    colours = palette(random, int(random.integers(2, 7)))
    at = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(tone, at, colours[:, channel]) for channel in range(3)], -1)


def field(random: Random, size: int, exponent: float, stretch: float = 1.0, angle: float = 0.0) -> np.ndarray:
    """Gaussian noise (size, size) of the amplitude spectrum f^-exponent, stretched along an angle."""
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    u, v = np.cos(angle) * fx + np.sin(angle) * fy, np.cos(angle) * fy - np.sin(angle) * fx
    frequency = np.sqrt((u * stretch) ** 2 + (v / stretch) ** 2) + 1e-3
    return np.fft.irfft2(np.fft.rfft2(random.standard_normal((size, size))) * frequency**-exponent, (size, size))


def ranks(values: np.ndarray) -> np.ndarray:
    """Each value's rank, in [0, 1]."""
    return values.ravel().argsort(kind="stable").argsort().reshape(values.shape) / (values.size - 1)


def unit(values: np.ndarray) -> np.ndarray:
    """Shifted and scaled to [0, 1]."""
    return (values - values.min()) / (np.ptp(values) + 1e-6)


def plane(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns in [-0.5, 0.5)."""
    y, x = np.mgrid[:size, :size] / size
    return y - 0.5, x - 0.5


def noise(random: Random, size: int) -> Picture:
    """Coloured noise of a random spectrum, or its level sets."""
    exponent, stretch, angle = random.uniform(0.3, 2.2), np.exp(random.uniform(0, 1.2)), random.uniform(0, np.pi)
    if random.random() < 0.5:
        channels = np.stack([field(random, size, exponent, stretch, angle) for _ in range(3)], -1)
        mixing = random.normal(0, 1, (3, 3))
        mixing /= np.linalg.norm(mixing, axis=0) * channels.std()
        return (palette(random, 1)[0] + channels @ mixing * random.uniform(0.08, 0.3)).clip(0, 1)
    tone, levels = ranks(field(random, size, exponent, stretch, angle)), int(random.integers(2, 8))
    return colormap(random, (np.floor(tone * levels) / (levels - 1)).clip(0, 1) if random.random() < 0.5 else tone)


def waves(random: Random, size: int) -> Picture:
    """A few gratings, bent: cloth, wood, marble."""
    y, x = plane(size)
    bend, total = field(random, size, 2.2), np.zeros((size, size))
    bend /= np.abs(bend).max()
    for _ in range(int(random.integers(1, 4))):
        angle, frequency = random.uniform(0, np.pi), np.exp(random.uniform(1.2, 3.6))
        along = np.cos(angle) * x + np.sin(angle) * y + random.uniform(0, 0.25) * bend
        total += np.sin(2 * np.pi * frequency * along + random.uniform(0, 6))
    hard = random.random() < 0.4
    return colormap(random, unit(np.sign(total) * np.abs(total) ** 0.3 if hard else total))


def leaves(random: Random, size: int) -> Picture:
    """Dead leaves (Lee, Mumford & Huang 2001): opaque discs, ellipses, squares or polygons, radii as r^-3."""
    edge, colours, kind = 2 * size, palette(random, 12), int(random.integers(4))
    largest, smallest = random.uniform(0.15, 0.5) * edge, random.uniform(0.01, 0.05) * edge
    canvas = Image.new("RGB", (edge, edge), rgb(palette(random, 1)[0]))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(random.integers(60, 500))):
        radius = min(smallest / np.sqrt(random.uniform(1e-4, 1)), largest)
        fill = rgb(colours[random.integers(12)] + random.normal(0, 0.05, 3))
        leaf(draw, random, kind if random.random() < 0.8 else int(random.integers(4)), radius, fill, edge)
    picture = shrunk(canvas, size)
    if random.random() < 0.5:
        grain = field(random, size, 1.0)
        picture = picture * (1 + random.uniform(0.05, 0.18) * (grain / grain.std())[..., None])
    return picture.clip(0, 1)


def leaf(draw: ImageDraw.ImageDraw, random: Random, kind: int, radius: float, fill: tuple, edge: int) -> None:
    """One of them, anywhere."""
    x, y = random.uniform(0, edge, 2)
    if kind < 2:
        flat = radius * (random.uniform(0.2, 1) if kind else 1)
        draw.ellipse((x - radius, y - flat, x + radius, y + flat), fill=fill)
        return
    corners = int(random.integers(3, 7))
    any_angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    angles = any_angles if kind == 3 else random.uniform(0, 6) + np.arange(4) * np.pi / 2
    draw.polygon([(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles], fill=fill)


def strokes(random: Random, size: int) -> Picture:
    """Brush strokes along a smooth flow."""
    edge, bend, tone, colours = (
        2 * size,
        field(random, size, random.uniform(2, 2.6)),
        ranks(field(random, size, 1.8)),
        None,
    )
    angles = np.pi * random.uniform(0.5, 2.5) * bend / np.abs(bend).max() + random.uniform(0, 6)
    colours, jitter = palette(random, 8), random.uniform(0.02, 0.12)
    width = float(np.exp(random.uniform(0.7, 2.6)))
    length = int(width * random.uniform(1.5, 6))
    canvas = Image.new("RGB", (edge, edge), rgb(colours[0]))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(min(5 * edge * edge / (width * length * 2 + 1), 2500))):
        y, x = random.uniform(0, size - 1, 2)
        fill = rgb(colours[int(tone[int(y), int(x)] * 7.99)] + random.normal(0, jitter, 3))
        draw.line(path(angles, y, x, max(2, length // 4)), fill=fill, width=max(1, int(width)), joint="curve")
    return shrunk(canvas, size)


def path(angles: np.ndarray, y: float, x: float, points: int) -> list[tuple[float, float]]:
    """Points of a path along the flow, on a canvas twice the size."""
    found, last = [], len(angles) - 1
    for _ in range(points):
        found.append((2 * float(x), 2 * float(y)))
        angle = angles[int(min(max(y, 0), last)), int(min(max(x, 0), last))]
        x, y = x + 2 * np.cos(angle), y + 2 * np.sin(angle)
    return found


def cells(random: Random, size: int) -> Picture:
    """Voronoi cells with or without seams, or the distance to their centres (Worley 1996)."""
    count = int(np.exp(random.uniform(2.5, 5.5)))
    centres = random.uniform(-0.1, 1.1, (count, 2))
    y, x = np.mgrid[:size, :size] / size
    squares = (y[..., None] - centres[:, 0]) ** 2 + (x[..., None] - centres[:, 1]) ** 2
    first, second = np.sqrt(np.moveaxis(np.partition(squares, 1, -1)[..., :2], -1, 0))
    seam = (second - first) * np.sqrt(count)
    if random.random() < 0.4:
        return colormap(random, ranks(first if random.random() < 0.5 else seam))
    picture = palette(random, count)[squares.argmin(-1)]
    if random.random() < 0.7:
        picture = np.where((seam < random.uniform(0.05, 0.3))[..., None], palette(random, 1)[0], picture)
    return picture


def fractal(random: Random, size: int) -> Picture:
    """A Julia set by its escape times."""
    y, x = plane(size)
    constant = 0.7885 * np.exp(1j * random.uniform(0, 2 * np.pi))
    z = (x + 1j * y) * random.uniform(0.6, 2.6) + random.normal(0, 0.2) + 1j * random.normal(0, 0.2)
    times, inside = np.zeros((size, size)), np.ones((size, size), bool)
    for _ in range(40):
        z = np.where(inside, z * z + constant, z)
        inside = np.abs(z) < 4
        times += inside
    times += np.where(inside, 0, 1 - np.log(np.log(np.abs(z) + 1.1) + 1e-3))
    return colormap(random, ranks(times) if random.random() < 0.5 else unit(times) ** 0.5)


def balls(random: Random, size: int) -> Picture:
    """Shaded balls with highlights before a gradient."""
    y, x = np.mgrid[:size, :size] / size
    picture, light = colormap(random, ranks(y * random.normal() + x * random.normal())), random.normal(0, 1, 3)
    light[2] = abs(light[2]) + 0.5
    light /= np.linalg.norm(light)
    for colour in palette(random, int(random.integers(3, 40))):
        radius, (row, column) = np.exp(random.uniform(-3, -1)), random.uniform(0, 1, 2)
        u, v = (x - column) / radius, (y - row) / radius
        height = np.sqrt(np.maximum(1 - u * u - v * v, 0))
        shade = np.maximum(u * light[0] + v * light[1] + height * light[2], 0)[..., None]
        lit = (colour * (0.2 + 0.8 * shade) + np.where(shade > 0.97, 0.5, 0)).clip(0, 1)
        picture = np.where((u * u + v * v < 1)[..., None], lit, picture)
    return picture


def lattice(random: Random, size: int) -> Picture:
    """Tiles, dots or diamonds in rows, straight or shifted."""
    y, x = plane(size)
    angle, count = random.uniform(0, np.pi), np.exp(random.uniform(1, 3))
    v = (np.cos(angle) * y - np.sin(angle) * x) * count * np.exp(random.uniform(-0.7, 0.7))
    row = np.floor(v)
    u = (np.cos(angle) * x + np.sin(angle) * y) * count + random.choice([0, 0.5]) * (row % 2)
    colour = palette(random, 16)[((np.floor(u) * 7 + row * 13) % random.integers(1, 16)).astype(int)]
    du, dv, gap = u % 1, v % 1, random.uniform(0.05, 0.35)
    shapes = (
        (du < gap) | (dv < gap),
        (du - 0.5) ** 2 + (dv - 0.5) ** 2 > gap,
        np.abs(du - 0.5) + np.abs(dv - 0.5) > 0.3 + gap,
    )
    return np.where(shapes[int(random.integers(3))][..., None], palette(random, 1)[0], colour)


def rgb(colour: np.ndarray) -> tuple[int, int, int]:
    """For Pillow."""
    red, green, blue = (colour.clip(0, 1) * 255).astype(int)
    return int(red), int(green), int(blue)


def shrunk(canvas: Image.Image, size: int) -> Picture:
    """A canvas at its final size, edges smoothed."""
    return np.asarray(canvas.resize((size, size), Image.Resampling.BOX), np.float64) / 255


KINDS: tuple[Callable[[Random, int], Picture], ...] = (
    noise,
    waves,
    leaves,
    leaves,
    strokes,
    strokes,
    cells,
    fractal,
    balls,
    lattice,
)
