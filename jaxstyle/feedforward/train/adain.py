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
    """Statistics of an encoder's activations on some pictures.

    Attributes:
        sizes: {layer: mean activation} over pictures, positions and channels; 1 for a layer that is zero everywhere.
        mean: the mean of each channel at relu4_1.
        deviation: the standard deviation of each channel at relu4_1, plus a tenth of the average of these deviations,
            because some channels are hardly ever active.
    """

    sizes: Mapping[str, Float[Array, ""]]
    mean: Float[Array, " c"]
    deviation: Float[Array, " c"]


@partial(jax.tree_util.register_dataclass, data_fields=["encoder", "scales", "style_weight"], meta_fields=["dtype"])
@dataclass(frozen=True)
class AdaINTask:
    """The loss of AdaIN's decoder, `L = L_c + lambda L_s` (equation 11), for a pair of a content and a style picture.

    The encoder is f, the decoder g, and t = AdaIN(f(c), f(s)) (equation 8). The content loss is `L_c =
    mean((f(g(t)) - t)^2)`, which is equation 12 squared. The style loss `L_s` is the sum, over relu1_1 to relu4_1, of
    the mean squared differences of the channels' means and standard deviations (equation 13, as in the published code).

    There are two differences from the paper. First, each layer's part is divided by the square of the layer's mean
    activation. This is 1 in the paper's network, which was normalised to it; in other networks the first layers would
    outweigh the last. Second, the decoder receives t normalised by each channel's mean and deviation. Without this, it
    learns nothing at learning rates at which it now learns in minutes. `folded` moves the normalisation into the
    decoder's first kernel.
    """

    encoder: Encoder
    scales: Scales
    style_weight: Any
    dtype: Activations

    def loss(
        self, network: Decoder, item: Mapping[str, Float[Array, "s s 3"]]
    ) -> tuple[Float[Array, ""], dict[str, Array], Float[Array, "s s 3"]]:
        """(L, {"content": L_c, "style/LAYER": part of L_s, ...}, the decoded picture) for one pair of pictures.

        Args:
            network: the decoder, for normalised features.
            item: {"content": picture, "style": picture}, RGB in [0, 1].
        """
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
    """Train AdaIN's decoder for a VGG19 encoder, which is not changed, or continue such a training.

    Args:
        contents: a folder of photographs; its subfolders are searched too.
        styles: a folder of paintings; its subfolders are searched too.
        output: the folder to write `network.safetensors`, `log.jsonl`, `validation/` and checkpoints into.
        weights: the VGG19's weights, at least to relu4_1, as `read_weights` returns them. The decoder has the same
            numbers of channels.
        settings: the training's settings; `AdaINTraining()` when None.
        resume: continue the training in `output` where it ended. False refuses a folder that holds a training.
        devices: the devices to split each batch over; by default all local devices.
        callback: called with a `TrainingProgress` every `settings.log_every` steps, and before each checkpoint.
        stop: called after every step; when it returns True, a checkpoint is written and the training ends.

    Raises:
        SettingError: settings or weights are not usable; orbax is missing (`pip install 'jaxstyle[train]'`); the folder
            holds another training.
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
    """The crops to train with, by folder name, and the batch of held-out pictures (None if there are none)."""
    crops, held = {}, {}
    for salt, (name, where) in enumerate(folders.items()):
        train, kept = hold_out(find_pictures(Path(where), name), settings.held_out, settings.seed)
        crops[name] = Crops(train, settings.size, 2 * settings.seed + salt)
        held[name] = crops[name], kept
    return crops, held_out_batch(held)


def scales_of(encoder: Encoder, pictures: UInt8[np.ndarray, "n s s 3"]) -> Scales:
    """Measure an encoder's `Scales` on 8-bit pictures (n, s, s, 3)."""
    found = jax.jit(jax.vmap(lambda picture: encoder.features(picture, LAYERS)))(pictures.astype(np.float32) / 255)
    sizes = {layer: jnp.where(each.mean() > 0, each.mean(), 1) for layer, each in found.items()}
    mean, deviation = (getattr(found[LAYERS[-1]], name)((0, 1, 2)) for name in ("mean", "std"))
    least = 0.1 * deviation.mean()
    return Scales(sizes, mean, deviation + jnp.where(least > 0, least, 1))


def first_decoder(encoder: Encoder, seed: int) -> Decoder:
    """The random decoder before the first step, whose output is nearly grey.

    For this, its last kernel is divided by 10, and its last bias is 1/2.
    """
    widths = [int(getattr(encoder, f"conv{block}_1").kernel.shape[3]) for block in range(1, LEVEL + 1)]
    arrays = Decoder.random(jax.random.key(seed), widths=widths, level=LEVEL).arrays()
    arrays["conv1_1/kernel"] = arrays["conv1_1/kernel"] / 10
    arrays["conv1_1/bias"] = np.full(3, 0.5, np.float32)
    return Decoder(arrays)


def folded(decoder: Decoder, scales: Scales) -> Decoder:
    """The decoder that takes features, made from a decoder that takes normalised features.

    Both give the same pictures, up to rounding.
    """
    arrays = decoder.arrays()
    mean, deviation = np.asarray(scales.mean), np.asarray(scales.deviation)
    kernel = arrays["conv4_1/kernel"] / deviation[None, None, :, None]
    arrays["conv4_1/kernel"] = kernel
    arrays["conv4_1/bias"] = arrays["conv4_1/bias"] - np.einsum("hwio,i->o", kernel, mean)
    return Decoder(arrays)
