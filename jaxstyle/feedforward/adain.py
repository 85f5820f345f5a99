"""Adaptive instance normalisation (Huang & Belongie 2017): a style is each channel's mean and deviation at relu4_1."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from jaxstyle.errors import SettingError, WeightsError
from jaxstyle.feedforward.coder import Decoder, Encoder
from jaxstyle.feedforward.coder_file import (
    levels_of,
    make_encoder,
    pack_coder,
    read_decoder,
    read_encoder,
    unpack_coder,
)
from jaxstyle.feedforward.covariance import weigh
from jaxstyle.feedforward.model import check_pictures
from jaxstyle.feedforward.regions import FeatureTransfer, masks_at, transfer
from jaxstyle.feedforward.store import read_network, write_network
from jaxstyle.objective.plan import Conv
from jaxstyle.weights.layout import Weights
from jaxstyle.weights.load import Source

EPSILON = 1e-5
"""Added to variances, as in xunhuang1995/AdaIN-style and naoto0804/pytorch-AdaIN."""


def load_adain(
    saved: Source | None = None,
    *,
    encoder: Source | Weights | None = None,
    decoder: Source | None = None,
    conv: Conv = "auto",
) -> "AdaIN":
    """Load an encoder and its decoder, from two public files or from one that `save` wrote.

    Example:
        >>> net = jaxstyle.feedforward.load_adain(encoder="vgg_normalised.pth", decoder="decoder.pth")
        >>> painted = net(content, net.style_code(style))

    Args:
        saved: a network that jaxstyle saved; instead of the other two.
        encoder: a VGG19 as `jaxstyle.load_vgg19` takes it: a path, a name in the catalogue; the one that the decoder
            was trained with.
        decoder: a .pth of naoto0804/pytorch-AdaIN's layout, or others that `coder_file.read_decoder` lists. How deep it
            goes tells the layer: relu4_1 in the paper.
        conv: "exact" for the plain convolution; "auto" takes Winograd's on CPU: quicker, and it differs by rounding.

    Raises:
        SettingError: neither or both of a saved network and a pair.
        WeightsFileError: a file is missing or unreadable.
        WeightsError: a file is damaged, hostile or not what it should be, or the two do not fit.
    """
    if saved is not None and encoder is None and decoder is None:
        _, arrays, metadata = read_network(saved, "adain")
        return AdaIN.from_arrays(arrays, metadata, conv=conv)
    if saved is not None or encoder is None or decoder is None:
        raise SettingError("load_adain: expected a saved network, or both encoder= and decoder=")
    back = read_decoder(decoder)
    weights = read_encoder(encoder)
    return AdaIN(make_encoder(weights, back), back, licence=weights.licence, conv=conv)


class AdaIN(FeatureTransfer):
    """`decode(alpha AdaIN(f(c), f(s)) + (1 - alpha) f(c))` (Huang & Belongie 2017, equations 8 and 14).

    f is the encoder. `load_adain` makes one from files. A code is (2, c): the means and deviations of the style's
    features; a weighted mean of codes is painted as that mean of the single styles' features (section 6.4).

    Args:
        encoder: of VGG19, to some layer.
        decoder: trained to invert it.
        name: for what is saved beside a picture.
        licence: of the numbers.
        conv: as for `load_adain`.

    Raises:
        SettingError: the two are not of one layer, or of other widths.
    """

    def __init__(
        self, encoder: Encoder, decoder: Decoder, *, name: str = "adain", licence: str = "", conv: Conv = "auto"
    ):
        if (encoder.level, encoder.channels) != (decoder.level, decoder.channels):
            raise SettingError(
                f"decoder: takes {decoder.channels} channels of relu{decoder.level}_1; the encoder gives "
                f"{encoder.channels} of {encoder.layer}"
            )
        self.encoder, self.decoder = encoder.prepared([encoder.layer], conv=conv), decoder.prepared(conv)
        self.name, self.licence = name, licence

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, ArrayLike], metadata: Mapping[str, str], *, conv: Conv = "auto"
    ) -> "AdaIN":
        """From what `save` wrote; WeightsError for other arrays."""
        levels = levels_of(arrays)
        if len(levels) != 1:
            raise WeightsError(f"AdaIN: has networks of {len(levels)} levels, expected one")
        texts: dict[str, Any] = {name: metadata[name] for name in ("name", "licence") if name in metadata}
        return cls(*unpack_coder(arrays, metadata, levels[0]), conv=conv, **texts)

    def arrays(self) -> dict[str, Any]:
        """What `save` writes."""
        return pack_coder(self.encoder, self.decoder)[0]

    def save(self, path: Source) -> Path:
        """Write both networks as one safetensors file, which `load_fast` reads; WeightsFileError where it cannot."""
        arrays, texts = pack_coder(self.encoder, self.decoder)
        return write_network(path, "adain", arrays, {"name": self.name, "licence": self.licence, **texts})

    def code_shapes(self) -> tuple[int, int]:
        """Shapes of the arrays of a code."""
        return (2, self.encoder.channels)

    def style_code(self, style: Float[ArrayLike, "h w 3"]) -> Float[Array, "2 c"]:
        """The means and deviations of a style's features: all that is kept of it.

        Raises:
            ImageError: not floats of shape (h, w, 3), or too small for the network.
        """
        return _code(self.encoder, check_pictures("style", style, dimensions=(3,)))

    def painted(
        self, content: Float[Array, "h w 3"], codes: Float[Array, "k 2 c"], masks: Array | None, strength: Array
    ) -> Float[Array, "h w 3"]:
        """One picture, not clipped."""
        features = transfer(adain, self.encoder(content), codes, masks_at(masks, self.encoder.level), strength)
        return self.decoder(features)[: content.shape[0], : content.shape[1]]


def adain(
    features: Float[Array, "h w c"], code: Float[Array, "2 c"], mask: Float[Array, "h w"] | None = None
) -> Float[Array, "h w c"]:
    """`sigma(s) (x - mu(x)) / sigma(x) + mu(s)` (equation 8); with a mask, mu(x) and sigma(x) are the region's."""
    mean, deviation = moments(features, mask)
    gain = code[1] / deviation
    return (features - mean[None, None]) * gain[None, None] + code[0][None, None]


def moments(features: Float[Array, "h w c"], mask: Float[Array, "h w"] | None = None) -> Float[Array, "2 c"]:
    """Each channel's mean and `sqrt(var + 1e-5)`.

    The variance is divided by n - 1, as in the public PyTorch code; the paper (equation 6) divides by n. A mask weighs
    positions as `weigh` says.
    """
    share, weight = weigh(features.shape[:2], mask)
    mean = jnp.einsum("hw,hwc->c", share, features, precision="highest")
    squares = jnp.square(features - mean[None, None])
    variance = jnp.einsum("hw,hwc->c", weight, squares, precision="highest")
    return jnp.stack([mean, jnp.sqrt(variance + EPSILON)])


@jax.jit
def _code(encoder: Encoder, style: Array) -> Array:
    return moments(encoder(style))
