"""A command's surroundings: JAX's and XLA's settings, terminals that know few characters, users without a home."""

import io
import logging
import os
import pwd
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jaxstyle.cli.environment import check_flags, explain_jax, print_anything
from jaxstyle.errors import SettingError
from jaxstyle.runtime import compile_cache
from jaxstyle.runtime.installation import FLAG
from jaxstyle.weights.catalogue import find
from jaxstyle.weights.entry import NO_HOME, cache_dir


def jaxstyle(*arguments, **environment):
    command = [sys.executable, "-m", "jaxstyle", *map(str, arguments)]
    given = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"} | environment
    return subprocess.run(command, env=given, capture_output=True, encoding="utf-8", check=False)


def test_characters_that_cannot_be_shown_are_escaped(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp437"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # not every stream can be changed
    print_anything()
    print("ü.png \u65e5", flush=True)
    assert written.getvalue() == "ü.png \\u65e5\n".encode("cp437")


@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_help_in_narrow_encodings(encoding):
    done = jaxstyle("stylize", "--help", PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and "--style-weight" in done.stdout and done.stdout.isascii()


@pytest.mark.parametrize("flags", ["", FLAG, f"--xla_force_host_platform_device_count=4 {FLAG}", "/some/file.txt"])
def test_flags_that_xla_knows(monkeypatch, flags):
    monkeypatch.setenv("XLA_FLAGS", flags)
    check_flags()


def test_a_flag_that_xla_does_not_know():
    done = jaxstyle("weights", "list", XLA_FLAGS=f"--xla_nobody_knows=1 {FLAG}")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("jaxstyle: XLA_FLAGS: jaxlib ") and len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith(" knows no --xla_nobody_knows; take it out of XLA_FLAGS\n")


@pytest.mark.parametrize(
    ("platforms", "extra"), [("cuda", "'jaxstyle[cuda13]'"), ("tpu", "'jaxstyle[tpu]'"), ("nonsense", "")]
)
def test_a_platform_that_is_not_there(platforms, extra):
    done = jaxstyle("doctor", JAX_PLATFORMS=platforms)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert f"JAX_PLATFORMS={platforms}: JAX cannot compute there; installed are jax " in done.stderr
    assert "`unset JAX_PLATFORMS`" in done.stderr and extra in done.stderr
    assert ("pip install" in done.stderr) == bool(extra)


def test_a_setting_that_jax_does_not_accept():
    done = jaxstyle("doctor", JAX_ENABLE_X64="maybe")
    assert done.returncode == 2 and "a setting of JAX in the environment: invalid truth value 'maybe'" in done.stderr


def test_other_errors_are_no_setting_of_jax(monkeypatch):
    assert explain_jax(ValueError("mine")) is None
    monkeypatch.setattr(jax, "devices", lambda: 1 / 0)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    assert explain_jax(ValueError("mine")).startswith("JAX cannot start: division by zero; installed are jax ")


@pytest.fixture
def homeless(monkeypatch):
    def nobody(_):
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME", "JAXSTYLE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


def test_a_user_without_a_home(homeless, caplog):
    assert cache_dir() == NO_HOME and not find("imagenet-8bit").present
    with caplog.at_level(logging.WARNING):
        assert compile_cache.keep_programs() is None
    assert "compiled programs are not kept: " in caplog.text and "set JAXSTYLE_HOME to a folder" in caplog.text
    with pytest.raises(RuntimeError) as error:
        Path("~/a.png").expanduser()
    assert explain_jax(error.value) == "this user has no home folder, so ~ has no meaning: write the whole path"


def test_a_cache_folder_that_cannot_be_made(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JAXSTYLE_HOME", str(tmp_path / "file"))
    assert compile_cache.keep_programs() is None
    assert f"compiled programs are not kept: {tmp_path / 'file'}: " in caplog.text


def test_unknown_flags_are_named_in_order(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_z_unknown=1 --xla_a_unknown")
    with pytest.raises(SettingError, match="knows no --xla_a_unknown;"):
        check_flags()
