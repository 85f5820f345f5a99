"""From the path or the name of one of Magenta's TFLite files to its numbers. No JAX."""

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
    """The arrays of the style predictor ("predict") or of the transformer ("transfer"), float32, by name.

    The file may be anything: it is parsed in a process that can do no harm (`jaxstyle.weights.sandbox`).

    Args:
        source: a path, or a name in the catalogue, which is fetched on first use.
        part: the network that it should be.
        progress: called with (bytes done, bytes in all or None) during a download.

    Raises:
        SettingError: a name that is not in the catalogue, or of another network.
        WeightsFileError: the file is missing, unreadable, cannot be downloaded or is not the public one.
        WeightsError: it is damaged, hostile, or not that network.
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
