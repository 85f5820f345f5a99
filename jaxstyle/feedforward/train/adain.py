"""Training AdaIN's decoder: Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with AdaIN", section 5."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxstyle.feedforward.adain import AdaIN, adain
from jaxstyle.feedforward.coder import Decoder, Encoder
from jaxstyle.feedforward.train.data import Batch, Crops, find_pictures, held_out_batch, hold_out
from jaxstyle.feedforward.train.folder import TrainingFolder
from jaxstyle.feedforward.train.loop import Callback, Placement, Trained, run
from jaxstyle.feedforward.train.settings import AdaINTraining
from jaxstyle.losses import MomentLoss
from jaxstyle.objective.plan import Activations
from jaxstyle.weights.layout import Weights

LEVEL = 4
LOSSES = tuple(MomentLoss(f"relu{block}_1") for block in range(1, LEVEL + 1))
LAYERS = tuple(loss.layer for loss in LOSSES)


class Scales(NamedTuple):
    """What an encoder's activations are like on some pictures.

    Attributes:
        sizes: {layer: mean activation}, over pictures, positions and channels; 1 where nothing is active.
        mean: of each channel at relu4_1.
        deviation: likewise, and a tenth of their mean, as some channels are hardly ever active.
    """

    sizes: Mapping[str, Float[Array, ""]]
    mean: Float[Array, " c"]
    deviation: Float[Array, " c"]


@partial(jax.tree_util.register_dataclass, data_fields=["encoder", "scales", "style_weight"], meta_fields=["dtype"])
@dataclass(frozen=True)
class AdaINTask:
    """`L = L_c + lambda L_s` (equation 11) of the pair that an item of a batch is.

    With the encoder f, the decoder g and t = AdaIN(f(c), f(s)) (equation 8): `L_c = mean((f(g(t)) - t)^2)`, which is
    equation 12 squared, and `L_s` the mean squared differences of the channels' means and standard deviations at
    relu1_1 to relu4_1 (equation 13, as the published code has it), added up.

    Unlike there, each layer's part is divided by the square of the layer's size, its mean activation: 1 in the paper's
    network, which was normalised to that, while in others the first layers would drown the last. And the decoder is
    given t with each channel's mean and deviation taken out: without that, it learns nothing at learning rates at which
    it now learns in minutes. `folded` puts them into its first kernel.
    """

    encoder: Encoder
    scales: Scales
    style_weight: Any
    dtype: Activations

    def loss(
        self, network: Decoder, item: Mapping[str, Float[Array, "s s 3"]]
    ) -> tuple[Float[Array, ""], dict[str, Array], Float[Array, "s s 3"]]:
        """The total, L_c and the parts of L_s, and the picture."""
        decoder = jax.tree.map(lambda leaf: leaf.astype(self.dtype), network)
        targets = {loss: loss.target(self._features(item["style"])[loss.layer]) for loss in LOSSES}
        aim = adain(self._features(item["content"])[LAYERS[-1]], jnp.stack(targets[LOSSES[-1]]))
        normalized = (aim - self.scales.mean[None, None]) / self.scales.deviation[None, None]
        painted = decoder(normalized.astype(self.dtype)).astype(aim.dtype)
        found = self._features(painted)
        part = {layer: 1 / size**2 for layer, size in self.scales.sizes.items()}
        values = {"content": part[LAYERS[-1]] * jnp.mean((found[LAYERS[-1]] - aim) ** 2)}
        for loss, target in targets.items():
            values[f"style/{loss.layer}"] = part[loss.layer] * loss(found[loss.layer], target)
        style = sum((values[f"style/{layer}"] for layer in LAYERS), jnp.zeros(()))
        return values["content"] + self.style_weight * style, values, painted

    def _features(self, picture: Float[Array, "s s 3"]) -> dict[str, Array]:
        found = self.encoder.features(picture, LAYERS)
        return {layer: each.astype(jnp.float32) for layer, each in found.items()}


def train_adain(
    contents: Path | str,
    styles: Path | str,
    output: Path | str,
    *,
    weights: Weights,
    settings: AdaINTraining | None = None,
    resume: bool = True,
    devices: list[jax.Device] | None = None,
    callback: Callback | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train AdaIN's decoder for a VGG19, which stays as it is, or go on with it.

    Args:
        contents: a folder of photographs, with folders within.
        styles: a folder of paintings, likewise.
        output: the folder to write `network.safetensors`, `log.jsonl`, `validation/` and checkpoints into.
        weights: of the VGG19, to relu4_1 at least, such as `read_weights` gives. Its channels are the decoder's.
        settings: see there.
        resume: go on where the folder's training ended; else a folder that has one is refused.
        devices: to share each batch out over; all of this process by default.
        callback: called with each `TrainingProgress`, every `settings.log_every` steps.
        stop: asked after every step; where it says so, a checkpoint is written and the training ends.

    Raises:
        SettingError: settings or weights that do not fit; orbax is missing (`pip install 'jaxstyle[train]'`); a folder
            that holds another training.
        ImageError: a folder has no picture that can be read.
        JaxstyleError: the loss became infinite.
    """
    settings = settings or AdaINTraining()
    placement = Placement(devices, settings.batch)
    encoder = Encoder(weights, LEVEL)
    conv: Any = "auto" if placement.count == 1 else "exact"
    crops, held = _pictures({"content": contents, "style": styles}, settings)
    about = {"kind": "adain", **asdict(settings), "weights": weights.sha256}
    about |= {"pictures": [len(each.paths) for each in crops.values()]}
    folder = TrainingFolder(Path(output), about, resume=resume)
    scales = scales_of(encoder, np.stack([each(n) for n in range(8) for each in crops.values()]))
    prepared = encoder.prepared(LAYERS, conv=conv, dtype=settings.dtype)
    task = AdaINTask(prepared, scales, jnp.float32(settings.style_weight), settings.dtype)
    network = first_decoder(encoder, settings.seed)
    decoder, steps = run(
        network, task, crops, held, settings, folder, placement=placement, callback=callback, stop=stop
    )
    finished = AdaIN(encoder, folded(decoder, scales), licence=weights.licence)
    if steps < settings.steps:
        return Trained(finished, "stopped", steps, None)
    return Trained(finished, "done", steps, finished.save(folder.network))


def _pictures(folders: Mapping[str, Path | str], settings: AdaINTraining) -> tuple[dict[str, Crops], Batch | None]:
    """To train with, and held out."""
    crops, held = {}, {}
    for salt, (name, where) in enumerate(folders.items()):
        train, kept = hold_out(find_pictures(Path(where), name), settings.held_out, settings.seed)
        crops[name] = Crops(train, settings.size, 2 * settings.seed + salt)
        held[name] = crops[name], kept
    return crops, held_out_batch(held)


def scales_of(encoder: Encoder, pictures: UInt8[np.ndarray, "n s s 3"]) -> Scales:
    """The encoder's scales on 8-bit pictures."""
    found = jax.jit(jax.vmap(lambda picture: encoder.features(picture, LAYERS)))(pictures.astype(np.float32) / 255)
    sizes = {layer: jnp.where(each.mean() > 0, each.mean(), 1) for layer, each in found.items()}
    mean, deviation = (getattr(found[LAYERS[-1]], name)((0, 1, 2)) for name in ("mean", "std"))
    least = 0.1 * deviation.mean()
    return Scales(sizes, mean, deviation + jnp.where(least > 0, least, 1))


def first_decoder(encoder: Encoder, seed: int) -> Decoder:
    """The decoder before its first step: random, but it gives grey: its last kernel over 10, its last bias 1/2."""
    widths = [int(getattr(encoder, f"conv{block}_1").kernel.shape[3]) for block in range(1, LEVEL + 1)]
    arrays = Decoder.random(jax.random.key(seed), widths=widths, level=LEVEL).arrays()
    arrays["conv1_1/kernel"] = arrays["conv1_1/kernel"] / 10
    arrays["conv1_1/bias"] = np.full(3, 0.5, np.float32)
    return Decoder(arrays)


def folded(decoder: Decoder, scales: Scales) -> Decoder:
    """A decoder of features from one of normalised features: the same pictures, but for rounding."""
    arrays = decoder.arrays()
    mean, deviation = np.asarray(scales.mean), np.asarray(scales.deviation)
    kernel = arrays["conv4_1/kernel"] / deviation[None, None, :, None]
    arrays["conv4_1/kernel"] = kernel
    arrays["conv4_1/bias"] = arrays["conv4_1/bias"] - np.einsum("hwio,i->o", kernel, mean)
    return Decoder(arrays)
