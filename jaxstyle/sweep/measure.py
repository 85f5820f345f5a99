"""Computes the metrics of a batch of results, with layers that no recipe of the sweep optimises."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxstyle.errors import JaxstyleError, SettingError
from jaxstyle.metrics import METRICS, Judge, chroma_histogram, stack_targets
from jaxstyle.metrics.judge import judge_pixels
from jaxstyle.metrics.pictures import check_picture
from jaxstyle.metrics.structural_similarity import WINDOW
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.recipe import Recipe
from jaxstyle.sweep.studio import Studio
from jaxstyle.transfer.result import Result
from jaxstyle.transfer.run import Run

log = logging.getLogger(__name__)

TAKEN = ("id", "status", "width", "height", "seconds", "total")
"""Columns of a sweep's spreadsheet that are no metrics."""

Measured = dict[str, float | None]
Metric = Callable[[Array, Array], Array]
"""A JAX function of (result, content), both RGB (h, w, 3) in [0, 1], that returns a scalar; `jax.vmap` maps it."""


class Measures:
    """Measures results. All results of one size have the same judge, so that their numbers are comparable.

    Args:
        studio: the network, and the memo of targets.
        recipes: all recipes whose layers must not be used for measuring.
        more: {name: function} of further metrics.
    """

    def __init__(self, studio: Studio, recipes: Sequence[Recipe], more: Mapping[str, Metric]):
        self.studio, self.more = studio, more
        self.recipes = list(dict.fromkeys(recipe.graph() for recipe in recipes))
        self._judges: dict[tuple[int, ...], Judge] = {}
        self._said: set[str] = set()

    def __call__(self, results: Mapping[int, tuple[Run, Result]], width: int) -> dict[int, Measured]:
        """Measure results of one size, `width` at a time.

        Args:
            results: {index: (run, result)}.
            width: the number of results in one call of the compiled program.

        Returns:
            {index: {metric: value}}, with None for values that are not finite. Results that cannot be measured are
            missing, with a warning in the log.
        """
        found: dict[int, Measured] = {}
        indices = list(results)
        for start in range(0, len(indices), width):
            part = indices[start : start + width]
            try:
                found |= dict(zip(part, self._measure([results[i] for i in part], width), strict=True))
            except JaxstyleError as error:
                self._warn(str(error))
        return found

    def _warn(self, reason: str) -> None:
        """Log why metrics are missing; each reason only once."""
        if reason not in self._said:
            log.warning("metrics are missing: %s", reason)
        self._said.add(reason)

    def _measure(self, results: Sequence[tuple[Run, Result]], width: int) -> list[Measured]:
        runs = _filled([run for run, _ in results], width)
        images = jnp.stack(_filled([jnp.asarray(result.image) for _, result in results], width))
        contents = jnp.stack([jnp.asarray(run.picture.rgb) for run in runs])
        judged = self._by_network if isinstance(self.studio.given, VGG) else self._by_pixels
        values = judged(images, runs, contents)
        for name, metric in self.more.items():
            values[name] = self._own(name, metric, images, contents)
        values = jax.device_get(values)
        return [{name: _number(column[i]) for name, column in values.items()} for i in range(len(results))]

    def _by_network(self, images: Array, runs: Sequence[Run], contents: Array) -> dict[str, Any]:
        judge = self._judge(runs[0])
        targets = [self.studio.once(_content_target, judge, run.picture.rgb) for run in runs]
        styles = [self._style(run, _style_target, judge) for run in runs]
        return dict(judge(images, stack_targets(targets), stack_targets(styles)))

    def _by_pixels(self, images: Array, runs: Sequence[Run], contents: Array) -> dict[str, Any]:
        """The metrics that need no network. The others compare features of a VGG, which this sweep does not have."""
        self._warn(f"content_distance, style_distance and cfsd need a VGG, not {type(self.studio.given).__name__}")
        check_picture(contents[0], "content", WINDOW, "SSIM's window")
        return judge_pixels(images, contents, jnp.stack([self._style(run, _chroma, None) for run in runs]))

    def _own(self, name: str, metric: Metric, images: Array, contents: Array) -> Array | np.ndarray:
        """Values of a user's metric; NaN, with a warning, where it fails."""
        nothing = np.full(len(images), np.nan)  # by NumPy, as `jax_debug_nans` stops JAX at every NaN
        try:
            values = jnp.asarray(jax.vmap(metric)(images, contents))
        except Exception as error:  # whatever it is, the pictures and the other metrics are kept
            self._warn(f"{name!r} fails: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            return nothing
        if values.shape != (len(images),):
            self._warn(f"{name!r} returns the shape {values.shape[1:]}, expected a scalar")
            return nothing
        return values

    def _style(self, run: Run, target: Callable[[Any, np.ndarray], Any], judge: Judge | None) -> Any:
        """The target for a run's style; for several styles the mean of their targets, weighted by their shares."""
        targets = [self.studio.once(target, judge, style) for style in run.inputs.styles]
        weigh = lambda *leaves: sum(share * leaf for share, leaf in zip(run.shares, leaves, strict=True))  # noqa: E731
        return jax.tree.map(weigh, *targets) if len(targets) > 1 else targets[0]

    def _judge(self, run: Run) -> Judge:
        shape = run.picture.rgb.shape[:2]
        if shape not in self._judges:
            network = self.studio.network if self.studio.plan.dtype == "float32" else self.studio.given
            styles = [style.shape for style in run.inputs.styles]
            self._judges[shape] = Judge.of(network, self.recipes, shape, style_shapes=styles)
        return self._judges[shape]


def _content_target(judge: Judge, picture: np.ndarray) -> Any:
    return judge.content_target(jnp.asarray(picture))


def _style_target(judge: Judge, picture: np.ndarray) -> Any:
    return judge.style_target(jnp.asarray(picture))


def _chroma(_: None, picture: np.ndarray) -> Array:
    return chroma_histogram(jnp.asarray(picture))


def _filled(values: Sequence[Any], width: int) -> list[Any]:
    """The list extended to `width` items by repeating the last one, so that one compiled program serves all."""
    return [*values, *[values[-1]] * (width - len(values))]


def check_metrics(given: Any) -> None:
    """Raise SettingError unless `given` is True, False, or {name: function} with names that are not taken."""
    if isinstance(given, bool):
        return
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise SettingError(f"metrics: got {given!r}, expected True, False, or {{name: function of (result, content)}}")
    for name, metric in given.items():
        if name in (*METRICS, *TAKEN):
            raise SettingError(f"metrics: {name!r} is a column of every sweep already; choose another name")
        if not callable(metric):
            raise SettingError(f"metrics: {name!r} is {metric!r}, expected a function of (result, content)")


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
