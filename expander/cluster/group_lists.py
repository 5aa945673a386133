"""Lists of a group's objects, in portions, and what belongs to the group by ownership alone.

The Job controller marks each pod with its Job's uid, as owner and, unless the Job has a selector of its own,
as the label ``batch.kubernetes.io/controller-uid``; the CronJob controller names itself as owner of its Jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from expander.client.client import Asking, Refused
from expander.kube.objects import Object, Selection, owner_of, uid_of
from expander.kube.selectors import Selector, from_object, parse

OWNER_LABELS: Final = ("batch.kubernetes.io/controller-uid", "controller-uid")
"""The label with the Job's uid, and its name before Kubernetes 1.27."""

PAGE: Final = 1000
"""Objects of a list that are asked for at a time."""

AT_ONCE: Final = 80
"""Uids in one request: its line stays below the 8 KB that servers take."""

FEW: Final = 4 * AT_ONCE
"""So many Jobs are asked for by uid; of more Jobs the pods are asked for by the selection."""


class Lists:
    """The lists of one selection. ``page`` is how many objects are asked for at a time."""

    def __init__(self, asking: Asking, selection: Selection, page: int = PAGE) -> None:
        self._asking = asking
        self._page = page
        self.namespace = selection.namespace
        self.selector = selection.selector
        self._parsed = parse(selection.selector)

    def path(self, kind: str) -> str:
        """The URL path of a list: of Job, CronJob, Pod or Event."""
        prefix = "/apis/batch/v1" if kind in ("Job", "CronJob") else "/api/v1"
        within = "" if self.namespace is None else f"/namespaces/{quote(self.namespace, safe='')}"
        return f"{prefix}{within}/{kind.lower()}s"

    def portions(
        self, kind: str, selector: str, fields: str = ""
    ) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """The portions of a list, each with the resource version from which a watch goes on.

        When the server has forgotten where a list began, it begins anew: an object may come twice.
        """
        version = "batch/v1" if kind in ("Job", "CronJob") else "v1"
        more = ""
        while True:
            query = f"?limit={self._page}"
            if selector:
                query += f"&labelSelector={quote(selector)}"
            if fields:
                query += f"&fieldSelector={quote(fields)}"
            try:
                page = self._asking.get(
                    self.path(kind) + query + (f"&continue={quote(more)}" if more else "")
                )
            except Refused as refused:
                if refused.code != 410 or not more:
                    raise
                more = ""
                continue
            found = [{"apiVersion": version, "kind": kind, **each} for each in page["items"]]
            yield page["metadata"].get("resourceVersion", ""), found
            more = page["metadata"].get("continue") or ""
            if not more:
                return

    def all(self, kind: str, selector: str, fields: str = "") -> Iterator[dict[str, Any]]:
        """Each object of a list, once."""
        seen: set[str] = set()
        for _, portion in self.portions(kind, selector, fields):
            for each in portion:
                uid = uid_of(each)
                if uid not in seen:
                    seen.add(uid)
                    yield each

    def cronjobs(self) -> list[dict[str, Any]]:
        """The CronJobs of the selection; none for those who may see Jobs only."""
        try:
            return list(self.all("CronJob", self.selector))
        except Refused:
            return []

    def schedules(self) -> set[str]:
        """The uids of CronJobs of the selection whose Jobs it does not select by itself."""
        found = self.cronjobs()
        return {uid_of(each) for each in found if not template_has(self._parsed, each["spec"]["jobTemplate"])}

    def owned_jobs(self, schedules: set[str]) -> Iterator[dict[str, Any]]:
        """The Jobs of the CronJobs with these uids that the selection does not select."""
        if schedules:
            for job in self.all("Job", ""):
                if owner_of(job) in schedules and not self.selects(job):
                    yield job

    def selects(self, obj: Object) -> bool:
        """Whether the labels of an object are those that the selection means."""
        return self._parsed.matches(obj["metadata"].get("labels"))

    def brings(self, job: Object) -> bool:
        """Whether the pods of ``job`` have labels that the selection selects."""
        return template_has(self._parsed, job["spec"]["template"])

    def pods_of(self, jobs: Iterable[Object], few: bool) -> Iterator[dict[str, Any]]:
        """The pods of ``jobs``; ``few`` when these are some Jobs of the selection."""
        owners = {uid_of(job): job for job in jobs}
        apart = list(owners.values())
        if not few or len(owners) > FEW:
            if any(self.brings(job) for job in apart):
                yield from _owned(self.all("Pod", self.selector), owners)
            apart = [job for job in apart if not self.brings(job)]
        for selector in selectors_of(apart):
            yield from _owned(self.all("Pod", selector), owners)


def _owned(pods: Iterable[dict[str, Any]], owners: dict[str, Object]) -> Iterator[dict[str, Any]]:
    return (pod for pod in pods if owner_of(pod) in owners)


def template_has(selector: Selector, template: Object) -> bool:
    """Whether what is made of a template is selected."""
    return selector.matches((template.get("metadata") or {}).get("labels"))


def selectors_of(jobs: Sequence[Object]) -> Iterator[str]:
    """Label selectors that together mean the pods of ``jobs``."""
    by_label: dict[str, list[str]] = {}
    for job in jobs:
        selector = job["spec"].get("selector") or {}
        wanted = selector.get("matchLabels") or {}
        label = next((each for each in OWNER_LABELS if wanted.get(each) == uid_of(job)), None)
        if label is not None:
            by_label.setdefault(label, []).append(uid_of(job))
        else:
            yield str(from_object(selector))
    for label, uids in by_label.items():
        for start in range(0, len(uids), AT_ONCE):
            yield f"{label} in ({','.join(uids[start : start + AT_ONCE])})"
