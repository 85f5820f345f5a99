"""A recipe: everything about a run but its pictures and its network, as data that can be saved and compared."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Self, get_args, get_type_hints

from jaxstyle.errors import SettingError, is_number, is_whole, suggest
from jaxstyle.losses.base import find_loss
from jaxstyle.objective.plain_types import fits, name_of
from jaxstyle.objective.term import Term, as_terms, check_weight
from jaxstyle.optimize.optimizers import LBFGS, OPTIMIZERS, Adam, Optax, Optimizer, as_optimizer, with_learning_rate
from jaxstyle.optimize.parametrization import PARAMETRIZATIONS, Parametrization, Pixels
from jaxstyle.optimize.pyramid import Pyramid
from jaxstyle.weights.layout import Padding, Pooling

GROUPS = ("content", "style", "prior")
Init = Literal["content", "style", "noise", "detail"]
Blending = Literal["targets", "losses"]
Propagation = Literal["simple", "inside", "all"]
Color = Literal["style", "luminance", "cholesky", "pca", "symmetric", "histogram", "affine"]


@dataclass(frozen=True)
class Recipe:
    """The losses to minimise, and how to minimise them.

    Attributes:
        content: terms whose targets come from the content picture: one term or several. A bare loss becomes a term of
            weight 1.
        style: terms whose targets come from the style pictures.
        prior: terms of the generated picture alone, such as total variation.
        content_weight: multiplies the weights of the content terms.
        style_weight: multiplies the weights of the style terms.
        optimizer: `Adam`, `LBFGS`, or any optax transformation, which is wrapped in `Optax`.
        steps: number of optimiser steps at the picture's own size.
        pyramid: smaller sizes to optimise at first, with steps of their own; None for the picture's own size alone.
        average: decay in [0, 1) of the moving average of the images that becomes the result; 0 takes the last image.
        clip: whether to clip the image to [0, 1] at every step; `LBFGS` needs False.
        init: picture that the optimisation starts from: "content", "style", "noise", or "detail", which is the
            content's highest frequencies on the style's mean colour, as in STROTSS.
        color: "style" paints in the style's colours. "luminance" transfers the luminance alone and keeps the content's
            colours; "cholesky", "pca", "symmetric" and "histogram" first give the style the content's colours (Gatys
            et al. 2017). "affine" gives the result the content's hues, with the style's mean and covariance (NNST).
        blending: how several styles are combined: "targets" averages their targets, "losses" sums their losses. Losses
            whose targets have no average are summed in any case.
        propagation: how masks pass through the network, see `jaxstyle.objective.guidance.propagate`.
        normalize_gradients: whether to divide each content and style term's gradient at its layer by its L1 norm
            (neural-style's option of that name). The total is then not what is minimised.
        pooling: "max", "average" or "l2" pooling in the network, or "scaled_average" or "scaled_l2", which are about as
            large as the maximum; None keeps the network's own.
        first_padding: "zero", "reflect" or "replicate" padding at conv1_1; None keeps the network's own.
        parametrization: what the optimiser changes: `Pixels`, a `LaplacianPyramid` or `Fourier` coefficients. The last
            two need clip=False.

    Raises:
        SettingError: a setting of a wrong type or out of range, no term at all, or two terms of the same name.
    """

    content: tuple[Term, ...]
    style: tuple[Term, ...]
    prior: tuple[Term, ...] = ()
    content_weight: float = 1.0
    style_weight: float = 1.0
    optimizer: Optimizer = field(default_factory=Adam)
    steps: int = 300
    average: float = 0.9
    clip: bool = True
    init: Init = "content"
    color: Color = "style"
    blending: Blending = "targets"
    propagation: Propagation = "simple"
    normalize_gradients: bool = False
    pooling: Pooling | None = None
    first_padding: Padding | None = None
    pyramid: Pyramid | None = None
    parametrization: Parametrization = field(default_factory=Pixels)

    def __post_init__(self) -> None:
        for group in GROUPS:
            object.__setattr__(self, group, as_terms(group, getattr(self, group)))
        check_weight("content_weight", self.content_weight)
        check_weight("style_weight", self.style_weight)
        if not is_whole(self.steps, 0):
            raise SettingError(f"steps: got {self.steps!r}, expected a whole number, at least 0")
        choices = {"init": Init, "color": Color, "blending": Blending, "propagation": Propagation}
        choices |= {"pooling": Pooling, "first_padding": Padding}
        for name, choice in choices.items():
            got = getattr(self, name)
            if got not in get_args(choice) and not (got is None and name in ("pooling", "first_padding")):
                raise SettingError(f"{name}: got {got!r}; {suggest(got, get_args(choice))}")
        if not is_number(self.average, 0, 1) or self.average == 1:
            raise SettingError(f"average: got {self.average!r}, expected a decay in [0, 1)")
        if not isinstance(self.pyramid, Pyramid | None):
            raise SettingError(f"pyramid: got {self.pyramid!r}, expected a Pyramid or None")
        object.__setattr__(self, "optimizer", as_optimizer(self.optimizer))
        self._check_optimisation()
        # NumPy scalars become plain numbers, because recipes are written as JSON and TOML.
        for name, kind in (("content_weight", float), ("style_weight", float), ("steps", int), ("average", float)):
            object.__setattr__(self, name, kind(getattr(self, name)))
        terms = (*self.content, *self.style, *self.prior)
        levels = ("last",) if self.pyramid is None else ("last", "before")
        for level in levels:
            if not any(term.at in ("all", level) for term in terms):
                where = "" if all(term.at == "all" for term in terms) else f" at the levels {level!r}"
                raise SettingError(f"recipe: has no term{where}, expected at least one")
        names = [term.name for term in terms]
        for name in {name for name in names if names.count(name) > 1}:
            raise SettingError(f"recipe: {name} appears {names.count(name)} times; add the weights up in one term")

    def _check_optimisation(self) -> None:
        """Raise SettingError for settings of the optimisation that do not go together."""
        if self.clip and not self.optimizer.clips:
            raise SettingError(
                f"clip: {self.optimizer.kind} diverges when its images are clipped; use clip=False (the result is)"
            )
        if isinstance(self.parametrization, type) or not isinstance(self.parametrization, Parametrization):
            raise SettingError(
                f"parametrization: got {self.parametrization!r}, expected Pixels(), LaplacianPyramid(...), "
                "Fourier(...), or an object with kind, clips, parameters() and image()"
            )
        if self.clip and not self.parametrization.clips:
            raise SettingError(f"clip: {self.parametrization.kind} parameters are no pixels, so use clip=False")
        if self.pyramid is not None and self.pyramid.last_rate != 1:
            with_learning_rate(self.optimizer, 1.0)
        drawing = [term.name for term in (*self.content, *self.style, *self.prior) if term.loss.random]
        if drawing and isinstance(self.optimizer, LBFGS):
            raise SettingError(
                f"optimizer: {drawing[0]} draws random numbers at every step, and L-BFGS needs the same loss at every "
                "step: set fresh=False there, or use Adam or RMSprop"
            )

    def weights(self) -> dict[str, float]:
        """Weights {term: its own times its group's weight}, in the order content, style, prior."""
        groups = ((self.content, self.content_weight), (self.style, self.style_weight), (self.prior, 1.0))
        return {term.name: term.weight * weight for terms, weight in groups for term in terms}

    @property
    def matches(self) -> bool:
        """Whether a term matches the style with the image that a level begins with."""
        return any(term.loss.matches for term in self.style)

    def before_last(self, levels: int) -> Self:
        """The recipe as a pyramid's level takes it that is so many levels before the last: its terms and weights."""
        terms = (*self.content, *self.style, *self.prior)
        if all(term.at == "all" for term in terms) and (levels == 0 or all(term.growth == 1 for term in terms)):
            return self
        return replace(self, **{group: _at_level(getattr(self, group), levels) for group in GROUPS})  # type: ignore[arg-type]

    def graph(self) -> Self:
        """The recipe with every setting reset that does not change the compiled program: equal for equal programs."""
        terms = {name: tuple(replace(term, weight=1.0, growth=1.0) for term in getattr(self, name)) for name in GROUPS}
        numbers = {"content_weight": 1.0, "style_weight": 1.0, "average": 0.0, "steps": 0}
        elsewhere = {"init": "content", "color": "style", "pyramid": None}
        optimizer = (
            with_learning_rate(self.optimizer, 1.0) if hasattr(self.optimizer, "learning_rate") else self.optimizer
        )
        return replace(self, optimizer=optimizer, **terms, **numbers, **elsewhere)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data for JSON and TOML, without what is None; `from_dict` makes an equal recipe of it."""
        plain = {
            entry.name: getattr(self, entry.name) for entry in fields(self) if getattr(self, entry.name) is not None
        }
        for group in GROUPS:
            plain[group] = [_term_to_dict(term) for term in plain[group]]
        if self.pyramid is not None:
            plain["pyramid"] = asdict(self.pyramid)
        hidden = isinstance(self.optimizer, Optax)
        settings = {"fingerprint": self.optimizer.fingerprint} if hidden else asdict(self.optimizer)  # type: ignore
        parametrization = {"name": self.parametrization.kind, **asdict(self.parametrization)}  # type: ignore
        return plain | {"optimizer": {"name": self.optimizer.kind, **settings}, "parametrization": parametrization}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Build a recipe from `to_dict`'s data. Raises SettingError for unknown names, suggesting the nearest one."""
        settings = dict(data)
        for group in GROUPS:
            if group in settings:
                settings[group] = tuple(_term_from_dict(term) for term in _expect(list, group, settings[group]))
        if "optimizer" in settings:
            options = dict(_expect(dict, "optimizer", settings["optimizer"]))
            if options.get("name") == Optax.kind:
                raise SettingError(
                    "optimizer: the run had an optax transformation, which no recipe can carry; pass it again"
                )
            settings["optimizer"] = _build(_choose("optimizer", options.pop("name", None), OPTIMIZERS), options)
        if "parametrization" in settings:
            options = dict(_expect(dict, "parametrization", settings["parametrization"]))
            kind = _choose("parametrization", options.pop("name", None), PARAMETRIZATIONS)
            settings["parametrization"] = _build(kind, options)
        if "pyramid" in settings:
            settings["pyramid"] = _build(Pyramid, _expect(dict, "pyramid", settings["pyramid"]))
        return _build(cls, settings)


def _at_level(terms: tuple[Term, ...], levels: int) -> tuple[Term, ...]:
    """The terms that take part so many levels before the last, with their weights there."""
    taking_part = (term for term in terms if term.at in ("all", "before" if levels else "last"))
    return tuple(replace(term, weight=term.weight / term.growth**levels, at="all") for term in taking_part)


def _term_to_dict(term: Term) -> dict[str, Any]:
    options = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(term.loss).items() if v is not None}  # type: ignore[call-overload]
    more: dict[str, Any] = {} if term.of is None else {"of": term.of}
    more |= ({} if term.growth == 1 else {"growth": term.growth}) | ({} if term.at == "all" else {"at": term.at})
    return {"loss": term.loss.kind, **options, "weight": term.weight, "relative": term.relative, **more}


def _term_from_dict(data: Any) -> Term:
    options = dict(_expect(dict, "term", data))
    loss = find_loss(options.pop("loss", None))
    of_term = {name: options.pop(name) for name in ("weight", "relative", "of", "growth", "at") if name in options}
    return Term(_build(loss, options), **of_term)


def _choose(name: str, got: Any, table: dict[str, Any]) -> Any:
    if not isinstance(got, str) or got not in table:
        raise SettingError(f"{name}: got {got!r}; {suggest(got, table)}")
    return table[got]


def _expect(kind: type, name: str, value: Any) -> Any:
    if not isinstance(value, kind):
        raise SettingError(f"{name}: got {value!r}, expected a {kind.__name__}")
    return value


def _kinds(cls: Any) -> dict[str, Any]:
    """Declared types of a class's settings, {name: type}; empty if its annotations cannot be resolved."""
    try:
        return get_type_hints(cls)
    except (NameError, TypeError):  # a user's own class may have annotations that cannot be resolved here
        return {}


def _build(cls: Any, options: dict[str, Any]) -> Any:
    """Create `cls(**options)`. Raises SettingError that names a setting that is unknown, missing or of a wrong type."""
    names = [entry.name for entry in fields(cls)]
    for key in options:
        if key not in names:
            raise SettingError(f"{cls.__name__}: unknown setting {key!r}; {suggest(key, names)}")
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    for key, kind in _kinds(cls).items():
        if key in settings and not fits(settings[key], kind):
            raise SettingError(f"{cls.__name__}: {key}: got {str(settings[key])[:80]!r}, expected {name_of(kind)}")
    try:
        return cls(**settings)
    except TypeError as error:
        raise SettingError(f"{cls.__name__}: {str(error).removeprefix(f'{cls.__name__}.__init__() ')}") from None
