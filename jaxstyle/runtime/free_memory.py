"""How much memory this process may still take: that of the machine, and that of its container or batch job."""

from pathlib import Path


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that are free: the least of what the machine has and what the limits of control groups leave.

    Args:
        root: the folder in which the system's folders `proc` and `sys` are.
    """
    return min([_of_machine(root), *_left_in_groups(root)])


def _of_machine(root: Path) -> int:
    """`MemAvailable` of Linux; elsewhere what psutil finds."""
    lines = _lines(root / "proc/meminfo")
    found = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)
    if found is not None:
        return found
    import psutil

    return int(psutil.virtual_memory().available)


def _left_in_groups(root: Path) -> list[int]:
    """Bytes left in the control groups that this process is in, of version 2 and of version 1, that have a limit."""
    left: list[int | None] = []
    base = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup") or ["0::/"]:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            left += [_left(folder, "max", "current", "inactive_file") for folder in _upwards(base, path)]
        elif "memory" in controllers.split(","):
            names = ("limit_in_bytes", "usage_in_bytes", "total_inactive_file")
            left += [_left(folder, *names) for folder in _upwards(base / "memory", path)]
    return [size for size in left if size is not None]


def _upwards(base: Path, path: str) -> list[Path]:
    """The folders of a group and of all that it is in. A container sees its own group as the uppermost."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return [base.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _left(folder: Path, limit: str, used: str, idle: str) -> int | None:
    """Limit of a group minus what it uses, without cached files, which the system drops when memory is needed."""
    try:
        most, now = (int((folder / f"memory.{name}").read_text(encoding="utf-8")) for name in (limit, used))
    except (OSError, ValueError):  # no such group, or "max": no limit
        return None
    cached = [int(line.split()[1]) for line in _lines(folder / "memory.stat") if line.startswith(f"{idle} ")]
    return most - now + sum(cached)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
