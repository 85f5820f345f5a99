"""Three published objectives in PyTorch float64: an independent statement of their formulas, and its golden numbers.

From jaxstyle come the embedded network's numbers and the made-up pictures, no mathematics. A network keeps its own
preprocessing, padding and pooling where the published system does not need another.

To make goldens/presets_torch.npz again, at the root of a checkout, in an environment of its own:

    python3.11 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    PYTHONPATH=. /tmp/torch/bin/python tests/torch_presets.py

The file holds the pictures (8 bit); of each preset the total and its gradient by pixels in [0, 1], of each weighted
term the value and its gradient at every fourth pixel; the network's SHA-256 and PyTorch's version.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

GOLDENS = Path(__file__).parent / "goldens/presets_torch.npz"
DEPTHS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 1}
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"


class Network(NamedTuple):
    """Arrays by name, "conv1_1/kernel" (3, 3, in, out) and "conv1_1/bias" (out,), and what goes with them."""

    arrays: Mapping[str, np.ndarray]
    matrix: np.ndarray  # (3, 3): RGB pixel in [0, 1] @ matrix + offset is the input
    offset: np.ndarray
    padding: str = "reflect"
    first_padding: str = "reflect"
    pooling: Callable[..., Tensor] = F.max_pool2d


def features(network: Network, image: Tensor) -> dict[str, Tensor]:
    """Activations (c, h w) up to relu5_1 of an image (h, w, 3)."""
    x = (image @ _tensor(network.matrix) + _tensor(network.offset)).permute(2, 0, 1)[None]
    found = {}
    for block, depth in DEPTHS.items():
        x = x if block == 1 else network.pooling(x, 2, 2)
        for i in range(1, depth + 1):
            name = f"{block}_{i}"
            padded = F.pad(x, (1, 1, 1, 1), mode=network.first_padding if name == "1_1" else network.padding)
            kernel = _tensor(network.arrays[f"conv{name}/kernel"]).permute(3, 2, 0, 1)
            x = F.relu(F.conv2d(padded, kernel, _tensor(network.arrays[f"conv{name}/bias"])))
            found[f"relu{name}"] = x[0].flatten(1)
    return found


def gatys(network: Network, image: Tensor, content: Tensor, style: Tensor) -> dict[str, Tensor]:
    """Weighted terms of Gatys' published code: Gram matrices over M, means, weights 1e3 / C^2 of the real VGG19."""
    image, content, style = (features(network, picture) for picture in (image, content, style))
    terms = {f"content/{CONTENT_LAYER}": F.mse_loss(image[CONTENT_LAYER], content[CONTENT_LAYER])}
    for layer, channels in zip(STYLE_LAYERS, (64, 128, 256, 512, 512), strict=True):
        wanted, got = (f[layer] @ f[layer].T / f[layer].shape[1] for f in (style, image))
        terms[f"gram/{layer}"] = 1e3 / channels**2 * F.mse_loss(got, wanted)
    return terms


def neural_style(network: Network, image: Tensor, content: Tensor, style: Tensor) -> dict[str, Tensor]:
    """Weighted terms of neural-style (Lua): content 5, style 100 at each layer, Gram matrices over C M, TV 1e-3."""
    terms = {"total_variation/input": 1e-3 * LuaVariation.apply(255 * image)}
    image, content, style = (features(network, picture) for picture in (image, content, style))
    terms[f"content/{CONTENT_LAYER}"] = 5 * F.mse_loss(image[CONTENT_LAYER], content[CONTENT_LAYER])
    for layer in STYLE_LAYERS:
        wanted, got = (f[layer] @ f[layer].T / f[layer].numel() for f in (style, image))
        terms[f"gram/{layer}"] = 100 * F.mse_loss(got, wanted)
    return terms


def crowsonkb(network: Network, image: Tensor, content: Tensor, style: Tensor) -> dict[str, Tensor]:
    """Weighted terms of style-transfer-pytorch: Gaussian W2 256:64:16:4:1, content 0.015, TV 2; max pooling."""
    network = network._replace(first_padding="replicate", pooling=F.max_pool2d)
    terms = {"total_variation/input": 2 * nine_point_variation(image)}
    image, content, style = (features(network, picture) for picture in (image, content, style))
    terms[f"content/{CONTENT_LAYER}"] = 0.015 * F.mse_loss(image[CONTENT_LAYER], content[CONTENT_LAYER])
    for layer, share in zip(STYLE_LAYERS, (256, 64, 16, 4, 1), strict=True):
        terms[f"gaussian_wasserstein/{layer}"] = share / 341 * wasserstein(image[layer], style[layer])
    return terms


PUBLISHED = {"gatys": gatys, "neural_style": neural_style, "crowsonkb": crowsonkb}


class LuaVariation(torch.autograd.Function):
    """neural-style's TVLoss: the gradient as its updateGradInput adds it up; the value is what has that gradient."""

    @staticmethod
    def forward(ctx, x):
        dx, dy = x[:-1, :-1] - x[:-1, 1:], x[:-1, :-1] - x[1:, :-1]
        ctx.save_for_backward(dx, dy)
        return (dx.square().sum() + dy.square().sum()) / 2

    @staticmethod
    def backward(ctx, cotangent):
        dx, dy = ctx.saved_tensors
        gradient = dx.new_zeros(dx.shape[0] + 1, dx.shape[1] + 1, 3)
        gradient[:-1, :-1] += dx + dy
        gradient[:-1, 1:] -= dx
        gradient[1:, :-1] -= dy
        return cotangent * gradient


def nine_point_variation(image: Tensor) -> Tensor:
    """crowsonkb's TVLoss: squared differences right, below and along both diagonals, the border repeated."""
    x = F.pad(image.permute(2, 0, 1)[None], (1, 1, 1, 1), mode="replicate")
    right = (x[..., 1:-1, 2:] - x[..., 1:-1, 1:-1]).square().mean() / 3
    below = (x[..., 2:, 1:-1] - x[..., 1:-1, 1:-1]).square().mean() / 3
    diagonal = (x[..., 1:, 1:] - x[..., :-1, :-1]).square().mean() / 12
    other = (x[..., 1:, :-1] - x[..., :-1, 1:]).square().mean() / 12
    return 2 * (right + below + diagonal + other)


def wasserstein(got: Tensor, wanted: Tensor) -> Tensor:
    """W2^2 / C of the Gaussians with the mean and the covariance + 1e-4 I of features (c, m)."""
    (mean, cov), (mean_s, cov_s) = (_gaussian(f) for f in (got, wanted))
    root_s = SquareRoot.apply(cov_s)
    product = root_s @ cov @ root_s
    root = SquareRoot.apply((product + product.T) / 2)
    return F.mse_loss(mean, mean_s) + torch.diag(cov + cov_s - 2 * root).mean()


def _gaussian(f: Tensor) -> tuple[Tensor, Tensor]:
    mean = f.mean(1)
    return mean, f @ f.T / f.shape[1] - torch.outer(mean, mean) + 1e-4 * torch.eye(len(f), dtype=f.dtype)


class SquareRoot(torch.autograd.Function):
    """A positive definite matrix' root by eigenvalues; its gradient X solves the Lyapunov equation R X + X R = dR."""

    @staticmethod
    def forward(ctx, matrix):
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp(min=1e-8).sqrt()
        ctx.save_for_backward(roots, vectors)
        return vectors * roots @ vectors.T

    @staticmethod
    def backward(ctx, cotangent):
        roots, vectors = ctx.saved_tensors
        return vectors @ (vectors.T @ cotangent @ vectors / (roots[:, None] + roots)) @ vectors.T


def evaluate(name: str, network: Network, pictures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A preset's "total" and "gradient" (h, w, 3), and of each weighted term "TERM" and "TERM/gradient"."""
    image, content, style = (_tensor(pictures[key]) / 255 for key in ("image", "content", "style"))
    terms = PUBLISHED[name](network, image.requires_grad_(), content, style)
    found, gradient = {}, torch.zeros_like(image)
    for term, value in terms.items():
        part = torch.autograd.grad(value, image, retain_graph=True)[0]
        found |= {term: value.detach().numpy(), f"{term}/gradient": part[::4, ::4].numpy()}
        gradient += part
    return found | {"total": sum(terms.values()).detach().numpy(), "gradient": gradient.numpy()}


def make_pictures() -> dict[str, np.ndarray]:
    """Three pictures of 8 bit. The one that is differentiated has noise: without flat parts, no two maxima tie."""
    from jaxstyle.weights.random_features import dead_leaves

    random = np.random.default_rng(11)
    image, content, style = (dead_leaves(random, 48) for _ in range(3))
    image = image + random.normal(0, 0.05, image.shape)
    shapes = {"image": (image, 40, 32), "content": (content, 40, 32), "style": (style, 44, 36)}
    return {name: (255 * x[:h, :w].clip(0, 1)).round().astype(np.uint8) for name, (x, h, w) in shapes.items()}


def main() -> None:
    """Write the goldens of the embedded network."""
    from jaxstyle.weights.random_features import INPUT, random_weights

    weights, pictures = random_weights(), make_pictures()
    network = Network(weights.arrays, np.array(INPUT.matrix), np.array(INPUT.offset), pooling=F.avg_pool2d)
    found = {**pictures, "sha256": np.array(weights.sha256), "torch": np.array(torch.__version__)}
    for name in PUBLISHED:
        found |= {f"{name}/{key}": value for key, value in evaluate(name, network, pictures).items()}
    GOLDENS.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDENS, **found)
    print(f"{GOLDENS}: {GOLDENS.stat().st_size} bytes")


def _tensor(array: np.ndarray) -> Tensor:
    return torch.as_tensor(np.array(array, np.float64))


if __name__ == "__main__":
    main()
