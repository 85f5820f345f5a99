"""Does `presets.gatys()` follow the losses that Gatys' own notebook printed?

    python benchmarks/gatys_curve.py [--steps 500] [--weights imagenet-8bit] [--resizing triangle two-by-two]

The notebook (github.com/leongatys/PytorchNeuralStyleTransfer, 2017) paints Tübingen in the style of The Starry Night:
short edge 512, bilinear, from the content, 500 evaluations of L-BFGS without line search. Its pictures are those of
../shared/data/images. "Bilinear" has meant two things: since Pillow 2.7 a triangle as wide as the reduction, which
averages all pixels, and before it the two by two nearest pixels, whatever lies between. Both are painted.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import report

import jaxstyle
from jaxstyle.objective import presets

PICTURES = Path(__file__).resolve().parents[2] / "shared/data/images"
CONTENT, STYLE = "content_tuebingen_neckarfront.jpg", "style_vangogh_starry_night.jpg"
PRINTED = (1388532.5, 707860.75, 538045.4, 469374.9, 433804.6, 411657.6, 395248.2, 383885.3, 375128.8, 368493.8)
"""The notebook's losses at its evaluations 49, 99, ..., 499, which it calls 50, 100, ..., 500."""
EVERY = 50


def read(name: str, resizing: str, edge: int = 512) -> np.ndarray:
    """A picture with its short edge at `edge`, uint8, resized as the notebook's torchvision did, by either bilinear."""
    from PIL import Image

    image = Image.open(PICTURES / name).convert("RGB")
    width, height = (int(edge * side / min(image.size)) for side in image.size)
    if resizing == "triangle":
        return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    # An affine map samples two by two pixels in every Pillow.
    columns, rows = image.width / width, image.height / height
    return np.asarray(
        image.transform((width, height), Image.Transform.AFFINE, (columns, 0, 0, 0, rows, 0), Image.Resampling.BILINEAR)
    )


def paint(resizing: str, options: Any) -> dict[str, Any]:
    """The losses at the notebook's evaluations, and what it took."""
    content, style = (read(name, resizing, 64 if options.quick else 512) for name in (CONTENT, STYLE))
    began = time.perf_counter()
    result = jaxstyle.stylize(
        content,
        style,
        model=options.weights,
        recipe=presets.gatys(),
        steps=options.steps,
        style_scale=max(style.shape) / max(content.shape),  # as it is
    )
    if options.save:
        result.save(options.save / f"gatys-{resizing}.png")
    losses = result.history["total"][EVERY - 2 :: EVERY]
    return {
        "sizes": [list(content.shape[1::-1]), list(style.shape[1::-1])],
        "losses": [round(float(value), 1) for value in losses],
        "ratios": [round(float(ours / his), 4) for ours, his in zip(losses, PRINTED, strict=False)],
        "seconds": round(time.perf_counter() - began, 1),
    }


def table(found: dict[str, Any]) -> str:
    """The notebook's losses beside those of each resizing."""
    header = ("evaluation", "notebook", *(f"{name}, {what}" for name in found for what in ("loss", "ratio")))
    longest = max(len(each["losses"]) for each in found.values())
    rows = []
    for i, his in enumerate(PRINTED[:longest]):
        ours = [
            each[what][i] if i < len(each[what]) else None for each in found.values() for what in ("losses", "ratios")
        ]
        rows.append((EVERY * (i + 1), his, *ours))
    return report.table(header, rows)


def main() -> None:
    """Paint and compare."""
    parser = report.parser(__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--weights", default="imagenet-8bit")
    parser.add_argument("--resizing", nargs="+", default=["triangle", "two-by-two"])
    parser.add_argument("--save", type=Path, help="folder for the pictures")
    options = parser.parse_args()
    if options.quick:
        options.steps, options.weights = EVERY, "embedded"
    found = {resizing: paint(resizing, options) for resizing in options.resizing}
    options.save, question = None, "Does presets.gatys() follow the losses that Gatys' own notebook printed?"
    report.write("gatys_curve", question, {"printed": PRINTED, "runs": found}, [table(found)], options)


if __name__ == "__main__":
    main()
