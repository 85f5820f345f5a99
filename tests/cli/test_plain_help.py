"""What `--help` shows of every command: whole sentences, no Python, 80 columns."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal, get_args

import pytest
from tyro.conf import Positional, arg

from jaxstyle.cli.main import Command, main
from jaxstyle.cli.plain_help import make_plain

COMMANDS = [
    ["stylize"],
    ["fast"],
    ["rerun"],
    ["resume"],
    ["artwork"],
    ["saliency"],
    ["texture"],
    ["report"],
    ["measure"],
    ["doctor"],
    ["demo"],
    ["train"],
    ["cache"],
]
COMMANDS += [["train", kind] for kind in ("johnson", "adain")] + [["presets"], ["presets", "list"], ["presets", "show"]]
COMMANDS += [["sweep"], *(["sweep", name] for name in ("run", "status", "retry", "cell")), ["weights"]]
COMMANDS += [["weights", name] for name in ("list", "fetch", "convert", "convert-fast", "verify")]


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_is_for_people(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0 and "usage: jaxstyle" in shown
    for word in ("None", "(default: )", "likewise", "Path("):
        assert word not in shown
    options = shown.splitlines()[3:]  # what stands above is wrapped by the terminal
    assert max(map(len, options)) <= 80


def test_every_command_is_tried():
    names = {part.__metadata__[0].name for part in get_args(Command)}
    assert names == {command[0] for command in COMMANDS}


@dataclasses.dataclass
class Base:
    shared: int | None = None
    """Runs over
    two lines."""


@dataclasses.dataclass
class Example(Base):
    file: Annotated[Path | None, arg(aliases=("-f",))] = None
    """A file."""
    both: float | Literal["a", "b"] | None = None
    many: Annotated[Positional[tuple[str, ...]], arg(metavar="OWN")] = ()
    number: int = 3


def test_annotations_keep_what_they_had():
    make_plain(Example)
    found = {
        name: hint.__metadata__[-1] for name, hint in Example.__annotations__.items() if hasattr(hint, "__metadata__")
    }
    assert (found["shared"].help, found["shared"].metavar) == ("Runs over two lines.", "INT")
    assert (found["file"].aliases, found["file"].metavar, found["file"].help) == (("-f",), "PATH", "A file.")
    assert found["both"].metavar == "NUMBER|{a,b}" and found["both"].help is None
    assert found["many"].metavar == "OWN" and found["many"].help_behavior_hint == ""
    assert "number" not in found
