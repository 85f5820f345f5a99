"""Reading VGG19's classifier from the public files "with top"."""

import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from jaxstyle.errors import WeightsError
from jaxstyle.saliency.classifier import Classifier
from jaxstyle.weights.load import recognise
from jaxstyle.weights.sandbox import open_regular

SIDE = 7  # side of pool5 for pictures of 224x224
KERAS = ("fc1", "fc2", "predictions")
TORCHVISION = ("classifier.0", "classifier.3", "classifier.6")
WIDEST = ((SIDE * SIDE * 512, 4096), (4096, 4096), (4096, 1000))
"""Numbers of inputs and outputs of VGG19's own layers: files may have fewer, never more."""


def read_classifier(path: str | os.PathLike[str]) -> Classifier:
    """Read the classifier of a VGG19 file "with top": Keras' .h5, or a .pth with torchvision's names.

    Pickles are read as data. HDF5 is read in this process, unlike convolutions (`jaxstyle.weights.sandbox`): links,
    storage, filters and shapes are checked before a number is read, but nothing protects you from a file that attacks
    the HDF5 library itself. Read only files whose origin you know. It takes 0.5 GB of memory.

    Raises:
        WeightsFileError: the file is missing or unreadable.
        WeightsError: the file is damaged, or has no classifier (a file "notop", or one of convolutions alone).
    """
    location = Path(path).expanduser()
    with open_regular(location) as file:
        kind = recognise(file)
    if kind == "h5":
        return _checked(_read_keras(location), location)
    if kind in ("zip", "pickle"):
        return _checked(_read_torchvision(location), location)
    raise WeightsError(f"{location}: a {kind} file, which holds no classifier; use Keras' .h5 with top, or a .pth")


def _read_keras(path: Path) -> dict[str, np.ndarray]:
    """Read a Keras file: {"fc1/2": kernel, "fc1/1": bias, ...}, unchanged."""
    import h5py

    from jaxstyle.weights.hdf5 import check_dataset, follow, names

    found: dict[str, np.ndarray] = {}
    try:
        with h5py.File(path, "r") as root:
            top = follow(root, "model_weights") if root.id.links.exists(b"model_weights") else root
            for i, layer in enumerate(KERAS):
                if layer not in names(top, "layer_names"):
                    continue
                group = follow(top, layer)
                for name in names(group, "weight_names"):
                    dataset = follow(group, name)
                    check_dataset(dataset, f"{layer}/{name}")
                    _check_size(f"{layer}/{name}", dataset.shape, WIDEST[i])
                    found[f"{layer}/{len(dataset.shape)}"] = np.asarray(dataset[...], np.float32)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    except Exception as error:  # what h5py raises of a damaged file is of many kinds
        raise WeightsError(f"{path}: damaged ({type(error).__name__}: {str(error)[:200]})") from error
    return found


def _read_torchvision(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict to the same form: kernels transposed, and the inputs of fc1 reordered to channels last."""
    from jaxstyle.weights.state_dict import read_state_dict

    def choose(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
        chosen = [f"{layer}.{part}" for layer in TORCHVISION for part in ("weight", "bias")]
        for name in (name for name in chosen if name in shapes):
            _check_size(name, shapes[name][::-1], WIDEST[TORCHVISION.index(name.rpartition(".")[0])])
        return [name for name in chosen if name in shapes]

    state, found = read_state_dict(path, choose), {}
    for torch, keras in zip(TORCHVISION, KERAS, strict=True):
        for part in (part for part in ("weight", "bias") if f"{torch}.{part}" in state):
            found[f"{keras}/{2 if part == 'weight' else 1}"] = state[f"{torch}.{part}"].T
    if "fc1/2" in found and len(found["fc1/2"]) % SIDE**2 == 0:
        first = found["fc1/2"]
        found["fc1/2"] = first.reshape(-1, SIDE, SIDE, first.shape[1]).transpose(1, 2, 0, 3).reshape(first.shape)
    return found


def _check_size(name: str, shape: tuple[int, ...], widest: tuple[int, int]) -> None:
    most = widest if len(shape) == 2 else widest[1:]
    if len(shape) not in (1, 2) or any(not 0 < got <= limit for got, limit in zip(shape, most, strict=True)):
        raise WeightsError(f"{name[:80]!r} has shape {shape}, expected at most {most}, as VGG19's classifier has")


def _checked(found: dict[str, np.ndarray], path: Path) -> Classifier:
    """Make a Classifier. Raises WeightsError unless all arrays are there and finite, and their shapes fit together."""
    missing = [layer for layer in KERAS if f"{layer}/2" not in found or f"{layer}/1" not in found]
    if missing:
        hint = "use vgg19_weights_tf_dim_ordering_tf_kernels.h5 (with top), or torchvision's .pth"
        raise WeightsError(f"{path}: has no classifier: {', '.join(missing)} missing; {hint}")
    kernels, biases = (tuple(found[f"{layer}/{axes}"] for layer in KERAS) for axes in (2, 1))
    widths = [kernels[0].shape[0], *(len(bias) for bias in biases)]
    fitting = all(kernel.shape == pair for kernel, pair in zip(kernels, pairwise(widths), strict=True))
    if not fitting or widths[0] % SIDE**2:
        raise WeightsError(f"{path}: the classifier's layers do not fit: {[kernel.shape for kernel in kernels]}")
    if not all(np.isfinite(array).all() for array in (*kernels, *biases)):
        raise WeightsError(f"{path}: the classifier is not finite")
    return Classifier(tuple(map(jnp.asarray, kernels)), tuple(map(jnp.asarray, biases)))
