"""How a network is trained, as data."""

from dataclasses import dataclass
from typing import get_args

from jaxstyle.errors import SettingError, is_number, is_whole
from jaxstyle.objective.plan import Activations
from jaxstyle.objective.recipe import check_weight


@dataclass(frozen=True, kw_only=True)
class Training:
    """What all trainings have in common.

    Attributes:
        steps: updates in all. More may be asked for later: the training then goes on.
        batch: pictures a step; a multiple of the number of devices.
        size: pixels a side of the crops, a multiple of 16.
        learning_rate: of Adam (Kingma & Ba 2015; beta 0.9 and 0.999).
        decay: the learning rate at step t is `learning_rate / (1 + decay t)`.
        dtype: of activations; parameters, statistics and losses are float32. "bfloat16" suits accelerators.
        seed: of the first parameters unless they are given, of the crops and their order, and of which pictures are
            held out.
        held_out: at most so many pictures of each folder are kept from training, to be looked at; a quarter of a folder
            at most, and none of a single picture.
        log_every: steps between two lines of the log.
        validate_every: steps between two contact sheets of the held-out pictures.
        checkpoint_every: steps between two checkpoints.
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
        for name, most in least.items():
            got = getattr(self, name)
            if not is_whole(got, most):
                raise SettingError(f"{name}: got {got!r}, expected a whole number, at least {most}")
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
    """As Johnson et al. 2016 train: 40,000 steps of 4 pictures at 256 pixels, Adam at 1e-3.

    Attributes:
        width: channels of the first layer, 32 in the paper; of a network to begin from its own.
        style_size: long edge in pixels at which the style is looked at; `size` when None. Strokes grow with it.
    """

    width: int = 32
    style_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class AdaINTraining(Training):
    """As Huang & Belongie 2017 train: 160,000 steps of 8 pairs at 256 pixels, Adam at 1e-4 with decay 5e-5.

    Attributes:
        style_weight: lambda of equation 11.
    """

    steps: int = 160_000
    batch: int = 8
    learning_rate: float = 1e-4
    decay: float = 5e-5
    style_weight: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight("style_weight", self.style_weight)
