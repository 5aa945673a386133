"""PersistentVolumes, StorageClasses and what is known of their capacity.

``ValidatePersistentVolume`` of pkg/apis/core/validation, ``ValidateStorageClass`` and
``ValidateCSIStorageCapacity`` of pkg/apis/storage/validation decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import normpath
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.claim import check_access_modes, check_volume_mode
from expander.validate.rules.core import amount, whole_units
from expander.validate.rules.field import (
    EMPTY,
    NOT_NEGATIVE,
    POSITIVE,
    Findings,
    duplicate,
    each,
    forbidden,
    immutable,
    invalid,
    invalid_each,
    key,
    not_supported,
    required,
    texts,
    too_long,
)
from expander.validate.rules.metadata import check_label_key, check_label_selector, check_metadata
from expander.validate.rules.pod import volume_plugins
from expander.validate.rules.pod.references import check_no_climbing
from expander.validate.rules.pod.scheduling import check_node_selector
from expander.validate.rules.pod.volumes import check_host_path

Object = Mapping[str, Any]

_RECLAIM: Final = ("Delete", "Recycle", "Retain")
_CLASS_RECLAIM: Final = ("Delete", "Retain")
_BINDING: Final = ("Immediate", "WaitForFirstConsumer")
_MAX_PARAMETERS: Final = 512
_MAX_PARAMETER_BYTES: Final = 256 * 1024
_SECRETS: Final = ("controllerPublish", "controllerExpand", "nodePublish", "nodeExpand")


def fill_volume(obj: dict[str, Any]) -> None:
    """The defaults of a PersistentVolume."""
    spec = obj["spec"]
    obj["status"].setdefault("phase", "Pending")
    if not spec.get("persistentVolumeReclaimPolicy"):
        spec["persistentVolumeReclaimPolicy"] = "Retain"
    spec.setdefault("volumeMode", "Filesystem")
    if "hostPath" in spec:
        spec["hostPath"].setdefault("type", "")


def fill_class(obj: dict[str, Any]) -> None:
    """The defaults of a StorageClass."""
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def check_volume(obj: Object, release: Release) -> list[Finding]:
    """A new PersistentVolume with its defaults."""
    spec = obj.get("spec") or EMPTY
    return [
        *check_metadata(obj.get("metadata") or EMPTY, namespaced=False),
        *_check_size(spec),
        *_check_affinity(spec, release),
        *_check_sources(spec, (obj.get("metadata") or EMPTY).get("name") or ""),
        *_check_use(spec),
    ]


def _check_size(spec: Object) -> Findings:
    modes, capacity = spec.get("accessModes") or (), spec.get("capacity") or {}
    if not modes:
        yield required("spec.accessModes")
    yield from check_access_modes(modes, "spec.accessModes")
    if not capacity:
        yield required("spec.capacity")
    if "storage" not in capacity or len(capacity) > 1:
        yield not_supported("spec.capacity", dict(sorted(capacity.items())) or None, ["storage"])
    for name, text in capacity.items():
        at, size = key("spec.capacity", name), amount(text)
        if size.value < 0:
            yield invalid(at, whole_units(size), "must be a valid resource quantity")
        if size.value <= 0:
            yield invalid(at, str(size), POSITIVE)
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM:
        yield not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM)


def _check_affinity(spec: Object, release: Release) -> Findings:
    affinity = spec.get("nodeAffinity")
    if affinity is None:
        return
    if affinity.get("required") is None:
        yield required("spec.nodeAffinity.required", "must specify required node constraints")
    else:
        strict = release >= (1, 33)
        yield from check_node_selector(
            affinity["required"], "spec.nodeAffinity.required", strict_values=strict
        )


def _check_sources(spec: Object, name: str) -> Findings:
    given = [field for field in _SOURCES if spec.get(field) is not None]
    if not given:
        yield required("spec", "must specify a volume type")
    for number, field in enumerate(given):
        if number and field != "flexVolume":  # which the server lets through as a second one
            at = f"spec.{_NAMES_WHEN_ONE_TOO_MANY.get(field, field)}"
            yield forbidden(at, "may not specify more than 1 volume type")
        else:
            yield from _check_source(field, spec, name)


def _check_source(field: str, spec: Object, name: str) -> Findings:
    source, where = spec[field], f"spec.{_NAMES_OF_FIELDS.get(field, field)}"
    rule = _SOURCES[field]
    if rule is None:
        yield from volume_plugins.check_required_fields(field, source, where)
    else:
        yield from rule(source, where)
    if field == "iscsi":
        yield from volume_plugins.check_iscsi_name({"name": name, "iscsi": source}, f"{where}.targetportal")
    if field == "local" and spec.get("nodeAffinity") is None:
        yield required("spec.nodeAffinity", "Local volume requires node affinity")


def _check_use(spec: Object) -> Findings:
    path = (spec.get("hostPath") or EMPTY).get("path") or ""
    if path and normpath(path) in ("/", "//") and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        detail = "may not be 'recycle' for a hostPath mount of '/'"
        yield forbidden("spec.persistentVolumeReclaimPolicy", detail)
    if name := spec.get("storageClassName"):
        yield from invalid_each("spec.storageClassName", name, formats.dns_subdomain(name))
    yield from check_volume_mode(spec, "spec")
    name = spec.get("volumeAttributesClassName")
    if name is not None:
        where = "spec.volumeAttributesClassName"
        if name:
            yield from invalid_each(where, name, formats.dns_subdomain(name))
        else:
            yield required(where, "an empty string is disallowed")
        if spec.get("csi") is None:
            yield required("spec.csi", "has to be specified when using volumeAttributesClassName")


def _check_glusterfs(source: Object, where: str) -> Findings:
    yield from volume_plugins.check_required_fields("glusterfs", source, where)
    namespace = source.get("endpointsNamespace")
    if namespace is not None:
        at = f"{where}.endpointsNamespace"
        if not namespace:
            yield invalid(at, namespace, "if the endpointnamespace is set, it must be a valid namespace name")
        else:
            yield from invalid_each(at, namespace, formats.dns_label(namespace))


def _check_azure_file(source: Object, where: str) -> Findings:
    yield from volume_plugins.check_required_fields("azureFile", source, where)
    if source.get("secretNamespace") == "":
        yield required(f"{where}.secretNamespace")


def _check_cinder(source: Object, where: str) -> Findings:
    yield from volume_plugins.check_required_fields("cinder", source, where)
    yield from _check_secret_namespace(source, where)


def _check_storageos(source: Object, where: str) -> Findings:
    yield from volume_plugins.check_storageos(source, where)
    yield from _check_secret_namespace(source, where)


def _check_secret_namespace(source: Object, where: str) -> Findings:
    secret = source.get("secretRef")
    if secret is not None and not secret.get("namespace"):
        yield required(f"{where}.secretRef.namespace")


def _check_local(source: Object, where: str) -> Findings:
    path = source.get("path") or ""
    if not path:
        yield required(f"{where}.path")
    else:
        yield from check_no_climbing(path, f"{where}.path")


def _check_csi(source: Object, where: str) -> Findings:
    yield from volume_plugins.check_driver(source, where)
    if not source.get("volumeHandle"):
        yield required(f"{where}.volumeHandle")
    for field in _SECRETS:
        at, secret = f"{where}.{field}SecretRef", source.get(f"{field}SecretRef")
        if secret is None:
            continue
        for part, rule in (("name", formats.dns_subdomain), ("namespace", formats.dns_label)):
            if not (text := secret.get(part)):
                yield required(f"{at}.{part}")
            else:
                yield from invalid_each(f"{at}.{part}", text, rule(text))


_SOURCES: Final[Mapping[str, Any]] = {
    "hostPath": check_host_path,
    "gcePersistentDisk": volume_plugins.check_gce_disk,
    "awsElasticBlockStore": volume_plugins.check_aws_disk,
    "glusterfs": _check_glusterfs,
    "flocker": volume_plugins.check_flocker,
    "nfs": volume_plugins.check_nfs,
    "rbd": None,
    "quobyte": volume_plugins.check_quobyte,
    "cephfs": None,
    "iscsi": volume_plugins.check_iscsi,
    "cinder": _check_cinder,
    "fc": volume_plugins.check_fibre_channel,
    "flexVolume": volume_plugins.check_flex,
    "azureFile": _check_azure_file,
    "vsphereVolume": None,
    "photonPersistentDisk": None,
    "portworxVolume": None,
    "azureDisk": volume_plugins.check_azure_disk,
    "scaleIO": None,
    "local": _check_local,
    "storageos": _check_storageos,
    "csi": _check_csi,
}
"""In the order in which the server looks at them; None is a source that only has required fields."""
_NAMES_WHEN_ONE_TOO_MANY: Final = {"cephfs": "cephFS"}
_NAMES_OF_FIELDS: Final = {"gcePersistentDisk": "persistentDisk"}


def check_class(obj: Object, release: Release) -> list[Finding]:
    """A new StorageClass with its defaults."""
    return [
        *check_metadata(obj.get("metadata") or EMPTY, namespaced=False),
        *_check_provisioner(obj.get("provisioner") or "", obj.get("parameters") or EMPTY),
        *_check_policies(obj),
        *_check_topologies(obj),
    ]


def _check_provisioner(provisioner: str, parameters: Object) -> Findings:
    if not provisioner:
        yield required("provisioner")
    else:
        yield from invalid_each("provisioner", provisioner, formats.qualified_name(provisioner.lower()))
    if len(parameters) > _MAX_PARAMETERS:
        yield too_long("parameters", _MAX_PARAMETERS)
        return
    if "" in parameters:
        yield invalid("parameters", "", "field can not be empty.")
    size = sum(formats.byte_length(f"{name}{text or ''}") for name, text in parameters.items())
    if size > _MAX_PARAMETER_BYTES:
        yield too_long("parameters", _MAX_PARAMETER_BYTES)


def _check_policies(obj: Object) -> Findings:
    policy, binding = obj.get("reclaimPolicy"), obj.get("volumeBindingMode") or ""
    if policy and policy not in _CLASS_RECLAIM:
        yield not_supported("reclaimPolicy", policy, _CLASS_RECLAIM)
    if binding not in _BINDING:
        yield not_supported("volumeBindingMode", binding, _BINDING)


def _check_topologies(obj: Object) -> Findings:
    terms = obj.get("allowedTopologies") or ()
    seen: list[dict[str, frozenset[str]]] = [{} for _ in terms]  # the server begins with as many empty ones
    for at, term in each(terms, "allowedTopologies"):
        wanted: dict[str, frozenset[str]] = {}
        for here, requirement in each(term.get("matchLabelExpressions"), f"{at}.matchLabelExpressions"):
            name = requirement.get("key") or ""
            yield from _check_topology_values(requirement, here)
            yield from check_label_key(name, f"{here}.key")
            if name in wanted:
                yield duplicate(f"{here}.key", name)
            wanted[name] = frozenset(requirement.get("values") or ())
        for _ in range(seen.count(wanted)):
            yield duplicate(f"{at}.matchLabelExpressions", "")
        seen.append(wanted)


def _check_topology_values(requirement: Object, where: str) -> Findings:
    values: set[str] = set()
    if not requirement.get("values"):
        yield required(f"{where}.values")
    for at, value in texts(requirement.get("values"), f"{where}.values"):
        if value in values:
            yield duplicate(at, value)
        values.add(value)


def check_capacity(obj: Object, release: Release) -> list[Finding]:
    """A new CSIStorageCapacity."""
    name = obj.get("storageClassName") or ""
    found = [
        *check_metadata(obj.get("metadata") or EMPTY),
        *check_label_selector(obj.get("nodeTopology"), "nodeTopology"),
        *invalid_each("storageClassName", name, formats.dns_subdomain(name)),
    ]
    if amount(obj.get("capacity")).value < 0:
        found.append(invalid("capacity", obj["capacity"], NOT_NEGATIVE))
    return found


def check_capacity_changes(new: Object, old: Object, release: Release) -> Findings:
    """The nodes and the class of a CSIStorageCapacity stay."""
    for field in ("nodeTopology", "storageClassName"):
        if new.get(field) != old.get(field):
            yield immutable(field, new.get(field))
