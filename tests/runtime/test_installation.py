"""XLA's miscompilation is kept out by a flag set in time, and refused where it is too late."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import jaxstyle
from jaxstyle.cli.run_demo import run_demo
from jaxstyle.errors import InstallationError
from jaxstyle.runtime import installation, miscompilations
from jaxstyle.runtime.miscompilations import Check

PICTURE = np.zeros((32, 32, 3), np.uint8)


class Fake:
    """A fast network that gives back the content."""

    name = "fake"

    def style_code(self, style):
        return ()

    def __call__(self, content, code, *, strength=1.0):
        return content


def in_process(code: str, **environment: str) -> dict:
    """What a fresh Python prints as JSON."""
    kept = {name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR")}
    command = [sys.executable, "-W", "error::UserWarning", "-c", f"import json, os, sys\n{code}"]
    return json.loads(subprocess.check_output(command, env=kept | environment, text=True, encoding="utf-8"))


def flags_after(number: str, before: str = "", **environment: str) -> list[str]:
    """XLA_FLAGS after `import jaxstyle` with a jaxlib of that version."""
    pretend = f"import importlib.metadata as m; m.version = lambda name: {number!r}"
    code = f"{pretend}\n{before}\nimport jaxstyle\nprint(json.dumps(os.environ.get('XLA_FLAGS', '').split()))"
    return in_process(code, **environment)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("number", "flags"),
    [
        ("0.10.1", []),
        ("0.10.2", [installation.FLAG]),
        ("0.12.0.1", [installation.FLAG]),
        ("0.13.0", []),  # may not know the flag, and would end the process
    ],
)
def test_the_flag_is_set_for_the_versions_that_need_it(number: str, flags: list[str]):
    assert flags_after(number) == flags


def test_the_users_flags_are_kept():
    other = "--xla_cpu_multi_thread_eigen=false"
    assert flags_after("0.11.0", XLA_FLAGS=other) == [other, installation.FLAG]
    own = installation.FLAG + "LIBRARY_FUSION_TYPE_DOT"
    assert flags_after("0.11.0", XLA_FLAGS=own) == [own]


def test_too_late_is_said():
    code = """
import importlib.metadata as m
real, m.version = m.version, lambda name: "0.11.0" if name == "jaxlib" else real(name)
import jax, warnings
jax.devices()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import jaxstyle
from jaxstyle.runtime import installation
print(json.dumps([str(w.message) for w in caught] + [os.environ.get("XLA_FLAGS", ""), installation._trusted]))
"""
    message, flags, trusted = in_process(code)
    assert "jaxlib 0.11.0 computes wrong numbers" in message and "before JAX computes" in message
    assert (flags, trusted) == ("", False)


def test_a_sound_process_is_trusted_untried(monkeypatch: pytest.MonkeyPatch):
    installation.require_right_numbers.cache_clear()
    monkeypatch.setattr(installation, "_trusted", True)
    monkeypatch.setattr(miscompilations, "KNOWN", [lambda: pytest.fail("tried")])
    installation.require_right_numbers()


def stylize(folder: Path) -> None:
    jaxstyle.stylize(PICTURE, PICTURE, model="embedded")


def sweep(folder: Path) -> None:
    jaxstyle.run_sweep(jaxstyle.Grid([PICTURE], [PICTURE]), folder, model="embedded")


def fast(folder: Path) -> None:
    jaxstyle.stylize_fast(PICTURE, PICTURE, model=Fake())


def demo(folder: Path) -> None:
    run_demo(folder / "demo")


@pytest.mark.parametrize("paint", [stylize, sweep, fast, demo])
def test_wrong_numbers_are_refused_wherever_pictures_are_painted(
    paint: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    installation.require_right_numbers.cache_clear()
    monkeypatch.setattr(installation, "_trusted", False)
    monkeypatch.setattr(miscompilations, "KNOWN", [lambda: Check("sum of squares", float("nan"), 1e-6)])
    monkeypatch.setattr("jaxstyle.cli.run_demo.keep_programs", lambda: None)  # it would hold for all later tests
    with pytest.raises(InstallationError, match=r"sum of squares.*import jaxstyle before JAX computes anything"):
        paint(tmp_path)


def test_this_process_computes_right():
    for check in miscompilations.KNOWN:
        assert check().passed, check()
    installation.require_right_numbers.cache_clear()
    installation.require_right_numbers()
