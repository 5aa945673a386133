"""Why a body cannot be decoded, in the words of kube-apiserver's decoder.

`validate.schema` words findings for people who write YAML; clients of the API get Go's: its types, and the
path of struct fields without places in lists and keys of maps. Like Go, only the first value of a wrong type
is told, and unknown fields only when there is none. Duplicate fields are those of ``sigs.k8s.io/json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from expander.kube import schemas
from expander.kube.api_resource import Resource
from expander.kube.gofmt import quoted
from expander.kube.schemas import FieldType, type_of
from expander.local.registry import RELEASE
from expander.validate.finding import Finding, Reason

MAX_PROBLEMS: Final = 100
"""Problems of a body that are told."""


class _Twice(dict[str, Any]):
    """An object that names fields twice, with the values it had for them before the last."""

    pairs: list[tuple[str, Any]]


def _count_names(body: bytes) -> int:
    """How many names of fields a JSON text has, or more: a part of some texts looks like the end of one."""
    within = 0 if b'\\\\":' in body else body.count(b'\\":')  # names in JSON that is a text
    return body.count(b'":') - within


def _is_spaced(body: bytes) -> bool:
    """Whether a name may stand apart from its colon."""
    return b" :" in body or b"\n:" in body or b"\t:" in body or b"\r:" in body


def _count_fields(value: Any) -> int:
    """How many fields the objects in a value have."""
    count, found = 0, [value]
    for each in found:  # which grows meanwhile
        if isinstance(each, dict):
            count += len(each)
            found += each.values()
        elif isinstance(each, list):
            found += each
    return count


def duplicate_fields(body: bytes, obj: Any) -> list[str]:
    """What is said of each field that comes twice: in an error when strict, else as a warning.

    ``obj`` is what the JSON of ``body`` holds. Raises RecursionError when it is nested too deeply.
    """
    if not _is_spaced(body) and _count_names(body) == _count_fields(obj):
        return []
    found = False

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        obj = dict(pairs)
        if len(obj) == len(pairs):
            return obj
        found, twice = True, _Twice(obj)
        twice.pairs = pairs
        return twice

    tree = json.loads(body, object_pairs_hook=kept)
    if not found:
        return []
    paths = dict.fromkeys(_paths(tree, ""))
    return [f"duplicate field {quoted(path)}" for path in [*paths][:MAX_PROBLEMS]]


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        seen = set()
        for key, item in value.pairs if isinstance(value, _Twice) else value.items():
            below = f"{path}.{key}" if path else key
            if key in seen:
                yield below
            seen.add(key)
            yield from _paths(item, below)


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
TYPE_NAMES: Final = {field: name for name, fields in _TEXTS.items() for field in fields.split()}
"""The named type of a field of text, ``Struct.field``."""


Object = Mapping[str, Any]
_SCALARS: Final = {
    FieldType.INT32: "int32",
    FieldType.INT64: "int64",
    FieldType.NUMBER: "float64",
    FieldType.BOOLEAN: "bool",
    FieldType.TIME: "string",
    FieldType.QUANTITY: "resource.Quantity",
    FieldType.INT_OR_STRING: "int32",
}
_WHOLE: Final = ("int32", "int64")
_NOT_A_QUANTITY: Final = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_SCHEME: Final = '"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"'
_SHOWN: Final = 30
"""Bytes of a body that are shown."""
_TIME_LAYOUT: Final = "2006-01-02T15:04:05Z07:00"


def wrong_kind(resource: Resource, obj: Any, body: bytes) -> str | None:
    """The message of the 400 for an object that is none of ``resource``; None when it is one.

    What is absent is taken to be as the resource wants it. ``body`` is the object as it was sent.
    """
    if not isinstance(obj, Mapping):
        return unrecognized(resource, _unmarshal_top(_json_kind(obj, "")), body)
    for field in ("apiVersion", "kind"):
        value = obj.get(field)
        if value is not None and not isinstance(value, str):
            parse = _unmarshal(_json_kind(value, "string"), f".{field}", "string")
            return unrecognized(resource, f"couldn't get version/kind; json parse error: {parse}", body)
    api_version, kind = obj.get("apiVersion") or resource.api_version, obj.get("kind") or resource.kind
    if (api_version, kind) == (resource.api_version, resource.kind):
        return None
    version = api_version.rpartition("/")[2]
    if kind in schemas.kinds(RELEASE).get(api_version, ()):
        wanted = f"{resource.group or 'core'}.{resource.kind}"
        why = f"converting ({version}.{kind}) to ({wanted}): unknown conversion"
    else:
        why = f"no kind {quoted(kind)} is registered for version {quoted(api_version)} in scheme {_SCHEME}"
    return f"{kind} in version {quoted(version)} cannot be handled as a {resource.kind}: {why}"


def unrecognized(resource: Resource, why: str, body: bytes) -> str:
    """The message of the 400 for a body of which not even the kind can be read; its beginning is shown."""
    start = body[:_SHOWN]
    shown = start.decode(errors="replace") if start.startswith(b"{") else start.hex()
    more = " ..." if len(body) > _SHOWN else ""
    return (
        f"the object provided is unrecognized (must be of type {resource.kind}): {why} "
        f"({shown + more if body else '<empty>'})"
    )


def _unmarshal_top(kind: str) -> str:
    fields = r'APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\""'
    parse = f"json: cannot unmarshal {kind} into Go value of type struct {{ {fields} }}"
    return f"couldn't get version/kind; json parse error: {parse}"


def refusal(resource: Resource, obj: Object, findings: Sequence[Finding]) -> str:
    """The message of the 400 for what `validate.schema` found in ``obj``; there is at least one finding."""
    wrong = [each for each in findings if each.reason is not Reason.UNKNOWN_FIELD]
    if not wrong:
        return unhandled(resource, strict_error(unknown_fields(findings)))
    schema = schemas.root(resource.api_version, resource.kind, RELEASE) or schemas.EVERYTHING
    return unhandled(resource, type_error(resource.kind, schema, obj, wrong[0].steps))


def metadata_refusal(resource: Resource, obj: Object, finding: Finding) -> str:
    """Go's words for metadata that are none."""
    _, *steps = finding.steps
    metadata = obj["metadata"]
    if not isinstance(metadata, Mapping):
        sort = {list: "array", str: "string", bool: "bool"}.get(type(metadata), "number")
        words = f"json: cannot unmarshal {sort} into Go value of type v1.ObjectMeta"
    else:
        words = type_error("ObjectMeta", schemas.resolve(schemas.object_meta(RELEASE)), metadata, steps)
    return unhandled(resource, words)


def unhandled(resource: Resource, words: str) -> str:
    """The message of the 400 for an object of the right kind that cannot be decoded."""
    kind, version = resource.kind, resource.version
    return f'{kind} in version "{version}" cannot be handled as a {kind}: {words}'


def unknown_fields(findings: Iterable[Finding]) -> list[str]:
    """What is said of each field that the kind has not: in an error when strict, else as a warning."""
    return [f"unknown field {quoted(each.path)}" for each in findings if each.reason is Reason.UNKNOWN_FIELD]


def strict_error(problems: Sequence[str]) -> str:
    """The words for fields that are unknown or come twice."""
    return f"strict decoding error: {', '.join(problems)}"


def type_error(struct: str, schema: schemas.Schema, value: Any, steps: Sequence[str | int]) -> str:
    """Go's words for the value at ``steps`` of a ``struct`` with that schema, whose field cannot hold it."""
    path, field = list[str](), ""
    for step in steps:
        kind = type_of(schema)
        if kind is FieldType.OBJECT:
            struct, field = _title(schema) or struct, str(step)
            within = embedded(struct, field)
            path += [within, field] if within else [field]
        schema = schemas.child(schema, step) or schemas.EVERYTHING
        value = value[step]
    kind = type_of(schema)
    if kind is FieldType.QUANTITY:
        return _NOT_A_QUANTITY
    if kind is FieldType.TIME and isinstance(value, str):
        shown = quoted(value)
        return f'parsing time {shown} as "{_TIME_LAYOUT}": cannot parse {shown} as "2006"'
    wanted = _go_type(schema, struct, field)
    return _unmarshal(_json_kind(value, wanted), f"{struct}.{'.'.join(path)}", wanted)


def _unmarshal(kind: str, place: str, wanted: str) -> str:
    return f"json: cannot unmarshal {kind} into Go struct field {place} of type {wanted}"


def _json_kind(value: Any, wanted: str) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return f"number {json.dumps(value)}" if wanted in _WHOLE else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _go_type(schema: schemas.Schema, struct: str, field: str) -> str:
    """The Go type of a value that a resolved schema describes, in that field of that struct."""
    kind = type_of(schema)
    if kind is FieldType.STRING:
        named = TYPE_NAMES.get(f"{struct}.{field}")
        return named or "string"
    if kind is FieldType.LIST:
        return f"[]{_go_type(schemas.resolve(schema['items']), struct, field)}"
    if kind is FieldType.MAP:
        below = _go_type(schemas.resolve(schema["additionalProperties"]), struct, field)
        return "v1.ResourceList" if below == "resource.Quantity" else f"map[string]{below}"
    if kind is FieldType.OBJECT:
        return f"v1.{_title(schema)}"
    return _SCALARS.get(kind, "string")


def _title(schema: schemas.Schema) -> str:
    title: str = schema.get("title", "")
    return title.rpartition(".")[2]
