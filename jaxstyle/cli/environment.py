"""Says what is wrong with the surroundings of a command: the settings of JAX and XLA, the terminal, the home folder."""

import mmap
import os
import re
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path

from jaxstyle.errors import SettingError
from jaxstyle.runtime.installation import FLAG

PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin", "jax-rocm7-plugin", "libtpu")
_FLAG = re.compile(r"--(xla_\w+)")


def print_anything() -> None:
    """Let the standard streams print characters that their encoding lacks as escapes, such as \\xfc."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def check_flags() -> None:
    """Look up the flags of XLA_FLAGS in the installed libraries: XLA ends the process where it does not know one.

    Raises:
        SettingError: a flag that no installed library knows.
    """
    wanted = [name for name in _FLAG.findall(os.environ.get("XLA_FLAGS", "")) if f"--{name}=" != FLAG]
    unknown = set(wanted)
    for library in _libraries() if wanted else ():
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            unknown -= {name for name in unknown if content.find(name.encode()) >= 0}
        if not unknown:
            return
    for name in sorted(unknown):
        raise SettingError(f"XLA_FLAGS: jaxlib {version('jaxlib')} knows no --{name}; take it out of XLA_FLAGS")


def explain_jax(error: BaseException) -> str | None:
    """Say what is wrong with JAX's settings if JAX itself could not start because of them, else None."""
    if "jax" in sys.modules and (problem := _no_backend()) is not None:
        return _explain_platforms(problem)
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    if files and files[-1].parts[-3:] == ("jax", "_src", "config.py"):
        return f"a setting of JAX in the environment: {error}; correct or unset it"
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return "this user has no home folder, so ~ has no meaning: write the whole path"
    return None


def _no_backend() -> str | None:
    """Why JAX cannot compute on any device; None if it can."""
    try:
        sys.modules["jax"].devices()
    except (AttributeError, ImportError):  # JAX was not imported to its end
        return None
    except Exception as error:
        return str(error)
    return None


def _explain_platforms(problem: str) -> str:
    wanted, here = os.environ.get("JAX_PLATFORMS", ""), []
    for name in PLUGINS:
        try:
            here.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    installed = f"installed are jax {version('jax')} and {', '.join(here) or 'no plugin for a GPU or TPU'}"
    cure = "`unset JAX_PLATFORMS` computes on what there is"
    extra = {"cuda": "cuda13", "gpu": "cuda13", "tpu": "tpu"}.get(wanted.split(",")[0])
    if extra and not here:
        cure += f"; `pip install 'jaxstyle[{extra}]'` installs what is missing"
    if not wanted:
        return f"JAX cannot start: {problem or 'it gives no reason'}; {installed}"
    return f"JAX_PLATFORMS={wanted}: JAX cannot compute there; {installed}; {cure}"


def _libraries() -> Iterator[Path]:
    """Yield the shared libraries that hold XLA's flags: jaxlib's, and those of the plugins."""
    for package in ("jaxlib", "libtpu", "jax_plugins"):
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            found = (path for pattern in ("*.so", "*.dll", "*.pyd") for path in Path(folder).rglob(pattern))
            yield from (path for path in found if path.stat().st_size)  # an empty file cannot be mapped
