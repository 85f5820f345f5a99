"""Splits one picture over several devices: each holds some rows, and gets those beside them that it needs."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError


def split_rows(
    picture: Float[Array | np.ndarray, "h w c"], devices: Sequence[jax.Device] | None = None
) -> Float[Array, "h w c"]:
    """Split the rows of a picture evenly over the devices (all devices by default).

    Everything that is computed from the result under `jax.jit` is split too. `make_objective` with a split content and
    `optimize.run` from a split image give the same as on one device, up to rounding, while each of n devices holds an
    n-th of the activations. Use it with networks as they are loaded (`Plan(conv="exact")`). Where the losses are sums
    over positions, and a device has at least two halos of rows (some 160 for a VGG19 to relu5_1) and a multiple of 16,
    rows are exchanged once for each value and once for its gradient, and `Plan(rows=...)` lets each device compute its
    own rows in bands. Else XLA exchanges a row for each convolution.

    Raises:
        ImageError: the number of rows is not a multiple of the number of devices.

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
