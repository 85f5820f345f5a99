"""Paints any number of contents with one network and one set of styles, computing style codes only once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxstyle.errors import SettingError, WeightsError, is_number, is_whole, suggest
from jaxstyle.feedforward.load import describe_network
from jaxstyle.feedforward.model import Code, FastModel, blend
from jaxstyle.image import Picture, fit, load_mask, read_picture, resize_picture
from jaxstyle.image.color import finish_color
from jaxstyle.objective.blend import blend_shares
from jaxstyle.objective.memo import Memo
from jaxstyle.objective.recipe import Color
from jaxstyle.runtime.installation import require_right_numbers
from jaxstyle.transfer.inputs import recolored, sized
from jaxstyle.transfer.result import Result, describe, versions


class Source(NamedTuple):
    """A picture that was read, and the argument it was read from."""

    given: Any
    picture: Picture

    def described(self) -> dict[str, Any]:
        """The description of the picture that a result's settings contain: its name and hash."""
        return describe(self.given, self.picture)


def read_source(given: Any, name: str) -> Source:
    """Read a picture, given in any form that `stylize` accepts; error messages call it `name`."""
    return Source(given, read_picture(given, name=name))


def read_styles(style: Any) -> tuple[Source, ...]:
    """Read the style pictures from one picture, a list of pictures, or None for no style."""
    given = list(style) if isinstance(style, list | tuple) else [] if style is None else [style]
    names = [f"style[{i}]" if len(given) > 1 else "style" for i in range(len(given))]
    return tuple(map(read_source, given, names))


@dataclass(frozen=True)
class FastSettings:
    """Settings of how pictures are painted. They are arguments of `stylize_fast`, whose docstring explains them."""

    style_size: int | None = None
    strength: float = 1.0
    blend: Sequence[float] | None = None
    color: Color = "style"

    def __post_init__(self) -> None:
        edge = self.style_size
        if edge is not None and not is_whole(edge, 1):
            raise SettingError(f"style_size: got {edge!r}, expected the long edge in pixels, a whole number above 0")
        strength = self.strength
        if not is_number(strength, 0, 1):
            raise SettingError(f"strength: got {strength!r}, expected a number from 0 (the content) to 1 (the style)")
        if self.color not in get_args(Color):
            raise SettingError(f"color: got {self.color!r}; {suggest(self.color, get_args(Color))}")


class Frame(NamedTuple):
    """A content picture that is ready to be painted: as given, at the result's size, and as the network sees it."""

    source: Source
    picture: Picture
    seen: Float[np.ndarray, "h w 3"]
    masks: Float[np.ndarray, "k h w"] | None = None


def make_frame(source: Source, size: int | None, color: Color, masks: Sequence[Any] | None = None) -> Frame:
    """Prepare a content picture for painting.

    Args:
        source: the content picture.
        size: long edge of the result in pixels; None as for `stylize`.
        color: how colours are treated, as for `stylize`; with "luminance" the network sees a grey content.
        masks: one grey picture for each style, white where the style goes; resized to the result's size.

    Raises:
        SettingError: the size is not usable. ImageError: a mask is not usable.
    """
    picture = sized(source.picture, size, source.given)
    seen = recolored(picture.rgb, [], color)[0] if color == "luminance" else picture.rgb
    if masks is None:
        return Frame(source, picture, seen)
    shape = picture.rgb.shape
    read = [load_mask(mask, name=f"masks[{i}]", shape=shape) for i, mask in enumerate(masks)]
    return Frame(source, picture, seen, np.stack(read))


@dataclass(frozen=True)
class Painter:
    """A network with styles and settings, checked to fit together.

    A network that was trained for one style takes no others. For it, `styles` holds only the style that a refinement
    optimises towards, which `Refine.check` checks.

    Raises:
        SettingError: the styles or settings do not fit the network.
        InstallationError: the installed JAX computes wrong numbers.
    """

    model: FastModel
    styles: tuple[Source, ...]
    fast: FastSettings
    once: Memo = field(default_factory=Memo, repr=False)

    def __post_init__(self) -> None:
        require_right_numbers()
        if self.fast.style_size is not None and self._square:
            raise SettingError(
                f"style_size: {self.model.name!r} sees every style at {self._square} pixels; leave it out"
            )
        if takes_style(self.model):
            blend_shares(self.fast.blend, len(self.styles))
        else:
            self._check_own_style()

    def _check_own_style(self) -> None:
        """Raise SettingError for settings that have no meaning for a network trained for one style."""
        own = f"the network {self.model.name!r} has a style of its own"
        for name in ("style_size", "blend"):
            if getattr(self.fast, name) is not None:
                raise SettingError(f"{name}: {own}; leave it out")
        if self.fast.strength != 1:
            raise SettingError(f"strength: {own} and no strength to set; leave it out")
        if self.fast.color not in ("style", "luminance"):
            raise SettingError(f"color: {own}, which {self.fast.color!r} cannot recolour; try 'luminance'")

    def paint(self, frames: Sequence[Frame]) -> list[Float[np.ndarray, "h w 3"]]:
        """Paint contents of one shape in one forward pass, before `result` restores the content's colours.

        Raises:
            WeightsError: the network's output has another shape or is not finite.
        """
        codes = [self.code(frame) for frame in frames]
        masks = {} if frames[0].masks is None else {"masks": frames[0].masks}
        if len(frames) == 1:
            content, code = jnp.asarray(frames[0].seen), codes[0]
        else:
            content = jnp.stack([frame.seen for frame in frames])
            code = codes[0] if self._shared else jax.tree.map(lambda *leaves: jnp.stack(leaves), *codes)
        painted = np.asarray(self.model(content, code, strength=float(self.fast.strength), **masks), np.float32)
        if painted.shape != content.shape or not np.isfinite(painted).all():
            raise WeightsError(f"model: {self.model.name!r} made no picture of a content {content.shape[-3:]}")
        return [painted] if len(frames) == 1 else list(painted)

    def result(self, painted: Float[np.ndarray, "h w 3"], frame: Frame, started: float) -> Result:
        """The `Result` for a picture from `paint`, in the colours that `color` asks for."""
        edge = max(painted.shape[:2])
        styles = [self.once(self._at, style, edge) for style in self.styles] if self.fast.color == "affine" else []
        image = finish_color(painted, frame.picture.rgb, styles, self.fast.color)
        settings = self.settings(frame) | {"status": "done"}
        return Result(image, {}, "done", settings, frame.picture.alpha, time.perf_counter() - started)

    def code(self, frame: Frame) -> Code:
        """The blended code of all styles; with masks, a list with one code for each style.

        The code is the same for every content, unless the styles' colours are matched to the content's.
        """
        if not takes_style(self.model):
            return ()
        edge = self.fast.style_size or max(frame.seen.shape[:2])
        if self._shared and frame.masks is None:
            return self.once(self._blended, self._square or edge)
        shaped = [self.once(self._at, style, edge) for style in self.styles]
        colored = recolored(frame.picture.rgb, shaped, self.fast.color)[1]
        return self._mixed(colored) if frame.masks is None else [self.model.style_code(style) for style in colored]

    @property
    def _shared(self) -> bool:
        return self.fast.color in ("style", "affine")

    def _blended(self, edge: int) -> Code:
        return self._mixed([self._at(style, edge) for style in self.styles])

    @property
    def _square(self) -> int | None:
        """The height and width that the network requires of every style; None if it accepts any size."""
        return getattr(self.model, "style_size", None)

    def _at(self, style: Source, edge: int) -> np.ndarray:
        """A style picture resized to the size that the network sees, so that one compiled program serves all styles."""
        picture, side = style.picture, self._square
        return resize_picture(picture, (side, side) if side else fit(picture.rgb.shape[:2], edge)).rgb

    def _mixed(self, styles: Sequence[np.ndarray]) -> Code:
        codes = [self.model.style_code(style) for style in styles]
        return codes[0] if len(codes) == 1 else blend(codes, self.fast.blend)

    def settings(self, frame: Frame) -> dict[str, Any]:
        """All settings that are needed to paint the picture again, as plain data for the saved file."""
        fast = {
            "network": self.once(describe_network, self.model),
            "strength": float(self.fast.strength),
            "style_size": None if self.fast.style_size is None else int(self.fast.style_size),
            "color": self.fast.color,
        }
        return {
            "fast": fast,
            "size": max(frame.picture.rgb.shape[:2]),
            "blend": list(blend_shares(self.fast.blend, len(self.styles))) if takes_style(self.model) else [],
            "content": frame.source.described(),
            "styles": [self.once(Source.described, style) for style in self.styles],
            "masks": [] if frame.masks is None else [str(i) for i in range(len(frame.masks))],
            "versions": self.once(versions, jax.default_backend()),
        }


def takes_masks(model: FastModel) -> bool:
    """Whether a network can paint regions in different styles, given masks."""
    return "masks" in signature(model.__call__).parameters


def takes_style(model: FastModel) -> bool:
    """Whether a network takes a style picture; a Johnson-type network has only the style that it was trained for."""
    return getattr(model, "takes_style", True)
