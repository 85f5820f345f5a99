"""A method of one's own for `methods.py --own benchmarks/own_method.py`: a loss and a network."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxstyle import Recipe, losses


@dataclass(frozen=True)
class RowsLoss(losses.Loss):
    """Mean squared difference of the sorted means of rows."""

    layer: str
    kind = "rows"

    def target(self, features):
        """The means of 32 rows, the least first."""
        return jnp.sort(jax.image.resize(features.mean(1), (32, features.shape[2]), "linear"), axis=0)

    def __call__(self, features, target):
        """Mean squared difference of these."""
        return jnp.mean((self.target(features) - target) ** 2)


@jax.tree_util.register_static
class Half:
    """A network of one layer: the picture at half its size."""

    layers, name = ("half",), "half"

    def geometry(self, layer):
        """Its stride and halo."""
        return 2, 0

    def features(self, image, layers):
        """Its activations."""
        return {"half": jax.image.resize(image, (image.shape[0] // 2, image.shape[1] // 2, 3), "linear")}


METHODS = {"rows": (Recipe(content=losses.ContentLoss("half"), style=RowsLoss("half"), steps=100), Half())}
