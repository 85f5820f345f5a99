"""How many optimisation steps does a start from a fast network's result save?

    python benchmarks/fast_refine.py [--size 256] [--steps 150] [--network FILE] [--weights imagenet-8bit|embedded]
    python benchmarks/fast_refine.py --train 500 --photographs FOLDER [--init NETWORK]

Each pair is painted by the recipe that the command line takes for such a network (`presets.default()`, Adam; for
"embedded" `presets.embedded()`, L-BFGS), from the content and from what the fast network makes of it: Magenta's public
pair in ../shared/data, `--network`, or with `--train` a Johnson-type network that learns the pair's style by the same
losses first, from photographs that should not be the contents. Counted is the sum of weighted content and style losses
of the averaged picture, the same objective for both starts, and the steps from the content after which the loss is that
of 50 steps from the fast result.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import problem
import report

from jaxstyle import load_fast, load_vgg19, make_objective, optimize
from jaxstyle.feedforward import load_johnson, load_magenta
from jaxstyle.feedforward.train.johnson import train_johnson
from jaxstyle.feedforward.train.settings import JohnsonTraining
from jaxstyle.image import fit, load_image, resize
from jaxstyle.objective import presets
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe

PAIRS = (
    ("content_tuebingen_neckarfront", "style_vangogh_starry_night"),
    ("content_golden_gate_512", "style_munch_scream"),
    ("content_tree_1920x1080", "style_hokusai_great_wave_256"),
    ("content_golden_gate_512", "style_matisse_woman_with_hat"),
)
MAGENTA = ("style_predict_quantized_256.tflite", "style_transfer_f16_384.tflite")
REFINED = 50


def pictures(size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{pair: (content, style)}; made-up ones where ../shared/data is not."""
    folder = problem.SHARED / "images"
    if not folder.is_dir():
        return {"made-up": (problem.photograph(size, 0), problem.photograph(size, 1000) ** 1.5)}
    return {
        f"{content[8:]} x {style[6:]}": (
            load_image(folder / f"{content}.jpg", size=size),
            load_image(folder / f"{style}.jpg"),
        )
        for content, style in PAIRS
    }


def features(weights: str) -> tuple[Any, Recipe]:
    """The network of the losses, and the recipe, at the picture's own size alone."""
    return load_vgg19(weights), replace(presets.recipe_for(weights), pyramid=None)


def curve(objective: Any, recipe: Recipe, first: Any, steps: int) -> dict[int, float]:
    """{steps done: content and style loss of the averaged picture}, every ten steps."""
    state, found = optimize.init(jnp.asarray(first), recipe.optimizer), {0: loss(objective, recipe, first)}
    every: dict[str, Any] = {"every": 10, "seconds": 1e9, "average": recipe.average, "clip": recipe.clip}
    for state, _ in optimize.chunks(state, objective, recipe.optimizer, steps, **every):  # noqa: B020
        if int(state.step) % 10 == 0:
            found[int(state.step)] = loss(objective, recipe, np.clip(state.average, 0, 1))
    return found


def loss(objective: Any, recipe: Recipe, image: Any) -> float:
    """What content and style terms add to the total."""
    _, values = objective(jnp.asarray(image))
    weights = recipe.weights()
    return float(sum(weights[term.name] * values[term.name] for term in (*recipe.content, *recipe.style)))


def trained(options: Any, model: Any, recipe: Recipe, style: Any) -> Any:
    """A Johnson-type network of a style, by the recipe's losses."""
    size = options.size * 3 // 64 * 16
    settings = JohnsonTraining(steps=options.train, batch=1, size=size, style_size=options.size)
    init = load_johnson(options.init) if options.init else None
    with tempfile.TemporaryDirectory() as folder:
        chosen: dict[str, Any] = {"model": model, "recipe": recipe, "settings": settings, "init": init}
        made = train_johnson(options.photographs, style, folder, **chosen, devices=jax.local_devices()[:1])
        return load_johnson(made.path)


def compare(fast: Any, model: Any, recipe: Recipe, content: Any, style: Any, steps: int) -> dict[str, Any]:
    """Both curves of one pair."""
    code = fast.style_code(resize(style, (256, 256))) if getattr(fast, "takes_style", True) else ()
    start = np.asarray(fast(content, code))
    there = resize(style, fit(style.shape[:2], max(content.shape[:2])))
    objective = make_objective(model, content, there, recipe, plan=Plan())
    refined = min(REFINED, steps)
    found = {"content": curve(objective, recipe, content, steps), "fast": curve(objective, recipe, start, refined)}
    reached = found["fast"][refined]
    return found | {"steps from content": next((n for n, each in found["content"].items() if each <= reached), None)}


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=150, help="from the content")
    parser.add_argument("--network", help="the fast network: a file that jaxstyle saved")
    parser.add_argument("--train", type=int, default=0, help="steps of a Johnson-type network for each style")
    parser.add_argument("--photographs", help="folder to train on")
    parser.add_argument("--init", help="the Johnson-type network to begin from")
    parser.add_argument("--weights", default="imagenet-8bit", help="the network of the losses")
    options = parser.parse_args()
    if bool(options.train) != bool(options.photographs) or (options.init and not options.train):
        parser.error("--train needs --photographs, and --photographs and --init need --train")
    if options.train and options.network:
        parser.error("--network: --train makes the networks; leave one of the two out")
    if options.quick:
        options.size, options.steps, options.weights = 64, 10, "embedded"
    given = [problem.SHARED / "magenta" / name for name in MAGENTA]
    fast = None if options.train else load_fast(options.network) if options.network else load_magenta(*given)
    model, recipe = features(options.weights)
    found = {}
    for name, pair in pictures(options.size).items():
        found[name] = compare(fast or trained(options, model, recipe, pair[1]), model, recipe, *pair, options.steps)
        report.say(f"{name}: {found[name]}")
    last, refined = options.steps, min(REFINED, options.steps)
    rows = [
        (
            name,
            each["content"][0],
            each["fast"][0],
            each["fast"][refined],
            each["content"][last],
            each["steps from content"],
        )
        for name, each in found.items()
    ]
    header = (
        "pair",
        "content",
        "fast",
        f"fast + {refined}",
        f"content + {last}",
        f"steps from content to fast + {refined}",
    )
    options.network = options.photographs = None
    options.init = options.init and Path(options.init).stem
    question = "How many optimisation steps does a start from a fast network's result save?"
    name = "fast_refine_embedded" if options.weights == "embedded" else "fast_refine"
    name += "_trained" if options.train else ""
    report.write(name, question, {"pairs": found}, [report.table(header, rows)], options)


if __name__ == "__main__":
    main()
