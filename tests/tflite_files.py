"""Small files of Magenta's two networks, as TensorFlow's converter lays them out, written without it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
import tflite

from jaxstyle.feedforward.magenta_layout import CONTRACT, predictor_shapes, transformer_shapes

Arrays = dict[str, np.ndarray]
TYPES = {"float32": tflite.TensorType.FLOAT32, "float16": tflite.TensorType.FLOAT16, "int8": tflite.TensorType.INT8}
TYPES["int32"] = tflite.TensorType.INT32
CODES = (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D, tflite.BuiltinOperator.DEQUANTIZE)
CONV, DEPTHWISE, DEQUANTIZE = range(3)


class Constant(NamedTuple):
    """A tensor: its name and shape, its stored numbers (None where it is computed), and for integers how to scale."""

    name: str
    shape: tuple[int, ...]
    type: str
    numbers: np.ndarray | None = None
    scale: Sequence[float] = ()
    zero: Sequence[int] = ()
    axis: int = 0


def small_transformer(widths: Sequence[int] = (2, 3, 4), seed: int = 0) -> Arrays:
    """A transformer with so many channels in its contracting layers; numbers that float16 and int8 hold exactly."""
    channels = dict(zip(CONTRACT, widths, strict=True))
    shapes = transformer_shapes({f"{name}/kernel": (0, 0, 0, width) for name, width in channels.items()})
    return _random(shapes, seed)


def predictor(seed: int = 0) -> Arrays:
    """A style predictor, which has but one size."""
    return _random(predictor_shapes(), seed)


def _random(shapes: dict[str, tuple[int, ...]], seed: int) -> Arrays:
    random = np.random.default_rng(seed)
    return {name: (random.integers(-100, 101, shape) / 64).astype(np.float32) for name, shape in shapes.items()}


def write_tflite(path: Path, arrays: Arrays, type: str = "float32") -> Path:
    """Write a network as "float32", "float16" (read through DEQUANTIZE) or "int8" (by channel, zero point 3)."""
    path.write_bytes(as_tflite(arrays, type))
    return path


def as_tflite(arrays: Arrays, type: str = "float32") -> bytes:
    """The bytes of `write_tflite`'s file."""
    return tflite_bytes(_layers(arrays), type)


def tflite_bytes(layers: Iterable[tuple[str, np.ndarray, np.ndarray, bool]], type: str) -> bytes:
    """A file with one convolution for each (kernel's name, kernel, bias, depthwise), in TFLite's order of axes."""
    tensors, operators = [Constant("input", (1, 8, 8, 3), "float32")], []
    for name, kernel, bias, depthwise in layers:
        first = len(tensors)
        if type == "int8":
            tensors += _quantized(name, kernel, bias, 3 if depthwise else 0)
        else:
            tensors += [_plain(name, kernel, type), _plain(f"{name}_bias", bias, type)]
        inputs = [first, first + 1]
        if type == "float16":
            operators += [(DEQUANTIZE, [index], [index + 2]) for index in inputs]
            tensors += [Constant(f"{each.name}_dequantize", each.shape, "float32") for each in tensors[first:]]
            inputs = [first + 2, first + 3]
        operators.append((DEPTHWISE if depthwise else CONV, [0, *inputs], [len(tensors)]))
        tensors.append(Constant(f"{name}/output", (1, 8, 8, len(bias)), "float32"))
    return _model(tensors, operators)


def _layers(arrays: Arrays) -> Iterable[tuple[str, np.ndarray, np.ndarray, bool]]:
    for key, kernel in arrays.items():
        layer, _, part = key.rpartition("/")
        if part != "kernel":
            continue
        depthwise = layer.endswith("/depthwise")
        if kernel.ndim == 2:
            kernel = kernel.T[:, None, None]
        else:
            kernel = kernel.transpose(2, 0, 1, 3) if depthwise else kernel.transpose(3, 0, 1, 2)
        bias = arrays.get(f"{layer}/bias", np.zeros(kernel.shape[3 if depthwise else 0], np.float32))
        yield _original(layer) + ("/depthwise_weights" if depthwise else "/weights"), kernel, bias, depthwise


def _original(layer: str) -> str:
    """Magenta's name of a layer, from ours."""
    if layer in ("conv", "conv_1", "bottleneck") or layer.startswith("expanded"):
        return {"bottleneck": "mobilenet_conv/Conv"}.get(
            layer, "MobilenetV2/" + layer.replace("conv", "Conv", layer[0] == "c")
        )
    layer = layer.replace("residual", "residual/residual", 1)
    if layer.startswith("expand/"):
        layer = f"{layer[:12]}/conv{layer[12:]}"
    layer = "transformer/" + layer
    for part, operation in (("/scale", "Conv_1"), ("/shift", "Conv")):
        if layer.endswith(part):
            return f"style_params/{layer.removesuffix(part)}/StyleNorm/{operation}"
    return layer


def _plain(name: str, array: np.ndarray, type: str) -> Constant:
    return Constant(name, array.shape, type, array.astype(type))


def _quantized(name: str, kernel: np.ndarray, bias: np.ndarray, axis: int) -> list[Constant]:
    """Numbers that are multiples of 1/64, by channel with steps of 1/64, 1/64, ..., and zero point 3."""
    count = kernel.shape[axis]
    stored = np.clip(np.rint(kernel * 64) + 3, -128, 127).astype(np.int8)
    scales, zeros = [1 / 64] * count, [3] * count
    return [
        Constant(name, kernel.shape, "int8", stored, scales, zeros, axis),
        Constant(f"{name}_bias", bias.shape, "int32", np.rint(bias * 64).astype(np.int32), scales, [0] * count),
    ]


# --- FlatBuffers ---------------------------------------------------------------------------------------------------


def _model(tensors: Sequence[Constant], operators: Sequence[tuple[int, list[int], list[int]]]) -> bytes:
    builder = flatbuffers.Builder(1 << 20)
    empty = _table(builder, tflite.BufferStart, tflite.BufferEnd)
    buffers = [empty]
    for tensor in tensors:
        if tensor.numbers is not None:
            data = builder.CreateNumpyVector(np.frombuffer(tensor.numbers.tobytes(), np.uint8))
            buffers.append(_table(builder, tflite.BufferStart, tflite.BufferEnd, (tflite.BufferAddData, data)))
    graph = _graph(builder, tensors, operators)
    codes = [
        _table(
            builder,
            tflite.OperatorCodeStart,
            tflite.OperatorCodeEnd,
            (tflite.OperatorCodeAddDeprecatedBuiltinCode, code),
            (tflite.OperatorCodeAddBuiltinCode, code),
        )
        for code in CODES
    ]
    model = _table(
        builder,
        tflite.ModelStart,
        tflite.ModelEnd,
        (tflite.ModelAddVersion, 3),
        (tflite.ModelAddOperatorCodes, _offsets(builder, codes)),
        (tflite.ModelAddSubgraphs, _offsets(builder, [graph])),
        (tflite.ModelAddBuffers, _offsets(builder, buffers)),
    )
    builder.Finish(model, b"TFL3")
    return bytes(builder.Output())


def _graph(builder: Any, tensors: Sequence[Constant], operators: Sequence[tuple[int, list[int], list[int]]]) -> int:
    written, buffer = [], 0
    for tensor in tensors:
        buffer += tensor.numbers is not None
        written.append(_tensor(builder, tensor, buffer if tensor.numbers is not None else 0))
    operations = [
        _table(
            builder,
            tflite.OperatorStart,
            tflite.OperatorEnd,
            (tflite.OperatorAddOpcodeIndex, code),
            (tflite.OperatorAddInputs, builder.CreateNumpyVector(np.array(inputs, np.int32))),
            (tflite.OperatorAddOutputs, builder.CreateNumpyVector(np.array(outputs, np.int32))),
        )
        for code, inputs, outputs in operators
    ]
    return _table(
        builder,
        tflite.SubGraphStart,
        tflite.SubGraphEnd,
        (tflite.SubGraphAddTensors, _offsets(builder, written)),
        (tflite.SubGraphAddOperators, _offsets(builder, operations)),
    )


def _tensor(builder: Any, tensor: Constant, buffer: int) -> int:
    fields = [
        (tflite.TensorAddShape, builder.CreateNumpyVector(np.array(tensor.shape, np.int32))),
        (tflite.TensorAddType, TYPES[tensor.type]),
        (tflite.TensorAddBuffer, buffer),
        (tflite.TensorAddName, builder.CreateString(tensor.name)),
    ]
    if tensor.scale:
        quantization = _table(
            builder,
            tflite.QuantizationParametersStart,
            tflite.QuantizationParametersEnd,
            (tflite.QuantizationParametersAddScale, builder.CreateNumpyVector(np.array(tensor.scale, np.float32))),
            (tflite.QuantizationParametersAddZeroPoint, builder.CreateNumpyVector(np.array(tensor.zero, np.int64))),
            (tflite.QuantizationParametersAddQuantizedDimension, tensor.axis),
        )
        fields.append((tflite.TensorAddQuantization, quantization))
    return _table(builder, tflite.TensorStart, tflite.TensorEnd, *fields)


def _table(builder: Any, start: Any, end: Any, *fields: tuple[Any, Any]) -> int:
    start(builder)
    for add, value in fields:
        add(builder, value)
    return end(builder)


def _offsets(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()
