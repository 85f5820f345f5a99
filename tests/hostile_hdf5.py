"""Hostile HDF5 files by name: each is a function that writes one, given a folder of bait that nobody may open."""

import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from weight_files import small_vgg19, write_keras

KERNEL = "block1_conv1/block1_conv1/kernel:0"
SHAPE = (3, 3, 3, 2)
HOSTILE: dict[str, Callable[[Path, Path], object]] = {}


def hostile(make: Callable[[Path, Path], object]) -> Callable[[Path, Path], object]:
    HOSTILE[make.__name__] = make
    return make


def lay_bait(folder: Path) -> None:
    """Files that would make a good load of a hostile one, were they read."""
    folder.mkdir()
    write_keras(folder / "bait.h5", small_vgg19(), variant="resave")
    (folder / "bait.bin").write_bytes(b"\0" * 4 * int(np.prod(SHAPE)))


def _h5(path: Path, replace: Callable[[h5py.File], object], name: str = KERNEL) -> None:
    """A good Keras file without the object `name`, then `replace`d."""
    write_keras(path, small_vgg19(), variant="resave")
    with h5py.File(path, "a") as root:
        del root[name]
        replace(root)


@hostile
def soft_link(path: Path, bait: Path) -> None:
    def replace(root: h5py.File) -> None:
        root["elsewhere"] = np.zeros(SHAPE, np.float32)
        root[KERNEL] = h5py.SoftLink("/elsewhere")

    _h5(path, replace)


@hostile
def soft_link_to_itself(path: Path, bait: Path) -> None:
    _h5(path, lambda root: root.__setitem__(KERNEL, h5py.SoftLink("/" + KERNEL)))


@hostile
def soft_link_on_the_way(path: Path, bait: Path) -> None:
    def replace(root: h5py.File) -> None:
        root["block1_conv1/elsewhere/kernel:0"] = np.zeros(SHAPE, np.float32)
        root["block1_conv1/block1_conv1"] = h5py.SoftLink("/block1_conv1/elsewhere")

    _h5(path, replace, "block1_conv1/block1_conv1")


@hostile
def external_link(path: Path, bait: Path) -> None:
    _h5(path, lambda root: root.__setitem__(KERNEL, h5py.ExternalLink(bait / "bait.h5", KERNEL)))


@hostile
def external_link_on_the_way(path: Path, bait: Path) -> None:
    link = h5py.ExternalLink(bait / "bait.h5", "block1_conv1")
    _h5(path, lambda root: root.__setitem__("block1_conv1", link), "block1_conv1")


@hostile
def external_link_for_model_weights(path: Path, bait: Path) -> None:
    with h5py.File(path, "w") as root:
        root["model_weights"] = h5py.ExternalLink(bait / "bait.h5", "/")


@hostile
def external_storage(path: Path, bait: Path) -> None:
    place = [(str(bait / "bait.bin"), 0, h5py.h5f.UNLIMITED)]
    _h5(path, lambda root: root.create_dataset(KERNEL, SHAPE, np.float32, external=place))


@hostile
def virtual_dataset(path: Path, bait: Path) -> None:
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    layout[...] = h5py.VirtualSource(bait / "bait.h5", KERNEL, SHAPE)
    _h5(path, lambda root: root.create_virtual_dataset(KERNEL, layout))


@hostile
def shape_bomb(path: Path, bait: Path) -> None:
    _h5(path, lambda root: root.create_dataset(KERNEL, (3, 3, 3, 2**40), np.float32, chunks=(3, 3, 3, 64)))


@hostile
def chunk_bomb(path: Path, bait: Path) -> None:
    chunks = (3, 3, 3, 2**21)
    _h5(path, lambda root: root.create_dataset(KERNEL, SHAPE, np.float32, chunks=chunks, maxshape=(None,) * 4))


def _chunk(root: h5py.File, data: bytes, **options: object) -> None:
    dataset = root.create_dataset(KERNEL, SHAPE, np.float32, chunks=SHAPE, **options)
    dataset.id.write_direct_chunk((0, 0, 0, 0), data)


@hostile
def gzip_bomb(path: Path, bait: Path) -> None:
    deflate = zlib.compressobj(9)
    # After a full flush the next piece stands for itself, so one piece can be repeated.
    first, piece = (deflate.compress(bytes(1 << 24)) + deflate.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = first + 200 * piece
    _h5(path, lambda root: _chunk(root, bomb, compression="gzip"))


@hostile
def unknown_filter(path: Path, bait: Path) -> None:
    def replace(root: h5py.File) -> None:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk(SHAPE)
        creation.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space, group = h5py.h5s.create_simple(SHAPE), root["block1_conv1/block1_conv1"].id
        dataset = h5py.h5d.create(group, b"kernel:0", h5py.h5t.IEEE_F32LE, space, creation)
        h5py.Dataset(dataset).id.write_direct_chunk((0, 0, 0, 0), bytes(216))

    _h5(path, replace)


@hostile
def object_references(path: Path, bait: Path) -> None:
    _h5(path, lambda root: root.create_dataset(KERNEL, SHAPE, h5py.ref_dtype))


@hostile
def texts_for_numbers(path: Path, bait: Path) -> None:
    _h5(path, lambda root: root.create_dataset(KERNEL, SHAPE, h5py.string_dtype()))


@hostile
def huge_attribute(path: Path, bait: Path) -> None:
    with h5py.File(path, "w", libver="latest") as root:
        root.attrs["layer_names"] = np.full(2_000_000, b"block1_conv1")


@hostile
def endless_names(path: Path, bait: Path) -> None:
    with h5py.File(path, "w", libver="latest") as root:
        root.create_group("x").attrs["weight_names"] = np.zeros(0)
        for i in range(300):
            root.attrs[f"layer_names{i}"] = np.full(1000, b"x")


@hostile
def path_upwards(path: Path, bait: Path) -> None:
    def replace(root: h5py.File) -> None:
        root["block1_conv1"].attrs["weight_names"] = [b"/../../etc/passwd", b"./block1_conv1/bias:0"]

    _h5(path, replace)
