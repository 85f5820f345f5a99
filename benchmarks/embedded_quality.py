"""How much of what trained features do better than random ones does the embedded network do?

    python benchmarks/embedded_quality.py [--size 144] [--pairs 8] [--weights 3 10 30] [--pictures FOLDER]

Eight pairs of pictures that took no part in training are painted by `presets.default()` with the network "random", the
network "embedded", and VGG19 trained on ImageNet ("imagenet-8bit"), each at several style weights. The last one
judges all: mean relative Gram distance of relu1_1 to relu5_1 to the style, relative distance of relu4_2 to the
content. A network's style distance at a content distance is interpolated between its results; they are compared at the
content distance of the embedded network at the middle of the weights. "Closed" is
(random - embedded) / (random - imagenet). Both are painted with the recipe tuned for them as well.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import problem
import report
from region_loss import square

from jaxstyle import load_vgg19, make_objective, optimize
from jaxstyle.image import to_pil
from jaxstyle.losses import gram_matrix
from jaxstyle.metrics.relative import mean_distance, relative_distance
from jaxstyle.metrics.structural_similarity import ssim
from jaxstyle.objective import presets
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe

PICTURES = problem.SHARED / "images"
PAIRS = (
    ("tuebingen_neckarfront", "vangogh_starry_night"),
    ("golden_gate_512", "munch_scream"),
    ("tree_1920x1080", "hokusai_great_wave_256"),
    ("tuebingen_neckarfront", "matisse_woman_with_hat"),
    ("golden_gate_512", "vangogh_wheat_field"),
    ("tree_1920x1080", "vangogh_starry_night"),
    ("golden_gate_512", "hokusai_great_wave_256"),
    ("tree_1920x1080", "munch_scream"),
)


class Painted(NamedTuple):
    """A result and what the judge says of it."""

    picture: np.ndarray
    style: float
    content: float
    ssim: float
    seconds: float


def main() -> None:
    """Paint, judge, write."""
    parser = report.parser(__doc__)
    parser.add_argument("--size", type=int, default=144)
    parser.add_argument("--steps", type=int, default=presets.default().steps)
    parser.add_argument("--pairs", type=int, default=len(PAIRS))
    parser.add_argument("--weights", type=float, nargs="+", default=[3.0, 10.0, 30.0], help="of style, ascending")
    parser.add_argument("--embedded", default="embedded", help="another network in its place: a file")
    parser.add_argument("--pictures", type=Path, help="folder for the contact sheet")
    options = parser.parse_args()
    if options.quick:
        options.size, options.steps, options.pairs, options.weights = 64, 2, 1, [10.0]
    elif len(options.weights) < 2:
        raise SystemExit("embedded_quality: --weights: one weight is one content distance; give at least two")
    if not PICTURES.is_dir():
        raise SystemExit(f"embedded_quality: needs the pictures and networks of {problem.SHARED}")
    judge = load_vgg19("imagenet-8bit").prepared([*problem.STYLE, problem.CONTENT])
    found, rows = {}, []
    for content, style in PAIRS[: options.pairs]:
        pair = (square(PICTURES / f"content_{content}.jpg", options.size),)
        pair += (square(PICTURES / f"style_{style}.jpg", options.size),)
        each = {name: paint(judge, *pair, network, options) for name, network in networks(judge, options).items()}
        rows.append(np.concatenate([*pair, *(middle(results).picture for results in each.values())], 1))
        found[f"{content} x {style}"] = {name: [p._asdict() for p in results] for name, results in each.items()}
        found[f"{content} x {style}"]["at equal content"] = compare(each)
        report.say(f"{content} x {style}: {found[f'{content} x {style}']['at equal content']}")
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        to_pil(np.clip(np.concatenate(rows, 0), 0, 1)).save(options.pictures / "embedded_quality.png")
    options.pictures, question = None, "How much of what trained features do better than random ones does ours do?"
    report.write("embedded_quality", question, {"pairs": without_pictures(found)}, tables(found), options)


def networks(judge: Any, options: Any) -> dict[str, tuple[Any, Recipe, list[float]]]:
    """{name: (network, recipe, style weights)}."""
    own, recipe = presets.embedded(), replace(presets.default(), pyramid=None, steps=options.steps)
    own = replace(own, steps=min(own.steps, options.steps))
    return {
        "random": (load_vgg19("random"), recipe, options.weights),
        "random, own recipe": (load_vgg19("random"), own, [own.style_weight]),
        "embedded": (load_vgg19(options.embedded), recipe, options.weights),
        "embedded, own recipe": (load_vgg19(options.embedded), own, [own.style_weight]),
        "imagenet": (judge, recipe, options.weights),
    }


def paint(judge: Any, content: np.ndarray, style: np.ndarray, how: Any, options: Any) -> list[Painted]:
    """At each style weight; compilation is not counted."""
    model, recipe, weights = how
    objective, found = make_objective(model, content, style, recipe, plan=Plan()), []
    names = {term.name for term in recipe.style}
    settings: dict[str, Any] = {"average": recipe.average, "clip": recipe.clip, "every": 100, "seconds": 60}
    for weight in weights:
        share = {
            name: w * weight / recipe.style_weight if name in names else w for name, w in objective.weights.items()
        }
        changed, first = replace(objective, weights=share), optimize.init(jnp.asarray(content), recipe.optimizer)
        chunks = optimize.chunks(first, changed, recipe.optimizer, recipe.steps, **settings)
        state, _ = next(chunks)
        started = time.perf_counter()
        for state, _ in chunks:
            jax.block_until_ready(state.parameters)
        seconds = (time.perf_counter() - started) / max(1, recipe.steps - 1)
        picture = np.clip(np.asarray(state.average if recipe.average else state.parameters), 0, 1)
        found.append(
            Painted(picture, *distances(judge, picture, content, style), float(ssim(picture, content)), seconds)
        )
    return found


@jax.jit
def _distances(judge: Any, picture: Any, content: Any, style: Any) -> Any:
    of_picture, of_content, of_style = (
        judge.features(x, [*problem.STYLE, problem.CONTENT]) for x in (picture, content, style)
    )
    grams = [{layer: gram_matrix(found[layer]) for layer in problem.STYLE} for found in (of_picture, of_style)]
    return mean_distance(*grams), relative_distance(of_picture[problem.CONTENT], of_content[problem.CONTENT])


def distances(judge: Any, picture: np.ndarray, content: np.ndarray, style: np.ndarray) -> tuple[float, float]:
    """To the style, to the content, in the judge."""
    of_style, of_content = _distances(judge, picture, content, style)
    return float(of_style), float(of_content)


def compare(each: dict[str, list[Painted]]) -> dict[str, float]:
    """Style distances where the embedded network's content distance is at the middle weight, and the gap closed."""
    content = middle(each["embedded"]).content
    style = {name: at_content(each[name], content) for name in ("random", "embedded", "imagenet")}
    closed = (style["random"] - style["embedded"]) / (style["random"] - style["imagenet"])
    return {"content": content, **style, "closed": closed}


def at_content(results: list[Painted], content: float) -> float:
    """A network's style distance at a content distance: between its results in logarithms, beyond them the nearest."""
    points = sorted((each.content, each.style) for each in results)
    x, y = np.log(np.array(points)).T
    return float(np.exp(np.interp(np.log(content), x, y)))


def middle(results: list[Painted]) -> Painted:
    """At the middle weight."""
    return results[len(results) // 2]


def without_pictures(found: dict[str, Any]) -> dict[str, Any]:
    """For JSON."""
    keep = ("style", "content", "ssim", "seconds")
    return {
        pair: {
            name: [{key: p[key] for key in keep} for p in results] if isinstance(results, list) else results
            for name, results in each.items()
        }
        for pair, each in found.items()
    }


def tables(found: dict[str, Any]) -> list[str]:
    """The gap, and each network at its middle weight."""
    keys = ("content", "random", "embedded", "imagenet", "closed")
    pairs = [(pair, *(each["at equal content"][key] for key in keys)) for pair, each in found.items()]
    mean = {key: float(np.mean([row[1 + i] for row in pairs])) for i, key in enumerate(keys)}
    mean["closed"] = (mean["random"] - mean["embedded"]) / (mean["random"] - mean["imagenet"])
    gap = report.table(("pair", "at content distance", *keys[1:]), [*pairs, ("mean", *mean.values())])
    names = [name for name in next(iter(found.values())) if name != "at equal content"]
    numbers = ("style", "content", "ssim", "seconds")
    middles = {name: [each[name][len(each[name]) // 2] for each in found.values()] for name in names}
    rows = [(name, *(float(np.mean([p[key] for p in middles[name]])) for key in numbers)) for name in names]
    return [gap, report.table(("network, at its middle weight", *numbers[:3], "seconds a step"), rows)]


if __name__ == "__main__":
    main()
