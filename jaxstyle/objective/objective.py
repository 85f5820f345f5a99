"""The objective: the weighted sum of a recipe's losses, as a pure function of the generated picture."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import Loss, layers_of, select
from jaxstyle.losses.base import fixed_key
from jaxstyle.networks.model import FeatureModel, features_of
from jaxstyle.objective import banded
from jaxstyle.objective.shared import Shares, share_out, shared_sums


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["model", "targets", "scales", "weights", "key"],
    meta_fields=["losses", "layers", "shape", "normalized", "rows", "remat", "precision", "mesh"],
)
@dataclass(frozen=True)
class Objective:
    """Pure function `objective(image) -> (total, {term: value})` that JAX's transformations take as an argument.

    `total` is the sum of `weights[term] * value`; the values themselves are unweighted, so that runs with different
    weights can be compared. Every array is a leaf: other pictures or weights of the same shape do not re-trace.

    With `rows`, a picture that is taller than one band with its halo is computed a band at a time, see
    `jaxstyle.objective.banded`: the same value and derivatives but for rounding, in a fraction of the memory.
    """

    model: FeatureModel
    targets: Mapping[str, Any]  # {term: target}
    scales: Mapping[str, Any]  # {term: scalar}: 1 over the target's size for relative terms, 1 for others
    weights: Mapping[str, Any]  # {term: scalar}
    losses: tuple[tuple[str, Any], ...]  # (term, loss), wrapped in `Summed` and `Guided` where needed
    layers: tuple[tuple[str, Loss], ...]  # (term, loss), the bare losses, which know their layers
    shape: tuple[int, ...]  # of the pictures that it takes
    normalized: tuple[str, ...] = ()  # terms whose gradients are normalised at their layer
    rows: int | None = None  # rows of the picture that are computed at a time; None for all
    remat: bool = False  # whether the gradient computes the network again, a block at a time, to save memory
    precision: str | None = None  # of products, as JAX names it; None for what is set in JAX
    mesh: Mesh | None = None  # devices over which the picture's rows are divided
    key: Array | None = None  # random key of the losses that draw random numbers; None for a fixed one

    def __call__(self, image: Float[Array, "h w 3"]) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """Compute the weighted sum, and each term's value, of one RGB picture in [0, 1].

        Raises:
            ImageError: `image` is no array of floats, or has not the shape of the content.
        """
        image = checked(image, self.shape)
        height = image.shape[0]
        shares = None if self.normalized else share_out(self.mesh, self.model, height, self.rows, self.layers)
        bands = banded.cut(self.model, height, self.rows, self.layers) if shares is None else shares
        with contextlib.nullcontext() if self.precision is None else jax.default_matmul_precision(self.precision):
            found = self._whole(image) if bands is None else self._in_bands(image, bands)
        values = {name: self.scales[name] * value for name, value in found.items()}
        weighted = [self.weights[name] * value for name, value in values.items()]
        return sum(weighted[1:], weighted[0]), values

    @property
    def random(self) -> bool:
        """Whether a loss draws random numbers, so that each step needs a key of its own."""
        return any(loss.random for _, loss in self.layers)

    def with_key(self, key: Array) -> "Objective":
        """The objective with a random key for the losses that draw random numbers; without one, the key is fixed."""
        return replace(self, key=key)

    def _keys(self, i: int) -> tuple[Array, ...]:
        """Random key of the `i`-th term, as the arguments that its loss takes besides: one, or none."""
        if not self.layers[i][1].random:
            return ()
        return (jax.random.fold_in(fixed_key() if self.key is None else self.key, i),)

    def _whole(self, image: Array) -> dict[str, Array]:
        layers = banded.layers_named(self.layers)
        if self.remat:
            return self._by_blocks(image, layers)
        return self._values(features_of(self.model, image, layers), self.targets, self.scales)

    def _by_blocks(self, image: Array, layers: set[str]) -> dict[str, Array]:
        """Values of all terms, a block of the network at a time; the gradient computes blocks and their losses anew."""

        @partial(jax.checkpoint, static_argnums=(0,))
        def block(number: int, x: Array, model: Any, targets: Any, scales: Any) -> tuple[Array, dict, dict]:
            x, found = model.block(number, x, layers)
            values = self._values(found, targets, scales)
            wanted = {layer for name, bare in self.layers if name not in values for layer in layers_of(bare)}
            return x, values, {layer: each for layer, each in found.items() if layer in wanted}

        model: Any = self.model  # an `Adaptable`, as `ready` has checked
        found, x = {"input": image}, model.preprocessed(image)
        values = self._values(found, self.targets, self.scales)
        for number in range(1, 1 + model.blocks(layers)):
            x, new, kept = block(number, x, model, self.targets, self.scales)
            values, found = values | new, found | kept
        values |= {k: v for k, v in self._values(found, self.targets, self.scales).items() if k not in values}
        return {name: values[name] for name, _ in self.losses}

    def _values(self, features: Mapping[str, Array], targets: Any, scales: Any) -> dict[str, Array]:
        """Values {term: value} of the losses whose layers are all in `features`."""
        values = {}
        for i, ((name, loss), (_, bare)) in enumerate(zip(self.losses, self.layers, strict=True)):
            if not features.keys() >= set(layers_of(bare)):
                continue
            found, keys = select(bare, features), self._keys(i)
            with jax.named_scope(name):
                if name in self.normalized:
                    values[name] = loss(lax.stop_gradient(found), targets[name], *keys)
                    values[name] += _normalized(loss, found, targets[name], scales[name], *keys)
                else:
                    values[name] = loss(found, targets[name], *keys)
            if jnp.shape(values[name]) != ():
                raise SettingError(f"{name}: the loss returned the shape {values[name].shape}, expected a scalar")
        return values

    def _in_bands(self, image: Array, bands: banded.Bands | Shares) -> dict[str, Array]:
        add_up: Any = shared_sums if isinstance(bands, Shares) else banded.band_sums
        sums = add_up(self.model, dict(self.targets), image, self.losses, self.layers, bands)
        return {name: loss.from_sums(sums[name], self.targets[name]) for name, loss in self.losses}


def checked(image: Any, shape: tuple[int, ...]) -> Array:
    """Return the picture as an array. Raises ImageError unless it is an array of floats of that shape."""
    if not hasattr(image, "shape") or not hasattr(image, "dtype"):
        raise ImageError(f"image: got {type(image).__name__}, expected an array of floats of shape {shape}")
    if not jnp.issubdtype(image.dtype, jnp.floating):
        hint = ": divide by 255" if image.dtype == jnp.uint8 else ""
        raise ImageError(f"image: got an array of {image.dtype}, expected floats in [0, 1]{hint}")
    if image.shape[1:] == shape:
        raise ImageError(f"image: got a batch of shape {image.shape}, expected one picture {shape}: use jax.vmap")
    if image.shape != shape:
        raise ImageError(
            f"image: got the shape {image.shape}, expected {shape}, RGB of the content's size; resize the picture, or "
            "make an objective of this size"
        )
    return jnp.asarray(image)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _normalized(loss: Loss, features: Any, target: Any, scale: Array, *keys: Array) -> Array:
    """Zero, but its gradient along the features is that of `scale * loss`, divided by its L1 norm and by the scale."""
    return jnp.zeros((), jax.eval_shape(loss, features, target, *keys).dtype)


@_normalized.defjvp
def _normalized_derivative(loss: Loss, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    features, target, scale, *keys = primals
    gradient = jax.grad(lambda features: scale * loss(features, target, *keys))(features)
    parts = [
        jnp.sum(each / (jnp.abs(each).sum() + 1e-8) / scale * change)
        for each, change in zip(jax.tree.leaves(gradient), jax.tree.leaves(tangents[0]), strict=True)
    ]
    value = _normalized(loss, *primals)
    return value, sum(parts[1:], parts[0]).astype(value.dtype)
