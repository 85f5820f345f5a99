"""Makes the help readable: the lines of a description are joined to sentences, and Python's None is never shown."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import arg

_ARG = type(arg())
_METAVARS = {int: "INT", float: "NUMBER", str: "TEXT"}


def make_plain(command: type) -> None:
    """Rewrite the annotations by which tyro shows the options of a command and of its subcommands."""
    hints = get_type_hints(command, include_extras=True)
    docs = _docstrings(command)
    for entry in fields(command):
        hint = hints[entry.name]
        for inner in _commands_in(hint):
            make_plain(inner)
        command.__annotations__[entry.name] = _plain(hint, docs.get(entry.name, ""), entry.default)


def _plain(hint: Any, doc: str, default: Any) -> Any:
    """The annotation of an option with our help text. A default of None or () is not shown."""
    shown: dict[str, Any] = {"help": " ".join(doc.split())} if doc else {}
    if default is MISSING and _is_tuple(hint):
        shown["help_behavior_hint"] = "(required)"
    if default is None or default == ():
        shown["help_behavior_hint"] = ""
        if (metavar := _metavar(hint)) is not None:
            shown["metavar"] = metavar
    if not shown:
        return hint
    base, extras = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is Annotated else (hint, ())
    given: Any = next((extra for extra in extras if isinstance(extra, _ARG)), arg())
    if given.metavar is not None:
        shown.pop("metavar", None)
    annotated = base
    for extra in (*(extra for extra in extras if not isinstance(extra, _ARG)), replace(given, **shown)):
        annotated = Annotated[annotated, extra]
    return annotated


def _is_tuple(hint: Any) -> bool:
    return get_origin(_bare(hint)) is tuple


def _bare(hint: Any) -> Any:
    """The type inside `Annotated`."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint


def _metavar(hint: Any) -> str | None:
    """Placeholder of an optional value, such as "INT" for `int | None`; None to keep the one that tyro chooses."""
    hint = _bare(hint)
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    if len(kinds) == len(get_args(hint)):
        return None
    words = [word for kind in kinds if (word := _word(kind)) is not None]
    return "|".join(words) if len(words) == len(kinds) else None


def _word(kind: Any) -> str | None:
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind))) + "}"
    if get_origin(kind) is tuple and (inner := _word(get_args(kind)[0])):
        return f"{inner} [{inner} ...]"
    return _METAVARS.get(kind, "PATH" if getattr(kind, "__name__", "") == "Path" else None)


def _commands_in(hint: Any) -> Iterator[type]:
    """Yield the dataclasses in a type: the subcommands, if it is a union of commands."""
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for part in get_args(hint):
        yield from _commands_in(part)


def _docstrings(command: type) -> dict[str, str]:
    """The text under each field, {field: text}, of a class and of the classes that it inherits from."""
    found: dict[str, str] = {}
    for each in reversed(command.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        lines = getattr(body, "body", [])
        for field, text in itertools.pairwise(lines):
            is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
                found[field.target.id] = str(text.value.value)
    return found
