"""Mounts and raw devices of containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[..., list[tuple[str, str]]]

POD: dict[str, Any] = {
    "volumes": [
        {"name": "v"},
        {"name": "w"},
        {"name": "claimed", "persistentVolumeClaim": {"claimName": "c"}},
    ]
}


def test_a_mount_names_a_volume_and_a_path_of_its_own(in_container: Check) -> None:
    mounts = [{"name": "v", "mountPath": "/a"}, {"name": "gone", "mountPath": "/a"}, {}]
    assert in_container(POD, volumeMounts=mounts) == [
        ("volumeMounts[1].name", 'Not found: "gone"'),
        ("volumeMounts[1].mountPath", 'Invalid value: "/a": must be unique'),
        ("volumeMounts[2].name", "Required value"),
        ("volumeMounts[2].name", 'Not found: ""'),
        ("volumeMounts[2].mountPath", "Required value"),
    ]


def test_a_path_in_a_volume_does_not_leave_it(in_container: Check) -> None:
    mounts = [
        {"name": "v", "mountPath": "/a", "subPath": "/x/.."},
        {"name": "v", "mountPath": "/b", "subPath": "x", "subPathExpr": "$(POD)"},
    ]
    assert in_container(POD, volumeMounts=mounts) == [
        ("volumeMounts.subPath", 'Invalid value: "/x/..": must be a relative path'),
        ("volumeMounts.subPath", "Invalid value: \"/x/..\": must not contain '..'"),
        (
            "volumeMounts[1].subPathExpr",
            'Invalid value: "$(POD)": subPathExpr and subPath are mutually exclusive',
        ),
    ]


def test_mounts_that_reach_the_node_need_privileges(in_container: Check) -> None:
    mounts = [{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}]
    assert in_container(POD, volumeMounts=mounts, securityContext={"privileged": True}) == []
    assert in_container(POD, volumeMounts=mounts) == [
        (
            "volumeMounts.mountPropagation",
            "Forbidden: Bidirectional mount propagation is available only to privileged containers",
        )
    ]


def test_recursively_read_only_means_read_only_first(in_container: Check) -> None:
    def mount(**fields: object) -> list[str]:
        mounts = [{"name": "v", "mountPath": "/a", "recursiveReadOnly": "Enabled", **fields}]
        return [message for _, message in in_container(POD, volumeMounts=mounts)]

    assert mount(readOnly=True) == mount(recursiveReadOnly="Disabled") == []
    assert mount() == ["Forbidden: may only be specified when readOnly is true"]
    assert mount(readOnly=True, mountPropagation="HostToContainer") == [
        "Forbidden: may only be specified when mountPropagation is None or not specified"
    ]
    assert mount(recursiveReadOnly="Maybe") == [
        'Unsupported value: "Maybe": supported values: "Disabled", "Enabled", "IfPossible"'
    ]


def test_a_device_is_a_claimed_volume(in_container: Check) -> None:
    devices = [{"name": "claimed", "devicePath": "/dev/a"}, {"name": "v", "devicePath": "/dev/../a"}]
    detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
    assert in_container(POD, volumeDevices=devices) == [
        ("volumeDevices[1].name", f'Invalid value: "v": {detail}'),
        ("volumeDevices[1].devicePath", "Invalid value: \"/dev/../a\": can not contain backsteps ('..')"),
    ]


def test_a_volume_is_not_mounted_and_a_device_at_once(in_container: Check) -> None:
    found = in_container(
        POD,
        volumeMounts=[{"name": "claimed", "mountPath": "/a"}],
        volumeDevices=[{"name": "claimed", "devicePath": "/a"}],
    )
    assert [path for path, _ in found] == [
        "volumeMounts[0].name",
        "volumeMounts[0].mountPath",
        "volumeDevices[0].name",
        "volumeDevices[0].devicePath",
    ]
