"""A Python function of a picture as part of a recipe: it is called, compared and named, but cannot be saved."""

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any

from jaxtyping import Array, Float

from jaxstyle.errors import SettingError


@dataclass(frozen=True, eq=False)
class PythonFunction:
    """Wrapper of a function `image (h, w, 3) -> map`, in JAX, as a localizer or an estimator.

    Two wrappers are equal if their functions are. A plain function is equal only to itself: define it once, at the top
    of a module, or every new one compiles anew. Other values that the function reads are fixed when it is compiled.

    A recipe with a function can be run, and its results and files name the function as "module.function"; but a file
    holds no code, so such a recipe cannot be read back.

    Raises:
        SettingError: the function cannot be called or hashed.
    """

    function: InitVar[Callable[..., Any]]
    name: str = field(init=False)
    kind: str = field(default="function", init=False)

    def __post_init__(self, function: Callable[..., Any]) -> None:
        try:
            hash(function)
        except TypeError:
            got = f"function: got {function!r}, which has no hash"
            raise SettingError(f"{got}; use a function or a frozen dataclass") from None
        if not callable(function):
            raise SettingError(f"function: got {function!r}, expected a function of a picture (h, w, 3)")
        named = function if hasattr(function, "__qualname__") else type(function)
        # Not a field, because recipes save the fields.
        object.__setattr__(self, "_function", function)
        object.__setattr__(self, "name", f"{named.__module__}.{named.__qualname__}")

    @property
    def layers(self) -> tuple[str, ...]:
        """Name of the one layer it needs, the picture, as a tuple."""
        return ("input",)

    def __call__(self, features: tuple[Float[Array, "h w 3"]]) -> Float[Array, "..."]:
        """Map that the function makes of the picture."""
        return self._function(features[0])  # type: ignore[attr-defined]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PythonFunction) and self._function == other._function  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self._function)  # type: ignore[attr-defined]


def refuse_named(name: str, settings: dict[str, Any]) -> None:
    """Raise SettingError if settings from a file are those of a `PythonFunction`, which cannot be read back."""
    if settings.get("kind") == "function":
        raise SettingError(
            f"{name}: the recipe has the Python function {settings.get('name')!r}, which no file can hold; make this "
            "recipe in Python, with the function"
        )
