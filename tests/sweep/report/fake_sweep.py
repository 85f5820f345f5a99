"""Sweep folders as `jaxstyle sweep run` leaves them, without running anything. Alone: python fake_sweep.py FOLDER."""

import hashlib
import itertools
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageOps

TINTS = (("#141852", "#f6d743"), ("#3b0f2b", "#ffe3c2"), ("#0b3d2e", "#f2f7c5"))
TERMS = ("total", "content/relu4_2", "gram/relu1_1", "gram/relu2_1", "gram/relu3_1", "tv/input")


def make_sweep(
    folder: Path, contents: dict[str, Image.Image], styles: dict[str, Image.Image], **axes: Sequence[Any]
) -> list[dict]:
    """A finished sweep over contents, styles and `axes`; its cells. Results are tinted contents."""
    for name in ("inputs", "images", "records"):
        (folder / name).mkdir(parents=True)
    pictures = contents | styles
    inputs = {name: write_input(folder, name, picture) for name, picture in pictures.items()}
    axes = {"content": list(contents), "style": list(styles), **axes}
    cells = [make_cell(dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]
    for number, cell in enumerate(cells):
        write_record(folder, make_record(folder, number, cell, contents[cell["axes"]["content"]], inputs))
    write_grid(folder, axes, cells, make_table(pictures))
    return cells


def make_cell(axes: dict[str, Any]) -> dict[str, Any]:
    return {"id": hashlib.sha256(json.dumps(axes).encode()).hexdigest()[:16], "axes": axes}


def write_grid(folder: Path, axes: dict, cells: list, inputs: dict) -> None:
    grid = {"format": 1, "axes": axes, "cells": cells, "inputs": inputs}
    (folder / "sweep.json").write_text(json.dumps(grid), encoding="utf-8")


def write_record(folder: Path, record: dict[str, Any]) -> None:
    (folder / "records" / f"{record['id']}.json").write_text(json.dumps(record), encoding="utf-8")


def write_input(folder: Path, name: str, picture: Image.Image) -> dict[str, Any]:
    """What a record says of it. The hash is that of its pixels; the table has that of its file."""
    sha = hashlib.sha256(repr(name).encode() + picture.tobytes()).hexdigest()
    picture.convert("RGB").save(folder / f"inputs/{sha[:16]}.jpg")
    return {"name": name, "sha256": sha}


def make_table(names: Iterable[str]) -> dict[str, Any]:
    """The inputs as `sweep.json` has them."""
    return {
        hashlib.sha256(repr(name).encode()).hexdigest(): {"name": name, "path": f"/secret/place/{name}"}
        for name in names
    }


def make_record(folder: Path, number: int, cell: dict, content: Image.Image, inputs: dict) -> dict[str, Any]:
    image = f"images/{cell['id']}.png"
    tint(content, number, len(cell["axes"])).save(folder / image, compress_level=1)
    axes = cell["axes"]
    history = make_history(number)
    return cell | {
        "status": "done",
        "error": None,
        "settings": {
            "recipe": {"steps": 500, "style_weight": axes.get("style_weight", 1.0), "terms": [{"loss": "gram"}]},
            "seed": axes.get("seed", 0),
            "content": inputs[axes["content"]],
            "styles": [inputs[axes["style"]]],
            "versions": {"jaxstyle": "0.1.0", "jax": "0.10.1"},
        },
        "image": image,
        "image_sha256": "0" * 64,
        "size": list(content.size),
        "losses": {name: values[-1] for name, values in history.items() if name != "step"},
        "history": history,
        "metrics": {"ssim": round(0.2 + number % 7 / 11, 4), "style_distance": 0.5 / (1 + number % 5), "cfsd": None},
        "seconds": 12.5 + number % 3,
        "batch": {"lanes": 16, "devices": 1},
        "versions": {"jaxstyle": "0.1.0", "jax": "0.10.1"},
    }


def make_history(number: int) -> dict[str, list[float]]:
    steps = list(range(0, 500, 5))
    random = np.random.default_rng(number)
    history: dict[str, list[float]] = {"step": [float(step) for step in steps]}
    for i, name in enumerate(TERMS):
        values = 10.0 ** (1 - i) * (0.02 + np.exp(-np.array(steps) / (40 + 20 * i))) * random.uniform(0.9, 1.1, 100)
        history[name] = values.tolist()
    return history


def tint(picture: Image.Image, number: int, blur: int) -> Image.Image:
    dark, light = TINTS[number % len(TINTS)]
    grey = ImageOps.grayscale(picture)
    coloured = ImageOps.colorize(ImageOps.posterize(grey, 3 + number % 3), dark, light)
    return Image.blend(coloured.filter(ImageFilter.ModeFilter(3 + 2 * (number % 2))), picture.convert("RGB"), 0.15)


def photographs(edge: int = 384) -> tuple[dict[str, Image.Image], dict[str, Image.Image]]:
    """Contents and styles that look like a real sweep's."""
    from skimage import data

    def small(array: np.ndarray) -> Image.Image:
        return ImageOps.contain(Image.fromarray(array), (edge, edge))

    contents = {"astronaut.png": small(data.astronaut()), "chelsea.png": small(data.chelsea())}
    return contents, {"coffee.png": small(data.coffee()), "rocket.jpg": small(data.rocket())}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    made = make_sweep(place, *photographs(), style_weight=[1, 10, 100], learning_rate=[0.02, 0.1], seed=[0, 1])
    for index, (status, error) in enumerate(
        [("failed", "out of memory: use a smaller --size"), ("not finite", "the loss became infinite at step 12")]
    ):
        broken = json.loads((place / "records" / f"{made[5 * index + 3]['id']}.json").read_text(encoding="utf-8"))
        nothing = {} if index else {"image": None, "metrics": {}}
        write_record(place, broken | {"status": status, "error": error} | nothing)
    (place / "records" / f"{made[10]['id']}.json").unlink()
    (place / "records" / f"{made[13]['id']}.json").write_text('{"torn": ', encoding="utf-8")
