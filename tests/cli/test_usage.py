"""A command line that is wrong is told so in one plain sentence."""

import pytest

from jaxstyle.cli.main import Command, main
from jaxstyle.cli.usage import explain, renamed, reordered, subcommands

HELP = "`jaxstyle stylize --help`"
WRONG = {
    "stylise a b": "there is no command 'stylise'; did you mean stylize?",
    "nothing": "there is no command 'nothing'; expected one of stylize, fast, rerun, ",
    "sweep rnu x": "there is no command 'sweep rnu'; did you mean run?",
    "sweep": "sweep: got no command, expected one of run, status, retry, cell",
    "stylize a b": f"stylize: --output is missing; {HELP} says what it is",
    "stylize -o x.png": f"stylize: expected CONTENT STYLE...; {HELP} has more",
    "stylize a b -o x.png --stepz 3": f"stylize: there is no option --stepz; did you mean --steps?; {HELP} lists all",
    "stylize a b -o x.png --steps abc": "--steps: got 'abc', expected a whole number",
    "stylize a b -o x.png --steps=1.5": "--steps: got '1.5', expected a whole number",
    "stylize a b -o x.png --steps": "--steps: got no value, expected a whole number",
    "stylize a b -o x.png --steps --json": "--steps: got no value, expected a whole number",
    "stylize a b -o x.png --learning-rate x": "--learning-rate: got 'x', expected a number",
    "stylize a b -o x.png --style-weight heavy": "--style-weight: got 'heavy', expected a number, light, medium",
    "stylize a b -o x.png --pyramid maybe": "--pyramid: got 'maybe', expected on or off",
    "stylize a b -o x.png --blend 1 x": None,
    "train johnson a -o x --steps x": "--steps: got 'x', expected a whole number",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong(line, capsys):
    with pytest.raises(SystemExit) as exit:
        main(line.split())
    out, err = capsys.readouterr()
    assert exit.value.code == 2 or (line.endswith(" x") and exit.value.code)
    if WRONG[line] is not None:
        assert err.startswith(f"jaxstyle: {WRONG[line]}") and err.count("\n") == 1 and not out
        assert "None" not in err and "class" not in err


def test_signs_that_command_a_terminal_are_not_repeated(capsys):
    with pytest.raises(SystemExit):
        main(["\x1b[2J"])
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stylize --blend 2 1 a b c -o x.png", "stylize a b c -o x.png --blend 2 1"),
        ("stylize --blend .5 -1 a", "stylize a --blend .5 -1"),
        ("stylize --content-mask s=a.png t=b.png a b", "stylize a b --content-mask s=a.png t=b.png"),
        ("stylize a b --steps 3 --blend", "stylize a b --steps 3 --blend"),
        ("fast a --style b c -o x", "fast a --style b c -o x"),
        ("stylize a b --style-mask s=a --blend 1", "stylize a b --style-mask s=a --blend 1"),
    ],
)
def test_options_of_several_values_do_not_swallow_pictures(line, expected):
    assert reordered(line.split()) == expected.split()


def test_all_commands_are_known():
    assert {"stylize", "fast", "sweep", "weights", "doctor"} <= subcommands(Command).keys()
    assert subcommands(int) == {} and subcommands(int | None) == {}
    assert explain(Command, ["stylize", "a", "b", "-o", "x.png", "--steps", "3"]) is None


@pytest.mark.parametrize(
    "line, expected",
    [
        ("stylize a b --weights embedded", "stylize a b --model embedded"),
        ("sweep run g.toml --weights=embedded", "sweep run g.toml --model=embedded"),
        ("fast a b --model m.npz --weights x", "fast a b --model m.npz --refine-model x"),
        ("weights list", "weights list"),
        ("stylize --weightsy 3", "stylize --weightsy 3"),
    ],
)
def test_the_earlier_name_of_the_network(line, expected):
    assert renamed(line.split()) == expected.split()
