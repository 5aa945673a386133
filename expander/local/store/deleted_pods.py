"""Pods that were deleted before their Job: what a group's history still tells of them.

The Job controller deletes what runs when a Job fails, is suspended or needs no more pods. In a cluster their
logs are gone with them; here the logs are files, and a pod's last state rests beside the objects until its
Job goes. No controller, list or watch sees it.
"""

from __future__ import annotations

from collections.abc import Iterator

from expander.local.store.database import Object
from expander.local.store.encoding import PackedConnection
from expander.local.store.job_states import pod_state


def keep_deleted_pod(database: PackedConnection, pod: Object, owner: str) -> None:
    """Keep the last state of a pod of the Job ``owner``, within the open transaction or a new one."""
    if not database.in_transaction:
        database.execute("BEGIN")
    row = (pod["metadata"]["uid"], owner, database.pack(pod, pod_state(pod)))
    database.execute("INSERT OR REPLACE INTO traces VALUES (?,?,?)", row)


def deleted_pods(database: PackedConnection, owner: str) -> Iterator[Object]:
    """The pods of a Job that were deleted, in the order in which they went."""
    found = database.execute("SELECT data FROM traces WHERE owner=? ORDER BY rowid", (owner,)).fetchall()
    yield from (database.unpack(data) for (data,) in found)


def deleted_pod_owners(database: PackedConnection) -> set[str]:
    """The Jobs that have traces."""
    return {uid for (uid,) in database.execute("SELECT DISTINCT owner FROM traces")}
