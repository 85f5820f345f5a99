"""Figures of a run: pictures side by side, and the losses over the steps. Needs matplotlib (the extra `demo`)."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from jaxstyle.image import resize, save_image

Image = Float[np.ndarray, "_h _w 3"]


def save_side_by_side(path: str | os.PathLike, *pictures: Image, gap: int = 8) -> Path:
    """Write the pictures in a row, at the height of the last one, white between them; RGB in [0, 1]."""
    height = pictures[-1].shape[0]
    row: list[np.ndarray] = []
    for picture in pictures:
        width = max(1, round(picture.shape[1] * height / picture.shape[0]))
        row += [resize(picture, (height, width)), np.ones((height, gap, 3), np.float32)]
    return save_image(path, np.concatenate(row[:-1], 1))


def save_loss_curve(path: str | os.PathLike, history: Mapping[str, Float[np.ndarray, " n"]]) -> Path:
    """Write the weighted total and each term's unweighted value over the steps, on a logarithmic scale."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, values in history.items():
        style = {"color": "black", "linewidth": 2.0} if name == "total" else {"linewidth": 1.2}
        axes.plot(np.arange(len(values)), values, label=name, **style)
    axes.set(xlabel="step", ylabel="value (total: weighted; terms: unweighted)", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    return Path(path)
