"""`jaxstyle demo`: photographs of scikit-image and scikit-learn, painted offline with the embedded network."""

import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
from jaxtyping import Float

from jaxstyle.commands import stopping
from jaxstyle.compilation import keep_programs
from jaxstyle.console import run_progress
from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.image import load_image
from jaxstyle.plan import Plan
from jaxstyle.pyramid import Pyramid
from jaxstyle.result import Result
from jaxstyle.strokes import GARDEN, paint_strokes
from jaxstyle.transfer import Progress, stylize
from jaxstyle.vgg import VGG19
from jaxstyle.weights.load import load_vgg19

Picture = Float[np.ndarray, "_h _w 3"]

SIZE = 320
STEPS = 24
PLAN = Plan(conv="exact")  # the faster one takes longer to compile than it saves in so few steps
PYRAMID = Pyramid(smallest=160, first_steps=1.5)  # at half the size a stroke covers twice as much


def run_demo(folder: Path) -> int:
    """Paint each pair and write picture, side-by-side and loss curve; 0."""
    keep_programs()
    figures = _figures()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"--output: cannot make the folder {folder} ({error.strerror})") from error
    started, model = time.perf_counter(), load_vgg19("embedded")
    print("The network is 'embedded': small, no download. For features trained on ImageNet: --weights imagenet.")
    for name, content, style in _pairs():
        result = _paint(name, content, style, model)
        if result is None:
            raise KeyboardInterrupt
        written = (
            result.save(folder / f"{name}.png"),
            figures.save_side_by_side(folder / f"{name}-side-by-side.png", content, style, result.image),
            figures.save_loss_curve(folder / f"{name}-loss.png", result.history),
        )
        print(*written, sep="\n")
    print(f"{time.perf_counter() - started:.0f} s. Next: jaxstyle stylize CONTENT STYLE -o OUT.png --weights embedded")
    return 0


def _pairs() -> list[tuple[str, Picture, Picture]]:
    """(name, content, style): three photographs, two painted styles and a photographed one."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    pairs = (
        ("astronaut", data.astronaut(), paint_strokes(384, seed=3)),
        ("chelsea", data.chelsea(), data.coffee()),
        ("china", load_sample_image("china.jpg"), paint_strokes(384, seed=1, palette=GARDEN)),
    )
    return [(name, load_image(content, size=SIZE), load_image(style, size=SIZE)) for name, content, style in pairs]


def _paint(name: str, content: Picture, style: Picture, model: VGG19) -> Result | None:
    """At half the size first, then at the whole; None when interrupted."""
    with stopping() as stop, run_progress() as show:

        def callback(progress: Progress) -> bool:
            stop.armed = True
            show(progress)
            return stop.asked

        print(f"painting {name}", file=sys.stderr)
        result = stylize(content, style, model=model, steps=STEPS, pyramid=PYRAMID, plan=PLAN, callback=callback)
        return None if stop.asked else result


def _figures() -> ModuleType:
    for package in ("matplotlib", "skimage", "sklearn"):
        if find_spec(package) is None:
            raise SettingError(f"demo: needs {package}; install the extra: pip install 'jaxstyle[demo]'")
    return import_module("jaxstyle.figures")
