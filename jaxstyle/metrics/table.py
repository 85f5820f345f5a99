"""The table of metrics: what each says, and which way is better."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """How to read a number.

    Attributes:
        description: one line, for people.
        better: "higher" or "lower". Style and content pull apart: no run is best in all.
        compares: what the generated picture is compared with.
    """

    description: str
    better: Literal["higher", "lower"]
    compares: Literal["content", "style"]


METRICS: dict[str, Metric] = {
    "ssim": Metric("local structure of light and shade kept from the content; 1 is all, 0 none", "higher", "content"),
    "edge_agreement": Metric("correlation of edge strengths with the content's, in [0, 1]", "higher", "content"),
    "chroma_distance": Metric("how far the palette is from the style's, in [0, 1]", "lower", "style"),
    "content_distance": Metric("squared distance to the content's held-out features, relative", "lower", "content"),
    "style_distance": Metric("squared distance to the style's held-out Gram matrices, relative", "lower", "style"),
    "cfsd": Metric("how differently the picture's parts resemble each other than the content's do", "lower", "content"),
}
"""{name: how to read it}, the names that `Judge` gives, in its order."""
