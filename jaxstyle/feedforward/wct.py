"""WCT, whitening and colouring transforms (Li et al. 2017): a style is its features' mean and covariance by level."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
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
from jaxstyle.feedforward.covariance import principal, root
from jaxstyle.feedforward.model import check_pictures
from jaxstyle.feedforward.regions import FeatureTransfer, masks_at, transfer
from jaxstyle.feedforward.store import read_network, write_network
from jaxstyle.objective.plan import Conv
from jaxstyle.weights.layout import Weights
from jaxstyle.weights.load import Source

LevelCode = tuple[Float[Array, " c"], Float[Array, "c c"]]
LevelCodes = tuple[tuple[Float[Array, " _"], Float[Array, "_ _"]], ...]  # c differs from level to level
StackedCodes = tuple[tuple[Float[Array, "n _"], Float[Array, "n _ _"]], ...]


def load_wct(
    saved: Source | None = None,
    *,
    encoders: Sequence[Source | Weights] = (),
    decoders: Sequence[Source] = (),
    conv: Conv = "auto",
) -> "WCT":
    """Load the encoders and decoders of one or more levels, from public files or from one file that `save` wrote.

    Example:
        >>> decoders = [f"decoder_relu{level}_1.pth" for level in range(1, 6)]
        >>> net = jaxstyle.feedforward.load_wct(encoders=["vgg_normalised_conv5_1.pth"], decoders=decoders)

    Args:
        saved: the file of a network that jaxstyle saved; give either this or the other two.
        encoders: VGG19s in any form that `jaxstyle.load_vgg19` accepts: one for each decoder, or a single one for all,
            at least as deep as the deepest decoder.
        decoders: one for each level, in any order; .pth files of irasin/Pytorch_WCT's or sunshineatnoon/PytorchWCT's
            layout, or others that `coder_file.read_decoder` lists.
        conv: the convolution algorithm, as for `jaxstyle.feedforward.load_adain`.

    Raises:
        SettingError: neither a saved network nor files are given, or both are; the numbers of encoders and decoders do
            not fit; a level occurs twice.
        WeightsFileError: a file is missing or unreadable.
        WeightsError: a file is damaged, hostile or has another content, or an encoder and its decoder do not fit.
    """
    if saved is not None and not encoders and not decoders:
        _, arrays, metadata = read_network(saved, "wct")
        return WCT.from_arrays(arrays, metadata, conv=conv)
    if saved is not None or not decoders or len(encoders) not in (1, len(decoders)):
        raise SettingError(
            "load_wct: expected a saved network, or decoders= and as many encoders= (or a single one), got "
            f"{len(encoders)} encoders and {len(decoders)} decoders"
        )
    weights = [read_encoder(source) for source in encoders]
    back = [read_decoder(source) for source in decoders]
    weights = weights * len(back) if len(weights) == 1 else weights
    there = [make_encoder(one, decoder) for one, decoder in zip(weights, back, strict=True)]
    return WCT(there, back, licence=weights[0].licence, conv=conv)


class WCT(FeatureTransfer):
    """A cascade of whitening and colouring transforms, from the deepest level to the shallowest (Li et al. 2017).

    At each level the current picture is encoded to features f, the transform `f -> alpha (S W (f - m_c) + m_s) +
    (1 - alpha) f` (equations 2 to 4) is applied, and the result is decoded. W whitens the picture's features, S colours
    them with the style's covariance, and m_c and m_s are the means of the content's and the style's features. The paper
    uses five levels, from relu5_1 to relu1_1; any subset may be used. A style code holds (m_s, S) for each level. At
    each level, painting with a weighted mean of codes equals the weighted mean of the single styles' transformed
    features, as the paper blends textures.

    Args:
        encoders: VGG19 up to different layers.
        decoders: networks trained to invert the encoders, in the same order.
        name: the network's name, as recorded in saved pictures.
        licence: the licence of the weights.
        conv: the convolution algorithm, as for `load_adain`.

    Raises:
        SettingError: the encoders and decoders do not fit, or a level occurs twice.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        decoders: Sequence[Decoder],
        *,
        name: str = "wct",
        licence: str = "",
        conv: Conv = "auto",
    ):
        got = [(each.level, each.channels) for each in encoders], [(each.level, each.channels) for each in decoders]
        levels = {level for level, _ in got[0]}
        if got[0] != got[1] or len(levels) != len(encoders) or not levels:
            raise SettingError(
                f"decoders: take {got[1]} (level, channels), the encoders give {got[0]}; expected the same, and each "
                "level once"
            )
        pairs = sorted(zip(encoders, decoders, strict=True), key=lambda pair: -pair[0].level)
        self.encoders = nnx.List([encoder.prepared([encoder.layer], conv=conv) for encoder, _ in pairs])
        self.decoders = nnx.List([decoder.prepared(conv) for _, decoder in pairs])
        self.name, self.licence = name, licence

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike], metadata: Mapping[str, str], *, conv: Conv = "auto") -> "WCT":
        """Build the network from the arrays that `save` wrote. Raises WeightsError for other arrays."""
        pairs = [unpack_coder(arrays, metadata, level) for level in levels_of(arrays)]
        if not pairs:
            raise WeightsError("WCT: has no networks")
        texts: dict[str, Any] = {name: metadata[name] for name in ("name", "licence") if name in metadata}
        return cls([encoder for encoder, _ in pairs], [decoder for _, decoder in pairs], conv=conv, **texts)

    def arrays(self) -> dict[str, Any]:
        """The arrays of all networks by name, as `save` writes them."""
        return self._packed()[0]

    def save(self, path: Source) -> Path:
        """Write all networks to one safetensors file, which `load_fast` reads. Raises WeightsFileError on failure."""
        arrays, texts = self._packed()
        return write_network(path, "wct", arrays, {"name": self.name, "licence": self.licence, **texts})

    def _packed(self) -> tuple[dict[str, Any], dict[str, str]]:
        arrays: dict[str, Any] = {}
        texts: dict[str, str] = {}
        for pair in zip(self.encoders, self.decoders, strict=True):
            more, described = pack_coder(*pair)
            arrays, texts = arrays | more, texts | described
        return arrays, texts

    def code_shapes(self) -> tuple[tuple[tuple[int], tuple[int, int]], ...]:
        """The shapes of a style code, ((c,), (c, c)) for each level, from the deepest to the shallowest."""
        return tuple(((encoder.channels,), (encoder.channels, encoder.channels)) for encoder in self.encoders)

    def style_code(self, style: Float[ArrayLike, "h w 3"]) -> LevelCodes:
        """The code of a style picture: for each level, the mean and the square root of the covariance of its features.

        The deepest level comes first.

        Raises:
            ImageError: the picture is not an array of floats of shape (h, w, 3), or is too small for the network.
        """
        picture = check_pictures("style", style, dimensions=(3,))
        return tuple(_code(encoder, picture) for encoder in self.encoders)

    def painted(
        self, content: Float[Array, "h w 3"], codes: StackedCodes, masks: Array | None, strength: Array
    ) -> Float[Array, "h w 3"]:
        """Paint one picture, without clipping; see `FeatureTransfer.painted`."""
        image = content
        for encoder, decoder, code in zip(self.encoders, self.decoders, codes, strict=True):
            features = transfer(wct, encoder(image), code, masks_at(masks, encoder.level), strength)
            image = decoder(features)[: content.shape[0], : content.shape[1]]
        return image


def wct(
    features: Float[Array, "h w c"], code: LevelCode, mask: Float[Array, "h w"] | None = None
) -> Float[Array, "h w c"]:
    """Whitening and colouring: `S W (f - m_c) + m_s` with `W = E_c D_c^-1/2 E_c^T` (equations 2 and 3).

    The code holds m_s and S of the style. With a mask, m_c and W are those of the masked region. Directions in which
    the features do not vary (eigenvalues below 1e-5, as in the public code) are left out of W.
    """
    mean, coloring = code
    spectrum = principal(features, mask)
    change = jnp.matmul(root(spectrum, -0.5), coloring, precision="highest")  # both are symmetric
    centred = features - spectrum.mean[None, None]
    return jnp.matmul(centred, change, precision="highest") + mean[None, None]


@jax.jit
def _code(encoder: Encoder, style: Array) -> LevelCode:
    spectrum = principal(encoder(style))
    return spectrum.mean, root(spectrum, 0.5)
