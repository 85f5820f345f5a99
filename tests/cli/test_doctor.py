from jaxstyle.cli import run_doctor as doctor


def test_a_wrong_number_fails_it(capsys, monkeypatch):
    wrong = [doctor.Check("something", error, 1e-6) for error in (float("nan"), 1.0, 0.0)]
    monkeypatch.setattr(doctor, "CHECKS", [lambda check=check: check for check in wrong])
    assert doctor.report() == 1
    captured = capsys.readouterr()
    assert captured.out.count("FAIL") == 2 and "2 of 3 checks failed" in captured.err
