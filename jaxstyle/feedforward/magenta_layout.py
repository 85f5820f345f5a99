"""Names and shapes of the arrays of Magenta's two networks. Without JAX, so that files can be read without starting it.

Kernels are (height, width, in, out); depthwise kernels are (height, width, 1, channels). The matrices that map the
style vector to a scale or a shift are (100, channels).
"""

from collections.abc import Mapping
from typing import Literal

from jaxstyle.feedforward.store import require_shapes

Part = Literal["predict", "transfer"]

STYLE_SIZE = 100
MAX_WIDTH = 1024
BLOCKS = tuple(
    (f"expanded_conv{f'_{i}' if i else ''}", *settings)
    for i, settings in enumerate(
        (expansion, width, stride if repeat == 0 else 1)
        for expansion, width, repeats, stride in (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        )
        for repeat in range(repeats)
    )
)
"""MobileNetV2's blocks: (name, expansion, channels out, stride); Sandler et al. 2018, table 2."""

CONTRACT = {"contract/conv1": 9, "contract/conv2": 3, "contract/conv3": 3}
RESIDUAL = {f"residual{i}/conv{k}": 3 for i in range(1, 6) for k in (1, 2)}
EXPAND = {"expand/conv1": 3, "expand/conv2": 3, "expand/conv3": 9}
"""{layer of the transformer: height and width of its kernel}; `CONTRACT` and `RESIDUAL` are the same."""

Shapes = dict[str, tuple[int, ...]]


def check_part(found: Mapping[str, tuple[int, ...]], part: Part, *, kernels_only: bool = False) -> None:
    """Raise WeightsError, naming the first differences, unless the arrays are exactly those of the network `part`.

    Args:
        found: {name: shape} of the arrays.
        part: "predict" for the style predictor, "transfer" for the transformer.
        kernels_only: check kernels only, because `found` has no biases yet.
    """
    expected = predictor_shapes() if part == "predict" else transformer_shapes(found)
    if kernels_only:
        expected = {name: shape for name, shape in expected.items() if name.endswith("/kernel")}
    require_shapes(found, expected, "Magenta's style predictor" if part == "predict" else "Magenta's transformer")


def predictor_shapes() -> Shapes:
    """{name: shape} of the style predictor: MobileNetV2 with batch normalisation folded in, then 100 outputs."""
    kernels: Shapes = {"conv": (3, 3, 3, 32)}
    channels = 32
    for name, expansion, width, _ in BLOCKS:
        wide = channels * expansion
        if expansion > 1:
            kernels[f"{name}/expand"] = (1, 1, channels, wide)
        kernels[f"{name}/depthwise"] = (3, 3, 1, wide)
        kernels[f"{name}/project"] = (1, 1, wide, width)
        channels = width
    kernels |= {"conv_1": (1, 1, channels, 1280), "bottleneck": (1, 1, 1280, STYLE_SIZE)}
    shapes: Shapes = {}
    for name, shape in kernels.items():
        shapes |= {f"{name}/kernel": shape, f"{name}/bias": shape[3:]}
    return shapes


def transformer_shapes(found: Mapping[str, tuple[int, ...]]) -> Shapes:
    """{name: shape} of a transformer with as many channels as the contracting kernels in `found`.

    Widths above `MAX_WIDTH` are limited to it, so that such a file does not match.
    """
    narrow, middle, wide = (_width(found.get(f"{name}/kernel", ())) for name in CONTRACT)
    widths = dict(zip(CONTRACT, (narrow, middle, wide), strict=True))
    widths |= dict.fromkeys(RESIDUAL, wide) | dict(zip(EXPAND, (middle, narrow, 3), strict=True))
    shapes: Shapes = {}
    channels = 3
    for name, size in (CONTRACT | RESIDUAL | EXPAND).items():
        width = widths[name]
        shapes[f"{name}/kernel"] = (size, size, channels, width)
        if name in CONTRACT:
            shapes[f"{name}/bias"] = (width,)
        else:
            for part in ("scale", "shift"):
                shapes |= {f"{name}/{part}/kernel": (STYLE_SIZE, width), f"{name}/{part}/bias": (width,)}
        channels = width
    return shapes


def _width(shape: tuple[int, ...]) -> int:
    return min(shape[3], MAX_WIDTH) if len(shape) == 4 else 0
