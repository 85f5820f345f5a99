"""The examples in the docs run as they stand, and the docs' links lead somewhere."""

import inspect
import re
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from fake_network import Fake

import jaxstyle
from jaxstyle import transfer
from jaxstyle.analysis import Texture
from jaxstyle.feedforward import fast
from jaxstyle.networks import load
from jaxstyle.optimize import Info
from jaxstyle.sweep import run as sweep_run
from jaxstyle.transfer import api
from jaxstyle.transfer import pictures as job_pictures
from jaxstyle.weights.random_features import random_weights

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("unchecked")
def test_extending_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "extending"}
    for number, block in enumerate(blocks(ROOT / "docs/extending.md", "python")):
        exec(compile(block, f"docs/extending.md block {number}", "exec"), names)
    assert len(names["result"].history["total"]) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blurs", "measured"]
    assert len(list((tmp_path / "measured/records").glob("*.json"))) == 2
    assert '"lightness_kept": 0.' in next((tmp_path / "measured/records").glob("*.json")).read_text(encoding="utf-8")


@pytest.mark.usefixtures("unchecked")
def test_own_code_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "own_code"}
    at = lambda image: float(names["objective"](image)[0])  # noqa: E731
    for number, block in enumerate(blocks(ROOT / "docs/own_code.md", "python")):
        exec(compile(block, f"docs/own_code.md block {number}", "exec"), names)
        if "optimistix.minimise" in block:
            assert at(names["found"].value) < 0.9 * at(names["image"])
        if "scipy" in block:
            assert names["found"].fun < 0.9 * at(names["image"])
    assert at(names["painted"]) < 0.9 * at(names["image"])
    assert float(names["again"].call(names["image"])) == pytest.approx(at(names["image"]), rel=1e-5)
    assert int(names["state"].step) == 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_docs_is_python(page):
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


def test_the_readme_is_read_to_the_end():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 120


PHOTOGRAPHS = ("photo", "cat", "dog", "coffee", "a", "b", "frame")
PAINTINGS = ("bricks", "painting", "waves", "scream", "x", "y")
MOST = 48
"""Long edge of what is painted here; the docs say 512 and 4096."""
EXAMPLES = ("README.md", *(f"docs/{name}.md" for name in ("artworks", "fast", "guide", "losses", "sweeps")))
OTHER_NETWORKS = "load_lpips"
"""Blocks with this word need networks that nobody has at hand."""


def prepared_only(run, callback=None, every=10, start=None):
    """A run that takes no step: all that can be wrong with its settings, pictures and network has been found."""
    names = run.recipe.weights()
    infos = [Info(np.ones(1, np.float32), {name: np.ones(1, np.float32) for name in names})]
    return run.result(run.first(), "done", [infos])


def weights(read, source):
    """The small network under the name of the one that would be downloaded."""
    return replace(random_weights(), name=source) if "imagenet" in str(source) else read(source)


class NoPainter:
    def __init__(self, *arguments):
        pass

    def run(self, mine):
        return False


@pytest.fixture
def reader(pictures, tmp_path, monkeypatch):
    """What the pages take for granted: pictures with these names, and networks; what takes long is not done."""
    monkeypatch.chdir(tmp_path)
    photo, painting = (np.asarray(picture) for picture in pictures[:2])
    for names, picture in ((PHOTOGRAPHS, photo), (PAINTINGS, painting)):
        for name in names:
            jaxstyle.save_image(f"{name}.jpg", picture)
    for i, name in enumerate(("sky", "ground")):
        jaxstyle.save_image(f"{name}.png", np.full((32, 32, 3), i) * 1.0)
    read, sized = load.read_weights, job_pictures.sized
    monkeypatch.setattr(load, "read_weights", lambda source, **_: weights(read, source))
    small = lambda picture, size, source: sized(picture, size and min(size, MOST), source)  # noqa: E731
    monkeypatch.setattr(job_pictures, "sized", small)
    monkeypatch.setattr(api, "paint", prepared_only)
    monkeypatch.setattr(sweep_run, "CellPainter", NoPainter)
    monkeypatch.setattr("jaxstyle.analysis.textures._painted", lambda objective, begin, *_: Texture(begin, np.ones(1)))
    started = lambda runs: np.stack([np.asarray(run.begin) for run in runs])  # noqa: E731
    monkeypatch.setattr("jaxstyle.analysis.inversion._paint", started)
    monkeypatch.setattr(transfer.memory, "estimate_memory", inspect.signature(transfer.estimate_memory).bind)
    for module in (fast, jaxstyle.feedforward):
        monkeypatch.setattr(module, "load_fast", lambda *_, **__: Fake())
    model = jaxstyle.load_vgg19("embedded")
    white = np.ones(photo.shape[:2], np.float32)
    return {
        "jax": jax, "jaxstyle": jaxstyle, "model": model, "presets": jaxstyle.presets, "white": white,
        "photo": photo, "content": photo, "contents": photo, "image": photo,
        "night": painting, "garden": painting, "style": painting, "other": painting,
        "sky_style": painting, "ground_style": painting,
    }  # fmt: skip


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_taken(reader, name):
    for number, block in enumerate(blocks(ROOT / name, "python")):
        exec(compile(block, f"{name} block {number}", "exec"), reader)


@pytest.mark.usefixtures("unchecked")
def test_the_example_of_anybodys_pictures(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos/cat", "paintings/wave", "ours/cat_wave", "theirs/wave cat"):
        (tmp_path / name).parent.mkdir()
        jaxstyle.save_image(tmp_path / f"{name}.png", reader["photo"])
    code = blocks(ROOT / "docs/metrics.md", "python")[1].replace('jaxstyle.load_vgg19("imagenet-8bit")', "model")
    names = reader | {"Path": Path, "my_metric": lambda result, content: abs(result - content).mean()}
    exec(compile(code, "docs/metrics.md", "exec"), names)
    assert names["scores"].summary()["theirs"]["mine"].mean == 0 and names["scores"].rows[0]["ssim"] > 0.99


@pytest.mark.usefixtures("unchecked")
def test_the_examples_of_metrics(reader):
    many = {"a": reader["photo"], "b": reader["night"]}
    recipe = jaxstyle.presets.embedded()
    names = reader | {"recipes": [recipe], "contents": many, "styles": many, "cells": [("a", "b"), ("b", "a")]}
    names["images"] = np.stack(list(many.values()))
    first, _, second = blocks(ROOT / "docs/metrics.md", "python")
    exec(compile(first, "docs/metrics.md", "exec"), names)
    assert names["values"]["ssim"].shape == (2,)
    assert OTHER_NETWORKS in second
