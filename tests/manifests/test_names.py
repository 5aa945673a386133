"""Valid, unique, stable names from any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.manifests.names import DNS_LABEL, LABEL_VALUE, SUBDOMAIN, NameRule, joined_name, valid_name

RULES = [SUBDOMAIN.shortened(63), DNS_LABEL, LABEL_VALUE]


@given(st.text(min_size=1, max_size=100), st.sampled_from(RULES))
def test_any_text_becomes_a_valid_name_that_names_it_stably(text: str, rule: NameRule) -> None:
    name = valid_name(text, rule)
    assert rule.accepts(name)
    assert valid_name(text, rule) == name
    assert (name == text) == rule.accepts(text)


@given(
    st.lists(st.text(min_size=1, max_size=80), min_size=2, max_size=2, unique=True), st.sampled_from(RULES)
)
def test_different_texts_have_different_names(texts: list[str], rule: NameRule) -> None:
    assert valid_name(texts[0], rule) != valid_name(texts[1], rule)


@given(st.text(max_size=80), st.text(max_size=80))
def test_constant_text_around_values_is_kept(first: str, second: str) -> None:
    name = joined_name("job-", [first, second], ["-x-"], "-end", DNS_LABEL)
    assert name is not None
    assert name.startswith("job-")
    assert name.endswith("-end")
    assert "-x-" in name
    assert DNS_LABEL.accepts(name)


def test_constant_text_that_is_not_valid_gives_no_name() -> None:
    assert joined_name("Job_", ["a"], [], "", DNS_LABEL) is None
    assert joined_name("j" * 60, ["abcdefgh"], [], "", DNS_LABEL) is None


@pytest.mark.parametrize(
    ("text", "start"), [("Straße 7", "strae-7-"), ("été", "ete-"), ("日本", ""), ("--a--", "a-"), ("A", "a-")]
)
def test_a_name_stays_readable(text: str, start: str) -> None:
    assert valid_name(text, DNS_LABEL).startswith(start)
