"""A zip archive (.npz or .pth), judged by what it declares before anything is inflated."""

import zipfile
from typing import BinaryIO

from jaxstyle.errors import WeightsError
from jaxstyle.weights import npz, torch_file
from jaxstyle.weights.layout import Parsed

MAX_MEMBERS = 1000
MAX_RATIO = 100
_SMALL = 1_000_000


def read_zip(file: BinaryIO) -> Parsed:
    """The network in an open .npz or .pth file.

    Raises:
        WeightsError: it is neither, a bomb, or not a VGG19.
        Exception: of many kinds, when it is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS or len({info.filename for info in members}) < len(members):
            raise WeightsError(f"a zip archive with more than {MAX_MEMBERS} members or with one name twice")
        for info in members:
            _check_member(info)
        if any(info.filename.endswith(".pkl") for info in members):
            if any(info.compress_type != zipfile.ZIP_STORED for info in members):
                raise WeightsError("a state dict with compressed members, which torch.save does not write")
            return torch_file.read_zip(archive)
        return npz.read(archive)


def _check_member(info: zipfile.ZipInfo) -> None:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise WeightsError(f"member {info.filename[:80]!r} is encrypted or compressed by other means than deflate")
    if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
        raise WeightsError(
            f"member {info.filename[:80]!r} inflates from {info.compress_size} to {info.file_size} bytes, more "
            f"than {MAX_RATIO} times: a zip bomb"
        )
