"""`jaxstyle train`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitSubcommandPrefixes, Positional, arg, subcommand

from jaxstyle.weights.catalogue import default_network

Output = Annotated[Path, arg(aliases=("-o",))]
Contents = Annotated[Positional[Path], arg(metavar="CONTENTS")]


@dataclass(kw_only=True)
class _Common:
    """What both trainings are told."""

    output: Output
    """The folder to write into: the network, a log, contact sheets, checkpoints."""
    weights: str = field(default_factory=default_network)
    """The VGG19 that judges, as for `jaxstyle stylize`."""
    steps: int | None = None
    """Updates in all; a finished training goes on with more. As in the paper when not given: 40000 for johnson, 160000
    for adain."""
    batch: int | None = None
    """Pictures a step, a multiple of the number of devices; 4 for johnson, 8 for adain, when not given."""
    size: int = 256
    """Pixels a side of the crops, a multiple of 16."""
    learning_rate: float | None = None
    """Learning rate of Adam. By default 1e-3 for johnson, 1e-4 for adain."""
    style_weight: float | None = None
    """More paints more style; 10 when not given."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the activations; bfloat16 is faster on accelerators and halves their memory."""
    seed: int = 0
    """Random seed of the first parameters (without --init), and of the crops and their order."""
    held_out: int = 4
    """Pictures of each folder to keep for the contact sheets, a quarter at most."""
    log_every: int = 10
    """Steps between two lines of log.jsonl."""
    validate_every: int = 500
    """Steps between two contact sheets."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    resume: Literal["on", "off"] = "on"
    """off: refuse a folder that holds a training, instead of going on with it."""


@dataclass(kw_only=True)
class TrainJohnson(_Common):
    """Train a network for one style on a folder of photographs; go on where an earlier call ended."""

    contents: Contents
    """A folder of photographs, with folders within."""
    style: Annotated[Positional[Path], arg(metavar="STYLE")]
    """The picture whose style it learns."""
    recipe: str | None = None
    """A preset or recipe file whose losses and weights are used; those of Johnson et al. when not given."""
    init: str | None = None
    """A network of another style to begin from: a file that `jaxstyle train` wrote, or a public .npz. Keep it as long
    as the training may go on."""
    width: int | None = None
    """Channels of the first layer: fewer are faster, and paint less finely; 32, or those of --init, when not given."""
    style_size: int | None = None
    """Long edge in pixels at which the style is looked at: larger makes broader strokes; as --size when not given."""

    def run(self) -> int:
        """Exit code 0; 1 where the loss became infinite; 75 where it was interrupted and can go on."""
        from jaxstyle.cli.run_train import run_johnson

        return run_johnson(self)


@dataclass(kw_only=True)
class TrainAdain(_Common):
    """Train AdaIN's decoder, for any style, on folders of photographs and paintings; go on where a call ended."""

    contents: Contents
    """A folder of photographs, with folders within."""
    styles: Annotated[Positional[Path], arg(metavar="STYLES")]
    """A folder of paintings, with folders within."""

    def run(self) -> int:
        """Exit code 0; 1 where the loss became infinite; 75 where it was interrupted and can go on."""
        from jaxstyle.cli.run_train import run_adain

        return run_adain(self)


@dataclass
class TrainCommand:
    """Train a fast network of one's own."""

    command: OmitSubcommandPrefixes[
        Annotated[TrainJohnson, subcommand("johnson")] | Annotated[TrainAdain, subcommand("adain")]
    ]

    def run(self) -> int:
        """The chosen command's exit code."""
        return self.command.run()
