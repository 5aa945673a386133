"""Policies from files and folders, as they are given to commands and calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from expander.base.errors import InputError, Problem, SourceLocation
from expander.base.yaml import Document, read_chunk
from expander.batch.files import chunks_of, files_of
from expander.validate.check import check
from expander.validate.defaults.defaults import defaults
from expander.validate.finding import Reason
from expander.validate.policies.bindings import Binding
from expander.validate.policies.pod_security import check_labels
from expander.validate.policies.policy import Policy
from expander.validate.policies.policy_set import Policies

if TYPE_CHECKING:
    from expander.validate.crds.definitions import Definitions

GROUP: Final = "admissionregistration.k8s.io"
API_VERSION: Final = f"{GROUP}/v1"
POLICY: Final = "ValidatingAdmissionPolicy"
BINDING: Final = "ValidatingAdmissionPolicyBinding"
UNUSED: Final = (
    "MutatingAdmissionPolicy",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)
"""What decides about requests too and is not evaluated here."""

LIMITS: Final = ("LimitRange", "Namespace", "ResourceQuota")

Source: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Policies"
Sources: TypeAlias = "Source | Sequence[Source]"
"""A file or folder with policies, an object, what `load_policies` gave, or several of these."""

Locate: TypeAlias = "Callable[[Sequence[str | int]], SourceLocation | None]"

_Placed: TypeAlias = tuple[dict[str, Any], Locate]
"""An object, and the places of its fields."""


def load_policies(*sources: Source, crds: Definitions | None = None) -> Policies:
    """What ValidatingAdmissionPolicies, Namespaces, LimitRanges and ResourceQuotas say of requests.

    ``sources`` are paths of files and folders, objects as plain data, or one earlier result. Objects of other
    kinds are the params of policies; ``crds`` define those of custom kinds. Raises InputError when there is
    no policy in them, and for an object that no API server would have.
    """
    if len(sources) == 1 and isinstance(sources[0], Policies):
        return sources[0]
    objects: list[_Placed] = []
    for source in sources:
        objects += _objects_of(source)
    if not any(_decides(obj) for obj, _ in objects):
        paths = [os.fspath(each) for each in sources if isinstance(each, str | os.PathLike)]
        where = SourceLocation(paths[0]) if paths else None
        raise InputError(f"no {POLICY}, Namespace, LimitRange or ResourceQuota found", where=where)
    _check(objects, crds)
    return _Collected([obj for obj, _ in objects], crds).policies()


def policies_of(sources: Sources, crds: Definitions | None = None) -> Policies:
    """The same of one source or several."""
    if isinstance(sources, str | os.PathLike | Mapping | Policies):
        return load_policies(sources, crds=crds)
    return load_policies(*sources, crds=crds)


def _decides(obj: Mapping[str, Any]) -> bool:
    return obj["kind"] in (POLICY, BINDING, *LIMITS, *UNUSED)


def _objects_of(source: Source) -> Iterator[_Placed]:
    if isinstance(source, Policies):
        raise TypeError("the result of load_policies cannot be given together with other policies")
    if isinstance(source, Mapping):
        for obj, _ in _listed(source):
            yield obj, lambda steps: None
        return
    for path in files_of([os.fspath(source)]):
        for chunk in chunks_of(path):
            for document in read_chunk(chunk, path):
                for obj, prefix in _listed(document.data):
                    yield obj, partial(_place, document, prefix)


def _place(document: Document, prefix: Sequence[str | int], steps: Sequence[str | int]) -> SourceLocation:
    return document.position((*prefix, *steps))


def _listed(
    data: Any, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[dict[str, Any], tuple[str | int, ...]]]:
    """The objects of a document and their places in it: those of a List, or itself."""
    if not isinstance(data, Mapping):
        return
    kind = data.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(data.get("items"), list):
        inherited = {"apiVersion": data.get("apiVersion"), "kind": kind.removesuffix("List")}
        for number, each in enumerate(data["items"]):
            if isinstance(each, Mapping):
                obj = {**(inherited if inherited["kind"] else {}), **each}
                yield from _listed(obj, (*at, "items", number))
    elif isinstance(kind, str) and isinstance(data.get("apiVersion"), str):
        obj = dict(data)
        if kind in (POLICY, BINDING) and obj["apiVersion"].startswith(f"{GROUP}/"):
            obj["apiVersion"] = API_VERSION
        yield obj, at


def _check(objects: Sequence[_Placed], crds: Definitions | None) -> None:
    """Raise InputError for what no API server would have, with all that is wrong."""
    problems: list[Problem] = []
    known: dict[tuple[str, str, str, str], SourceLocation | None] = {}
    for obj, locate in objects:
        where = locate(())
        metadata = obj.get("metadata") if isinstance(obj.get("metadata"), Mapping) else {}
        assert isinstance(metadata, Mapping)
        label = f"{obj['kind']} {metadata.get('name') or '<unnamed>'}"
        found = [each for each in check(obj, crds=crds) or () if each.reason is not Reason.UNCHECKED]
        if obj["kind"] == "Namespace" and not found:
            found += check_labels(metadata.get("labels") or {})
        problems += [
            Problem(f"{label}: {each.message}", locate(each.steps), None, each.path or None) for each in found
        ]
        key = (
            obj["apiVersion"],
            obj["kind"],
            str(metadata.get("namespace") or ""),
            str(metadata.get("name")),
        )
        if key in known and not found:
            first = f", the first is in {known[key]}" if known[key] else ""
            problems.append(Problem(f"{label}: given twice{first}", where))
        known.setdefault(key, where)
    if problems:
        raise InputError(problems)


class _Collected:
    """Checked objects by what they are."""

    def __init__(self, objects: Sequence[dict[str, Any]], crds: Definitions | None) -> None:
        self._objects = [
            defaults(obj) if obj["kind"] in (POLICY, BINDING, *LIMITS) else obj for obj in objects
        ]
        self._crds = crds

    def policies(self) -> Policies:
        """All of them together."""
        policies = {
            each["metadata"]["name"]: Policy(each["metadata"]["name"], each["spec"])
            for each in self._of(POLICY)
        }
        bindings: list[Binding] = []
        notes = [
            f"{each['kind']} {each['metadata'].get('name')} is not evaluated" for each in self._of(*UNUSED)
        ]
        for each in self._of(BINDING):
            name, spec = each["metadata"]["name"], each["spec"]
            policy = policies.get(spec["policyName"])
            if policy is None:
                notes.append(f"{BINDING} {name}: there is no {POLICY} {spec['policyName']}")
            else:
                bindings.append(self._binding(name, spec, policy))
        bound = {each.policy.name for each in bindings}
        notes += [
            f"{POLICY} {name} has no binding, so it decides nothing" for name in policies if name not in bound
        ]
        return Policies(
            bindings,
            {each["metadata"]["name"]: each for each in self._of("Namespace")},
            self._of("LimitRange"),
            self._of("ResourceQuota"),
            notes,
        )

    def _of(self, *kinds: str) -> list[dict[str, Any]]:
        return [each for each in self._objects if each["kind"] in kinds]

    def _binding(self, name: str, spec: Mapping[str, Any], policy: Policy) -> Binding:
        kind = policy.param_kind or {}
        wanted = (kind.get("apiVersion"), kind.get("kind"))
        custom = None if self._crds is None else self._crds.find(*wanted)
        return Binding(
            name,
            spec,
            policy,
            [each for each in self._objects if (each["apiVersion"], each["kind"]) == wanted],
            namespaced_params=None if custom is None else custom.namespaced,
        )
