"""The table of metrics: what each computes, what it means, and whether higher or lower is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jaxtyping import Array, Float

from jaxstyle.losses import gram_matrix
from jaxstyle.metrics.chroma import chroma_histogram, histogram_distance
from jaxstyle.metrics.edges import edge_agreement
from jaxstyle.metrics.relative import mean_distance
from jaxstyle.metrics.similarity import cfsd
from jaxstyle.metrics.structural_similarity import ssim


class ContentTarget(NamedTuple):
    """What metrics need of a content picture: itself, its held-out features, and its sampled features for CFSD."""

    picture: Array
    features: dict[str, Array]
    columns: Array


class StyleTarget(NamedTuple):
    """What metrics need of a style: its chroma histogram and held-out Gram matrices, of the same shape at any size."""

    chroma: Array
    grams: dict[str, Array]


class Seen(NamedTuple):
    """The input of a metric: one generated picture, and the content and the style that it is compared with.

    Attributes:
        image: the generated picture (h, w, 3), RGB in [0, 1].
        features: {layer: activation} of the image, at all held-out layers.
        columns: sampled features of the image for CFSD, at the same positions as the content's.
        content: the target of the content picture.
        style: the target of the style picture, or the mean of several targets.
    """

    image: Float[Array, "h w 3"]
    features: dict[str, Array]
    columns: Array
    content: ContentTarget
    style: StyleTarget


@dataclass(frozen=True)
class Metric:
    """A number about a finished picture, and how to read it.

    Attributes:
        compute: a pure function from `Seen` to a scalar, which is mapped over a batch.
        description: the meaning in one line, for people.
        better: "higher" or "lower". Style and content pull in different directions: no run is best in all metrics.
        compares: "content" or "style", which the generated picture is compared with.
        network: whether it needs the features of a network.
    """

    compute: Callable[[Seen], Float[Array, ""]]
    description: str
    better: Literal["higher", "lower"]
    compares: Literal["content", "style"]
    network: bool = True


def _chroma_distance(seen: Seen) -> Array:
    return histogram_distance(chroma_histogram(seen.image), seen.style.chroma)


def _style_distance(seen: Seen) -> Array:
    return mean_distance({layer: gram_matrix(seen.features[layer]) for layer in seen.style.grams}, seen.style.grams)


METRICS: dict[str, Metric] = {
    "ssim": Metric(
        lambda seen: ssim(seen.image, seen.content.picture),
        "local structure of light and shade kept from the content; 1 is all, 0 none",
        "higher",
        "content",
        network=False,
    ),
    "edge_agreement": Metric(
        lambda seen: edge_agreement(seen.image, seen.content.picture),
        "correlation of edge strengths with the content's, in [0, 1]",
        "higher",
        "content",
        network=False,
    ),
    "chroma_distance": Metric(
        _chroma_distance, "how far the palette is from the style's, in [0, 1]", "lower", "style", network=False
    ),
    "content_distance": Metric(
        lambda seen: mean_distance(seen.features, seen.content.features),
        "squared distance to the content's held-out features, relative",
        "lower",
        "content",
    ),
    "style_distance": Metric(
        _style_distance, "squared distance to the style's held-out Gram matrices, relative", "lower", "style"
    ),
    "cfsd": Metric(
        lambda seen: cfsd(seen.columns, seen.content.columns),
        "how differently the picture's parts resemble each other than the content's do",
        "lower",
        "content",
    ),
}  # fmt: skip
"""{name: metric} for all metrics that `Judge` computes, in the order of its results."""
