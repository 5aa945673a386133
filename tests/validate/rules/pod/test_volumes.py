"""Volumes and their sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[..., list[tuple[str, str]]]


def test_a_volume_without_a_source_is_an_empty_dir(in_volume: Check) -> None:
    assert in_volume() == in_volume(emptyDir={}) == []


def test_volumes_have_names_of_their_own(in_spec: Check) -> None:
    assert in_spec(volumes=[{"name": "a"}, {"name": "a"}, {}, {"name": "dot.ted"}]) == [
        ("spec.volumes[1].name", 'Duplicate value: "a"'),
        ("spec.volumes[2].name", "Required value"),
        ("spec.volumes[3].name", 'Invalid value: "dot.ted": must not contain dots'),
    ]


def test_a_second_source_is_one_too_many(in_volume: Check) -> None:
    detail = "Forbidden: may not specify more than 1 volume type"
    found = in_volume(emptyDir={}, hostPath={}, cephfs={}, downwardAPI={})
    assert found == [("hostPath", detail), ("cephFS", detail), ("downwarAPI", detail)]


def test_a_volume_with_a_finding_cannot_be_mounted(in_spec: Check) -> None:
    container = {"name": "a", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    assert in_spec(containers=[container], volumes=[{"name": "v", "secret": {}}]) == [
        ("spec.volumes[0].secret.secretName", "Required value"),
        ("spec.containers[0].volumeMounts[0].name", 'Not found: "v"'),
    ]


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ({"hostPath": {}}, ["hostPath.path"]),
        ({"gitRepo": {}}, ["gitRepo.repository"]),
        ({"gcePersistentDisk": {}}, ["persistentDisk.pdName"]),
        ({"awsElasticBlockStore": {}}, ["awsElasticBlockStore.volumeID"]),
        ({"secret": {}}, ["secret.secretName"]),
        ({"nfs": {"path": "/"}}, ["nfs.server"]),
        ({"iscsi": {}}, ["iscsi.targetPortal", "iscsi.iqn"]),
        ({"glusterfs": {}}, ["glusterfs.endpoints", "glusterfs.path"]),
        ({"flocker": {}}, ["flocker"]),
        ({"persistentVolumeClaim": {}}, ["persistentVolumeClaim.claimName"]),
        ({"rbd": {}}, ["rbd.monitors", "rbd.image"]),
        ({"cinder": {"secretRef": {}}}, ["cinder.volumeID", "cinder.secretRef.name"]),
        ({"cephfs": {}}, ["cephfs.monitors"]),
        ({"quobyte": {}}, ["quobyte.registry", "quobyte.volume"]),
        ({"fc": {}}, ["fc.targetWWNs"]),
        ({"flexVolume": {}}, ["flexVolume.driver"]),
        ({"configMap": {}}, ["configMap.name"]),
        ({"azureFile": {}}, ["azureFile.secretName", "azureFile.shareName"]),
        ({"vsphereVolume": {}}, ["vsphereVolume.volumePath"]),
        ({"photonPersistentDisk": {}}, ["photonPersistentDisk.pdID"]),
        ({"portworxVolume": {}}, ["portworxVolume.volumeID"]),
        ({"azureDisk": {}}, ["azureDisk.diskName", "azureDisk.diskURI", "azureDisk.diskURI"]),
        ({"storageos": {}}, ["storageos.volumeName"]),
        ({"scaleIO": {}}, ["scaleIO.gateway", "scaleIO.system", "scaleIO.volumeName"]),
        ({"csi": {}}, ["csi.driver", "csi.driver"]),
        ({"ephemeral": {}}, ["ephemeral.volumeClaimTemplate"]),
        ({"image": {}}, ["image.reference"]),
        ({"downwardAPI": {"items": [{}]}}, ["downwardAPI.path", "downwardAPI"]),
    ],
)
def test_a_source_is_told_which_of_its_fields_are_missing(
    in_volume: Check, source: dict[str, Any], fields: list[str]
) -> None:
    assert [path for path, _ in in_volume(**source)] == fields


@pytest.mark.parametrize("path", ["/etc", "a/../b", "..", "..data"])
def test_files_of_a_config_map_stay_in_their_volume(in_volume: Check, path: str) -> None:
    found = in_volume(configMap={"name": "c", "items": [{"key": "k", "path": path}]})
    assert {at for at, _ in found} == {"configMap.items[0].path"}


def test_modes_are_nine_bits(in_volume: Check) -> None:
    detail = "must be a number between 0 and 0777 (octal), both inclusive"
    assert in_volume(configMap={"name": "c", "defaultMode": 0o777}) == []
    assert in_volume(configMap={"name": "c", "defaultMode": 0o1000}) == [
        ("configMap.defaultMode", f"Invalid value: 512: {detail}")
    ]


def test_a_size_limit_is_not_negative(in_volume: Check) -> None:
    assert in_volume(emptyDir={"sizeLimit": "-1"}) == [
        ("emptyDir.sizeLimit", "Forbidden: SizeLimit field must be a valid resource quantity")
    ]


def test_a_projected_volume_has_one_source_an_entry_and_no_path_twice(in_volume: Check) -> None:
    item = {"key": "k", "path": "same"}
    sources = [
        {"secret": {"name": "s", "items": [item]}, "configMap": {"name": "c", "items": [item]}},
        {"serviceAccountToken": {"expirationSeconds": 60}},
    ]
    assert in_volume(projected={"sources": sources}) == [
        ("projected", 'Invalid value: "c": conflicting duplicate paths'),
        ("projected.sources[0]", "Forbidden: may not specify more than 1 volume type per source"),
        (
            "projected.sources[1].serviceAccountToken.expirationSeconds",
            "Invalid value: 60: may not specify a duration less than 10 minutes",
        ),
        ("projected.path", "Required value"),
    ]


def test_a_claim_template_asks_for_a_mode_and_a_size(in_volume: Check) -> None:
    def claim(**spec: Any) -> list[tuple[str, str]]:
        template = {"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": spec}
        return in_volume(ephemeral={"volumeClaimTemplate": template})

    at = "ephemeral.volumeClaimTemplate"
    assert claim() == [
        (f"{at}.metadata.name", "Forbidden: cannot be set"),
        (f"{at}.spec.accessModes", "Required value: at least 1 access mode is required"),
        (f"{at}.spec.resources[storage]", "Required value"),
    ]
    modes = ["ReadWriteOnce", "ReadWriteOncePod"]
    assert claim(accessModes=modes, resources={"requests": {"storage": "0"}})[1:] == [
        (f"{at}.spec.accessModes", "Forbidden: may not use ReadWriteOncePod with other access modes"),
        (f"{at}.spec.resources[storage]", 'Invalid value: "0": must be greater than zero'),
    ]


@pytest.mark.parametrize("name", ["iqn.2001-04.com.example:disk", "eui.0123456789abcdef", f"naa.{'0' * 32}"])
def test_qualified_names_of_iscsi_have_three_forms(in_volume: Check, name: str) -> None:
    assert in_volume(iscsi={"targetPortal": "p", "iqn": name}) == []
    assert in_volume(iscsi={"targetPortal": "p", "iqn": f"{name} "})[0][0] == "iscsi.iqn"


def test_the_registry_of_quobyte_is_a_list_of_hosts_and_ports(in_volume: Check) -> None:
    assert in_volume(quobyte={"registry": "a:1,[::1]:2", "volume": "v"}) == []
    assert [path for path, _ in in_volume(quobyte={"registry": "a,b:1:2", "volume": "v"})] == [
        "quobyte.registry",
        "quobyte.registry",
    ]
