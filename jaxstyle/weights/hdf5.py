"""Read untrusted HDF5 files with care.

An HDF5 file can point at other files in four ways, load code, and declare data that it does not hold. So every link
is checked before it is followed, and every dataset before it is read. In addition, the process that reads cannot open
any other file (`jaxstyle.weights.child`).
"""

from typing import Any

import h5py
import numpy as np

from jaxstyle.errors import WeightsError

MAX_NAMES = 1000
MAX_ATTRIBUTE = 1 << 20
MAX_CHUNK = 64 << 20
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_LAYOUTS = {h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED}


def has_names(group: h5py.Group, attribute: str) -> bool:
    """Whether a group has the list of names that `names` reads."""
    return any(h5py.h5a.exists(group.id, name.encode()) for name in (attribute, f"{attribute}0"))


def children(group: Any, prefix: str = "") -> list[str]:
    """The names in a group that begin with `prefix`. Raises WeightsError if the group has more than MAX_NAMES names."""
    if not isinstance(group, h5py.Group) or len(group) > MAX_NAMES:
        raise WeightsError(f"expected a group of at most {MAX_NAMES} names")
    return [name for name in group if name.startswith(prefix)]


def names(group: h5py.Group, attribute: str) -> list[str]:
    """Read a list of names from an attribute, or from `attribute`0, `attribute`1, ..., where Keras puts a long list."""
    if h5py.h5a.exists(group.id, attribute.encode()):
        return _texts(group, attribute)
    found: list[str] = []
    for i in range(MAX_NAMES):
        if not h5py.h5a.exists(group.id, f"{attribute}{i}".encode()):
            break
        found += _texts(group, f"{attribute}{i}")
        if len(found) > MAX_NAMES:
            raise WeightsError(f"{attribute} has more than {MAX_NAMES} names")
    if not found and not h5py.h5a.exists(group.id, f"{attribute}0".encode()):
        raise WeightsError(f"HDF5 without {attribute}: not in the layout of Keras' .h5 weights")
    return found


def _texts(group: h5py.Group, attribute: str) -> list[str]:
    found = h5py.h5a.open(group.id, attribute.encode())
    count = int(np.prod(found.shape or (0,), dtype=object))
    # A variable-length text counts as 16 bytes here. The text itself is in this file, so it is no longer than the file.
    if len(found.shape) != 1 or count > MAX_NAMES or found.get_type().get_size() * count > MAX_ATTRIBUTE:
        raise WeightsError(f"{attribute} is not a list of at most {MAX_NAMES} names")
    if count == 0:
        return []
    if not isinstance(found.get_type(), h5py.h5t.TypeStringID):
        raise WeightsError(f"{attribute} is not a list of texts")
    values = group.attrs[attribute]
    return [value if isinstance(value, str) else bytes(value).decode() for value in values]


def follow(group: h5py.Group, path: str) -> Any:
    """The object at `path`, reached through hard links alone. Raises WeightsError if there is any other link."""
    for part in path.split("/"):
        if part in ("", ".", "..") or not isinstance(group, h5py.Group):
            raise WeightsError(f"{path[:80]!r} is not a path to a dataset")
        # Group.get and `in` both follow the link to see whether it leads anywhere; this does not.
        if not group.id.links.exists(part.encode()):
            raise WeightsError(f"{path[:80]!r} is named by the file but missing")
        if group.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
            raise WeightsError(f"{path[:80]!r} is a soft or external link, which may lead to another file")
        group = group[part]
    return group


def check_dataset(dataset: Any, path: str) -> None:
    """Raise WeightsError unless a dataset holds floats in this file, with HDF5's own filters and chunks to 64 MiB."""
    if not isinstance(dataset, h5py.Dataset):
        raise WeightsError(f"{path[:80]!r} is not a dataset")
    creation = dataset.id.get_create_plist()
    if creation.get_external_count() or creation.get_layout() not in _LAYOUTS:
        raise WeightsError(f"{path[:80]!r} keeps its numbers in another file (external storage or virtual dataset)")
    filters = [creation.get_filter(i)[0] for i in range(creation.get_nfilters())]
    if strange := set(filters) - _FILTERS:
        raise WeightsError(f"{path[:80]!r} needs the filters {sorted(strange)}; gzip, shuffle and fletcher32 are read")
    kind = dataset.id.get_type()
    if kind.get_class() != h5py.h5t.FLOAT or kind.get_size() not in (2, 4, 8):
        raise WeightsError(f"{path[:80]!r} does not hold float16, float32 or float64")
    chunk = creation.get_chunk() if creation.get_layout() == h5py.h5d.CHUNKED else ()
    if np.prod(chunk, dtype=object) * kind.get_size() > MAX_CHUNK:
        raise WeightsError(f"{path[:80]!r} is stored in chunks of {chunk}, larger than any of VGG19's arrays")


def read_floats(dataset: Any) -> np.ndarray:
    """The numbers of a dataset that `check_dataset` has passed, as float32."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(dataset[...], np.float32)
