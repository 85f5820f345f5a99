import pytest

from jaxstyle.cli import run_doctor as doctor
from jaxstyle.cli.main import main


def test_this_installation_is_sound(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["doctor"])
    out = capsys.readouterr().out
    assert exit.value.code == 0
    assert out.count("ok  ") == len(doctor.CHECKS) and "jaxlib" in out and "device  cpu" in out


def test_a_wrong_number_fails_it(capsys, monkeypatch):
    wrong = [doctor.Check("something", error, 1e-6) for error in (float("nan"), 1.0, 0.0)]
    monkeypatch.setattr(doctor, "CHECKS", [lambda check=check: check for check in wrong])
    assert doctor.report() == 1
    captured = capsys.readouterr()
    assert captured.out.count("FAIL") == 2 and "2 of 3 checks failed" in captured.err
