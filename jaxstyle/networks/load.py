"""Networks from files, or by name."""

from typing import Any

from jaxstyle.networks.vgg import VGG19
from jaxstyle.weights.download import Progress
from jaxstyle.weights.layout import Padding, Pooling, Preprocessing
from jaxstyle.weights.load import Source, read_weights


def load_vgg19(
    source: Source = "imagenet",
    *,
    preprocessing: Preprocessing | str | None = None,
    padding: Padding | None = None,
    pooling: Pooling | None = None,
    ceil_mode: bool | None = None,
    progress: Progress | None = None,
) -> VGG19:
    """Load a VGG19 from a file or by name; the arguments are `read_weights`'s.

    Example:
        >>> model = jaxstyle.load_vgg19("imagenet")  # 80 MB, downloaded on first use
        >>> model = jaxstyle.load_vgg19("vgg19-dcbb9e9d.pth")
    """
    options: dict[str, Any] = {"padding": padding, "pooling": pooling, "ceil_mode": ceil_mode}
    weights = read_weights(source, preprocessing=preprocessing, progress=progress, **options)
    return VGG19(weights)
