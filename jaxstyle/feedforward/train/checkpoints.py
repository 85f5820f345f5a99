"""Checkpoints of a training, written by orbax. The last two are kept; each is either complete or absent."""

from pathlib import Path
from typing import Any

import jax

from jaxstyle.errors import SettingError, WeightsError

KEPT = 2


class Checkpoints:
    """The checkpoints in a folder.

    orbax writes in the background, so call `close` at the end: only then is everything on the disk.

    Raises:
        SettingError: orbax is not installed.
    """

    def __init__(self, folder: Path):
        try:
            import orbax.checkpoint as ocp
        except ImportError as error:
            raise SettingError(
                f"train: needs orbax-checkpoint ({error}); install it with `pip install 'jaxstyle[train]'`"
            ) from error
        self.folder, self.args = folder, ocp.args
        options = ocp.CheckpointManagerOptions(max_to_keep=KEPT, create=True)
        self.manager = ocp.CheckpointManager(folder.resolve(), options=options)

    def latest(self) -> int | None:
        """The step of the newest checkpoint; None if there is none."""
        return self.manager.latest_step()

    def save(self, step: int, tree: Any) -> None:
        """Save a pytree's arrays as they are now, unless the newest checkpoint is of the same step.

        The caller may use or change the arrays immediately.
        """
        if step != self.latest():
            self.manager.save(step, args=self.args.StandardSave({"leaves": jax.tree.leaves(tree)}))

    def restore(self, step: int, like: Any) -> Any:
        """The pytree that was saved at `step`, with the structure, dtypes and sharding of `like`.

        Raises:
            WeightsError: the checkpoint is damaged or of another network.
        """
        leaves, structure = jax.tree.flatten(like)
        wanted = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding) for leaf in leaves]
        try:
            found = self.manager.restore(step, args=self.args.StandardRestore({"leaves": wanted}))["leaves"]
        except Exception as error:  # orbax, tensorstore and JSON have errors of their own
            reason = str(error).partition("\n")[0][:200]
            raise WeightsError(
                f"{self.folder / str(step)}: not a checkpoint of this training ({type(error).__name__}: {reason}); "
                "delete it to go on from the one before"
            ) from error
        return jax.tree.unflatten(structure, found)

    def close(self) -> None:
        """Wait until everything is on the disk."""
        self.manager.wait_until_finished()
        self.manager.close()
