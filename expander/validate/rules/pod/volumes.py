"""The volumes of a pod: unique names, and one source each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.amounts import amount, check_quantity
from expander.validate.rules.checks import (
    Findings,
    duplicate,
    each,
    forbidden,
    invalid,
    invalid_each,
    required,
)
from expander.validate.rules.pod import volume_claims, volume_disks, volume_files, volume_projected
from expander.validate.rules.pod.volume_claims import ClaimOwner
from expander.validate.rules.pod.volume_required import check_required_fields

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
            yield from volume_claims.check_created_claim(volume, where, owner)
    for extra in given[1:]:
        name = _NAMES_WHEN_ONE_TOO_MANY.get(extra, extra)
        yield forbidden(f"{where}.{name}", "may not specify more than 1 volume type")
    if "iscsi" in given:
        yield from volume_disks.check_iscsi_name(volume, f"{where}.name")


def _check_fields(name: str, source: Volume, where: str, owner: ClaimOwner) -> Findings:
    """The fields of one source, by its rule; a source without one has required fields, or no rules."""
    if name == "emptyDir":
        limit = source.get("sizeLimit")
        yield from check_quantity(limit, f"{where}.sizeLimit")
        if limit is not None and amount(limit).value < 0:
            yield forbidden(f"{where}.sizeLimit", "SizeLimit field must be a valid resource quantity")
    elif rule := _RULES.get(name):
        yield from rule(source, where)
    else:
        yield from check_required_fields(name, source, where)


_RULES: Final = {
    "hostPath": volume_files.check_host_path,
    "gitRepo": volume_files.check_git_repo,
    "secret": volume_files.check_secret,
    "configMap": volume_files.check_config_map,
    "downwardAPI": volume_files.check_downward_api,
    "projected": volume_projected.check_projected,
    "nfs": volume_disks.check_nfs,
    "gcePersistentDisk": volume_disks.check_gce_disk,
    "awsElasticBlockStore": volume_disks.check_aws_disk,
    "iscsi": volume_disks.check_iscsi,
    "fc": volume_disks.check_fibre_channel,
    "azureDisk": volume_disks.check_azure_disk,
    "flocker": volume_disks.check_flocker,
    "quobyte": volume_disks.check_quobyte,
    "flexVolume": volume_disks.check_flex,
    "storageos": volume_disks.check_storageos,
    "image": volume_files.check_image,
    "csi": volume_claims.check_csi,
    "ephemeral": volume_claims.check_ephemeral,
}
