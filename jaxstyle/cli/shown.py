"""How progress is shown, decided once for a command: a live bar, plain lines, JSON for other programs, or nothing."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, cast, get_args

from rich.console import Console

from jaxstyle.errors import SettingError, suggest

How = Literal["auto", "bar", "lines", "json", "none"]
_chosen: list[How] = ["auto"]


class Display(Protocol):
    """What shows progress."""

    def __call__(self, progress: Any, /) -> None:
        """Show how far it is."""

    def waiting(self, what: str) -> None:
        """Say what takes time before there is progress to show, such as "compiling"."""

    def close(self) -> None:
        """Clean up."""


def choose(how: str) -> None:
    """Decide for the rest of the process. Raises SettingError for anything but `How`."""
    if how not in get_args(How):
        raise SettingError(f"--progress: got {how!r}; {suggest(how, get_args(How))}")
    _chosen[0] = cast(How, how)


def note(text: str) -> None:
    """A line for people, on standard error; not where JSON or nothing is wanted."""
    if _chosen[0] not in ("json", "none"):
        print(text, file=sys.stderr, flush=True)


@contextmanager
def display(
    bar: Callable[[Console], Display], lines: Callable[[], Display], as_json: Callable[[Any], dict[str, Any]]
) -> Iterator[Display]:
    """The display of the kind that was chosen: by default a bar on a terminal, and lines elsewhere."""
    console = Console(stderr=True)
    how = _chosen[0]
    if how == "auto":
        how = "bar" if console.is_terminal else "lines"
    makers: dict[str, Callable[[], Display]] = {"bar": lambda: bar(console), "lines": lines, "none": Nothing}
    show = makers.get(how, lambda: Json(as_json))()
    try:
        yield show
    finally:
        show.close()


class Nothing:
    """Shows nothing."""

    def __call__(self, progress: Any, /) -> None:
        """Not shown."""

    def waiting(self, what: str) -> None:
        """Not said."""

    def close(self) -> None:
        """Nothing is open."""


class Json(Nothing):
    """A line of JSON each time, on standard error."""

    def __init__(self, as_json: Callable[[Any], dict[str, Any]]):
        self.as_json = as_json

    def __call__(self, progress: Any, /) -> None:
        """{"event": "progress", ...}."""
        self._write({"event": "progress"} | self.as_json(progress))

    def waiting(self, what: str) -> None:
        """{"event": "compiling"}."""
        self._write({"event": what})

    def _write(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), file=sys.stderr, flush=True)
