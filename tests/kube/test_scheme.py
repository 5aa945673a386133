"""The table of kinds: rows are whole, and what they name is there."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature

import pytest

from expander.kube import scheme
from expander.kube.api_resource import Resource
from expander.kube.scheme import KINDS, RESOURCES, load

PLACES = {
    "defaults",
    "rules",
    "update_rules",
    "prepare",
    "prepare_update",
    "initial",
    "schema",
    "canonical",
    "printer",
}
PLACES |= {"computed", "field_labels", "quota", "name_rule", "strategy", "warnings"}
PLUGINS = {"admit", "admit_update", "admit_delete"}


def paths(row: Resource) -> list[str]:
    single = [getattr(row, name) for name in sorted(PLACES)]
    return [path for path in (*single, *row.admit, *row.admit_update, *row.admit_delete) if path]


def test_every_path_of_the_table_leads_to_something_of_the_package() -> None:
    for row in KINDS:
        for path in paths(row):
            assert path.startswith("expander."), (row.kind, path)
            assert load(path) is not None


@pytest.mark.parametrize(
    ("field", "arguments"), [("rules", ["object", "release"]), ("update_rules", ["new", "old", "release"])]
)
def test_rules_get_the_release_of_the_server(field: str, arguments: list[str]) -> None:
    for path in {getattr(row, field) for row in KINDS} - {""}:
        signature(load(path)).bind(*arguments)
        assert list(signature(load(path)).parameters)[len(arguments) - 1] == "release", path


def test_every_field_that_holds_a_path_is_looked_at() -> None:
    rows = [(each.name, getattr(row, each.name)) for row in KINDS for each in fields(row)]
    named = {name for name, value in rows if isinstance(value, str) and value.startswith("expander.")}
    named |= {
        name
        for name, value in rows
        if isinstance(value, tuple) and any(str(each).startswith("expander.") for each in value)
    }
    assert named <= PLACES | PLUGINS


@pytest.mark.parametrize("row", RESOURCES, ids=lambda row: row.full_name)
def test_every_kind_that_is_served_has_all_that_serving_needs(row: Resource) -> None:
    assert row.version
    assert row.kind
    assert row.plural == row.plural.lower()
    if row.computed:
        assert row.verbs == ("get", "list")
        return
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= set(row.verbs)
    assert bool(row.printer) is not bool(row.columns), "a table has a printer or columns"
    assert row.field_labels
    assert row.name_rule
    assert row.rules
    assert row.decoded is not bool(row.schema), "either a schema file or the row has a schema"
    if any(each.name == "status" for each in row.subresources):
        shown = any(each.path.startswith(".status.") for each in row.columns)
        assert shown or "expander" in row.printer, "a status is shown"


def test_a_kind_is_found_by_its_version_and_its_name() -> None:
    assert scheme.find("batch/v1", "Job") is scheme.BY_KIND["Job"]
    assert scheme.find("batch/v1beta1", "Job") is None
    volcano = scheme.find("batch.volcano.sh/v1alpha1", "Job")
    assert volcano is not None
    assert volcano.full_name == "jobs.batch.volcano.sh"
    older, newer = (
        scheme.find(f"kueue.x-k8s.io/{version}", "ClusterQueue") for version in ("v1beta1", "v1beta2")
    )
    assert older is newer is not None


def test_no_two_rows_are_about_one_kind() -> None:
    assert len({(row.group, row.kind) for row in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("api_version", "kind", "namespaced"),
    [
        ("v1", "Pod", True),
        ("v1", "Namespace", False),
        ("", "Namespace", False),
        ("scheduling.volcano.sh/v1beta1", "Queue", False),
        ("rabbitmq.com/v1beta1", "Queue", True),
        ("example.com/v1", "Widget", True),
        ("rbac.authorization.k8s.io/v1beta1", "ClusterRole", False),
    ],
)
def test_scope_is_that_of_the_group_and_kind(api_version: str, kind: str, namespaced: bool) -> None:
    assert scheme.is_namespaced({"apiVersion": api_version, "kind": kind}) is namespaced


@pytest.mark.parametrize(
    ("kind", "plural"), [("Widget", "widgets"), ("NetworkPolicy", "networkpolicies"), ("Class", "classes")]
)
def test_the_plural_of_an_unknown_kind_is_guessed_as_kubectl_does(kind: str, plural: str) -> None:
    assert scheme.plural_of("example.com/v1", kind) == plural


def test_owners_are_deleted_before_what_they_own() -> None:
    assert scheme.CLEANUP_ORDER == ("CronJob", "Job", "Pod", "ConfigMap", "Secret", "Service")
    assert scheme.STORED[:6] == scheme.CLEANUP_ORDER
