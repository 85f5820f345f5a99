"""Reads the arrays of one of Magenta's TFLite files, given its path or its name. Needs no JAX."""

import os

import numpy as np

from jaxstyle.errors import WeightsError, WeightsFileError
from jaxstyle.feedforward.magenta_layout import Part, check_part
from jaxstyle.weights.catalogue import digest
from jaxstyle.weights.download import Progress
from jaxstyle.weights.load import locate
from jaxstyle.weights.sandbox import open_regular, parse
from jaxstyle.weights.sources import fetch


def read_part(source: str | os.PathLike[str], part: Part, *, progress: Progress | None = None) -> dict[str, np.ndarray]:
    """Read the float32 arrays of the style predictor ("predict") or of the transformer ("transfer"), by name.

    The file is not trusted: a restricted child process parses it (`jaxstyle.weights.sandbox`).

    Args:
        source: a path, or a name in the catalogue; a named file is downloaded on first use.
        part: the network that the file should contain.
        progress: called with (bytes done, total bytes or None) during a download.

    Raises:
        SettingError: the name is not in the catalogue, or names another network.
        WeightsFileError: the file is missing, unreadable, cannot be downloaded, or differs from the published one.
        WeightsError: the file is damaged, hostile, or contains another network.
    """
    path, entry = locate(source, part)
    if entry is not None:
        path = fetch(entry, progress=progress)
    with open_regular(path) as file:
        try:
            if entry is not None and not entry.matches(digests := digest(file)):
                raise WeightsFileError(entry.refusal(digests, file.tell()))
            return parse(file, "tflite", lambda shapes: check_part(shapes, part)).arrays
        except WeightsError as error:
            raise type(error)(f"{path}: {error}") from error
        except OSError as error:
            raise WeightsFileError(f"{path}: cannot be read: {error.strerror or error}") from error
