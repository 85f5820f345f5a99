"""The benchmark's objective in PyTorch: VGG19's features, content, Gram and total variation terms, for a batch."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from problem import CONTENT, LAYERS, STYLE_WEIGHT, TV_WEIGHT, network
from torch import Tensor

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


class Network:
    """A chain of convolutions as tensors, in one precision and one memory format."""

    def __init__(self, arrays: Mapping[str, np.ndarray], problem: Mapping[str, np.ndarray], settings: Mapping):
        self.device = settings.get("device", "cpu")
        self.dtype = DTYPES[settings.get("dtype", "float32")]
        self.wide = torch.promote_types(self.dtype, torch.float32)
        self.format = torch.channels_last if settings.get("channels_last", True) else torch.contiguous_format
        matrix = np.ascontiguousarray(problem["matrix"].T)[:, :, None, None]
        self.matrix = self._tensor(matrix, self.wide)
        self.offset = self._tensor(problem["offset"], self.wide)
        self.parameters = {name: self._parameter(array) for name, array in arrays.items()}

    def features(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """{layer: (b, c, h, w)} of RGB pictures (b, 3, h, w) in [0, 1]; nothing deeper is computed."""
        wanted, found = set(layers), {}
        x = F.conv2d(image, self.matrix, self.offset).to(self.dtype).contiguous(memory_format=self.format)
        for name in LAYERS:
            if wanted <= found.keys():
                break
            if name.endswith("_1") and name != "1_1":
                x = F.max_pool2d(x, 2)
            x = found[f"relu{name}"] = self._convolve(x, name)
        return {name: found[name] for name in wanted}

    def _convolve(self, x: Tensor, name: str) -> Tensor:
        kernel, bias = self.parameters[f"conv{name}/kernel"], self.parameters[f"conv{name}/bias"]
        return F.relu(F.conv2d(x, kernel, bias, padding=1), inplace=True)

    def _parameter(self, array: np.ndarray) -> Tensor:
        if array.ndim == 1:
            return self._tensor(array, self.dtype)
        kernel = self._tensor(np.ascontiguousarray(array.transpose(3, 2, 0, 1)), self.dtype)
        return kernel.contiguous(memory_format=self.format)

    def _tensor(self, array: np.ndarray, dtype: torch.dtype) -> Tensor:
        return torch.from_numpy(array).to(self.device, dtype)


class Objective:
    """`objective(image)`: the sum over a batch of each picture's total; every term relative to its target's size."""

    def __init__(self, problem: Mapping[str, np.ndarray], settings: Mapping[str, Any]):
        self.network = Network(network(problem), problem, settings)
        self.style_layers = [str(name) for name in problem["style_layers"]]
        with torch.no_grad():
            content = self.network.features(self.image(problem["content"]), [CONTENT])[CONTENT]
            style = self.network.features(self.image(problem["style"]), self.style_layers)
            self.content = content.to(self.network.wide)
            self.grams = {name: self._gram(found) for name, found in style.items()}

    def image(self, pictures: np.ndarray) -> Tensor:
        """(b, h, w, 3) as the (b, 3, h, w) that the objective takes."""
        chosen = torch.from_numpy(pictures).to(self.network.device, self.network.wide).permute(0, 3, 1, 2)
        return chosen.contiguous(memory_format=self.network.format)

    def __call__(self, image: Tensor) -> Tensor:
        """The sum of the pictures' totals."""
        found = self.network.features(image, [CONTENT, *self.style_layers])
        content = _relative(found[CONTENT].to(self.network.wide), self.content)
        style = [_relative(self._gram(found[name]), self.grams[name]) for name in self.style_layers]
        dy, dx = image[:, :, 1:] - image[:, :, :-1], image[..., 1:] - image[..., :-1]
        variation = (dy**2).mean((1, 2, 3)) + (dx**2).mean((1, 2, 3))
        total = content + STYLE_WEIGHT / len(style) * torch.stack(style).sum(0) + TV_WEIGHT * variation
        return total.sum()

    def _gram(self, features: Tensor) -> Tensor:
        """(b, c, c), accumulated in float32 at least, from whichever layout needs no copy."""
        b, c, h, w = features.shape
        wide = features.to(self.network.wide)
        if self.network.format == torch.channels_last:
            flat = wide.permute(0, 2, 3, 1).reshape(b, h * w, c)
            return flat.transpose(1, 2) @ flat / (h * w)
        flat = wide.reshape(b, c, h * w)
        return flat @ flat.transpose(1, 2) / (h * w)


def _relative(value: Tensor, target: Tensor) -> Tensor:
    dimensions = tuple(range(1, target.ndim))
    return ((value - target) ** 2).mean(dimensions) / (target**2).mean(dimensions)
