"""JAX's debugging settings are for everybody's code: everything that jaxstyle computes works under each of them."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify
from PIL import Image

import jaxstyle
from jaxstyle import Grid, Plan, losses, make_objective, optimize, run_sweep, stylize, stylize_fast
from jaxstyle.feedforward.johnson import Johnson
from jaxstyle.objective.presets import PRESETS
from jaxstyle.objective.recipe import Recipe
from jaxstyle.optimize.optimizers import LBFGS, Adam
from jaxstyle.runtime.miscompilations import KNOWN

pytestmark = pytest.mark.usefixtures("unchecked")
SHALLOW = Recipe(content=losses.ContentLoss("relu1_2"), style=losses.GramLoss("relu1_1"), steps=3)


@contextlib.contextmanager
def strict():
    """All settings that allow less than usual, at once; promotion of ranks is refused in the whole suite."""
    with jax.debug_nans(True), jax.numpy_dtype_promotion("strict"):
        before = jax.config.jax_use_shardy_partitioner
        jax.config.update("jax_use_shardy_partitioner", False)
        try:
            yield
        finally:
            jax.config.update("jax_use_shardy_partitioner", before)


SETTINGS = {"strict": strict, "x64": lambda: jax.enable_x64(True), "disable_jit": lambda: jax.disable_jit(True)}


@jax.tree_util.register_static
class Grey:
    """A network that takes no time, for the settings that make everything slow."""

    layers = ("grey",)

    def features(self, image, layers):
        return {"grey": image.mean(-1, keepdims=True)}

    def geometry(self, layer):
        return 1, 0


QUICK = Recipe(content=losses.ContentLoss("grey"), style=losses.GramLoss("grey"), steps=2)


@pytest.fixture(scope="module")
def pair():
    y, x = np.mgrid[:40, :48] / 48
    return [np.stack(rows, -1).astype(np.float32) for rows in ([x, y, x * 7 % 1], [x * 5 % 1, y * 3 % 1, x * y])]


@pytest.mark.parametrize("name", PRESETS)
def test_presets(embedded, pair, name):
    with strict():
        result = stylize(*pair, model=embedded, recipe=PRESETS[name](), steps=2, pyramid=False)
    assert result.status == "done" and np.isfinite(result.image).all()


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_sweep_a_fast_network_and_the_doctors_questions(embedded, pair, tmp_path, setting):
    model, recipe = (Grey(), QUICK) if setting == "disable_jit" else (embedded, SHALLOW)
    with SETTINGS[setting]():
        grid = Grid({"c": pair[0]}, {"s": pair[1]}, recipe=[recipe], style_weight=[1.0, 2.0], size=24, steps=1)
        assert run_sweep(grid, tmp_path, model=model, metrics=setting != "disable_jit").counts == {"done": 2}
        assert stylize_fast(pair[0][:16, :16], model=Johnson.random(0, width=2)).status == "done"
        assert stylize(*pair, model=model, recipe=recipe, steps=1).status == "done"
        assert setting == "disable_jit" or all(check().passed for check in KNOWN)


def test_no_tracer_leaks(pair):
    with jax.checking_leaks():
        assert stylize(*pair, model=Grey(), recipe=QUICK, steps=1).status == "done"


COMMANDS = """
import sys
from pathlib import Path
from jaxstyle.cli.main import main

folder, recipe = sys.argv[1:]
model = ["--model", "embedded", "--quiet"]
Path("g.toml").write_text(
    f'contents = ["c.png"]\\nstyles = ["s.png"]\\n[axes]\\nsize = 24\\nsteps = 2\\nrecipe = "{recipe}"\\n',
    encoding="utf-8",
)
for line in (
    ["stylize", "c.png", "s.png", "-o", "ü.png", "--recipe", recipe, "--steps", "2", *model],
    ["rerun", "ü.png", "--quiet"],
    ["sweep", "run", "g.toml", "-o", "sweep", *model],
    ["report", "sweep"],
    ["saliency", "c.png", "-o", "seen.png", *model],
    ["artwork", "c.png", "s.png", "-o", "art", "--recipe", recipe, "--steps", "2", "--quantize", "4", *model],
    ["doctor", "--quiet"],
):
    try:
        main(line)
    except SystemExit as end:
        assert not end.code, (line, end.code)
"""


def test_commands_with_the_settings_in_the_environment(pair, tmp_path):
    for name, picture in zip("cs", pair, strict=True):
        Image.fromarray(np.uint8(picture[:32] * 255)).save(tmp_path / f"{name}.png")
    settings = {
        "JAX_DEBUG_NANS": "1",
        "JAX_NUMPY_DTYPE_PROMOTION": "strict",
        "JAX_USE_SHARDY_PARTITIONER": "0",
        "JAXSTYLE_HOME": str(tmp_path / "home"),
        "PYTHONIOENCODING": "ascii",
    }
    recipe = str(Path(__file__).parent / "shallow.toml")
    command = [sys.executable, "-c", COMMANDS, str(tmp_path), recipe]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | settings, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("optimizer", [Adam(), LBFGS(memory=3, line_search=True)], ids=repr)
def test_nothing_is_sent_to_the_device_within_the_loop(embedded, pair, optimizer):
    objective = make_objective(embedded, *pair, SHALLOW)
    state = optimize.init(jnp.asarray(pair[0]), optimizer)
    with jax.transfer_guard("disallow"):
        state, info = optimize.run(state, objective, optimizer, 3)
        *_, (last, _) = optimize.chunks(state, objective, optimizer, 3)
    assert info.total.shape == (3,) and int(last.step) == 6


@pytest.mark.parametrize("plan", [Plan(conv="exact"), Plan(conv="winograd")], ids=repr)
def test_checkify(embedded, pair, plan):
    objective = make_objective(embedded, *pair, SHALLOW, plan=plan)
    checked = checkify.checkify(jax.jit(jax.grad(lambda image: objective(image)[0])), errors=checkify.all_checks)
    error, gradient = checked(jnp.asarray(pair[0]))
    error.throw()
    assert gradient.shape == (40, 48, 3)


def test_a_profile_names_losses_and_layers(embedded, pair):
    objective = make_objective(embedded, *pair, SHALLOW)
    program = jax.jit(jax.grad(lambda image: objective(image)[0])).lower(pair[0]).as_text(debug_info=True)
    assert "relu1_2" in program and "gram/relu1_1" in program


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda image: image[:-3], r"got the shape \(37, 48, 3\), expected \(40, 48, 3\)"),
        (lambda image: image[..., 0], r"got the shape \(40, 48\)"),
        (lambda image: jnp.dstack([image, image[..., 0]]), r"got the shape \(40, 48, 4\)"),
        (lambda image: image[None], "got a batch .* use jax.vmap"),
        (lambda image: (image * 255).astype("u1"), "got an array of uint8, expected floats .*: divide by 255"),
        (lambda image: image.astype(int), "got an array of int32, expected floats in"),
        (lambda image: image.tolist(), r"got list, expected an array of floats of shape \(40, 48, 3\)"),
    ],
)
def test_an_image_that_the_objective_is_not_made_for(embedded, pair, wrong, message):
    objective, image = make_objective(embedded, *pair, SHALLOW), jnp.asarray(pair[0])
    with pytest.raises(jaxstyle.JaxstyleError, match=message):
        objective(wrong(image))
    if not isinstance(wrong(image), list):
        with pytest.raises(jaxstyle.JaxstyleError, match=message):
            jax.jit(lambda image: objective(image)[0])(wrong(image))
    assert jax.vmap(lambda image: objective(image)[0])(image[None]).shape == (1,)
