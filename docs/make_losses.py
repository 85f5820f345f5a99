"""Make the pictures and the cost table of docs/losses.md: `python docs/make_losses.py`, about an hour on 2 cores.

The photograph comes with scikit-image, jaxstyle paints the style, and the network is "imagenet-8bit". With arguments,
only those parts: `python docs/make_losses.py gram remd sheet cost`.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA warns of slow constant folding

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from jaxstyle import load_vgg19, make_objective, stylize
from jaxstyle import losses as ls
from jaxstyle.image import resize, to_pil
from jaxstyle.objective import presets
from jaxstyle.objective.recipe import Recipe, Term
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.preprocess.strokes import paint_strokes
from jaxstyle.saliency import AggregatedActivations

HERE = Path(__file__).parent
PICTURES = HERE / "images" / "losses"
PAGE = HERE / "losses.md"
MARKS = ("<!-- cost: written by docs/make_losses.py -->\n", "<!-- end of cost -->")

SIZE = 256
LAYERS = presets.STYLE_LAYERS
DEEPER = LAYERS[1:4]  # a quarter of the positions or fewer, so that `MANY` samples see many of them
MANY = 4096
CONTENT = (Term(ls.ContentLoss("relu4_2"), 1.0),)
# No line search: one evaluation a step, and far less to compile.
SMOOTH = {"optimizer": LBFGS(1.0, memory=20, line_search=False), "steps": 60, "average": 0.0, "clip": False}
# For losses with a minimum or a best match in them, whose gradients jump.
KINKED = {"optimizer": Adam(0.02), "steps": 80, "average": 0.9}
LOCALIZER = AggregatedActivations()

COST_LAYERS = LAYERS[:3]
COST_SIZE = 512
REPEATS = 5


def each(loss: Callable[..., Any], layers: tuple[str, ...] = LAYERS, **options: Any) -> tuple[Term, ...]:
    """The loss at each layer, their weights adding up to 1."""
    return tuple(Term(loss(layer, **options), 1 / len(layers)) for layer in layers)


def painted(*style: Term, smooth: float = 2.0, how: dict[str, Any] = SMOOTH) -> Recipe:
    """A style loss beside content and total variation, as in `presets.default()`."""
    prior = (Term(ls.TotalVariation(), smooth, relative=False),)
    return Recipe(content=CONTENT, style=style, prior=prior, style_weight=10.0, **how)


def kept(*content: Term, prior: tuple[Term, ...] = ()) -> Recipe:
    """The Gram loss beside one preservation term and nothing else."""
    return Recipe(content=content, style=each(ls.GramLoss), prior=prior, style_weight=10.0, **SMOOTH)


def recipes() -> dict[str, Recipe]:
    """{name of the picture: how it is made}."""
    neighbours = (Term(ls.NearestNeighbourLoss((layer,), samples=MANY), 0.5) for layer in DEEPER)
    return {
        "gram": painted(*each(ls.GramLoss)),
        "moments": painted(*each(ls.MomentLoss)),
        "gaussian_wasserstein": painted(*each(ls.GaussianWassersteinLoss)),
        "sliced_wasserstein": painted(*each(ls.SlicedWassersteinLoss)),
        "histogram": painted(*each(ls.HistogramLoss)),
        "mmd": painted(*each(ls.MMDLoss, DEEPER, samples=MANY)),
        "hypercolumn_moments": painted(Term(ls.HypercolumnMomentLoss(LAYERS[:4], samples=SIZE**2))),
        "remd": painted(Term(ls.RelaxedEMDLoss(DEEPER, samples=MANY)), smooth=10.0, how=KINKED),
        "palette": replace(painted(Term(ls.PaletteLoss(samples=MANY)), smooth=4.0, how=KINKED), content=()),
        "nearest_neighbour": painted(*neighbours, smooth=10.0, how=KINKED),
        "contextual": painted(*each(ls.ContextualLoss, DEEPER, samples=MANY), smooth=10.0, how=KINKED),
        "none": kept(),
        "content": kept(Term(ls.ContentLoss("relu4_2"), 1.0)),
        "self_similarity": kept(Term(ls.SelfSimilarityLoss((*DEEPER, "relu5_1"), samples=MANY), 3.0)),
        "laplacian": kept(Term(ls.LaplacianLoss(pool=2), 10.0)),
        "luminance": kept(Term(ls.LuminanceLoss(), 20.0)),
        "region": kept(Term(ls.RegionLoss(LOCALIZER), 1.0)),
        "salient_content": kept(Term(ls.SalientContentLoss("relu4_2", LOCALIZER), 1.0)),
        "preservation": kept(Term(ls.PreservationLoss("edges"), 10.0)),
        "total_variation": kept(prior=(Term(ls.TotalVariation(), 20.0, relative=False),)),
    }


def pictures(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Content and style: the astronaut's upper half, and a painting made by a program."""
    astronaut = np.asarray(data.astronaut()[:384, 40:424], np.float32) / 255
    return resize(astronaut, (size, size)), resize(paint_strokes(384, seed=3), (size, size))


def paint(recipe: Recipe, model: Any) -> np.ndarray:
    """At half the size first, where a stroke covers twice as much; then the whole, from where that ended."""
    content, style = pictures(SIZE)
    coarse = stylize(content, style, model=model, recipe=recipe, size=SIZE // 2)
    return stylize(content, style, model=model, recipe=recipe, init=coarse.image).image


def save(name: str, picture: np.ndarray) -> None:
    """Write docs/images/losses/NAME.jpg."""
    path = PICTURES / f"{name}.jpg"
    to_pil(picture).save(path, quality=80, optimize=True)
    print(f"{path} {path.stat().st_size} bytes", flush=True)


def sheet(columns: int = 5, gap: int = 8, label: int = 18) -> None:
    """Write docs/images/losses/all.jpg: content, style and every picture, named."""
    content, style = map(to_pil, pictures(SIZE))
    made = {name: Image.open(PICTURES / f"{name}.jpg") for name in recipes()}
    named = {"(content picture)": content, "(style picture)": style} | made
    width, height = SIZE + gap, SIZE + gap + label
    paper = Image.new("RGB", (columns * width + gap, -(-len(named) // columns) * height + gap), "white")
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    for i, (name, picture) in enumerate(named.items()):
        x, y = gap + i % columns * width, gap + i // columns * height
        paper.paste(picture, (x, y))
        draw.text((x, y + SIZE + 1), name, "black", font)
    paper.save(PICTURES / "all.jpg", quality=60, optimize=True)


def three(loss: Callable[..., Any], **options: Any) -> tuple[Term, ...]:
    """The loss at each of the three layers of the cost table."""
    return each(loss, COST_LAYERS, **options)


class Cost(NamedTuple):
    """What is measured, at which layers, and the Gram terms it is compared with."""

    name: str
    terms: tuple[Term, ...]
    layers: str = "three"
    gram: tuple[Term, ...] = three(ls.GramLoss)


def costs() -> list[Cost]:
    """The rows of the table; losses have their default settings unless the name says otherwise."""
    relu3_2 = (Term(ls.GramLoss("relu3_2")),)
    neighbours = tuple(Term(ls.NearestNeighbourLoss((layer,))) for layer in COST_LAYERS)
    return [
        Cost("moments", three(ls.MomentLoss)),
        Cost("moments, covariance=True", three(ls.MomentLoss, covariance=True)),
        Cost("gaussian_wasserstein", three(ls.GaussianWassersteinLoss)),
        Cost("sliced_wasserstein", three(ls.SlicedWassersteinLoss)),
        Cost("histogram", three(ls.HistogramLoss)),
        Cost('mmd, kernel="linear"', three(ls.MMDLoss, kernel="linear")),
        Cost('mmd, kernel="polynomial"', three(ls.MMDLoss, kernel="polynomial")),
        Cost("mmd (1024 samples)", three(ls.MMDLoss)),
        Cost("hypercolumn_moments (1024 samples)", (Term(ls.HypercolumnMomentLoss(COST_LAYERS)),), "one hypercolumn"),
        Cost("remd (1024 samples)", (Term(ls.RelaxedEMDLoss(COST_LAYERS)),), "one hypercolumn"),
        Cost("remd, samples=4096", (Term(ls.RelaxedEMDLoss(COST_LAYERS, samples=MANY)),), "one hypercolumn"),
        Cost("nearest_neighbour (4096 samples)", neighbours),
        Cost("contextual (1024 samples)", three(ls.ContextualLoss)),
        Cost("contextual, samples=4096", three(ls.ContextualLoss, samples=MANY)),
        Cost("palette (1024 samples)", (Term(ls.PaletteLoss()),), "input"),
        Cost("content", (Term(ls.ContentLoss("relu3_2")),), "relu3_2", relu3_2),
        Cost("self_similarity (1024 samples)", (Term(ls.SelfSimilarityLoss(COST_LAYERS)),), "one hypercolumn"),
        Cost("laplacian", (Term(ls.LaplacianLoss()),), "input"),
        Cost("luminance", (Term(ls.LuminanceLoss()),), "input"),
        Cost("total_variation", (Term(ls.TotalVariation()),), "input"),
    ]


def compiled(terms: tuple[Term, ...], model: Any) -> tuple[Callable[[], Any], int]:
    """One value and gradient at 512x512, compiled and run once, and the bytes it needs beside inputs and outputs."""
    content, style = map(jax.numpy.asarray, pictures(COST_SIZE))
    objective = make_objective(model, content, style, Recipe(content=(), style=terms))
    function = jax.jit(jax.value_and_grad(lambda objective, image: objective(image)[0], argnums=1))
    program = function.lower(objective, content).compile()

    def call() -> Any:
        return jax.block_until_ready(program(objective, content))

    call()
    return call, program.memory_analysis().temp_size_in_bytes


def seconds(call: Callable[[], Any]) -> float:
    """Of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def measure(cost: Cost, grams: dict[tuple[Term, ...], Any], model: Any) -> tuple[str, float, float]:
    """The table's row, and the Gram's own seconds and bytes; both programs take turns."""
    if cost.gram not in grams:
        grams[cost.gram] = compiled(cost.gram, model)
    (gram, gram_bytes), (call, own_bytes) = grams[cost.gram], compiled(cost.terms, model)
    pairs = [(seconds(gram), seconds(call)) for _ in range(REPEATS)]
    theirs, own = (statistics.median(column) for column in zip(*pairs, strict=True))
    row = f"| {cost.name} | {cost.layers} | {own / theirs:.2g} | {own_bytes / gram_bytes:.2g} |"
    print(row, flush=True)
    return row, theirs, gram_bytes


def table(model: Any) -> str:
    """The cost table in Markdown."""
    grams: dict[tuple[Term, ...], Any] = {}
    rows, times, sizes = zip(*(measure(cost, grams, model) for cost in costs()), strict=True)
    about = (
        f"Gram itself, at relu1_1, relu2_1 and relu3_1: {times[0]:.2g} s and {sizes[0] / 2**20:.0f} MiB. "
        f"{os.cpu_count()} CPU cores, jax {jax.__version__}, float32, {COST_SIZE}x{COST_SIZE}, imagenet-8bit, "
        f"median of {REPEATS} calls, each next to one of Gram's."
    )
    head = ("| loss | layers | time / Gram's | memory / Gram's |", "|---|---|---|---|", "| gram | three | 1 | 1 |")
    return "\n".join((about, "", *head, *rows)) + "\n"


def insert(text: str) -> None:
    """Put the text between the page's two marks."""
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    PAGE.write_text(before + MARKS[0] + text + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8")


def main(parts: list[str]) -> None:
    """Make the parts: names of pictures, "sheet", "cost"."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    model = load_vgg19("imagenet-8bit")
    for name, recipe in recipes().items():
        if name in parts:
            save(name, paint(recipe, model))
    if "sheet" in parts:
        sheet()
    if "cost" in parts:
        insert(table(model))


if __name__ == "__main__":
    main(sys.argv[1:] or [*recipes(), "sheet", "cost"])
