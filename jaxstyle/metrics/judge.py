"""The judge: all metrics of a batch of finished pictures, in one compiled call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import gram_matrix
from jaxstyle.losses.positions import check_sampling
from jaxstyle.metrics.chroma import chroma_histogram
from jaxstyle.metrics.held_out_network import Layers, held_out, reachable
from jaxstyle.metrics.pictures import check_picture
from jaxstyle.metrics.similarity import LAYER, sampled_columns
from jaxstyle.metrics.structural_similarity import WINDOW
from jaxstyle.metrics.table import METRICS, ContentTarget, Seen, StyleTarget
from jaxstyle.networks.model import check_layers
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective.recipe import Recipe

TOGETHER = 2
"""The number of pictures that accelerators measure at a time. It bounds memory, and is fixed because XLA rounds
differently in batches of other sizes. CPUs measure one picture at a time: there XLA may round a picture differently
by its place in a batch, as in `jaxstyle.sweep.lanes`."""

Values = dict[str, Float[Array, "*b"]]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["model"],
    meta_fields=["content_layers", "style_layers", "similarity_layer", "samples"],
)
@dataclass(frozen=True)
class Judge:
    """All `METRICS` of a batch: `judge(images, content_targets, style_targets) -> {name of the metric: (b,)}`.

    Compare only numbers from the same judge: other layers, networks and picture sizes have other scales. The network
    is used as it is, without the recipe's pooling or padding, in full float32 precision on every device. A picture's
    numbers do not depend on the other pictures in its batch. A judge is a pytree whose only arrays are the network's.

    Example:
        >>> judge = Judge.of(model, recipe, content.shape)
        >>> contents = stack_targets([judge.content_target(content)] * 2)
        >>> styles = stack_targets([judge.style_target(style) for style in (scream, wave)])
        >>> judge(jnp.stack(images), contents, styles)["ssim"].shape
        (2,)

    Attributes:
        model: the network, ready to run.
        content_layers: where "content_distance" is measured.
        style_layers: where "style_distance" is measured.
        similarity_layer: where "cfsd" is measured.
        samples: the most positions of `similarity_layer` that "cfsd" compares with each other.
    """

    model: VGG
    content_layers: Layers
    style_layers: Layers
    similarity_layer: str = LAYER
    samples: int = 1024

    @classmethod
    def of(
        cls,
        model: VGG,
        recipes: Recipe | Sequence[Recipe],
        shape: tuple[int, ...],
        *,
        style_shapes: Iterable[tuple[int, ...]] = (),
        samples: int = 1024,
    ) -> "Judge":
        """Make a judge that uses layers which no recipe optimised (see `held_out`).

        Args:
            model: the network; in float32, not one rounded to bfloat16.
            recipes: one recipe, or all that are to be compared.
            shape: (height, width, ...) of the generated pictures.
            style_shapes: (height, width, ...) of the styles. Layers that one of them is too small for are not used.
            samples: the most positions for CFSD. Time and memory grow with its square: 4 MiB a picture for 1024.

        Raises:
            SettingError: no recipe, `model` is no VGG, or `samples` is no whole number from 1.
            ImageError: `shape` is below 11 pixels a side, or a picture is too small for every layer.
        """
        if not isinstance(model, VGG):
            raise SettingError(f"model: got {type(model).__name__}, expected a VGG19, such as load_vgg19 gives")
        check_sampling(samples, 0)
        if len(shape) < 2 or min(shape[:2]) < WINDOW:
            raise ImageError(
                f"shape: got {shape}, expected (height, width) of at least {WINDOW} pixels each, as SSIM has"
            )
        content, style = held_out(recipes, model, [shape, *style_shapes])
        reached = reachable(model, [shape])
        similarity = LAYER if LAYER in reached else reached[-1]
        ready = model.prepared({*content, *style, similarity})
        return cls(ready, content, style, similarity, samples)

    def content_target(self, content: Float[Array, "h w 3"]) -> ContentTarget:
        """The target for a content picture, RGB in [0, 1] of the generated pictures' size. Make it once per picture.

        Raises:
            ImageError: `content` is not a picture, or is below 11 pixels a side.
        """
        content = jnp.asarray(content)
        check_picture(content, "content", WINDOW, "SSIM's window")
        return _content_target(self, content)

    def style_target(self, style: Float[Array, "h w 3"]) -> StyleTarget:
        """The target for a style, RGB in [0, 1] of any size. Make it once per style; it is compiled once per size.

        Raises:
            ImageError: `style` is not a picture, or too small for a layer: name its shape in `of`.
        """
        style = jnp.asarray(style)
        check_picture(style, "style")
        try:
            check_layers(self.model, self.style_layers, style.shape)
        except ImageError as error:
            raise ImageError(f"style: {error}; or name its shape among Judge.of's style_shapes") from None
        return _style_target(self, style)

    def __call__(self, images: Float[Array, "b h w 3"], contents: ContentTarget, styles: StyleTarget) -> Values:
        """{name of the metric: (b,)} of b pictures in [0, 1], each against its own content and style.

        Args:
            images: the generated pictures, of the contents' size.
            contents: one `content_target` per picture, stacked by `stack_targets`.
            styles: one `style_target` per picture, stacked by `stack_targets`.

        Raises:
            ImageError: the shapes do not fit each other.
        """
        images = jnp.asarray(images)
        if images.ndim != 4 or not len(images) or images.shape != contents.picture.shape:
            expected = f"the contents' {contents.picture.shape}: a target each, see stack_targets"
            raise ImageError(f"images: got shape {images.shape}, expected (batch, height, width, 3), {expected}")
        if styles.chroma.ndim != 4 or len(styles.chroma) != len(images):
            got = f"targets of shape {styles.chroma.shape}"
            raise ImageError(f"styles: got {got} for {len(images)} images, expected one each; see stack_targets")
        spare = 0 if jax.default_backend() == "cpu" else -len(images) % TOGETHER
        padded = jax.tree.map(lambda x: jnp.concatenate([x, x[:spare]]), (images, contents, styles))
        found = _judge(self, *padded)
        return {name: found[name][: len(images)] for name in METRICS}


def stack_targets(targets: Sequence[Any]) -> Any:
    """Stack targets of one kind, one per picture, to the batch that a `Judge` takes. Every array gets a new first axis.

    Raises:
        SettingError: there are no targets.
    """
    if not targets:
        raise SettingError("targets: got none, expected one per picture")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *targets)


@jax.jit
def _content_target(judge: Judge, content: Array) -> ContentTarget:
    with jax.default_matmul_precision("highest"):
        found = judge.model.features(content, {*judge.content_layers, judge.similarity_layer})
    features = {layer: found[layer] for layer in judge.content_layers}
    return ContentTarget(content, features, sampled_columns(found[judge.similarity_layer], judge.samples))


@jax.jit
def _style_target(judge: Judge, style: Array) -> StyleTarget:
    with jax.default_matmul_precision("highest"):
        found = judge.model.features(style, judge.style_layers)
        return StyleTarget(chroma_histogram(style), {layer: gram_matrix(each) for layer, each in found.items()})


@jax.jit
def _judge(judge: Judge, images: Array, contents: ContentTarget, styles: StyleTarget) -> Values:
    batch, measure = (images, contents, styles), partial(_values, judge)
    if jax.default_backend() != "cpu":
        batch = jax.tree.map(lambda x: x.reshape(-1, TOGETHER, *x.shape[1:]), batch)
        measure = jax.vmap(measure)
    with jax.default_matmul_precision("highest"):
        found = jax.lax.map(lambda some: measure(*some), batch)
    return {name: values.ravel() for name, values in found.items()}


def _values(judge: Judge, image: Array, content: ContentTarget, style: StyleTarget) -> Values:
    """The metrics of one picture."""
    found = judge.model.features(image, {*judge.content_layers, *judge.style_layers, judge.similarity_layer})
    seen = Seen(image, found, sampled_columns(found[judge.similarity_layer], judge.samples), content, style)
    return {name: metric.compute(seen) for name, metric in METRICS.items()}


@jax.jit
def judge_pixels(
    images: Float[Array, "b h w 3"], contents: Float[Array, "b h w 3"], chromas: Float[Array, "b k l"]
) -> Values:
    """Compute the metrics that need no network: {name: (b,)}.

    Args:
        images: the generated pictures in [0, 1].
        contents: the content picture of each.
        chromas: the `chroma_histogram` of the style of each.
    """
    nothing = jnp.zeros(())

    def values(image: Array, content: Array, chroma: Array) -> Values:
        seen = Seen(image, {}, nothing, ContentTarget(content, {}, nothing), StyleTarget(chroma, {}))
        return {name: metric.compute(seen) for name, metric in METRICS.items() if not metric.network}

    return jax.lax.map(lambda some: values(*some), (images, contents, chromas))
