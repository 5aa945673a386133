"""One object before the admission plugins, and what they make of it.

The order is that of kube-apiserver: defaults of LimitRanges, then what the API server itself checks
(`check`), then LimitRanger, PodSecurity, ValidatingAdmissionPolicy and ResourceQuota. Where a server stops at
the first refusal, all are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from expander.base.errors import AdmissionError
from expander.kube import limit_ranges, quota
from expander.kube.objects import with_string_data
from expander.kube.scheme import find, is_namespaced, plural_of
from expander.kube.versions import DEFAULT, Release
from expander.validate.defaults.defaults import defaults
from expander.validate.defaults.encode import omit_empty
from expander.validate.finding import Advice, Finding, Reason
from expander.validate.policies import made_objects, quotas
from expander.validate.policies.bindings import Binding
from expander.validate.policies.matching import Request
from expander.validate.policies.pod_security import Level, check_labels, violations
from expander.validate.policies.policy_set import Policies, labels_of, namespace_of
from expander.validate.policies.quotas import FORBIDDEN
from expander.validate.policies.review import NOTHING, Review, merged
from expander.validate.policies.tracking import Leaf, Path, Reader, marked, plain

if TYPE_CHECKING:
    from expander.validate.crds.definitions import Definitions

Object = dict[str, Any]
Part: TypeAlias = Callable[[Reader], Review]
"""One question about an object: what it reads decides the answer."""

DEFAULT_NAMESPACE: Final = "default"
ITS_PODS: Final = "its pods"
ITS_JOBS: Final = "its Jobs"
REFUSED: Final = " would be refused: "


def review(
    policies: Policies,
    tree: Mapping[str, Any],
    release: Release = DEFAULT,
    *,
    crds: Definitions | None = None,
    old: Mapping[str, Any] | None = None,
    namespace: str | None = None,
) -> Review:
    """What is to say of ``tree``, an object that the API server would take, in place of ``old``.

    ``namespace`` is that of objects that name none.
    """
    case = Case(policies, tree, release, crds=crds, old=old, namespace=namespace)
    return merged(part(Reader()) for part in case.parts)


class Case:
    """The questions about one object, or about all that differ from it in ``leaves`` only.

    ``complete`` is false when the object lacks one of these places.
    """

    def __init__(
        self,
        policies: Policies,
        tree: Mapping[str, Any],
        release: Release = DEFAULT,
        *,
        crds: Definitions | None = None,
        old: Mapping[str, Any] | None = None,
        namespace: str | None = None,
        leaves: Mapping[Path, Leaf] | None = None,
    ) -> None:
        self.policies = policies
        self.release = release
        self.crds = crds
        self._old = None if old is None else _decoded(old, release, crds)
        obj, self.complete = marked(_decoded(tree, release, crds), leaves or {})
        custom = None if crds is None else crds.find(obj.get("apiVersion"), obj.get("kind"))
        row = find(obj.get("apiVersion") or "", obj.get("kind") or "")
        self._unknown = ""
        if custom is None and (row is None or not row.decoded):
            self._unknown = f"there is no schema for {obj.get('apiVersion')} {obj.get('kind')}"
        namespaced = is_namespaced(obj) if custom is None else custom.namespaced
        self._namespace = (namespace_of(obj) or namespace or DEFAULT_NAMESPACE) if namespaced else ""
        if self._namespace:
            obj = {**obj, "metadata": {**obj["metadata"], "namespace": self._namespace}}
        self._ranges = policies.ranges_of(self._namespace) if self._namespace else []
        self._quotas = policies.quotas_of(self._namespace) if self._namespace else []
        is_pod = (obj.get("apiVersion"), obj["kind"]) == ("v1", "Pod")
        self._object = made_objects.admitted_pod(obj, self._ranges) if is_pod else obj
        is_new = self._old is None
        made = self._with_own_defaults(tree, leaves or {}, obj) if custom else obj
        self._jobs = list(made_objects.jobs(made, self._namespace)) if is_new else []
        self._pods = list(made_objects.pods(made, self._namespace, self._ranges)) if is_new else []
        self.parts: list[Part] = [self._plugins, *self._questions()]
        if self._quotas and is_new:
            self.parts.append(self._count)
            for whose, noun, objects in ((ITS_PODS, "pods", self._pods), (ITS_JOBS, "Jobs", self._jobs)):
                self.parts += [partial(self._count_made, whose, noun, where, each) for where, each in objects]

    def _with_own_defaults(self, tree: Mapping[str, Any], leaves: Mapping[Path, Leaf], obj: Object) -> Object:
        """A custom resource whose Jobs and pods have the defaults that they get when they are made."""
        made, _ = marked(_decoded(tree, self.release, None), leaves)
        return {**made, "metadata": obj["metadata"]}

    def _plugins(self, reader: Reader) -> Review:
        """LimitRanger and PodSecurity, which read nothing that `template_cache` lets be anything."""
        obj = plain(self._object)
        findings: list[Finding] = []
        warnings: list[Advice] = []
        if obj["kind"] == "Namespace":
            findings += check_labels(labels_of(obj))
        elif (obj.get("apiVersion"), obj["kind"]) == ("v1", "Pod"):
            findings += self._of_pod(obj, "", self._subject(reader))
            if all(each.reason is Reason.UNCHECKED for each in findings):
                warnings += self._levels_of(obj, "")
        elif obj["kind"] == "PersistentVolumeClaim":
            findings += self._of_limits(obj, "", self._subject(reader))
        if made_objects.is_workload(obj):
            for where, template in made_objects.templates(obj):
                pod = {"metadata": template.get("metadata") or {}, "spec": template["spec"]}
                warnings += self._levels_of(pod, where)
        for where, pod in self._pods:
            findings += self._of_pod(plain(pod), where, ITS_PODS + REFUSED)
        return Review(tuple(findings), tuple(warnings))

    def _levels_of(self, pod: Object, where: str) -> Iterator[Advice]:
        """What the levels that refuse nothing say of a pod."""
        levels: Mapping[str, Level] = self.policies.levels(self._namespace) or {}
        told = ""
        for mode, rule, head in (
            ("warn", "pod-security", ""),
            ("audit", "pod-security-audit", "audit log: "),
        ):
            if mode in levels and (words := violations(levels[mode], pod, self.release)):
                words = f'would violate PodSecurity "{levels[mode]}": {words}'
                if words != told:
                    yield Advice(where, rule, f"{head}{words}")
                told = words

    def _of_pod(self, pod: Object, where: str, head: str) -> Iterator[Finding]:
        """What refuses a pod; at ``where`` in what it is made for."""
        yield from self._invalid_by_defaults(pod, where, head)
        yield from self._of_limits(pod, where, head)
        levels = self.policies.levels(self._namespace)
        if levels is None:
            if self.policies.has_levels:
                words = f"Pod Security not checked: Namespace {self._namespace!r} is not among the policies"
                yield Finding(where, Reason.UNCHECKED, words)
        elif words := violations(levels["enforce"], pod, self.release):
            level = levels["enforce"]
            yield Finding(where, Reason.FORBIDDEN, f'{head}violates PodSecurity "{level}": {words}')

    def _invalid_by_defaults(self, pod: Object, where: str, head: str) -> Iterator[Finding]:
        """What is wrong with a pod since LimitRanges have filled it in."""
        if limit_ranges.NOTE not in (pod["metadata"].get("annotations") or {}):
            return
        from expander.validate.check import check

        metadata = {"name": "pod", **pod["metadata"]}
        metadata.pop("ownerReferences", None)
        for each in check({**pod, "metadata": metadata}, self.release) or ():
            if where:
                words = f"{head}with the defaults of LimitRanges: {each}"
                yield Finding(where, each.reason, words)
            else:
                yield each

    def _of_limits(self, obj: Object, where: str, head: str) -> Iterator[Finding]:
        try:
            limit_ranges.check(self._ranges, obj)
        except AdmissionError as refused:
            words = refused.message.partition(FORBIDDEN)[2]
            yield Finding(where, Reason.FORBIDDEN, f"{head}{words}")

    def _questions(self) -> Iterator[Part]:
        """What each policy is asked: about the object, and about what controllers make of it."""
        if not self.policies.bindings:
            return
        targets: list[tuple[str, Object, str]] = [("", self._object, "")]
        if self._old is None:
            targets += [(where, job, ITS_JOBS) for where, job in self._jobs]
            targets += [(where, pod, ITS_PODS) for where, pod in self._pods]
        for where, obj, whose in targets:
            request = self._request(obj, None if where else self._old)
            for binding in self.policies.bindings:
                yield partial(self._ask, binding, request, where, whose)

    def _ask(self, binding: Binding, request: Request, where: str, whose: str, reader: Reader) -> Review:
        findings: list[Finding] = []
        warnings: list[Advice] = []
        request.reader = reader
        told, refused = (whose + end if whose else "" for end in (": ", REFUSED))
        for each in binding.decide(request, self._unknown):
            if isinstance(each, Advice):
                warnings.append(Advice(where, each.rule, told + each.message))
            else:
                head = told if each.reason is Reason.UNCHECKED else refused
                findings.append(Finding(where, each.reason, head + each.message))
        return Review(tuple(findings), tuple(warnings)) if findings or warnings else NOTHING

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
            namespace=self._namespace,
            namespaced=bool(self._namespace),
            object=made_objects.as_created(obj) if old is None else obj,
            old=old,
            namespace_object=self.policies.namespace_object(self._namespace),
            is_guessed=custom is None and row is None,
        )

    def _count_made(self, whose: str, noun: str, where: str, made: Object, reader: Reader) -> Review:
        """ResourceQuota: what can never be made is refused, what is there at a time is counted."""
        data = plain(made)
        if words := quotas.refusal(self._quotas, data):
            return Review((Finding(where, Reason.FORBIDDEN, f"{whose}{REFUSED}{words}"),))
        times = made_objects.at_a_time(self._object, reader).get(where, 0)
        return self._charged(quotas.charge(self._quotas, data, self._object["kind"], times, noun))

    def _count(self, reader: Reader) -> Review:
        """The same of the object itself."""
        data = plain(self._object)
        if words := quotas.refusal(self._quotas, data):
            return Review((Finding("", Reason.FORBIDDEN, f"{self._subject(reader)}{words}"),))
        return self._charged(quotas.charge(self._quotas, data, data["kind"], 1))

    def _charged(self, charges: Iterable[quotas.Charge]) -> Review:
        return Review(charges=tuple(charges))

    def _subject(self, reader: Reader) -> str:
        """``pods "x" is forbidden: ``."""
        name = self._object["metadata"].get("name")
        named = {**self._object, "metadata": {} if name is None else {"name": reader(name)}}
        return quota.forbidden(named, "").message


def _decoded(tree: Mapping[str, Any], release: Release, crds: Definitions | None) -> Object:
    """The object with its defaults."""
    custom = None if crds is None else crds.find(tree.get("apiVersion"), tree.get("kind"))
    if custom is None:
        found = omit_empty(defaults(tree, release=release), release, zeros=False)
        if (found.get("apiVersion"), found.get("kind")) == ("v1", "Secret"):
            found = with_string_data(found)
    else:
        from expander.validate.crds.check import custom_check

        found = custom_check(custom, release).filled(tree)
    return {**found, "metadata": found.get("metadata") or {}}
