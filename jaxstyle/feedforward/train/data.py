"""Random crops of pictures in folders. The n-th crop depends only on the seed and n, so a training can be resumed."""

import logging
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxstyle.errors import ImageError, ImageFileError
from jaxstyle.image import READABLE, is_picture_name, read_picture, resize

THREADS = 4
AHEAD = 3  # batches prepared in advance
CACHE_BYTES = 256 << 20
_LOG = logging.getLogger("jaxstyle")

Batch = dict[str, UInt8[np.ndarray, "b s s 3"]]


def find_pictures(folder: Path, name: str) -> list[Path]:
    """All pictures in a folder and its subfolders, sorted; if `folder` is a file, that file alone.

    Raises:
        ImageFileError: there is no picture. The message calls the folder `name`.
    """
    if folder.is_file():
        return [folder]
    found = sorted(filter(is_picture_name, folder.rglob("*")))
    if not found:
        raise ImageFileError(f"{name}: {folder}: no pictures there; expected files ending in {', '.join(READABLE)}")
    return found


def hold_out(paths: Sequence[Path], count: int, seed: int) -> tuple[list[Path], list[Path]]:
    """Split pictures into (those to train with, those held out), chosen at random by the seed.

    At most `count` pictures are held out, and at most a quarter of all (though one of two or three, none of one).
    """
    kept = min(count, max(1, len(paths) // 4)) if len(paths) > 1 else 0
    chosen = set(np.random.default_rng(seed).permutation(len(paths))[:kept].tolist())
    return [p for i, p in enumerate(paths) if i not in chosen], [p for i, p in enumerate(paths) if i in chosen]


class Crops:
    """An endless sequence of random square crops: each epoch takes every picture once, in a new random order.

    A picture is first resized so that its short edge is at least `size` and at most twice that; in between it keeps its
    size. A file that cannot be read is reported once in the log, and another picture takes its place.
    """

    def __init__(self, paths: Sequence[Path], size: int, seed: int):
        self.paths, self.size, self.seed = list(paths), size, seed
        self.kept: dict[Path, np.ndarray] = {}
        self.bytes = 0
        self.bad: set[Path] = set()
        self._order = lru_cache(2)(lambda epoch: np.random.default_rng([seed, 1, epoch]).permutation(len(paths)))

    def __call__(self, n: int) -> UInt8[np.ndarray, "s s 3"]:
        """The n-th crop, 8-bit RGB. Raises ImageFileError if 65 pictures in turn cannot be read."""
        random = np.random.default_rng([self.seed, 0, n])
        epoch, at = divmod(n, len(self.paths))
        candidates = [self._order(epoch)[at], *random.integers(len(self.paths), size=64)]
        for path in (self.paths[i] for i in candidates):
            picture = self.picture(path)
            if picture is not None:
                top, left = (int(random.integers(edge - self.size + 1)) for edge in picture.shape[:2])
                return picture[top : top + self.size, left : left + self.size]
        raise ImageFileError(f"{self.paths[0].parent}: {len(candidates)} pictures in turn cannot be read; see the log")

    def centre(self, path: Path) -> UInt8[np.ndarray, "s s 3"] | None:
        """The central square of one picture, resized so that its short edge is `size`; None if it cannot be read."""
        picture = self.picture(path)
        if picture is None:
            return None
        small = _bytes(picture / np.float32(255), self.size / min(picture.shape[:2]), self.size)
        top, left = ((edge - self.size) // 2 for edge in small.shape[:2])
        return small[top : top + self.size, left : left + self.size]

    def picture(self, path: Path) -> np.ndarray | None:
        """The whole picture as 8-bit RGB, resized as the class describes; None if it cannot be read."""
        if path in self.kept:
            return self.kept[path]
        if path in self.bad:
            return None
        try:
            rgb = read_picture(path).rgb
        except ImageError as error:
            self.bad.add(path)
            _LOG.warning("skipped: %s", error)
            return None
        short = min(rgb.shape[:2])
        found = _bytes(rgb, min(max(short, self.size), 2 * self.size) / short, self.size)
        if self.bytes + found.nbytes <= CACHE_BYTES:
            self.kept[path] = found
            self.bytes += found.nbytes
        return found


def held_out_batch(held: Mapping[str, tuple[Crops, list[Path]]]) -> Batch | None:
    """The central squares of held-out pictures, as a batch.

    Where there are contents and styles, they are paired in order, and the shorter list is repeated.

    Args:
        held: {name: (crops, paths of held-out pictures)}.

    Returns:
        {name: pictures (b, s, s, 3)}, or None if one of the names has no picture that can be read.
    """
    found = {name: [crops.centre(path) for path in paths] for name, (crops, paths) in held.items()}
    sound = {name: [picture for picture in pictures if picture is not None] for name, pictures in found.items()}
    count = max(map(len, sound.values()))
    if not all(sound.values()):
        return None
    return {name: np.stack([pictures[i % len(pictures)] for i in range(count)]) for name, pictures in sound.items()}


def _bytes(rgb: np.ndarray, scale: float, least: int) -> np.ndarray:
    """The picture resized by `scale`, with both sides at least `least` pixels, as 8-bit RGB."""
    shape = [max(least, round(edge * scale)) for edge in rgb.shape[:2]]
    return np.floor(255 * resize(rgb, (shape[0], shape[1])) + 0.5).astype(np.uint8)


def batches(crops: Mapping[str, Crops], batch: int, start: int, steps: int) -> Generator[Batch]:
    """Yield the batches of steps `start` to `steps` - 1 in order; threads prepare them a few steps in advance."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="jaxstyle-data") as pool:
        waiting: deque[dict[str, list[Future]]] = deque()
        try:
            for step in range(start, steps + AHEAD):
                if step < steps:
                    numbers = range(step * batch, (step + 1) * batch)
                    waiting.append({name: [pool.submit(each, n) for n in numbers] for name, each in crops.items()})
                if waiting and (len(waiting) > AHEAD or step >= steps):
                    yield {name: np.stack([one.result() for one in made]) for name, made in waiting.popleft().items()}
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
