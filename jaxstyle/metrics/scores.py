"""Measures finished pictures, whatever made them, against their contents and styles: a table with intervals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.image import fit, load_image, read_recipe, resize
from jaxstyle.metrics.art_fid import artfid, lpips_distance
from jaxstyle.metrics.inception import Inception
from jaxstyle.metrics.judge import Judge, stack_targets
from jaxstyle.metrics.lpips import LPIPS
from jaxstyle.metrics.pairs import Pair
from jaxstyle.metrics.table import METRICS, ContentTarget, StyleTarget
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.presets import default
from jaxstyle.objective.recipe import Recipe

TOGETHER = 8  # pictures in one call of the judge
TARGETS = 32  # contents and styles whose targets are kept
RESAMPLES = 2000
STRETCH = 0.05  # by how much a content's aspect may differ from its result's: sizes are rounded
Function = Callable[[Array, Array], Any]


class Interval(NamedTuple):
    """A mean over pairs, and its 95 % confidence interval; for one pair all three are its value."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """What `measure` found.

    Attributes:
        rows: for each pair its method, the names of its files, and its number in every metric.
        whole: {method: {metric: number}} of what is about a set of pictures as a whole: ArtFID and FID.
        better: {metric: "higher" or "lower"}; metrics of your own are not in it.
    """

    rows: tuple[dict[str, Any], ...]
    whole: Mapping[str, Mapping[str, float]]
    better: Mapping[str, Literal["higher", "lower"]]

    @property
    def methods(self) -> list[str]:
        """The methods, in the order given."""
        return list(dict.fromkeys(row["method"] for row in self.rows))

    @property
    def metrics(self) -> list[str]:
        """The metrics that every pair has."""
        return [name for name in self.rows[0] if name not in ("method", "result", "content", "style")]

    def summary(self) -> dict[str, dict[str, Interval]]:
        """{method: {metric: mean over its pairs, with its interval}}."""
        columns = {
            method: {name: [row[name] for row in self.rows if row["method"] == method] for name in self.metrics}
            for method in self.methods
        }
        return {method: {name: interval(values) for name, values in found.items()} for method, found in columns.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON. Numbers that are not finite are None."""
        methods = {
            method: {
                name: {key: _plain(value) for key, value in each._asdict().items()} for name, each in found.items()
            }
            for method, found in self.summary().items()
        }
        rows = [{name: _plain(value) for name, value in row.items()} for row in self.rows]
        whole = {method: {name: _plain(value) for name, value in found.items()} for method, found in self.whole.items()}
        return {"methods": methods, "whole": whole, "better": dict(self.better), "pairs": rows}


def measure(
    pairs: Sequence[Pair],
    model: VGG,
    *,
    size: int | None = None,
    recipes: Sequence[Recipe] = (),
    lpips: LPIPS | None = None,
    inception: Inception | None = None,
    metrics: Mapping[str, Function] | None = None,
    callback: Callable[[int, int], None] | None = None,
) -> Scores:
    """Measure finished pictures by all `METRICS`, at layers that no known recipe optimised.

    Known are `presets.default()`, whose layers are Gatys', the recipes inside the pictures, and `recipes`. Contents are
    resized to their results; styles get the results' long edge. Numbers of pictures of different sizes do not compare:
    give `size` for one of all.

    Args:
        pairs: from `find_pairs`, or made by hand.
        model: the network, VGG19 for numbers that others can compare.
        size: long edge in pixels to which all results are resized; by default they stay as they are.
        recipes: recipes that painted the results, whose layers are then not used for measuring.
        lpips: from `load_lpips`; adds "lpips".
        inception: from `load_inception`; with `lpips`, adds ArtFID and FID of each method's results and styles.
        metrics: {name: function (result, content) -> scalar} of your own.
        callback: is called with the number of pairs measured, and of all.

    Raises:
        SettingError: no pair. ImageError: a picture cannot be read or measured, or a content of another aspect.
    """
    if not pairs:
        raise SettingError("pairs: got none, expected at least one")
    known = list(dict.fromkeys(each.graph() for each in (default(), *recipes, *_recipes_in(pairs))))
    pictures = _Pictures(size)
    shapes = [pictures.result(pair.result).shape for pair in pairs]
    styles = [pictures.style(pair.style, shape).shape for pair, shape in zip(pairs, shapes, strict=True)]
    rows: dict[int, dict[str, Any]] = {}
    for shape in dict.fromkeys(shapes):
        here = [i for i, each in enumerate(shapes) if each == shape]
        judge = Judge.of(model, known, shape, style_shapes=[styles[i] for i in here])
        for some, values in _judged(judge, pictures, pairs, here, shape):
            for place, i in enumerate(some):
                found = {name: float(column[place]) for name, column in values.items()}
                rows[i] = _named(pairs[i]) | found | _more(pictures, pairs[i], lpips, metrics or {})
            if callback is not None:
                callback(len(rows), len(pairs))
    better: dict[str, Any] = {name: metric.better for name, metric in METRICS.items()}
    better |= {"lpips": "lower"} if lpips is not None else {}
    whole = _whole(pictures, pairs, lpips, inception)
    return Scores(tuple(rows[i] for i in range(len(pairs))), whole, better)


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean, and its 95 % confidence interval by the bootstrap (Efron 1979): percentiles of resampled means."""
    numbers = np.asarray(values, np.float64)
    mean = float(numbers.mean())
    if len(numbers) == 1 or not np.isfinite(numbers).all():
        return Interval(mean, mean, mean)
    chosen = np.random.RandomState(seed).randint(len(numbers), size=(RESAMPLES, len(numbers)))
    low, high = np.percentile(numbers[chosen].mean(1), (2.5, 97.5))
    return Interval(mean, float(low), float(high))


class _Pictures:
    """Reads pictures at the sizes at which they are measured, and keeps the newest."""

    def __init__(self, size: int | None):
        self.size = size
        self.result, self.style = lru_cache(64)(self._result), lru_cache(64)(self._style)

    def _result(self, path: Path) -> np.ndarray:
        image = load_image(path)
        return image if self.size is None else resize(image, fit(image.shape[:2], self.size))

    def content(self, path: Path, shape: tuple[int, ...]) -> np.ndarray:
        """A content at its result's size."""
        image = load_image(path)
        aspects = [each[1] / each[0] for each in (image.shape, shape)]
        if abs(aspects[0] / aspects[1] - 1) > STRETCH + 1 / min(shape[:2]):
            raise ImageError(
                f"{path}: is {image.shape[1]}x{image.shape[0]}, of another aspect than its result of "
                f"{shape[1]}x{shape[0]}; crop one of them"
            )
        return resize(image, (shape[0], shape[1]))

    def _style(self, path: Path, shape: tuple[int, ...]) -> np.ndarray:
        image = load_image(path)
        return resize(image, fit(image.shape[:2], max(shape[:2])))


def _judged(
    judge: Judge, pictures: _Pictures, pairs: Sequence[Pair], here: Sequence[int], shape: tuple[int, ...]
) -> Iterator[tuple[Sequence[int], dict[str, np.ndarray]]]:
    """The judge's numbers, some pairs at a time; the last ones are filled up, so that one program serves all."""

    @lru_cache(TARGETS)
    def content(path: Path) -> ContentTarget:
        return judge.content_target(jnp.asarray(pictures.content(path, shape)))

    @lru_cache(TARGETS)
    def style(path: Path) -> StyleTarget:
        return judge.style_target(jnp.asarray(pictures.style(path, shape)))

    width = min(TOGETHER, len(here))
    for start in range(0, len(here), width):
        some = list(here[start : start + width])
        filled = [pairs[i] for i in some + [some[-1]] * (width - len(some))]
        images = jnp.stack([jnp.asarray(pictures.result(pair.result)) for pair in filled])
        contents = stack_targets([content(pair.content) for pair in filled])
        styles = stack_targets([style(pair.style) for pair in filled])
        values = judge(images, contents, styles)
        yield some, {name: np.asarray(column) for name, column in values.items()}


def _more(pictures: _Pictures, pair: Pair, lpips: LPIPS | None, metrics: Mapping[str, Function]) -> dict[str, float]:
    """LPIPS and the user's own metrics of a pair."""
    if lpips is None and not metrics:
        return {}
    image = jnp.asarray(pictures.result(pair.result))
    content = jnp.asarray(pictures.content(pair.content, image.shape))
    found = {} if lpips is None else {"lpips": float(lpips_distance(lpips, image, content))}
    return found | {name: float(function(image, content)) for name, function in metrics.items()}


def _whole(
    pictures: _Pictures, pairs: Sequence[Pair], lpips: LPIPS | None, inception: Inception | None
) -> dict[str, dict[str, float]]:
    """FID and ArtFID of each method, where the networks are given."""
    if inception is None or lpips is None:
        return {}
    found = {}
    for method in dict.fromkeys(pair.method for pair in pairs):
        own = [pair for pair in pairs if pair.method == method]
        images = [pictures.result(pair.result) for pair in own]
        contents = [pictures.content(pair.content, image.shape) for pair, image in zip(own, images, strict=True)]
        styles = {pair.style: pictures.style(pair.style, image.shape) for pair, image in zip(own, images, strict=True)}
        score = artfid(images, contents, list(styles.values()), lpips=lpips, inception=inception)
        found[method] = {"artfid": score.value, "fid": score.fid}
    return found


def _recipes_in(pairs: Sequence[Pair]) -> Iterator[Recipe]:
    """The recipes inside the results that jaxstyle saved; pictures of other programs have none."""
    for pair in pairs:
        try:
            yield Recipe.from_dict(read_recipe(pair.result)["recipe"])
        except (ImageError, SettingError, KeyError, TypeError):
            continue


def _named(pair: Pair) -> dict[str, Any]:
    return {
        "method": pair.method,
        "result": pair.result.name,
        "content": pair.content.name,
        "style": pair.style.name,
    }


def _plain(value: Any) -> Any:
    """The value with every number that is not finite as None, as JSON has none of those."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
