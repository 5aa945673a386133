"""The volumes of a pod: unique names, and one source each.

Volumes that are files: of the node, of ConfigMaps and Secrets, of the pod's own fields, of images.

Projected volumes: several sources in one folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    not_supported,
    required,
)
from expander.validate.rules.pod import volume_plugins
from expander.validate.rules.pod.containers import check_pull_policy
from expander.validate.rules.pod.references import (
    VOLUME_FIELDS,
    ClaimOwner,
    check_descending,
    check_field_ref,
    check_no_climbing,
    check_resource_field_ref,
    check_unreserved,
)
from expander.validate.rules.pod.volume_plugins import check_required_fields

if TYPE_CHECKING:
    from expander.validate.rules import core
    from expander.validate.rules.pod import certificates
else:  # fields that few volumes have
    certificates = late_module("expander.validate.rules.pod.certificates")
    core = late_module("expander.validate.rules.core")

_HOST_PATH_TYPES: Final = (
    *("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate"),
    *("File", "FileOrCreate", "Socket"),
)
_MAX_MODE: Final = 0o777

Source = Mapping[str, Any]


def check_host_path(source: Source, where: str) -> Findings:
    """A path of the node that does not climb, and a known type."""
    path = source.get("path") or ""
    if not path:
        yield required(f"{where}.path")
        return
    yield from check_no_climbing(path, f"{where}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        yield not_supported(f"{where}.type", kind, _HOST_PATH_TYPES)


def check_git_repo(source: Source, where: str) -> Findings:
    """A repository, and a folder inside the volume."""
    if not source.get("repository"):
        yield required(f"{where}.repository")
    yield from check_descending(source.get("directory") or "", f"{where}.directory")


def check_secret(source: Source, where: str) -> Findings:
    """A named Secret and the files made of its keys."""
    if not source.get("secretName"):
        yield required(f"{where}.secretName")
    yield from check_mode(source.get("defaultMode"), f"{where}.defaultMode")
    yield from check_items(source, where)


def check_config_map(source: Source, where: str) -> Findings:
    """A named ConfigMap and the files made of its keys."""
    if not source.get("name"):
        yield required(f"{where}.name")
    yield from check_mode(source.get("defaultMode"), f"{where}.defaultMode")
    yield from check_items(source, where)


def check_downward_api(source: Source, where: str) -> Findings:
    """Files that hold fields of the pod; findings on a file are at the volume, not at its entry."""
    yield from check_mode(source.get("defaultMode"), f"{where}.defaultMode")
    for _, file in each(source.get("items"), where):
        yield from check_downward_file(file, where)


def check_downward_file(file: Source, where: str) -> Findings:
    """One file: a path inside the volume, and either a field or a resource."""
    path = file.get("path") or ""
    if not path:
        yield required(f"{where}.path")
    yield from check_unreserved(path, f"{where}.path")
    field, resource = file.get("fieldRef"), file.get("resourceFieldRef")
    if field is not None:
        yield from check_field_ref(field, VOLUME_FIELDS, f"{where}.fieldRef")
        if resource is not None:
            yield invalid(
                where, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"
            )
    elif resource is not None:
        yield from check_resource_field_ref(resource, f"{where}.resourceFieldRef", in_volume=True)
    else:
        yield required(where, "one of fieldRef and resourceFieldRef is required")
    yield from check_mode(file.get("mode"), f"{where}.mode")


def check_image(source: Source, where: str) -> Findings:
    """An image as a volume."""
    if not source.get("reference"):
        yield required(f"{where}.reference")
    yield from check_pull_policy(source.get("pullPolicy"), f"{where}.pullPolicy")


def check_items(source: Source, where: str) -> Findings:
    """The chosen keys: each has a key, a path inside the volume and possibly a mode."""
    for at, item in each(source.get("items"), f"{where}.items"):
        path = item.get("path") or ""
        if not item.get("key"):
            yield required(f"{at}.key")
        if not path:
            yield required(f"{at}.path")
        yield from check_unreserved(path, f"{at}.path")
        yield from check_mode(item.get("mode"), f"{at}.mode")


def check_mode(mode: int | None, where: str) -> Findings:
    """Permission bits of a file."""
    if mode is not None and not 0 <= mode <= _MAX_MODE:
        yield invalid(where, mode, "must be a number between 0 and 0777 (octal), both inclusive")


_KINDS: Final = (
    *("secret", "configMap", "downwardAPI", "serviceAccountToken"),
    *("clusterTrustBundle", "podCertificate"),
)
_MIN_TOKEN_SECONDS: Final = 600
_MAX_TOKEN_SECONDS: Final = 2**32
_DEFAULT_TOKEN_SECONDS: Final = 3600


def check_projected(source: Mapping[str, Any], where: str) -> Findings:
    """Each entry has one kind of source, and no two files have the same path."""
    yield from check_mode(source.get("defaultMode"), f"{where}.defaultMode")
    paths: set[str] = set()
    for at, entry in each(source.get("sources"), f"{where}.sources"):
        given = [kind for kind in _KINDS if entry.get(kind) is not None]
        for kind in given:
            yield from _check_kind(kind, entry[kind], f"{at}.{kind}", where)
        for path, blamed in _files(entry):
            if path in paths:
                yield invalid(where, blamed, "conflicting duplicate paths")
            paths.add(path)
        if len(given) > 1:
            yield forbidden(at, "may not specify more than 1 volume type per source")


def _check_kind(kind: str, source: Mapping[str, Any], where: str, volume: str) -> Findings:
    if kind == "downwardAPI":
        for _, file in each(source.get("items"), where):
            yield from check_downward_file(file, where)
    elif kind == "serviceAccountToken":
        yield from _check_token(source, where, volume)
    elif kind == "clusterTrustBundle":
        yield from certificates.check_trust_bundle(source, where)
    elif kind == "podCertificate":
        yield from certificates.check_certificate(source, where)
    else:
        if not source.get("name"):
            yield required(f"{where}.name")
        yield from check_items(source, where)


def _check_token(token: Mapping[str, Any], where: str, volume: str) -> Findings:
    """A lifetime in seconds; findings on the path are at the volume."""
    seconds = token.get("expirationSeconds")
    seconds = _DEFAULT_TOKEN_SECONDS if seconds is None else seconds
    at = f"{where}.expirationSeconds"
    if seconds < _MIN_TOKEN_SECONDS:
        yield invalid(at, seconds, "may not specify a duration less than 10 minutes")
    if seconds > _MAX_TOKEN_SECONDS:
        yield invalid(at, seconds, "may not specify a duration larger than 2^32 seconds")
    path = token.get("path") or ""
    if not path:
        yield required(f"{volume}.path")
    else:
        yield from check_unreserved(path, f"{volume}.path")


def _files(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, what the server names when it is taken) of each file the entry lists."""
    for kind in ("secret", "configMap", "downwardAPI"):
        source = entry.get(kind) or EMPTY
        for _, item in each(source.get("items"), ""):
            if path := item.get("path"):
                yield path, path if kind == "downwardAPI" else source.get("name") or ""
    if entry.get("clusterTrustBundle") is not None:
        path = entry["clusterTrustBundle"].get("path") or ""
        yield path, path
    for field in certificates.CERTIFICATE_PATHS:
        if path := (entry.get("podCertificate") or EMPTY).get(field):
            yield path, path


Volume = Mapping[str, Any]

# In the order in which the server looks at them: the first source that is given is checked, any other is
# one too many. Two of them appear under another name in that finding, one in the findings of its fields.
_SOURCES: Final = (
    *("emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs"),
    *("iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte"),
    *("downwardAPI", "fc", "flexVolume", "configMap", "azureFile", "vsphereVolume"),
    *("photonPersistentDisk", "portworxVolume", "azureDisk", "storageos", "projected", "scaleIO"),
    *("csi", "ephemeral", "image"),
)
_RANKS: Final = {name: rank for rank, name in enumerate(_SOURCES)}
_NAMES_WHEN_ONE_TOO_MANY: Final = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
_NAMES_OF_FIELDS: Final = {"gcePersistentDisk": "persistentDisk"}


def check_volumes(
    volumes: Sequence[Any], where: str, owner: ClaimOwner
) -> tuple[dict[str, Volume], list[Finding]]:
    """The volumes without findings, by name, and the findings; mounts of any other are not found."""
    sound: dict[str, Volume] = {}
    found: list[Finding] = []
    created = {owner.claim_of(volume) for volume in volumes if volume and volume.get("ephemeral") is not None}
    for at, volume in each(volumes, where):
        name = volume.get("name") or ""
        wrong = [*_check_source(volume, at, owner), *_check_name(name, f"{at}.name")]
        if name in sound:
            wrong.append(duplicate(f"{at}.name", name))
        if wrong:
            found += wrong
        else:
            sound[name] = volume
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and claim in created:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            found.append(invalid(f"{at}.persistentVolumeClaim.claimName", claim, detail))
    return sound, found


def _check_name(name: str, where: str) -> Findings:
    if not name:
        yield required(where)
    elif wrong := formats.dns_label(name):
        yield from invalid_each(where, name, wrong)


def _check_source(volume: Volume, where: str, owner: ClaimOwner) -> Findings:
    given = [name for name, source in volume.items() if source is not None and name in _RANKS]
    if len(given) > 1:
        given.sort(key=_RANKS.__getitem__)
    if given:
        name = given[0]
        at = f"{where}.{_NAMES_OF_FIELDS.get(name, name)}"
        yield from _check_fields(name, volume[name], at, owner)
        if name == "ephemeral":
            yield from volume_plugins.check_created_claim(volume, where, owner)
    for extra in given[1:]:
        name = _NAMES_WHEN_ONE_TOO_MANY.get(extra, extra)
        yield forbidden(f"{where}.{name}", "may not specify more than 1 volume type")
    if "iscsi" in given:
        yield from volume_plugins.check_iscsi_name(volume, f"{where}.name")


def _check_fields(name: str, source: Volume, where: str, owner: ClaimOwner) -> Findings:
    """The fields of one source, by its rule; a source without one has required fields, or no rules."""
    if name == "emptyDir":
        limit = source.get("sizeLimit")
        yield from core.check_quantity(limit, f"{where}.sizeLimit")
        if limit is not None and core.amount(limit).value < 0:
            yield forbidden(f"{where}.sizeLimit", "SizeLimit field must be a valid resource quantity")
    elif rule := _RULES.get(name):
        yield from rule(source, where)
    else:
        yield from check_required_fields(name, source, where)


_RULES: Final = {
    "hostPath": check_host_path,
    "gitRepo": check_git_repo,
    "secret": check_secret,
    "configMap": check_config_map,
    "downwardAPI": check_downward_api,
    "projected": check_projected,
    "nfs": volume_plugins.check_nfs,
    "gcePersistentDisk": volume_plugins.check_gce_disk,
    "awsElasticBlockStore": volume_plugins.check_aws_disk,
    "iscsi": volume_plugins.check_iscsi,
    "fc": volume_plugins.check_fibre_channel,
    "azureDisk": volume_plugins.check_azure_disk,
    "flocker": volume_plugins.check_flocker,
    "quobyte": volume_plugins.check_quobyte,
    "flexVolume": volume_plugins.check_flex,
    "storageos": volume_plugins.check_storageos,
    "image": check_image,
    "csi": volume_plugins.check_csi,
    "ephemeral": volume_plugins.check_ephemeral,
}
