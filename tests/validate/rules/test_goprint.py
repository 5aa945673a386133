"""Objects as the API server prints them."""

from __future__ import annotations

import json

import pytest

from expander.validate.rules.goprint import STRUCTS, fields, printed, printed_pod_spec, printed_template


def test_what_is_left_out_shows_its_zero_value() -> None:
    assert printed("Mount", {"name": "v", "mountPath": "/v"}) == {
        "Name": "v",
        "ReadOnly": False,
        "RecursiveReadOnly": None,
        "MountPath": "/v",
        "SubPath": "",
        "MountPropagation": None,
        "SubPathExpr": "",
    }


def test_lists_and_objects_are_printed_all_the_way_down() -> None:
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]
    reference = {"Name": "c", "Key": "k", "Optional": None}
    (shown,) = printed("Env", env)
    assert shown["ValueFrom"]["ConfigMapKeyRef"] == reference
    assert shown["Value"] == ""


def test_the_network_of_a_pod_is_shown_with_its_security() -> None:
    shown = printed_pod_spec({"hostNetwork": True, "securityContext": {"runAsUser": 5}})
    assert shown["SecurityContext"]["HostNetwork"] is True
    assert shown["SecurityContext"]["RunAsUser"] == 5
    assert printed_pod_spec({})["SecurityContext"] is None


def test_the_metadata_of_a_template_stands_beside_its_spec_with_its_labels_in_order() -> None:
    shown = printed_template({"metadata": {"labels": {"b": "1", "a": "2"}, "name": "n", "annotations": {}}})
    assert json.dumps(shown).startswith('{"name": "n", "labels": {"a": "2", "b": "1"}, "Spec": {')


def test_a_selector_looks_as_in_a_manifest() -> None:
    selector = {"matchExpressions": [], "matchLabels": {"b": "1", "a": "2"}}
    shown = printed("PodTerm", {"labelSelector": selector, "topologyKey": "t"})
    assert (
        json.dumps(shown["LabelSelector"]) == '{"matchLabels": {"a": "2", "b": "1"}, "matchExpressions": []}'
    )


def test_a_struct_that_is_not_listed_shows_what_is_there() -> None:
    shown = printed("Volume", {"name": "v", "csi": {"driver": "d"}})
    assert shown["CSI"] == {"Driver": "d"}


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_struct_is_made_of_structs_that_are_listed(struct: str) -> None:
    assert all(field.struct in {"", "Any", *STRUCTS} for field in fields(struct))
