"""A zip archive, judged by what it declares before anything is inflated."""

import zipfile
from typing import BinaryIO

from jaxstyle.errors import WeightsError

MAX_MEMBERS = 1000
MAX_RATIO = 100
_SMALL = 1_000_000


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """An .npz or .pth archive, to be closed by the caller; `is_torch` tells which.

    Raises:
        WeightsError: a bomb, or what neither NumPy nor torch.save writes.
        Exception: of many kinds, when it is damaged.
    """
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    if len(members) > MAX_MEMBERS or len({info.filename for info in members}) < len(members):
        raise WeightsError(f"a zip archive with more than {MAX_MEMBERS} members or with one name twice")
    for info in members:
        check_member(info)
    if is_torch(archive) and any(info.compress_type != zipfile.ZIP_STORED for info in members):
        raise WeightsError("a state dict with compressed members, which torch.save does not write")
    return archive


def is_torch(archive: zipfile.ZipFile) -> bool:
    """Whether it is torch.save's, with a pickle in it."""
    return any(info.filename.endswith(".pkl") for info in archive.infolist())


def check_member(info: zipfile.ZipInfo) -> None:
    """Raise WeightsError for one that is encrypted, packed in an unusual way, or a bomb."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise WeightsError(f"member {info.filename[:80]!r} is encrypted or compressed by other means than deflate")
    if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
        raise WeightsError(
            f"member {info.filename[:80]!r} inflates from {info.compress_size} to {info.file_size} bytes, more "
            f"than {MAX_RATIO} times: a zip bomb"
        )
