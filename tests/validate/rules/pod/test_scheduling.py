"""Affinity, tolerations, spreading and gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[..., list[tuple[str, str]]]

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@pytest.mark.parametrize(
    ("requirement", "fields"),
    [
        ({"key": "a", "operator": "In", "values": ["x"]}, []),
        ({"key": "a", "operator": "Gt", "values": ["1"]}, []),
        ({"key": "a", "operator": "In"}, ["values"]),
        ({"key": "a", "operator": "Exists", "values": ["x"]}, ["values"]),
        ({"key": "a", "operator": "Lt", "values": ["1", "2"]}, ["values"]),
        ({"key": "a", "operator": "Near"}, ["operator"]),
        ({"key": "", "operator": "Exists"}, ["key", "key"]),
        ({"key": "a", "operator": "In", "values": ["-x"]}, ["values[0]"]),
    ],
)
def test_an_operator_on_nodes_has_the_values_it_wants(
    in_spec: Check, requirement: dict[str, Any], fields: list[str]
) -> None:
    selector = {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}
    found = in_spec(affinity={"nodeAffinity": {REQUIRED: selector}})
    at = f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0]"
    assert [path for path, _ in found] == [f"{at}.{field}" for field in fields]


def test_a_required_node_affinity_has_a_term(in_spec: Check) -> None:
    assert in_spec(affinity={"nodeAffinity": {REQUIRED: {}}}) == [
        (
            f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms",
            "Required value: must have at least one node selector term",
        )
    ]


def test_a_preference_has_a_weight_and_may_have_values_no_label_has(in_spec: Check) -> None:
    term = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["-x"]}]}
    preferred = [{"weight": 100, "preference": term}, {"weight": 101, "preference": term}]
    assert in_spec(affinity={"nodeAffinity": {PREFERRED: preferred}}) == [
        (
            f"spec.affinity.nodeAffinity.{PREFERRED}[1].weight",
            "Invalid value: 101: must be in the range 1-100",
        )
    ]


def test_the_only_field_of_a_node_to_select_on_is_its_name(in_spec: Check) -> None:
    fields = [
        {"key": "metadata.name", "operator": "In", "values": ["Node"]},
        {"key": "spec.x", "operator": "Exists"},
    ]
    found = in_spec(affinity={"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchFields": fields}]}}})
    assert [path.partition("matchFields")[2] for path, _ in found] == [
        "[0].values[0]",
        "[1].operator",
        "[1].key",
    ]


@pytest.mark.parametrize("field", ["podAffinity", "podAntiAffinity"])
def test_pods_are_near_by_a_topology(in_spec: Check, field: str) -> None:
    found = in_spec(affinity={field: {REQUIRED: [{"namespaces": ["Up"]}]}})
    at = f"spec.affinity.{field}.{REQUIRED}[0]"
    assert [path for path, _ in found] == [f"{at}.namespace"] + [f"{at}.topologyKey"] * 3
    assert found[1][1] == "Required value: can not be empty"


@pytest.mark.parametrize(
    ("toleration", "field"),
    [
        ({}, "operator"),
        ({"operator": "Exists", "value": "x"}, "operator"),
        ({"key": "a", "value": "-x"}, "operator"),
        ({"key": "a", "operator": "Near"}, "operator"),
        ({"key": "a", "operator": "Lt", "value": "1"}, "operator"),
        ({"key": "-a", "operator": "Exists"}, "key"),
        ({"key": "a", "effect": "Never"}, "effect"),
        ({"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}, "effect"),
    ],
)
def test_a_toleration_is_told_which_field_does_not_fit(
    in_spec: Check, toleration: dict[str, Any], field: str
) -> None:
    assert [path for path, _ in in_spec(tolerations=[toleration])] == [f"spec.tolerations[0].{field}"]


def test_a_toleration_of_everything_is_fine(in_spec: Check) -> None:
    assert in_spec(tolerations=[{"operator": "Exists"}]) == []


def test_spreading_is_over_a_topology_by_a_skew(in_spec: Check) -> None:
    assert in_spec(topologySpreadConstraints=[{}]) == [
        ("spec.topologySpreadConstraints[0].maxSkew", "Invalid value: 0: must be greater than zero"),
        ("spec.topologySpreadConstraints[0].topologyKey", "Required value: can not be empty"),
        (
            "spec.topologySpreadConstraints[0].whenUnsatisfiable",
            'Unsupported value: "": supported values: "DoNotSchedule", "ScheduleAnyway"',
        ),
    ]


def test_a_pair_of_topology_and_action_is_there_once(in_spec: Check) -> None:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    assert in_spec(topologySpreadConstraints=[constraint, constraint]) == [
        (
            "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}",
            'Duplicate value: "{zone, ScheduleAnyway}"',
        )
    ]


def test_a_least_number_of_domains_goes_with_do_not_schedule(in_spec: Check) -> None:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2}
    assert in_spec(topologySpreadConstraints=[constraint]) == [
        (
            "spec.topologySpreadConstraints[0].minDomains",
            "Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
        )
    ]


def test_gates_are_qualified_names(in_spec: Check) -> None:
    found = in_spec(schedulingGates=[{"name": "a"}, {"name": "a"}], readinessGates=[{"conditionType": "-"}])
    assert [path for path, _ in found] == ["spec.readinessGates[0].conditionType", "spec.schedulingGates[1]"]
