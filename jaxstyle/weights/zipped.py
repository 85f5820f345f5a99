"""Read a VGG19 or VGG16 in a zip archive: NumPy's .npz, torch's .pth or Keras' .keras."""

import io
from typing import BinaryIO

from jaxstyle.weights import keras, npz, torch_file
from jaxstyle.weights.archive import is_torch, open_archive
from jaxstyle.weights.layout import Parsed

KERAS = "model.weights.h5"
"""The member of a .keras archive that has the weights."""


def read_zip(file: BinaryIO) -> Parsed:
    """The network in an open .npz, .pth or .keras file.

    Raises:
        WeightsError: it is none of these, a zip bomb, or not a VGG19 or VGG16.
        Exception: of many kinds, if it is damaged.
    """
    with open_archive(file) as archive:
        if KERAS in archive.namelist():
            return keras.read(io.BytesIO(archive.read(KERAS)))
        return torch_file.read_zip(archive) if is_torch(archive) else npz.read(archive)
