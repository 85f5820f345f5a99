"""Whitening and colouring (Li et al. 2017): a style is the mean and the covariance of its features, level by level."""

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
LevelCodes = tuple[tuple[Float[Array, " _"], Float[Array, "_ _"]], ...]  # another c at each level
StackedCodes = tuple[tuple[Float[Array, "n _"], Float[Array, "n _ _"]], ...]


def load_wct(
    saved: Source | None = None,
    *,
    encoders: Sequence[Source | Weights] = (),
    decoders: Sequence[Source] = (),
    conv: Conv = "auto",
) -> "WCT":
    """Load the encoders and decoders of one or more levels, from public files or from one that `save` wrote.

    Example:
        >>> decoders = [f"decoder_relu{level}_1.pth" for level in range(1, 6)]
        >>> net = jaxstyle.feedforward.load_wct(encoders=["vgg_normalised_conv5_1.pth"], decoders=decoders)

    Args:
        saved: a network that jaxstyle saved; instead of the others.
        encoders: VGG19s as `jaxstyle.load_vgg19` takes them: one for each decoder, or a single one for all, at least as
            deep as the deepest decoder.
        decoders: of different levels, in any order; .pth of irasin/Pytorch_WCT's or sunshineatnoon/PytorchWCT's layout,
            or others that `coder_file.read_decoder` lists.
        conv: as for `jaxstyle.feedforward.load_adain`.

    Raises:
        SettingError: neither or both of a saved network and files; counts that do not fit; a level twice.
        WeightsFileError: a file is missing or unreadable.
        WeightsError: a file is damaged, hostile or not what it should be, or encoder and decoder do not fit.
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

    At each level the picture so far is encoded, `f -> alpha (S W (f - m_c) + m_s) + (1 - alpha) f` (equations 2 to 4)
    is applied with W whitening the picture's features and S colouring them, and the result is decoded. The paper's
    five levels go from relu5_1 to relu1_1; any subset will do. A code holds (m_s, S) of each level; a weighted mean of
    codes is painted, at each level, as that mean of the single styles' features, as the paper blends textures.

    Args:
        encoders: of VGG19, to different layers.
        decoders: trained to invert them, in the same order.
        name: for what is saved beside a picture.
        licence: of the numbers.
        conv: as for `load_adain`.

    Raises:
        SettingError: encoders and decoders that do not fit; a level twice.
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
        """From what `save` wrote; WeightsError for other arrays."""
        pairs = [unpack_coder(arrays, metadata, level) for level in levels_of(arrays)]
        if not pairs:
            raise WeightsError("WCT: has no networks")
        texts: dict[str, Any] = {name: metadata[name] for name in ("name", "licence") if name in metadata}
        return cls([encoder for encoder, _ in pairs], [decoder for _, decoder in pairs], conv=conv, **texts)

    def arrays(self) -> dict[str, Any]:
        """What `save` writes."""
        return self._packed()[0]

    def save(self, path: Source) -> Path:
        """Write all networks as one safetensors file, which `load_fast` reads; WeightsFileError where it cannot."""
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
        """Shapes of the arrays of a code, from the deepest level to the shallowest."""
        return tuple(((encoder.channels,), (encoder.channels, encoder.channels)) for encoder in self.encoders)

    def style_code(self, style: Float[ArrayLike, "h w 3"]) -> LevelCodes:
        """By level, the deepest first: the mean of a style's features, and the root of their covariance.

        Raises:
            ImageError: not floats of shape (h, w, 3), or too small for the network.
        """
        picture = check_pictures("style", style, dimensions=(3,))
        return tuple(_code(encoder, picture) for encoder in self.encoders)

    def painted(
        self, content: Float[Array, "h w 3"], codes: StackedCodes, masks: Array | None, strength: Array
    ) -> Float[Array, "h w 3"]:
        """One picture, not clipped."""
        image = content
        for encoder, decoder, code in zip(self.encoders, self.decoders, codes, strict=True):
            features = transfer(wct, encoder(image), code, masks_at(masks, encoder.level), strength)
            image = decoder(features)[: content.shape[0], : content.shape[1]]
        return image


def wct(
    features: Float[Array, "h w c"], code: LevelCode, mask: Float[Array, "h w"] | None = None
) -> Float[Array, "h w c"]:
    """`S W (f - m_c) + m_s` with `W = E_c D_c^-1/2 E_c^T` (equations 2 and 3); with a mask, m_c and W are the region's.

    Directions in which the features do not vary (eigenvalues below 1e-5, as in the public code) are left out of W.
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
