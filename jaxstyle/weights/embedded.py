"""The network that is shipped with jaxstyle: a small VGG19 of our own, trained by `weights/train_embedded.py`."""

from importlib.resources import as_file, files

from jaxstyle.weights.layout import Weights
from jaxstyle.weights.store import read_weights_file

FILE = "embedded.safetensors"


def embedded_weights() -> Weights:
    """The network: all layers of VGG19 with 32 to 160 channels, reflection padding and average pooling.

    It is stored as float16 and returned as float32. Each layer's mean activation is 1 on photographs. The file's
    metadata and weights/README.md say how it was trained.
    """
    with as_file(files("jaxstyle.weights") / FILE) as path, path.open("rb") as file:
        return read_weights_file(file)
