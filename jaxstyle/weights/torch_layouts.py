"""The names that PyTorch programs give to the tensors of a VGG, and names by which other networks are recognised."""

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np

from jaxstyle.weights.layout import CONVOLUTIONS, VGG16_CONVOLUTIONS

Layout = Literal["torchvision", "torchvision 16", "batch norm", "batch norm 16", "gatys", "normalised", "named"]
Shapes = Mapping[str, tuple[int, ...]]

_TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
_TORCHVISION_16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_NORMED = (0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49)
_NORMED_16 = (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40)
_NORMALISED = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)


def _sequential(indices: tuple[int, ...], names: tuple[str, ...], prefix: str = "features.") -> dict[str, str]:
    return {f"{prefix}{i}": name for i, name in zip(indices, names, strict=True)}


LAYERS: dict[Layout, dict[str, str]] = {
    "torchvision": _sequential(_TORCHVISION, CONVOLUTIONS),
    "torchvision 16": _sequential(_TORCHVISION_16, VGG16_CONVOLUTIONS),
    "batch norm": _sequential(_NORMED, CONVOLUTIONS),
    "batch norm 16": _sequential(_NORMED_16, VGG16_CONVOLUTIONS),
    "gatys": {conv: conv for conv in CONVOLUTIONS},
    # naoto0804/pytorch-AdaIN and irasin/Pytorch_WCT: a Sequential of a 1x1 convolution, reflection pads and so on.
    "normalised": _sequential(_NORMALISED, ("preprocess", *CONVOLUTIONS), ""),
    # sunshineatnoon/PytorchWCT: a Sequential with names, and two buffers.
    "named": {f"seq.{conv}": conv for conv in CONVOLUTIONS},
}
"""{layout: {PyTorch's name of a layer: our name}}."""
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "variance"}
EPSILON = 1e-5
"""The epsilon of PyTorch's batch normalisation."""
_PARTS = {"weight": "kernel", "bias": "bias"}
_BUFFERS = {"preprocess_weight": "preprocess/kernel", "preprocess_bias": "preprocess/bias"}
_OWN = re.compile(r"\d+|features|seq|conv\d_\d|classifier|fc\d|head|pre_logits|preprocess_\w+|\w+_[Wb]\w*")
CLASSIFIER = re.compile(r"classifier\.|fc\d|head\.|pre_logits\.|.*\.num_batches_tracked$")
"""Names of tensors that are ignored: a VGG's classifier, and the step counts of batch normalisation."""
_FOREIGN = (
    (
        r"(^|\.)in\d\.(weight|scale|bias)|conv2d\.weight",
        "a fast style network of PyTorch's examples",
    ),
    (r"^(Initial|Res|Deconv|ConvBlock|ResidualBlock|DeconvBlock)", "a fast style network"),
    (r"layer1\.0\.conv1", "a ResNet"),
    (r"denseblock1", "a DenseNet"),
    (r"Mixed_\d[a-z]|inception\d[a-z]", "an Inception network"),
    (r"squeeze\.weight", "a SqueezeNet"),
    (r"blocks\.0\.attn|encoder_layer_0|attention", "a transformer"),
    (r"^lin\d\.model", "the linear part of LPIPS"),
    (r"inverted_residual|block\.0\.0\.weight", "a MobileNet"),
)
_SIMILAR = {
    (0, 3, 6, 8, 10): "AlexNet",
    (0, 3, 6, 8, 11, 13, 16, 18): "VGG11",
    (0, 2, 5, 7, 10, 12, 15, 17, 20, 22): "VGG13",
}


def standard_names(shapes: Shapes) -> dict[str, str]:
    """{name in the file: name without the prefixes that programs add}, such as "module.", "model." and "vgg.".

    If `vgg.features` was saved alone, its names begin with bare numbers, and get "features." back.
    """
    names = {name: name for name in shapes}
    for _ in range(4):
        heads = {name.partition(".")[0] for name in names.values()}
        if len(heads) != 1 or _OWN.fullmatch(heads.pop()) or not all("." in name for name in names.values()):
            break
        names = {name: short.partition(".")[2] for name, short in names.items()}
    bare = all(short.partition(".")[0].isdigit() for short in names.values())
    first = next((shapes[name] for name, short in names.items() if short == "0.weight"), ())
    if bare and first[1:] == (3, 3, 3):
        return {name: f"features.{short}" for name, short in names.items()}
    return names


def layout_of(shapes: Shapes) -> Layout:
    """The layout of a network, by its `standard_names` and shapes."""
    if "features.1.running_mean" in shapes:
        return (
            "batch norm 16"
            if "features.24.weight" in shapes and len(shapes["features.24.weight"]) == 4
            else ("batch norm")
        )
    if any(key.startswith("features.") for key in shapes):
        return "torchvision" if "features.17.weight" not in shapes else "torchvision 16"
    if shapes.get("0.weight") == (3, 3, 1, 1):
        return "normalised"
    return "named" if any(key.startswith("seq.") for key in shapes) else "gatys"


def canonical(key: str, layout: Layout) -> str | None:
    """The canonical name of a tensor, such as "conv1_1/kernel" for "features.0.weight" or "conv1_1.weight".

    Batch normalisation is named after the convolution before it, as in "conv1_1/gamma". Other tensors give None.
    """
    layer, _, part = key.rpartition(".")
    conv = LAYERS[layout].get(layer)
    if conv and part in _PARTS:
        return f"{conv}/{_PARTS[part]}"
    if layout.startswith("batch norm") and part in NORM and layer.removeprefix("features.").isdigit():
        before = LAYERS[layout].get(f"features.{int(layer.removeprefix('features.')) - 1}")
        return f"{before}/{NORM[part]}" if before else None
    return _BUFFERS.get(key) if layout == "named" else None


def fold(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fold each batch normalisation into the convolution before it, and leave it out.

    `k' = k gamma / sqrt(variance + 1e-5)`, `b' = (b - mean) gamma / sqrt(variance + 1e-5) + beta`. For a network that
    is not trained further this is the same function.
    """
    folded = {}
    for layer in {name.partition("/")[0] for name in arrays}:
        gamma, beta, mean, variance = (arrays[f"{layer}/{part}"].astype(np.float64) for part in NORM.values())
        gain = gamma / np.sqrt(np.maximum(variance, 0) + EPSILON)
        folded[f"{layer}/kernel"] = (arrays[f"{layer}/kernel"] * gain).astype(np.float32)
        folded[f"{layer}/bias"] = ((arrays[f"{layer}/bias"] - mean) * gain + beta).astype(np.float32)
    return folded


def name_foreign(shapes: Shapes) -> str | None:
    """The name of the well-known network, other than VGG19 and VGG16, with these tensors; None if none is known."""
    for pattern, name in _FOREIGN:
        if any(re.search(pattern, key) for key in shapes):
            return name
    kernels = [re.fullmatch(r"features\.(\d+)\.weight", key) for key, shape in shapes.items() if len(shape) == 4]
    return _SIMILAR.get(tuple(sorted(int(found[1]) for found in kernels if found)))
