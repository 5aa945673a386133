"""The kinds of a server: those of the table, and those that definitions add and take away."""

from __future__ import annotations

from random import Random

from expander.kube.api_resource import Resource
from expander.kube.served_kinds import ServedKinds, priority

IN_ORDER = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]


def rows(group: str, plural: str, *versions: str) -> list[Resource]:
    kind = plural.title().removesuffix("s")
    return [
        Resource(group=group, version=each, kind=kind, plural=plural, verbs=("get",), stored_as=plural)
        for each in versions
    ]


def test_versions_are_preferred_as_kubernetes_prefers_them() -> None:
    shuffled = Random(1).sample(IN_ORDER, len(IN_ORDER))
    assert sorted(shuffled, key=priority) == IN_ORDER


def test_what_is_defined_is_found_by_its_path_until_it_is_forgotten() -> None:
    kinds = ServedKinds()
    kinds.define("widgets.example.com", rows("example.com", "widgets", "v1beta1", "v1"))
    found = kinds.find("example.com", "v1", "widgets")
    assert found is not None
    assert kinds.versions("example.com") == ("v1", "v1beta1")
    assert kinds.of_group("example.com", "v1") == (found,)
    assert (kinds.groups[0], kinds.groups[-1]) == ("", "example.com")
    assert kinds.custom_kinds == ("widgets.example.com",)
    kinds.forget("widgets.example.com")
    assert kinds.find("example.com", "v1", "widgets") is None
    assert kinds.versions("example.com") == ()


def test_a_kind_of_the_table_goes_before_one_that_is_defined() -> None:
    kinds = ServedKinds()
    before = kinds.find("batch", "v1", "jobs")
    kinds.define("jobs.batch", rows("batch", "jobs", "v1", "v2"))
    assert kinds.find("batch", "v1", "jobs") is before
    assert kinds.of_group("batch", "v1").count(before) == 1
    assert kinds.versions("batch") == ("v2", "v1")


def test_a_definition_takes_the_place_of_a_kind_of_another_project_while_it_is_there() -> None:
    kinds = ServedKinds()
    before = kinds.find("batch.volcano.sh", "v1alpha1", "jobs")
    (own,) = rows("batch.volcano.sh", "jobs", "v1beta1")
    kinds.define("jobs.batch.volcano.sh", [own])
    assert kinds.versions("batch.volcano.sh") == ("v1beta1",)
    assert kinds.find("batch.volcano.sh", "v1beta1", "jobs") is own
    assert kinds.find("scheduling.volcano.sh", "v1beta1", "queues") is not None
    kinds.forget("jobs.batch.volcano.sh")
    assert before is not None
    assert kinds.find("batch.volcano.sh", "v1alpha1", "jobs") is before
