"""Which method keeps the content, which takes the style, and at what cost?

    python benchmarks/methods.py FOLDER [--contents 8] [--styles 8] [--size 256] [--methods default gatys ...]
    python benchmarks/methods.py FOLDER --own benchmarks/own_method.py

Every preset paints every content in every style with "imagenet-8bit", and Magenta's public network beside them, where
it is; Johnson's published network for one of the styles is a row of its own. Pictures are kept in FOLDER, and not
painted again; the tables are of the methods that are complete. Measured by `jaxstyle.metrics.measure`, at layers of the
same network that no preset optimises, and by what needs no network. Seconds are a picture's in a sweep on this machine,
with its share of the compilation. `--own` takes a Python file with METHODS = {name: recipe, or (recipe, network)}.
"""

import json
import runpy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import problem
import report
from plot import scatter
from skimage import data
from sklearn.datasets import load_sample_image

from jaxstyle import Grid, load_vgg19, run_sweep, stylize_fast
from jaxstyle.feedforward import load_johnson, load_magenta
from jaxstyle.image import fit, load_image, resize, save_image
from jaxstyle.metrics import Pair, Scores, measure
from jaxstyle.objective.presets import PRESETS
from jaxstyle.preprocess.strokes import paint_strokes

PRESET_NAMES = tuple(name for name in PRESETS if name not in ("portrait", "embedded"))
NEEDED = ("content_distance", "style_distance", "ssim", "cfsd", "chroma_distance")
JOHNSON_STYLE = "great_wave"  # the painting that the public network "wave" was trained on
MAGENTA = ("style_predict_quantized_256.tflite", "style_transfer_f16_384.tflite")


def contents(size: int) -> dict[str, np.ndarray]:
    """Photographs that come with scikit-image and scikit-learn, the long edge of each `size`."""
    found = {
        "astronaut": data.astronaut()[:384, 40:424],
        "china": load_sample_image("china.jpg"),
        "cat": data.chelsea(),
        "coffee": data.coffee(),
        "flower": load_sample_image("flower.jpg"),
        "rocket": data.rocket(),
        "camera": np.repeat(data.camera()[..., None], 3, 2),
        "retina": data.retina(),
    }
    return {name: _sized(np.float32(picture) / 255, size) for name, picture in found.items()}


def styles(size: int) -> dict[str, np.ndarray]:
    """Paintings of ../shared/data where they are, and strokes that jaxstyle paints."""
    found: dict[str, np.ndarray] = {}
    for path in sorted((problem.SHARED / "images").glob("style_*.jpg")):
        name = next(each for each in ("great_wave", "woman", "scream", "starry", "wheat") if each in path.stem)
        found[name] = load_image(path)
    order = [name for name in ("starry", "great_wave", "scream", "woman", "wheat") if name in found]
    strokes = {f"strokes_{seed}": np.float32(paint_strokes(384, seed=seed)) for seed in range(3, 11 - len(order))}
    return {name: _sized(picture, size) for name, picture in ({n: found[n] for n in order} | strokes).items()}


def _sized(picture: np.ndarray, size: int) -> np.ndarray:
    return resize(np.float32(picture), fit(picture.shape[:2], size))


def painted(folder: Path, name: str, method: Any, given: Mapping[str, Mapping[str, np.ndarray]]) -> dict[Any, Any]:
    """Paint all pairs by a recipe, through a sweep; {(content, style): (picture, seconds)} of those that have one."""
    recipe, network = method if isinstance(method, tuple) else (method, "imagenet-8bit")
    grid = Grid(given["contents"], given["styles"], recipe=[recipe], seed=[0])
    run_sweep(grid, folder / name, model=network, metrics=False)
    found = {}
    for path in (folder / name / "records").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["image"]:
            pair = record["axes"]["content"], record["axes"]["style"]
            found[pair] = folder / name / record["image"], record["seconds"]
    return found


def fast(folder: Path, name: str, network: Any, given: Mapping[str, Mapping[str, np.ndarray]]) -> dict[Any, Any]:
    """Paint all pairs by a feed-forward network; the first call of each size is not counted, because it compiles."""
    found = {}
    (folder / name).mkdir(parents=True, exist_ok=True)
    for content, photograph in given["contents"].items():
        for style, painting in given["styles"].items():
            own = {} if name.startswith("johnson") else {"style": painting}
            stylize_fast(photograph, model=network, **own)
            started = time.perf_counter()
            result = stylize_fast(photograph, model=network, **own)
            seconds = time.perf_counter() - started
            found[content, style] = save_image(folder / name / f"{content}_{style}.png", result.image), seconds
    return found


def all_painted(options: Any, given: dict[str, dict[str, np.ndarray]], own: dict[str, Any]) -> dict[str, dict]:
    """{method: its pictures}, of the presets, the user's own methods and the public networks."""
    wanted = options.methods or [*PRESET_NAMES, *own]
    found = {}
    for name in wanted:
        report.say(name)
        found[name] = painted(options.folder, name, own.get(name) or PRESETS[name](), given)
    if (problem.SHARED / "magenta").is_dir() and not options.quick:
        paths = (next((problem.SHARED / "magenta").rglob(each)) for each in MAGENTA)
        found["magenta"] = fast(options.folder, "magenta", load_magenta(*paths), given)
        wave = {name: each for name, each in given["styles"].items() if name == JOHNSON_STYLE}
        if wave:
            network = load_johnson(problem.SHARED / "fast_style/wave.npz")
            found["johnson (one style)"] = fast(options.folder, "johnson", network, given | {"styles": wave})
    return found


def scores_of(options: Any, found: Mapping[str, dict], own: dict[str, Any]) -> Scores:
    """Measure all pictures at layers that none of the recipes optimises."""
    pairs = [
        Pair(name, picture, options.folder / f"content-{content}.png", options.folder / f"style-{style}.png")
        for name, pictures in found.items()
        for (content, style), (picture, _) in sorted(pictures.items())
    ]
    return measure(pairs, load_vgg19("imagenet-8bit"), recipes=[make() for make in PRESETS.values()])


def rows_of(scores: Scores, found: Mapping[str, dict]) -> list[list[Any]]:
    """A row for each method: its pictures, its metrics with intervals, its seconds."""
    rows = []
    for name, metrics in scores.summary().items():
        numbers = [f"{each.mean:.3f} ({each.low:.3f} to {each.high:.3f})" for each in map(metrics.get, NEEDED)]
        seconds = float(np.median([seconds for _, seconds in found[name].values()]))
        rows.append([name, len(found[name]), *numbers, seconds])
    return rows


def main() -> None:
    """Paint, measure, plot and write."""
    new = report.parser(__doc__)
    new.add_argument("folder", type=Path, help="folder of the pictures, which are kept")
    new.add_argument("--contents", type=int, default=8)
    new.add_argument("--styles", type=int, default=8)
    new.add_argument("--size", type=int, default=256)
    new.add_argument("--methods", nargs="+", help="these presets and methods of one's own alone")
    new.add_argument("--own", type=Path, help="Python file with METHODS")
    options = new.parse_args()
    if options.quick:
        options.contents, options.styles, options.size = 1, 1, 32
    options.folder.mkdir(parents=True, exist_ok=True)
    own = runpy.run_path(str(options.own))["METHODS"] if options.own else {}
    given = {"contents": contents(options.size), "styles": styles(options.size)}
    given = {kind: dict(list(each.items())[: getattr(options, kind)]) for kind, each in given.items()}
    for kind, pictures in given.items():
        for name, picture in pictures.items():
            save_image(options.folder / f"{kind[:-1]}-{name}.png", picture)
    found = all_painted(options, given, own)
    scores = scores_of(options, found, own)
    rows = rows_of(scores, found)
    if not options.quick:
        means = {name: {key: each.mean for key, each in metrics.items()} for name, metrics in scores.summary().items()}
        for row in rows:
            means[row[0]]["seconds"] = row[-1]
        for x, y in (("content_distance", "style_distance"), ("seconds", "style_distance")):
            points = {name: (each[x], each[y]) for name, each in means.items()}
            scatter(report.RESULTS / f"methods_{x}.png", points, (x, y), logarithmic=x == "seconds")
    tables = [report.table(["method", "pictures", *NEEDED, "seconds"], rows)]
    report.write("methods", __doc__.splitlines()[0], {"scores": scores.to_dict()}, tables, options)


if __name__ == "__main__":
    main()
