"""A VGG19 in a zip archive: NumPy's .npz or torch's .pth."""

from typing import BinaryIO

from jaxstyle.weights import npz, torch_file
from jaxstyle.weights.archive import is_torch, open_archive
from jaxstyle.weights.layout import Parsed


def read_zip(file: BinaryIO) -> Parsed:
    """The network in an open .npz or .pth file.

    Raises:
        WeightsError: it is neither, a bomb, or not a VGG19.
        Exception: of many kinds, when it is damaged.
    """
    with open_archive(file) as archive:
        return torch_file.read_zip(archive) if is_torch(archive) else npz.read(archive)
