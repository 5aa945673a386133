"""Policies from files and folders, as they are given to commands and calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from expander.base.errors import InputError, Problem, SourceLocation
from expander.base.yaml import Document, read_chunk
from expander.batch.files import chunks_of, files_of
from expander.kube.scheme import find
from expander.validate.check import check
from expander.validate.crds.definitions import Definitions
from expander.validate.defaults.defaults import defaults
from expander.validate.finding import Reason
from expander.validate.policies.bindings import Binding
from expander.validate.policies.pod_security import check_labels
from expander.validate.policies.policy import Policy
from expander.validate.policies.policy_set import Policies

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

_OLDER: Final = (f"{GROUP}/v1alpha1", f"{GROUP}/v1beta1")
_GROUPS: Final = {**dict.fromkeys((POLICY, BINDING, *UNUSED), GROUP), **dict.fromkeys(LIMITS, "")}

Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Policies
Sources: TypeAlias = Source | Sequence[Source]
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
    if not any(_role(obj) for obj, _ in objects):
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


def _role(obj: Mapping[str, Any]) -> str:
    """The kind of an object that decides about requests; empty for others, whatever they are called."""
    is_own = _GROUPS.get(obj["kind"]) == obj["apiVersion"].rpartition("/")[0]
    return str(obj["kind"]) if is_own else ""


def _name(obj: Mapping[str, Any]) -> str:
    metadata = obj.get("metadata")
    return str((metadata.get("name") if isinstance(metadata, Mapping) else None) or "<unnamed>")


def _objects_of(source: Source) -> Iterator[_Placed]:
    if isinstance(source, Policies):
        raise TypeError("the result of load_policies cannot be given together with other policies")
    if isinstance(source, Mapping):
        yield from _placed(source, lambda prefix, steps: None)
        return
    for path in files_of([os.fspath(source)]):
        for chunk in chunks_of(path):
            for document in read_chunk(chunk, path):
                yield from _placed(document.data, partial(_place, document))


def _placed(data: Any, place: Callable[..., SourceLocation | None]) -> Iterator[_Placed]:
    """The objects of a document. Raises InputError for what is none."""
    for obj, prefix in _listed(data):
        if not all(obj.get(field) and isinstance(obj[field], str) for field in ("apiVersion", "kind")):
            raise InputError("not a Kubernetes object: it needs apiVersion and kind", where=place(prefix, ()))
        yield obj, partial(place, prefix)


def _place(document: Document, prefix: Sequence[str | int], steps: Sequence[str | int]) -> SourceLocation:
    return document.position((*prefix, *steps))


def _listed(
    data: Any, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[dict[str, Any], tuple[str | int, ...]]]:
    """The objects of a document and their places in it: those of a List, or itself."""
    if data is None:
        return
    if not isinstance(data, Mapping):
        yield {}, at
        return
    kind = data.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(data.get("items"), list):
        inherited = {"apiVersion": data.get("apiVersion"), "kind": kind.removesuffix("List")}
        for number, each in enumerate(data["items"]):
            if isinstance(each, Mapping) and inherited["kind"]:
                each = {**inherited, **each}
            yield from _listed({} if each is None else each, (*at, "items", number))
    else:
        obj = dict(data)
        if kind in (POLICY, BINDING) and obj.get("apiVersion") in _OLDER:
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
        label = f"{obj['kind']} {_name(obj)}"
        found = [each for each in check(obj, crds=crds) or () if each.reason is not Reason.UNCHECKED]
        if _role(obj) == "Namespace" and not found:
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
            defaults(obj) if _role(obj) in (POLICY, BINDING, *LIMITS) else obj for obj in objects
        ]
        self._crds = crds

    def policies(self) -> Policies:
        """All of them together."""
        policies = {
            each["metadata"]["name"]: Policy(each["metadata"]["name"], each["spec"])
            for each in self._of(POLICY)
        }
        bindings: list[Binding] = []
        notes = [f"{each['kind']} {_name(each)} is not evaluated" for each in self._of(*UNUSED)]
        for each in self._of(BINDING):
            name, spec = each["metadata"]["name"], each["spec"]
            policy = policies.get(spec["policyName"])
            if policy is None:
                notes.append(f"{BINDING} {name}: there is no {POLICY} {spec['policyName']}")
                continue
            bindings.append(self._binding(name, spec, policy))
            if bindings[-1].lacks_params:
                assert policy.param_kind is not None
                wanted = spec["paramRef"].get("name") or "with the labels of its selector"
                notes.append(
                    f"{BINDING} {name}: no {policy.param_kind['kind']} {wanted} is among the policies"
                )
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
        return [each for each in self._objects if _role(each) in kinds]

    def _binding(self, name: str, spec: Mapping[str, Any], policy: Policy) -> Binding:
        kind = policy.param_kind or {}
        wanted = (kind.get("apiVersion") or "", kind.get("kind") or "")
        known = (None if self._crds is None else self._crds.find(*wanted)) or find(*wanted)
        return Binding(
            name,
            spec,
            policy,
            [each for each in self._objects if (each["apiVersion"], each["kind"]) == wanted],
            namespaced_params=None if known is None else known.namespaced,
        )
