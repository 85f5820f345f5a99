"""One picture over several devices: each computes the sums of its own rows, from them and a halo of its neighbours'.

The rows beside its own come once for each value, and their gradients go back once, instead of a row for each
convolution: a picture that is divided by XLA alone takes 53 exchanges a step. For this the halo's activations are
computed twice, so it pays where a device has many more rows than the halo, some 80 for a VGG19.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from jaxstyle.networks.model import FeatureModel
from jaxstyle.objective import banded
from jaxstyle.objective.banded import Named, Place

ROWS = "rows"
"""Name of the axis of the devices over which `jaxstyle.runtime.split_rows` divides a picture."""


@dataclass(frozen=True)
class Shares:
    """How a picture is shared out: the devices, and on each some bands of equal height.

    Attributes:
        mesh: the devices, along the axis "rows".
        height: number of rows of the picture.
        rows: number of rows that count in a band.
        halo: number of rows on each side of a band beyond those that count.
    """

    mesh: Mesh
    height: int
    rows: int
    halo: int

    @property
    def own(self) -> int:
        """Number of rows of a device."""
        return self.height // self.mesh.shape[ROWS]

    def places(self, device: Any) -> Place:
        """Places of the bands of a device, by its number; at the picture's edges a band has its halos on one side."""
        low = device * self.own + self.rows * jnp.arange(self.own // self.rows)
        last = self.height - self.rows - 2 * self.halo
        return Place(jnp.clip(low - self.halo, 0, last), low, low + self.rows)


def mesh_of(picture: Any) -> Mesh | None:
    """The devices over which the rows of a picture are divided; None if they are not."""
    sharding = getattr(picture, "sharding", None)
    divided = isinstance(sharding, NamedSharding) and sharding.spec[:1] == (ROWS,)
    return sharding.mesh if divided and sharding.mesh.shape[ROWS] > 1 else None  # type: ignore[union-attr]


def share_out(mesh: Mesh | None, model: FeatureModel, height: int, rows: int | None, losses: Named) -> Shares | None:
    """Share a picture of `height` rows out; None where XLA has to divide the work.

    That is where a loss is no sum over positions, or where the rows of a device are no multiple of the network's
    strides, or fewer than two halos.
    """
    if mesh is None or not all(loss.additive for _, loss in losses):
        return None
    unit, halo = banded.unit_of(model, losses), banded.halo_of(model, losses)
    own, rest = divmod(height, mesh.shape[ROWS])
    if rest or own % unit or own < 2 * halo:
        return None
    # The largest part of the rows, in whole units, that is no more than asked for.
    most = own if rows is None else max(unit, min(rows, own))
    part = next(each for each in range(most // unit * unit, 0, -unit) if own % each == 0)
    return Shares(mesh, height, part, halo)


def shared_sums(
    model: Any, targets: Mapping[str, Any], image: Float[Array, "h w 3"], losses: Named, bare: Named, shares: Shares
) -> dict[str, Any]:
    """Sums of a whole picture, {term: sums}, as `banded.band_sums`, with each device's bands computed there."""

    def local(model: Any, targets: dict[str, Any], image: Array) -> dict[str, Any]:
        device = lax.axis_index(ROWS)
        of_band = partial(banded.sums_of_crop, model, targets, losses, bare)
        first, tall = device * shares.own - 2 * shares.halo, shares.rows + 2 * shares.halo
        sums = banded.add_up(of_band, _with_neighbours(image, shares), shares.places(device), tall, first)
        return jax.tree.map(lambda leaf: lax.psum(leaf, ROWS), sums)

    whole, split = PartitionSpec(), PartitionSpec(ROWS)
    run = jax.shard_map(local, mesh=shares.mesh, in_specs=(whole, whole, split), out_specs=whole, check_vma=False)
    found: dict[str, Any] = run(model, dict(targets), image)
    return found


def _with_neighbours(image: Float[Array, "h w 3"], shares: Shares) -> Float[Array, "_h w 3"]:
    """A device's rows between two halos of each neighbour; zeros, which nobody reads, beyond the picture."""
    count, reach = shares.mesh.shape[ROWS], 2 * shares.halo
    down = [(device, device + 1) for device in range(count - 1)]
    above = lax.ppermute(image[-reach:], ROWS, down)
    below = lax.ppermute(image[:reach], ROWS, [(after, device) for device, after in down])
    return jnp.concatenate([above, image, below])
