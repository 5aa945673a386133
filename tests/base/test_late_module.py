"""Modules that are loaded when something of them is first used."""

import subprocess
import sys

import pytest

from expander.base.late_module import late_module


def test_a_module_is_loaded_when_something_of_it_is_used() -> None:
    code = (
        "import sys\nfrom expander.base.late_module import late_module\n"
        "fractions = late_module('fractions')\nbefore = 'fractions' in sys.modules\n"
        "half = fractions.Fraction(1, 2)\n"
        "print(before, 'fractions' in sys.modules, half, 'Fraction' in vars(fractions))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "True", "1/2", "True"]


def test_a_name_that_is_not_there_is_an_attribute_error_of_the_module() -> None:
    with pytest.raises(AttributeError, match="module 'fractions' has no attribute 'Nothing'"):
        _ = late_module("fractions").Nothing


def test_a_module_that_is_not_there_is_an_import_error_when_it_is_used() -> None:
    module = late_module("expander.base.nothing")
    with pytest.raises(ModuleNotFoundError, match=r"expander\.base\.nothing"):
        _ = module.anything
