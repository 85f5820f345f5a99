"""The benchmarks run: what they share, `--help` of each, and the quick ones that need no PyTorch. Nothing is timed."""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
SCRIPTS = (
    "aarch64",
    "compile_time",
    "conv_algorithms",
    "conv_pictures",
    "embedded_quality",
    "fast_refine",
    "fast_transfer",
    "gatys_curve",
    "gpu",
    "gpu_compiled",
    "huge",
    "jax_versions",
    "methods",
    "memory",
    "region_loss",
    "step_time",
    "sweep_throughput",
    "time_to_loss",
)
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"} | {"JAX_PLATFORMS": "cpu"}


def load(name: str) -> ModuleType:
    """A file of benchmarks/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def beside(monkeypatch):
    """The benchmarks' modules can be imported, though a folder of tests is named `report` too."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setitem(sys.modules, "report", load("report"))


def run(name: str, *options: str) -> str:
    """What a script prints."""
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *options]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, cwd=ROOT, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_median_and_interquartile_range():
    report = load("report")
    assert report.median_iqr([4.0, 1.0, 2.0, 3.0, 5.0]) == {"median": 3.0, "iqr": 2.0, "n": 5}
    assert report.median_iqr([7.0]) == {"median": 7.0, "iqr": 0.0, "n": 1}
    assert report.ratio({"median": 3.0}, {"median": 1.5}) == 2.0
    assert report.ratio(None, {"median": 1.5}) is None


def test_results_say_where_they_come_from(tmp_path, capsys):
    report = load("report")
    options = argparse.Namespace(quick=True, output=tmp_path, torch_python="/somewhere/python", size=3)
    table = report.table(("a", "b"), [(1.23456, None), ("x|y", 12345.6)])
    report.write("name", "How long?", {"samples": [1.0]}, [table], options)
    record = json.loads((tmp_path / "name.json").read_text(encoding="utf-8"))
    assert record["question"] == "How long?" and record["samples"] == [1.0]
    assert record["options"] == {"quick": True, "size": 3}
    assert {"cpu", "cores", "versions", "commit", "when"} <= record["environment"].keys()
    assert "| 1.23 | - |\n| x/y | 12346 |" in (tmp_path / "name.md").read_text(encoding="utf-8")
    assert "How long?" in capsys.readouterr().out


def test_a_quick_run_leaves_the_results_alone(capsys):
    report = load("report")
    before = sorted(report.RESULTS.glob("*"))
    report.write("nothing", "?", {}, [], argparse.Namespace(quick=True, output=None))
    assert sorted(report.RESULTS.glob("*")) == before


def test_operations_of_a_step():
    problem = load("problem")
    shapes = problem.shapes(32)
    assert shapes["1_1"] == (32, 3, 64) and shapes["5_1"] == (2, 512, 512) and len(shapes) == 13
    # The first layer: forward and to the input, a multiplication and an addition each.
    assert problem.step_flops(32) > 2 * 2 * 9 * 32 * 32 * 3 * 64
    assert problem.step_flops(64) == 4 * problem.step_flops(32)


def test_both_sides_read_the_same_problem(tmp_path):
    problem = load("problem")
    for name in ("a", "b"):
        problem.make(tmp_path / f"{name}.npz", 16, batch=2, narrow=8)
    first, second = (problem.load(tmp_path / f"{name}.npz") for name in ("a", "b"))
    assert first["content"].shape == (2, 16, 16, 3) and first["conv5_1/kernel"].shape == (3, 3, 64, 64)
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", SCRIPTS)
def test_help(name):
    text = run(name, "--help")
    assert f"python benchmarks/{name}.py" in text and "--quick" in text


def test_every_script_is_listed():
    scripts = {path.stem for path in BENCHMARKS.glob("*.py") if "parser(__doc__)" in path.read_text(encoding="utf-8")}
    assert (
        scripts
        == set(SCRIPTS)
        == set(re.findall(r"^\| `(\w+)\.py`", (BENCHMARKS / "README.md").read_text(encoding="utf-8"), re.M))
    )


def test_methods_quickly(imagenet, tmp_path):
    """A method of one's own, in thirty lines, is measured as the presets are."""
    own = str(BENCHMARKS / "own_method.py")
    text = run("methods", str(tmp_path / "p"), "--quick", "--methods", "rows", "--own", own, "--output", str(tmp_path))
    row = next(line for line in text.splitlines() if line.startswith("| rows | 1 | "))
    assert row.count(" to ") == 5
    found = json.loads((tmp_path / "methods.json").read_text(encoding="utf-8"))["scores"]
    assert [pair["method"] for pair in found["pairs"]] == ["rows"]
    assert run("methods", str(tmp_path / "p"), "--quick", "--methods", "rows", "--own", own).count("| rows | 1 |") == 1


def test_a_plot_fills_what_nothing_beats(tmp_path):
    points = {"a": (1.0, 3.0), "b": (10.0, 1.0), "c": (10.0, 3.0)}
    path = load("plot").scatter(tmp_path / "plot.png", points, ("seconds", "distance"), logarithmic=True)
    picture = np.asarray(Image.open(path).convert("RGB"))
    filled = (picture == (0xC0, 0x30, 0x20)).all(-1)
    assert picture.shape == (620, 900, 3) and 2 * 60 < filled.sum() < 3 * 110


def test_without_an_accelerator_there_is_nothing_to_do():
    assert run("gpu") == "no accelerator; --quick rehearses on a CPU\n"


def test_jax_versions_quickly():
    assert "first step with compiling" in run("jax_versions", "--quick")


def test_convolutions_quickly():
    assert "Errors against float64" in run("conv_algorithms", "--quick")


@pytest.mark.parametrize("side", ["jaxstyle", "torch"])
def test_a_contender_that_cannot_run_says_why(side):
    workers = load("workers")
    # Without PyTorch the process dies at its import, else it finds no problem: both are results, not crashes.
    with pytest.raises(workers.WorkerFailed, match=r"nowhere|torch"):
        workers.Worker(side, {"problem": "nowhere.npz"})


def test_pytorch_is_for_benchmarks_only():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    with_torch = [name for name, needs in extras.items() if any(need.startswith("torch") for need in needs)]
    assert with_torch == ["bench"] and not any(need.startswith("torch") for need in project["dependencies"])
    for path in (ROOT / "jaxstyle").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) torch\b", path.read_text(encoding="utf-8"), re.M), path


def test_what_xla_makes_of_the_programs_for_gpus(tmp_path):
    """Of small ones; benchmarks/results/gpu_compiled.md has the figures of the real ones."""
    why = "needs XLA's compiler for GPUs: see benchmarks/gpu_topology.py"
    pytest.importorskip("jax_plugins.xla_cuda13", reason=why)
    run("gpu_compiled", "--quick", "--output", str(tmp_path))
    found = json.loads((tmp_path / "gpu_compiled.json").read_text(encoding="utf-8"))["programs"]
    for name, program in found.items():
        assert program["graphs"] == 1 and program["grouped"] == program["select_and_scatter"] == 0, name
        assert program["fused_relus"] >= 13 and program["exchanges"] == (4 if "4 devices" in name else 0), name


def test_bytes_that_a_compiled_step_moves(beside):
    read = load("gpu_compiled")
    body = """%body (p: f32[2]) -> f32[2] {
      %p = f32[2]{0} parameter(0)
      %a = bf16[4,8]{1,0} fusion(%p, %p), kind=kLoop
      %c = (f32[100]{0}, u8[0]{0}) custom-call(%a), custom_call_target="__cudnn$convForward"
      %cudnn-conv.1 = (f32[100]{0}, u8[0]{0}) custom-call(%a), custom_call_target="x"
      ROOT %b = f32[2]{0} fusion(%a), kind=kLoop
    }"""
    assert read.size_of("(f32[10,2]{1,0}, u8[3]{0}, pred[])") == 84
    assert read.moved(body.replace("      %c = ", "      %cudnn.2 = ")) == (64 + 8) + (8 + 64)
    text = f"%other () {{\n}}\n\n{body}\n\nENTRY %main () {{\n  %w = while(%t), condition=%c, body=%body\n}}"
    assert read.loop_body(text) == body and read.loop_body(text.replace("while(", "call(")).startswith("ENTRY")


def test_a_call_on_an_accelerator_keeps_what_was_found(beside, tmp_path):
    call = load("gpu").Call(tmp_path, limit=100.0, quick=True)

    def broken(call):
        call.record("first", ms=1.5)
        raise ValueError("no such kernel")

    call.part("broken", 50, broken)
    call.part("long", 101, lambda call: pytest.fail("there is no time for it"))
    lines = [json.loads(line) for line in (tmp_path / "gpu.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["part"] for line in lines] == ["first", "broken", "long"]
    assert lines[1]["error"] == "ValueError: no such kernel" and "needs 101" in lines[2]["skipped"]


@pytest.mark.usefixtures("unchecked")
def test_our_side_of_a_comparison_goes_on_from_where_it_was(beside, tmp_path):
    import jax_side
    import problem

    problem.make(tmp_path / "problem.npz", 32, batch=2, narrow=16)
    given = problem.load(tmp_path / "problem.npz")
    objectives = jax_side.make_objectives(jax_side.make_model(given), given, {"conv": "exact"})
    turn = jax_side.Batch(objectives, given["probe"])
    first, then = turn.run(2), turn.run(2)
    assert first.shape == then.shape == (2,) and (then < first).all()
    assert turn.lowered().compile() is not None
