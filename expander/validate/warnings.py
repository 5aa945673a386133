"""What no server refuses and users regret: warnings about single manifests, the server's own among them.

Each function takes the tree of a manifest and gives `Advice`; the words say what will happen.

Checks of a batch as a whole, which no server makes because it sees one object at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from expander.base.late_module import late_module
from expander.base.option_names import option
from expander.base.regex import regex
from expander.base.yaml.scalars import resolve
from expander.kube.objects import job_spec_of
from expander.kube.pod_counts import pod_counts
from expander.kube.scheme import RESOURCES
from expander.kube.versions import DEFAULT, Release
from expander.kube.volcano import is_volcano
from expander.validate.finding import Advice
from expander.validate.server_warnings import server_warnings

if TYPE_CHECKING:
    from fractions import Fraction

    from expander.kube import quantity as quantities
    from expander.validate import long_arguments
else:
    quantities = late_module("expander.kube.quantity")
    long_arguments = late_module("expander.validate.long_arguments")

_COUNTED_KINDS: Final = {
    name: (each.group, each.kind) for each in RESOURCES if each.kind != "Pod" for name in each.quota_names
}
"""The groups and kinds by the names under which a ResourceQuota counts their objects."""


GROUP_KINDS: Final = ("PodGroup", "Workload")
SCHEDULING: Final = "scheduling.k8s.io/"

_TAG = regex(r"[^@]*/?[^/:@]+:([^/:@]+)\Z")


def advice(tree: Mapping[str, Any], release: Release = DEFAULT) -> list[Advice]:
    """All warnings about one valid manifest: what the API server of ``release`` says, and more."""
    return [*server_warnings(tree, release), *own_advice(tree, release), *long_arguments.long_arguments(tree)]


def own_advice(tree: Mapping[str, Any], release: Release = DEFAULT) -> Iterator[Advice]:
    """The warnings about one valid manifest that no server gives, but for those of `long_arguments`."""
    if is_volcano(tree):
        yield from _of_tasks(tree.get("spec"))
    is_group = tree.get("kind") in GROUP_KINDS and str(tree.get("apiVersion")).startswith(SCHEDULING)
    if is_group and not release.has("GenericWorkload"):
        words = f"servers of {release} have it only where the feature gate GenericWorkload is on"
        yield Advice("kind", "gated-kind", words)
    job = job_spec_of(tree)
    if job is None:
        return
    path, spec = job
    if spec.get("scheduling") is not None and not release.has("WorkloadWithJob"):
        words = f"servers of {release} drop it, unless the feature gate WorkloadWithJob is on"
        yield Advice(f"{path}.scheduling", "dropped-field", words)
    template = spec.get("template")
    pod = template.get("spec") if isinstance(template, Mapping) else None
    if isinstance(pod, Mapping):
        for rule in _POD_RULES:
            yield from rule(pod, f"{path}.template.spec")


def _of_tasks(spec: Any) -> Iterator[Advice]:
    """The warnings about the tasks of a Volcano Job."""
    tasks = spec.get("tasks") if isinstance(spec, Mapping) else None
    for number, task in enumerate(tasks if isinstance(tasks, list) else ()):
        template = task.get("template") if isinstance(task, Mapping) else None
        pod = template.get("spec") if isinstance(template, Mapping) else None
        if isinstance(pod, Mapping):
            where = f"spec.tasks[{number}].template.spec"
            yield from _endless(pod, where)
            yield from _numeric_tags(pod, where)


def _endless(pod: Mapping[str, Any], path: str) -> Iterator[Advice]:
    if pod.get("restartPolicy") in (None, "", "Always"):
        yield Advice(
            f"{path}.restartPolicy",
            "endless",
            "Always, which is the default here, starts containers again that have succeeded: the pod never "
            "ends, and the task is never completed",
        )


def _lost_logs(pod: Mapping[str, Any], path: str) -> Iterator[Advice]:
    if pod.get("restartPolicy") == "OnFailure":
        yield Advice(
            f"{path}.restartPolicy",
            "lost-logs",
            "with OnFailure the pod is deleted at the Job's back-off limit, and its logs with it; "
            "Never keeps failed pods",
        )


def _numeric_tags(pod: Mapping[str, Any], path: str) -> Iterator[Advice]:
    for kind in ("initContainers", "containers"):
        containers = pod.get(kind)
        for number, container in enumerate(containers if isinstance(containers, list) else ()):
            image = container.get("image") if isinstance(container, Mapping) else None
            match = _TAG.match(image) if isinstance(image, str) else None
            if match is None:
                continue
            value = resolve(match[1])
            if isinstance(value, (int, float)) and str(value) != match[1]:
                yield Advice(
                    f"{path}.{kind}[{number}].image",
                    "numeric-tag",
                    f"the tag {match[1]} is the number {value} wherever YAML reads it without quotes",
                )


_POD_RULES: tuple[Callable[[Mapping[str, Any], str], Iterator[Advice]], ...] = (_lost_logs, _numeric_tags)


LARGE_GROUP = 100
"""Jobs of a batch from which on one without ttlSecondsAfterFinished is worth a warning."""

_CONTAINERS = ("containers", "initContainers")


class Totals:
    """What a batch asks for in all: objects by group and kind; with ``amounts`` pods at a time and their
    resources."""

    def __init__(self, group_label: str = "jobgroup", *, amounts: bool = True) -> None:
        self._group_label = group_label
        self._amounts = amounts
        self.counts: dict[tuple[str, str], int] = {}
        self.amounts: dict[str, int | Fraction] = {}
        self.without_ttl = 0
        self.without_group = 0

    def add(self, tree: Mapping[str, Any]) -> None:
        """Count one valid manifest."""
        kind = str(tree.get("kind"))
        row = (str(tree.get("apiVersion")).rpartition("/")[0], kind)
        self.counts[row] = self.counts.get(row, 0) + 1
        spec = tree.get("spec")
        if kind == "Job" and isinstance(spec, Mapping):
            self.without_group += self._group_label not in (tree["metadata"].get("labels") or ())
            self.without_ttl += "ttlSecondsAfterFinished" not in spec
        if not self._amounts or kind == "CronJob":
            return
        for template, pods, *_ in pod_counts(tree):
            self._count("pods", pods)
            for name, amount in _pod_amounts(template["spec"]).items():
                self._count(name, amount * pods)

    def include(self, other: Totals, times: int = 1) -> None:
        """Add what another part of the batch asks for, or ``times`` as much."""
        for row, count in other.counts.items():
            self.counts[row] = self.counts.get(row, 0) + count * times
        for name, amount in other.amounts.items():
            self._count(name, amount * times)
        self.without_ttl += other.without_ttl * times
        self.without_group += other.without_group * times

    def _count(self, name: str, amount: int | Fraction) -> None:
        self.amounts[name] = self.amounts.get(name, 0) + amount

    def warnings(self) -> list[Advice]:
        """What the size of the batch makes worth saying."""
        jobs = sum(count for (_, kind), count in self.counts.items() if kind == "Job")
        found = []
        if jobs > 1 and self.without_group:
            found.append(
                Advice(
                    f"metadata.labels[{self._group_label}]",
                    "no-group",
                    f"{self.without_group:,} of {jobs:,} Jobs have no such label, so they cannot be found, "
                    "watched and deleted as one batch",
                )
            )
        if jobs >= LARGE_GROUP and self.without_ttl:
            found.append(
                Advice(
                    "spec.ttlSecondsAfterFinished",
                    "no-ttl",
                    f"{self.without_ttl:,} of {jobs:,} Jobs have none, so they and their pods stay until "
                    f"somebody deletes them ({option('--ttl')} sets it)",
                )
            )
        return found

    def over(self, hard: Mapping[str, str]) -> list[Advice]:
        """Where the batch asks for more than a ResourceQuota's ``hard`` allows at one time."""
        found = []
        for name, limit in hard.items():
            asked = self._asked(name)
            if asked is not None and asked > quantities.parse(limit):
                found.append(
                    Advice(
                        f"spec.hard[{name}]",
                        "over-quota",
                        f"the batch asks for {_shown(asked)}, the quota has {limit}; the rest has to wait",
                    )
                )
        return found

    def _asked(self, name: str) -> int | Fraction | None:
        if name in _COUNTED_KINDS:
            return self.counts.get(_COUNTED_KINDS[name], 0)
        if name in ("cpu", "memory", "ephemeral-storage"):
            name = f"requests.{name}"
        return self.amounts.get("pods" if name == "count/pods" else name)


def _pod_amounts(pod: Mapping[str, Any]) -> dict[str, Fraction]:
    """What one pod asks for; where a container has a limit and no request, the request is the limit."""
    from expander.kube.resources import of_pod

    whole = {**pod, **{kind: [_with_requests(each) for each in pod.get(kind) or ()] for kind in _CONTAINERS}}
    return {
        f"{field}.{name}": amount.value
        for field in ("requests", "limits")
        for name, amount in of_pod(whole, field).items()
    }


def _with_requests(container: Mapping[str, Any]) -> dict[str, Any]:
    resources = container.get("resources") or {}
    requests = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {**container, "resources": {**resources, "requests": requests}}


def _shown(amount: int | Fraction) -> str:
    if amount.denominator == 1:
        return quantities.canonical(str(amount.numerator))
    return quantities.canonical(f"{int(amount * 1000)}m")
