"""Simplify pictures before or after a transfer, in NumPy: fewer colours, superpixels.

A picture is anything that `jaxstyle.image.load_image` reads. Returned pictures are (h, w, 3) float32 in [0, 1],
sRGB-encoded, without alpha; fully transparent pixels are white. To keep alpha, take `read_picture(source).alpha` and
pass it to `save_image(path, rgb, alpha=alpha)`. scikit-learn and scikit-image are imported when first needed.
"""

from jaxstyle.preprocess.abstraction import abstract, draw_boundaries
from jaxstyle.preprocess.indexed import Saved, save_indexed
from jaxstyle.preprocess.merge import merge_regions
from jaxstyle.preprocess.quantization import MOST_COLORS, Quantized, quantize_colors, quantize_with
from jaxstyle.preprocess.segmentation import Segmentation, superpixels

__all__ = [
    "MOST_COLORS",
    "Quantized",
    "Saved",
    "Segmentation",
    "abstract",
    "draw_boundaries",
    "merge_regions",
    "quantize_colors",
    "quantize_with",
    "save_indexed",
    "superpixels",
]
