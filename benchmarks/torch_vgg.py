"""The benchmark's objective in PyTorch: VGG19's features, content, Gram and total variation terms, for a batch."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from problem import CONTENT, LAYERS, STYLE_WEIGHT, TV_WEIGHT, subset
from torch import Tensor

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


class Network:
    """A chain of convolutions as tensors, in one precision and one memory format."""

    def __init__(self, arrays: Mapping[str, np.ndarray], problem: Mapping[str, np.ndarray], settings: Mapping):
        self.device = settings.get("device", "cpu")
        self.dtype = DTYPES[settings.get("dtype", "float32")]
        self.wide = torch.promote_types(self.dtype, torch.float32)
        self.format = torch.channels_last if settings.get("channels_last", True) else torch.contiguous_format
        self.padding = str(problem["padding"])
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
            if f"relu{name}_aux" in wanted:
                kernel, bias = (self.parameters[f"conv{name}_aux/{part}"] for part in ("kernel", "bias"))
                found[f"relu{name}_aux"] = F.relu(F.conv2d(x, kernel, bias))
        return {name: found[name] for name in wanted}

    def _convolve(self, x: Tensor, name: str) -> Tensor:
        kernel, bias = self.parameters[f"conv{name}/kernel"], self.parameters[f"conv{name}/bias"]
        if self.padding == "zero":
            return F.relu(F.conv2d(x, kernel, bias, padding=1), inplace=True)
        return F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode=self.padding), kernel, bias), inplace=True)

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
        self.wide = Network(subset(problem), problem, settings)
        narrow = subset(problem, "narrow/")
        self.narrow = Network(narrow, problem, settings) if narrow else None
        self.style_layers = [str(name) for name in problem["style_layers"]]
        with torch.no_grad():
            content = self._features(self.image(problem["content"]), [CONTENT])[CONTENT]
            style = self._features(self.image(problem["style"]), self.style_layers)
            self.content = content.to(self.wide.wide)
            self.grams = {name: self._gram(found) for name, found in style.items()}

    def image(self, pictures: np.ndarray) -> Tensor:
        """(b, h, w, 3) as the (b, 3, h, w) that the objective takes."""
        chosen = torch.from_numpy(pictures).to(self.wide.device, self.wide.wide).permute(0, 3, 1, 2)
        return chosen.contiguous(memory_format=self.wide.format)

    def __call__(self, image: Tensor) -> Tensor:
        """The sum of the pictures' totals."""
        found = self._features(image, [CONTENT, *self.style_layers])
        content = _relative(found[CONTENT].to(self.wide.wide), self.content)
        style = [_relative(self._gram(found[name]), self.grams[name]) for name in self.style_layers]
        dy, dx = image[:, :, 1:] - image[:, :, :-1], image[..., 1:] - image[..., :-1]
        variation = (dy**2).mean((1, 2, 3)) + (dx**2).mean((1, 2, 3))
        total = content + STYLE_WEIGHT / len(style) * torch.stack(style).sum(0) + TV_WEIGHT * variation
        return total.sum()

    def _features(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        if self.narrow is None:
            return self.wide.features(image, layers)
        has = {f"relu{name[4:-7]}" for name in self.wide.parameters if name.endswith("/kernel")}
        found = self.wide.features(image, [name for name in layers if name in has])
        return found | self.narrow.features(image, [name for name in layers if name not in has])

    def _gram(self, features: Tensor) -> Tensor:
        """(b, c, c), accumulated in float32 at least, from whichever layout needs no copy."""
        b, c, h, w = features.shape
        wide = features.to(self.wide.wide)
        if self.wide.format == torch.channels_last:
            flat = wide.permute(0, 2, 3, 1).reshape(b, h * w, c)
            return flat.transpose(1, 2) @ flat / (h * w)
        flat = wide.reshape(b, c, h * w)
        return flat @ flat.transpose(1, 2) / (h * w)


def _relative(value: Tensor, target: Tensor) -> Tensor:
    dimensions = tuple(range(1, target.ndim))
    return ((value - target) ** 2).mean(dimensions) / (target**2).mean(dimensions)
