"""Make the pictures and the cost table of docs/losses.md: `python docs/make_losses.py`, about ten minutes on 2 cores.

Offline: the extra `demo` brings the photograph, jaxstyle paints the style, and the network is the embedded one, whose
filters are random. With arguments, only those: `python docs/make_losses.py gram remd sheet cost`.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from jaxstyle import load_vgg19, make_objective, stylize
from jaxstyle import losses as of
from jaxstyle.image import resize, to_pil
from jaxstyle.losses import LOSSES
from jaxstyle.optimizers import LBFGS, Adam
from jaxstyle.recipe import Recipe, Term
from jaxstyle.strokes import paint_strokes

HERE = Path(__file__).parent
PICTURES = HERE / "images" / "losses"
PAGE = HERE / "losses.md"
MARKS = ("<!-- cost: written by docs/make_losses.py -->", "<!-- end of cost -->")

SIZE = 192
LAYERS = ("relu1_1", "relu2_1", "relu3_1")
DEEPER = ("relu2_1", "relu3_1")  # a quarter of the positions: 4096 samples see nearly half of them
CONTENT = (Term(of.ContentLoss("relu3_2"), 0.1),)
PRIOR = (Term(of.TotalVariation(), 1.0, relative=False),)
MANY = 4096

COST_SIZE = 512
REPEATS = 7


def each(loss: Callable[..., Any], layers: tuple[str, ...] = LAYERS, **options: Any) -> tuple[Term, ...]:
    """The loss at each layer, their weights adding up to 1."""
    return tuple(Term(loss(layer, **options), 1 / len(layers)) for layer in layers)


def painted(style: tuple[Term, ...], weight: float = 60.0, **options: Any) -> Recipe:
    """A style loss beside a little content and total variation, as in `presets.embedded()`."""
    base = {"content": CONTENT, "prior": PRIOR, "optimizer": LBFGS(), "steps": 40, "average": 0.0, "clip": False}
    return Recipe(**(base | {"style": style, "style_weight": weight} | options))


def kept(*content: Term, prior: tuple[Term, ...] = ()) -> Recipe:
    """The Gram loss beside one preservation term and nothing else."""
    return painted(each(of.GramLoss), content=content, prior=prior)


def recipes() -> dict[str, Recipe]:
    """{name of the picture: how it is made}."""
    return {
        "gram": painted(each(of.GramLoss)),
        "moments": painted(each(of.MomentLoss)),
        "gaussian_wasserstein": painted(each(of.GaussianWassersteinLoss)),
        "sliced_wasserstein": painted(each(of.SlicedWassersteinLoss)),
        "histogram": painted(each(of.HistogramLoss)),
        "mmd": painted(each(of.MMDLoss, DEEPER, samples=MANY)),
        "remd": painted((Term(of.RelaxedEMDLoss(DEEPER, samples=MANY)),)),
        "hypercolumn_moments": painted((Term(of.HypercolumnMomentLoss(LAYERS, samples=SIZE**2)),)),
        "palette": painted((Term(of.PaletteLoss(samples=MANY)),)),
        "nearest_neighbour": painted(tuple(Term(of.NearestNeighbourLoss((layer,)), 0.5) for layer in DEEPER)),
        "contextual": painted(each(of.ContextualLoss, DEEPER, samples=MANY)),
        "none": kept(),
        "content": kept(Term(of.ContentLoss("relu3_2"), 1.0)),
        "self_similarity": kept(Term(of.SelfSimilarityLoss((*DEEPER, "relu4_1"), samples=MANY), 10.0)),
        "laplacian": kept(Term(of.LaplacianLoss(pool=2), 10.0)),
        "luminance": kept(Term(of.LuminanceLoss(), 10.0)),
        "total_variation": kept(prior=(Term(of.TotalVariation(), 20.0, relative=False),)),
    }


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Content and style: the astronaut's upper half, and a painting made by a program."""
    astronaut = np.asarray(data.astronaut()[:384, 40:424], np.float32) / 255
    return resize(astronaut, (SIZE, SIZE)), paint_strokes(384, seed=3)


def paint(recipe: Recipe, model: Any) -> np.ndarray:
    """At half the size first, where a stroke covers twice as much; then the whole, from where that ended."""
    content, style = pictures()
    coarse = stylize(content, style, model=model, recipe=recipe, size=SIZE // 2)
    return stylize(content, style, model=model, recipe=recipe, init=coarse.image).image


def save(name: str, picture: np.ndarray) -> None:
    """Write docs/images/losses/NAME.jpg."""
    to_pil(picture).save(PICTURES / f"{name}.jpg", quality=85, optimize=True)


def sheet(names: list[str], columns: int = 5, gap: int = 8, label: int = 18) -> None:
    """Write docs/images/losses/all.jpg: every picture with its name below."""
    rows = -(-len(names) // columns)
    step = SIZE + gap
    paper = Image.new("RGB", (columns * step + gap, rows * (step + label) + gap), "white")
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    for i, name in enumerate(names):
        x, y = gap + i % columns * step, gap + i // columns * (step + label)
        paper.paste(Image.open(PICTURES / f"{name}.jpg"), (x, y))
        draw.text((x, y + SIZE + 1), name, "black", font)
    paper.save(PICTURES / "all.jpg", quality=80, optimize=True)


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    model = load_vgg19("embedded")
    wanted = sys.argv[1:] or list(recipes())
    for name in wanted:
        t = time.perf_counter()
        save(name, paint(recipes()[name], model))
        print(name, time.perf_counter() - t, (PICTURES / f"{name}.jpg").stat().st_size, flush=True)
    for n, p in zip(("inputs-content", "inputs-style"), pictures()):
        save(n, resize(p, (SIZE, SIZE)))
    sheet([n for n in ("inputs-content", "inputs-style", *recipes()) if (PICTURES / f"{n}.jpg").exists()])
