"""The metadata of any object (``ValidateObjectMeta`` of apimachinery and of pkg/apis/core/validation)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.checks import (
    EMPTY,
    Findings,
    forbidden,
    invalid,
    invalid_each,
    not_negative,
    required,
)
from expander.validate.rules.labels import check_annotations, check_labels

NameRule = Callable[[str], Sequence[str]]

_SUFFIX: Final = "xxxxx"  # stands for the five random characters the server adds to generateName
_LONGEST_STEM: Final = 63 - len(_SUFFIX)
_STANDARD_FINALIZERS: Final = frozenset(("kubernetes", "orphan", "foregroundDeletion"))
_EVENT: Final = ("v1", "Event")


def object_name(metadata: Mapping[str, Any]) -> str:
    """The name the object will have; one the server generates ends in a stand-in for its random part."""
    name: str = metadata.get("name") or ""
    stem: str = metadata.get("generateName") or ""
    return name or (stem[:_LONGEST_STEM] + _SUFFIX if stem else "")


def check_metadata(
    metadata: Mapping[str, Any],
    name_rule: NameRule = formats.dns_subdomain,
    *,
    namespaced: bool = True,
    keeps_generation: bool = False,
) -> list[Finding]:
    """What the API server would refuse in the metadata of a new object.

    ``name_rule`` is the format of the kind's names. A namespace may be left out: it is in the URL.
    ``keeps_generation`` is for kinds whose ``generation`` the server does not set by itself.
    """
    get = metadata.get
    found: list[Finding] = []
    if stem := get("generateName"):
        found += invalid_each("metadata.generateName", stem, name_rule(_without_last_dash(stem)))
    if name := object_name(metadata):
        found += invalid_each("metadata.name", name, name_rule(name))
    else:
        found.append(required("metadata.name", "name or generateName is required"))
    if namespace := get("namespace"):
        if namespaced:
            found += invalid_each("metadata.namespace", namespace, formats.dns_label(namespace))
        else:
            found.append(forbidden("metadata.namespace", "not allowed on this type"))
    if keeps_generation:
        found += not_negative(get("generation"), "metadata.generation")
    found += check_shared(metadata)
    if finalizers := get("finalizers"):
        found += _check_finalizers(finalizers)
        found += _check_finalizers_known(finalizers)
    return found


def check_shared(metadata: Mapping[str, Any]) -> list[Finding]:
    """The part that holds for new objects and for updates alike: labels, annotations, owners."""
    get = metadata.get
    found: list[Finding] = []
    if labels := get("labels"):
        found += check_labels(labels, "metadata.labels")
    if annotations := get("annotations"):
        found += check_annotations(annotations, "metadata.annotations")
    if owners := get("ownerReferences"):
        found += _check_owners(owners)
    return found


def _without_last_dash(stem: str) -> str:
    return f"{stem[:-2]}a" if len(stem) > 1 and stem.endswith("-") else stem


def _check_owners(owners: Sequence[Mapping[str, Any] | None]) -> Findings:
    """Findings are at the path of the list, without an index, as the server has them."""
    where = "metadata.ownerReferences"
    controller = ""
    for entry in owners:
        owner = entry or EMPTY
        api_version, kind = owner.get("apiVersion") or "", owner.get("kind") or ""
        if not _has_version(api_version):
            yield invalid(f"{where}.apiVersion", api_version, "version must not be empty")
        for field in ("kind", "name", "uid"):
            if not owner.get(field):
                yield invalid(f"{where}.{field}", "", "must not be empty")
        if (api_version, kind) == _EVENT:
            yield invalid(where, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            name = f"{kind}/{owner.get('name') or ''}"
            if controller:
                detail = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {name}'
                )
                yield invalid(where, owners, detail)
            controller = controller or name


def _has_version(api_version: str) -> bool:
    group, slash, version = api_version.partition("/")
    return bool(version) and "/" not in version if slash else bool(group)


def _check_finalizers(finalizers: Sequence[str | None]) -> Findings:
    where = "metadata.finalizers"
    for finalizer in finalizers:
        yield from invalid_each(where, finalizer or "", formats.qualified_name(finalizer or ""))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        yield invalid(where, finalizers, "finalizer orphan and foregroundDeletion cannot be both set")


def _check_finalizers_known(finalizers: Sequence[str | None]) -> Findings:
    for index, finalizer in enumerate(finalizers):
        name = finalizer or ""
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(f"metadata.finalizers[{index}]", name, detail)


def check_named(obj: Mapping[str, Any]) -> list[Finding]:
    """An object of which only the metadata is looked at here."""
    return check_metadata(obj.get("metadata") or EMPTY)


def check_cluster_wide(obj: Mapping[str, Any]) -> list[Finding]:
    """The same for a kind that is in no namespace."""
    return check_metadata(obj.get("metadata") or EMPTY, namespaced=False)


def check_namespace(namespace: Mapping[str, Any]) -> list[Finding]:
    """A Namespace."""
    return check_metadata(namespace.get("metadata") or EMPTY, formats.dns_label, namespaced=False)
