"""What depends on the release of the API server: rules that came or went, fields that are dropped."""

from __future__ import annotations

from typing import Any

import pytest

from expander.kube.versions import RELEASES, Release
from expander.validate.check import check
from expander.validate.defaults.defaults import defaults

SPEC = "spec.template.spec"
MAIN = f"{SPEC}.containers[0]"


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": "busybox", **fields}


def job(
    spec: dict[str, Any] | None = None, main: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A Job; ``spec`` goes over its pod spec, ``main`` over its container, ``fields`` over its own spec."""
    pod = {"restartPolicy": "Never", "containers": [container(**(main or {}))], **(spec or {})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a"},
        "spec": {"template": {"spec": pod}, **fields},
    }


def found(obj: dict[str, Any], minor: int) -> list[str]:
    """The findings of release 1.``minor``, as text."""
    findings = check(obj, Release(1, minor))
    assert findings is not None
    return [f"{finding.path}: {finding.message}" for finding in findings]


def made(obj: dict[str, Any], minor: int) -> Any:
    """The object as release 1.``minor`` has it after decoding and defaulting."""
    return defaults(obj, release=Release(1, minor))


def made_pod(obj: dict[str, Any], minor: int) -> Any:
    return made(obj, minor)["spec"]["template"]["spec"]


def accepting(obj: dict[str, Any]) -> list[int]:
    """The minor releases that accept ``obj``."""
    return [release.minor for release in RELEASES if not check(obj, release)]


def since(minor: int) -> list[int]:
    return [release.minor for release in RELEASES if release.minor >= minor]


ODD_NAME = job(main={"env": [{"name": "1 odd name", "value": "x"}]})
STRICT_NAME = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and "
    "must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for "
    "validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
)


def test_names_of_variables_are_free_from_1_32_on() -> None:
    assert accepting(ODD_NAME) == since(32)
    assert found(ODD_NAME, 29) == [f'{MAIN}.env[0].name: Invalid value: "1 odd name": {STRICT_NAME}']


@pytest.mark.parametrize(
    ("name", "details"),
    [
        (".", ["must not be '.'"]),
        ("..", ["must not be '..'"]),
        ("..a", ["must not start with '..'"]),
        ("a.b-c_D", []),
        ("a=b", [STRICT_NAME]),
    ],
)
def test_strict_names_of_variables_may_not_climb(name: str, details: list[str]) -> None:
    answer = found(job(main={"env": [{"name": name}]}), 31)
    assert answer == [f'{MAIN}.env[0].name: Invalid value: "{name}": {detail}' for detail in details]


def test_prefixes_of_variables_follow_the_names() -> None:
    obj = job(main={"envFrom": [{"prefix": "1 ", "configMapRef": {"name": "c"}}]})
    assert accepting(obj) == since(32)
    assert found(obj, 31) == [f'{MAIN}.envFrom[0].prefix: Invalid value: "1 ": {STRICT_NAME}']


def test_a_variable_without_a_source_is_told_the_sources_of_the_release() -> None:
    obj = job(main={"env": [{"name": "A", "valueFrom": {}}]})
    old = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
    new = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
    assert found(obj, 34) == [f'{MAIN}.env[0].valueFrom: Invalid value: "": {old}']
    assert found(obj, 35) == [f'{MAIN}.env[0].valueFrom: Invalid value: "": {new}']


def test_a_variable_from_a_file_lost_its_source_in_1_34() -> None:
    file = {"volumeName": "v", "path": "env", "key": "A"}
    obj = job(
        {"volumes": [{"name": "v", "emptyDir": {}}]},
        {"env": [{"name": "A", "valueFrom": {"fileKeyRef": file}}]},
    )
    assert accepting(obj) == since(35)
    assert "must specify one of" in found(obj, 34)[0]
    assert found(obj, 33) == [f'{MAIN}.env[0].valueFrom.fileKeyRef: unknown field, did you mean "fieldRef"?']


def sleeping(seconds: int) -> dict[str, Any]:
    return job(main={"lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}})


def test_a_hook_may_sleep_for_no_time_from_1_33_on() -> None:
    assert accepting(sleeping(0)) == [29, *since(33)]
    at = f"{MAIN}.lifecycle.preStop.sleep: Invalid value: 0"
    less = "must be greater than 0 and less than terminationGracePeriodSeconds (30)"
    assert found(sleeping(0), 30) == [f"{at}: {less}"]
    hint = "Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep."
    assert found(sleeping(0), 32) == [f"{at}: {less}. {hint}"]


def test_a_sleep_of_1_29_is_dropped_with_its_hook() -> None:
    assert accepting(sleeping(99)) == [29]
    assert "lifecycle" not in made_pod(sleeping(99), 29)["containers"][0]
    assert "lifecycle" in made_pod(sleeping(9), 30)["containers"][0]


def test_a_stop_signal_is_dropped_and_an_init_container_without_hooks_accepted() -> None:
    obj = job({"initContainers": [{"name": "i", "image": "b", "lifecycle": {"stopSignal": "SIGTERM"}}]})
    assert accepting(obj) == since(33)
    assert "lifecycle" not in made_pod(obj, 37)["initContainers"][0]


def test_containers_have_restart_policies_from_1_35_on() -> None:
    obj = job(main={"restartPolicy": "OnFailure"})
    assert accepting(obj) == since(34)
    assert found(obj, 33) == [f"{MAIN}.restartPolicy: Forbidden: may not be set for non-init containers"]
    assert "restartPolicy" not in made_pod(obj, 34)["containers"][0]
    assert made_pod(obj, 35)["containers"][0]["restartPolicy"] == "OnFailure"


def test_init_containers_could_only_restart_always() -> None:
    obj = job({"initContainers": [{"name": "i", "image": "b", "restartPolicy": "Never"}]})
    assert accepting(obj) == since(34)
    at = f"{SPEC}.initContainers[0].restartPolicy"
    assert found(obj, 33) == [f'{at}: Unsupported value: "Never": supported values: "Always"']
    assert "restartPolicy" not in made_pod(obj, 34)["initContainers"][0]


def test_a_sidecar_is_kept_by_every_release() -> None:
    obj = job({"initContainers": [{"name": "i", "image": "b", "restartPolicy": "Always"}]})
    assert accepting(obj) == since(29)
    assert made_pod(obj, 34)["initContainers"][0]["restartPolicy"] == "Always"


def restarting(action: str) -> list[dict[str, Any]]:
    return [{"action": action, "exitCodes": {"operator": "In", "values": [1]}}]


def test_a_rule_may_restart_all_containers_from_1_36_on() -> None:
    obj = job(main={"restartPolicy": "Never", "restartPolicyRules": restarting("RestartAllContainers")})
    assert accepting(obj) == [34, *since(36)]
    assert found(obj, 35) == [
        f'{MAIN}.restartPolicyRules[0].action: Unsupported value: "RestartAllContainers": '
        'supported values: "Restart"'
    ]


def test_a_sidecar_has_rules_from_1_36_on() -> None:
    sidecar = {
        "name": "i",
        "image": "b",
        "restartPolicy": "Always",
        "restartPolicyRules": restarting("Restart"),
    }
    obj = job({"initContainers": [sidecar]})
    assert accepting(obj) == [34, *since(36)]
    detail = "restartPolicyRules are not allowed for init containers with restart policy Always"
    assert found(obj, 35) == [f"{SPEC}.initContainers[0].restartPolicyRules: Forbidden: {detail}"]


def test_more_than_twenty_rules_were_too_long_before_they_were_too_many() -> None:
    obj = job(main={"restartPolicy": "Never", "restartPolicyRules": restarting("Restart") * 21})
    at = f"{MAIN}.restartPolicyRules"
    assert found(obj, 35) == [f"{at}: Too long: may not be more than 20 bytes"]
    assert found(obj, 36) == [f"{at}: Too many: 21: must have at most 20 items"]


def test_a_resize_policy_is_dropped_before_1_33() -> None:
    policy = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    obj = job(main={"resizePolicy": policy})
    assert accepting(obj) == [29, 30, 31, 32]
    assert "resizePolicy" not in made_pod(obj, 32)["containers"][0]
    at = f'{MAIN}.resizePolicy: Invalid value: "RestartContainer": must be'
    assert found(obj, 33) == [f"{at} 'NotRequired' when `restartPolicy` is 'Never'"]
    assert found(obj, 36) == [f"{at} 'NotRequired' when pod `restartPolicy` is 'Never'"]


def test_init_containers_do_not_restart_on_a_resize_from_1_36_on() -> None:
    policy = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    obj = job(
        {
            "restartPolicy": "OnFailure",
            "initContainers": [{"name": "i", "image": "b", "resizePolicy": policy}],
        }
    )
    assert accepting(obj) == [29, 30, 31, 32, 33, 34, 35]


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("hostUsers", False, since(33)),
        ("hostnameOverride", "a", since(35)),
        ("resourceClaims", [{"name": "c", "resourceClaimName": "c"}], since(34)),
        ("resources", {"limits": {"cpu": "1"}}, since(34)),
        ("schedulingGroup", {"podGroupName": "a"}, []),
    ],
)
def test_a_field_of_a_pod_is_dropped_where_its_feature_is_off(
    field: str, value: object, kept: list[int]
) -> None:
    obj = job({field: value})
    assert [release.minor for release in RELEASES if field in made_pod(obj, release.minor)] == kept


def test_what_is_dropped_is_not_looked_at() -> None:
    assert accepting(job({"hostUsers": False, "hostPID": True})) == [29, 30, 31, 32]
    assert accepting(job({"hostnameOverride": "-"})) == [34]
    assert accepting(job({"resources": {"limits": {"storage": "1"}}})) == [32, 33]


def test_a_claim_of_a_container_is_dropped_with_those_of_the_pod() -> None:
    obj = job(main={"resources": {"claims": [{"name": "none"}]}})
    assert accepting(obj) == [29, 30, 31, 32, 33]


def test_own_users_exclude_raw_devices_from_1_34_on() -> None:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    devices = [{"name": "v", "devicePath": "/d"}]
    obj = job({"hostUsers": False, "volumes": [volume]}, {"volumeDevices": devices})
    assert accepting(obj) == [29, 30, 31, 32, 33]


def test_own_users_are_named_as_the_release_names_them() -> None:
    obj = job({"hostUsers": False, "hostNetwork": True})
    assert found(obj, 33) == [f"{SPEC}.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false"]
    assert found(obj, 34) == [f"{SPEC}.hostNetwork: Forbidden: when `hostUsers` is false"]


def test_successes_have_a_policy_from_1_31_on() -> None:
    obj = job(completionMode="Indexed", completions=2, successPolicy={"rules": []})
    assert accepting(obj) == [30]
    assert "successPolicy" not in made(obj, 30)["spec"]


def test_another_controller_manages_a_job_from_1_32_on() -> None:
    obj = job(managedBy="nobody")
    assert accepting(obj) == [30, 31]
    assert "managedBy" not in made(obj, 31)["spec"]


@pytest.mark.parametrize(("field", "kept"), [("supplementalGroupsPolicy", 33), ("seLinuxChangePolicy", 33)])
def test_a_policy_of_the_security_context_is_dropped_before_1_33(field: str, kept: int) -> None:
    obj = job({"securityContext": {field: "Odd"}})
    assert accepting(obj) == [
        release.minor for release in RELEASES if release.minor < kept and knows(obj, release)
    ]


def knows(obj: dict[str, Any], release: Release) -> bool:
    """Whether the schema of the release has all fields of ``obj``."""
    return not any("unknown field" in each for each in found(obj, release.minor))


def test_labels_of_volumes_are_changed_by_mounting_from_1_37_on() -> None:
    obj = job({"securityContext": {"seLinuxChangePolicy": "MountOption"}})
    assert accepting(obj) == [32, 37]
    at = f"{SPEC}.securityContext.seLinuxChangePolicy"
    assert found(obj, 36) == [f'{at}: Unsupported value: "MountOption": supported values: "Recursive"']


def test_proc_is_masked_before_1_33_whatever_is_asked_for() -> None:
    obj = job(main={"securityContext": {"procMount": "Unmasked"}})
    assert accepting(obj) == [29, 30, 31, 32]
    assert made_pod(obj, 32)["containers"][0]["securityContext"] == {"procMount": "Default"}


def test_an_image_volume_is_dropped_with_its_mounts_before_1_35() -> None:
    obj = job(
        {"volumes": [{"name": "v", "image": {"reference": ""}}, {"name": "w", "emptyDir": {}}]},
        {"volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "w", "mountPath": "/w"}]},
    )
    assert accepting(obj) == [31, 32, 33, 34]
    pod = made_pod(obj, 34)
    assert [volume["name"] for volume in pod["volumes"]] == ["w"]
    assert [mount["name"] for mount in pod["containers"][0]["volumeMounts"]] == ["w"]


def test_mounts_are_read_only_all_the_way_down_from_1_31_on() -> None:
    mount = {"name": "v", "mountPath": "/v", "recursiveReadOnly": "Enabled"}
    obj = job({"volumes": [{"name": "v", "emptyDir": {}}]}, {"volumeMounts": [mount]})
    assert accepting(obj) == [30]


def test_affinity_to_pods_has_keys_of_labels_from_1_31_on() -> None:
    term = {"topologyKey": "zone", "matchLabelKeys": ["a"]}
    obj = job({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    assert accepting(obj) == [29, 30]


def spread(**fields: Any) -> dict[str, Any]:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", **fields}
    return job({"topologySpreadConstraints": [constraint]})


def test_a_key_to_spread_by_may_be_in_the_selector_from_1_34_on() -> None:
    obj = spread(labelSelector={"matchLabels": {"a": "b"}}, matchLabelKeys=["a"])
    assert accepting(obj) == since(34)
    at = f"{SPEC}.topologySpreadConstraints[0].matchLabelKeys[0]"
    assert found(obj, 33) == [f'{at}: Invalid value: "a": exists in both matchLabelKeys and labelSelector']


def test_a_key_to_spread_by_needs_a_selector_in_every_release() -> None:
    assert accepting(spread(matchLabelKeys=["a"])) == []


def test_labels_of_nodes_are_checked_from_1_33_on() -> None:
    expression = {"key": "a", "operator": "In", "values": ["no label"]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    obj = job({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
    assert accepting(obj) == [29, 30, 31, 32]


def test_search_domains_may_have_underscores_from_1_33_on() -> None:
    assert accepting(job({"dnsConfig": {"searches": ["a_b.c"]}})) == since(33)
    assert accepting(job({"dnsConfig": {"searches": ["."]}})) == since(33)
    assert accepting(job({"dnsConfig": {"searches": ["a.b."]}})) == since(29)


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("010.0.0.1", "must not have leading 0s"),
        ("::ffff:10.0.0.1", "must not be an IPv4-mapped IPv6 address"),
        ("0:0:0:0:0:ffff:a00:1", "must not be an IPv4-mapped IPv6 address"),
    ],
)
def test_addresses_are_strict_from_1_36_on(address: str, detail: str) -> None:
    obj = job({"hostAliases": [{"ip": address, "hostnames": ["a"]}], "dnsConfig": {"nameservers": [address]}})
    assert accepting(obj) == [29, 30, 31, 32, 33, 34, 35]
    assert found(obj, 36) == [
        f'{SPEC}.dnsConfig.nameservers[0]: Invalid value: "{address}": {detail}',
        f'{SPEC}.hostAliases[0].ip: Invalid value: "{address}": {detail}',
    ]


@pytest.mark.parametrize("address", ["10.0.0.1", "0.0.0.0", "2001:db8::1", "FE80:0:0:0:0:0:0:0abc"])
def test_other_addresses_are_good_in_every_release(address: str) -> None:
    assert accepting(job({"hostAliases": [{"ip": address}]})) == since(29)


def test_tolerations_name_the_operators_the_release_knows() -> None:
    obj = job({"tolerations": [{"key": "a", "operator": "Lt", "value": "5"}]})
    at = f'{SPEC}.tolerations[0].operator: Unsupported value: "Lt": supported values: "Equal", "Exists"'
    assert found(obj, 34) == [at]
    assert found(obj, 35) == [f'{at}, "Lt", "Gt"']


def service(name: str = "a", **spec: Any) -> dict[str, Any]:
    ports = [{"port": 80}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": ports, **spec},
    }


def test_services_have_names_that_begin_with_a_digit_from_1_36_on() -> None:
    assert accepting(service("1a")) == since(36)
    assert found(service("1a"), 35) == [
        'metadata.name: Invalid value: "1a": a DNS-1035 label must consist of lower case alphanumeric characters '
        "or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
        "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
    ]


def test_addresses_of_services_are_strict_from_1_36_on() -> None:
    assert accepting(service(externalIPs=["010.0.0.1"])) == [29, 30, 31, 32, 33, 34, 35]


def test_traffic_is_distributed_from_1_31_on() -> None:
    obj = service(trafficDistribution="PreferClose")
    assert "trafficDistribution" not in made(obj, 30)["spec"]
    assert made(obj, 31)["spec"]["trafficDistribution"] == "PreferClose"


def test_quotas_are_scoped_by_classes_of_volumes_from_1_34_on() -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "a"},
        "spec": {"scopes": ["VolumeAttributesClass"]},
    }
    assert accepting(obj) == since(34)


def test_a_class_of_a_volume_is_dropped_before_1_34() -> None:
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "volumeAttributesClassName": "-",
    }
    obj = job({"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}]})
    assert accepting(obj) == [29, 30, 31, 32, 33]


def projected(**source: Any) -> dict[str, Any]:
    return job({"volumes": [{"name": "v", "projected": {"sources": [source]}}]})


def test_trust_bundles_are_projected_from_1_37_on() -> None:
    assert accepting(projected(clusterTrustBundle={})) == [29, 30, 31, 32, 33, 34, 35, 36]
    assert accepting(projected(clusterTrustBundle={"name": "a", "path": "a.pem"})) == since(29)


def test_certificates_are_projected_from_1_37_on() -> None:
    assert accepting(projected(podCertificate={})) == [34, 35, 36]
    certificate = {"signerName": "example.com/a", "keyType": "ED25519", "credentialBundlePath": "a.pem"}
    assert accepting(projected(podCertificate=certificate)) == since(34)


def test_what_is_too_long_was_said_in_other_words_before_1_32() -> None:
    obj = job(managedBy="a.b/" + "c" * 60)
    assert found(obj, 32) == ["spec.managedBy: Too long: may not be more than 63 bytes"]
    obj["metadata"]["annotations"] = {"a": "b" * 262144}
    assert "metadata.annotations: Too long: must have at most 262144 bytes" in found(obj, 31)
    assert "metadata.annotations: Too long: may not be more than 262144 bytes" in found(obj, 32)
