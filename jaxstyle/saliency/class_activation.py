"""Grad-CAM: a map of where in a picture a classifier sees a class."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.image import resize
from jaxstyle.saliency.classifier import EDGE, LAYER, Classifier


@dataclass(frozen=True)
class GradCAM:
    """Grad-CAM localizer: the map `max(0, sum_k a_k A^k)` (h, w) of a picture's activations A. `grad_cam` makes one.

    Selvaraju et al. 2017 ("Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization"), eq. 2.
    The channel weights a_k are those of eq. 1 for one picture, divided by the maximum of that picture's map. They are
    constants here, so that the map of another picture is a function of its activations alone, and needs no classifier.
    For the picture itself the map is Grad-CAM's, with maximum 1; for a generated one it shows where the content's
    features of that class are. In another picture the map may exceed 1.

    Attributes:
        weights: a_k, one per channel of the layer.
        label: number of the class, for information only.
        layer: name of the layer whose activations are used.

    Raises:
        SettingError: `weights` is empty or not finite.
    """

    weights: tuple[float, ...]
    label: int = -1
    layer: str = LAYER
    kind: str = field(default="grad_cam", init=False)

    def __post_init__(self) -> None:
        weights = tuple(float(weight) for weight in self.weights)
        if not weights or not np.isfinite(weights).all():
            raise SettingError(f"weights: got {len(weights)} numbers, expected finite ones, one per channel")
        object.__setattr__(self, "weights", weights)

    @property
    def layers(self) -> tuple[str, ...]:
        """Name of the one layer it needs, as a tuple."""
        return (self.layer,)

    def __call__(self, features: tuple[Float[Array, "h w c"]]) -> Float[Array, "h w"]:
        """Map of a picture with these activations.

        Raises:
            SettingError: the number of channels is not the number of weights.
        """
        if features[0].shape[-1] != len(self.weights):
            got = f"{features[0].shape[-1]} channels at {self.layer}"
            raise SettingError(f"localizer: Grad-CAM for {len(self.weights)} channels got {got}: use the same network")
        weights = jnp.asarray(self.weights, features[0].dtype)
        return jax.nn.relu(jnp.matmul(features[0], weights, precision="highest"))


def grad_cam(
    model: Any, classifier: Classifier, image: Float[Array | np.ndarray, "h w 3"], *, label: int | None = None
) -> GradCAM:
    """Make the Grad-CAM localizer of a picture, with the weights `a_k = mean over positions of d score / d A^k`.

    The score is that of the class before the softmax, for the picture resized to 224x224, as the classifier was trained
    (Lanczos, without keeping its proportions); A is the last convolution's activation, relu5_4. The weights then serve
    pictures of any size.

    Args:
        model: a VGG19 with the convolutions that `classifier` was trained on top of.
        classifier: from `read_classifier`.
        image: the picture, RGB in [0, 1], usually the content.
        label: number of the class, counted from 0; the most likely one if not given.

    Raises:
        SettingError: there is no such class, the channels do not fit, or the map is 0 everywhere: nothing in the
            picture speaks for the class.
    """
    picture = jnp.asarray(resize(np.asarray(image), (EDGE, EDGE)))
    activation = jax.jit(lambda network, x: network.features(x, [LAYER])[LAYER])(model, picture)
    scores = classifier(activation)
    if label is None:
        label = int(jnp.argmax(scores))
    if not is_whole(label, 0, len(scores) - 1):
        raise SettingError(f"label: got {label!r}, expected a class from 0 to {len(scores) - 1}")
    gradient = jax.grad(lambda a: classifier(a)[label])(activation)
    weights = np.asarray(jnp.mean(gradient, axis=(0, 1)), np.float64)
    top = float(np.maximum(np.asarray(activation, np.float64) @ weights, 0).max())
    if not top > 0:
        raise SettingError(f"label: nothing in the picture speaks for class {label}; choose another, or none")
    return GradCAM(tuple(weights / top), int(label))
