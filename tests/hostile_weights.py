"""Hostile weights files by name: HDF5's, and here the pickles, archives, safetensors and what is no file at all."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hostile_hdf5 import HOSTILE, hostile, lay_bait
from weight_files import small_vgg19, state_dict, state_pickle, write_legacy, write_npz, write_zip

__all__ = ["HOSTILE", "lay_bait"]

# --- PyTorch -------------------------------------------------------------------------------------------------------


class _Call:
    """Pickles as a call."""

    def __init__(self, function: Callable, *arguments: object):
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.reduced


def _pth(path: Path, other: bytes) -> None:
    write_zip(path, state_dict(small_vgg19()), other=other)


def _touch(bait: Path) -> str:
    """A command that leaves a trace."""
    return f"touch {bait.with_name('ran')}"


@hostile
def os_system(path: Path, bait: Path) -> None:
    _pth(path, pickle.dumps(_Call(os.system, _touch(bait)), 2))


@hostile
def os_system_legacy(path: Path, bait: Path) -> None:
    write_legacy(path, state_dict(small_vgg19()), other=pickle.dumps(_Call(os.system, _touch(bait)), 2))


@hostile
def builtins_eval(path: Path, bait: Path) -> None:
    code = f"__import__('os').system({_touch(bait)!r})"
    _pth(path, pickle.dumps({"features.0.weight": _Call(eval, code)}, 2))


@hostile
def eval_inside_a_tensor(path: Path, bait: Path) -> None:
    good = state_pickle(state_dict(small_vgg19()), legacy=False)
    call = pickle.dumps(_Call(eval, f"__import__('os').system({_touch(bait)!r})"), 0)[:-1]
    # In place of the storage offset of the first tensor, a 0 that follows its persistent id.
    _pth(path, good.replace(b"QK\0", b"Q" + call, 1))


@hostile
def protocol_4_global(path: Path, bait: Path) -> None:
    _pth(path, pickle.dumps(_Call(os.system, _touch(bait)), 4))


@hostile
def instance_opcode(path: Path, bait: Path) -> None:
    _pth(path, f"(S'{_touch(bait)}'\nios\nsystem\n.".encode())


@hostile
def build_on_a_function(path: Path, bait: Path) -> None:
    _pth(path, b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x08\0\0\0__code__NsbR.")


@hostile
def memo_bomb(path: Path, bait: Path) -> None:
    _pth(path, b"\x80\x02}r\xff\xff\xff\xff.")


@hostile
def text_bomb(path: Path, bait: Path) -> None:
    _pth(path, b"\x80\x02X\xff\xff\xff\xffabc.")


@hostile
def exponential_hash(path: Path, bait: Path) -> None:
    doubling = b"".join(b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(100))
    _pth(path, b"\x80\x02}K\x01\x85q\x00" + doubling + b"Ns.")


@hostile
def deep_nesting(path: Path, bait: Path) -> None:
    _pth(path, b"\x80\x02)" + b"\x85" * 900_000 + b".")


@hostile
def stack_underflow(path: Path, bait: Path) -> None:
    _pth(path, b"\x80\x02Rb0.")


def _view(path: Path, old: bytes, new: bytes) -> None:
    """A state dict whose pickle is changed in one place."""
    good = state_pickle(state_dict(small_vgg19()), legacy=False)
    assert good.count(old)
    _pth(path, good.replace(old, new, 1))


@hostile
def offset_beyond_the_storage(path: Path, bait: Path) -> None:
    _view(path, b"QK\0", b"QM\xff\xff")


@hostile
def negative_offset(path: Path, bait: Path) -> None:
    _view(path, b"QK\0", b"QJ\xf0\xff\xff\xff")


@hostile
def stride_beyond_the_storage(path: Path, bait: Path) -> None:
    # Shape (2, 3, 3, 3), strides (27, 9, 3, 1).
    _view(path, b"(K\x1bK\tK\x03K\x01t", b"(J\xff\xff\xff\x7fK\tK\x03K\x01t")


@hostile
def negative_stride(path: Path, bait: Path) -> None:
    _view(path, b"(K\x1bK\tK\x03K\x01t", b"(J\xff\xff\xff\xffK\tK\x03K\x01t")


@hostile
def huge_storage(path: Path, bait: Path) -> None:
    _view(path, b"K6t", b"J\xff\xff\xff\x7ft")  # in place of 54 numbers


@hostile
def zip_bomb(path: Path, bait: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", state_pickle(state_dict(small_vgg19()), legacy=False))
        with archive.open("archive/data/0", "w", force_zip64=True) as member:
            for _ in range(20):
                member.write(bytes(1 << 24))


@hostile
def many_members(path: Path, bait: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(5000):
            archive.writestr(f"archive/data/{i}", b"")


# --- NumPy ---------------------------------------------------------------------------------------------------------


def _npz(path: Path, member: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("conv1_1/kernel.npy", member)


def _npy_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


@hostile
def npz_object(path: Path, bait: Path) -> None:
    header = _npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")
    _npz(path, header + pickle.dumps(_Call(os.system, _touch(bait))))


@hostile
def npz_shape_bomb(path: Path, bait: Path) -> None:
    _npz(path, _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3, 3, 1099511627776), }"))


@hostile
def npz_header_bomb(path: Path, bait: Path) -> None:
    _npz(path, _npy_header("(" * 60_000))


@hostile
def npz_header_code(path: Path, bait: Path) -> None:
    _npz(path, _npy_header(f"__import__('os').system({_touch(bait)!r})"))


@hostile
def npz_zip_bomb(path: Path, bait: Path) -> None:
    header = _npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3, 3, 64), }")
    _npz(path, header + bytes(200_000_000), zipfile.ZIP_DEFLATED)


@hostile
def npz_with_strangers(path: Path, bait: Path) -> None:
    write_npz(path, small_vgg19() | {"../../etc/passwd": np.zeros(3, np.float32)})


# --- safetensors ---------------------------------------------------------------------------------------------------


def _safetensors(path: Path, header: object, data: bytes = b"", length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def _entry(shape: list, begin: int, end: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@hostile
def safetensors_header_bomb(path: Path, bait: Path) -> None:
    _safetensors(path, {}, length=2**63)


@hostile
def safetensors_long_header(path: Path, bait: Path) -> None:
    _safetensors(path, b"{" + b" " * 50_000_000 + b"}")


@hostile
def safetensors_deep_header(path: Path, bait: Path) -> None:
    _safetensors(path, b'{"a":' + b"[" * 900_000)


@hostile
def safetensors_huge_number(path: Path, bait: Path) -> None:
    _safetensors(path, b'{"a":' + b"9" * 900_000 + b"}")


@hostile
def safetensors_overlap(path: Path, bait: Path) -> None:
    entries = {"conv1_1/kernel": _entry([3, 3, 3, 2], 0, 216), "conv1_1/bias": _entry([2], 208, 216)}
    _safetensors(path, entries, bytes(216))


@hostile
def safetensors_shape_bomb(path: Path, bait: Path) -> None:
    _safetensors(path, {"conv1_1/kernel": _entry([3, 3, 3, 2**39], 0, 108 * 2**39)}, bytes(216))


@hostile
def safetensors_name_twice(path: Path, bait: Path) -> None:
    one = '"conv1_1/bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}'
    _safetensors(path, f"{{{one}, {one}}}".encode(), bytes(8))


@hostile
def safetensors_not_numbers(path: Path, bait: Path) -> None:
    _safetensors(path, {"conv1_1/bias": _entry([True, 1.0, "2"], 0, 8)}, bytes(8))


# --- no regular file -----------------------------------------------------------------------------------------------


@hostile
def fifo(path: Path, bait: Path) -> None:
    os.mkfifo(path)


@hostile
def folder(path: Path, bait: Path) -> None:
    path.mkdir()


@hostile
def device(path: Path, bait: Path) -> None:
    path.symlink_to("/dev/zero")


@hostile
def empty(path: Path, bait: Path) -> None:
    path.touch()


@hostile
def enormous(path: Path, bait: Path) -> None:
    with path.open("wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n")
        file.truncate(2**42)
