from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube.quantity import canonical, compare, fault, parse, quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1", 1),
        ("-1", -1),
        ("+5", 5),
        ("100m", Fraction(1, 10)),
        (".5", Fraction(1, 2)),
        ("1.", 1),
        ("1k", 1000),
        ("1Ki", 1024),
        ("1.5Gi", 3 * 2**29),
        ("1e3", 1000),
        ("12E6", 12_000_000),
        ("1E", 10**18),
        ("1e-3", Fraction(1, 1000)),
        ("8Ei", 2**63 - 1),
        ("0.0000000001", Fraction(1, 10**9)),
        ("-0.0000000001", Fraction(-1, 10**9)),
    ],
)
def test_a_quantity_is_an_exact_amount(text: str, value: Fraction) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.1", "100m"),
        ("0.25", "250m"),
        ("1.5", "1500m"),
        ("1000m", "1"),
        ("1000", "1k"),
        ("1024Mi", "1Gi"),
        ("2048Ki", "2Mi"),
        ("1.5Gi", "1536Mi"),
        ("2.7Gi", "2899102924800m"),
        ("1.2Gi", "1288490188800m"),
        ("0.001Mi", "1048576m"),
        ("1e3", "1e3"),
        ("1e1", "10"),
        ("64Mi", "64Mi"),
        ("250m", "250m"),
        ("00", "0"),
        ("0Gi", "0"),
        ("-0", "0"),
        ("1000E", "1e21"),
        ("512", "512"),
        ("0.5Ki", "512"),
    ],
)
def test_the_canonical_form_is_what_the_server_answers_with(text: str, written: str) -> None:
    assert canonical(text) == written


@pytest.mark.parametrize("text", ["", "1x", "a b", " 1", "1 ", "UPPER", "1.1.M", "true", "\u0661", "1\n"])
def test_what_is_no_quantity_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(ValueError, match="must match the regular expression"):
        parse(text)


@pytest.mark.parametrize("text", ["1i", "0.1mi", "1ki", "1e", "-3.01e-", "1Ki5"])
def test_an_unknown_suffix_is_named_as_the_fault(text: str) -> None:
    with pytest.raises(ValueError, match="suffix"):
        parse(text)


def test_quantities_of_different_forms_compare_by_amount() -> None:
    assert compare("1Gi", "1G") == 1
    assert compare("1000m", "1") == 0
    assert compare("0.1", "200m") == -1


def test_resource_lists_hold_no_less_than_thousandths() -> None:
    assert str(quantity("0.0001").rounded_up()) == "1m"
    assert str(quantity("1500u").rounded_up()) == "2m"
    assert str(quantity("64Mi").rounded_up()) == "64Mi"


def test_an_absurd_exponent_or_length_takes_no_time() -> None:
    assert parse("1e999999999") > parse("1e3000")
    assert str(quantity("1e-999999999")) == "1e-9"
    with pytest.raises(ValueError, match="numeric part"):
        parse("9" * 100_000)


@given(
    st.from_regex(r"[+-]?[0-9]{1,12}(\.[0-9]{0,12})?", fullmatch=True),
    st.sampled_from(["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "Ti", "e0", "e3", "E-3", "e2"]),
)
def test_the_canonical_form_is_the_same_amount_and_stays_as_it_is(number: str, suffix: str) -> None:
    once = quantity(number + suffix).canonical()
    assert parse(once) == parse(number + suffix)
    assert quantity(once).canonical() == once


@given(st.text(max_size=12).filter(lambda text: not re.fullmatch(r"[-+0-9.eEinumkKMGTP]+", text)))
def test_text_outside_the_alphabet_of_quantities_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("64MB", "64M or 64Mi"),
        ("64mb", "64M or 64Mi"),
        ("1.5 GiB", "1.5Gi"),
        ("64gi", "64Gi"),
        ("2K", "2k or 2Ki"),
        ("64 bytes", "64"),
        (" 1Gi", "1Gi"),
    ],
)
def test_amounts_in_other_words_have_what_was_meant(text: str, meant: str) -> None:
    assert fault(text) == f"must be a quantity, did you mean {meant}?"


@given(st.text(max_size=12) | st.from_regex(r" ?[0-9.]{1,4} ?[kmgtpeKMGTPEibB]{0,4}", fullmatch=True))
def test_what_was_meant_is_a_quantity_and_only_what_is_none_has_a_fault(text: str) -> None:
    wrong = fault(text)
    if wrong is None:
        parse(text)
    elif " mean " in wrong:
        for meant in wrong.split(" mean ")[1].rstrip("?").split(" or "):
            parse(meant)
    else:
        assert wrong == "must be a quantity, as 500m or 64Mi"
