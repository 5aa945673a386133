"""Pods that were deleted before their Job: what a group's history still tells of them.

The Job controller deletes what runs when a Job fails, is suspended or needs no more pods. In a cluster their
logs are gone with them; here the logs are files, and a pod's last state rests beside the objects until its
Job goes. No controller, list or watch sees it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from expander.local.store.database import Object, decode, encode


def keep_deleted_pod(database: sqlite3.Connection, pod: Object, owner: str) -> None:
    """Keep the last state of a pod of the Job ``owner``, within the open transaction or a new one."""
    if not database.in_transaction:
        database.execute("BEGIN")
    row = (pod["metadata"]["uid"], owner, encode(pod))
    database.execute("INSERT OR REPLACE INTO traces VALUES (?,?,?)", row)


def deleted_pods(database: sqlite3.Connection, owner: str) -> Iterator[Object]:
    """The pods of a Job that were deleted, in the order in which they went."""
    found = database.execute("SELECT data FROM traces WHERE owner=? ORDER BY rowid", (owner,)).fetchall()
    yield from (decode(data) for (data,) in found)


def deleted_pod_owners(database: sqlite3.Connection) -> set[str]:
    """The Jobs that have traces."""
    return {uid for (uid,) in database.execute("SELECT DISTINCT owner FROM traces")}
