"""Recipes, presets, and the objective function that a recipe and its pictures make for a run to minimise."""

from jaxstyle.objective.make import make_objective, ready
from jaxstyle.objective.objective import Objective
from jaxstyle.objective.plan import Plan
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import Term

__all__ = ["Objective", "Plan", "Recipe", "Term", "make_objective", "ready"]
