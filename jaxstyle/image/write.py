"""Convert pictures to Pillow images and save them: 8 bits, with the sRGB profile, written whole or not at all."""

import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jaxstyle.errors import ImageError, ImageFileError, SettingError
from jaxstyle.files import check_name, write_atomically
from jaxstyle.image.picture import Picture, from_array
from jaxstyle.image.profiles import srgb_icc
from jaxstyle.image.recipe import encode_recipe, insert_comments, metadata_options

SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""{suffix of a file: Pillow's name of the format} for all that `save_image` can write."""

MOST_EDGE = {"WEBP": 16_383, "JPEG": 65_500}
"""The longest edge in pixels that a format can hold, for formats with a limit that pictures may exceed."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True, "method": 2},
    "TIFF": {"compression": "tiff_lzw"},
}


def to_pil(rgb: Any, alpha: Any = None) -> Image.Image:
    """Convert (h, w, 3) floats in [0, 1], and alpha (h, w) if given, to an 8-bit image by floor(255 x + 1/2).

    Its mode is "RGBA" with alpha, else "RGB". Other arrays that are pictures (see jaxstyle.image) are taken too.

    Raises:
        ImageError: if `rgb` is not a picture, or `alpha` is not in [0, 1] or not of the picture's size.
    """
    picture = from_array(np.asarray(rgb), "rgb")
    if alpha is not None:
        picture = Picture(picture.rgb, _alpha_plane(np.asarray(alpha), picture.rgb.shape[:2]))
    if picture.alpha is None:
        return Image.fromarray(_bytes(picture.rgb))
    return Image.fromarray(np.dstack([_bytes(picture.rgb), _bytes(picture.alpha)]))


def save_image(path: str | os.PathLike, rgb: Any, *, alpha: Any = None, recipe: dict | None = None) -> Path:
    """Save a picture as .png, .webp, .tif(f) (lossless) or .jpg (quality 95, 4:4:4), and return its path.

    The file appears complete or not at all: a failure leaves what was there before. It carries the sRGB profile
    and the recipe, and equal pictures make equal bytes. JPEG has no alpha: the picture is blended over white.

    Raises:
        ImageError: if the arrays are not a picture; ImageFileError if the file cannot be written.
        SettingError: if the recipe is not JSON or longer than MAX_RECIPE.
    """
    target = check_target(path)
    kind = SUFFIXES[target.suffix.lower()]
    text = None if recipe is None else encode_recipe(recipe)
    image = to_pil(rgb, alpha)
    if kind == "JPEG" and image.mode == "RGBA":
        image = _over_white(image)
    extra = {} if text is None else metadata_options(text, kind)
    data = _encode(target, image, kind, icc_profile=srgb_icc(), **_OPTIONS[kind], **extra)
    if kind == "JPEG" and text is not None:
        data = insert_comments(data, text)
    return _write(target, data)


def encode_png(rgb: Any, *, alpha: Any = None, recipe: dict | None = None) -> bytes:
    """Encode a picture as the bytes of a .png, as `save_image` writes it.

    Raises:
        ImageError: if the arrays are not a picture.
        SettingError: if the recipe is not JSON or longer than MAX_RECIPE.
    """
    extra = {} if recipe is None else metadata_options(encode_recipe(recipe), "PNG")
    return _encode(Path("picture.png"), to_pil(rgb, alpha), "PNG", icc_profile=srgb_icc(), **_OPTIONS["PNG"], **extra)


def save_animation(path: str | os.PathLike, frames: Sequence[Any], *, seconds: float = 0.2) -> Path:
    """Save frames (h, w, 3) of one size as an endless animated WebP, `seconds` per frame, and return its path.

    Raises:
        ImageError: if there are no frames or they differ in size; ImageFileError if the file cannot be written.
        SettingError: if `seconds` is not from 0.001 to 3600.
    """
    target = check_target(path, [".webp"])
    if not 0.001 <= seconds <= 3600:
        raise SettingError(f"seconds: got {seconds!r} per frame, expected 0.001 to 3600")
    images = [to_pil(frame) for frame in frames]
    sizes = sorted({image.size for image in images})
    if len(sizes) != 1:
        raise ImageError(f"frames: got {len(images)} frames of sizes {sizes}, expected at least one, all of one size")
    duration = round(seconds * 1000)
    options = {"append_images": images[1:], "duration": duration, "loop": 0, "quality": 90}
    return _write(target, _encode(target, images[0], "WEBP", save_all=True, icc_profile=srgb_icc(), **options))


def _write(target: Path, data: bytes) -> Path:
    try:
        with write_atomically(target) as file:
            file.write(data)
    except OSError as error:
        raise ImageFileError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target


def check_target(path: str | os.PathLike, suffixes: Iterable[str] = SUFFIXES) -> Path:
    """Return `path` as a Path if a picture can be saved there. Call it before minutes of work, not after.

    Raises:
        ImageFileError: if its suffix is none of `suffixes`, it is a folder, its folder is missing or not writable, or
            the name is none for this system (see `jaxstyle.files.check_name`).
    """
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise ImageFileError(f"{target}: cannot save as {target.suffix!r}; expected one of {', '.join(suffixes)}")
    if target.is_dir():
        raise ImageFileError(f"{target}: is a folder; give the name of a file")
    if not target.parent.is_dir():
        raise ImageFileError(f"{target}: there is no folder {str(target.parent)!r}; make it first")
    try:
        check_name(target)
        with tempfile.TemporaryFile(dir=target.parent):
            return target
    except OSError as error:
        raise ImageFileError(f"{target}: cannot be written ({error.strerror or error})") from error


def make_folder(folder: Path) -> Path:
    """Make a folder for pictures, with its parents, where it is missing, and return it.

    One rule for all commands: an output that is a folder is made, while the folder of an output file must be there.

    Raises:
        ImageFileError: it cannot be made, or no picture can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"--output: cannot make the folder {folder} ({error.strerror})") from error
    check_target(folder / "picture.png")
    return folder


def check_fits(path: str | os.PathLike, shape: tuple[int, ...]) -> None:
    """Raise ImageFileError if a picture of `shape` (height, width, ...) is too large for the file's format."""
    target = Path(path)
    kind = SUFFIXES.get(target.suffix.lower(), "")
    if max(shape[:2]) > MOST_EDGE.get(kind, max(shape[:2])):
        size, most = f"{shape[1]} x {shape[0]}", MOST_EDGE[kind]
        raise ImageFileError(f"{target}: {size} pixels, but {kind} holds {most} on an edge at most; save it as .png")


def _encode(target: Path, image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
    except (OSError, ValueError, MemoryError) as error:  # such as sizes that the format cannot hold
        raise ImageFileError(f"{target}: {image.width} x {image.height} cannot be saved as {kind} ({error})") from error
    return buffer.getvalue()


def _bytes(values: np.ndarray) -> np.ndarray:
    """The values as uint8, rounded half up. In float32 the sum 255 x + 1/2 might itself be rounded to an integer."""
    return np.floor(values.astype(np.float64) * 255 + 0.5).astype(np.uint8)


def _alpha_plane(alpha: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if alpha.shape != shape:
        raise ImageError(f"alpha: got shape {alpha.shape}, expected the picture's {shape}")
    return from_array(alpha, "alpha").rgb[..., 0]


def _over_white(image: Image.Image) -> Image.Image:
    """The picture blended over white, on the sRGB-encoded values as browsers do it."""
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
