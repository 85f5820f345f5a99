"""Judges whether a finished run is better than its beginning, and says what may help if it is not."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

from jaxstyle.objective.recipe import Recipe

Status = Literal["done", "stopped", "not finite", "no better"]
Columns = Mapping[str, Float[np.ndarray, " n"]]
FEW = 10
"""Runs of fewer steps are trials, and are not judged: the first step of L-BFGS alone changes no pixel by `LEVEL`."""
LEVEL = 1 / 255
"""The difference between two neighbouring values of an 8-bit picture, scaled to [0, 1]."""


def not_finite(recipe: Recipe, history: Columns) -> str:
    """Say which step of a run was not finite, in which terms, and what may help. `history` ends with that step."""
    steps = len(history["total"])
    terms = [name for name, column in history.items() if name != "total" and not np.isfinite(column[-1:]).all()]
    where = f" in {', '.join(terms)}" if terms else ": a gradient, for the losses were"
    if steps <= 1:
        return f"step 1 was not finite{where}, so no setting of the optimiser is to blame; try another size or recipe"
    return f"step {steps} was not finite{where}; {_gentler(recipe)} may help"


def no_better(
    recipe: Recipe,
    totals: Float[np.ndarray, " n"],
    image: Float[np.ndarray, "h w 3"],
    begin: Float[np.ndarray, "_h _w 3"],
    content: Float[np.ndarray, "h w 3"],
) -> str | None:
    """Say why a finished run is no better than its beginning, and what may help; None if nothing is wrong.

    Args:
        recipe: the recipe of the run.
        totals: the weighted total before each step at the last size.
        image: the result, RGB in [0, 1].
        begin: the image that the run started from.
        content: the content picture.
    """
    if len(totals) < FEW:
        return None
    if totals[-1] > totals[0]:
        return f"the loss rose from {totals[0]:.4g} to {totals[-1]:.4g}; {_gentler(recipe)} may help"
    if recipe.content and _is_flat(image) and not _is_flat(content):
        return "the picture is of one colour; a smaller style weight or learning rate may help"
    if image.shape == begin.shape and np.abs(image - begin).max() < LEVEL / 2:
        return "no pixel has changed; more steps, a larger style weight or learning rate may help"
    return None


def _gentler(recipe: Recipe) -> str:
    """What to try for smaller steps, as the subject of "may help"."""
    if recipe.optimizer.kind == "lbfgs":
        return "the optimiser Adam, or L-BFGS with a line search,"
    return "a smaller learning rate or style weight"


def _is_flat(image: Float[np.ndarray, "h w 3"]) -> bool:
    return bool((image.max((0, 1)) - image.min((0, 1)) < LEVEL).all())
