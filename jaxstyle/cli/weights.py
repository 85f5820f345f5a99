"""The command `jaxstyle weights`: list, fetch, convert and verify. Nothing heavy is imported before it is needed."""

import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitSubcommandPrefixes, Positional, arg, subcommand


@dataclass
class WeightsList:
    """List the networks by name: size, licence, and whether they are on this machine."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.weights.catalogue import CATALOGUE
        from jaxstyle.weights.entry import cache_dir

        for entry in CATALOGUE:
            size = "? MB" if entry.size is None else f"{entry.size / 1e6:.1f} MB"
            _print_network(entry.name, size, "here" if entry.present else "-", entry.licence, entry.note)
        _print_network("embedded", "4.8 MB", "here", "MIT", "small, trained on free pictures, comes with jaxstyle")
        _print_network("random", "0.0 MB", "here", "MIT", "random features, made from a seed")
        print(f"files are kept in {cache_dir()}")
        return 0


def _print_network(name: str, size: str, here: str, licence: str, note: str) -> None:
    """Print a line of facts, and what there is to say below it, as wide as the terminal."""
    width = max(40, shutil.get_terminal_size().columns - 1)
    print(f"{name:<22}{size:>8}  {here}")
    for text in (note, licence):
        print(textwrap.fill(text, width, initial_indent=" " * 4, subsequent_indent=" " * 4))


@dataclass
class WeightsFetch:
    """Download public weights into the cache, or go on with a download that was interrupted."""

    name: Positional[str]
    """A name of `jaxstyle weights list`."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.cli.downloads import download_progress
        from jaxstyle.weights.catalogue import find
        from jaxstyle.weights.sources import fetch

        entry = find(self.name)
        with download_progress(entry.name) as progress:
            print(fetch(entry, progress=progress))
        return 0


@dataclass
class WeightsConvert:
    """Convert a weights file to jaxstyle's own format (safetensors), which records how pictures are prepared for it."""

    source: Positional[str]
    """A Keras .h5, PyTorch .pth or .npz file, or a name of `jaxstyle weights list`."""
    output: Positional[Path]
    """The .safetensors file to write."""
    preprocessing: str | None = None
    """How pictures are prepared for the network: caffe, torchvision or none. By default found out from the file."""
    padding: str | None = None
    """Padding of the convolutions: zero, reflect or replicate. By default as the file says, else zero."""
    pooling: str | None = None
    """Kind of pooling: max, average, l2, scaled_average or scaled_l2. By default as the file says, else max."""
    bits: Literal[8, 16, 32] = 32
    """Bits of each number in the new file: 8 makes it a quarter as large, kernels rounded to tables of 256 numbers."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.weights.load import convert

        options = {"preprocessing": self.preprocessing, "padding": self.padding, "pooling": self.pooling}
        convert(self.source, self.output, bits=self.bits, **options)
        print(self.output)
        return 0


@dataclass
class WeightsConvertFast:
    """Convert a fast network's public files to one file of jaxstyle's own, for `jaxstyle fast --model`."""

    kind: Positional[Literal["magenta", "adain", "wct", "johnson"]]
    """The kind of network in the files."""
    files: Annotated[Positional[tuple[str, ...]], arg(metavar="FILE...")]
    """magenta: style predictor and transformer (.tflite). johnson: one file. adain: the encoder. wct: the encoders, one
    for each decoder or one for all."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """The .safetensors file to write."""
    decoder: Annotated[tuple[str, ...], arg(metavar="FILE...")] = ()
    """adain: the decoder. wct: a decoder for each level."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.feedforward.load import convert_fast

        print(convert_fast(self.kind, self.files, self.output, decoders=self.decoder))
        return 0


@dataclass
class WeightsVerify:
    """Read a weights file and say what it is."""

    source: Positional[str]
    """A file, or a name of `jaxstyle weights list`."""

    def run(self) -> int:
        """Exit code 0 if the file is sound, 4 if it has the name of a public file but other contents."""
        from jaxstyle.weights.family import caffe_order, describe
        from jaxstyle.weights.verify import verify

        verdict = verify(self.source)
        weights = verdict.weights
        kind = f"{verdict.format}, {verdict.size} bytes" if verdict.path else "comes with jaxstyle"
        print(f"{verdict.path or self.source}: sound, {kind}")
        print(
            f"layers   {weights.layers[0]}..{weights.layers[-1]}, padding {weights.padding}, pooling {weights.pooling}"
        )
        print(f"input    {describe(weights.preprocessing)}")
        if caffe_order(weights.arrays):
            print("numbers  of Caffe's VGG19 (Simonyan & Zisserman)")
        print(f"sha256   {verdict.sha256 or weights.sha256}")
        if verdict.entry is not None:
            print(f"public   {verdict.entry.name}: {'the same file' if verdict.matches else 'NOT the same file'}")
        return 0 if verdict.matches is not False else 4


@dataclass
class WeightsCommand:
    """List, fetch, convert and verify networks."""

    command: OmitSubcommandPrefixes[
        Annotated[WeightsList, subcommand("list")]
        | Annotated[WeightsFetch, subcommand("fetch")]
        | Annotated[WeightsConvert, subcommand("convert")]
        | Annotated[WeightsConvertFast, subcommand("convert-fast")]
        | Annotated[WeightsVerify, subcommand("verify")]
    ]

    def run(self) -> int:
        """Run the chosen subcommand and return its exit code."""
        return self.command.run()
