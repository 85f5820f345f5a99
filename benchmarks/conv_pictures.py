"""Do the fast and the exact convolution paint the same picture?

    python benchmarks/conv_pictures.py [--size 256] [--steps 200] [--weights imagenet|he] [--pairs 3]

Adam from the content with both plans, on every pair; SSIM of the finished pictures, their largest difference, and the
totals reached. Beside it what rounding alone does: the exact plan from a first image that differs by 1e-6.
"""

import tempfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import problem
import report
from jax_side import make_model, make_objectives
from skimage.metrics import structural_similarity

from jaxstyle import optimize
from jaxstyle.optimize.optimizers import Adam

PICTURES = problem.SHARED / "images"
PAIRS = (
    ("content_tuebingen_neckarfront", "style_vangogh_starry_night"),
    ("content_golden_gate_512", "style_hokusai_great_wave_256"),
    ("content_tree_1920x1080", "style_munch_scream"),
)


def paint(objective: Any, first: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    """The averaged picture, and the last total."""
    optimizer = Adam(**problem.ADAM)
    state = optimize.init(jnp.asarray(first), optimizer)
    *_, (last, info) = optimize.chunks(state, objective, optimizer, steps, average=problem.AVERAGE)
    return np.asarray(last.average), float(info.total[-1])


def compare(pictures: dict[str, np.ndarray], options: Any) -> dict[str, Any]:
    """Both plans' pictures of one pair, compared."""
    model, first = make_model(pictures), pictures["content"][0]
    exact, fast = (make_objectives(model, pictures, {"conv": conv})[0] for conv in ("exact", "winograd"))
    nudged = first + np.random.default_rng(0).normal(0, 1e-6, first.shape).astype(np.float32)
    (a, total), (b, other), (c, _) = (
        paint(objective, image, options.steps) for objective, image in ((exact, first), (fast, first), (exact, nudged))
    )
    likeness = [float(structural_similarity(a, x, channel_axis=-1, data_range=1.0)) for x in (b, c)]
    return {
        "ssim": likeness[0],
        "ssim of a nudge": likeness[1],
        "largest difference": float(np.abs(a - b).max()),
        "totals": [total, other],
    }


def problems(options: Any, folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """{pair: problem}; the pictures of ../shared/data where they are, else made-up ones."""
    path = folder / "problem.npz"
    problem.make(path, options.size, batch=options.pairs, narrow=8 if options.quick else 1, weights=options.weights)
    made, found = problem.load(path), {}
    for i in range(options.pairs):
        if PICTURES.is_dir() and i < len(PAIRS):
            pictures = {"content": _read(PAIRS[i][0], options.size), "style": _read(PAIRS[i][1], options.size)}
            found[" x ".join(PAIRS[i])] = made | pictures
        else:
            found[f"made-up {i}"] = made | {name: made[name][i : i + 1] for name in ("content", "style")}
    return found


def _read(name: str, size: int) -> np.ndarray:
    from jaxstyle.image import load_image, resize

    return np.asarray(resize(load_image(PICTURES / f"{name}.jpg"), (size, size)), np.float32)[None]


def main() -> None:
    """Measure and write."""
    parser = report.parser(__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--weights", choices=("he", "imagenet"), default="imagenet")
    options = parser.parse_args()
    if options.quick:
        options.size, options.steps, options.pairs, options.weights = 64, 2, 1, "he"
    with tempfile.TemporaryDirectory() as folder:
        found = {name: compare(each, options) for name, each in problems(options, Path(folder)).items()}
    header = ("pair", "SSIM", "SSIM after a nudge of 1e-6", "largest difference", "total, exact", "total, winograd")
    rows = [
        (k, f"{v['ssim']:.5f}", f"{v['ssim of a nudge']:.5f}", v["largest difference"], *v["totals"])
        for k, v in found.items()
    ]
    question = "Do the fast and the exact convolution paint the same picture?"
    report.write("conv_pictures", question, {"pairs": found}, [report.table(header, rows)], options)


if __name__ == "__main__":
    main()
