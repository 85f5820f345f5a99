"""What `jaxstyle demo` does: paint photographs of scikit-image and scikit-learn with the network of the papers."""

import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxstyle.cli.downloads import load_weights
from jaxstyle.cli.figures import save_loss_curve, save_side_by_side
from jaxstyle.cli.shown import note
from jaxstyle.cli.stopping import stopping, watching
from jaxstyle.errors import WeightsError
from jaxstyle.image import load_image, save_image
from jaxstyle.image.write import make_folder
from jaxstyle.networks.vgg import VGG19
from jaxstyle.preprocess.strokes import GARDEN, paint_strokes
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.transfer.api import stylize
from jaxstyle.transfer.result import Result
from jaxstyle.weights.catalogue import EMBEDDED, IMAGENET, default_network, find

SIZE = 320
STEPS = 40  # at each size


class DemoPair(NamedTuple):
    """A content and a style picture, RGB in [0, 1], and the name of their files."""

    name: str
    content: Float[np.ndarray, "_h _w 3"]
    style: Float[np.ndarray, "_h _w 3"]


def run_demo(folder: Path) -> int:
    """Paint each pair; write content, style, picture, all three side by side, and the loss curve; return 0."""
    keep_programs()
    make_folder(folder)
    started, model = time.perf_counter(), _network()
    pairs = _pairs()
    for pair in pairs:
        result = _paint(pair, model)
        if result is None:
            raise KeyboardInterrupt
        print(*_written(folder, pair, result), sep="\n")
    print(f"{time.perf_counter() - started:.0f} s with the network {model.name!r}. Next, the same at another strength:")
    content, style = (folder / f"{pairs[0].name}-{part}.png" for part in ("content", "style"))
    print(f"{_program()} stylize {shlex.quote(str(content))} {shlex.quote(str(style))} -o again.png --style-weight 2")
    return 0


def _network() -> VGG19:
    """Load the network of the papers from the cache, else by the small download, else the one inside jaxstyle."""
    name = default_network()
    name = name if find(name).present else IMAGENET[1]
    try:
        return load_weights(name)
    except WeightsError as error:
        print(f"jaxstyle: {error}\njaxstyle: the demo goes on with {EMBEDDED!r}: less style", file=sys.stderr)
        return load_weights(EMBEDDED)


def _pairs() -> list[DemoPair]:
    """Three photographs, each with a style of generated brush strokes."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    pairs = (
        ("china", load_sample_image("china.jpg"), paint_strokes(384, seed=3)),
        ("chelsea", data.chelsea(), paint_strokes(384, seed=1, palette=GARDEN)),
        ("rocket", data.rocket(), paint_strokes(384, seed=5)),
    )
    return [
        DemoPair(name, load_image(content, size=SIZE), load_image(style, size=SIZE)) for name, content, style in pairs
    ]


def _paint(pair: DemoPair, model: VGG19) -> Result | None:
    """Paint a pair by the recipe that suits the network; None if interrupted."""
    with stopping() as stop, watching(stop) as callback:
        note(f"painting {pair.name}")
        result = stylize(pair.content, pair.style, model=model, steps=STEPS, callback=callback)
        return None if stop.asked else result


def _written(folder: Path, pair: DemoPair, result: Result) -> list[Path]:
    path = folder / f"{pair.name}.png"
    return [
        save_image(path.with_stem(f"{pair.name}-content"), pair.content),
        save_image(path.with_stem(f"{pair.name}-style"), pair.style),
        result.save(path),
        save_side_by_side(path.with_stem(f"{pair.name}-side-by-side"), pair.content, pair.style, result.image),
        save_loss_curve(path.with_stem(f"{pair.name}-loss"), result.history),
    ]


def _program() -> str:
    """The command that starts this program from the current folder: "jaxstyle" only if the shell finds this one."""
    own = Path(sys.argv[0])
    found = shutil.which("jaxstyle")
    if found and own.exists() and Path(found).resolve() == own.resolve():
        return "jaxstyle"
    if own.stem == "jaxstyle" and os.access(own, os.X_OK) and own.is_file():
        return shlex.quote(str(own))
    return f"{shlex.quote(sys.executable)} -m jaxstyle"
