"""Does the region loss keep the salient region where the content has it, and what does it cost in style?

    python benchmarks/region_loss.py [--size 192] [--steps 120] [--weight 1] [--pictures FOLDER]

Each pair is painted twice by one compiled program, from the content by Adam, with `presets.default()`'s losses: the
region loss at weight 0, and at `--weight`. The salient region of a picture is the largest component of where its map is
above 1/2, at the picture's size. Counted are intersection over union (IoU) of the content's region and the result's,
and the mean relative Gram distance to the style; both by what was optimised, and by layers that were not.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import problem
import report
from jax_side import make_model, make_recipe
from PIL import Image

from jaxstyle import make_objective, optimize
from jaxstyle.image import load_image, resize, to_pil
from jaxstyle.losses import RegionLoss, gram_matrix
from jaxstyle.metrics.relative import mean_distance
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize.optimizers import Adam
from jaxstyle.saliency import AggregatedActivations, largest_component, overlay, saliency_map

LOCALIZER = AggregatedActivations()
HELD_OUT = AggregatedActivations(("relu4_4",))
HELD_OUT_STYLE = ("relu1_2", "relu2_2", "relu3_2", "relu4_3")
SHIPPED = ("astronaut", "chelsea", "coffee", "rocket")  # by scikit-image
CONTENTS = ("content_golden_gate_512", "content_tuebingen_neckarfront", "content_tree_1920x1080")
STYLES = (
    "style_vangogh_starry_night",
    "style_munch_scream",
    "style_matisse_woman_with_hat",
    "style_hokusai_great_wave_256",
    "style_vangogh_wheat_field",
)


def square(picture: Any, size: int) -> np.ndarray:
    """The middle of a picture, resized."""
    found = load_image(picture)
    edge = min(found.shape[:2])
    top, left = (found.shape[0] - edge) // 2, (found.shape[1] - edge) // 2
    return resize(found[top : top + edge, left : left + edge], (size, size))


def pictures(size: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """{name: content}, {name: style}; made-up styles where ../shared/data is not."""
    from skimage import data

    contents: dict[str, Any] = {name: getattr(data, name)() for name in SHIPPED}
    styles: dict[str, Any] = {f"made-up {seed}": problem.photograph(size, 1000 + seed) ** 1.5 for seed in range(5)}
    folder = problem.SHARED / "images"
    if folder.is_dir():
        contents |= {name.removeprefix("content_"): folder / f"{name}.jpg" for name in CONTENTS}
        styles = {name.removeprefix("style_"): folder / f"{name}.jpg" for name in STYLES}
    return tuple({name: square(each, size) for name, each in found.items()} for found in (contents, styles))  # type: ignore[return-value]


def pairs(contents: Any, styles: Any, offset: int) -> Iterator[tuple[str, str]]:
    """Two styles for each content; another offset gives other pairs, for choosing the weight."""
    names = list(styles)
    for i, content in enumerate(contents):
        for j in (2 * i, 2 * i + 1):
            yield content, names[(j + offset) % len(names)]


def recipe_with(base: Recipe, weight: float, localizer: Any = LOCALIZER) -> Recipe:
    """The recipe with a region loss."""
    return replace(base, content=(*base.content, Term(RegionLoss(localizer), weight)))


def paint(objective: Any, first: np.ndarray, steps: int) -> np.ndarray:
    """The averaged picture."""
    optimizer = Adam(**problem.ADAM)
    state = optimize.init(jnp.asarray(first), optimizer)
    *_, (last, _) = optimize.chunks(state, objective, optimizer, steps, every=100, seconds=60, average=problem.AVERAGE)
    return np.asarray(last.average)


def region(model: Any, picture: np.ndarray, localizer: Any) -> np.ndarray:
    """The salient region, as a mask."""
    return np.asarray(jax.jit(largest_component)(jnp.asarray(saliency_map(model, picture, localizer) > 0.5)))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union; 1 of two empty masks."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0


@partial(jax.jit, static_argnames="layers")
def style_distance(model: Any, picture: Any, style: Any, layers: tuple[str, ...]) -> Any:
    """The mean relative distance of Gram matrices."""
    found, wanted = (
        {layer: gram_matrix(each) for layer, each in model.features(x, layers).items()} for x in (picture, style)
    )
    return mean_distance(found, wanted)


def judge(model: Any, recipe: Recipe, content: np.ndarray, style: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """Both distances of a result, by what was optimised and by what was not."""
    optimised = tuple(term.loss.layer for term in recipe.style)
    return {
        "iou": overlap(*(region(model, x, LOCALIZER) for x in (content, result))),
        "held-out iou": overlap(*(region(model, x, HELD_OUT) for x in (content, result))),
        "style": float(style_distance(model, result, style, optimised)),
        "held-out style": float(style_distance(model, result, style, HELD_OUT_STYLE)),
    }


def compare(model: Any, base: Recipe, content: np.ndarray, style: np.ndarray, options: Any) -> dict[str, Any]:
    """One pair without and with the region loss: {"without": numbers, "with": numbers, "pictures": both}."""
    recipe = recipe_with(base, options.weight)
    objective = make_objective(model, content, style, recipe, plan=Plan())
    name = recipe.content[-1].name
    found: dict[str, Any] = {"pictures": []}
    for way, weight in (("without", 0.0), ("with", options.weight)):
        weights = {**objective.weights, name: jnp.full_like(objective.weights[name], weight)}
        result = paint(replace(objective, weights=weights), content, options.steps)
        found[way] = judge(model, recipe, content, style, result)
        found["pictures"].append(result)
    return found


def show(folder: Path, name: str, model: Any, content: np.ndarray, results: list[np.ndarray]) -> None:
    """Content and both results, their maps below."""
    folder.mkdir(parents=True, exist_ok=True)
    row = [content, *results]
    maps = [overlay(each, saliency_map(model, each, LOCALIZER)) for each in row]
    sheet = np.concatenate([np.concatenate(row, axis=1), np.concatenate(maps, axis=1)], axis=0)
    image: Image.Image = to_pil(np.clip(sheet, 0, 1))
    image.save(folder / f"{name}.png")


def network(options: Any) -> tuple[Any, Recipe, str]:
    """The network, ready to run, the recipe without region loss, and what the weights are."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        made = problem.make(path, 32, narrow=8 if options.quick else 1, weights="he" if options.quick else "imagenet")
        arrays = problem.load(path)
    model, recipe = make_model(arrays), make_recipe(arrays)
    layers = {layer for term in recipe.style for layer in (term.loss.layer,)} | {*LOCALIZER.layers, *HELD_OUT.layers}
    layers |= {recipe.content[0].loss.layer, *HELD_OUT_STYLE}
    return model.prepared(layers), recipe, made["weights"]


def tables(found: dict[str, Any]) -> list[str]:
    """Each pair, and the means."""
    keys = ("iou", "held-out iou", "style", "held-out style")
    ways = ("without", "with")
    mean = {way: {key: float(np.mean([each[way][key] for each in found.values()])) for key in keys} for way in ways}
    header = ("pair", "IoU without", "with", "held-out IoU without", "with", "style without", "with", "ratio")
    rows = []
    for name, each in (found | {"mean": mean}).items():
        a, b = each["without"], each["with"]
        numbers = (a["iou"], b["iou"], a["held-out iou"], b["held-out iou"], a["style"], b["style"])
        rows.append((name, *numbers, b["style"] / a["style"]))
    a, b = mean["without"], mean["with"]
    changes = {key: f"{b[key] - a[key]:+.3f}" if "iou" in key else f"{b[key] / a[key] - 1:+.1%}" for key in keys}
    summary = [(key.replace("iou", "IoU"), a[key], b[key], changes[key]) for key in keys]
    return [report.table(("mean of all pairs", "without", "with", "change"), summary), report.table(header, rows)]


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--weight", type=float, default=1.0, help="of the region loss; the content's is 1")
    parser.add_argument("--offset", type=int, default=0, help="other pairs of the same pictures")
    parser.add_argument("--pairs", type=int, help="only the first so many")
    parser.add_argument("--pictures", type=Path, help="folder for the results and their maps")
    options = parser.parse_args()
    if options.quick:
        options.size, options.steps, options.pairs = 64, 2, 1
    model, base, weights = network(options)
    contents, styles = pictures(options.size)
    found = {}
    for content, style in list(pairs(contents, styles, options.offset))[: options.pairs]:
        each = compare(model, base, contents[content], styles[style], options)
        if options.pictures:
            show(options.pictures, f"{content}-{style}", model, contents[content], each["pictures"])
        found[f"{content} x {style}"] = {way: each[way] for way in ("without", "with")}
        report.say(f"{content} x {style}: {found[f'{content} x {style}']}")
    question = "Does the region loss keep the salient region where the content has it, and what does it cost in style?"
    record = {"weights": weights, "localizer": LOCALIZER, "held out": HELD_OUT, "pairs": found}
    options.pictures = None
    report.write("region_loss", question, record, tables(found), options)


if __name__ == "__main__":
    main()
