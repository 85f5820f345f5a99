"""Options of the commands that optimise a picture. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from jaxstyle.transfer.settings import DEFAULT_SIZE, Settings
from jaxstyle.weights.catalogue import default_network


@dataclass(kw_only=True)
class Painting(Settings):
    """Options of a run: the settings of `stylize`, the network, the recipe, and how it is computed."""

    pyramid: Literal["on", "off"] | None = None
    """Paint at smaller sizes first, each with steps of its own: on (the first size has a long edge of 128 pixels, each
    next one is twice as large) or off. By default as the recipe says."""
    model: str = field(default_factory=default_network)
    """The feature network, a VGG19 or VGG16: any name of `jaxstyle weights list`, or a weights file. By default the
    network of the papers: "imagenet" (80 MB, downloaded on first use), or "imagenet-8bit" where that is the one in the
    cache. "embedded" is small and comes with jaxstyle."""
    recipe: str | None = None
    """A preset of `jaxstyle presets list`, or a recipe file (.toml). Options such as --steps replace what it says."""
    conv: Literal["auto", "winograd", "exact"] = "auto"
    """Algorithm of the convolutions: winograd is twice as fast on CPU, exact rounds less. auto: winograd on CPU."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the network: bfloat16 takes half the memory on accelerators, with three digits."""
    precision: Literal["auto", "fast", "exact"] = "auto"
    """How accelerators round products of float32 numbers: exact as float32, fast to ten bits or fewer. auto: exact for
    L-BFGS, else fast. CPUs are always exact."""
    rows: int | None = None
    """Rows of the picture to compute at a time, a multiple of 16, for huge pictures. By default chosen by the free
    memory, unless --conv, --dtype or --precision is given."""

    def arguments(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Keyword arguments of `stylize`, without the network, for a content of `shape` (height, width, ...)."""
        from jaxstyle.objective.plan import Plan
        from jaxstyle.objective.presets import recipe_for
        from jaxstyle.objective.recipe_file import load_recipe

        plan = Plan(conv=self.conv, dtype=self.dtype, precision=self.precision, rows=self.rows)
        return {entry.name: getattr(self, entry.name) for entry in fields(Settings)} | {
            "recipe": recipe_for(self.model) if self.recipe is None else load_recipe(self.recipe),
            "size": min(DEFAULT_SIZE, max(shape[:2])) if self.size is None else self.size,
            "pyramid": None if self.pyramid is None else self.pyramid == "on",
            "plan": None if plan == Plan() else plan,  # None: chosen by the free memory
        }
