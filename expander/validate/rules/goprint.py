"""The Go structs of pkg/apis/core and pkg/apis/batch (1.36): their fields, in the order of printing.

Objects as the API server prints them in messages: the JSON of its own Go structs.

The names are those of the Go fields, in the order of the struct, and what is left out shows its zero value;
`STRUCTS` lists them. Labels, selectors and other values of apimachinery look as in a manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex

STRUCTS: Final = {
    "PodSpec": """Volumes:Volume InitContainers:Container Containers:Container EphemeralContainers:Container
        RestartPolicy= TerminationGracePeriodSeconds ActiveDeadlineSeconds DNSPolicy= NodeSelector
        ServiceAccountName= AutomountServiceAccountToken NodeName= SecurityContext:PodSecurityContext
        ImagePullSecrets:Named Hostname= Subdomain= SetHostnameAsFQDN Affinity:Affinity SchedulerName=
        Tolerations:Toleration HostAliases:HostAlias PriorityClassName= Priority PreemptionPolicy
        DNSConfig:DNSConfig ReadinessGates:Gate RuntimeClassName Overhead EnableServiceLinks
        TopologySpreadConstraints:Spread OS:Named SchedulingGates:Named ResourceClaims:ResourceClaim
        Resources:Resources HostnameOverride SchedulingGroup""",
    "PodSecurityContext": """HostNetwork! HostPID! HostIPC! ShareProcessNamespace HostUsers
        SELinuxOptions:SELinux WindowsOptions:Windows RunAsUser RunAsGroup RunAsNonRoot SupplementalGroups
        SupplementalGroupsPolicy FSGroup FSGroupChangePolicy Sysctls:NameValue SeccompProfile:Profile
        AppArmorProfile:Profile SELinuxChangePolicy""",
    "Container": """Name= Image= Command Args WorkingDir= Ports:Port EnvFrom:EnvFrom Env:Env
        Resources:Resources ResizePolicy:Resize RestartPolicy RestartPolicyRules:RestartRule
        VolumeMounts:Mount VolumeDevices:Device LivenessProbe:Probe ReadinessProbe:Probe StartupProbe:Probe
        Lifecycle:Lifecycle TerminationMessagePath= TerminationMessagePolicy= ImagePullPolicy=
        SecurityContext:SecurityContext Stdin! StdinOnce! TTY!""",
    "SecurityContext": """Capabilities:Capabilities Privileged SELinuxOptions:SELinux WindowsOptions:Windows
        RunAsUser RunAsGroup RunAsNonRoot ReadOnlyRootFilesystem AllowPrivilegeEscalation ProcMount
        SeccompProfile:Profile AppArmorProfile:Profile""",
    "Capabilities": "Add Drop",
    "SELinux": "User= Role= Type= Level=",
    "Windows": "GMSACredentialSpecName GMSACredentialSpec RunAsUserName HostProcess",
    "Profile": "Type= LocalhostProfile",
    "Resources": "Limits Requests Claims:Claim",
    "Claim": "Name= Request=",
    "ResourceClaim": "Name= ResourceClaimName ResourceClaimTemplateName",
    "Resize": "ResourceName= RestartPolicy=",
    "RestartRule": "Action= ExitCodes:RestartCodes",
    "RestartCodes": "Operator= Values",
    "Port": "Name= HostPort# ContainerPort# Protocol= HostIP=",
    "Env": "Name= Value= ValueFrom:EnvSource",
    "EnvSource": """FieldRef:FieldRef ResourceFieldRef:ResourceRef ConfigMapKeyRef:KeyRef SecretKeyRef:KeyRef
        FileKeyRef:FileKeyRef""",
    "EnvFrom": "Prefix= ConfigMapRef:OptionalRef SecretRef:OptionalRef",
    "FieldRef": "APIVersion= FieldPath=",
    "ResourceRef": "ContainerName= Resource= Divisor",
    "KeyRef": "Name= Key= Optional",
    "FileKeyRef": "VolumeName= Path= Key= Optional",
    "OptionalRef": "Name= Optional",
    "Mount": "Name= ReadOnly! RecursiveReadOnly MountPath= SubPath= MountPropagation SubPathExpr=",
    "Device": "Name= DevicePath=",
    "Probe": """Exec:Exec HTTPGet:HTTPGet TCPSocket:TCPSocket GRPC:GRPC InitialDelaySeconds# TimeoutSeconds#
        PeriodSeconds# SuccessThreshold# FailureThreshold# TerminationGracePeriodSeconds""",
    "Exec": "Command",
    "HTTPGet": "Path= Port Host= Scheme= HTTPHeaders:NameValue",
    "TCPSocket": "Port Host=",
    "GRPC": "Port# Service",
    "Lifecycle": "PostStart:Handler PreStop:Handler StopSignal",
    "Handler": "Exec:Exec HTTPGet:HTTPGet TCPSocket:TCPSocket Sleep:Sleep",
    "Sleep": "Seconds#",
    "Named": "Name=",
    "NameValue": "Name= Value=",
    "Gate": "ConditionType=",
    "HostAlias": "IP= Hostnames",
    "Toleration": "Key= Operator= Value= Effect= TolerationSeconds",
    "DNSConfig": "Nameservers Searches Options:DNSOption",
    "DNSOption": "Name= Value",
    "Spread": """MaxSkew# TopologyKey= WhenUnsatisfiable= LabelSelector MinDomains NodeAffinityPolicy
        NodeTaintsPolicy MatchLabelKeys""",
    "Affinity": "NodeAffinity:NodeAffinity PodAffinity:PodAffinity PodAntiAffinity:PodAffinity",
    "NodeAffinity": """RequiredDuringSchedulingIgnoredDuringExecution:NodeSelector
        PreferredDuringSchedulingIgnoredDuringExecution:PreferredNode""",
    "NodeSelector": "NodeSelectorTerms:NodeTerm",
    "NodeTerm": "MatchExpressions:NodeRequirement MatchFields:NodeRequirement",
    "NodeRequirement": "Key= Operator= Values",
    "PreferredNode": "Weight# Preference:NodeTerm",
    "PodAffinity": """RequiredDuringSchedulingIgnoredDuringExecution:PodTerm
        PreferredDuringSchedulingIgnoredDuringExecution:PreferredPod""",
    "PodTerm": "LabelSelector Namespaces TopologyKey= NamespaceSelector MatchLabelKeys MismatchLabelKeys",
    "PreferredPod": "Weight# PodAffinityTerm:PodTerm",
    "Volume": """Name= HostPath:HostPath EmptyDir:EmptyDir GCEPersistentDisk:Any AWSElasticBlockStore:Any
        GitRepo:Any Secret:SecretVolume NFS:NFS ISCSI:Any Glusterfs:Any PersistentVolumeClaim:ClaimVolume
        RBD:Any Quobyte:Any FlexVolume:Any Cinder:Any CephFS:Any Flocker:Any DownwardAPI:DownwardAPI FC:Any
        AzureFile:Any ConfigMap:ConfigMapVolume VsphereVolume:Any AzureDisk:Any PhotonPersistentDisk:Any
        Projected:Projected PortworxVolume:Any ScaleIO:Any StorageOS:Any CSI:Any Ephemeral:Any Image:Image""",
    "HostPath": "Path= Type",
    "EmptyDir": "Medium= SizeLimit",
    "SecretVolume": "SecretName= Items:KeyToPath DefaultMode Optional",
    "ConfigMapVolume": "Name= Items:KeyToPath DefaultMode Optional",
    "KeyToPath": "Key= Path= Mode",
    "NFS": "Server= Path= ReadOnly!",
    "ClaimVolume": "ClaimName= ReadOnly!",
    "DownwardAPI": "Items:DownwardFile DefaultMode",
    "DownwardFile": "Path= FieldRef:FieldRef ResourceFieldRef:ResourceRef Mode",
    "Image": "Reference= PullPolicy=",
    "Projected": "Sources:Projection DefaultMode",
    "Projection": """Secret:ProjectedKeys DownwardAPI:ProjectedFiles ConfigMap:ProjectedKeys
        ServiceAccountToken:Token ClusterTrustBundle:Any PodCertificate:Any""",
    "ProjectedKeys": "Name= Items:KeyToPath Optional",
    "ProjectedFiles": "Items:DownwardFile",
    "Token": "Audience= ExpirationSeconds# Path=",
    "PodFailurePolicy": "Rules:FailureRule",
    "FailureRule": "Action= OnExitCodes:ExitCodes OnPodConditions:ConditionPattern",
    "ExitCodes": "ContainerName Operator= Values",
    "ConditionPattern": "Type= Status=",
    "SuccessPolicy": "Rules:SuccessRule",
    "SuccessRule": "SucceededIndexes SucceededCount",
}
"""The fields of each struct; after a name comes ``=``, ``!`` or ``#`` for a text, a boolean or a number that
is never null, or ``:`` and the struct of its value or values. ``Any`` is a struct that is not listed."""


ZERO: Final = {"=": "", "!": False, "#": 0, "": None, ":": None}
METADATA: Final = (
    "name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp "
    "deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields"
).split()
OF_THE_POD: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
"""Fields of a manifest's pod spec that the server keeps in its security context."""

SELECTOR: Final = ("matchLabels", "matchExpressions")

_CAPITALS = regex(r"[A-Z]+(?![a-z])|[A-Z]")
_ENTRY = regex(r"(\w+)([=!#:]?)(\w*)")
_UNLIKE: Final = {"CephFS": "cephfs", "StorageOS": "storageos", "GMSACredentialSpec": "gmsaCredentialSpec"}


class Field(NamedTuple):
    """A field of a Go struct: its name there and in manifests, its zero value, the struct of its value."""

    name: str
    key: str
    zero: Any
    struct: str


def printed(struct: str, value: Any) -> Any:
    """JSON data of ``value``, or of each of a list of values, as the server prints it as ``struct``."""
    if isinstance(value, list):
        return [printed(struct, each or {}) for each in value]
    if not isinstance(value, Mapping):
        return value
    if struct == "Any":
        return {name[:1].upper() + name[1:]: below for name, below in value.items()}
    return {field.name: _value_of(value, field) for field in fields(struct)}


def printed_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """JSON data of a pod template; the fields of its metadata stand beside its spec."""
    metadata = template.get("metadata") or {}
    named = {name: _in_order(metadata[name]) for name in METADATA if metadata.get(name)}
    return {**named, "Spec": printed_pod_spec(template.get("spec") or {})}


def printed_pod_spec(spec: Mapping[str, Any]) -> Any:
    """JSON data of the spec of a pod."""
    moved = {name: spec[name] for name in OF_THE_POD if name in spec}
    context = spec.get("securityContext")
    if moved or context is not None:
        spec = {**spec, "securityContext": {**moved, **(context or {})}}
    return printed("PodSpec", spec)


@cache
def fields(struct: str) -> tuple[Field, ...]:
    """The fields of a struct, in its order."""
    found = []
    for entry in STRUCTS[struct].split():
        match = _ENTRY.fullmatch(entry)
        assert match is not None
        name, sign, below = match.groups()
        found.append(Field(name, _key_of(name), ZERO[sign], below))
    return tuple(found)


def _value_of(value: Mapping[str, Any], field: Field) -> Any:
    below = value.get(field.key)
    if below is None:
        return field.zero
    return printed(field.struct, below) if field.struct else _in_order(below)


def _in_order(value: Any) -> Any:
    """A map as Go prints it: in the order of its keys, a selector in that of its fields."""
    if not isinstance(value, Mapping):
        return value
    if not value.keys() <= {*SELECTOR}:
        return dict(sorted(value.items()))
    return {name: _in_order(value[name]) for name in SELECTOR if name in value}


def _key_of(name: str) -> str:
    """The key in manifests of a field of Go: ``DNSPolicy`` is ``dnsPolicy``."""
    if name in _UNLIKE:
        return _UNLIKE[name]
    capitals = _CAPITALS.match(name)
    return name if capitals is None else capitals[0].lower() + name[capitals.end() :]
