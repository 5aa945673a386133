"""Fields that an API server drops from a new object because their feature is off in its release.

Decided by ``DropDisabledPodFields`` of pkg/api/pod and the ``PrepareForCreate`` of the registry strategies.
The server does so silently, before it validates; a field that its schema does not know was refused already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from expander.kube.versions import Release

Object: TypeAlias = dict[str, Any]
Adjustment: TypeAlias = Callable[[Object], None]

_GROUP: Final = {
    "preemptionPolicy": "PodGroupPreemptionPolicy",
    "resourceClaims": "DRAWorkloadResourceClaims",
    "schedulingConstraints": "TopologyAwareWorkloadScheduling",
}
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "v1.ClusterTrustBundleProjection": {"user": "AtomicWriteVolumeUserFields"},
    "v1.ConfigMapVolumeSource": {"defaultUser": "AtomicWriteVolumeUserFields"},
    "v1.Container": {
        "resizePolicy": "InPlacePodVerticalScaling",
        "restartPolicyRules": "ContainerRestartRules",
    },
    "v1.DownwardAPIVolumeFile": {"user": "AtomicWriteVolumeUserFields"},
    "v1.DownwardAPIVolumeSource": {"defaultUser": "AtomicWriteVolumeUserFields"},
    "v1.EmptyDirVolumeSource": {"mode": "EmptyDirVolumeMode"},
    "v1.EnvVarSource": {"fileKeyRef": "EnvFiles"},
    "v1.EphemeralContainer": {
        "resizePolicy": "InPlacePodVerticalScaling",
        "restartPolicyRules": "ContainerRestartRules",
    },
    "v1.GRPCAction": {"mode": "GRPCContainerProbeTLS"},
    "v1.HTTPGetAction": {"protocol": "H2CContainerProbe"},
    "v1.JobSpec": {
        "managedBy": "JobManagedBy",
        "scheduling": "WorkloadWithJob",
        "successPolicy": "JobSuccessPolicy",
    },
    "v1.KeyToPath": {"user": "AtomicWriteVolumeUserFields"},
    "v1.PersistentVolumeClaimSpec": {"volumeAttributesClassName": "VolumeAttributesClass"},
    "v1.PodAffinityTerm": {
        "matchLabelKeys": "MatchLabelKeysInPodAffinity",
        "mismatchLabelKeys": "MatchLabelKeysInPodAffinity",
    },
    "v1.PodCertificateProjection": {"user": "AtomicWriteVolumeUserFields"},
    "v1.PodSecurityContext": {
        "seLinuxChangePolicy": "SELinuxChangePolicy",
        "supplementalGroupsPolicy": "SupplementalGroupsPolicy",
    },
    "v1.PodSpec": {
        "evictionResponders": "EvictionRequestAPI",
        "hostUsers": "UserNamespacesSupport",
        "hostnameOverride": "HostnameOverride",
        "resourceClaims": "DynamicResourceAllocation",
        "resources": "PodLevelResources",
        "schedulingGroup": "GenericWorkload",
        "workloadRef": "GenericWorkload",
    },
    "v1.ProjectedVolumeSource": {"defaultUser": "AtomicWriteVolumeUserFields"},
    "v1.ResourceRequirements": {"claims": "DynamicResourceAllocation"},
    "v1.SecretVolumeSource": {"defaultUser": "AtomicWriteVolumeUserFields"},
    "v1.ServiceAccountTokenProjection": {"user": "AtomicWriteVolumeUserFields"},
    "v1.ServiceSpec": {"trafficDistribution": "ServiceTrafficDistribution"},
    "v1.VolumeMount": {
        "bindMountOptions": "VolumeBindMountOptions",
        "recursiveReadOnly": "RecursiveReadOnlyMounts",
    },
    **{
        f"{version}.{title}": fields
        for version in ("v1alpha3", "v1beta1")
        for title, fields in (
            ("PodGroupSpec", {**_GROUP, "parentCompositePodGroupName": "CompositePodGroup"}),
            ("PodGroupTemplate", _GROUP),
            ("WorkloadSpec", {"compositePodGroupTemplates": "CompositePodGroup"}),
        )
    },
    "v1.VolumeProjection": {
        "clusterTrustBundle": "ClusterTrustBundleProjection",
        "podCertificate": "PodCertificateRequest",
    },
}
"""The title of a definition -> its fields that need a feature."""


def dropped(title: str, release: Release) -> frozenset[str]:
    """The fields of the definition ``title`` that ``release`` drops."""
    needs = FIELDS.get(title, {})
    return frozenset(field for field, feature in needs.items() if not release.has(feature))


def adjustments(title: str, release: Release) -> list[Adjustment]:
    """What else ``release`` changes in a decoded object of the definition ``title``, in place."""
    return [
        adjust
        for feature, adjust in _ADJUSTMENTS.get(title, ())
        if release.stage(feature) is not None and not release.has(feature)
    ]


def _drop_sleep(container: Object) -> None:
    """Hooks that sleep; a hook or a lifecycle with nothing left goes too."""
    lifecycle = container.get("lifecycle")
    if lifecycle is None:
        return
    for hook in ("preStop", "postStart"):
        if "sleep" in lifecycle.get(hook, ()):
            del lifecycle[hook]["sleep"]
            if not lifecycle[hook]:
                del lifecycle[hook]
    if not lifecycle:
        del container["lifecycle"]


def _drop_stop_signal(container: Object) -> None:
    """The signal that stops the container, and a lifecycle that held nothing else."""
    lifecycle = container.get("lifecycle")
    if lifecycle and "stopSignal" in lifecycle:
        del lifecycle["stopSignal"]
        if not lifecycle:
            del container["lifecycle"]


def _drop_image_volumes(spec: Object) -> None:
    """Volumes that are images, and their mounts."""
    images = {volume.get("name") for volume in spec.get("volumes", ()) if "image" in volume}
    if not images:
        return
    spec["volumes"] = [volume for volume in spec["volumes"] if "image" not in volume]
    for field in _CONTAINERS:
        for container in spec.get(field, ()):
            if "volumeMounts" in container:
                mounts = container["volumeMounts"]
                container["volumeMounts"] = [mount for mount in mounts if mount.get("name") not in images]


def _drop_restart_policies(spec: Object) -> None:
    """Restart policies of containers, but for sidecars."""
    for field in _CONTAINERS:
        for container in spec.get(field, ()):
            if field != "initContainers" or container.get("restartPolicy") != "Always":
                container.pop("restartPolicy", None)


def _reset_proc_mount(context: Object) -> None:
    """Any view of /proc is the default one."""
    if "procMount" in context:
        context["procMount"] = "Default"


_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")
_LIFECYCLE: Final = (
    ("PodLifecycleSleepAction", _drop_sleep),
    ("ContainerStopSignals", _drop_stop_signal),
)
_ADJUSTMENTS: Final[Mapping[str, tuple[tuple[str, Adjustment], ...]]] = {
    "v1.Container": _LIFECYCLE,
    "v1.EphemeralContainer": _LIFECYCLE,
    "v1.PodSpec": (
        ("ImageVolume", _drop_image_volumes),
        ("ContainerRestartRules", _drop_restart_policies),
    ),
    "v1.SecurityContext": (("ProcMountType", _reset_proc_mount),),
}
