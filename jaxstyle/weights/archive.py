"""Open zip archives safely: what they declare is checked before anything is decompressed."""

import zipfile
from typing import BinaryIO

from jaxstyle.errors import WeightsError

MAX_MEMBERS = 1000
MAX_RATIO = 100
_SMALL = 1_000_000


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open an archive (.npz, .pth or .keras), which the caller closes; `is_torch` tells whether it is a .pth.

    Raises:
        WeightsError: a zip bomb, or an archive that NumPy, torch.save and Keras do not write.
        Exception: of many kinds, if it is damaged.
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
    """Whether torch.save wrote the archive: it has a pickle in it."""
    return any(info.filename.endswith(".pkl") for info in archive.infolist())


def check_member(info: zipfile.ZipInfo) -> None:
    """Raise WeightsError if a member is encrypted, compressed by other means than deflate, or a zip bomb."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise WeightsError(f"member {info.filename[:80]!r} is encrypted or compressed by other means than deflate")
    if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
        raise WeightsError(
            f"member {info.filename[:80]!r} inflates from {info.compress_size} to {info.file_size} bytes, more "
            f"than {MAX_RATIO} times: a zip bomb"
        )
