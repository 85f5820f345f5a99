"""A VGG19 in a zip archive: NumPy's .npz, torch's .pth or Keras' .keras."""

import io
from typing import BinaryIO

from jaxstyle.weights import keras, npz, torch_file
from jaxstyle.weights.archive import is_torch, open_archive
from jaxstyle.weights.layout import Parsed

KERAS = "model.weights.h5"
"""The member of a .keras archive that has the numbers."""


def read_zip(file: BinaryIO) -> Parsed:
    """The network in an open .npz, .pth or .keras file.

    Raises:
        WeightsError: it is neither, a bomb, or not a VGG19.
        Exception: of many kinds, when it is damaged.
    """
    with open_archive(file) as archive:
        if KERAS in archive.namelist():
            return keras.read(io.BytesIO(archive.read(KERAS)))
        return torch_file.read_zip(archive) if is_torch(archive) else npz.read(archive)
