"""Formats of names and addresses, with apimachinery's messages."""

from __future__ import annotations

import pytest

from expander.validate.rules import addresses, formats
from expander.validate.rules.core import amount, check_quantity, is_whole, whole_units


@pytest.mark.parametrize("text", ["a", "a-b", "0", "a" * 63])
def test_labels_of_dns_are_lower_case_and_short(text: str) -> None:
    assert not formats.dns_label(text)


def test_a_valid_subdomain_with_dots_is_told_that_it_has_dots() -> None:
    assert formats.dns_label("dot.ted") == ["must not contain dots"]
    assert "a lowercase RFC 1123 label" in formats.dns_label("a..b")[0]


def test_a_text_can_be_too_long_and_malformed_at_once() -> None:
    too_long, malformed = formats.dns_label("A" * 64)
    assert too_long == "must be no more than 63 characters"
    assert malformed.startswith("a lowercase RFC 1123 label")


def test_lengths_are_counted_in_bytes() -> None:
    assert formats.byte_length("é") == 2
    assert formats.byte_length("\ud800") == 3
    assert formats.label_value("é" * 32)[0] == "must be no more than 63 bytes"


def test_a_pattern_has_to_match_up_to_the_last_character() -> None:
    assert formats.dns_label("a\n")
    assert formats.label_value("a\n")
    assert formats.env_name("A\n")


@pytest.mark.parametrize("text", ["app", "example.com/app", "A_b.c-1", "a" * 63, f"{'a' * 63}.b/{'c' * 63}"])
def test_qualified_names_may_have_a_domain_in_front(text: str) -> None:
    assert not formats.qualified_name(text)


@pytest.mark.parametrize(
    ("text", "beginnings"),
    [
        ("", ["name part must be non-empty", "name part must consist of"]),
        ("/a", ["prefix part must be non-empty"]),
        ("UP.com/a", ["prefix part a lowercase RFC 1123 subdomain"]),
        ("a/b/c", ["a qualified name must consist of"]),
        ("a" * 64, ["name part must be no more than 63 bytes"]),
        ("a" * 400, ["name part must be no more than 63 bytes"]),
        (f"{'a' * 400}/b", ["prefix part must be no more than 253 characters"]),
    ],
)
def test_qualified_names_are_told_which_part_is_wrong(text: str, beginnings: list[str]) -> None:
    found = formats.qualified_name(text)
    assert len(found) == len(beginnings)
    assert all(detail.startswith(beginning) for detail, beginning in zip(found, beginnings, strict=True))


def test_a_prefix_of_a_name_may_end_with_a_dash() -> None:
    assert formats.dns_subdomain("trail-")
    assert not formats.dns_subdomain_prefix("trail-")
    assert formats.dns_subdomain_prefix("-")


def test_environment_variables_take_any_printable_name_without_equals() -> None:
    assert not formats.env_name("1 odd-name!")
    assert formats.env_name("A=B")
    assert formats.env_name("é")


@pytest.mark.parametrize(
    ("text", "details"),
    [
        (".", ["must not be '.'"]),
        ("..", ["must not be '..'"]),
        ("..data", ["must not start with '..'"]),
    ],
)
def test_keys_of_config_maps_are_no_steps_upwards(text: str, details: list[str]) -> None:
    assert list(formats.config_key(text)) == details


def test_a_port_s_name_is_told_everything_that_is_wrong_with_it() -> None:
    assert list(formats.port_name("http")) == []
    assert formats.port_name("-1--" + "0" * 13) == [
        "must be no more than 15 characters",
        "must contain at least one letter (a-z)",
        "must not contain consecutive hyphens",
        "must not begin or end with a hyphen",
    ]


@pytest.mark.parametrize(
    "text",
    ["10.0.0.5", "010.0.0.05", "::", "::1", "1::2:3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::ffff:1.2.3.4"],
)
def test_addresses_of_both_families_are_known(text: str) -> None:
    assert not addresses.ip_address(text)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1:2", "1::2::3", "12345::", "fe80::1%eth0", "1.2.3.4/8"],
)
def test_other_texts_are_no_addresses(text: str) -> None:
    assert addresses.ip_address(text) == ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)


def test_amounts_are_read_from_texts_numbers_and_null() -> None:
    assert str(amount("1024Mi")) == "1Gi"
    assert amount(3).value == 3
    assert amount(None).value == 0
    assert whole_units(amount("1500m")) == 2
    assert is_whole(amount("2000m"))
    assert not is_whole(amount("1500m"))


def test_a_text_that_is_no_quantity_is_found_and_counts_as_zero() -> None:
    assert amount("lots").value == 0
    assert [finding.path for finding in check_quantity("lots", "a")] == ["a"]
    assert list(check_quantity("0", "a")) == list(check_quantity(None, "a")) == []
