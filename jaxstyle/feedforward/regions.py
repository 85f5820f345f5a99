"""The common part of AdaIN and WCT: give a content's features a style's statistics, as a whole or by regions."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, ArrayLike, Float

from jaxstyle.errors import SettingError
from jaxstyle.feedforward.model import Code, check_pictures, check_strength
from jaxstyle.networks.pooling import pool2x2

Transform = Callable[[Array, Any, Array | None], Array]


class FeatureTransfer(nnx.Module):
    """A network that paints by giving features the statistics of a style's features: AdaIN or WCT.

    Attributes:
        name: the network's name, as recorded in saved pictures.
        licence: the licence of the weights.
    """

    name: str
    licence: str

    def code_shapes(self) -> Any:
        """The structure of a style code: its pytree, with the shape of each array in place of the array."""
        raise NotImplementedError

    def painted(self, content: Array, codes: Code, masks: Array | None, strength: Array) -> Array:
        """Paint one picture in k styles, without clipping; the leaves of `codes` have a leading axis of size k."""
        raise NotImplementedError

    def __call__(
        self,
        content: Float[ArrayLike, "*batch h w 3"],
        code: Code,
        *,
        strength: float = 1.0,
        masks: Float[ArrayLike, "*batch_ k h w"] | None = None,
    ) -> Float[Array, "*batch h w 3"]:
        """Paint a picture, or a batch of pictures of one size, in one style, or its regions in several styles.

        Args:
            content: (h, w, 3) or (n, h, w, 3), RGB in [0, 1]. The result has exactly the same size.
            code: a code from `style_code`, or a blend of several. For a batch it may also be one code for each picture
                (leaves of shape (n, ...)). With masks, a sequence of k codes.
            strength: alpha in [0, 1]. The decoder receives `alpha * transformed + (1 - alpha) * features`, where
                `features` are the content's (Huang & Belongie 2017, equation 14; Li et al. 2017, equation 4).
            masks: the region of each of the k styles, (k, h, w) or (n, k, h, w) in [0, 1], hard or soft. The
                statistics of each region are computed within it. Where the masks add up to more than 1, they are
                divided by their sum. Where they add up to less than 1, the rest of the weight keeps the content, so a
                single mask paints a part of the picture.

        Raises:
            ImageError: the content has another shape, or is too small for the network.
            SettingError: the code, the masks or the strength do not fit.
        """
        pictures = check_pictures("content", content)
        check_strength(strength)
        shares = None if masks is None else jnp.asarray(_check_masks(masks, pictures.shape, len(code)))
        each = pictures.shape[:-3]
        codes = [self._spread(one, each) for one in ([code] if masks is None else code)]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves, len(each)), *codes)
        return _paint(self, pictures, stacked, shares, jnp.float32(strength))

    def _spread(self, code: Code, each: tuple[int, ...]) -> Code:
        """Broadcast a code to one entry for each picture. Raises SettingError if it does not fit this network."""
        expected, tree = jax.tree.flatten(self.code_shapes(), is_leaf=_is_shape)
        leaves = jax.tree.leaves(code)
        shapes = [jnp.shape(leaf) for leaf in leaves]
        if shapes not in (expected, [(*each, *shape) for shape in expected]):
            raise SettingError(
                f"code: got arrays of shapes {shapes}, expected {expected} from this network's style_code, each with "
                "a leading axis of the batch if every picture has a code of its own; with masks, a list of codes"
            )
        wide = [jnp.broadcast_to(leaf, (*each, *shape)) for leaf, shape in zip(leaves, expected, strict=True)]
        return jax.tree.unflatten(tree, [leaf.astype(jnp.float32) for leaf in wide])


def transfer(
    transform: Transform, features: Float[Array, "h w c"], codes: Code, masks: Array | None, strength: Array
) -> Float[Array, "h w c"]:
    """`strength * t(features) + (1 - strength) * features`, where t is `transform`, by regions if masks are given.

    Args:
        transform: maps (features, code, mask or None) to the transformed features.
        features: the content's features (h, w, c).
        codes: the codes of the k styles, stacked: leaves of shape (k, ...). Without masks, k is 1.
        masks: the region of each style (k, h, w) at the size of the features, or None.
        strength: in [0, 1].
    """
    if masks is None:
        changed = transform(features, jax.tree.map(lambda leaf: leaf[0], codes), None)
    else:
        regions = jax.vmap(transform, (None, 0, 0))(features, codes, masks)
        rest = 1 - masks.sum(0)
        changed = jnp.einsum("khw,khwc->hwc", masks, regions, precision="highest") + rest[..., None] * features
    return strength * changed + (1 - strength) * features


def masks_at(masks: Float[Array, "k h w"] | None, level: int) -> Float[Array, "k _h _w"] | None:
    """Masks at the size of relu{level}_1: the average over the pixels that are pooled into each position."""
    if masks is None:
        return None
    maps = jnp.moveaxis(masks, 0, 2)
    for _ in range(level - 1):
        maps = pool2x2(maps, "average", ceil_mode=True)
    return jnp.moveaxis(maps, 2, 0)


@jax.jit
def _paint(network: FeatureTransfer, content: Array, codes: Code, masks: Array | None, strength: Array) -> Array:
    def one(content: Array, codes: Code, masks: Array | None) -> Array:
        return jnp.clip(network.painted(content, codes, masks, strength), 0, 1)

    if content.ndim == 3:
        return one(content, codes, masks)
    axis = None if masks is None or masks.ndim == 3 else 0
    return jax.vmap(one, (0, 0, axis))(content, codes, masks)


def _check_masks(masks: Any, shape: tuple[int, ...], count: int) -> Float[np.ndarray, "*batch k h w"]:
    found = np.asarray(masks, np.float32)
    size = (count, *shape[-3:-1])
    if found.shape not in (size, (*shape[:-3], *size)):
        raise SettingError(
            f"masks: got the shape {found.shape}, expected {size}: one of the content's size for each of {count} codes"
        )
    if not (np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1):
        raise SettingError("masks: has values outside [0, 1]")
    return found / np.maximum(found.sum(-3, keepdims=True), 1)


def _is_shape(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(size, int) for size in value)
