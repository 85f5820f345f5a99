"""Reads encoders and decoders from files, and converts them to and from the arrays of a saved network."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import ArrayLike

from jaxstyle.errors import SettingError, WeightsError, WeightsFileError
from jaxstyle.feedforward.coder import Decoder, Encoder
from jaxstyle.weights.decoder import check_decoder, layers_to
from jaxstyle.weights.layout import Preprocessing, Weights
from jaxstyle.weights.load import Source, read_weights, recognise
from jaxstyle.weights.sandbox import open_regular, parse
from jaxstyle.weights.store import pack, unpack

_TRUTH = {"true": True, "false": False}


def read_encoder(source: Source | Weights) -> Weights:
    """The weights of an encoder: read with `read_weights`, or returned as they are if already read."""
    return source if isinstance(source, Weights) else read_weights(source)


def read_decoder(source: Source) -> Decoder:
    """Read a decoder from its file, which a restricted child process parses.

    Two kinds of file are read. A .pth file is a state dict: of a Sequential, as in pytorch-AdaIN and Pytorch_WCT; with
    names such as "seq.conv4_1.weight", as in PyTorchWCT; or with plain names such as "conv4_1.weight". These decoders
    do not end with a ReLU. An .npz file has arrays such as "conv4_1/kernel" (h, w, in, out) and is for the small
    networks of Collaborative Distillation. These decoders end with a ReLU.

    Raises:
        WeightsFileError: the file is missing or unreadable.
        WeightsError: the file is damaged, hostile or not a decoder; the message lists what is missing, unknown or
            misshapen.
    """
    path = Path(source).expanduser()
    if not os.path.lexists(path):
        raise WeightsFileError(f"decoder: {path}: no such file")
    with open_regular(path) as file:
        try:
            kind = recognise(file)
            if kind not in ("zip", "pickle"):
                hint = "; open a saved network with load_fast" if kind == "safetensors" else ""
                raise WeightsError(f"a {kind} file, expected a decoder's .pth or .npz{hint}")
            found = parse(file, f"decoder-{kind}", check_decoder)
        except WeightsError as error:
            raise type(error)(f"{path}: {error}") from error
    if unsound := [name for name, array in found.arrays.items() if not np.isfinite(array).all()]:
        raise WeightsError(f"{path}: {unsound[0]} is not finite")
    return Decoder(found.arrays, last_relu=found.layout == "npz")


def make_encoder(weights: Weights, decoder: Decoder) -> Encoder:
    """The encoder for a decoder's level. Raises WeightsError if the weights do not reach it, or channels differ."""
    try:
        encoder = Encoder(weights, decoder.level)
    except SettingError as error:
        raise WeightsError(f"encoder: {weights.name}: {error}") from error
    if encoder.channels != decoder.channels:
        raise WeightsError(
            f"encoder and decoder: {encoder.layer} has {encoder.channels} channels, the decoder takes "
            f"{decoder.channels}; use networks that were trained together"
        )
    return encoder


def pack_coder(encoder: Encoder, decoder: Decoder) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays ("encoder4/conv1_1/kernel" and so on) and the metadata texts of the two networks of one level."""
    level = decoder.level
    halves = {"encoder": encoder.arrays(), "decoder": decoder.arrays()}
    arrays = {f"{half}{level}/{name}": array for half, found in halves.items() for name, array in found.items()}
    matrix, offset = (np.asarray(array[...]) for array in (encoder.matrix, encoder.offset))
    texts = {
        "preprocessing": pack(Preprocessing.affine(matrix, offset)),
        "padding": encoder.padding,
        "pooling": encoder.pooling,
        "last_relu": str(decoder.last_relu).lower(),
        "encoder": encoder.name,
        "sha256": encoder.sha256,
    }
    return arrays, {f"{name}{level}": text for name, text in texts.items()}


def unpack_coder(arrays: Mapping[str, ArrayLike], metadata: Mapping[str, str], level: int) -> tuple[Encoder, Decoder]:
    """The networks of one level, by the inverse of `pack_coder`. Raises WeightsError for other arrays or texts."""
    halves = {half: _half(arrays, f"{half}{level}/") for half in ("encoder", "decoder")}
    names = ("preprocessing", "padding", "pooling", "last_relu")
    if missing := [f"{name}{level}" for name in names if f"{name}{level}" not in metadata]:
        raise WeightsError("its metadata lacks " + ", ".join(missing))
    texts: dict[str, Any] = {name: metadata[f"{name}{level}"] for name in names}
    if texts["last_relu"] not in _TRUTH:
        raise WeightsError(f"last_relu{level} in its metadata is {texts['last_relu'][:40]!r}, expected true or false")
    check_decoder({name: array.shape for name, array in halves["decoder"].items()})
    decoder = Decoder(halves["decoder"], last_relu=_TRUTH[texts["last_relu"]])
    provenance: dict[str, Any] = {
        "name": metadata.get(f"encoder{level}", ""),
        "sha256": metadata.get(f"sha256{level}", ""),
    }
    try:
        weights = Weights(halves["encoder"], unpack(texts["preprocessing"]), texts["padding"], texts["pooling"])
    except SettingError as error:
        raise WeightsError(f"its metadata is wrong: {error}") from error
    if decoder.level != level or tuple(weights.layers) != layers_to(level):
        raise WeightsError(f"its networks of level {level} do not end at relu{level}_1")
    return make_encoder(dataclasses.replace(weights, **provenance), decoder), decoder


def levels_of(arrays: Mapping[str, ArrayLike]) -> list[int]:
    """The levels in a saved network's arrays, the deepest first. Raises WeightsError for arrays with other names."""
    prefixes = {f"{half}{level}": level for half in ("encoder", "decoder") for level in range(1, 6)}
    found = {name.partition("/")[0] for name in arrays}
    if unknown := sorted(found - prefixes.keys()):
        raise WeightsError(f"not encoders and decoders: unknown arrays {unknown[0][:80]!r}")
    return sorted({prefixes[prefix] for prefix in found}, reverse=True)


def _half(arrays: Mapping[str, ArrayLike], prefix: str) -> dict[str, np.ndarray]:
    found = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return {name: np.asarray(array, np.float32) for name, array in found.items()}
