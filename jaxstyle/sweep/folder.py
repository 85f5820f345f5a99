"""A sweep on disk: what is asked for, what is finished, where the rest is. Every file appears whole or not at all."""

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
from jaxstyle.files import inside, open_inside, write_atomically
from jaxstyle.sweep.table import HEX, check_table
from jaxstyle.sweep.untrusted import MAX_TABLE, read_json
from jaxstyle.transfer.state_file import open_npz, read_member

try:
    import fcntl
except ImportError:  # not Unix: one process a folder there
    fcntl = None  # type: ignore[assignment]

STATUSES = ("done", "no better", "not finite", "failed")
"""What a record may say of its cell."""
FOLDERS = ("images", "records", "inputs", "checkpoints", "locks")

_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError)  # as reading a bad .npz ends

log = logging.getLogger(__name__)


class SweepFolder:
    """The folder of a sweep: `sweep.json`, `records/ID.json`, `images/ID.png`, and what is needed to go on.

    A cell is finished when its record is there, which is written last. Processes that share the folder claim cells by
    locks that the system takes back from a process that dies.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def make(self) -> None:
        """Make it. Raises SettingError where it cannot be, or is another's."""
        if _is_foreign(self.path):
            raise SettingError(f"{self.path}: is a folder with other things in it; give a new or an empty one")
        try:
            for name in FOLDERS:
                (self.path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(f"{self.path}: cannot be made a folder ({error.strerror})") from error

    def read(self) -> dict[str, Any] | None:
        """`sweep.json`; None where there is none. Raises SettingError for what is no sweep."""
        try:
            found = read_json(self.path, "sweep.json", most=MAX_TABLE, exact=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SettingError(f"{self.path / 'sweep.json'}: cannot be read ({error})") from None
        check_table(found, self.path / "sweep.json")
        return found

    def write(self, name: str, content: bytes | str) -> Path:
        """Write a file of the folder. Raises SettingError where it cannot be."""
        path = self.at(name)
        try:
            with write_atomically(path) as file:
                file.write(content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise SettingError(f"{path}: cannot be written ({error.strerror})") from error
        return path

    def at(self, name: str) -> Path:
        """The path of a file of the folder. Raises SettingError where a link on the way leads elsewhere."""
        try:
            return inside(self.path, name)
        except OSError as error:
            raise SettingError(f"{error.filename}: {error.strerror}; a sweep's folder must not have any") from None

    def record(self, cell: str) -> dict[str, Any] | None:
        """What a finished cell is recorded as; None where it is not finished, or the record cannot be read."""
        try:
            found = read_json(self.path, f"records/{cell}.json", exact=True)
        except (OSError, ValueError):
            return None
        return found if found.get("id") == cell and found.get("status") in STATUSES else None

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Declare a cell finished."""
        self.write(f"records/{record['id']}.json", json.dumps(record, allow_nan=False) + "\n")

    def forget(self, cell: str) -> None:
        """Let a cell be done again."""
        self.at(f"records/{cell}.json").unlink(missing_ok=True)

    def write_results(self, cells: Iterable[str]) -> Path:
        """`results.jsonl`: the records of all finished cells, a line for each."""
        found = (self.record(cell) for cell in cells)
        return self.write("results.jsonl", "".join(json.dumps(each) + "\n" for each in found if each is not None))

    @contextmanager
    def locked(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold a lock of all processes that use the folder; whether it could be had."""
        handle = self.claim(name, wait=wait)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                self.release(handle)

    def claim(self, name: str, *, wait: bool = False) -> int | None:
        """Take a lock for `release`; None where another process has it."""
        try:
            handle = open_inside(self.path, f"locks/{name}.lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise SettingError(f"{self.path / 'locks'}: {name}.lock cannot be used ({error.strerror})") from None
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(handle)
                return None
        return handle

    def release(self, handle: int) -> None:
        """Give a lock back."""
        os.close(handle)

    def save_checkpoint(self, lanes: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Keep where some cells are: {cell: arrays}."""
        buffer = io.BytesIO()
        named: dict[str, Any] = {f"{cell}/{name}": array for cell, of in lanes.items() for name, array in of.items()}
        np.savez(buffer, **named)
        self.write(f"checkpoints/{min(lanes)}.npz", buffer.getvalue())

    def checkpoints(self) -> dict[str, Path]:
        """{cell: the file that says where it is}, the newest where there are several."""
        found: dict[str, tuple[float, Path]] = {}
        for path, names in self._saved():
            for cell in {name.partition("/")[0] for name in names}:
                found[cell] = max(found.get(cell, (0.0, path)), (path.stat().st_mtime, path))
        return {cell: path for cell, (_, path) in found.items()}

    def load_checkpoint(self, path: Path, cell: str) -> dict[str, np.ndarray] | None:
        """A cell's arrays; None, and a warning, where the file is damaged."""
        try:
            with self._open(path) as archive:
                mine = [name for name in _names(archive) if name.startswith(f"{cell}/")]
                return {name.partition("/")[2]: read_member(archive, name) for name in mine}
        except _DAMAGE as error:
            log.warning("%s: cannot be read (%s); its cells begin again", path, error)
            return None

    def clear(self, cells: Iterable[str]) -> None:
        """Remove what finished cells no longer need: locks, and checkpoints of which all are finished."""
        done = set(cells)
        for cell in done:
            self.at(f"locks/{cell}.lock").unlink(missing_ok=True)
        for path, names in [*self._saved()]:
            cells_of = {name.partition("/")[0] for name in names}
            if all(set(cell) <= HEX and self.at(f"records/{cell}.json").exists() for cell in cells_of):
                path.unlink(missing_ok=True)

    def _saved(self) -> Iterator[tuple[Path, list[str]]]:
        """Each checkpoint that can be read, and the names of its arrays."""
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
    """Whether something is there that is no sweep, begun or not."""
    if not path.exists() or (path / "sweep.json").exists() or all((path / name).is_dir() for name in FOLDERS):
        return False
    return not path.is_dir() or any(entry.name not in FOLDERS for entry in path.iterdir())
