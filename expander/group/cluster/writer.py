"""Change the objects of a group in a cluster: annotate, delete one by one, delete by label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from expander.base.errors import ClusterError, StatusError
from expander.client.ahead import begun
from expander.client.client import PAGE_SIZE, ApiClient, delete_options
from expander.group.cluster.watch import GroupLister
from expander.kube.api_resource import Resource
from expander.kube.object_check import list_check
from expander.kube.objects import Object, Selection, uid_of
from expander.kube.scheme import BY_KIND, COMPANION_KINDS, of_object

PARALLEL_DELETIONS: Final = 16
"""Deletions in flight."""

DELETION_BATCH: Final = 1000
"""Objects whose deletion is queued at a time."""


class ClusterWriter:
    """Changes the objects of a selection through ``client``. Raises `ClusterError` when it cannot.

    ``lister`` lists them, and knows what the server has.
    """

    def __init__(self, client: ApiClient, selection: Selection, lister: GroupLister) -> None:
        self._client = client
        self._selection = selection
        self._lister = lister

    def annotate(self, object: Object, annotations: Mapping[str, str]) -> None:
        """Set annotations of the object of that name and uid; does nothing when it is gone."""
        self._client.annotate(object_path(object), object, annotations)

    def delete(self, object: Object, *, propagation: str = "Background") -> bool:
        """Delete the object of that name and uid; False when it no longer exists."""
        return self._client.delete(object_path(object), object, propagation)

    def delete_each(self, objects: Iterable[Object]) -> Iterator[Object]:
        """Delete each object as `delete` does; yields those that are gone now, in any order.

        What cannot be deleted is left out, and the first error is raised at the end.
        """
        error: ClusterError | None = None
        with ThreadPoolExecutor(PARALLEL_DELETIONS) as pool:
            rest = iter(objects)
            while part := [*islice(rest, DELETION_BATCH)]:
                asked = {pool.submit(self.delete, each): each for each in part}
                for answered in as_completed(asked):
                    try:
                        answered.result()
                    except ClusterError as why:
                        error = error or why
                    else:
                        yield asked[answered]
        if error is not None:
            raise error

    def delete_all(self, kind: str, selection: Selection, *, propagation: str = "Background") -> int:
        """Delete every selected object of ``kind``, page by page; returns how many there were."""
        if not selection.selector:
            raise ClusterError("refusing to delete a collection without a selector")
        return sum(self._delete_rows(row, selection, propagation) for row in reversed(self._rows(kind)))

    def _rows(self, kind: str) -> list[Resource]:
        """The resources of a kind; a Job may be of any kind of workload."""
        return [each.row for each in self._lister.workloads] if kind == "Job" else [BY_KIND[kind]]

    def _delete_rows(self, row: Resource, selection: Selection, propagation: str) -> int:
        namespaces = [selection.namespace]
        if selection.namespace is None:  # the API deletes collections of one namespace only
            namespaces = sorted({each["metadata"]["namespace"] for each in self._listed(row, selection)})
        return sum(self._delete_in(row, each, selection.selector, propagation) for each in namespaces)

    def labelled(self, kind: str) -> Iterator[Object]:
        """The objects of a kind that carry the selection's labels themselves."""
        for row in self._rows(kind):
            found = self._listed(row, self._selection)
            yield from (each for each in found if not self._lister.is_part(each))

    def others(self) -> Iterator[Object]:
        """The selection's other objects: CronJobs, ConfigMaps, Secrets and Services.

        Kinds the user may not list are left out.
        """
        lists = [begun(self._listed(BY_KIND[kind], self._selection)) for kind in COMPANION_KINDS]
        for each in lists:
            try:
                yield from each
            except StatusError as refused:
                if refused.code != 403:
                    raise

    def of_custom_kinds(self) -> Iterator[tuple[str, int]]:
        """Kinds that only the server knows, and how many objects of the selection each has, at most a page.

        What belongs to another object goes with it and does not count. What cannot be listed is left out.
        """
        selector, known = quote(self._selection.selector), {row.group for row in BY_KIND.values()}
        for group in self._asked("/apis", "groups"):
            version = (group.get("preferredVersion") or {}).get("groupVersion")
            if not version or group.get("name") in known or "." not in str(group.get("name")):
                continue
            for each in self._asked(f"/apis/{version}", "resources"):
                if "/" in each["name"] or not {"list", "delete"}.issubset(each.get("verbs") or ()):
                    continue
                namespace = self._selection.namespace if each.get("namespaced") else None
                within = "" if namespace is None else f"/namespaces/{quote(namespace, safe='')}"
                path = f"/apis/{version}{within}/{each['name']}?limit={PAGE_SIZE}&labelSelector={selector}"
                found = [one["metadata"] for one in self._asked(path, "items")]
                count = sum(not one.keys() & {"ownerReferences", "deletionTimestamp"} for one in found)
                if count:
                    yield f"{each['name']}.{group['name']}", count

    def _asked(self, path: str, field: str) -> list[Any]:
        try:
            return list(self._client.get(path).get(field) or ())
        except StatusError:
            return []

    def drop_empty(self) -> list[Path]:
        """Nothing: a cluster has no folders."""
        return []

    def _listed(self, row: Resource, selection: Selection) -> Iterator[Object]:
        path = collection_path(row, selection.namespace)
        pages = self._client.pages(path, selection.selector)
        kinded = {"apiVersion": row.api_version, "kind": row.kind}
        yield from {uid_of(each): kinded | each for page in pages for each in page["items"]}.values()

    def _delete_in(self, row: Resource, namespace: str | None, selector: str, propagation: str) -> int:
        query = f"?labelSelector={quote(selector)}&limit={PAGE_SIZE}"
        path, body = collection_path(row, namespace) + query, delete_options(propagation)
        is_list = list_check(path)

        def accepts(answer: Object) -> bool:
            return is_list({"items": [], **answer})  # or a Status: everything is gone

        seen: set[str] = set()
        parts: set[str] = set()
        more = ""
        while True:
            try:
                answer = self._client.send(
                    "DELETE", path + (f"&continue={quote(more)}" if more else ""), body, accepts
                )
            except StatusError as refused:
                if refused.code != 410 or not more:
                    raise
                more = ""  # the list that was begun is too old
                continue
            items = answer.get("items") or ()
            new = {uid_of(each) for each in items} - seen
            seen |= new
            parts |= {uid_of(each) for each in items if self._lister.is_part(each)}
            more = answer["metadata"].get("continue") or ""
            if not more or not new:
                return len(seen - parts)


def collection_path(row: Resource, namespace: str | None) -> str:
    """The URL path of the objects of a kind in a namespace, None for all."""
    within = "" if namespace is None else f"/namespaces/{quote(namespace, safe='')}"
    return f"{row.path}{within}/{row.plural}"


def object_path(object: Object) -> str:
    """The URL path of an object of a known kind."""
    metadata, row = object["metadata"], of_object(object)
    assert row is not None
    return f"{collection_path(row, metadata['namespace'])}/{quote(metadata['name'], safe='')}"
