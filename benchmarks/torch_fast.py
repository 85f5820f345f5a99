"""The fast networks in PyTorch, from jaxstyle's own arrays: answers `workers.Worker`. Not run by hand."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from problem import load
from torch import Tensor, nn
from workers import serve

RESIDUAL = range(1, 6)


class Network(nn.Module):
    """The arrays that start with "net/" as tensors: kernels (out, in, h, w), a transposed one (in, out, h, w)."""

    def __init__(self, problem: Mapping[str, np.ndarray], memory_format: torch.memory_format):
        super().__init__()
        self.tensors = {}
        for key, array in problem.items():
            if key.startswith("net/"):
                tensor = torch.from_numpy(array.transpose(3, 2, 0, 1).copy() if array.ndim == 4 else array.copy())
                self.tensors[key[4:]] = tensor.contiguous(memory_format=memory_format) if tensor.ndim == 4 else tensor

    def forward(self, content: Tensor, code: Tensor | None) -> Tensor:
        """(n, 3, h, w) in [0, 1] painted."""
        raise NotImplementedError

    def get(self, name: str) -> Tensor:
        """A tensor."""
        return self.tensors[name]

    def mirrored(self, x: Tensor, name: str, bias: str | None = None, stride: int = 1) -> Tensor:
        """A convolution with a reflecting border that keeps the size."""
        kernel = self.get(name)
        half = kernel.shape[-1] // 2
        padded = F.pad(x, (half, half, half, half), mode="reflect")
        return F.conv2d(padded, kernel, None if bias is None else self.get(bias), stride=stride)


def normalised(x: Tensor, scale: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    """Instance normalisation."""
    return F.instance_norm(x, weight=scale, bias=shift, eps=epsilon)


class Magenta(Network):
    """Ghiasi et al. 2017; the style vector is the code, and scales and shifts are computed from it once."""

    def __init__(self, problem: Mapping[str, np.ndarray], memory_format: torch.memory_format):
        super().__init__(problem, memory_format)
        code = torch.from_numpy(problem["code"])
        for name in [key.removesuffix("/kernel") for key in self.tensors if "/scale/kernel" in key or "/shift/" in key]:
            if f"{name}/kernel" in self.tensors:
                self.tensors[name] = code @ self.get(f"{name}/kernel") + self.get(f"{name}/bias")

    def forward(self, content: Tensor, code: Tensor | None) -> Tensor:
        """Sides are multiples of 4 here."""
        x = content
        for name, stride in (("contract/conv1", 1), ("contract/conv2", 2), ("contract/conv3", 2)):
            x = F.relu(self.mirrored(x, f"{name}/kernel", f"{name}/bias", stride))
        for i in RESIDUAL:
            x = x + self.styled(f"residual{i}/conv2", F.relu(self.styled(f"residual{i}/conv1", x)))
        for name in ("expand/conv1", "expand/conv2"):
            x = F.relu(self.styled(name, F.interpolate(x, scale_factor=2, mode="nearest")))
        return torch.sigmoid(self.styled("expand/conv3", x))

    def styled(self, name: str, x: Tensor) -> Tensor:
        """Convolution and conditional instance normalisation."""
        x = self.mirrored(x, f"{name}/kernel")
        return normalised(x, self.get(f"{name}/scale"), self.get(f"{name}/shift"), 1e-5)


class Johnson(Network):
    """Johnson et al. 2016 in the form of fast-style-transfer."""

    def forward(self, content: Tensor, code: Tensor | None) -> Tensor:
        """Sides are multiples of 4 here."""
        x = F.relu(self.plain("conv1", 255 * content))
        for name in ("conv2", "conv3"):
            x = F.relu(self.plain(name, F.pad(x, (0, 1, 0, 1)), stride=2, padding=0))
        for i in RESIDUAL:
            x = x + self.plain(f"res{i}_conv2", F.relu(self.plain(f"res{i}_conv1", x)))
        for name in ("convt1", "convt2"):
            y = F.conv_transpose2d(x, self.get(f"{name}/kernel"), stride=2)
            x = F.relu(self.norm(name, y[:, :, :-1, :-1]))
        return ((150 * torch.tanh(self.plain("conv_out", x)) + 127.5) / 255).clamp(0, 1)

    def plain(self, name: str, x: Tensor, stride: int = 1, padding: int | None = None) -> Tensor:
        """Convolution and instance normalisation."""
        kernel = self.get(f"{name}/kernel")
        half = kernel.shape[-1] // 2 if padding is None else padding
        return self.norm(name, F.conv2d(x, kernel, stride=stride, padding=half))

    def norm(self, name: str, x: Tensor) -> Tensor:
        """The layer's."""
        return normalised(x, self.get(f"{name}/in_scale"), self.get(f"{name}/in_shift"), 1e-3)


class AdaIN(Network):
    """Huang & Belongie 2017: VGG19 to relu4_1, the style's mean and deviation, the mirror image of the network."""

    def __init__(self, problem: Mapping[str, np.ndarray], memory_format: torch.memory_format):
        super().__init__(problem, memory_format)
        self.tensors["matrix"] = torch.from_numpy(np.ascontiguousarray(problem["matrix"].T)[:, :, None, None])
        self.tensors["offset"] = torch.from_numpy(problem["offset"])
        self.last_relu = bool(problem["last_relu"])
        self.names = [f"{block}_{i}" for block, n in ((1, 2), (2, 2), (3, 4), (4, 1)) for i in range(1, n + 1)]

    def forward(self, content: Tensor, code: Tensor | None) -> Tensor:
        """Sides are multiples of 8 here."""
        assert code is not None
        x = F.conv2d(content, self.get("matrix"), self.get("offset"))
        for name in self.names:
            x = F.max_pool2d(x, 2) if name.endswith("_1") and name != "1_1" else x
            x = F.relu(self.mirrored(x, f"encoder4/conv{name}/kernel", f"encoder4/conv{name}/bias"))
        mean, deviation = code.view(2, 1, -1, 1, 1)
        variance, own = torch.var_mean(x, (2, 3), correction=1, keepdim=True)
        x = (x - own) * torch.rsqrt(variance + 1e-5) * deviation + mean
        for name in self.names[::-1]:
            x = self.mirrored(x, f"decoder4/conv{name}/kernel", f"decoder4/conv{name}/bias")
            x = x if name == "1_1" and not self.last_relu else F.relu(x)
            x = F.interpolate(x, scale_factor=2, mode="nearest") if name.endswith("_1") and name != "1_1" else x
        return x.clamp(0, 1)


NETWORKS = {"magenta": Magenta, "johnson": Johnson, "adain": AdaIN}


class Side:
    """A network and its contents, as the settings want them: problem, channels_last, compile."""

    def __init__(self, settings: dict[str, Any]):
        problem = load(settings["problem"])
        chosen = torch.channels_last if settings.get("channels_last", True) else torch.contiguous_format
        self.network: Any = NETWORKS[str(problem["kind"])](problem, chosen)
        self.content = torch.from_numpy(problem["content"]).permute(0, 3, 1, 2).contiguous(memory_format=chosen)
        self.code = torch.from_numpy(problem["code"]) if "code" in problem else None
        if settings.get("compile"):
            self.network = torch.compile(self.network)

    def describe(self) -> dict[str, Any]:
        """Version and threads."""
        return {"torch": torch.__version__, "threads": torch.get_num_threads(), "device": "cpu"}

    def run(self, calls: int) -> dict[str, Any]:
        """Paint all contents so many times: seconds."""
        started = time.perf_counter()
        with torch.inference_mode():
            for _ in range(calls):
                self.network(self.content, self.code)
        return {"seconds": time.perf_counter() - started}

    def paint(self, out: str) -> dict[str, Any]:
        """Write what is painted to `out` as (n, h, w, 3)."""
        with torch.inference_mode():
            np.save(out, self.network(self.content, self.code).permute(0, 2, 3, 1).numpy())
        return {}


def prepare(settings: dict[str, Any]) -> dict[str, Any]:
    """{command: function}."""
    side = Side(settings)
    return {name: getattr(side, name) for name in ("describe", "run", "paint")}


if __name__ == "__main__":
    serve(prepare)
