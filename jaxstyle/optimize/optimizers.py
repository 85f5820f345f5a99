"""The optimisers and their settings: optax's Adam, RMSprop and SGD, L-BFGS, or any optax transformation."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass, replace
from functools import lru_cache, partial
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from jaxstyle.errors import SettingError
from jaxstyle.optimize.quasi_newton import lbfgs

Resize = Callable[[Array, str], Array]
"""`resize(values, method)` resizes an array like the picture to the next level, by a method of `jax.image.resize`."""


@runtime_checkable
class Optimizer(Protocol):
    """Protocol of an optimiser's settings: a frozen, hashable dataclass that is a pytree; sweeps vary its leaves.

    Attributes:
        kind: name of the optimiser in recipes.
        clips: whether the images may be clipped to [0, 1] between its steps.
    """

    kind: ClassVar[str]
    clips: ClassVar[bool]

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to updates."""
        ...

    def carry(self, state: Any, fresh: Any, resize: Resize) -> Any:
        """Make the state for the start of a pyramid's next level from the last level's `state` and a `fresh` one."""
        ...


@partial(jax.tree_util.register_dataclass, data_fields=["learning_rate"], meta_fields=["b1", "b2", "eps"])
@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015). `learning_rate`, in units of pixel values, is a leaf: changing it does not re-trace."""

    learning_rate: float = 0.02
    b1: float = 0.9
    b2: float = 0.99
    eps: float = 1e-8
    kind: ClassVar[str] = "adam"
    clips: ClassVar[bool] = True

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to updates."""
        scale = optax.scale_by_adam(self.b1, self.b2, self.eps)
        return optax.with_extra_args_support(optax.chain(scale, optax.scale_by_learning_rate(self.learning_rate)))

    def carry(self, state: Any, fresh: Any, resize: Resize) -> Any:
        """Carry on the moments, resized to the next level, and the step count that corrects their bias."""

        def carried(part: optax.ScaleByAdamState) -> optax.ScaleByAdamState:
            mean, square = resize(part.mu, "cubic"), resize(part.nu, "linear")
            return part._replace(mu=mean, nu=jnp.maximum(square, 0))

        return jax.tree.map(carried, state, is_leaf=lambda part: isinstance(part, optax.ScaleByAdamState))


@partial(jax.tree_util.register_dataclass, data_fields=["learning_rate"], meta_fields=["decay", "eps"])
@dataclass(frozen=True)
class RMSprop:
    """RMSprop (Tieleman & Hinton 2012): the gradient, divided by the root of the moving average of its square.

    `v = decay v + (1 - decay) g^2`, `update = -learning_rate g / (sqrt(v) + eps)`, v from 0, as in PyTorch, which
    STROTSS uses. `learning_rate`, in units of the parameters, is a leaf: changing it does not re-trace.
    """

    learning_rate: float = 0.002
    decay: float = 0.99
    eps: float = 1e-8
    kind: ClassVar[str] = "rmsprop"
    clips: ClassVar[bool] = True

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to updates."""
        scale = optax.scale_by_rms(self.decay, self.eps, eps_in_sqrt=False)
        return optax.with_extra_args_support(optax.chain(scale, optax.scale_by_learning_rate(self.learning_rate)))

    def carry(self, state: Any, fresh: Any, resize: Resize) -> Any:
        """Return the fresh state."""
        return fresh


@partial(jax.tree_util.register_dataclass, data_fields=["learning_rate"], meta_fields=["momentum", "decay", "every"])
@dataclass(frozen=True)
class SGD:
    """Gradient descent, `update = -learning_rate decay^(step / every) g`, with momentum if it is above 0.

    At each level of a pyramid it begins afresh. `learning_rate` is a leaf: changing it does not re-trace.
    """

    learning_rate: float = 1e-3
    momentum: float = 0.0
    decay: float = 1.0
    every: float = 100.0
    kind: ClassVar[str] = "sgd"
    clips: ClassVar[bool] = True

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to updates."""
        trace = (optax.trace(self.momentum),) if self.momentum else ()
        rate = optax.scale_by_schedule(lambda step: self.decay ** (step / self.every))
        scale = optax.scale_by_learning_rate(self.learning_rate)
        return optax.with_extra_args_support(optax.chain(*trace, rate, scale))

    def carry(self, state: Any, fresh: Any, resize: Resize) -> Any:
        """Return the fresh state."""
        return fresh


@partial(
    jax.tree_util.register_dataclass, data_fields=["learning_rate"], meta_fields=["memory", "line_search", "pixels"]
)
@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS (Liu & Nocedal 1989).

    With `line_search` each step tries step sizes until the strong Wolfe conditions hold (about two to three
    evaluations), and `learning_rate` is not used. Without it, each step is `learning_rate` times the quasi-Newton
    direction and takes one evaluation, as in neural-style and Gatys' code (`jaxstyle.optimize.quasi_newton`). `memory`
    is the number of earlier steps that are remembered. `pixels` is the range of the pixel values in the published code,
    255 or 1: without a line search, the length of the first step depends on it.
    """

    learning_rate: float = 1.0
    memory: int = 10
    line_search: bool = True
    pixels: float = 255.0
    kind: ClassVar[str] = "lbfgs"
    clips: ClassVar[bool] = False

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation from gradients to updates."""
        if self.line_search:
            return optax.lbfgs(memory_size=self.memory)
        return lbfgs(self.learning_rate, self.memory, unit=self.pixels)

    def carry(self, state: Any, fresh: Any, resize: Resize) -> Any:
        """Return the fresh state, because remembered steps belong to the objective of one level."""
        return fresh


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["transformation"])
@dataclass(frozen=True)
class Optax:
    """Wrapper of any optax transformation, such as `optax.sgd(0.1)`. Recipes accept it bare, and wrap it in this.

    Its settings are hidden within functions, so a saved recipe cannot hold them, only a fingerprint: pass the
    transformation again to paint the same picture again. At each level of a pyramid it begins afresh.

    Attributes:
        transformation: the optax transformation. Compiled programs are reused for the same object, not for an equal
            one.
    """

    transformation: optax.GradientTransformation
    kind: ClassVar[str] = "optax"
    clips: ClassVar[bool] = True

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """The transformation, made to accept the objective's value and gradient as extra arguments."""
        return optax.with_extra_args_support(self.transformation)

    def carry(self, state: Any, fresh: Any, resize: Resize) -> Any:
        """Return the fresh state."""
        return fresh

    @property
    def fingerprint(self) -> str:
        """Short hash of what the transformation computes: the same in every process, and another for other settings."""
        return _fingerprint(self.transformation)


@lru_cache(maxsize=64)
def _fingerprint(transformation: optax.GradientTransformation) -> str:
    """Hash of the program that the transformation is, in which its settings are constants."""
    extended = optax.with_extra_args_support(transformation)

    def step(image: Array, gradient: Array) -> Any:
        state = extended.init(image)
        total = jnp.sum(image**2)
        arguments = {"value": total, "grad": gradient, "value_fn": lambda x: jnp.sum(x**2)}
        return extended.update(gradient, state, image, **arguments)

    picture = jax.ShapeDtypeStruct((32, 32, 3), jnp.float32)
    program = jax.make_jaxpr(step)(picture, picture)
    constants = b"".join(np.asarray(each).tobytes() for each in program.consts)
    text = re.sub(r"0x[0-9a-f]+", "", str(program))  # addresses in memory differ from process to process
    return hashlib.sha256(text.encode() + constants).hexdigest()[:12]


OPTIMIZERS: dict[str, type[Optimizer]] = {optimizer.kind: optimizer for optimizer in (Adam, LBFGS, RMSprop, SGD)}
"""{kind: optimiser class}: the optimisers that saved recipes can hold."""


def as_optimizer(given: Any) -> Optimizer:
    """Return an optimiser unchanged, or wrap a bare optax transformation. Raises SettingError for anything else."""
    if isinstance(given, optax.GradientTransformation):
        return Optax(given)
    if isinstance(given, type) or not isinstance(given, Optimizer):
        raise SettingError(
            f"optimizer: got {given!r}, expected Adam(...), LBFGS(...), an optax transformation such as "
            "optax.sgd(0.1), or an object with kind, clips, transform() and carry()"
        )
    return given


def with_learning_rate(optimizer: Optimizer, rate: float) -> Optimizer:
    """Return the optimiser with another learning rate. Raises SettingError if it has no learning rate to change."""
    if not hasattr(optimizer, "learning_rate") or not is_dataclass(optimizer):
        raise SettingError(f"learning_rate: {optimizer.kind} has its own within; leave it out")
    return replace(optimizer, learning_rate=rate)
