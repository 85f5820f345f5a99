"""A run: the objective of each pyramid level, and the result of any state."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxstyle import optimize
from jaxstyle.errors import JaxstyleError
from jaxstyle.image import Picture, resize
from jaxstyle.image.color import finish_color
from jaxstyle.networks.model import FeatureModel
from jaxstyle.objective.make import make_objective
from jaxstyle.objective.memo import Once, call
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import Optimizer, with_learning_rate
from jaxstyle.optimize.pyramid import Level, grow, highest_frequencies
from jaxstyle.optimize.state import Info, State
from jaxstyle.transfer.inputs import Inputs
from jaxstyle.transfer.progress import Progress
from jaxstyle.transfer.reached import Reached
from jaxstyle.transfer.result import Done, Result
from jaxstyle.transfer.verdict import Status, no_better, not_finite


@dataclass(frozen=True)
class Run:
    """All of a run that stays the same while it is painted; `prepare` makes it, `paint` paints it.

    Attributes:
        recipe: losses, weights and optimiser.
        model: the network.
        inputs: pictures and masks as the losses see them.
        levels: sizes and steps of the pyramid, from small to the result's own size.
        shares: share of each style; they sum to 1.
        plan: how the run is computed.
        picture: the content at the result's size.
        settings: what the result records.
        started: `time.perf_counter()` at the start.
        begin: the first image, (h, w, 3), at the first level's size.
        once: how functions of pictures are called, see `prepare`.
    """

    recipe: Recipe
    model: FeatureModel
    inputs: Inputs
    levels: tuple[Level, ...]
    shares: tuple[float, ...]
    plan: Plan
    picture: Picture
    settings: dict[str, Any]
    started: float
    begin: Any
    once: Once = call

    def first(self) -> State:
        """The state before the first step, at the first level."""
        begin = jax.device_put(self.begin)
        seed, parametrization = self.settings["seed"], self.recipe.parametrization
        keep = self.recipe.matches
        return optimize.init(begin, self.optimizer(0), seed=seed, parametrization=parametrization, keep=keep)

    def optimizer(self, i: int) -> Optimizer:
        """The optimiser of level `i`, whose learning rate may be another."""
        optimizer, factor = self.recipe.optimizer, self.levels[i].rate
        return optimizer if factor == 1 else with_learning_rate(optimizer, optimizer.learning_rate * factor)  # type: ignore[attr-defined]

    def detail(self, i: int) -> Any:
        """What is added to the image at the start of level `i`; None for a pyramid that adds nothing at any level."""
        if self.recipe.pyramid is None or self.recipe.pyramid.growing != "detail":
            return None
        content = jax.device_put(self.inputs.at(self.levels[i].shape, self.once).content)
        return highest_frequencies(content) if self.levels[i].detail else jnp.zeros_like(content)

    def begun(self) -> Reached:
        """The point before the first step, at the first level."""
        return Reached(0, self.first(), ((),))

    def recipe_at(self, i: int) -> Recipe:
        """The recipe as level `i` takes it."""
        return self.recipe.before_last(len(self.levels) - 1 - i)

    def objective(self, i: int, begin: Any = None) -> Objective:
        """The objective of level `i` of the pyramid, which begins with the image `begin` if the recipe matches it.

        Raises what `make_objective` raises, naming the level's size.
        """
        level, inputs, recipe = self.levels[i], self.inputs.at(self.levels[i].shape, self.once), self.recipe_at(i)
        if i == 0 or not recipe.matches:
            begin = None
        try:
            return make_objective(
                self.model,
                inputs.content,
                inputs.styles,
                recipe,
                begin=None if begin is None else begin + highest_frequencies(jax.device_put(inputs.content)),
                blend=self.shares,
                content_masks=inputs.content_masks,
                style_masks=inputs.style_masks,
                plan=self.plan,
                once=self.once,
            )
        except JaxstyleError as error:
            if len(self.levels) == 1:
                raise
            raise type(error)(f"at {level.shape[1]}x{level.shape[0]} pixels, a level of the pyramid: {error}") from None

    def prepare(self, i: int, state: State, wanted: Callable[[], bool]) -> Objective | None:
        """Make the objective of level `i`, and compile its programs if it is still wanted.

        It is None where it depends on the end of the level before.

        Args:
            i: index of the level, from 1.
            state: shapes and dtypes of the state at the level before.
            wanted: says whether the programs are still wanted.
        """
        if self.recipe_at(i).matches:
            return None
        objective = self.objective(i)
        if wanted():
            grow.lower(state, *self._growth(i), **self.how, **self.growth(i)).compile()
            first = jax.eval_shape(partial(self.grown, i), state)
            optimize.compile_run(first, objective, self.optimizer(i), average=self.recipe.average, **self.how)
        return objective

    def grown(self, i: int, state: State) -> State:
        """Make the first state of level `i` from the last state of the level before."""
        return grow(state, *self._growth(i), **self.how, **self.growth(i))

    def growth(self, i: int) -> dict[str, Any]:
        """How the image grows to level `i`: settings of `grow`."""
        pyramid = self.recipe.pyramid
        return {"detail": self.detail(i), "growing": "bicubic" if pyramid is None else pyramid.growing}

    def _growth(self, i: int) -> tuple[Optimizer, tuple[int, int]]:
        return self.optimizer(i), self.levels[i].shape

    @property
    def how(self) -> dict[str, Any]:
        """The settings of the optimisation loop that are part of its program."""
        return {"clip": self.recipe.clip, "parametrization": self.recipe.parametrization}

    def before(self, i: int) -> int:
        """Number of steps of all levels before level `i`."""
        return sum(level.steps for level in self.levels[:i])

    def progress(self, i: int, state: State, info: Info) -> Progress:
        """Make the `Progress` that the callback gets after a chunk of steps at level `i`."""
        values = {name: float(column[-1]) for name, column in info.values.items()}
        weights = self.recipe_at(i).weights()
        content, style = (
            sum(weights[term.name] * values[term.name] for term in terms if term.name in values)
            for terms in (self.recipe.content, self.recipe.style)
        )
        step, last = self.before(i) + int(state.step), self.before(len(self.levels))
        return Progress(
            step=step,
            steps=last,
            total=float(info.total[-1]),
            content=content,
            style=style,
            values=values,
            seconds=time.perf_counter() - self.started,
            level=i,
            levels=len(self.levels),
            size=self.levels[i].shape,
            preparing=self.levels[i + 1].shape if step < last and int(state.step) >= self.levels[i].steps else None,
            make_image=lambda: self.finish(state, self.levels[i].shape),
            make_result=lambda: self.result(state, "stopped", [], step=step),
        )

    def result(self, state: State, status: Status, found: list[list[Info]], **more: Any) -> Result:
        """Make the result of the run in a state, at the picture's own size.

        Args:
            state: the state.
            status: how the run ended; "done" becomes "no better" if nothing improved.
            found: the reports of each level so far.
            more: further settings to record.
        """
        image = self.finish(state, self.levels[-1].shape)
        history = self.history([info for infos in found for info in infos]) if found else {}
        status, hint = self.verdict(status, state, history, found)
        settings = self.settings | {"status": status} | more
        done = [
            Done(level.shape, sum(len(info.total) for info in infos))
            for level, infos in zip(self.levels, found, strict=False)
        ]
        return Result(
            image,
            history,
            status,
            settings,
            self.picture.alpha,
            time.perf_counter() - self.started,
            tuple(done),
            hint,
            Reached(len(found) - 1, state, tuple(map(tuple, found))) if status == "stopped" and found else None,
        )

    def verdict(
        self, status: Status, state: State, history: dict[str, np.ndarray], found: list[list[Info]]
    ) -> tuple[Status, str | None]:
        """The final status of a run, and a hint if something is wrong, else None."""
        if status == "not finite":
            return status, not_finite(self.recipe, history)
        if status != "done" or not found:
            return status, None
        totals = np.concatenate([np.zeros(0), *(info.total for info in found[-1])])
        image, begin = np.asarray(state.average, np.float32), np.asarray(self.begin, np.float32)
        hint = no_better(self.recipe, totals, image, begin, self.picture.rgb)
        return ("done" if hint is None else "no better"), hint

    def finish(self, state: State, shape: tuple[int, int]) -> np.ndarray:
        """The averaged image in [0, 1], of (height, width) `shape`, in the colours that the recipe asks for."""
        image = np.clip(np.asarray(state.average, np.float32), 0, 1)
        image = image if image.shape[:2] == shape else resize(image, shape)
        return finish_color(image, self.picture.rgb, self.inputs.styles, self.recipe.color)

    def history(self, infos: list[Info]) -> dict[str, np.ndarray]:
        """Join the values of all chunks: {"total", then each term in the recipe's order: (n,)}.

        At levels where a term takes no part its values are 0.
        """
        names = list(self.recipe.weights())
        columns = [
            (info.total, *(info.values.get(name, np.zeros_like(info.total)) for name in names)) for info in infos
        ]
        joined = [np.concatenate(column) for column in zip(*columns, strict=True)] or [np.zeros(0)] * (1 + len(names))
        return dict(zip(("total", *names), joined, strict=True))
