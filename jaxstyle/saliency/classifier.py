"""VGG19's classifier: its three fully connected layers."""

from dataclasses import dataclass
from functools import partial

import jax
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError

EDGE, LAYER = 224, "relu5_4"


@partial(jax.tree_util.register_dataclass, data_fields=["kernels", "biases"], meta_fields=[])
@dataclass(frozen=True)
class Classifier:
    """Three fully connected layers with ReLU between them, on pool5 (7, 7, c) in the order of rows, columns, channels.

    Attributes:
        kernels: (49 c, n), (n, m), (m, classes).
        biases: (n,), (m,), (classes,).
    """

    kernels: tuple[Array, ...]
    biases: tuple[Array, ...]

    def __call__(self, activation: Float[Array, "14 14 c"]) -> Float[Array, " classes"]:
        """Class scores, before the softmax, of a picture of 224x224 pixels, from its activation at relu5_4.

        Raises:
            SettingError: the activation has another size or other channels than the classifier takes.
        """
        from jaxstyle.networks.pooling import pool2x2  # not at import: recipes name localizers, and need no network

        x = pool2x2(activation, "max").reshape(-1)
        if len(x) != len(self.kernels[0]):
            got = f"{activation.shape} at {LAYER}"
            raise SettingError(f"classifier: takes {len(self.kernels[0])} numbers, got {got}: of another network?")
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = (jax.nn.relu(x) if i else x) @ kernel + bias
        return x
