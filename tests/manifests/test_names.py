"""Valid, unique, stable names from any text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.manifests.names import (
    DNS_LABEL,
    LABEL_VALUE,
    SUBDOMAIN,
    NameRule,
    joined_name,
    name_rule,
    valid_name,
)

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
    names = [valid_name(text, rule) for text in texts]
    assert names[0] != names[1] or (rule.folds and texts[0].lower() == texts[1].lower())


@pytest.mark.parametrize(
    ("text", "name"),
    [("HG001", "hg001"), ("NA12878", "na12878"), ("A.B-C", None), ("Hg001", None), ("HG 1", None)],
)
def test_a_value_in_capitals_is_lower_cased_without_a_hash(text: str, name: str | None) -> None:
    assert (valid_name(text, DNS_LABEL) == name) == (name is not None)
    assert valid_name(text, LABEL_VALUE) == text or " " in text


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
    ("text", "start"),
    [
        ("Straße 7", "strasse-7-"),
        ("Ærø", "aero-"),
        ("Łódź", "lodz-"),
        ("Ðǿ", "do-"),
        ("été", "ete-"),
        ("日本", ""),
        ("--a--", "a-"),
        ("Aa", "aa-"),
    ],
)
def test_a_name_stays_readable(text: str, start: str) -> None:
    assert valid_name(text, DNS_LABEL).startswith(start)


VOLCANO = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job"}


@pytest.mark.parametrize(
    ("tasks", "room"),
    [
        ([{"name": "worker", "replicas": 1}], len("-worker-0")),
        ([{"name": "a", "replicas": 11}, {"name": "worker", "replicas": 100}], len("-worker-99")),
        ([{"replicas": 1}], len("-default0-0")),
        ([{"name": "worker", "replicas": "$ITEM"}], len("-worker-9999")),
        (None, 0),
    ],
)
def test_the_name_of_a_volcano_job_leaves_room_for_the_names_of_its_pods(tasks: Any, room: int) -> None:
    rule = name_rule({**VOLCANO, "spec": {"tasks": tasks}}, ("metadata", "name"))
    assert rule is not None
    assert rule.limit == 63 - room


def test_tasks_of_a_volcano_job_have_names_like_hosts() -> None:
    assert name_rule(VOLCANO, ("spec", "tasks", 0, "name")) is DNS_LABEL
    assert name_rule({"kind": "Other"}, ("spec", "tasks", 0, "name")) is None


def test_the_name_of_a_jobset_leaves_room_for_jobs_and_pods() -> None:
    spec = {"replicatedJobs": [{"name": "workers", "replicas": 4}]}
    rule = name_rule({"kind": "JobSet", "spec": spec}, ("metadata", "name"))
    assert rule is not None
    assert rule.limit == 63 - len("-workers-3-00000-xxxxx")
