"""The examples in docstrings are run, with small pictures, networks and sweeps in place of the reader's."""

import ast
import doctest
import importlib
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from fake_network import Fake

import jaxstyle
from jaxstyle import losses, optimize
from jaxstyle.objective.recipe import Recipe
from jaxstyle.weights.random_features import dead_leaves

PACKAGE = Path(jaxstyle.__file__).parent
SHALLOW = Recipe(losses.ContentLoss("relu1_2"), losses.GramLoss("relu1_1"), steps=1)


class Checker(doctest.OutputChecker):
    """Takes any value where an example shows none."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return not want or super().check_output(want, got, optionflags)


def examples() -> list[tuple[str, int, str]]:
    """(module, line, docstring) of every docstring with an example."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                found += [(module, getattr(node, "lineno", 1), text)] if ">>>" in text else []
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the examples name."""
    folder, random = tmp_path_factory.mktemp("examples"), np.random.default_rng(2)
    for name in ("cat.jpg", "dog.jpg", "waves.jpg", "painting.jpg"):
        jaxstyle.save_image(folder / name, dead_leaves(random, 32))
    jaxstyle.save_image(folder / "photo.jpg", np.tile(dead_leaves(random, 300), (2, 3, 1)))
    return folder


def names(module: str, embedded) -> dict:
    """What an example may name: the public names, those of its module, and small things of the usual kinds."""
    random = np.random.default_rng(1)
    image, content, style, scream, wave = (jnp.asarray(dead_leaves(random, 32), jnp.float32) for _ in range(5))
    image = jnp.tile(image, (8, 8, 1)) if module.endswith("vgg") else image
    loaded = {name: lambda source: embedded for name in ("load_vgg19", "load_vgg16")}
    loaded["make_objective"] = lambda source, *pictures: jaxstyle.make_objective(embedded, *pictures, SHALLOW)
    features, style_features = (embedded.features(each, ["relu4_1"])["relu4_1"] for each in (content, style))
    public = {name: getattr(jaxstyle, name) for name in jaxstyle.__all__} | fast(embedded)
    things = {
        "jaxstyle": SimpleNamespace(**public | {"losses": losses, "presets": jaxstyle.presets} | loaded),
        "optimize": optimize,
        "model": embedded,
        "recipe": SHALLOW,
        "dataclass": dataclass,
        "images": [image, image],
    }
    pictures = {"image": image, "content": content, "style": style, "scream": scream, "wave": wave}
    maps = {"features": features, "style_features": style_features}
    return vars(importlib.import_module(module)) | public | things | pictures | maps


class Style(Fake):
    """A fast network that is called as all of them are, with a style or without."""

    style_vector = Fake.style_code

    def __call__(self, content, code=(0.5, 0.5, 0.5), *, strength=1.0):
        return super().__call__(content, jnp.asarray(code), strength=strength)


def fast(embedded) -> dict:
    """The loaders of fast networks, and what paints with them in a step."""
    loaders = ("load_adain", "load_johnson", "load_magenta", "load_wct")

    def stylize_fast(*pictures, refine=0, **options):
        more = {"refine": 1, "refine_model": embedded, "recipe": SHALLOW} if refine else {}
        return jaxstyle.stylize_fast(*pictures, model=Style(), **more)

    return {
        "load_fast": lambda source: Style(),
        "stylize_fast": stylize_fast,
        "feedforward": SimpleNamespace(**dict.fromkeys(loaders, lambda *paths, **files: Style())),
    }


def small(grid, *pictures, **axes):
    """A grid like the one asked for, of small pictures and one step."""
    return grid(*pictures, **axes | {"size": 16, "steps": 1, "recipe": [SHALLOW]})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("module", "line", "text"), examples(), ids=lambda value: str(value)[:40])
def test_it_shows_what_happens(embedded, place, monkeypatch, module, line, text):
    monkeypatch.chdir(place)
    given = names(module, embedded)
    if module == "jaxstyle.sweep":
        given |= {"Grid": partial(small, jaxstyle.Grid)}
        given |= {"run_sweep": lambda grid, out, model: jaxstyle.run_sweep(grid, out, model=embedded, metrics=False)}
    if module.endswith("report.write"):
        grid = small(jaxstyle.Grid, ["cat.jpg"], ["waves.jpg"])
        jaxstyle.run_sweep(grid, "sweeps/weights", model=embedded, metrics=False)
    test = doctest.DocTestParser().get_doctest(text, given, module, module, line)
    said: list[str] = []
    doctest.DocTestRunner(Checker(), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(
        test, out=said.append
    )
    assert not said, "".join(said)
    shutil.rmtree(place / "out", ignore_errors=True)
