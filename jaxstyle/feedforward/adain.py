"""AdaIN, adaptive instance normalisation (Huang & Belongie 2017): a style is the channel means and deviations."""

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
"""The number added to variances, as in xunhuang1995/AdaIN-style and naoto0804/pytorch-AdaIN."""


def load_adain(
    saved: Source | None = None,
    *,
    encoder: Source | Weights | None = None,
    decoder: Source | None = None,
    conv: Conv = "auto",
) -> "AdaIN":
    """Load an encoder and its decoder, from two public files or from one file that `save` wrote.

    Example:
        >>> net = jaxstyle.feedforward.load_adain(encoder="vgg_normalised.pth", decoder="decoder.pth")
        >>> painted = net(content, net.style_code(style))

    Args:
        saved: the file of a network that jaxstyle saved; give either this or the other two.
        encoder: the VGG19 that the decoder was trained with, in any form that `jaxstyle.load_vgg19` accepts: a path, or
            a name in the catalogue.
        decoder: a .pth file of naoto0804/pytorch-AdaIN's layout, or another that `coder_file.read_decoder` lists. Its
            depth determines the encoder's last layer, which is relu4_1 in the paper.
        conv: "exact" uses the plain convolution. "auto" uses Winograd's algorithm on CPU, which is faster and differs
            by rounding.

    Raises:
        SettingError: neither a saved network nor a pair is given, or both are.
        WeightsFileError: a file is missing or unreadable.
        WeightsError: a file is damaged, hostile or has another content, or the encoder and the decoder do not fit.
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
    """The AdaIN network: `decode(alpha AdaIN(f(c), f(s)) + (1 - alpha) f(c))` (Huang & Belongie 2017, eqs. 8 and 14).

    f is the encoder, c the content and s the style. `load_adain` makes a network from files. A style code is an array
    (2, channels): the means and the standard deviations of the style's features. Painting with a weighted mean of codes
    equals the weighted mean of the single styles' transformed features (section 6.4).

    Args:
        encoder: VGG19 up to some layer.
        decoder: a network trained to invert the encoder.
        name: the network's name, as recorded in saved pictures.
        licence: the licence of the weights.
        conv: the convolution algorithm, as for `load_adain`.

    Raises:
        SettingError: the encoder and the decoder belong to different layers, or have different numbers of channels.
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
        """Build the network from the arrays that `save` wrote. Raises WeightsError for other arrays."""
        levels = levels_of(arrays)
        if len(levels) != 1:
            raise WeightsError(f"AdaIN: has networks of {len(levels)} levels, expected one")
        texts: dict[str, Any] = {name: metadata[name] for name in ("name", "licence") if name in metadata}
        return cls(*unpack_coder(arrays, metadata, levels[0]), conv=conv, **texts)

    def arrays(self) -> dict[str, Any]:
        """The arrays of both networks by name, as `save` writes them."""
        return pack_coder(self.encoder, self.decoder)[0]

    def save(self, path: Source) -> Path:
        """Write both networks to one safetensors file, which `load_fast` reads. Raises WeightsFileError on failure."""
        arrays, texts = pack_coder(self.encoder, self.decoder)
        return write_network(path, "adain", arrays, {"name": self.name, "licence": self.licence, **texts})

    def code_shapes(self) -> tuple[int, int]:
        """The shape of a style code: (2, channels)."""
        return (2, self.encoder.channels)

    def style_code(self, style: Float[ArrayLike, "h w 3"]) -> Float[Array, "2 c"]:
        """The code (2, channels) of a style picture: the means and standard deviations of its features.

        Raises:
            ImageError: the picture is not an array of floats of shape (h, w, 3), or is too small for the network.
        """
        return _code(self.encoder, check_pictures("style", style, dimensions=(3,)))

    def painted(
        self, content: Float[Array, "h w 3"], codes: Float[Array, "k 2 c"], masks: Array | None, strength: Array
    ) -> Float[Array, "h w 3"]:
        """Paint one picture, without clipping; see `FeatureTransfer.painted`."""
        features = transfer(adain, self.encoder(content), codes, masks_at(masks, self.encoder.level), strength)
        return self.decoder(features)[: content.shape[0], : content.shape[1]]


def adain(
    features: Float[Array, "h w c"], code: Float[Array, "2 c"], mask: Float[Array, "h w"] | None = None
) -> Float[Array, "h w c"]:
    """AdaIN: `sigma(s) (x - mu(x)) / sigma(x) + mu(s)` (equation 8).

    The code holds mu(s) and sigma(s) of the style. With a mask, mu(x) and sigma(x) are those of the masked region.
    """
    mean, deviation = moments(features, mask)
    gain = code[1] / deviation
    return (features - mean[None, None]) * gain[None, None] + code[0][None, None]


def moments(features: Float[Array, "h w c"], mask: Float[Array, "h w"] | None = None) -> Float[Array, "2 c"]:
    """The mean and the standard deviation `sqrt(var + 1e-5)` of each channel.

    The variance divides by n - 1, as in the public PyTorch code; the paper (equation 6) divides by n. A mask weighs
    the positions as in `weigh`.
    """
    share, weight = weigh(features.shape[:2], mask)
    mean = jnp.einsum("hw,hwc->c", share, features, precision="highest")
    squares = jnp.square(features - mean[None, None])
    variance = jnp.einsum("hw,hwc->c", weight, squares, precision="highest")
    return jnp.stack([mean, jnp.sqrt(variance + EPSILON)])


@jax.jit
def _code(encoder: Encoder, style: Array) -> Array:
    return moments(encoder(style))
