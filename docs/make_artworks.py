"""Make the pictures and the table of docs/artworks.md: `python docs/make_artworks.py`, a quarter of an hour on 2 cores.

scikit-image brings the photographs, jaxstyle paints the styles, and the network is "imagenet-8bit". With arguments,
only those parts: `python docs/make_artworks.py colors superpixels stages speed`.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA warns of slow constant folding

import numpy as np
from skimage import data
from skimage.color import rgb2lab
from sklearn.metrics import pairwise_distances_argmin_min

from jaxstyle import load_image, load_vgg19, stylize
from jaxstyle.artworks import artwork, draw_stages
from jaxstyle.image import resize, save_image, to_pil
from jaxstyle.preprocess import (
    abstract,
    draw_boundaries,
    merge_regions,
    quantize_colors,
    quantize_with,
    save_indexed,
    superpixels,
)
from jaxstyle.preprocess.strokes import GARDEN, paint_strokes

HERE = Path(__file__).parent
PICTURES = HERE / "images" / "artworks"
PAGE = HERE / "artworks.md"
MARKS = ("<!-- speed: written by docs/make_artworks.py -->\n", "<!-- end of speed -->")

SIZE = 256
NIGHT_STYLE, GARDEN_STYLE = {"seed": 3}, {"seed": 1, "palette": GARDEN}


def save(name: str, pictures: dict[str, Any], height: int) -> None:
    """Write docs/images/artworks/NAME.jpg: the pictures in a row."""
    path = PICTURES / f"{name}.jpg"
    to_pil(draw_stages(pictures, height=height)).save(path, quality=82, optimize=True)
    print(f"{path} {path.stat().st_size} bytes", flush=True)


def colors() -> None:
    """One photograph in few colours, of its own and of another picture, with and without dots."""
    photo = load_image(data.coffee()[40:, 60:420], size=SIZE)
    painting = paint_strokes(SIZE, **GARDEN_STYLE)
    plain = {
        "photograph": photo,
        "16 colours": quantize_colors(photo, 16).image,
        "6 colours": quantize_colors(photo, 6).image,
        "6 colours, median cut": quantize_colors(photo, 6, method="median_cut").image,
    }
    save("colors", plain, SIZE)
    palette = quantize_colors(painting, 12).palette
    dotted = {
        "6 colours, ordered": quantize_colors(photo, 6, dither="ordered").image,
        "6, floyd_steinberg": quantize_colors(photo, 6, dither="floyd_steinberg").image,
        "another picture": painting,
        "in its 12 colours": quantize_with(photo, palette).image,
    }
    save("dither", dotted, SIZE)


def regions() -> None:
    """One photograph cut up, painted by regions, and its regions merged."""
    photo = astronaut()
    found = superpixels(photo, 300)
    merged = merge_regions(found, 14)
    pictures = {
        f"{len(found)} superpixels": draw_boundaries(photo, found),
        "their means": abstract(photo, found),
        f"merged to {len(merged)}": draw_boundaries(photo, merged),
        "their medians": abstract(photo, merged, statistic="median"),
    }
    save("superpixels", pictures, SIZE)


def stages() -> None:
    """Every stage of one artwork, and the same with fewer of them."""
    photo, style, model = load_image(data.chelsea()[:, 60:400], size=SIZE), paint_strokes(384, **NIGHT_STYLE), network()
    made = artwork(photo, style, model=model, superpixels=400, quantize=12, after_quantize=16)
    save("stages", {"style": resize(style, (SIZE, SIZE))} | made.pictures, 200)
    compared = {
        "no stage": stylize(photo, style, model=model).image,
        "superpixels": artwork(photo, style, model=model, superpixels=400).result.image,
        "quantize": artwork(photo, style, model=model, quantize=6).result.image,
        "after quantize": artwork(photo, style, model=model, after_quantize=8).result.image,
    }
    save("compared", compared, SIZE)


def guides() -> None:
    """Merged superpixels as masks: two styles, each in its own regions."""
    photo = astronaut()
    merged = merge_regions(superpixels(photo, 300), 14)
    wall = int(merged.sizes.argmax()) + 1
    masks = merged.masks({"wall": [wall], "rest": {*range(1, len(merged) + 1)} - {wall}})
    night, garden = paint_strokes(384, **NIGHT_STYLE), paint_strokes(384, **GARDEN_STYLE)
    everywhere = np.ones((384, 384), np.float32)
    painted = stylize(
        photo,
        [garden, night],
        model=network(),
        content_masks=masks,
        style_masks=[{"wall": everywhere}, {"rest": everywhere}],
    )
    pictures = {"content": photo, "mask of one style": masks["wall"], "painted": painted.image}
    save("guides", pictures, SIZE)


def astronaut() -> np.ndarray:
    """Her upper half."""
    return load_image(data.astronaut()[:384, 40:424], size=SIZE)


def network() -> Any:
    """The one of the papers."""
    return load_vgg19("imagenet-8bit")


def speed() -> None:
    """Seconds of CPU and errors for a photograph of 12 million pixels, with the grain that a camera adds."""
    photo = resize(data.coffee() / np.float32(255), (3000, 4000))
    grain = np.random.default_rng(0).normal(0, 2 / 255, photo.shape).astype(np.float32)
    photo = np.round(np.clip(photo + grain, 0, 1) * 255).astype(np.uint8)
    distinct = len(np.unique(photo.reshape(-1, 3) @ np.array([65536, 256, 1])))
    rows = [row(photo, method, n) for n in (16, 256) for method in ("kmeans", "minibatch", "median_cut")]
    about = (
        f"{distinct} distinct colours, {os.cpu_count()} CPU cores, whose seconds are added; one run each, after one to "
        "warm up."
    )
    head = ("| method | colours | CPU seconds | mean distance in L\\*a\\*b\\* |", "|---|---|---|---|")
    insert("\n".join((about, "", *head, *rows, "", sizes(photo))) + "\n")


def row(photo: np.ndarray, method: Any, n: int) -> str:
    """The table's row."""
    quantize_colors(photo[:100, :100], n, method=method)
    seconds, found = timed(lambda: quantize_colors(photo, n, method=method))
    lab = [rgb2lab(colors).reshape(-1, 3) for colors in (photo[::10, ::10], found.palette[None])]
    error = pairwise_distances_argmin_min(*lab)[1].mean()
    line = f"| {method} | {n} | {seconds:.1f} | {error:.2f} |"
    print(line, flush=True)
    return line


def sizes(photo: np.ndarray) -> str:
    """What the files of 16 colours take."""
    with tempfile.TemporaryDirectory() as folder:
        full = save_image(Path(folder) / "full.png", photo).stat().st_size
        saved = save_indexed(Path(folder) / "few.png", quantize_colors(photo, 16))
    text = (
        f"As PNG files: the photograph {full / 1e6:.1f} MB, in 16 colours with 24 bits "
        f"{saved.full_bytes / 1e6:.1f} MB, with a palette {saved.bytes / 1e6:.1f} MB."
    )
    print(text, flush=True)
    return text


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds of CPU, what it gave): on two idle cores it is done sooner, whatever else the machine does."""
    started = time.process_time()
    found = call()
    return time.process_time() - started, found


def insert(text: str) -> None:
    """Put the text between the page's two marks."""
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    PAGE.write_text(before + MARKS[0] + text + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8")


PARTS = {"colors": colors, "superpixels": regions, "stages": stages, "guides": guides, "speed": speed}


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
