"""The command line: options in, exit codes out. Nothing heavy is imported before it is needed."""

import gc
import logging
import os
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, subcommand

from jaxstyle import __version__
from jaxstyle.cli.artwork import Artwork
from jaxstyle.cli.fast import Fast
from jaxstyle.cli.saliency import Saliency
from jaxstyle.cli.sweep import Report, Sweep
from jaxstyle.cli.train import Train
from jaxstyle.cli.weights import Weights
from jaxstyle.errors import JaxstyleError, is_out_of_memory
from jaxstyle.weights.catalogue import default_network

STOPPED, INTERRUPTED = 75, 130
Strength = Literal["light", "medium", "full"]  # as in transfer.py, without JAX
Color = Literal["style", "luminance", "cholesky", "pca", "symmetric", "histogram"]  # as in recipe.py, without JAX


@dataclass
class Stylize:
    """Paint the CONTENT picture in the style of one or more STYLE pictures."""

    content: Annotated[Positional[Path], arg(metavar="CONTENT")]
    """The picture whose scene is kept."""
    style: Annotated[Positional[tuple[Path, ...]], arg(metavar="STYLE...")]
    """The picture, or pictures, whose style is painted; at least one."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """Where to write the result: .png, .jpg, .webp or .tiff."""
    weights: str = field(default_factory=default_network)
    """The VGG19: any name of `jaxstyle weights list`, or a weights file. By default the network of the papers:
    "imagenet" (80 MB, downloaded on first use), or "imagenet-8bit" where that is the one in the cache. "embedded" is
    small and comes with jaxstyle."""
    recipe: str | None = None
    """A preset of `jaxstyle presets list`, or a recipe file (.toml); single settings below go on top of it."""
    size: int | None = None
    """Long edge of the result in pixels; by default the content's own, at most 512."""
    steps: int | None = None
    """Optimisation steps; at smaller sizes of a pyramid in proportion."""
    style_weight: float | Strength | None = None
    """How much style: a number, or light (1), medium (3) or full (10: as painted; above it little changes)."""
    content_weight: float | None = None
    """More keeps more of the scene."""
    tv_weight: float | None = None
    """Weight of total variation: more smooths away speckle."""
    optimizer: Literal["adam", "lbfgs"] | None = None
    """Instead of the recipe's."""
    learning_rate: float | None = None
    """Of Adam, in pixel values per step (1 is black to white)."""
    style_scale: float = 1.0
    """Long edge of the styles over that of the result: larger paints with broader strokes."""
    blend: tuple[float, ...] | None = None
    """How much of each style, for example 2 1."""
    init: str | None = None
    """What to start from: content (the usual), style, noise, or a picture, such as an earlier result."""
    color: Color | None = None
    """style (the usual): the style's colours. luminance: the content's colours. cholesky, pca, symmetric or histogram:
    the style is given the content's colours first."""
    pyramid: Literal["on", "off"] | None = None
    """Paint at smaller sizes first, with steps of their own: as the recipe says by default, "on" (from 128 pixels, each
    size twice the one before) or "off"."""
    content_mask: tuple[str, ...] = ()
    """REGION=PICTURE: white where the region is in the content."""
    style_mask: tuple[str, ...] = ()
    """REGION=PICTURE: white where the region's style is; for the second style 2:REGION=PICTURE."""
    seed: int = 0
    """Of the noise."""
    conv: Literal["auto", "winograd", "exact"] = "auto"
    """winograd is twice as fast on CPU; exact rounds less. auto: winograd on CPU."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the network; bfloat16 halves the memory of accelerators, at three digits."""
    rows: int | None = None
    """Rows of the picture at a time, a multiple of 16: for huge pictures; chosen by the free memory when not given."""
    save_every: int | None = None
    """Also write the picture after each so many steps, and at the end an animation of them (.webp)."""
    json: bool = False
    """Print a summary of the run to standard output as JSON."""

    def run(self) -> int:
        """Exit code 0; 75 where the run was interrupted and its last picture saved; 1 where it became infinite."""
        gc.disable()  # until the first step: what a start makes stays, and looking for garbage in it takes a tenth
        try:
            from jaxstyle.cli.run_stylize import run_stylize

            return run_stylize(self)
        finally:
            gc.enable()


@dataclass
class Rerun:
    """Make a result again from the recipe inside it, and say whether it is the same, bit for bit, or what differs."""

    result: Annotated[Positional[Path], arg(metavar="RESULT")]
    """A picture that jaxstyle saved."""
    output: Annotated[Path | None, arg(aliases=("-o",))] = None
    """Where to write the new picture; not written when not given."""
    content: Path | None = None
    """The content picture, where it is not beside the result or in the current folder."""
    style: tuple[Path, ...] = ()
    """The style pictures, likewise."""
    init: Path | None = None
    """The picture it started from, likewise."""
    weights: str | None = None
    """The weights file, where its name does not tell."""
    model: str | None = None
    """Of `jaxstyle fast`, the fast network's file, where its name does not tell."""

    def run(self) -> int:
        """Exit code 0 when the pictures are identical, 1 when they differ."""
        from jaxstyle.cli.rerun import run_rerun

        return run_rerun(self)


@dataclass
class PresetsList:
    """List the presets."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.objective.presets import PRESETS

        for name, preset in PRESETS.items():
            print(f"{name:<20}{(preset.__doc__ or '').splitlines()[0]}")
        return 0


@dataclass
class PresetsShow:
    """Print a recipe as TOML, to be saved, changed and used with --recipe FILE.toml."""

    name: Positional[str]
    """A name of `jaxstyle presets list`, or a recipe file."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.objective.recipe_file import load_recipe, to_toml

        print(to_toml(load_recipe(self.name)), end="")
        return 0


@dataclass
class Presets:
    """List and show recipes."""

    command: OmitSubcommandPrefixes[
        Annotated[PresetsList, subcommand("list")] | Annotated[PresetsShow, subcommand("show")]
    ]

    def run(self) -> int:
        """The chosen command's exit code."""
        return self.command.run()


@dataclass
class Doctor:
    """Check that this installation computes correctly, and list its devices and versions."""

    def run(self) -> int:
        """Exit code 0 when every check passes, else 1."""
        from jaxstyle.cli.doctor import report

        return report()


@dataclass
class Demo:
    """Paint three photographs with the network of the papers, in about three minutes on two cores."""

    output: Annotated[Path, arg(aliases=("-o",))] = Path("demo")
    """The folder to write into; made where it is missing."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.cli.demo import run_demo

        return run_demo(self.output)


Command = (
    Annotated[Stylize, subcommand("stylize")]
    | Annotated[Fast, subcommand("fast")]
    | Annotated[Rerun, subcommand("rerun")]
    | Annotated[Artwork, subcommand("artwork")]
    | Annotated[Saliency, subcommand("saliency")]
    | Annotated[Sweep, subcommand("sweep")]
    | Annotated[Train, subcommand("train")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Presets, subcommand("presets")]
    | Annotated[Weights, subcommand("weights")]
    | Annotated[Doctor, subcommand("doctor")]
    | Annotated[Demo, subcommand("demo")]
)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 1 failed, 2 usage, 3 picture, 4 weights, 5 memory, 75 interrupted with the last picture saved,
    130 interrupted with nothing to save.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        print(f"jaxstyle {__version__}")
        sys.exit(0)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    logging.basicConfig(format="jaxstyle: %(message)s", level=logging.INFO if debug else logging.WARNING)
    command: Any = tyro.cli(
        Command,
        prog="jaxstyle",
        description="Neural style transfer in JAX. `--version` prints the version; `--debug` shows tracebacks.",
        args=arguments or ["--help"],
        config=(OmitArgPrefixes,),
    )
    if not debug and os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1") == "1":  # 1 is JAX's own choice
        # XLA takes names of tuning options in the programs that we keep for features that the processor lacks, and
        # says so in kilobytes each time it loads one.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    code = _guarded(command, debug)
    if code in (STOPPED, INTERRUPTED):
        # A compiler thread may still be at work: leaving in the ordinary way then crashes in its teardown.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _guarded(command: Any, debug: bool) -> int:
    """Run the command; errors become one line and an exit code."""
    try:
        return command.run()
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        code, message = _explain(error)
        print(f"jaxstyle: {message}", file=sys.stderr)
        return code


def _explain(error: BaseException) -> tuple[int, str]:
    """Exit code and message. What is not ours is a fault of jaxstyle's."""
    if isinstance(error, JaxstyleError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted before there was a picture to save"
    if is_out_of_memory(error):
        return 5, "out of memory: use a smaller --size, or fewer --rows at a time"
    fault = "this is a fault in jaxstyle: please report it with what --debug shows"
    return 1, f"{type(error).__name__}: {error}\njaxstyle: {fault}"


if __name__ == "__main__":
    main()
