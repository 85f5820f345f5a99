"""What every benchmark shares: its options, the environment's record, median and IQR, JSON and Markdown."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results"
PACKAGES = ("jaxstyle", "jax", "jaxlib", "flax", "optax", "numpy")


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has; `description` is the script's docstring."""
    new = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    new.add_argument("--quick", action="store_true", help="tiny sizes and networks: does it run at all?")
    new.add_argument("--output", type=Path, help="folder of the JSON and the table (default: benchmarks/results)")
    new.add_argument("--torch-python", default=sys.executable, help="the Python that has PyTorch")
    return new


def median_iqr(values: Sequence[float]) -> dict[str, float]:
    """{"median", "iqr", "n"}; the interquartile range is 0 of a single value."""
    quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": statistics.median(values), "iqr": quartiles[2] - quartiles[0], "n": len(values)}


def environment() -> dict[str, Any]:
    """Where and with what this was measured."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def write(name: str, question: str, result: Mapping[str, Any], tables: Iterable[str], arguments: Any) -> None:
    """Print the tables; write them and the whole result as `name`.md and `name`.json.

    A quick run proves nothing: it is written only where a folder was asked for.
    """
    record = {"question": question, "quick": arguments.quick, "options": _plain(arguments)}
    record |= {"environment": environment(), **result}
    text = "\n".join((f"# {question}\n", _line(record), *tables))
    print(text)
    folder = arguments.output or (None if arguments.quick else RESULTS)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    print(f"written: {folder / name}.json and .md", file=sys.stderr)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; numbers with three significant digits, None as a dash."""
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def spread(summary: Mapping[str, float] | None) -> str | None:
    """What `median_iqr` gives, as text: median ± IQR."""
    return None if summary is None else f"{_cell(summary['median'])} ± {_cell(summary['iqr'])}"


def ratio(reference: Mapping[str, float] | None, other: Mapping[str, float] | None) -> float | None:
    """How many times faster `other` is than `reference`, by their medians."""
    return reference["median"] / other["median"] if reference and other else None


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def attempt(action: Callable[[], Any]) -> tuple[Any, str | None]:
    """(result, None), or (None, why not) where the action failed: a contender that cannot run is a finding."""
    try:
        return action(), None
    except (RuntimeError, OSError, ImportError) as error:
        say(f"  failed: {error}")
        return None, str(error)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value).replace("|", "/").replace("\n", " ")


def _line(record: Mapping[str, Any]) -> str:
    found = record["environment"]
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items() if number)
    torch = f", torch {record['torch']}" if record.get("torch") else ""
    device = record.get("device") or found["cpu"]
    return f"{device}, {found['cores']} cores; {versions}{torch}; commit {found['commit']}; {found['when']}.\n"


def _plain(arguments: Any) -> dict[str, Any]:
    """The options that matter; paths are this machine's and stay out."""
    return {name: value for name, value in vars(arguments).items() if name not in ("output", "torch_python")}


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str:
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8"
        )
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "jaxstyle", "benchmarks/*.py"], cwd=ROOT)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip()[:12] + (" with changes" if changed.returncode else "")
