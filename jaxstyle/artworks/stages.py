"""What is done to a content picture before it is painted, and to the painting after."""

from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
from jaxtyping import Float

from jaxstyle.image import MAX_PIXELS, load_image, to_pil
from jaxstyle.preprocess import MOST_COLORS, Quantized, abstract, merge_regions, quantize_colors, superpixels
from jaxstyle.preprocess.abstraction import Statistic
from jaxstyle.preprocess.dither import Dither
from jaxstyle.preprocess.merge import MOST_APART
from jaxstyle.preprocess.settings import check_amount, check_choice, check_count
from jaxstyle.preprocess.superpixels import COMPACTNESS

STAGES = ("content", "superpixels", "quantize", "transfer", "after_quantize")
"""In the order in which they come; the first and the transfer always."""


@dataclass(frozen=True)
class Stages:
    """Which stages are on; see `artwork`.

    Raises:
        SettingError: a setting that does not fit.
    """

    superpixels: int | None = None
    compactness: float = 10.0
    statistic: Statistic = "mean"
    merge: float | None = None
    quantize: int | None = None
    after_quantize: int | None = None
    dither: Dither | None = None

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {"compactness": check_amount("compactness", self.compactness, *COMPACTNESS)}
        for name, most in (("superpixels", MAX_PIXELS), ("quantize", MOST_COLORS), ("after_quantize", MOST_COLORS)):
            if getattr(self, name) is not None:
                checked[name] = check_count(name, getattr(self, name), 1, most)
        if self.merge is not None:
            checked["merge"] = check_amount("merge", self.merge, 0, MOST_APART)
        check_choice("statistic", self.statistic, get_args(Statistic))
        if self.dither is not None:
            check_choice("dither", self.dither, get_args(Dither))
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def before(self, content: Float[np.ndarray, "h w 3"], seed: int) -> dict[str, Float[np.ndarray, "h w 3"]]:
        """{"content", and "superpixels" and "quantize" if they are on: the picture after that stage}."""
        pictures = {"content": content}
        if self.superpixels is not None:
            found = superpixels(content, self.superpixels, compactness=self.compactness)
            found = found if self.merge is None else merge_regions(found, self.merge)
            painted = abstract(content, found, statistic=self.statistic)
            pictures["superpixels"] = load_image(to_pil(painted))  # as its file holds it, for `jaxstyle rerun`
        if self.quantize is not None:
            last = pictures.get("superpixels", content)
            pictures["quantize"] = quantize_colors(last, self.quantize, dither=self.dither, seed=seed).image
        return pictures

    def after(self, painting: Float[np.ndarray, "h w 3"], seed: int) -> Quantized | None:
        """The painting in few colours; None where that is off."""
        if self.after_quantize is None:
            return None
        return quantize_colors(painting, self.after_quantize, dither=self.dither, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a result's settings."""
        return asdict(self)
