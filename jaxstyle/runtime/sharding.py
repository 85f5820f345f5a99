"""One picture over several devices: each holds some of its rows, and XLA exchanges what convolutions need of others."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError


def split_rows(
    picture: Float[Array | np.ndarray, "h w c"], devices: Sequence[jax.Device] | None = None
) -> Float[Array, "h w c"]:
    """The same picture, its rows shared out evenly over the devices (all of them by default).

    Everything computed from it under `jax.jit` is shared out too: `make_objective` of a content so split and
    `optimize.run` from an image so split give what they give on one device, but for rounding, with an n-th of the
    activations on each. For networks as they are loaded (`Plan(conv="exact")`); a `Plan` with rows does not add to it.

    Raises:
        ImageError: rows that the devices do not divide evenly: crop the picture, or take fewer devices.

    Example:
        >>> objective = make_objective(model, split_rows(content), style, recipe, plan=Plan(conv="exact"))
        >>> state = optimize.init(split_rows(content), recipe.optimizer)
        >>> state, info = optimize.run(state, objective, recipe.optimizer, 100)
    """
    chosen = jax.devices() if devices is None else list(devices)
    height, count = picture.shape[0], len(chosen)
    if height % count:
        raise ImageError(
            f"picture: got {height} rows for {count} devices, expected a multiple; crop it to "
            f"{height // count * count} rows, or take fewer devices"
        )
    mesh = Mesh(np.asarray(chosen), ("rows",), axis_types=(AxisType.Auto,))
    return jax.device_put(picture, NamedSharding(mesh, PartitionSpec("rows", None, None)))
