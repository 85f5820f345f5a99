"""A small share of `make fuzz`: damaged files give an ImageError or a picture, never a crash or a hang."""

import io

import fuzz_images
import numpy as np
import pytest
from image_files import samples

from jaxstyle.errors import ImageError
from jaxstyle.image import read_picture


def test_300_damaged_files():
    fuzz_images.run(300, seed=20260)


def test_cases_depend_on_seed_and_number_alone():
    assert fuzz_images.case(1, 5) == fuzz_images.case(1, 5)
    assert fuzz_images.case(1, 5) != fuzz_images.case(2, 5)


def test_a_child_that_dies_is_reported(monkeypatch):
    monkeypatch.setattr(fuzz_images.sys, "executable", "false")
    with pytest.raises(AssertionError, match=r"7 0: the child hung or died with status 1"):
        fuzz_images.run(1, seed=7)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", sorted(samples()))
def test_a_truncated_file_is_an_error_or_lacks_nothing(name):
    data = samples()[name]
    whole = read_picture(io.BytesIO(data)).rgb
    for length in range(0, len(data), max(1, len(data) // 25)):
        try:
            rgb = read_picture(io.BytesIO(data[:length])).rgb
        except ImageError:
            continue
        np.testing.assert_array_equal(rgb, whole)
