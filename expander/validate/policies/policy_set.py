"""Policies, namespaces, limits and quotas as files have them, and what they make of an object.

The order is that of kube-apiserver's admission: defaults of LimitRanges, then what the API server itself
checks (`check`), then LimitRanger, PodSecurity, ValidatingAdmissionPolicy and ResourceQuota. Where a server
stops at the first refusal, all are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expander.base.dataclass import dataclass
from expander.base.errors import AdmissionError
from expander.base.fork_shared import ForkShared
from expander.kube import limit_ranges, quota
from expander.kube.scheme import find, is_namespaced, plural_of
from expander.kube.versions import DEFAULT, Release
from expander.validate.defaults.defaults import defaults
from expander.validate.finding import Advice, Finding, Reason
from expander.validate.policies import made_objects, quotas
from expander.validate.policies.bindings import Binding
from expander.validate.policies.matching import NAME_LABEL, Request
from expander.validate.policies.pod_security import PREFIX, check_labels, levels_of, violations
from expander.validate.policies.quotas import FORBIDDEN, Charge
from expander.validate.policies.tracking import Path, Reader, Unknown, marked, plain

if TYPE_CHECKING:
    from expander.validate.crds.definitions import Definitions

Object = dict[str, Any]

DEFAULT_NAMESPACE: Final = "default"


@dataclass(frozen=True, slots=True)
class Review:
    """What admission says of an object: refusals, warnings, what it counts for in quotas."""

    findings: tuple[Finding, ...] = ()
    warnings: tuple[Advice, ...] = ()
    charges: tuple[Charge, ...] = ()


class Policies(ForkShared):
    """Everything that decides about requests beside the rules of kinds.

    ``notes`` is what a user should know about the files themselves.
    """

    def __init__(
        self,
        bindings: Sequence[Binding] = (),
        namespaces: Mapping[str, Object] | None = None,
        ranges: Sequence[Object] = (),
        resource_quotas: Sequence[Object] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self.bindings = tuple(bindings)
        self.namespaces = dict(namespaces or {})
        self.ranges = tuple(ranges)
        self.quotas = tuple(resource_quotas)
        self.notes = tuple(notes)
        self._levels = {name: levels_of(_labels(each)) for name, each in self.namespaces.items()}
        self._has_levels = any(
            key.startswith(PREFIX) for each in self.namespaces.values() for key in _labels(each)
        )

    def review(
        self,
        tree: Mapping[str, Any],
        release: Release = DEFAULT,
        *,
        crds: Definitions | None = None,
        old: Mapping[str, Any] | None = None,
        leaves: Mapping[Path, tuple[int, ...]] | None = None,
        namespace: str | None = None,
    ) -> tuple[Review, frozenset[int]]:
        """What is to say of ``tree``, an object that the API server would take, in place of ``old``.

        ``leaves`` are the places of values that are columns of a row; those that the answer depends on come
        with it. ``namespace`` is that of objects that name none.
        """
        obj, missing = marked(_decoded(tree, release, crds), leaves or {})
        before = None if old is None else _decoded(old, release, crds)
        case = _Case(self, obj, before, release, crds, namespace or DEFAULT_NAMESPACE)
        found = case.review()
        return found, missing | case.reader.columns

    def ranges_of(self, namespace: str) -> list[Object]:
        """The LimitRanges of a namespace; one that names none is for every one."""
        return [each for each in self.ranges if _namespace(each) in ("", namespace)]

    def quotas_of(self, namespace: str) -> list[Object]:
        """The ResourceQuotas of a namespace."""
        return [each for each in self.quotas if _namespace(each) in ("", namespace)]

    def levels(self, namespace: str) -> Mapping[str, Any] | None:
        """The Pod Security levels of a namespace; None when it is not known."""
        return self._levels.get(namespace)

    @property
    def has_levels(self) -> bool:
        """Whether any namespace has labels of Pod Security."""
        return self._has_levels

    def namespace_object(self, name: str) -> Object | None:
        """The Namespace as expressions see it."""
        if not name:
            return None
        known = self.namespaces.get(name)
        if known is None:
            other = Unknown(f"Namespace {name!r} is not among the policies")
            metadata = {"name": name, "labels": other, "annotations": other, "uid": other}
            return {"metadata": metadata, "spec": other, "status": {"phase": "Active"}}
        metadata = {**known["metadata"], "labels": {**_labels(known), NAME_LABEL: name}}
        server = Unknown("only the server knows")
        return {
            "metadata": {"uid": server, "creationTimestamp": server, "resourceVersion": server, **metadata},
            "spec": known.get("spec") or {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }


def _labels(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return (obj.get("metadata") or {}).get("labels") or {}


def _namespace(obj: Mapping[str, Any]) -> str:
    return (obj.get("metadata") or {}).get("namespace") or ""


def _decoded(tree: Mapping[str, Any], release: Release, crds: Definitions | None) -> Object:
    """The object with its defaults."""
    custom = None if crds is None else crds.find(tree.get("apiVersion"), tree.get("kind"))
    if custom is None:
        found = defaults(tree, release=release)
    else:
        from expander.validate.crds.check import custom_check

        found = custom_check(custom, release).filled(tree)
    return {**found, "metadata": found.get("metadata") or {}}


class _Case:
    """One object before the admission plugins."""

    def __init__(
        self,
        policies: Policies,
        obj: Object,
        old: Object | None,
        release: Release,
        crds: Definitions | None,
        namespace: str,
    ) -> None:
        self.policies = policies
        self.reader = Reader()
        self.release = release
        self.crds = crds
        self.old = old
        custom = None if crds is None else crds.find(obj.get("apiVersion"), obj.get("kind"))
        row = find(obj.get("apiVersion") or "", obj.get("kind") or "")
        self.unknown = ""
        if custom is None and (row is None or not row.decoded):
            self.unknown = f"there is no schema for {obj.get('apiVersion')} {obj.get('kind')}"
        namespaced = is_namespaced(obj) if custom is None else custom.namespaced
        self.namespace = (_namespace(obj) or namespace) if namespaced else ""
        if self.namespace:
            obj = {**obj, "metadata": {**obj["metadata"], "namespace": self.namespace}}
        self.obj = obj
        self.ranges = policies.ranges_of(self.namespace) if self.namespace else []
        self.quotas = policies.quotas_of(self.namespace) if self.namespace else []
        self.findings: list[Finding] = []
        self.warnings: list[Advice] = []
        self.charges: list[Charge] = []

    def review(self) -> Review:
        obj = self.obj
        if obj["kind"] == "Namespace":
            self.findings += check_labels(_labels(plain(obj)))
        if obj["kind"] == "Pod" and obj.get("apiVersion") == "v1":
            obj = made_objects.admitted_pod(obj, self.ranges)
            self._pod(obj, self.findings, "", self._subject(obj))
        elif obj["kind"] == "PersistentVolumeClaim":
            self._limits(plain(obj), self.findings, "", self._subject(obj))
        if made_objects.is_workload(obj):
            self._templates(obj)
        self._ask_policies(obj, self.old, self.findings, "", "")
        if self.old is None:
            for where, job in made_objects.jobs(obj, self.namespace):
                self._ask_policies(job, None, self.findings, where, "its Jobs would be refused: ")
            for where, pod in made_objects.pods(obj, self.namespace, self.ranges):
                self._pods(obj, pod, where)
            self._count(plain(obj), obj["kind"], 1, waits=False)
        return Review(tuple(self.findings), tuple(self.warnings), tuple(self.charges))

    def _templates(self, obj: Object) -> None:
        """What Pod Security says of templates: warnings, as upstream."""
        levels = self.policies.levels(self.namespace)
        if levels is not None:
            for where, template in made_objects.templates(plain(obj)):
                self._warn_of(
                    levels, {"metadata": template.get("metadata") or {}, "spec": template["spec"]}, where
                )

    def _warn_of(self, levels: Mapping[str, Any], pod: Object, where: str) -> None:
        for mode, rule, head in (
            ("warn", "pod-security", ""),
            ("audit", "pod-security-audit", "audit log: "),
        ):
            level = levels[mode]
            if words := violations(level, pod, self.release):
                self.warnings.append(
                    Advice(where, rule, f'{head}would violate PodSecurity "{level}": {words}')
                )

    def _pods(self, obj: Object, pod: Object, where: str) -> None:
        """The pods that a controller makes: what refuses them is an error of what they are made for."""
        head = "its pods would be refused: "
        before = len(self.findings)
        self._pod(pod, self.findings, where, head, warn=False)
        self._ask_policies(pod, None, self.findings, where, head)
        times = made_objects.pods_at_a_time(obj, self.reader)
        if len(self.findings) == before:
            self._count(plain(pod), obj["kind"], times or 0, waits=True, where=where, head=head)

    def _pod(self, pod: Object, found: list[Finding], where: str, head: str, *, warn: bool = True) -> None:
        """LimitRanger and PodSecurity of one pod."""
        data = plain(pod)
        found += self._invalid_by_defaults(data, where, head)
        self._limits(data, found, where, head)
        levels = self.policies.levels(self.namespace)
        if levels is None:
            if self.policies.has_levels:
                words = f"Pod Security not checked: Namespace {self.namespace!r} is not among the policies"
                found.append(Finding(where, Reason.UNCHECKED, words))
            return
        level = levels["enforce"]
        if words := violations(level, data, self.release):
            found.append(Finding(where, Reason.FORBIDDEN, f'{head}violates PodSecurity "{level}": {words}'))
        elif warn:
            self._warn_of(levels, data, where)

    def _invalid_by_defaults(self, pod: Object, where: str, head: str) -> Iterator[Finding]:
        """What is wrong with a pod since LimitRanges have filled it in."""
        if limit_ranges.NOTE not in (pod["metadata"].get("annotations") or {}):
            return
        from expander.validate.check import check

        named = {**pod, "metadata": {"name": "pod", **pod["metadata"]}}
        named["metadata"].pop("ownerReferences", None)
        for each in check(named, self.release) or ():
            words = f"with the defaults of LimitRanges: {each}" if where else each.message
            path = where or each.path
            yield Finding(path, each.reason, f"{head if where else ''}{words}")

    def _limits(self, obj: Object, found: list[Finding], where: str, head: str) -> None:
        try:
            limit_ranges.check(self.ranges, obj)
        except AdmissionError as refused:
            words = refused.message.partition(FORBIDDEN)[2]
            found.append(Finding(where, Reason.FORBIDDEN, f"{head}{words}"))

    def _count(
        self, obj: Object, kind: str, times: int, *, waits: bool, where: str = "", head: str = ""
    ) -> None:
        """ResourceQuota: what can never fit is refused, the rest is counted."""
        if not self.quotas:
            return
        if words := quotas.refusal(self.quotas, obj):
            start = head or self._subject(obj)
            self.findings.append(Finding(where, Reason.FORBIDDEN, f"{start}{words}"))
        else:
            self.charges += quotas.charge(self.quotas, obj, kind, times, waits)

    def _ask_policies(
        self, obj: Object, old: Object | None, found: list[Finding], where: str, head: str
    ) -> None:
        if not self.policies.bindings:
            return
        request = self._request(obj, old)
        for binding in self.policies.bindings:
            for each in binding.decide(request, self.unknown):
                if isinstance(each, Advice):
                    self.warnings.append(Advice(where, each.rule, head + each.message))
                else:
                    found.append(Finding(where, each.reason, head + each.message))

    def _request(self, obj: Object, old: Object | None) -> Request:
        api_version, kind = obj["apiVersion"], obj["kind"]
        custom = None if self.crds is None else self.crds.find(api_version, kind)
        row = find(api_version, kind)
        versions = [api_version]
        if custom is not None and self.crds is not None:
            versions += [
                each.api_version for each in self.crds if (each.group, each.kind) == (custom.group, kind)
            ]
        elif row is not None:
            versions += [f"{row.group}/{each}" for each in row.older]
        return Request(
            api_version=api_version,
            kind=kind,
            plural=plural_of(api_version, kind) if custom is None else custom.plural,
            versions=versions,
            namespace=self.namespace,
            namespaced=bool(self.namespace),
            object=made_objects.as_created(obj) if old is None else obj,
            old=old,
            namespace_object=self.policies.namespace_object(self.namespace),
            reader=self.reader,
        )

    def _subject(self, obj: Object) -> str:
        """``pods "x" is forbidden: ``."""
        self.reader(obj["metadata"].get("name"))
        return quota.forbidden(plain(obj), "").message
