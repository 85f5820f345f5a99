"""PNG metadata that Pillow gives up on: texts and profiles of over 1 MB, as editors and image generators write them."""

import logging
import zlib
from collections.abc import Iterator

from PIL.PngImagePlugin import MAX_TEXT_CHUNK

logger = logging.getLogger("jaxstyle")

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PROFILE = 2**24
"""The most bytes that an ICC profile may have: those of printers with large tables have two or three million."""

Chunk = tuple[bytes, bytes, bytes]
"""Kind, body, and all of it with its length and checksum."""


def lean(data: bytes, where: str) -> tuple[bytes, bytes | None]:
    """A PNG file without its profile and its longest texts, and the profile. Other files come back as they are."""
    if not data.startswith(SIGNATURE):
        return data, None
    parts, profile, left_out = [SIGNATURE], None, False
    for kind, body, whole in _chunks(data):
        if kind == b"iCCP":
            profile, left_out = _profile(body, where), True
        elif _is_long_text(kind, body):
            left_out = True
        else:
            parts.append(whole)
    return (b"".join(parts) if left_out else data), profile


def _chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks one after the other; whatever is no whole chunk is handed on as it is."""
    at = len(SIGNATURE)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : end - 4], data[at:end]
        at = end


def _profile(body: bytes, where: str) -> bytes | None:
    """What an iCCP chunk holds: a name, a zero, the method 0, then the profile compressed."""
    profile = _unpacked(body.partition(b"\0")[2][1:], MAX_PROFILE)
    if not profile or len(profile) > MAX_PROFILE:
        logger.warning("%s: its ICC profile is damaged or over %d bytes, and is ignored", where, MAX_PROFILE)
        return None
    return profile


def _is_long_text(kind: bytes, body: bytes) -> bool:
    """Whether it is a text that Pillow takes for an attack."""
    if kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return False
    _, _, text = body.partition(b"\0")
    if kind == b"iTXt":  # whether compressed, method, language, 0, keyword in that language, 0
        packed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
    else:
        packed, text = kind == b"zTXt", text[kind == b"zTXt" :]
    return len(_unpacked(text, MAX_TEXT_CHUNK) if packed else text) > MAX_TEXT_CHUNK


def _unpacked(data: bytes, most: int) -> bytes:
    """Unpacked, but no more than one byte above `most`; nothing where it is damaged."""
    try:
        return zlib.decompressobj().decompress(data, most + 1)
    except zlib.error:
        return b""
