"""Inversion: pictures that have the same activations as a given one, from noise (Mahendran & Vedaldi 2015)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, check_seed, is_number, is_whole
from jaxstyle.losses import AlphaNorm, ContentLoss, TotalVariation
from jaxstyle.metrics import ssim
from jaxstyle.networks.load import as_network
from jaxstyle.networks.model import INPUT, FeatureModel, check_layers, features_of
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.sweep.batch import Batch
from jaxstyle.sweep.width import program_width
from jaxstyle.transfer.job import Job, prepare
from jaxstyle.transfer.run import Run

SIGMA = 0.25
"""The root mean square of a usual picture's pixels minus their mean, in [0, 1]: 64 of 255."""


@runtime_checkable
class Prior(Protocol):
    """Protocol of a prior: what is asked of the pictures beside the activations."""

    def terms(self, depth: float, shape: tuple[int, ...]) -> tuple[Term, ...]:
        """The terms for a layer at a depth from 0 to 1 in the network, and pictures of (height, width, 3)."""
        ...


@dataclass(frozen=True)
class NoPrior:
    """No prior: plain feature reconstruction, as Gatys, Ecker & Bethge 2016, figure 1."""

    def terms(self, depth: float, shape: tuple[int, ...]) -> tuple[Term, ...]:
        """No term."""
        return ()


@dataclass(frozen=True)
class MahendranVedaldi:
    """The priors of Mahendran & Vedaldi 2015: total variation with beta 2, and the alpha norm with alpha 6.

    The objective is `|F - F0|^2 / |F0|^2 + tv / 2 sum(dx^2 + dy^2) / s^2 + alpha / 2 sum x^6 / s^2`, with pixels of 0
    to 255 minus their mean and s the norm of a usual picture of that size: 64 a number here, where the authors measure
    it. Weights and formula are those of their code.

    Attributes:
        tv: weight of the total variation; None takes 1, 10 or 100, in the first, second or last third of the network.
        alpha: weight of the alpha norm.

    Raises:
        SettingError: a weight is no number from 0 to 1e6.
    """

    tv: float | None = None
    alpha: float = 8e-10

    def __post_init__(self) -> None:
        for name in ("tv", "alpha"):
            value = getattr(self, name)
            if value is not None and not is_number(value, 0, 1e6):
                raise SettingError(f"{name}: got {value!r}, expected a number from 0 to 1e6")

    def terms(self, depth: float, shape: tuple[int, ...]) -> tuple[Term, ...]:
        """Both terms."""
        tv = (1.0, 10.0, 100.0)[min(int(3 * depth), 2)] if self.tv is None else self.tv
        square = SIGMA**2 * float(np.prod(shape))
        return (
            Term(TotalVariation(form="corner"), tv / square, relative=False),
            Term(AlphaNorm(), self.alpha * 255.0**4 / square, relative=False),
        )


@dataclass(frozen=True)
class Inversion:
    """Pictures made from the activations of one layer, each from its own noise.

    Attributes:
        layer: name of the layer.
        pictures: (n, h, w, 3), RGB in [0, 1].
        code_error: (n,), `|F - F0| / |F0|`: how far the activations are from the given ones.
        normalized_error: (n,), `|F - F0|` over the mean distance between the activations of different pictures, as the
            authors report it; None where no such pictures were given.
        psnr: (n,), peak signal-to-noise ratio to the given picture in dB.
        ssim: (n,), structural similarity to it, see `jaxstyle.metrics.ssim`.
        variance: (h, w), the variance of the pictures at each pixel, a mean over the colours: where they disagree, the
            layer does not say what was there. 0 for one picture.
    """

    layer: str
    pictures: Float[np.ndarray, "n h w 3"]
    code_error: Float[np.ndarray, " n"]
    normalized_error: Float[np.ndarray, " n"] | None
    psnr: Float[np.ndarray, " n"]
    ssim: Float[np.ndarray, " n"]
    variance: Float[np.ndarray, "h w"]


def invert(model: Any, image: Any, layer: str, **options: Any) -> Inversion:
    """Make pictures that have the activations of `image` at a layer; arguments as for `invert_layers`.

    Example:
        >>> found = invert(model, content, "relu2_1", restarts=2, steps=20)  # 400 steps for pictures to look at
        >>> len(found.pictures)
        2
    """
    return invert_layers(model, image, (layer,), **options)[layer]


def invert_layers(
    model: Any,
    image: Any,
    layers: Sequence[str],
    *,
    prior: Prior = MahendranVedaldi(),
    restarts: int = 1,
    seed: int = 0,
    steps: int = 400,
    size: int | None = None,
    others: Sequence[Any] = (),
) -> dict[str, Inversion]:
    """Make pictures that have the activations of `image`, for each of several layers, in one program.

    The optimiser is Adam, from noise, where the authors use gradient descent with momentum.

    Args:
        model: the network, in any form that `stylize` takes.
        image: the picture, in any form that `stylize` takes.
        layers: names of the layers.
        prior: what is asked of the pictures beside the activations.
        restarts: how many pictures of each layer, from 1 to 64, each from noise of its own.
        seed: random seed of the first one's noise.
        steps: number of optimiser steps, at least 1.
        size: long edge of the pictures in pixels, see `stylize`.
        others: arrays (h, w, 3) of pictures of the same size, at least two, for `normalized_error`.

    Returns:
        {layer: its pictures and numbers}.

    Raises:
        SettingError: a setting is not usable. ImageError: the picture is not usable.
    """
    _check(layers, prior, restarts, seed, steps, others)
    network = as_network(model)
    recipe = Recipe(
        content=tuple(Term(ContentLoss(layer)) for layer in layers),
        style=(),
        prior=prior.terms(0.0, (1, 1, 3)),
        optimizer=Adam(0.02),
        steps=steps,
        average=0.0,
        init="noise",
    )
    first = prepare(Job(image, (), recipe, size=size, seed=seed), network)
    check_layers(network, layers, first.picture.rgb.shape)
    runs = [_run(first, image, network, layer, prior, seed + k) for layer in layers for k in range(restarts)]
    pictures = _paint(runs)
    original = jnp.asarray(first.picture.rgb)
    return {
        layer: _judged(network, layer, original, pictures[i * restarts : (i + 1) * restarts], others)
        for i, layer in enumerate(layers)
    }


def _check(layers: Any, prior: Any, restarts: Any, seed: Any, steps: Any, others: Any) -> None:
    if isinstance(layers, str) or not layers:
        raise SettingError(f"layers: got {layers!r}, expected a tuple of layer names, at least one")
    if not isinstance(prior, Prior):
        raise SettingError(f"prior: got {prior!r}, expected MahendranVedaldi(), NoPrior(), or an object with `terms`")
    if not is_whole(restarts, 1, 64):
        raise SettingError(f"restarts: got {restarts!r}, expected a whole number from 1 to 64")
    if not is_whole(steps, 1):
        raise SettingError(f"steps: got {steps!r}, expected a whole number, at least 1")
    check_seed(seed)
    if len(others) == 1:
        raise SettingError("others: got one picture, expected at least two, whose distances are compared with")


def _run(first: Run, image: Any, network: FeatureModel, layer: str, prior: Prior, seed: int) -> Run:
    """A run for one layer: all have the same terms, and only the weights tell the layers apart."""
    depth = 0.0 if layer == INPUT else list(network.layers).index(layer) / len(network.layers)
    content = tuple(replace(term, weight=float(term.loss.layer == layer)) for term in first.recipe.content)  # type: ignore[attr-defined]
    recipe = replace(first.recipe, content=content, prior=prior.terms(depth, first.picture.rgb.shape))
    size = max(first.picture.rgb.shape[:2])
    return prepare(Job(image, (), recipe, size=size, seed=seed), network, first.plan, once=first.once)


def _paint(runs: Sequence[Run]) -> Float[np.ndarray, "n h w 3"]:
    """The pictures of runs of one structure, some at a time."""
    devices = jax.local_devices()
    width = program_width(runs[0].levels[-1].shape, len(runs), devices, runs[0].plan)
    found: list[np.ndarray] = []
    for start in range(0, len(runs), width * len(devices)):
        some = runs[start : start + width * len(devices)]
        batch = Batch(some, [run.begun() for run in some], width, devices)
        for _ in batch.paint():
            pass
        if batch.failed:
            raise next(iter(batch.failed.values()))
        found += [run.finish(at.state, run.levels[-1].shape) for run, at in zip(some, batch.lanes, strict=True)]
    return np.stack(found)


def _judged(model: FeatureModel, layer: str, original: Array, pictures: np.ndarray, others: Sequence[Any]) -> Inversion:
    """The numbers of one layer's pictures."""
    codes = np.stack([_code(model, layer, picture) for picture in pictures])
    wanted = _code(model, layer, original)
    distances = np.linalg.norm(codes - wanted, axis=1)
    square = np.mean((pictures - np.asarray(original)) ** 2, axis=(1, 2, 3), dtype=np.float64)
    return Inversion(
        layer,
        pictures,
        distances / np.linalg.norm(wanted),
        distances / _mean_distance([_code(model, layer, other) for other in others]) if others else None,
        -10 * np.log10(np.maximum(square, 1e-10)),
        np.asarray([float(ssim(jnp.asarray(picture), original)) for picture in pictures]),
        pictures.var(0).mean(-1),
    )


def _code(model: FeatureModel, layer: str, picture: Any) -> Float[np.ndarray, " n"]:
    """The activations of a picture at a layer, as one row, in float64."""
    return np.asarray(features_of(model, jnp.asarray(picture), (layer,))[layer], np.float64).ravel()


def _mean_distance(codes: Sequence[np.ndarray]) -> float:
    """Mean distance between different pictures' activations."""
    pairs = [(a, b) for i, a in enumerate(codes) for b in codes[:i]]
    return float(np.mean([np.linalg.norm(a - b) for a, b in pairs]))
