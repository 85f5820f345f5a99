"""Removal of PNG metadata that Pillow refuses: texts and profiles of over 1 MB, which some programs write."""

import logging
import zlib
from collections.abc import Iterator

from PIL.PngImagePlugin import MAX_TEXT_CHUNK

logger = logging.getLogger("jaxstyle")

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PROFILE = 2**24
"""The most bytes that an ICC profile may have. Profiles of printers, with large tables, have two or three million."""

Chunk = tuple[bytes, bytes, bytes]
"""(kind, body, the whole chunk with its length and checksum)."""


def lean(data: bytes, where: str) -> tuple[bytes, bytes | None]:
    """Split a PNG file into (the file without its ICC profile and overlong texts, the profile or None).

    Other files are returned unchanged.
    """
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
    """The chunks of a PNG file in order. Bytes at the end that are not a whole chunk are passed on unchanged."""
    at = len(SIGNATURE)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : end - 4], data[at:end]
        at = end


def _profile(body: bytes, where: str) -> bytes | None:
    """The ICC profile in the body of an iCCP chunk, or None if it is damaged or too long.

    The body is a name, a zero byte, the byte 0 for the compression method, and the compressed profile.
    """
    profile = _unpacked(body.partition(b"\0")[2][1:], MAX_PROFILE)
    if not profile or len(profile) > MAX_PROFILE:
        logger.warning("%s: its ICC profile is damaged or over %d bytes, and is ignored", where, MAX_PROFILE)
        return None
    return profile


def _is_long_text(kind: bytes, body: bytes) -> bool:
    """Whether a chunk is a text of over MAX_TEXT_CHUNK bytes, which Pillow takes for an attack."""
    if kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return False
    _, _, text = body.partition(b"\0")
    if kind == b"iTXt":  # after the keyword: compressed or not, method, language, 0, translated keyword, 0, text
        packed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
    else:
        packed, text = kind == b"zTXt", text[kind == b"zTXt" :]
    return len(_unpacked(text, MAX_TEXT_CHUNK) if packed else text) > MAX_TEXT_CHUNK


def _unpacked(data: bytes, most: int) -> bytes:
    """The decompressed data, cut after `most` + 1 bytes; empty if it is damaged."""
    try:
        return zlib.decompressobj().decompress(data, most + 1)
    except zlib.error:
        return b""
