"""Training a Johnson-type network: minimise the losses of a recipe for the pictures that the network paints."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxstyle.errors import SettingError
from jaxstyle.feedforward.johnson import Johnson
from jaxstyle.feedforward.load import describe_network
from jaxstyle.feedforward.train.data import Crops, find_pictures, held_out_batch, hold_out
from jaxstyle.feedforward.train.folder import TrainingFolder
from jaxstyle.feedforward.train.loop import Callback, Placement, Trained, run
from jaxstyle.feedforward.train.settings import JohnsonTraining
from jaxstyle.image import fit, load_image, resize
from jaxstyle.losses import ContentLoss, GramLoss, Loss, TotalVariation
from jaxstyle.networks.vgg import VGG19
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Activations, Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.targets import make_targets, target_scales
from jaxstyle.objective.term import Term

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
Named = tuple[tuple[str, Loss], ...]


def johnson_recipe(
    *, content_layer: str = "relu3_3", style_layers: tuple[str, ...] = STYLE_LAYERS, style_weight: float = 10.0
) -> Recipe:
    """The recipe of Johnson et al. 2016 (section 4.1): features at relu3_3, four Gram matrices, total variation.

    The paper uses VGG16; here the layers of the same names in VGG19 are used. Some versions of the paper, and its code,
    take the content at relu2_2, which keeps more detail. Unlike in the paper, the content and style terms are relative
    to the sizes of their targets, so that the weights suit any network and layers. The weights of the style terms sum
    to 1.

    Args:
        content_layer: the layer of the content loss.
        style_layers: the layers of the Gram losses.
        style_weight: the weight of all style terms together; that of the content term is 1.
    """
    return Recipe(
        content=(Term(ContentLoss(content_layer)),),
        style=tuple(Term(GramLoss(layer), 1 / len(style_layers)) for layer in style_layers),
        prior=(Term(TotalVariation(), 1.0, relative=False),),
        style_weight=style_weight,
    )


@partial(jax.tree_util.register_dataclass, data_fields=["objective"], meta_fields=["content", "relative", "dtype"])
@dataclass(frozen=True)
class JohnsonTask:
    """The training objective of one style; each item of a batch is a content picture.

    Attributes:
        objective: the recipe's objective with the targets of the style.
        content: (name, loss) of the recipe's content terms.
        relative: the names of the content terms that are relative to their target's size.
        dtype: the type of the network's activations.
    """

    objective: Objective
    content: Named
    relative: tuple[str, ...]
    dtype: Activations

    @classmethod
    def of(
        cls, model: VGG19, style: Float[np.ndarray, "h w 3"], recipe: Recipe, settings: JohnsonTraining, plan: Plan
    ) -> "JohnsonTask":
        """The task for a recipe and a style picture; of the recipe only the terms and weights are used."""
        empty = np.zeros((settings.size, settings.size, 3), np.float32)
        content = tuple((term.name, term.loss) for term in recipe.content)
        relative = tuple(term.name for term in recipe.content if term.relative)
        return cls(make_objective(model, empty, style, recipe, plan=plan), content, relative, settings.dtype)

    def loss(
        self, network: Johnson, item: Mapping[str, Float[Array, "s s 3"]]
    ) -> tuple[Float[Array, ""], dict[str, Array], Float[Array, "s s 3"]]:
        """(total, {term: value}, picture): the objective of the picture that the network paints, and that picture.

        Args:
            network: the network in training.
            item: {"content": picture}, RGB in [0, 1].
        """
        painted = network.paint(item["content"], jnp.dtype(self.dtype))
        return *self._with(item["content"])(painted), painted

    def _with(self, content: Float[Array, "s s 3"]) -> Objective:
        """The objective with the content targets of a content picture."""
        mine, model = self.objective, self.objective.model
        targets = make_targets(model, content, self.content, None)
        scales = target_scales(model, content, targets, self.content, self.content, relative=self.relative, rows=None)
        return replace(mine, targets={**mine.targets, **targets}, scales={**mine.scales, **scales}, shape=content.shape)


def train_johnson(
    contents: Path | str,
    style: Any,
    output: Path | str,
    *,
    model: VGG19,
    settings: JohnsonTraining | None = None,
    recipe: Recipe | None = None,
    init: Johnson | None = None,
    resume: bool = True,
    devices: list[jax.Device] | None = None,
    callback: Callback | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train a Johnson-type network for one style, or continue such a training.

    Args:
        contents: a folder of photographs; its subfolders are searched too.
        style: the style picture, in any form that `load_image` accepts.
        output: the folder to write `network.safetensors`, `log.jsonl`, `validation/` and checkpoints into.
        model: the loss network, as `load_vgg19` returns it.
        settings: the training's settings; `JohnsonTraining()` when None.
        recipe: the losses and weights to train with; the rest of the recipe is not used. `johnson_recipe()` when None.
        init: a network of another style, as `load_johnson` returns it, to start from instead of random weights. Its
            width then replaces `settings.width`. A training can be continued only with the same `init`.
        resume: continue the training in `output` where it ended. False refuses a folder that holds a training.
        devices: the devices to split each batch over; by default all local devices.
        callback: called with a `TrainingProgress` every `settings.log_every` steps, and before each checkpoint.
        stop: called after every step; when it returns True, a checkpoint is written and the training ends.

    Raises:
        SettingError: settings are not usable; orbax is missing (`pip install 'jaxstyle[train]'`); the folder holds
            another training.
        ImageError: the style cannot be read, or the folder has no picture that can.
        JaxstyleError: the loss became infinite.
    """
    settings, recipe = settings or JohnsonTraining(), recipe or johnson_recipe()
    if not isinstance(init, Johnson | None):
        raise SettingError(f"init: got {type(init).__name__}, expected a Johnson-type network, as load_johnson gives")
    network = Johnson.random(settings.seed, width=settings.width) if init is None else Johnson(init.arrays())
    settings = replace(settings, width=network.width)
    placement = Placement(devices, settings.batch)
    picture = load_image(style, name="style")
    picture = resize(picture, fit(picture.shape[:2], settings.style_size or settings.size))
    train, held = hold_out(find_pictures(Path(contents), "contents"), settings.held_out, settings.seed)
    crops = Crops(train, settings.size, settings.seed)
    plan = Plan(conv="auto" if placement.count == 1 else "exact", dtype=settings.dtype)
    task = JohnsonTask.of(model, picture, recipe, settings, plan)
    begun = None if init is None else describe_network(init)["sha256"]
    about = {"kind": "johnson", "init": begun, **asdict(settings), "recipe": recipe.to_dict(), "model": model.sha256}
    about |= {"style": hashlib.sha256(picture.tobytes()).hexdigest(), "pictures": len(train)}
    folder = TrainingFolder(Path(output), about, resume=resume)
    shown = held_out_batch({"content": (crops, held)})
    network, steps = run(
        network, task, {"content": crops}, shown, settings, folder, placement=placement, callback=callback, stop=stop
    )
    if steps < settings.steps:
        return Trained(network, "stopped", steps, None)
    return Trained(network, "done", steps, network.save(folder.network))
