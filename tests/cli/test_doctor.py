import re

import jax
import pytest

from jaxstyle.cli import run_bench
from jaxstyle.cli import run_doctor as doctor
from jaxstyle.cli.doctor import DoctorCommand
from jaxstyle.errors import SettingError


def test_a_wrong_number_fails_it(capsys, monkeypatch):
    wrong = [doctor.Check("something", error, 1e-6) for error in (float("nan"), 1.0, 0.0)]
    monkeypatch.setattr(doctor, "CHECKS", [lambda check=check: check for check in wrong])
    assert doctor.report() == 1
    captured = capsys.readouterr()
    assert captured.out.count("FAIL") == 2 and "2 of 3 checks failed" in captured.err


def test_everything_is_computed_exactly(monkeypatch):
    """With TF32, which GPUs take by default, sound installations would fail."""
    seen = []
    check = doctor.Check("something", 0.0, 1.0)
    monkeypatch.setattr(doctor, "CHECKS", [lambda: seen.append(jax.config.jax_default_matmul_precision) or check] * 2)
    assert doctor.report() == 0
    assert seen == ["highest"] * 2


def test_a_step_is_timed(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", [])
    monkeypatch.setattr(run_bench, "SIZE", 32)
    monkeypatch.setattr(run_bench, "STEPS", 4)
    monkeypatch.setattr(run_bench, "default_network", lambda: "embedded")
    assert DoctorCommand(bench=True).run() == 0
    captured = capsys.readouterr()
    assert re.search(r"speed   \d+\.\d\d s a step at 32x32 with the default recipe and embedded", captured.out)
    assert "0.28 s  2 cores of an AMD EPYC" in captured.out and "for less than a minute" in captured.err


def test_no_network_to_time(monkeypatch):
    monkeypatch.setattr(run_bench, "is_here", lambda name: False)
    with pytest.raises(SettingError, match="--bench: needs VGG19 of ImageNet; get it with"):
        run_bench.report_speed()
