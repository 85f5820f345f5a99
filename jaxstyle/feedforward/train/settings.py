"""The settings of a training, as data."""

from dataclasses import dataclass
from typing import get_args

from jaxstyle.errors import SettingError, is_number, is_whole
from jaxstyle.objective.plan import Activations
from jaxstyle.objective.term import check_weight


@dataclass(frozen=True, kw_only=True)
class Training:
    """The settings that all trainings have.

    Attributes:
        steps: the number of updates in total. A finished training is continued when more are asked for.
        batch: pictures per step; a multiple of the number of devices.
        size: height and width of the crops in pixels, at least 32 and a multiple of 16.
        learning_rate: the learning rate of Adam (Kingma & Ba 2015; beta 0.9 and 0.999), at least 0.
        decay: the learning rate at step t is `learning_rate / (1 + decay t)`; at least 0.
        dtype: the type of activations, "float32" or "bfloat16", which suits accelerators. Parameters, statistics and
            losses are float32.
        seed: random seed of the initial parameters (unless they are given), of the crops and their order, and of the
            choice of held-out pictures.
        held_out: the most pictures of each folder that are not trained on but shown in contact sheets. A quarter of a
            folder at most, though at least one, and none of a single picture.
        log_every: steps between two lines of the log.
        validate_every: steps between two contact sheets of the held-out pictures.
        checkpoint_every: steps between two checkpoints.

    Raises:
        SettingError: a value is out of range.
    """

    steps: int = 40_000
    batch: int = 4
    size: int = 256
    learning_rate: float = 1e-3
    decay: float = 0.0
    dtype: Activations = "float32"
    seed: int = 0
    held_out: int = 4
    log_every: int = 10
    validate_every: int = 500
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        least = {"steps": 0, "batch": 1, "size": 32, "seed": 0, "held_out": 0}
        least |= dict.fromkeys(("log_every", "validate_every", "checkpoint_every"), 1)
        for name, lowest in least.items():
            got = getattr(self, name)
            if not is_whole(got, lowest):
                raise SettingError(f"{name}: got {got!r}, expected a whole number, at least {lowest}")
        if self.size % 16:
            raise SettingError(f"size: got {self.size}, expected a multiple of 16 pixels")
        for name in ("learning_rate", "decay"):
            got = getattr(self, name)
            if not is_number(got, 0):
                raise SettingError(f"{name}: got {got!r}, expected a finite number, at least 0")
        if self.dtype not in get_args(Activations):
            raise SettingError(f"dtype: got {self.dtype!r}, expected one of {', '.join(get_args(Activations))}")


@dataclass(frozen=True, kw_only=True)
class JohnsonTraining(Training):
    """The settings of Johnson et al. 2016: 40,000 steps of 4 pictures at 256 pixels, Adam at 1e-3.

    Attributes:
        width: channels of the first layer, 32 in the paper. If the training starts from a given network, that
            network's width replaces it.
        style_size: long edge in pixels to which the style picture is resized; `size` when None. Larger gives broader
            strokes.
    """

    width: int = 32
    style_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class AdaINTraining(Training):
    """The settings of Huang & Belongie 2017: 160,000 steps of 8 pairs at 256 pixels, Adam at 1e-4 with decay 5e-5.

    Attributes:
        style_weight: the weight lambda of the style loss in equation 11.
    """

    steps: int = 160_000
    batch: int = 8
    learning_rate: float = 1e-4
    decay: float = 5e-5
    style_weight: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight("style_weight", self.style_weight)
