"""Says what is wrong with a command line in one plain sentence. The parser's own messages show Python's types."""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import Positional, arg

_ARG: Any = type(arg())
_POSITIONAL = get_args(Positional[int])[1:]
_NUMBERS: dict[Any, tuple[Callable[[str], Any], str]] = {int: (int, "a whole number"), float: (float, "a number")}
ALWAYS = ("--help", "-h", "--debug")
_TAKES: dict[str, Callable[[str], bool]] = {
    "--blend": lambda text: _reads(float, text),
    "--content-mask": lambda text: "=" in text,
    "--style-mask": lambda text: "=" in text,
}
"""Options that take several values: {option: function that says whether a text can be one of its values}."""


def reordered(arguments: Sequence[str]) -> list[str]:
    """Move the options that take several values to the end, so that they do not swallow the pictures after them."""
    kept, moved, i = list(arguments), [], 0
    while i < len(kept):
        takes = _TAKES.get(kept[i])
        end = i + 1
        while takes and end < len(kept) and not kept[end].startswith("--") and takes(kept[end]):
            end += 1
        if end > i + 1:
            moved += kept[i:end]
            del kept[i:end]
        else:
            i += 1
    return [*kept, *moved]


def renamed(arguments: Sequence[str]) -> list[str]:
    """Replace --weights, the earlier name of --model (in `jaxstyle fast` of --refine-model), by the present one."""
    name = "--refine-model" if arguments[:1] == ["fast"] else "--model"
    return [re.sub(r"^--weights(?=$|=)", name, argument) for argument in arguments]


def explain(commands: Any, arguments: Sequence[str]) -> str | None:
    """Say what is wrong with arguments that the parser refused; None if only the parser can tell."""
    table, path, rest = subcommands(commands), list[str](), list(arguments)
    while table:
        if not rest or rest[0].startswith("-"):
            return f"{' '.join(path) or 'jaxstyle'}: got no command, expected one of {', '.join(table)}"
        if rest[0] not in table:
            return f"there is no command {' '.join([*path, rest[0]])!r}; {_near(rest[0], table)}"
        path.append(rest[0])
        command = table[rest.pop(0)]
        inner = [hint for hint in get_type_hints(command, include_extras=True).values() if subcommands(hint)]
        table = subcommands(inner[0]) if inner else {}
    return _explain_options(command, rest, " ".join(path))


def subcommands(union: Any) -> dict[str, type]:
    """The commands in a union of them, {name: dataclass}, however it is annotated; empty for any other type."""
    if get_origin(union) is Annotated:
        inner, *extras = get_args(union)
        names = [each.name for each in extras if hasattr(each, "name") and not isinstance(each, _ARG)]
        return {names[0]: inner} if names and isinstance(inner, type) else subcommands(inner)
    found: dict[str, type] = {}
    for part in get_args(union) if get_origin(union) is not Literal else ():
        found |= subcommands(part)
    return found


def _explain_options(command: type, rest: list[str], name: str) -> str | None:
    options, positionals = _options(command)
    given = set()
    for i, text in enumerate(rest):
        flag, _, attached = text.partition("=")
        if not flag.startswith("-") or _reads(float, flag):
            continue
        plain = flag.removeprefix("--no-")
        known = options.get(flag) or options.get(f"--{plain}")
        if known is None and flag not in ALWAYS:
            return f"{name}: there is no option {flag}; {_near(flag, options)}; `jaxstyle {name} --help` lists all"
        if known is None:
            continue
        given.add(known[0])
        value = attached if attached else rest[i + 1] if i + 1 < len(rest) else None
        if problem := _problem(known[1], value):
            return f"{flag}: {problem}"
    missing = [f"--{entry}" for entry, _, needed in options.values() if needed and entry not in given]
    if missing:
        return f"{name}: {missing[0]} is missing; `jaxstyle {name} --help` says what it is"
    loose = sum(not text.startswith("-") for text in rest)
    return (
        f"{name}: expected {' '.join(positionals)}; `jaxstyle {name} --help` has more"
        if loose < len(positionals)
        else None
    )


def _options(command: type) -> tuple[dict[str, tuple[str, Any, bool]], list[str]]:
    """The options of a command, {flag: (name, type, whether it is required)}, and its positional arguments' names."""
    hints, options, positionals = get_type_hints(command, include_extras=True), {}, []
    for entry in fields(command):
        hint = hints[entry.name]
        extras = list(_extras(hint))
        config: Any = next((extra for extra in extras if isinstance(extra, _ARG)), arg())
        if any(extra in _POSITIONAL for extra in extras):
            positionals.append(config.metavar or entry.name.upper())
            continue
        name = entry.name.replace("_", "-")
        needed = entry.default is MISSING and entry.default_factory is MISSING
        for flag in (f"--{name}", *(config.aliases or ())):
            options[flag] = (name, _bare(hint), needed)
    return options, positionals


def _extras(hint: Any) -> Iterator[Any]:
    """Yield all annotations of a type, also of `Annotated` inside `Annotated`."""
    if get_origin(hint) is Annotated:
        yield from get_args(hint)[1:]
        yield from _extras(get_args(hint)[0])


def _bare(hint: Any) -> Any:
    return _bare(get_args(hint)[0]) if get_origin(hint) is Annotated else hint


def _problem(kind: Any, value: str | None) -> str | None:
    """What is wrong with an option's first value; None if nothing is."""
    union = () if get_origin(kind) in (tuple, Literal) else get_args(kind)
    parts = [part for part in union if part is not NoneType] or [kind]
    if bool in parts:
        return None
    if value is None or (value.startswith("--") and not _reads(float, value)):
        return f"got no value, expected {_expected(parts)}"
    return None if any(_accepts(part, value) for part in parts) else f"got {value!r}, expected {_expected(parts)}"


def _accepts(kind: Any, value: str) -> bool:
    if get_origin(kind) is Literal:
        return value in map(str, get_args(kind))
    if get_origin(kind) is tuple:
        return _accepts(get_args(kind)[0], value)
    return kind not in _NUMBERS or _reads(_NUMBERS[kind][0], value)


def _expected(parts: Sequence[Any]) -> str:
    names = []
    for kind in parts:
        if get_origin(kind) is tuple:
            names.append(_expected([get_args(kind)[0]]))
        elif get_origin(kind) is Literal:
            names += map(str, get_args(kind))
        else:
            names.append(_NUMBERS[kind][1] if kind in _NUMBERS else "a value")
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _reads(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _near(got: str, known: Any) -> str:
    near = difflib.get_close_matches(got, list(known), 1)
    return f"did you mean {near[0]}?" if near else "expected one of " + ", ".join(known)
