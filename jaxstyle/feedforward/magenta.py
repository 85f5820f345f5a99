"""Magenta's arbitrary stylisation (Ghiasi et al. 2017): any style becomes 100 numbers, which then paint any content."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jaxtyping import Array, ArrayLike, Float

from jaxstyle.errors import SettingError, WeightsError
from jaxstyle.feedforward.magenta_file import read_part
from jaxstyle.feedforward.magenta_layout import STYLE_SIZE
from jaxstyle.feedforward.model import check_pictures, check_strength
from jaxstyle.feedforward.predictor import SIZE, Predictor
from jaxstyle.feedforward.store import write_network
from jaxstyle.feedforward.transformer import Transformer
from jaxstyle.weights.download import Progress

LEAST = 16  # smallest height and width of a content, in pixels
LICENCE = "Apache-2.0 (Magenta)"

Source = str | os.PathLike[str]


def load_magenta(
    predict: Source = "magenta-predict", transfer: Source = "magenta-transfer", *, progress: Progress | None = None
) -> "Magenta":
    """Load Magenta's two networks from their TFLite files, or by name.

    Example:
        >>> net = jaxstyle.feedforward.load_magenta()  # 3 MB, downloaded on first use
        >>> painted = net(content, net.style_vector(style))

    Args:
        predict: the style predictor: a path, or a name in the catalogue. float32, float16, int8 and dynamic-range
            quantised files are read, and converted to float32.
        transfer: the transformer, of any width: a path or a name, in the same formats.
        progress: called with (bytes done, total bytes or None) during a download.

    Raises:
        SettingError: a name is neither a file nor in the catalogue.
        WeightsFileError: a file is missing, unreadable, or cannot be downloaded.
        WeightsError: a file is damaged, hostile, or contains another network.
    """
    return Magenta(
        Predictor(read_part(predict, "predict", progress=progress)),
        Transformer(read_part(transfer, "transfer", progress=progress)),
        licence=LICENCE,
    )


class Magenta(nnx.Module):
    """A style predictor and a transformer, as `load_magenta` returns them.

    Attributes:
        name: the network's name, "magenta" unless another was given.
        licence: the licence of the weights.
        style_size: the height and width in pixels, 256, that every style picture is resized to.
    """

    style_size = SIZE

    def __init__(self, predictor: Predictor, transformer: Transformer, *, name: str = "magenta", licence: str = ""):
        self.predictor, self.transformer = predictor, transformer
        self.name, self.licence = name, licence

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike], metadata: Mapping[str, str]) -> "Magenta":
        """Build the networks from the arrays that `save` wrote, named "predict/..." and "transfer/...".

        Raises:
            WeightsError: the arrays are not those of the two networks.
        """
        halves: dict[str, dict[str, Any]] = {"predict": {}, "transfer": {}}
        for key, array in arrays.items():
            part, _, name = key.partition("/")
            if part not in halves:
                raise WeightsError(f"not Magenta's pair of networks: unknown array {key[:80]!r}")
            halves[part][name] = array
        texts = {key: metadata[key] for key in ("name", "licence") if key in metadata}
        return cls(Predictor(halves["predict"]), Transformer(halves["transfer"]), **texts)

    def save(self, path: Source) -> Path:
        """Write both networks to one safetensors file, which `load_fast` reads. Raises WeightsFileError on failure."""
        halves = {"predict": self.predictor.params, "transfer": self.transformer.params}
        arrays = {
            f"{part}/{key}": np.asarray(value[...]) for part, half in halves.items() for key, value in half.items()
        }
        return write_network(path, "magenta", arrays, {"name": self.name, "licence": self.licence})

    def style_vector(self, style: Float[ArrayLike, "h w 3"]) -> Float[Array, " 100"]:
        """The style vector (100,) of a style picture (h, w, 3), RGB in [0, 1].

        A picture of another size is resized to 256x256 as a whole, so its proportions may change. To blend styles,
        take the weighted mean of their vectors (`jaxstyle.feedforward.blend`).

        Raises:
            ImageError: the picture is not an array of floats of shape (h, w, 3).
        """
        return _style_vector(self.predictor, check_pictures("style", style, dimensions=(3,)))

    style_code = style_vector

    def __call__(
        self, content: Float[ArrayLike, "*batch h w 3"], code: Float[ArrayLike, "*batch_ 100"], *, strength: float = 1.0
    ) -> Float[Array, "*batch h w 3"]:
        """Paint a picture, or a batch of pictures of one size, with a style vector.

        Args:
            content: (h, w, 3) or (n, h, w, 3), RGB in [0, 1], at least 16 pixels on each side. The result has exactly
                the same size: a side that is not a multiple of 4 is extended by reflection to the next multiple, and
                the result is cropped.
            code: one style vector (100,) for all pictures, or one for each picture of the batch (n, 100).
            strength: in [0, 1]. The content is painted with `strength * code + (1 - strength) * own`, where `own` is
                the content's own style vector; so 0 paints the content in its own style.

        Raises:
            ImageError: the content has another shape or is too small.
            SettingError: the code has another shape, or the strength is out of range.
        """
        pictures = check_pictures("content", content, least=LEAST)
        check_strength(strength)
        vectors, shape = jnp.asarray(code, jnp.float32), (*pictures.shape[:-3], STYLE_SIZE)
        if vectors.shape not in ((STYLE_SIZE,), shape):
            raise SettingError(
                f"code: got the shape {vectors.shape}, expected a style vector ({STYLE_SIZE},) or one for each picture"
            )
        vectors = jnp.broadcast_to(vectors, shape)
        if strength < 1:
            vectors = strength * vectors + (1 - strength) * _style_vector(self.predictor, pictures)
        return _paint(self.transformer, pictures, vectors)


@jax.jit
def _style_vector(predictor: Predictor, pictures: Array) -> Array:
    return predictor(pictures) if pictures.ndim == 3 else _each(predictor, pictures)


@jax.jit
def _paint(transformer: Transformer, pictures: Array, vectors: Array) -> Array:
    return transformer(pictures, vectors) if pictures.ndim == 3 else _each(transformer, pictures, vectors)


def _each(network: Callable[..., Array], *batches: Array) -> Array:
    """Apply a network to every picture of a batch: all at once on accelerators, one by one on CPUs.

    On a CPU the activations of one picture at a time fit better into the caches.
    """
    if jax.default_backend() == "cpu":
        return lax.map(lambda one: network(*one), batches)
    return jax.vmap(network)(*batches)
