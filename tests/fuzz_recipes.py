"""Fuzz what strangers write as text: recipes inside pictures, recipe files, grids and sweep folders.

`python tests/fuzz_recipes.py recipe 10000 0`; the kinds are recipe, toml, grid and folder. Each case is a small valid
one in which some values were replaced, left out or moved. It may be taken or refused with one of jaxstyle's errors:
anything else fails the run, and so does a case that takes more than 5 s, or that speaks to the terminal.
"""

import copy
import io
import json
import logging
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from jaxstyle.cli import recorded, run_rerun
from jaxstyle.errors import JaxstyleError
from jaxstyle.image import save_image
from jaxstyle.networks.load import load_vgg19
from jaxstyle.objective import presets
from jaxstyle.objective.recipe_file import load_recipe, to_toml
from jaxstyle.sweep import Grid
from jaxstyle.sweep.cells import read_cells
from jaxstyle.sweep.folder import SweepFolder
from jaxstyle.sweep.report.cells import read_sweep
from jaxstyle.sweep.report.payload import make_payload
from jaxstyle.sweep.report.render import render
from jaxstyle.transfer.api import make_job, stylize
from jaxstyle.transfer.job import prepare
from jaxstyle.transfer.settings import Settings

KINDS = ("recipe", "toml", "grid", "folder")
SECONDS = 5.0
PICTURE = np.random.default_rng(0).random((40, 48, 3)).astype(np.float32)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 64, 65_537, 10**12, 2**70, 0.5, -0.5, 1e-300, 1e308),
    *(
        "",
        "x",
        "noise",
        "gram",
        "relu9_9",
        "relu5_4",
        "random",
        "imagenet",
        "../../etc/passwd",
        "\x1b[2J\r\n",
        "é" * 300,
    ),
    *([], {}, [[]], {"": {}}, [1, 2], ["x"], {"x": 1}, [None] * 50),
)


def run(kind: str, count: int, seed: int) -> None:
    """Try `count` cases of a kind, one of KINDS; AssertionError if one misbehaves."""
    outcomes: Counter[str] = Counter()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        attack = ATTACKS[kind](Path(name))
        assert attack(None) == "taken", f"{kind}: a case that is not mutated must be taken"
        for index in range(count):
            chance = random.Random(f"{kind} {seed} {index}")
            try:
                outcomes[_bounded(partial(attack, chance))] += 1
            except BaseException as error:
                raise AssertionError(f"fuzz_recipes: {kind} {seed} {index}: {error!r}") from error
    print(f"{kind}: {count} cases, seed {seed}: " + ", ".join(f"{n} {what}" for what, n in outcomes.most_common()))


def _bounded(attack: Callable[[], str]) -> str:
    """What became of an attack; TimeoutError where it takes too long."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"takes more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            found = attack()
        assert "\x1b" not in out.getvalue() + err.getvalue(), "commands the terminal"
        return found
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(function: Callable[[], Any]) -> str:
    """ "taken", or "refused" where it raises one of our errors."""
    try:
        function()
    except JaxstyleError:
        return "refused"
    return "taken"


def mutated(value: Any, chance: random.Random | None) -> Any:
    """A deep copy with one to three places changed."""
    value = copy.deepcopy(value)
    for _ in range(0 if chance is None else chance.randint(1, 3)):
        holder, key = chance.choice([*_places(value)] or [({"x": 0}, "x")])
        what = chance.random()
        if what < 0.15:
            del holder[key]
        elif what < 0.3:
            holder[key] = copy.deepcopy(chance.choice([each[0][each[1]] for each in _places(value)]))
        elif what < 0.4 and isinstance(holder, dict):
            holder[chance.choice(["x", "kind", "layer", "name", ""])] = copy.deepcopy(chance.choice(VALUES))
        else:
            holder[key] = copy.deepcopy(chance.choice(VALUES))
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(what holds it, its key) of every value inside."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in [*items]:
        yield value, key
        yield from _places(child)


@cache
def _network() -> Any:
    return load_vgg19("random")


def of_recipes(folder: Path) -> Callable[[random.Random | None], str]:
    """`jaxstyle rerun`, up to the first step."""
    save_image(folder / "content.png", PICTURE)
    save_image(folder / "style.png", PICTURE[::-1])
    made = stylize(folder / "content.png", folder / "style.png", model="random", steps=0, recipe=presets.default())

    def attempt(
        content: Any, styles: Any, *, model: Any, recipe: Any, plan: Any, callback: Any, **settings: Any
    ) -> Any:
        prepare(make_job(content, tuple(styles), recipe, Settings(**settings)), _network(), plan)
        return SimpleNamespace(status="stopped")

    recorded.stylize = attempt
    options = SimpleNamespace(
        **dict.fromkeys(("output", "content", "init", "weights", "model", "look_in")),
        style=(),
        trust=False,
        result=folder / "result.png",
    )

    def attack(chance: random.Random | None) -> str:
        save_image(options.result, PICTURE, recipe=mutated(made.settings, chance))
        return outcome(lambda: run_rerun.run_rerun(options))

    return attack


def of_toml(folder: Path) -> Callable[[random.Random | None], str]:
    """A recipe file."""
    path, names = folder / "recipe.toml", [*presets.PRESETS]

    def attack(chance: random.Random | None) -> str:
        recipe = presets.PRESETS[chance.choice(names) if chance else names[0]]()
        text = to_toml(recipe)
        if chance is not None:
            lines = text.splitlines()
            for _ in range(chance.randint(1, 3)):
                i = chance.randrange(len(lines))
                key, _, _ = lines[i].partition("=")
                value = chance.choice([each for each in VALUES if each is not None and not isinstance(each, dict)])
                lines[i] = chance.choice([f"{key} = {json.dumps(value)}", "", lines[i] * 2, f"[{lines[i]}]"])
            text = "\n".join(lines)
        path.write_text(text, encoding="utf-8")
        return outcome(lambda: load_recipe(path))

    return attack


def of_grids(folder: Path) -> Callable[[random.Random | None], str]:
    """A grid file."""
    for name in ("a", "b"):
        save_image(folder / f"{name}.png", PICTURE)
    table = {
        "contents": ["a.png", "*.png"],
        "styles": ["b.png", ["a.png", "b.png"]],
        "combine": "product",
        "axes": {"seed": [0, 1], "size": 32, "blend": [[1.0, 2.0]], "recipe": ["gatys"], "style_weight": [1.0]},
        "cells": [{"content": "a.png", "style": "b.png", "steps": 3}],
    }
    patterns = ("**", "**/*.png", "[", "a[", "*" * 50, "/nowhere/*", "a.png/*", "\0*", "./*.png")

    def toml(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(toml, value)) + "]"
        return '"none"' if value is None else json.dumps(value)

    def attack(chance: random.Random | None) -> str:
        changed = mutated(table, chance)
        if chance is not None and chance.random() < 0.3:
            changed["contents"] = [chance.choice(patterns)]
        path = folder / "grid.toml"
        path.write_text(
            "\n".join(f"{json.dumps(key)} = {toml(each)}" for key, each in changed.items()), encoding="utf-8"
        )
        return outcome(lambda: Grid.from_toml(path))

    return attack


def of_folders(folder: Path) -> Callable[[random.Random | None], str]:
    """sweep.json and a record, as `sweep status`, `report` and `retry` read them."""
    from jaxstyle.sweep import run_sweep

    recipe = presets.default(content_layers=("relu2_1",), style_layers=("relu1_1",))
    grid = Grid({"a": PICTURE}, {"x": PICTURE[::-1]}, recipe=[recipe], steps=1, size=32)
    run_sweep(grid, folder / "sweep", model=_network(), metrics=False)
    place = SweepFolder(folder / "sweep")
    table, (cell,) = place.read(), read_cells(place)
    record = place.record(cell.id)

    def look() -> None:
        render(_page(place.path))
        for each in read_cells(place):
            place.record(each.id)

    def attack(chance: random.Random | None) -> str:
        (place.path / "sweep.json").write_text(json.dumps(mutated(table, chance)), encoding="utf-8")
        (place.path / "records" / f"{cell.id}.json").write_text(json.dumps(mutated(record, chance)), encoding="utf-8")
        return outcome(look)

    return attack


def _page(folder: Path) -> Any:
    payload = make_payload(read_sweep(folder))
    for entry in payload["inputs"] + payload["cells"]:
        entry |= {"picture": None, "fault": "", "size": None}
    return payload


ATTACKS = {"recipe": of_recipes, "toml": of_toml, "grid": of_grids, "folder": of_folders}


if __name__ == "__main__":
    started = time.perf_counter()
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(f"{time.perf_counter() - started:.0f} s")
