"""Whether a run that came to its end is any better than its beginning, and what to do where it is not."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

from jaxstyle.objective.recipe import Recipe

Status = Literal["done", "stopped", "not finite", "no better"]
Columns = Mapping[str, Float[np.ndarray, " n"]]
FEW = 10
"""Runs of fewer steps are trials, and are not judged: L-BFGS's first step alone moves no pixel by a level."""
LEVEL = 1 / 255
"""One step of a picture of 8 bits."""


def not_finite(recipe: Recipe, history: Columns) -> str:
    """Which step of a run was not finite, in which term, and what helps: `history` ends with that step."""
    steps = len(history["total"])
    terms = [name for name, column in history.items() if name != "total" and not np.isfinite(column[-1:]).all()]
    where = f" in {', '.join(terms)}" if terms else ""
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
    """Why a finished run has failed all the same, and what helps; None where nothing speaks against it.

    Args:
        recipe: what it was painted by.
        totals: the loss before each step at the last size.
        image: the result.
        begin: the picture that the run began from.
        content: the content.
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
    """What makes smaller steps."""
    if recipe.optimizer.kind == "lbfgs":
        return "the optimiser Adam, or L-BFGS with a line search,"
    return "a smaller learning rate or style weight"


def _is_flat(image: Float[np.ndarray, "h w 3"]) -> bool:
    return bool((image.max((0, 1)) - image.min((0, 1)) < LEVEL).all())
