"""The metadata of any object (``ValidateObjectMeta`` of apimachinery and of pkg/apis/core/validation).

Labels, annotations and label selectors, as apimachinery checks them wherever they appear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.base.regex import regex
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import (
    EMPTY,
    Findings,
    each,
    forbidden,
    immutable,
    invalid,
    invalid_each,
    not_negative,
    required,
    texts,
    too_long,
)

if TYPE_CHECKING:
    from expander.kube import selectors
else:  # for objects that have some
    selectors = late_module("expander.kube.selectors")

MAX_ANNOTATION_BYTES: Final = 256 * 1024  # of all keys and values together


def check_labels(labels: Mapping[str, Any], where: str) -> Findings:
    """Keys are qualified names, values label values; all findings are at the path of the map."""
    for name, value in labels.items():
        if wrong := formats.qualified_name(name):
            yield from invalid_each(where, name, wrong)
        if wrong := formats.label_value(value or ""):
            yield from invalid_each(where, value or "", wrong)


def check_annotations(annotations: Mapping[str, Any], where: str) -> Findings:
    """Keys are qualified names, in any case of letters; the map has a greatest size in bytes."""
    size = 0
    for name, value in annotations.items():
        if wrong := formats.qualified_name(name.lower()):
            yield from invalid_each(where, name, wrong)
        size += formats.byte_length(name) + formats.byte_length(value or "")
    if size > MAX_ANNOTATION_BYTES:
        yield too_long(where, MAX_ANNOTATION_BYTES)


_PATH_FORMAT: Final = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_PATH = regex(_PATH_FORMAT)


def check_domain_prefixed_path(value: str, where: str) -> Findings:
    """``acme.io/foo`` (``IsDomainPrefixedPath`` of apimachinery)."""
    domain, _, path = value.partition("/")
    if not value:
        yield required(where)
    elif not domain or not path:
        yield invalid(where, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        yield from invalid_each(where, domain, formats.dns_subdomain(domain))
        if not _PATH.fullmatch(path):
            yield invalid(where, path, f"Invalid path (regex used for validation is '{_PATH_FORMAT}')")


def check_label_key(name: str, where: str) -> Findings:
    """A label key on its own is a qualified name."""
    yield from invalid_each(where, name, formats.qualified_name(name))


def check_label_selector(selector: Mapping[str, Any] | None, where: str) -> Findings:
    """``matchLabels`` are labels; each of ``matchExpressions`` has an operator and the values it wants."""
    if selector is None:
        return
    yield from check_labels(selector.get("matchLabels") or {}, f"{where}.matchLabels")
    for at, expression in each(selector.get("matchExpressions"), f"{where}.matchExpressions"):
        yield from _check_expression(expression, at)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, Any]) -> bool:
    """Whether ``selector`` selects ``labels``; a malformed one is another rule's finding."""
    try:
        wanted = selectors.from_object(selector)
    except ValueError:
        return True
    return wanted.matches({name: value or "" for name, value in labels.items()})


def check_match_label_keys(term: Mapping[str, Any], where: str) -> Findings:
    """``matchLabelKeys`` and ``mismatchLabelKeys`` of a term: keys whose values the pod itself gives.

    They need a selector to add to, are in one of the lists, and are selected on once.
    """
    selector = term.get("labelSelector")
    wanted: Sequence[str] = term.get("matchLabelKeys") or ()
    unwanted: Sequence[str] = term.get("mismatchLabelKeys") or ()
    for field, names in (("matchLabelKeys", wanted), ("mismatchLabelKeys", unwanted)):
        if names and selector is None:
            yield forbidden(f"{where}.{field}", "must not be specified when labelSelector is not set")
        elif names:
            for at, name in texts(names, f"{where}.{field}"):
                yield from check_label_key(name, at)
    if selector is not None:
        selected = set(selector.get("matchLabels") or ())
        places = {name: index for index, name in enumerate(wanted)}
        for _, expression in each(selector.get("matchExpressions"), where):
            name = expression.get("key") or ""
            if name in places and name in selected:
                detail = "exists in both matchLabelKeys and labelSelector"
                yield invalid(f"{where}[{places[name]}]", name, detail)
            selected.add(name)
    for at, name in texts(wanted, f"{where}.matchLabelKeys"):
        if name in unwanted:
            yield invalid(at, name, "exists in both matchLabelKeys and mismatchLabelKeys")


def _check_expression(expression: Mapping[str, Any], where: str) -> Findings:
    operator, values = expression.get("operator") or "", expression.get("values")
    if operator in ("In", "NotIn"):
        if not values:
            yield required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(f"{where}.values", detail)
    else:
        yield invalid(f"{where}.operator", operator, "not a valid selector operator")
    yield from check_label_key(expression.get("key") or "", f"{where}.key")
    for at, value in texts(values, f"{where}.values"):
        yield from invalid_each(at, value, formats.label_value(value))


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
    if namespaced and (namespace := get("namespace")):
        found += invalid_each("metadata.namespace", namespace, formats.dns_label(namespace))
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
    for at, finalizer in texts(finalizers, "metadata.finalizers"):
        yield from _check_finalizer_known(finalizer, at)


def _check_finalizer_known(name: str, where: str) -> Findings:
    if "/" not in name and name not in _STANDARD_FINALIZERS:
        yield invalid(where, name, "name is neither a standard finalizer name nor is it fully qualified")


def without_finalizers(found: list[Finding]) -> list[Finding]:
    """What apiextensions-apiserver refuses: it only warns of finalizers that it does not know."""
    return [each for each in found if not each.path.startswith("metadata.finalizers[")]


def check_named(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """An object of which only the metadata is looked at here."""
    return check_metadata(obj.get("metadata") or EMPTY)


def check_cluster_wide(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """The same for a kind that is in no namespace."""
    return check_metadata(obj.get("metadata") or EMPTY, namespaced=False)


def check_namespace(namespace: Mapping[str, Any], release: Release) -> list[Finding]:
    """A Namespace."""
    finalizers = (namespace.get("spec") or EMPTY).get("finalizers") or ()
    return [
        *check_metadata(namespace.get("metadata") or EMPTY, formats.dns_label, namespaced=False),
        *_check_own_finalizers(finalizers, "spec.finalizers"),
    ]


def _check_own_finalizers(finalizers: Sequence[str | None], where: str) -> Findings:
    """Those in the spec; findings have no index."""
    for entry in finalizers:
        name = entry or ""
        yield from invalid_each(where, name, formats.qualified_name(name))
        yield from _check_finalizer_known(name, where)


def check_metadata_changes(new: Mapping[str, Any], old: Mapping[str, Any]) -> Findings:
    """What ``ValidateObjectMetaUpdate`` would refuse in the metadata ``new`` in place of ``old``."""
    added = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
    if added and old.get("deletionTimestamp"):
        listed = ", ".join(f'"{name}"' for name in added)
        detail = "no new finalizers can be added if the object is being deleted, found new finalizers "
        yield forbidden("metadata.finalizers", f"{detail}[]string{{{listed}}}")
    generation = new.get("generation")
    if generation and generation < (old.get("generation") or 0):
        yield invalid("metadata.generation", generation, "must not be decremented")
    for field in ("name", "namespace", "uid"):
        value = new.get(field)
        if value and value != old.get(field):
            yield immutable(f"metadata.{field}", value)
    yield from check_shared(new)
