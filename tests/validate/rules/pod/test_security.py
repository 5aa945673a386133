"""Security contexts, kernel profiles and settings, operating systems."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[..., list[tuple[str, str]]]


def test_ids_fit_31_bits(in_spec: Check, in_container: Check) -> None:
    detail = "must be between 0 and 2147483647, inclusive"
    assert in_spec(securityContext={"fsGroup": 2**31, "supplementalGroups": [0, -1]}) == [
        ("spec.securityContext.fsGroup", f"Invalid value: 2147483648: {detail}"),
        ("spec.securityContext.supplementalGroups[1]", f"Invalid value: -1: {detail}"),
    ]
    assert in_container(securityContext={"runAsUser": -1}) == [
        ("securityContext.runAsUser", f"Invalid value: -1: {detail}")
    ]


def test_policies_are_known(in_spec: Check) -> None:
    context = {"fsGroupChangePolicy": "", "supplementalGroupsPolicy": "x", "seLinuxChangePolicy": "x"}
    assert [path.rpartition(".")[2] for path, _ in in_spec(securityContext=context)] == [
        "fsGroupChangePolicy",
        "supplementalGroupsPolicy",
        "seLinuxChangePolicy",
    ]


def test_privileges_are_not_given_and_refused_at_once(in_container: Check) -> None:
    context = {
        "allowPrivilegeEscalation": False,
        "privileged": True,
        "capabilities": {"add": ["CAP_SYS_ADMIN"]},
        "seccompProfile": {"type": "Unconfined"},
    }
    shown = (
        '{"Capabilities":{"Add":["CAP_SYS_ADMIN"],"Drop":null},"Privileged":true,"SELinuxOptions":null,'
        '"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,'
        '"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,'
        '"SeccompProfile":{"Type":"Unconfined","LocalhostProfile":null},"AppArmorProfile":null}'
    )
    refusal = f"Invalid value: {shown}: cannot set `allowPrivilegeEscalation` to false and"
    assert in_container(securityContext=context) == [
        ("securityContext", f"{refusal} `privileged` to true"),
        ("securityContext", f"{refusal} `capabilities.Add` CAP_SYS_ADMIN"),
    ]


def test_an_unmasked_proc_needs_users_of_the_pod_s_own(in_container: Check) -> None:
    context = {"procMount": "Unmasked"}
    assert in_container({"hostUsers": False}, securityContext=context) == []
    assert in_container(securityContext=context) == [
        (
            "securityContext.procMount",
            'Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
        )
    ]


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ({"type": "RuntimeDefault"}, []),
        ({"type": "Localhost", "localhostProfile": "a/b.json"}, []),
        ({}, [("type", "Required value: type is required when seccompProfile is set")]),
        (
            {"type": "Localhost"},
            [("localhostProfile", "Required value: must be set when seccomp type is Localhost")],
        ),
        (
            {"type": "Unconfined", "localhostProfile": "a"},
            [
                (
                    "localhostProfile",
                    'Invalid value: {"Type":"Unconfined","LocalhostProfile":"a"}: '
                    "can only be set when seccomp type is Localhost",
                )
            ],
        ),
        (
            {"type": "Localhost", "localhostProfile": "../a"},
            [("localhostProfile", "Invalid value: \"../a\": must not contain '..'")],
        ),
    ],
)
def test_seccomp_names_a_file_of_the_node_when_it_is_local(
    in_spec: Check, profile: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    at = "spec.securityContext.seccompProfile"
    expected = [(f"{at}.{field}", message) for field, message in found]
    assert in_spec(securityContext={"seccompProfile": profile}) == expected


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({"type": "Localhost", "localhostProfile": " a"}, "localhostProfile"),
        ({"type": "Localhost", "localhostProfile": ""}, "localhostProfile"),
        ({"type": "RuntimeDefault", "localhostProfile": "a"}, "localhostProfile"),
        ({"type": "Odd"}, "type"),
        ({}, "type"),
    ],
)
def test_apparmor_names_a_loaded_profile_when_it_is_local(
    in_container: Check, profile: dict[str, Any], field: str
) -> None:
    found = in_container(securityContext={"appArmorProfile": profile})
    assert [path for path, _ in found] == [f"securityContext.appArmorProfile.{field}"]


def test_sysctls_are_well_formed_and_there_once(in_spec: Check) -> None:
    sysctls = [{"name": "net.core/x"}, {}, {"name": "UP"}, {"name": "a.b"}, {"name": "a.b"}]
    found = in_spec(securityContext={"sysctls": sysctls})
    assert [(path, message.partition(":")[0]) for path, message in found] == [
        ("spec.securityContext.sysctls[1].name", "Required value"),
        ("spec.securityContext.sysctls[2].name", "Invalid value"),
        ("spec.securityContext.sysctls[4].name", "Duplicate value"),
    ]


def test_sysctls_of_a_namespace_of_the_node_are_refused(in_spec: Check) -> None:
    sysctls = [{"name": "net/ipv4/tcp_syncookies"}, {"name": "kernel.shmmax"}]
    found = in_spec(hostNetwork=True, hostIPC=True, securityContext={"sysctls": sysctls})
    assert [message.rpartition(": ")[2] for _, message in found] == [
        "may not be specified when 'hostNetwork' is true",
        "may not be specified when 'hostIPC' is true",
    ]


def test_users_of_the_pod_s_own_do_not_go_with_namespaces_of_the_node(in_spec: Check) -> None:
    assert in_spec(hostUsers=False, hostPID=True, hostIPC=True) == [
        ("spec.HostPID", "Forbidden: when `hostUsers` is false"),
        ("spec.HostIPC", "Forbidden: when `hostUsers` is false"),
    ]


def test_processes_are_shared_in_the_pod_or_with_the_node(in_spec: Check) -> None:
    assert in_spec(hostPID=True, shareProcessNamespace=True) == [
        (
            "spec.securityContext.shareProcessNamespace",
            "Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
        )
    ]


def test_a_pod_is_for_a_known_system(in_spec: Check) -> None:
    assert in_spec(os={}) == [("spec.os.name", "Required value")]
    assert in_spec(os={"name": "plan9"}) == [
        ("spec.os", 'Unsupported value: "plan9": supported values: "linux", "windows"')
    ]


def test_a_pod_for_one_system_has_no_settings_of_the_other(in_spec: Check) -> None:
    assert in_spec(os={"name": "linux"}, securityContext={"windowsOptions": {}}) == [
        ("spec.securityContext.windowsOptions", "Forbidden: windows options cannot be set for a linux pod")
    ]
    container = {"name": "a", "image": "i", "securityContext": {"privileged": False}}
    found = in_spec(
        os={"name": "windows"},
        containers=[container],
        hostPID=True,
        resources={},
        securityContext={"sysctls": [], "runAsUser": 1},
    )
    assert [path for path, _ in found] == [
        "spec.resources",
        "spec.hostPID",
        "spec.securityContext.runAsUser",
        "spec.containers[0].securityContext.privileged",
    ]


def test_host_process_containers_come_together_and_on_the_node_s_network(in_spec: Check) -> None:
    process = {"windowsOptions": {"hostProcess": True}}
    found = in_spec(
        containers=[{"name": "a", "image": "i", "securityContext": process}, {"name": "b", "image": "i"}]
    )
    assert [path for path, _ in found] == ["spec", "spec.hostNetwork"]
    assert in_spec(hostNetwork=True, securityContext=process) == []


@pytest.mark.parametrize("user", ["ContainerUser", "CORP\\me", "a.example\\me"])
def test_users_of_windows_may_have_a_domain(in_spec: Check, user: str) -> None:
    assert in_spec(securityContext={"windowsOptions": {"runAsUserName": user}}) == []


@pytest.mark.parametrize("user", ["", "a\tb", "a\\b\\c", "..\\me", "corp\\", "...", "a|b", "u" * 105])
def test_other_users_of_windows_are_refused(in_spec: Check, user: str) -> None:
    found = in_spec(securityContext={"windowsOptions": {"runAsUserName": user}})
    assert {path for path, _ in found} == {"spec.securityContext.windowsOptions.runAsUserName"}
