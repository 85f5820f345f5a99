"""Make the pictures and the table of docs/methods.md: `python docs/make_methods.py`, about two hours on 2 cores.

Every published recipe paints the same three pairs with the network "imagenet-8bit". The photographs come with
scikit-image and scikit-learn; jaxstyle paints the styles. What is already painted in the folder is not painted again,
and with arguments only those recipes are painted: `python docs/make_methods.py out strotss nnst`. The table and the
sheets are made of all that is there.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA warns of slow constant folding

import numpy as np
from skimage import data
from sklearn.datasets import load_sample_image

from jaxstyle import load_vgg19, stylize
from jaxstyle.image import fit, load_image, resize, save_image, to_pil
from jaxstyle.metrics import Pair, measure
from jaxstyle.objective.presets import PRESETS
from jaxstyle.preprocess.strokes import paint_strokes

HERE = Path(__file__).parent
SHEETS = HERE / "images" / "methods"
PAGE = HERE / "methods.md"
MARKS = ("<!-- table: written by docs/make_methods.py -->\n", "<!-- end of table -->")
SIZE = 256
PAIRS = ("astronaut", "china", "cat")
METHODS = [name for name in PRESETS if name not in ("portrait", "embedded")]
SHOWN = ("ssim", "content_distance", "style_distance", "cfsd")


def pictures(pair: str) -> tuple[np.ndarray, np.ndarray]:
    """Content and style of a pair, the content with a long edge of `SIZE`."""
    photographs = {
        "astronaut": (lambda: data.astronaut()[:384, 40:424], lambda: paint_strokes(384, seed=3)),
        "china": (lambda: load_sample_image("china.jpg"), lambda: paint_strokes(384, seed=8)),
        "cat": (lambda: data.chelsea(), lambda: load_sample_image("flower.jpg") / np.float32(255)),
    }
    content, style = (np.asarray(make(), np.float32) for make in photographs[pair])
    content = content / 255
    return resize(content, fit(content.shape[:2], SIZE)), resize(style, fit(style.shape[:2], SIZE))


def paint(folder: Path, methods: list[str]) -> None:
    """Paint what is missing, and note how long each picture took."""
    model = load_vgg19("imagenet-8bit")
    for name in PAIRS:
        content, style = pictures(name)
        save_image(folder / f"{name}-content.png", content)
        save_image(folder / f"{name}-style.png", style)
    for method in methods:
        for name in PAIRS:
            target = folder / method / f"{name}.png"
            if target.exists():
                continue
            target.parent.mkdir(exist_ok=True)
            started = time.perf_counter()
            result = stylize(*pictures(name), model=model, recipe=PRESETS[method](), seed=0)
            target.with_suffix(".json").write_text(
                json.dumps({"seconds": time.perf_counter() - started, "status": result.status}), encoding="utf-8"
            )
            result.save(target)
            print(target, result.status, round(time.perf_counter() - started), "s", flush=True)


def table(folder: Path) -> str:
    """Markdown table of all methods: metrics, the means over the pairs, and seconds."""
    done = [method for method in METHODS if all((folder / method / f"{name}.png").exists() for name in PAIRS)]
    pairs = [
        Pair(method, folder / method / f"{name}.png", folder / f"{name}-content.png", folder / f"{name}-style.png")
        for method in done
        for name in PAIRS
    ]
    scores = measure(pairs, load_vgg19("imagenet-8bit"), recipes=[PRESETS[method]() for method in done]).summary()
    lines = [f"| recipe | {' | '.join(f'`{name}`' for name in SHOWN)} | seconds |", "|---" * (len(SHOWN) + 2) + "|"]
    for method in done:
        notes = [json.loads((folder / method / f"{name}.json").read_text(encoding="utf-8")) for name in PAIRS]
        numbers = [f"{scores[method][name].mean:.3f}" for name in SHOWN]
        seconds = np.mean([note["seconds"] for note in notes])
        lines.append(f"| `{method}` | {' | '.join(numbers)} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


def sheet(folder: Path, method: str) -> None:
    """Write docs/images/methods/METHOD.jpg: each pair's result, with its content and style in front, small."""
    row = []
    for name in PAIRS:
        image = load_image(folder / method / f"{name}.png")
        height = image.shape[0]
        given = [load_image(folder / f"{name}-{kind}.png") for kind in ("content", "style")]
        left = np.concatenate([resize(each, (height // 2, height // 2)) for each in given])
        left = np.pad(left, ((0, height - len(left)), (0, 0), (0, 0)), constant_values=1)
        row += [left, image, np.ones((height, 8, 3), np.float32)]
    height = max(len(each) for each in row)
    row = [np.pad(each, ((0, height - len(each)), (0, 0), (0, 0)), constant_values=1) for each in row]
    picture = to_pil(np.concatenate(row[:-1], 1))
    SHEETS.mkdir(parents=True, exist_ok=True)
    picture.save(SHEETS / f"{method}.jpg", quality=88)


def main() -> None:
    """Paint, then make the sheets and the table."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "methods")
    folder.mkdir(exist_ok=True)
    paint(folder, sys.argv[2:] or METHODS)
    for method in METHODS:
        if all((folder / method / f"{name}.png").exists() for name in PAIRS):
            sheet(folder, method)
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    PAGE.write_text(before + MARKS[0] + table(folder) + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8")


if __name__ == "__main__":
    main()
