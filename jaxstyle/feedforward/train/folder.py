"""The folder that a training writes: its settings, its log, contact sheets, and at the end the network."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxstyle.errors import SettingError
from jaxstyle.files import write_atomically
from jaxstyle.image import save_image

GAP = 4
MAY_DIFFER = ("steps", "log_every", "validate_every", "checkpoint_every")


class TrainingFolder:
    """A folder with `training.json`, `log.jsonl`, `checkpoints/`, `validation/` and `network.safetensors`.

    Args:
        path: the folder; it is made if missing.
        about: the settings that identify the training, written to `training.json`. Only those in `MAY_DIFFER` may
            change when the training is continued.
        resume: whether the folder may already hold this training.

    Raises:
        SettingError: the folder cannot be written, holds another training, or holds any training and `resume` is False.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], *, resume: bool):
        self.path, self.about = path, json.loads(json.dumps(about))
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._check(self._read(), resume)
            with write_atomically(path / "training.json") as file:
                file.write(json.dumps(self.about, indent=1).encode() + b"\n")
        except OSError as error:
            raise SettingError(f"--output: {path}: cannot be written: {error.strerror or error}") from error

    @property
    def network(self) -> Path:
        """The path of the finished network."""
        return self.path / "network.safetensors"

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line of JSON to the log."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def rewind(self, step: int) -> None:
        """Remove the lines of the log after `step`, because these steps will be done again."""
        path = self.path / "log.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if _step(line) is not None and (_step(line) or 0) <= step]
        with write_atomically(path) as file:
            file.write("".join(line + "\n" for line in kept).encode())

    def show(self, step: int, columns: Sequence[np.ndarray]) -> Path:
        """Write the contact sheet of a step, with one row for each of n pictures, and return its path.

        Args:
            step: the number of updates done.
            columns: the pictures of each column, (n, s, s, 3) in [0, 1].
        """
        (self.path / "validation").mkdir(exist_ok=True)
        return save_image(self.path / "validation" / f"{step:06d}.png", contact_sheet(columns))

    def _read(self) -> dict[str, Any] | None:
        path = self.path / "training.json"
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingError(f"{path}: cannot be read ({error}); delete the folder or choose another") from error
        return found if isinstance(found, dict) else {}

    def _check(self, before: dict[str, Any] | None, resume: bool) -> None:
        if before is None:
            return
        if not resume:
            raise SettingError(
                f"--output: {self.path} holds a training; choose another folder, or go on with --resume on"
            )
        names = [name for name in {**self.about, **before} if before.get(name) != self.about.get(name)]
        if differing := [name for name in names if name not in MAY_DIFFER]:
            name = differing[0]
            raise SettingError(
                f"--output: {self.path} holds a training with another {name} ({str(before.get(name))[:80]}, now "
                f"{str(self.about.get(name))[:80]}); choose another folder, or give the same"
            )


def contact_sheet(columns: Sequence[np.ndarray]) -> np.ndarray:
    """A contact sheet as one picture: each column is (n, s, s, 3), its pictures below each other, with white gaps."""
    tiles = np.concatenate([np.pad(c, _EDGES, constant_values=1) for c in columns], 2)
    return np.concatenate([np.asarray(row, np.float32) for row in tiles], 0)[GAP:, GAP:]


_EDGES = ((0, 0), (GAP, 0), (GAP, 0), (0, 0))


def _step(line: str) -> int | None:
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return None  # an incomplete line, left when the process was killed
    return step if isinstance(step, int) else None
