"""Facts about the Go types of the API that schemas do not tell, for messages that name them."""

from __future__ import annotations

from typing import Final

_LOCAL_REFERENCE: Final = "LocalObjectReference"
_EMBEDDED: Final = {
    "ConfigMapEnvSource": (_LOCAL_REFERENCE, {"name"}),
    "ConfigMapKeySelector": (_LOCAL_REFERENCE, {"name"}),
    "ConfigMapProjection": (_LOCAL_REFERENCE, {"name"}),
    "ConfigMapVolumeSource": (_LOCAL_REFERENCE, {"name"}),
    "Probe": ("ProbeHandler", {"exec", "grpc", "httpGet", "tcpSocket"}),
    "SecretEnvSource": (_LOCAL_REFERENCE, {"name"}),
    "SecretKeySelector": (_LOCAL_REFERENCE, {"name"}),
    "SecretProjection": (_LOCAL_REFERENCE, {"name"}),
}
"""Structs that have some of their fields from a struct within them."""
_ALMOST_ALL_EMBEDDED: Final = {
    "EphemeralContainer": ("EphemeralContainerCommon", {"targetContainerName"}),
    "Volume": ("VolumeSource", {"name"}),
}
"""Structs that have all but these fields from a struct within them."""


def embedded(struct: str, field: str) -> str | None:
    """The struct within ``struct`` that the field is part of, if it is."""
    if struct in _ALMOST_ALL_EMBEDDED:
        name, own = _ALMOST_ALL_EMBEDDED[struct]
        return None if field in own else name
    name, fields = _EMBEDDED.get(struct, ("", set[str]()))
    return name if field in fields else None


_TEXTS: Final = {
    "types.UID": "ObjectMeta.uid OwnerReference.uid ObjectReference.uid",
    "v1.AppArmorProfileType": "AppArmorProfile.type",
    "v1.AzureDataDiskCachingMode": "AzureDiskVolumeSource.cachingMode",
    "v1.AzureDataDiskKind": "AzureDiskVolumeSource.kind",
    "v1.Capability": "Capabilities.add Capabilities.drop",
    "v1.CompletionMode": "JobSpec.completionMode",
    "v1.ConcurrencyPolicy": "CronJobSpec.concurrencyPolicy",
    "v1.ConditionStatus": "JobCondition.status NamespaceCondition.status PodCondition.status "
    "PodFailurePolicyOnPodConditionsPattern.status",
    "v1.ContainerRestartPolicy": "Container.restartPolicy EphemeralContainer.restartPolicy",
    "v1.ContainerRestartRuleAction": "ContainerRestartRule.action",
    "v1.ContainerRestartRuleOnExitCodesOperator": "ContainerRestartRuleOnExitCodes.operator",
    "v1.DNSPolicy": "PodSpec.dnsPolicy",
    "v1.FinalizerName": "NamespaceSpec.finalizers",
    "v1.HostPathType": "HostPathVolumeSource.type",
    "v1.IPFamily": "ServiceSpec.ipFamilies",
    "v1.IPFamilyPolicy": "ServiceSpec.ipFamilyPolicy",
    "v1.JobConditionType": "JobCondition.type",
    "v1.LabelSelectorOperator": "LabelSelectorRequirement.operator",
    "v1.LimitType": "LimitRangeItem.type",
    "v1.ManagedFieldsOperationType": "ManagedFieldsEntry.operation",
    "v1.MountPropagationMode": "VolumeMount.mountPropagation",
    "v1.NodeInclusionPolicy": "TopologySpreadConstraint.nodeAffinityPolicy "
    "TopologySpreadConstraint.nodeTaintsPolicy",
    "v1.NodeSelectorOperator": "NodeSelectorRequirement.operator",
    "v1.OSName": "PodOS.name",
    "v1.PersistentVolumeAccessMode": "PersistentVolumeClaimSpec.accessModes",
    "v1.PersistentVolumeMode": "PersistentVolumeClaimSpec.volumeMode",
    "v1.PodConditionType": "PodCondition.type PodFailurePolicyOnPodConditionsPattern.type "
    "PodReadinessGate.conditionType",
    "v1.PodFSGroupChangePolicy": "PodSecurityContext.fsGroupChangePolicy",
    "v1.PodFailurePolicyAction": "PodFailurePolicyRule.action",
    "v1.PodFailurePolicyOnExitCodesOperator": "PodFailurePolicyOnExitCodesRequirement.operator",
    "v1.PodPhase": "PodStatus.phase",
    "v1.PodReplacementPolicy": "JobSpec.podReplacementPolicy",
    "v1.PodSELinuxChangePolicy": "PodSecurityContext.seLinuxChangePolicy",
    "v1.PreemptionPolicy": "PodSpec.preemptionPolicy",
    "v1.ProcMountType": "SecurityContext.procMount",
    "v1.Protocol": "ContainerPort.protocol ServicePort.protocol",
    "v1.PullPolicy": "Container.imagePullPolicy EphemeralContainer.imagePullPolicy "
    "ImageVolumeSource.pullPolicy",
    "v1.RecursiveReadOnlyMode": "VolumeMount.recursiveReadOnly",
    "v1.ResourceName": "ContainerResizePolicy.resourceName",
    "v1.ResourceQuotaScope": "ResourceQuotaSpec.scopes ScopedResourceSelectorRequirement.scopeName",
    "v1.ResourceResizeRestartPolicy": "ContainerResizePolicy.restartPolicy",
    "v1.RestartPolicy": "PodSpec.restartPolicy",
    "v1.ScopeSelectorOperator": "ScopedResourceSelectorRequirement.operator",
    "v1.SeccompProfileType": "SeccompProfile.type",
    "v1.SecretType": "Secret.type",
    "v1.ServiceAffinity": "ServiceSpec.sessionAffinity",
    "v1.ServiceExternalTrafficPolicy": "ServiceSpec.externalTrafficPolicy",
    "v1.ServiceInternalTrafficPolicy": "ServiceSpec.internalTrafficPolicy",
    "v1.ServiceType": "ServiceSpec.type",
    "v1.Signal": "Lifecycle.stopSignal",
    "v1.StorageMedium": "EmptyDirVolumeSource.medium",
    "v1.SupplementalGroupsPolicy": "PodSecurityContext.supplementalGroupsPolicy",
    "v1.TaintEffect": "Toleration.effect",
    "v1.TerminationMessagePolicy": "Container.terminationMessagePolicy "
    "EphemeralContainer.terminationMessagePolicy",
    "v1.TolerationOperator": "Toleration.operator",
    "v1.URIScheme": "HTTPGetAction.scheme",
    "v1.UnsatisfiableConstraintAction": "TopologySpreadConstraint.whenUnsatisfiable",
}
"""Types of text with a name of their own, and the fields that have them."""
NAMED: Final = {field: name for name, fields in _TEXTS.items() for field in fields.split()}
"""The named type of a field of text, ``Struct.field``."""
