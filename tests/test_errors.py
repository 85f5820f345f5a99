from fractions import Fraction

import numpy as np
import pytest

from jaxstyle.errors import SettingError, check_seed, is_number, is_whole, printable, suggest

NO_NUMBERS = [True, False, None, "3", [3], 1j, float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize("value", [0, 5, 7, np.int64(5), np.uint8(0)])
def test_whole_numbers(value):
    assert is_whole(value, 0, 7) and is_whole(value, 0)
    assert not is_whole(value, value + 1) and not is_whole(value, -1, int(value) - 1)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 3.0, np.float32(3), np.True_])
def test_what_is_no_whole_number(value):
    assert not is_whole(value, -10, 10)


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float32(0.25), np.int64(1), Fraction(1, 3), 10**400])
def test_numbers(value):
    assert is_number(value, 0)
    assert is_number(value, value, value)
    assert not is_number(value, value + 1) and not is_number(value, -1, value - 1)


@pytest.mark.parametrize("value", [*NO_NUMBERS, np.True_])
def test_what_is_no_number(value):
    assert not is_number(value, -1e9, 1e9) and not is_number(value, -float("inf"))


def test_seeds():
    for seed in (0, 2**32 - 1, np.uint32(7)):
        check_seed(seed)
    for seed in (-1, 2**32, 1.0, True, None):
        with pytest.raises(SettingError, match=r"seed: got .*, expected a whole number from 0 to 2\*\*32 - 1"):
            check_seed(seed)


def test_suggestions():
    assert suggest("grma", ["gram", "mmd"]) == "did you mean 'gram'?"
    assert suggest("x", ["gram", "mmd"]) == "expected one of gram, mmd"


def test_what_a_terminal_would_obey_is_written_out():
    assert printable("a\x1b[31mb\u200bc\U000e0001\r\nd\u00e9") == "a\\x1b[31mb\\u200bc\\U000e0001\nd\u00e9"
