"""The recipe that a saved picture carries: JSON in its metadata, so that a result can be made again.

PNG has it as the iTXt chunk "jaxstyle"; JPEG, WebP and TIFF as {"jaxstyle": recipe} in EXIF ImageDescription, where
other programs show it. A JPEG segment holds at most 64 KB, so a longer recipe is divided among JPEG comments.
"""

import json
import os
from typing import Any

from PIL import Image, PngImagePlugin

from jaxstyle.errors import ImageError, ImageFileError, SettingError
from jaxstyle.image.decode import guarded, open_image
from jaxstyle.image.read import read_path

KEY = "jaxstyle"
IMAGE_DESCRIPTION = 270
MAX_RECIPE = 1_000_000
"""The longest recipe that is written or read, in bytes of JSON."""

_SEGMENT = 60_000
_MARK = b"jaxstyle:"


def encode_recipe(recipe: dict) -> str:
    """The recipe as ASCII JSON. Raises SettingError if it is not a dict, not JSON, or longer than MAX_RECIPE."""
    try:
        text = json.dumps(recipe, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingError(
            f"recipe: cannot be written as JSON ({error}); use plain numbers, texts and lists"
        ) from error
    if not isinstance(recipe, dict) or len(text) > MAX_RECIPE:
        raise SettingError(
            f"recipe: got a {type(recipe).__name__} of {len(text)} bytes, expected a dict of at most {MAX_RECIPE}"
        )
    return text


def metadata_options(text: str, kind: str) -> dict[str, Any]:
    """The arguments with which Pillow's `Image.save` puts the recipe `text` into a file of format `kind`.

    There are none for a JPEG with a long recipe: `insert_comments` adds it afterwards.
    """
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt(KEY, text)
        return {"pnginfo": info}
    if kind == "JPEG" and len(text) > _SEGMENT:
        return {}
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = f'{{"{KEY}": {text}}}'
    return {"exif": exif}


def insert_comments(jpeg: bytes, text: str) -> bytes:
    """The JPEG file with a recipe that is too long for EXIF added as comments; a shorter recipe changes nothing.

    The comments follow the first segment, because JFIF has to be first.
    """
    if len(text) <= _SEGMENT:
        return jpeg
    parts = [_MARK + text[i : i + _SEGMENT].encode("ascii") for i in range(0, len(text), _SEGMENT)]
    comments = b"".join(b"\xff\xfe" + (len(part) + 2).to_bytes(2) + part for part in parts)
    end = 4 + int.from_bytes(jpeg[4:6])
    return jpeg[:end] + comments + jpeg[end:]


def read_recipe(path: str | os.PathLike) -> dict:
    """The recipe that `save_image` put into the picture file at `path`.

    Raises:
        ImageError: if the file cannot be read, has no recipe, or has one over MAX_RECIPE or not a JSON object.
    """
    where = repr(os.fspath(path))
    data = read_path(path, where)
    with guarded(where), open_image(data, where) as image:
        text = _find(image)
    if text is None:
        raise ImageFileError(f"{where}: carries no jaxstyle recipe; expected a picture that jaxstyle saved, unedited")
    return _decode(text, where)


def _find(image: Image.Image) -> str | None:
    """The JSON text of the recipe in an open image, or None. In a JPEG, our own comments are looked for first."""
    if image.format == "PNG":
        if KEY not in image.info:
            image.load()  # texts may follow the pixels
        return image.info.get(KEY)
    comments = [part for kind, part in getattr(image, "applist", ()) if kind == "COM" and part.startswith(_MARK)]
    if comments:
        return b"".join(part.removeprefix(_MARK) for part in comments).decode("ascii", "replace")
    description = image.getexif().get(IMAGE_DESCRIPTION)
    prefix = f'{{"{KEY}": '
    if not isinstance(description, str) or not description.startswith(prefix):
        return None
    return description.rstrip("\0 ").removeprefix(prefix).removesuffix("}")


def _decode(text: str, where: str) -> dict:
    if len(text) > MAX_RECIPE:
        raise ImageFileError(f"{where}: its recipe has {len(text)} characters, at most {MAX_RECIPE} are read")
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ImageFileError(f"{where}: its recipe is not JSON ({error})") from error
    if not isinstance(recipe, dict):
        raise ImageError(f"{where}: its recipe is a JSON {type(recipe).__name__}, expected an object")
    return recipe
