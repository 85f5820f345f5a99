"""Reads the kernels and biases of Magenta's TFLite files as float32 arrays, without TensorFlow or JAX.

A TFLite file is a FlatBuffer, whose offsets may point anywhere. Therefore it is read in the restricted process of
`jaxstyle.weights.sandbox`, and nothing is computed before counts, shapes and sizes are checked. The reader visits every
convolution of the graph, follows its kernel and bias back through DEQUANTIZE operations, and names the layer after its
kernel's tensor.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tflite

from jaxstyle.errors import WeightsError
from jaxstyle.feedforward.magenta_layout import Part, check_part
from jaxstyle.weights.layout import Parsed

MAX_BYTES = 64_000_000
MAX_COUNT = 4000
"""The most tensors, and the most operations, that a file may have. Magenta's files have fewer than 500."""
MAX_NUMBERS = 10_000_000

_OPS = tflite.BuiltinOperator
_DTYPES = {
    tflite.TensorType.FLOAT32: "<f4",
    tflite.TensorType.FLOAT16: "<f2",
    tflite.TensorType.INT8: "i1",
    tflite.TensorType.UINT8: "u1",
    tflite.TensorType.INT32: "<i4",
}
_SUFFIX = re.compile(r"/(depthwise_)?weights(/read)?(_dequantize)?$")
_RENAMED = (
    (r"style_params/transformer/(.+)/StyleNorm/Conv", r"\1/shift"),
    (r"style_params/transformer/(.+)/StyleNorm/Conv_1", r"\1/scale"),
    (r"transformer/(.+)", r"\1"),
    (r"MobilenetV2/Conv", "conv"),
    (r"MobilenetV2/Conv_1", "conv_1"),
    (r"MobilenetV2/(expanded_conv(?:_\d+)?/(?:expand|depthwise|project))", r"\1"),
    (r"mobilenet_conv/Conv", "bottleneck"),
)


class _Layer(NamedTuple):
    """A convolution of the graph: its name in jaxstyle, and the tensors of its kernel and bias, not yet read."""

    name: str
    depthwise: bool
    kernel: Any
    bias: Any


def read(file: BinaryIO) -> Parsed:
    """Read the style predictor or the transformer from an open TFLite file.

    The result's `layout` is "predict" or "transfer".

    Raises:
        WeightsError: the file is neither.
        Exception: errors of many kinds if the file is damaged.
    """
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES or data[4:8] != b"TFL3":
        raise WeightsError(f"not a TFLite file (its bytes 4 to 8 are {data[4:8]!r}, expected b'TFL3'), or a huge one")
    model = tflite.Model.GetRootAs(data, 0)
    layers: dict[str, _Layer] = {}
    for layer in _layers(model, _graph(model)):
        if layer.name in layers:
            raise WeightsError(f"its layer {layer.name[:80]!r} occurs twice")
        layers[layer.name] = layer
    part: Part = "predict" if "bottleneck" in layers else "transfer"
    check_part({f"{name}/kernel": _kernel_shape(layer) for name, layer in layers.items()}, part, kernels_only=True)
    arrays: dict[str, np.ndarray] = {}
    for layer in layers.values():
        arrays |= _numbers(model, layer)
    check_part({name: array.shape for name, array in arrays.items()}, part)
    return Parsed(arrays, part)


def _graph(model: Any) -> Any:
    """The file's graph. Raises WeightsError unless there is exactly one, of a plausible size."""
    if model.SubgraphsLength() != 1:
        raise WeightsError(f"has {model.SubgraphsLength()} graphs, expected one")
    graph = model.Subgraphs(0)
    counts = graph.TensorsLength(), graph.OperatorsLength(), model.OperatorCodesLength()
    if max(counts) > MAX_COUNT:
        raise WeightsError(f"has {max(counts)} tensors or operations, expected at most {MAX_COUNT}")
    return graph


def _layers(model: Any, graph: Any) -> Iterator[_Layer]:
    """Yield every convolution, in the order of the graph."""
    origins: dict[int, int] = {}
    for i in range(graph.OperatorsLength()):
        operation = graph.Operators(i)
        kind, count = _kind(model, operation), operation.InputsLength()
        inputs = [operation.Inputs(k) for k in range(min(count, 3))]
        if kind == _OPS.DEQUANTIZE and count == 1 and operation.OutputsLength() == 1:
            origins[operation.Outputs(0)] = inputs[0]
        if kind not in (_OPS.CONV_2D, _OPS.DEPTHWISE_CONV_2D):
            continue
        if count != 3:
            raise WeightsError(f"a convolution has {count} inputs, expected 3: not one of Magenta's networks")
        kernel, bias = (_tensor(graph, origins.get(k, k)) for k in inputs[1:])
        yield _Layer(_name(kernel), kind == _OPS.DEPTHWISE_CONV_2D, kernel, bias)


def _kind(model: Any, operation: Any) -> int:
    code = model.OperatorCodes(_within(operation.OpcodeIndex(), model.OperatorCodesLength()))
    return max(code.BuiltinCode(), code.DeprecatedBuiltinCode())


def _tensor(graph: Any, index: int) -> Any:
    return graph.Tensors(_within(index, graph.TensorsLength()))


def _within(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise WeightsError(f"refers to number {index} of {count}: damaged")
    return index


def _name(kernel: Any) -> str:
    """ "transformer/expand/conv1/conv/weights/read" -> "expand/conv1"."""
    original = (kernel.Name() or b"").decode("ascii", "replace")
    name, found = _SUFFIX.subn("", original)
    for pattern, replacement in _RENAMED:
        if found and (match := re.fullmatch(pattern, name)):
            layer = match.expand(replacement).removeprefix("residual/")
            return re.sub(r"^(expand/conv\d)/conv\b", r"\1", layer)
    raise WeightsError(f"not one of Magenta's networks: it has a convolution {original[:80]!r}")


def _kernel_shape(layer: _Layer) -> tuple[int, ...]:
    shape = _shape(layer.kernel)
    if len(shape) != 4 or (layer.depthwise and shape[0] != 1):
        return shape
    if layer.name.endswith(("/scale", "/shift")) and shape[1:3] == (1, 1):
        return shape[3], shape[0]
    return shape[1], shape[2], 1 if layer.depthwise else shape[3], shape[3] if layer.depthwise else shape[0]


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tuple(tensor.Shape(i) for i in range(min(tensor.ShapeLength(), 5)))
    if len(shape) > 4 or any(size < 1 for size in shape):
        raise WeightsError(f"a tensor has the shape {shape}, expected at most 4 positive sizes")
    return shape


def _numbers(model: Any, layer: _Layer) -> dict[str, np.ndarray]:
    """The kernel of a layer and, where it has an effect, the bias, with axes in the order of `magenta_layout`."""
    kernel = _dequantized(model, layer.kernel)
    kernel = kernel.transpose(1, 2, 0, 3) if layer.depthwise else kernel.transpose(1, 2, 3, 0)
    shape = _kernel_shape(layer)
    found = {f"{layer.name}/kernel": np.ascontiguousarray(kernel.reshape(shape))}
    # A bias before an instance normalisation has no effect: the normalisation subtracts the mean.
    if not layer.name.startswith(("residual", "expand/")) or len(shape) == 2:
        found[f"{layer.name}/bias"] = _dequantized(model, layer.bias)
    return found


def _dequantized(model: Any, tensor: Any) -> np.ndarray:
    """A constant tensor as float32. Raises WeightsError if a value is not finite."""
    raw = _raw(model, tensor)
    with np.errstate(over="ignore"):
        found = (raw if raw.dtype.kind == "f" else _widened(raw, tensor.Quantization())).astype(np.float32)
    if not np.isfinite(found).all():
        raise WeightsError("a tensor is not finite")
    return found


def _widened(raw: np.ndarray, quantization: Any) -> np.ndarray:
    """Dequantised integers: `scale * (q - zero_point)`, with one scale and zero point per channel, or one for all."""
    count = quantization.ScaleLength() if quantization else 0
    axis = quantization.QuantizedDimension() if count > 1 else 0
    if count < 1 or (count > 1 and not (0 <= axis < raw.ndim and count == raw.shape[axis])):
        raise WeightsError(f"a tensor of integers has {count} scales for the shape {raw.shape}")
    zero = quantization.ZeroPointAsNumpy() if quantization.ZeroPointLength() == count else np.zeros(count)
    along = [count if i == axis else 1 for i in range(raw.ndim)]
    scale, zero = (np.asarray(each, np.float64).reshape(along) for each in (quantization.ScaleAsNumpy(), zero))
    return scale * (raw - zero)


def _raw(model: Any, tensor: Any) -> np.ndarray:
    """The stored numbers of a constant tensor, after its type, shape and size in bytes were checked."""
    shape, kind = _shape(tensor), _DTYPES.get(tensor.Type())
    buffer = model.Buffers(_within(tensor.Buffer(), model.BuffersLength()))
    size, count = buffer.DataLength(), int(np.prod(shape, dtype=np.float64))
    if kind is None or count > MAX_NUMBERS or size != count * np.dtype(kind).itemsize or tensor.Sparsity():
        raise WeightsError(f"a tensor of the shape {shape} and type {tensor.Type()} has {size} bytes of numbers")
    return buffer.DataAsNumpy().view(kind).reshape(shape)
