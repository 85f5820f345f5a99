"""The package is a house: its rooms, which way its imports go, and that words mean one thing."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import jaxstyle

ROOT = Path(jaxstyle.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
CORE = ("networks", "losses", "objective", "optimize")
SHELL = ("runtime", "cli", "files", "transfer", "feedforward", "artworks", "sweep")
LOWER = {
    "errors": (),
    "files": ("errors",),
    "image": ("errors", "files"),
    "weights": ("errors", "files", "image"),
    "saliency": ("errors", "image", "networks", "weights"),
    "preprocess": ("errors", "files", "image"),
}
"""What the rooms below the core may import, beside themselves."""
NETWORK = {"socket", "urllib", "http", "ssl", "requests"}


def room(path):
    part = path.relative_to(ROOT).parts[0]
    return part.removesuffix(".py")


def imports(path):
    """Every module that a file imports, also within functions; what is only for type checkers is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def rooms_imported(path):
    parts = (name.split(".") for name in imports(path))
    return {part[1] for part in parts if part[0] == "jaxstyle" and len(part) > 1}


@pytest.mark.parametrize("name", CORE)
def test_the_core_knows_nothing_of_files_processes_and_networks(name):
    for path in FILES:
        if room(path) == name:
            assert not rooms_imported(path) & set(SHELL), path
            assert not {module.split(".")[0] for module in imports(path)} & NETWORK, path


@pytest.mark.parametrize("name", LOWER)
def test_the_ground_floor_carries_and_is_not_carried(name):
    for path in FILES:
        if room(path) == name:
            assert rooms_imported(path) - {name} <= {*LOWER[name], "__version__"}, path


def test_only_the_command_line_imports_the_command_line():
    for path in FILES:
        if room(path) not in ("cli", "__main__"):
            assert "cli" not in rooms_imported(path), path


def module_of(path):
    return ".".join(("jaxstyle", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def needed_at_once(path, modules):
    """The modules of the package that must be there while a file is imported."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxstyle"):
            inner = {f"{node.module}.{name.name}" for name in node.names}
            yield from inner & modules or {node.module}


def test_imports_at_the_top_have_no_circle():
    modules = {module_of(path) for path in FILES}
    needs = {module_of(path): {*needed_at_once(path, modules)} for path in FILES}
    while needs:
        free = [module for module, needed in needs.items() if not needed & needs.keys() - {module}]
        assert free, f"these import each other: {sorted(needs)}"
        for module in free:
            del needs[module]


def test_a_public_class_has_a_name_of_its_own():
    names = Counter(
        node.name
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert not {name for name, times in names.items() if times > 1}


def test_files_are_of_a_size_that_one_can_read():
    long = {
        path.relative_to(ROOT).as_posix(): n
        for path in FILES
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > 250
    }
    assert not long
    assert len([path for path in ROOT.iterdir() if path.name != "__pycache__"]) <= 23


def docstrings(path):
    """(line, text) of every docstring, those of attributes too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for child in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            value = child.value if isinstance(child, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield child.lineno, value.value.strip()


def test_docstrings_begin_with_what_a_thing_is():
    riddles = ("Of ", "That ", "Likewise", "As there")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path in FILES
        for line, text in docstrings(path)
        if text.startswith(riddles)
    ]
    assert not found, "\n".join(found)


def test_forward_mode_ends_nowhere():
    """A `jax.custom_vjp` would; a docstring may name it."""
    used = re.compile(r"^[^`]*\bcustom_vjp\b", re.MULTILINE)
    assert [path.name for path in ROOT.rglob("*.py") if used.search(path.read_text(encoding="utf-8"))] == []
