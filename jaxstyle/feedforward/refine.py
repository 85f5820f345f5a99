"""Refines a fast network's result with a few optimisation steps."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxstyle.errors import SettingError, is_whole
from jaxstyle.feedforward.model import FastModel
from jaxstyle.feedforward.painter import Frame, Painter, Source, takes_style
from jaxstyle.image import Picture
from jaxstyle.networks.vgg import VGG
from jaxstyle.objective import presets
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.transfer.api import stylize
from jaxstyle.transfer.progress import Callback
from jaxstyle.transfer.result import Result, describe_model


@dataclass(frozen=True)
class Refine:
    """Settings of the refinement of fast results. They are arguments of `stylize_fast`, whose docstring explains them.

    Raises:
        SettingError: a setting is not usable, or is given although `steps` is 0.
    """

    steps: int = 0
    model: Any = None
    recipe: Recipe | None = None
    plan: Plan | None = None

    def __post_init__(self) -> None:
        if not is_whole(self.steps, 0):
            raise SettingError(f"refine: got {self.steps!r}, expected a number of optimisation steps, 0 for none")
        if not isinstance(self.recipe, Recipe | None):
            raise SettingError(f"recipe: got {self.recipe!r}, expected a Recipe, such as presets.default()")
        if not isinstance(self.plan, Plan | None):
            raise SettingError(f"plan: got {self.plan!r}, expected a Plan")
        if self.steps and self.model is None:
            raise SettingError("refine_model: got none; refining needs a feature network: 'imagenet' or 'embedded'")
        given = {"refine_model": self.model, "recipe": self.recipe, "plan": self.plan}
        unused = [name for name, value in given.items() if value is not None]
        if not self.steps and unused:
            raise SettingError(f"{unused[0]}: is for refining, and refine is 0; give it steps, such as refine=50")

    def check(self, network: FastModel, styles: Sequence[Any]) -> None:
        """Raise SettingError if the styles do not suit a network that was trained for one style.

        Such a network needs exactly one style picture, that of its training, when the result is refined. Otherwise it
        takes none.
        """
        if takes_style(network):
            return
        own = f"the network {network.name!r} has a style of its own"
        if styles and not self.steps:
            raise SettingError(f"style: {own}; leave it out, or refine towards it, such as with refine=50")
        if self.steps and len(styles) != 1:
            raise SettingError(
                f"refine: {own}; give the picture of it as style (after --style), got {len(styles)} pictures"
            )

    def refine(
        self,
        painter: Painter,
        frame: Frame,
        painted: Float[np.ndarray, "h w 3"],
        started: float,
        callback: Callback | None = None,
        every: int = 10,
    ) -> Result:
        """Run the optimisation, starting from the network's output before `Painter.result` restores colours.

        Args:
            painter: the network, the styles and the settings.
            frame: the content.
            painted: the network's output for `frame`, as `Painter.paint` returns it.
            started: `time.perf_counter()` at the start, for the result's `seconds`.
            callback: as for `stylize`.
            every: as for `stylize`.
        """
        result = stylize(
            _array(frame.picture),
            [style.picture.rgb for style in painter.styles],
            model=self.model,
            recipe=self.settled(painter),
            blend=painter.fast.blend,
            init=painted.clip(0, 1),
            content_masks=None if frame.masks is None else {str(i): mask for i, mask in enumerate(frame.masks)},
            style_masks=None if frame.masks is None else _everywhere(painter.styles),
            plan=self.plan,
            callback=callback,
            every=every,
        )
        settings = {name: value for name, value in result.settings.items() if name != "init_picture"}
        return replace(result, settings=settings | self.settings(painter, frame), seconds=time.perf_counter() - started)

    def settled(self, painter: Painter) -> Recipe:
        """The recipe of the refinement: with the given steps, the painter's `color`, and no pyramid."""
        name = self.model if isinstance(self.model, str) else getattr(self.model, "name", "")
        recipe = self.recipe or presets.recipe_for(name)
        return replace(recipe, pyramid=None, steps=int(self.steps), color=painter.fast.color)

    def settings(self, painter: Painter, frame: Frame) -> dict[str, Any]:
        """The settings to record in a result: the painter's, and those of the refinement if there is one."""
        settings = painter.settings(frame)
        if not self.steps:
            return settings
        return (
            settings
            | {"fast": settings["fast"] | {"refine": int(self.steps)}}
            | {"recipe": self.settled(painter).to_dict()}
            | ({"model": describe_model(self.model)} if isinstance(self.model, VGG) else {})
        )


def _everywhere(styles: Sequence[Source]) -> list[dict[str, np.ndarray]]:
    """One style mask for each style that covers the whole style picture, named like the style's content mask."""
    return [{str(i): np.ones(style.picture.rgb.shape[:2], np.float32)} for i, style in enumerate(styles)]


def _array(picture: Picture) -> np.ndarray:
    return picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
