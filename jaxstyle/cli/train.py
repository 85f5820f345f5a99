"""The command `jaxstyle train`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitSubcommandPrefixes, Positional, arg, subcommand

from jaxstyle.weights.catalogue import default_network

Output = Annotated[Path, arg(aliases=("-o",))]
Contents = Annotated[Positional[Path], arg(metavar="CONTENTS")]


@dataclass(kw_only=True)
class _Common:
    """Options that both trainings have."""

    output: Output
    """The folder to write into: the network, a log, contact sheets, checkpoints."""
    model: str = field(default_factory=default_network)
    """The VGG19 whose features the losses compare, as for `jaxstyle stylize`."""
    steps: int | None = None
    """Training steps in total; with more of them a finished training goes on. By default as in the paper: 40000 for
    johnson, 160000 for adain."""
    batch: int | None = None
    """Pictures per step, a multiple of the number of devices. By default 4 for johnson, 8 for adain."""
    size: int = 256
    """Width and height of the crops in pixels, at least 32 and a multiple of 16."""
    learning_rate: float | None = None
    """Learning rate of Adam. By default 1e-3 for johnson, 1e-4 for adain."""
    style_weight: float | None = None
    """Weight of the style loss: a larger weight gives more style. By default 10."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the activations; bfloat16 is faster on accelerators and halves their memory."""
    seed: int = 0
    """Random seed of the first parameters (without --init), the crops, their order, and the held-out pictures."""
    held_out: int = 4
    """Pictures of each folder that are kept for the contact sheets, not trained on; a quarter of it at most."""
    log_every: int = 10
    """Steps between two lines of log.jsonl."""
    validate_every: int = 500
    """Steps between two contact sheets."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    resume: Literal["on", "off"] = "on"
    """on: go on with the training in the folder. off: refuse a folder that holds one."""


@dataclass(kw_only=True)
class TrainJohnson(_Common):
    """Train a network for one style on a folder of photographs; go on where an earlier call ended."""

    contents: Contents
    """A folder of photographs, with those in its subfolders."""
    style: Annotated[Positional[Path], arg(metavar="STYLE")]
    """The picture whose style the network learns."""
    recipe: str | None = None
    """A preset or recipe file whose losses and weights are used. By default those of Johnson et al."""
    init: str | None = None
    """A network of another style to begin from: a file that `jaxstyle train` wrote, or a public .npz. Keep the
    file: a training goes on only with it."""
    width: int | None = None
    """Channels of the first layer: fewer are faster, and paint less finely. By default 32, or those of --init."""
    style_size: int | None = None
    """Long edge in pixels to which the style picture is resized: larger makes broader strokes. By default --size."""

    def run(self) -> int:
        """Exit code 0; 1 if the loss became infinite; 75 if it was interrupted and can go on."""
        from jaxstyle.cli.run_train import run_johnson

        return run_johnson(self)


@dataclass(kw_only=True)
class TrainAdain(_Common):
    """Train AdaIN's decoder, for any style, on folders of photographs and paintings; go on where a call ended."""

    contents: Contents
    """A folder of photographs, with those in its subfolders."""
    styles: Annotated[Positional[Path], arg(metavar="STYLES")]
    """A folder of paintings, with those in its subfolders."""

    def run(self) -> int:
        """Exit code 0; 1 if the loss became infinite; 75 if it was interrupted and can go on."""
        from jaxstyle.cli.run_train import run_adain

        return run_adain(self)


@dataclass
class TrainCommand:
    """Train a fast network of your own."""

    command: OmitSubcommandPrefixes[
        Annotated[TrainJohnson, subcommand("johnson")] | Annotated[TrainAdain, subcommand("adain")]
    ]

    def run(self) -> int:
        """Run the chosen subcommand and return its exit code."""
        return self.command.run()
