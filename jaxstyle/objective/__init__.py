"""What a run minimises: recipes, presets, and the objective that they make of pictures."""

from jaxstyle.objective.make import make_objective, ready
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe, Term

__all__ = ["Objective", "Plan", "Recipe", "Term", "make_objective", "ready"]
