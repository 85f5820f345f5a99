"""Reads the pictures of a job at the sizes at which they are used. Some jobs have no content, others no style."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxstyle.errors import SettingError
from jaxstyle.image import Picture, fit, read_picture, resize_picture
from jaxstyle.objective.memo import Once
from jaxstyle.transfer.inputs import Inputs, read_masks, read_style_masks, recolored, sized, style_edge

if TYPE_CHECKING:
    from jaxstyle.transfer.job import Job


def check_missing(job: "Job") -> None:
    """Check that a job needs no picture that it lacks: a texture has no content, a reconstruction no style.

    Raises:
        SettingError: the recipe has a term for the missing picture, or the run starts from it or takes colours from it;
            or both are missing.
    """
    init = job.recipe.init if job.init is None else job.init
    missing = {"content": job.content is None, "style": not job.styles}
    for name in (name for name, is_missing in missing.items() if is_missing):
        if getattr(job.recipe, name):
            raise SettingError(f"{name}: got no picture, and the recipe has {name} terms; give one, or leave them out")
        if isinstance(init, str) and init in (name, "detail"):
            raise SettingError(f"{name}: got no picture to start from; use init='noise', or give a picture as init")
        if job.recipe.color != "style":
            raise SettingError(f"{name}: got no picture, which color={job.recipe.color!r} needs; use color='style'")
    if all(missing.values()):
        raise SettingError("content, style: got no picture at all, expected at least one")


def _stand_in(style: Picture, size: int | None, source: Any) -> Picture:
    """A grey picture in place of a missing content, at the size of the result for the style as content."""
    return Picture(np.full_like(sized(style, size, source).rgb, 0.5), None)


class JobPictures(NamedTuple):
    """The pictures of a job.

    Attributes:
        read: the content (grey if there is none) and the styles, as they are in their files.
        content: the content at the result's size.
        inputs: the pictures and masks as the losses see them.
    """

    read: tuple[Picture, ...]
    content: Picture
    inputs: Inputs


def read_pictures(job: "Job", once: Once) -> JobPictures:
    """Read the job's pictures. Raises SettingError and ImageError as `prepare` does."""
    names = [f"style[{i}]" if len(job.styles) > 1 else "style" for i in range(len(job.styles))]
    styles = [once(_read_one, style, name) for style, name in zip(job.styles, names, strict=True)]
    if job.content is None:
        original = content = once(_stand_in, styles[0], job.size, job.styles[0])
    else:
        original = once(_read_one, job.content, "content")
        content = once(sized, original, job.size, job.content)
    edge = style_edge(content, job.style_scale)
    shaped = [once(resize_picture, style, fit(style.rgb.shape[:2], edge)).rgb for style in styles]
    kept, painted = once(recolored, content.rgb, tuple(shaped), job.recipe.color)
    content_masks = read_masks(job.content_masks, kept.shape, "content_masks")
    inputs = Inputs(kept, painted, content_masks, read_style_masks(job.style_masks, painted))
    return JobPictures((original, *styles), content, inputs)


def _read_one(source: Any, name: str) -> Picture:
    return read_picture(source, name=name)
