"""The stages of the artwork pipeline before and after the style transfer."""

from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
from jaxtyping import Float

from jaxstyle.image import MAX_PIXELS, load_image, to_pil
from jaxstyle.preprocess import MOST_COLORS, Quantized, abstract, merge_regions, quantize_colors, superpixels
from jaxstyle.preprocess.abstraction import Statistic
from jaxstyle.preprocess.dither import Dither
from jaxstyle.preprocess.merge import MOST_APART
from jaxstyle.preprocess.segmentation import COMPACTNESS
from jaxstyle.preprocess.settings import check_amount, check_choice, check_count

STAGES = ("content", "superpixels", "quantize", "transfer", "after_quantize")
"""The names of the stages in their order; "content" and "transfer" are always there."""


@dataclass(frozen=True)
class Stages:
    """The settings of the stages; a stage is on if its setting is not None. `artwork` explains each.

    Raises:
        SettingError: a setting is not usable.
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
        """The pictures before the transfer: {"content" and, if on, "superpixels" and "quantize": RGB in [0, 1]}.

        Args:
            content: the content picture at the result's size, RGB in [0, 1].
            seed: random seed of the quantisation.
        """
        pictures = {"content": content}
        if self.superpixels is not None:
            found = superpixels(content, self.superpixels, compactness=self.compactness)
            found = found if self.merge is None else merge_regions(found, self.merge)
            painted = abstract(content, found, statistic=self.statistic)
            pictures["superpixels"] = load_image(to_pil(painted))  # 8-bit values, as in its file, for `jaxstyle rerun`
        if self.quantize is not None:
            last = pictures.get("superpixels", content)
            pictures["quantize"] = quantize_colors(last, self.quantize, dither=self.dither, seed=seed).image
        return pictures

    def after(self, painting: Float[np.ndarray, "h w 3"], seed: int) -> Quantized | None:
        """The painting, RGB in [0, 1], reduced to `after_quantize` colours; None if that stage is off."""
        if self.after_quantize is None:
            return None
        return quantize_colors(painting, self.after_quantize, dither=self.dither, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain data, for the settings of a result."""
        return asdict(self)
