"""Computes the metrics of a batch of results, with layers that no recipe of the sweep optimises."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxstyle.errors import JaxstyleError
from jaxstyle.metrics import ContentTarget, Judge, stack_targets
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.recipe import Recipe
from jaxstyle.sweep.studio import Studio
from jaxstyle.transfer.result import Result
from jaxstyle.transfer.run import Run

log = logging.getLogger(__name__)

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
        if not isinstance(self.studio.given, VGG):
            self._warn(f"they are judged by a VGG19, and {type(self.studio.given).__name__} is none")
            return found
        indices = list(results)
        for start in range(0, len(indices), width):
            part = indices[start : start + width]
            try:
                found |= dict(zip(part, self._measure([results[i] for i in part], width), strict=True))
            except JaxstyleError as error:
                self._warn(str(error))
        return found

    def _warn(self, reason: str) -> None:
        """Log why there are no metrics; each reason only once."""
        if reason not in self._said:
            log.warning("no metrics: %s", reason)
        self._said.add(reason)

    def _measure(self, results: Sequence[tuple[Run, Result]], width: int) -> list[Measured]:
        judge = self._judge(results[0][0])
        contents = [self.studio.once(_content_target, judge, run.picture.rgb) for run, _ in results]
        styles = [self._style(judge, run) for run, _ in results]
        images = [jnp.asarray(result.image) for _, result in results]
        batch = [_filled(each, width) for each in (images, contents, styles)]
        pictures = jnp.stack(batch[0])
        values = dict(judge(pictures, stack_targets(batch[1]), stack_targets(batch[2])))
        values |= {name: jax.vmap(metric)(pictures, _pictures(batch[1])) for name, metric in self.more.items()}
        values = jax.device_get(values)
        return [{name: _number(column[i]) for name, column in values.items()} for i in range(len(results))]

    def _style(self, judge: Judge, run: Run) -> Any:
        """The judge's target for a run's style; for several styles the mean of their targets, weighted by shares."""
        targets = [self.studio.once(_style_target, judge, style) for style in run.inputs.styles]
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


def _pictures(targets: Sequence[ContentTarget]) -> Array:
    """The content pictures of the targets, stacked: (n, h, w, 3)."""
    return jnp.stack([target.picture for target in targets])


def _filled(values: Sequence[Any], width: int) -> list[Any]:
    """The list extended to `width` items by repeating the last one, so that one compiled program serves all."""
    return [*values, *[values[-1]] * (width - len(values))]


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
