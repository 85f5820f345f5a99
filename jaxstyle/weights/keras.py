"""Read a VGG's weights from Keras' files, in the layouts of Keras 1, 2 and 3 and of the .keras archive.

| layout                        | where a kernel is                                                                   |
|-------------------------------|-------------------------------------------------------------------------------------|
| Keras 1 .h5                   | layer_3/param_0; layers without weights are numbered too                            |
| Keras 1.2 and 2 .h5, saved by | block1_conv1/..., named by the attributes layer_names and weight_names              |
| Keras 3 too                   |                                                                                     |
| Keras 3 .weights.h5, .keras   | layers/block1_conv1/vars/0, or layers/conv2d_3/vars/0                               |

A kernel is (h, w, in, out). In a file for Theano it is (out, in, h, w), and mostly turned by 180 degrees, because
Theano convolves where all others cross-correlate: `jaxstyle.weights.load` turns it back.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import h5py

from jaxstyle.errors import WeightsError
from jaxstyle.weights.hdf5 import check_dataset, children, follow, has_names, names, read_floats
from jaxstyle.weights.layout import CONVOLUTIONS, VGG16_CONVOLUTIONS, Parsed, check_shapes
from jaxstyle.weights.torch_file import as_hwio, hwio_shape

_CONVOLUTION = re.compile(r"block([1-5])_conv([1-4])")
_NUMBERED = re.compile(r"conv(?:olution)?_?2d(?:_(\d+))?")
_CLASSIFIER = {"fc1", "fc2", "predictions"}
_KERAS_3 = ("layers", "_layer_checkpoint_dependencies")
_PARTS = {4: "kernel", 1: "bias"}
Found = tuple[str, str, Any]
"""(name of the layer, path of the dataset, the dataset)."""


def read(file: BinaryIO) -> Parsed:
    """The network in an open Keras file. No array is read before every shape is known to be a VGG's.

    Raises:
        WeightsError: a link, a storage, a filter or a shape that a Keras VGG does not have.
        Exception: of many kinds, if the file is damaged.
    """
    with h5py.File(file, "r") as root:
        found = [each for each in _weights(root) if each[0] not in _CLASSIFIER]
        for _, path, dataset in found:
            check_dataset(dataset, path)
        layers = _layers([layer for layer, _, dataset in found if len(dataset.shape) == 4])
        datasets, unknown = {}, []
        for layer, path, dataset in found:
            key = f"{layers.get(layer)}/{_PARTS.get(len(dataset.shape))}"
            if layer not in layers and layers:
                unknown += [] if len(dataset.shape) < 3 else [path[:80]]  # part of a classifier
            elif len(dataset.shape) not in _PARTS or key in datasets:
                unknown.append(path[:80])
            else:
                datasets[key] = dataset
        if not layers:
            raise WeightsError(f"holds no VGG19 or VGG16: its layers are {_listed(found)}")
        shapes = {key: tuple(one.shape) for key, one in datasets.items()}
        theano = _is_theano(shapes)
        if theano:
            shapes = {key: hwio_shape(shape) for key, shape in shapes.items()}
        check_shapes(shapes, unknown=unknown, complete=True)
        arrays = {key: read_floats(dataset) for key, dataset in datasets.items()}
        if theano:
            return Parsed({key: as_hwio(array) for key, array in arrays.items()}, "theano")
        return Parsed(arrays, "keras")


def _weights(root: h5py.Group) -> Iterator[Found]:
    """(layer, path, dataset) of all weights, in the order of the layers."""
    top = follow(root, "model_weights") if root.id.links.exists(b"model_weights") else root
    if h5py.h5a.exists(top.id, b"nb_layers"):
        yield from _of_keras_1(top)
    elif has_names(top, "layer_names"):
        for layer in names(top, "layer_names"):
            group = follow(top, layer)
            if not isinstance(group, h5py.Group):
                raise WeightsError(f"layer {layer[:80]!r} is not a group")
            for name in names(group, "weight_names"):
                yield layer, f"{layer}/{name}", follow(group, name)
    elif any(root.id.links.exists(name.encode()) for name in _KERAS_3):
        yield from _of_keras_3(root)
    else:
        raise WeightsError("HDF5 that is in none of the layouts of Keras' weights: it has no layer_names and no layers")


def _of_keras_1(top: h5py.Group) -> Iterator[Found]:
    for layer in sorted(children(top, "layer_"), key=lambda name: int(name[6:]) if name[6:].isdigit() else -1):
        group = follow(top, layer)
        for name in sorted(children(group, "param_")):
            yield layer, f"{layer}/{name}", follow(group, name)


def _of_keras_3(root: h5py.Group) -> Iterator[Found]:
    """(layer, path, dataset) in the group `layers`, or its name in Keras 2.13 to 2.15; also in models inside it."""
    for name in _KERAS_3:
        if not root.id.links.exists(name.encode()):
            continue
        for layer in sorted(children(follow(root, name)), key=_place):
            group = follow(root, f"{name}/{layer}")
            if isinstance(group, h5py.Group) and group.id.links.exists(b"vars"):
                for part in sorted(children(follow(group, "vars"))):
                    yield layer, f"{name}/{layer}/vars/{part}", follow(group, f"vars/{part}")
            elif isinstance(group, h5py.Group):
                yield from _of_keras_3(group)


def _place(layer: str) -> tuple[int, str]:
    """A sort key that puts conv2d before conv2d_1 before conv2d_10."""
    numbered = _NUMBERED.fullmatch(layer)
    return int(numbered[1] or 0) if numbered else 0, layer


def _layers(layers: list[str]) -> dict[str, str]:
    """{layer with a kernel: our name}, by the layer's own name, or by its place if it has only a number."""
    named = {layer: found for layer in layers if (found := _CONVOLUTION.search(layer))}
    if named:
        return {layer: f"conv{found[1]}_{found[2]}" for layer, found in named.items()}
    numbered = [layer for layer in layers if _NUMBERED.fullmatch(layer) or layer.startswith("layer_")]
    chain = VGG16_CONVOLUTIONS if len(numbered) == len(VGG16_CONVOLUTIONS) else CONVOLUTIONS
    return dict(zip(numbered, chain, strict=False)) if len(numbered) >= len(VGG16_CONVOLUTIONS) else {}


def _is_theano(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether kernels are (out, in, 3, 3)."""
    kernels = [shape for key, shape in shapes.items() if key.endswith("kernel")]
    return all(shape[2:] == (3, 3) for shape in kernels) and not all(shape[:2] == (3, 3) for shape in kernels)


def _listed(found: list[Found]) -> str:
    layers = list(dict.fromkeys(layer[:40] for layer, _, _ in found))
    return ", ".join(layers[:4]) + (" and others" if layers[4:] else "") if layers else "none"
