"""`jaxstyle.make_objective`: pictures and networks by path and name, arrays as they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstyle
from jaxstyle import Plan, Recipe, Term, load_image, save_image
from jaxstyle.errors import ImageError, SettingError
from jaxstyle.losses import ContentLoss, GramLoss
from jaxstyle.objective.make import make_objective

RECIPE = Recipe((Term(ContentLoss("relu1_1")),), (Term(GramLoss("relu1_1")),))


@pytest.fixture
def files(tmp_path, pictures):
    for name, picture in zip(("content", "style", "other"), pictures, strict=True):
        save_image(tmp_path / f"{name}.png", picture)
    half = np.zeros((32, 32, 3))
    half[:, :16] = 1
    save_image(tmp_path / "left.png", half)
    save_image(tmp_path / "right.png", 1 - half)
    return {path.stem: path for path in tmp_path.glob("*.png")}


def total(objective, image):
    return float(objective(jnp.asarray(image))[0])


def test_paths_and_names_are_the_arrays_and_the_network_that_they_stand_for(files, pictures, embedded):
    given = jaxstyle.make_objective(
        "embedded", files["content"], [str(files["style"]), pictures[2]], RECIPE, blend=(2, 1)
    )
    content, style = (load_image(files[name]) for name in ("content", "style"))
    same = make_objective(jaxstyle.load_vgg19("embedded"), content, [style, pictures[2]], RECIPE, blend=(2, 1))
    assert total(given, pictures[1]) == total(same, pictures[1]) > 0
    alone = jaxstyle.make_objective(lambda: embedded, content, style, RECIPE)
    assert total(alone, pictures[1]) == total(make_objective(embedded, content, style, RECIPE), pictures[1])


def test_masks_are_pictures_too(files, pictures, embedded):
    left, right = (np.asarray(load_image(files[name]))[..., 0] for name in ("left", "right"))
    named = {"left": files["left"], "right": files["right"]}
    masks = {"left": left, "right": right}
    everywhere = [{"left": np.ones((32, 32))}, {"right": np.ones((32, 32))}]
    given = jaxstyle.make_objective(
        embedded, pictures[0], list(pictures[1:]), RECIPE, content_masks=named, style_masks=everywhere
    )
    same = make_objective(
        embedded, pictures[0], list(pictures[1:]), RECIPE, content_masks=masks, style_masks=everywhere
    )
    assert total(given, pictures[1]) == total(same, pictures[1])
    given = jaxstyle.make_objective(embedded, pictures[0], pictures[1], RECIPE, content_masks=masks, style_masks=named)
    same = make_objective(embedded, pictures[0], pictures[1], RECIPE, content_masks=masks, style_masks=masks)
    assert total(given, pictures[1]) == total(same, pictures[1])


def test_references_and_plans_are_passed_on(files, pictures, embedded):
    recipe = Recipe((), (Term(GramLoss("relu1_1"), of="texture"),))
    given = jaxstyle.make_objective(
        embedded, pictures[0], pictures[1], recipe, references={"texture": files["other"]}, plan=Plan(rows=16)
    )
    assert given.rows == 16
    same = make_objective(
        embedded,
        pictures[0],
        pictures[1],
        recipe,
        references={"texture": load_image(files["other"])},
        plan=Plan(rows=16),
    )
    assert total(given, pictures[0]) == total(same, pictures[0]) > 0


def test_the_recipe_is_the_networks_where_none_is_given(pictures, embedded):
    given = jaxstyle.make_objective("embedded", pictures[0], pictures[1])
    assert given.weights.keys() == jaxstyle.presets.embedded().weights().keys()


@pytest.mark.usefixtures("unchecked")
def test_a_gradient_with_respect_to_the_style(pictures, embedded):
    def value(style):
        return jaxstyle.make_objective(embedded, pictures[0], style, RECIPE)(pictures[2])[0]

    gradient = jax.grad(value)(pictures[1])
    assert gradient.shape == (32, 32, 3) and float(jnp.abs(gradient).max()) > 0


def test_what_does_not_fit_is_named(files, pictures, embedded):
    with pytest.raises(ImageError, match=r"^content: '/nowhere.png': there is no such file"):
        jaxstyle.make_objective(embedded, "/nowhere.png", pictures[1])
    with pytest.raises(ImageError, match=r"^styles\[1\]: got int"):
        jaxstyle.make_objective(embedded, pictures[0], [pictures[1], 3])
    with pytest.raises(ImageError, match=r"^references\['texture'\]: got NoneType"):
        jaxstyle.make_objective(embedded, pictures[0], pictures[1], references={"texture": None})
    with pytest.raises(ImageError, match=r"^style_masks\[0\]\['sky'\]: "):
        jaxstyle.make_objective(embedded, pictures[0], pictures[1], content_masks={}, style_masks=[{"sky": "no.png"}])
    with pytest.raises(SettingError, match=r"model: got VGG19, .*this is the class, make one of it"):
        jaxstyle.make_objective(jaxstyle.VGG19, pictures[0], pictures[1])
    with pytest.raises(SettingError, match="recipe: got str"):
        jaxstyle.make_objective(embedded, pictures[0], pictures[1], "gatys")


def test_pictures_from_files_get_the_sizes_that_stylize_gives_them(tmp_path, pictures, embedded):
    noise = np.random.default_rng(0).uniform(size=(40, 80, 3)).astype(np.float32)
    path = save_image(tmp_path / "noise.png", noise)
    given = jaxstyle.make_objective(embedded, pictures[0], path, RECIPE)
    same = make_objective(embedded, pictures[0], load_image(path, size=32), RECIPE)
    assert total(given, pictures[1]) == total(same, pictures[1])
    as_it_is = jaxstyle.make_objective(embedded, pictures[0], load_image(path), RECIPE)
    assert total(as_it_is, pictures[1]) != total(same, pictures[1])
