"""What the embedded network learns from: telling pictures apart by each layer's statistics, and redrawing them.

Every head, two in each block, has three tasks, so that no layer waits for those behind it:

- Contrast (van den Oord et al. 2018; Chen et al. 2020): two crops of one picture, lighting and colours changed, should
  have more alike means and standard deviations of activations than crops of different pictures. Style losses compare
  such statistics: they should tell styles apart.
- Redrawing: from the activations at one place, a linear map redraws that place of the picture. Content losses compare
  activations: they should hold what is to be kept.
- Variety (in the spirit of Bardes, Ponce & LeCun 2022, "VICReg"): within a picture, activations should vary in many
  directions. Without it deep layers are nearly constant in a picture, and Gram matrices hold little but their means.

Noise in the pictures, to be told from nothing and not redrawn, was tried: features blind to noise paint noisily.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from jaxstyle.weights.layout import CONVOLUTIONS
from jaxstyle.weights.random_features import INPUT

Parameters = dict[str, dict[str, jax.Array]]

CHANNELS = {"1": 32, "2": 64, "3": 128, "4": 160, "5": 160}
CROP, BATCH = 32, 96
PHOTOGRAPHS = 0.35  # of all pairs
TEMPERATURE = 0.15
VARIETY = 0.3
EMBEDDING = 96
WINDOW = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0])[:, :, None, None] / 2.0  # of mean square 1
HEADS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_4", "conv4_1", "conv4_2", "conv5_1", "conv5_4")


def init(key: jax.Array) -> Parameters:
    """Gaussian kernels (He et al. 2015), smooth beyond the first layer, plain normalisation, and the heads."""
    parameters, before = {}, 3
    for name in CONVOLUTIONS:
        width = CHANNELS[name[4]]
        key, one, two = jax.random.split(key, 3)
        kernel = jax.random.normal(one, (3, 3, before, width)) * np.sqrt(2 / (9 * before))
        kernel *= 1.0 if name == "conv1_1" else WINDOW
        parameters[name] = {"kernel": kernel, "scale": jnp.ones(width), "shift": jnp.zeros(width)}
        if name in HEADS:
            drawn = 3 * min(stride(name), 8) ** 2
            parameters[name] |= {
                "embed": jax.random.normal(two, (2 * width, EMBEDDING)) * (2 * width) ** -0.5,
                "draw": jnp.zeros((width, drawn)),
                "draw_shift": jnp.zeros(drawn),
            }
        before = width
    return parameters


def activations(parameters: Parameters, pictures: jax.Array) -> dict[str, jax.Array]:
    """{layer: (n, h, w, c)} after batch normalisation (Ioffe & Szegedy 2015) by this batch, and ReLU."""
    x, found = pictures @ jnp.asarray(INPUT.matrix) + jnp.asarray(INPUT.offset), {}
    for name in CONVOLUTIONS:
        x = pooled(x) if starts_block(name) else x
        y = convolve(x, parameters[name]["kernel"])
        mean, variance = y.mean((0, 1, 2)), y.var((0, 1, 2))
        x = jax.nn.relu((y - mean) * lax.rsqrt(variance + 1e-5) * parameters[name]["scale"] + parameters[name]["shift"])
        found[name] = x
    return found


def loss(parameters: Parameters, pictures: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The tasks' mean over the heads, and {layer: (pairs found, share of the picture not redrawn, directions)}."""
    found, total, reported = activations(parameters, pictures), jnp.zeros(()), {}
    for name in HEADS:
        contrast, recognised = contrast_loss(found[name], parameters[name]["embed"])
        drawn = found[name] @ parameters[name]["draw"] + parameters[name]["draw_shift"]
        places = patches(pictures, name)
        missing = ((drawn - places) ** 2).mean() / places.var()
        monotony, dimensions = variety_loss(found[name])
        total += contrast + missing + VARIETY * monotony
        reported[name] = jnp.stack([recognised, missing, dimensions])
    return total / len(HEADS), reported


def variety_loss(features: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Minus the logarithms of the directions in which pictures vary and of the power that varies; the directions.

    Directions are counted by the participation ratio of the covariance within pictures: (sum of its eigenvalues)^2 /
    (sum of their squares). The power is its trace's share of the mean square.
    """
    within = (features - features.mean((1, 2), keepdims=True)).reshape(-1, features.shape[-1])
    covariance = within.T @ within / len(within)
    power = jnp.trace(covariance)
    dimensions = power**2 / (covariance**2).sum()
    return -jnp.log(dimensions) - jnp.log(power / (features**2).sum(-1).mean()), dimensions


def contrast_loss(features: jax.Array, embed: jax.Array) -> tuple[jax.Array, jax.Array]:
    """InfoNCE of the statistics' directions, and how many crops have their partner nearest."""
    mean = features.mean((1, 2))
    deviation = jnp.sqrt(((features - mean[:, None, None]) ** 2).mean((1, 2)) + 1e-4)
    z = jnp.concatenate([mean, deviation], -1)
    z = z - z.mean(0)
    z = (z * lax.rsqrt((z**2).mean(0) + 1e-4)) @ embed
    z = z - z.mean(0)
    z = z / jnp.linalg.norm(z + 1e-6, axis=-1, keepdims=True)
    logits, partner = z @ z.T / TEMPERATURE - 1e9 * jnp.eye(len(z)), jnp.arange(len(z)) ^ 1
    value = optax.softmax_cross_entropy_with_integer_labels(logits, partner).mean()
    return value, (logits.argmax(-1) == partner).mean()


def sample(key: jax.Array, bank: jax.Array, photographs: jax.Array) -> jax.Array:
    """(BATCH, CROP, CROP, 3) in [0, 1]: two crops each of pictures of two banks, mirrored, relit and recoloured.

    The banks are (n, size, size, 3) uint8.
    """
    keys = iter(jax.random.split(key, 12))
    pairs, edge = BATCH // 2, bank.shape[1]
    kind = jax.random.bernoulli(next(keys), PHOTOGRAPHS, (pairs,))
    made, real = (jax.random.randint(next(keys), (pairs,), 0, len(each)) for each in (bank, photographs))
    sources = jnp.where(kind[:, None, None, None], photographs[real], bank[made])
    corners = jax.random.randint(next(keys), (BATCH, 2), 0, edge - CROP + 1)

    def cut(i: Any, corner: Any) -> Any:
        return lax.dynamic_slice(sources, (i // 2, corner[0], corner[1], 0), (1, CROP, CROP, 3))[0]

    x = jax.vmap(cut)(jnp.arange(BATCH), corners).astype(jnp.float32) / 255
    one, three = (BATCH, 1, 1, 1), (BATCH, 1, 1, 3)
    x = jnp.where(jax.random.bernoulli(next(keys), 0.5, one), x[:, :, ::-1], x)
    gain = jnp.exp(0.3 * jax.random.normal(next(keys), one) + 0.15 * jax.random.normal(next(keys), three))
    light = 0.15 * jax.random.normal(next(keys), one) + 0.08 * jax.random.normal(next(keys), three)
    mean = x.mean((1, 2), keepdims=True)
    return jnp.where(jax.random.bernoulli(next(keys), 0.6, one), (x - mean) * gain + mean + light, x).clip(0, 1)


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """3x3, reflected at the edges; as a matrix product where that is faster on a CPU: few pixels or few channels."""
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    if x.shape[-1] > 3 and x.shape[1] > 4:
        return lax.conv_general_dilated(padded, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    n, h, w, c = x.shape
    shifted = [padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return (jnp.concatenate(shifted, -1).reshape(-1, 9 * c) @ kernel.reshape(9 * c, -1)).reshape(n, h, w, -1)


def pooled(x: jax.Array) -> jax.Array:
    """The means of 2x2."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def patches(pictures: jax.Array, name: str) -> jax.Array:
    """The place of the picture that each position of a layer stands for; the deepest layers' at half the size."""
    size = min(stride(name), 8)
    x = pooled(pictures) if stride(name) > 8 else pictures
    n, h, w, _ = x.shape
    cut = x.reshape(n, h // size, size, w // size, size, 3).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(n, h // size, w // size, -1)


def stride(name: str) -> int:
    """Pixels between two positions of a layer."""
    return 2 ** (int(name[4]) - 1)


def starts_block(name: str) -> bool:
    """Whether a pool comes before."""
    return name.endswith("_1") and name != "conv1_1"
