"""The folder of a sweep: its cells, the finished ones, and checkpoints of the rest. Files are written atomically."""

import io
import json
import logging
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from jaxstyle.errors import SettingError
from jaxstyle.files import inside, lock, open_inside, write_atomically
from jaxstyle.sweep.table import HEX, check_table
from jaxstyle.sweep.untrusted import MAX_TABLE, read_json
from jaxstyle.transfer.state_file import open_npz, read_member

STATUSES = ("done", "no better", "not finite", "failed")
"""The statuses that a cell's record may have."""
FOLDERS = ("images", "records", "inputs", "checkpoints", "locks")

_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError)  # errors of reading a bad .npz

log = logging.getLogger(__name__)


class SweepFolder:
    """The folder of a sweep: `sweep.json`, `records/ID.json`, `images/ID.png`, inputs, checkpoints and locks.

    A cell is finished when its record exists, which is written last. Processes that share the folder claim cells by
    file locks, which the operating system releases when a process dies.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def make(self) -> None:
        """Make the folder if needed. Raises SettingError if that fails, or if the folder holds other things."""
        if _is_foreign(self.path):
            raise SettingError(f"{self.path}: is a folder with other things in it; give a new or an empty one")
        try:
            for name in FOLDERS:
                (self.path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(f"{self.path}: cannot be made a folder ({error.strerror})") from error

    def read(self) -> dict[str, Any] | None:
        """Read `sweep.json`; None if there is none. Raises SettingError if it is not a sweep's table."""
        try:
            found = read_json(self.path, "sweep.json", most=MAX_TABLE, exact=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SettingError(f"{self.path / 'sweep.json'}: cannot be read ({error})") from None
        check_table(found, self.path / "sweep.json")
        return found

    def write(self, name: str, content: bytes | str) -> Path:
        """Write a file of the folder atomically, and return its path. Raises SettingError on failure."""
        path = self.at(name)
        try:
            with write_atomically(path) as file:
                file.write(content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise SettingError(f"{path}: cannot be written ({error.strerror})") from error
        return path

    def at(self, name: str) -> Path:
        """The path of a file of the folder. Raises SettingError if a folder on the way is a link."""
        try:
            return inside(self.path, name)
        except OSError as error:
            raise SettingError(f"{error.filename}: {error.strerror}; a sweep's folder must not have any") from None

    def record(self, cell: str) -> dict[str, Any] | None:
        """The record of a finished cell; None if the cell is not finished, or its record cannot be read."""
        try:
            found = read_json(self.path, f"records/{cell}.json", exact=True)
        except (OSError, ValueError):
            return None
        return found if found.get("id") == cell and found.get("status") in STATUSES else None

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write the record of a cell, which makes the cell finished."""
        self.write(f"records/{record['id']}.json", json.dumps(record, allow_nan=False) + "\n")

    def forget(self, cell: str) -> None:
        """Delete the record of a cell, so that the cell is done again."""
        self.at(f"records/{cell}.json").unlink(missing_ok=True)

    def write_results(self, cells: Iterable[str]) -> Path:
        """Write `results.jsonl`, with one line for the record of each finished cell, and return its path."""
        found = (self.record(cell) for cell in cells)
        return self.write("results.jsonl", "".join(json.dumps(each) + "\n" for each in found if each is not None))

    @contextmanager
    def locked(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold a lock among all processes that use the folder.

        Yields:
            Whether the lock was free; always True with `wait`.
        """
        handle = self.claim(name, wait=wait)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                self.release(handle)

    def claim(self, name: str, *, wait: bool = False) -> int | None:
        """Take a lock, and return its handle for `release`; None if another process has it and `wait` is False.

        Raises:
            SettingError: the lock's file cannot be used.
        """
        try:
            handle = open_inside(self.path, f"locks/{name}.lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise SettingError(f"{self.path / 'locks'}: {name}.lock cannot be used ({error.strerror})") from None
        if lock(handle, wait=wait):
            return handle
        os.close(handle)
        return None

    def release(self, handle: int) -> None:
        """Release a lock that `claim` took."""
        os.close(handle)

    def save_checkpoint(self, lanes: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Write a checkpoint of some cells, given as {id: arrays by name}."""
        buffer = io.BytesIO()
        named: dict[str, Any] = {f"{cell}/{name}": array for cell, of in lanes.items() for name, array in of.items()}
        np.savez(buffer, **named)
        self.write(f"checkpoints/{min(lanes)}.npz", buffer.getvalue())

    def checkpoints(self) -> dict[str, Path]:
        """{id of a cell: the file of its newest checkpoint}."""
        found: dict[str, tuple[float, Path]] = {}
        for path, names in self._saved():
            for cell in {name.partition("/")[0] for name in names}:
                found[cell] = max(found.get(cell, (0.0, path)), (path.stat().st_mtime, path))
        return {cell: path for cell, (_, path) in found.items()}

    def load_checkpoint(self, path: Path, cell: str) -> dict[str, np.ndarray] | None:
        """Read the arrays of a cell from a checkpoint; None, with a warning, if the file is damaged."""
        try:
            with self._open(path) as archive:
                mine = [name for name in _names(archive) if name.startswith(f"{cell}/")]
                return {name.partition("/")[2]: read_member(archive, name) for name in mine}
        except _DAMAGE as error:
            log.warning("%s: cannot be read (%s); its cells begin again", path, error)
            return None

    def clear(self, cells: Iterable[str]) -> None:
        """Delete what finished cells no longer need: their locks, and checkpoints whose cells are all finished."""
        done = set(cells)
        for cell in done:
            self.at(f"locks/{cell}.lock").unlink(missing_ok=True)
        for path, names in [*self._saved()]:
            cells_of = {name.partition("/")[0] for name in names}
            if all(set(cell) <= HEX and self.at(f"records/{cell}.json").exists() for cell in cells_of):
                path.unlink(missing_ok=True)

    def _saved(self) -> Iterator[tuple[Path, list[str]]]:
        """Yield each checkpoint file that can be read, with the names of its arrays."""
        for path in sorted(self.at("checkpoints/x").parent.glob("*.npz")):
            with suppress(*_DAMAGE), self._open(path) as archive:
                yield path, _names(archive)

    @contextmanager
    def _open(self, path: Path) -> Iterator[zipfile.ZipFile]:
        with os.fdopen(open_inside(self.path, f"checkpoints/{path.name}"), "rb") as file, open_npz(file) as archive:
            yield archive


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist()]


def _is_foreign(path: Path) -> bool:
    """Whether the path exists and is neither a sweep's folder nor an empty folder."""
    if not path.exists() or (path / "sweep.json").exists() or all((path / name).is_dir() for name in FOLDERS):
        return False
    return not path.is_dir() or any(entry.name not in FOLDERS for entry in path.iterdir())
