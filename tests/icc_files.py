"""ICC profiles made from nothing, with colours that a formula gives."""

import struct
from collections.abc import Callable, Iterable

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def rgb_profile(matrix: np.ndarray, gamma: float) -> bytes:
    """An ICC profile: linear RGB to XYZ (D50) by `matrix`, values to linear by the power `gamma`."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    columns = {f"{c}XYZ".encode(): _xyz(matrix[:, i]) for i, c in enumerate("rgb")}
    return _profile(b"mntr", b"RGB ", b"XYZ ", columns | {f"{c}TRC".encode(): curve for c in "rgb"})


def grey_profile(gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def cmyk_profile(corner: Callable[[int, int, int, int], tuple[float, float, float]]) -> bytes:
    """A CMYK profile that interpolates between 16 corners; `corner(c, m, y, k)`, each 0 or 1, gives CIE Lab."""
    table = b""
    for ink in np.ndindex(2, 2, 2, 2):
        light, a, b = corner(*ink)
        table += bytes((round(light * 2.55), round(a + 128), round(b + 128)))
    identity = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    lut += b"".join(struct.pack(">i", 65536 * (i == j)) for i in range(3) for j in range(3))
    lut += identity * 4 + table + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut, b"A2B1": lut})


def _xyz(values: Iterable[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"made for a test\0"
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78), **tags}
    tags = {b"wtpt": _xyz(D50), **tags}
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    header = bytearray(128)
    header[0:24] = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, kind, space, pcs)
    header[36:40] = b"acsp"
    header[68:80] = _xyz(D50)[8:]
    return bytes(header) + table + body
