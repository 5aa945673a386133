"""Objects are packed by what their like has in common, and come back as they were, whatever is in them."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from expander.group.local.state import StateReader
from expander.local.store.database import LAYOUT, open_database
from expander.local.store.encoding import DICTIONARY_TABLE, MAX_DICTIONARIES, PackedConnection, encode
from expander.local.store.objects import ObjectStore

Connect = Callable[[], PackedConnection]

values = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(), inner, max_size=4),
    max_leaves=12,
)


def job(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    container = {"name": "main", "image": "busybox", "command": ["echo", name], "resources": {}}
    template = {"spec": {"containers": [container], "restartPolicy": "Never", "dnsPolicy": "ClusterFirst"}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": template, **spec},
    }


def sizes(database: PackedConnection) -> list[int]:
    return [size for (size,) in database.execute("SELECT length(data) FROM objects ORDER BY id")]


def packed_connection() -> PackedConnection:
    database = sqlite3.connect(":memory:", isolation_level=None, factory=PackedConnection)
    database.executescript(DICTIONARY_TABLE)
    return database


@given(some.lists(some.dictionaries(some.text(), values), max_size=8), some.sampled_from(["open", None]))
def test_whatever_is_packed_comes_back(found: list[dict[str, Any]], sort: str | None) -> None:
    database = packed_connection()
    objects = [{"kind": "Job", **each} for each in found]
    rows = [database.pack(obj, sort) for obj in objects]
    assert [database.unpack(row) for row in rows] == objects
    assert [json.loads(database.text(row)) for row in rows] == objects
    database.close()


def test_jobs_of_a_batch_take_little_room(connect: Connect) -> None:
    store = ObjectStore(connect())
    for number in range(50):
        store.put(job(f"job-{number}"), new=True)
    store.commit()
    whole = len(encode(job("job-0")))
    assert max(sizes(connect())) < whole / 4


def test_several_templates_in_turn_share_dictionaries(connect: Connect) -> None:
    store = ObjectStore(connect())
    for number in range(40):
        store.put(
            job(f"job-{number}", **{f"field{number % 2}": "+".join(map(str, range(number % 2, 90)))}),
            new=True,
        )
    store.commit()
    database = connect()
    (count,) = database.execute("SELECT count(*) FROM dictionaries").fetchone()
    assert count <= 3
    assert sum(sizes(database)) < 40 * len(encode(job("job-0"))) / 2


def test_objects_that_are_never_alike_make_no_more_dictionaries_than_there_are_numbers() -> None:
    database = packed_connection()
    objects = [{"kind": "Job", "text": chr(0x4E00 + number) * 9 + "xyz"[number % 3]} for number in range(300)]
    rows = [database.pack(obj, "open") for obj in objects]
    (count,) = database.execute("SELECT count(*) FROM dictionaries").fetchone()
    assert count <= MAX_DICTIONARIES
    assert [database.unpack(row) for row in rows] == objects
    database.close()


def test_a_dictionary_that_was_rolled_back_is_written_again(connect: Connect) -> None:
    store = ObjectStore(connect())
    store.put(job("a"), new=True)
    store.flush()
    store.rollback()
    store.commit()
    assert [obj["metadata"]["name"] for obj in ObjectStore(connect()).of_kind("Job")] == ["a"]


def test_a_reader_learns_of_dictionaries_that_come_later(connect: Connect, tmp_path: Path) -> None:
    store = ObjectStore(connect())
    store.put(job("a"), new=True)
    store.commit()
    with StateReader(tmp_path) as reader:
        assert [obj["metadata"]["name"] for obj in reader.of_kind("Job")] == ["a"]
        store.put({**job("b"), "status": {"conditions": [{"type": "Failed", "status": "True"}]}}, new=True)
        store.commit()
        assert [obj["metadata"]["name"] for obj in reader.of_kind("Job")] == ["a", "b"]


def test_a_damaged_object_is_an_error(connect: Connect) -> None:
    database = connect()
    for data in (b"", b"\x05abc", database.pack(job("a"), "open")[:-4]):
        with pytest.raises((sqlite3.DatabaseError, ValueError), match=r"damaged|unexpected|JSON|Expecting"):
            database.unpack(data)


LAYOUT_2 = """
CREATE TABLE objects (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, namespace TEXT NOT NULL,
    name TEXT NOT NULL, owner TEXT, state TEXT, version INTEGER NOT NULL, data BLOB NOT NULL,
    UNIQUE (kind, namespace, name)
);
CREATE INDEX owners ON objects (owner) WHERE owner IS NOT NULL;
CREATE TRIGGER untraced AFTER DELETE ON objects WHEN old.kind = 'Job'
BEGIN DELETE FROM traces WHERE owner = old.uid; END;
DROP TRIGGER unlogged_trace; DROP TABLE logs; DROP TABLE dictionaries; PRAGMA user_version=2;
"""


def definitions(database: PackedConnection) -> set[str]:
    """The tables, indexes and triggers of a file, whatever the spaces in them."""
    rows = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {" ".join(sql.split()) for (sql,) in rows}


def test_state_of_an_earlier_layout_is_read_and_written_on(connect: Connect, tmp_path: Path) -> None:
    database = connect()
    made = definitions(database)
    database.executescript(f"DROP TRIGGER outdated_by_trace; DROP TABLE objects; {LAYOUT_2}")
    volcano = {**job("v"), "apiVersion": "batch.volcano.sh/v1alpha1"}
    for each in (job("a"), volcano):
        uid, name = each["metadata"]["uid"], each["metadata"]["name"]
        database.execute(
            "INSERT INTO objects (uid, kind, namespace, name, state, version, data) VALUES (?,?,?,?,?,?,?)",
            (uid, "Job", "default", name, "pending", 1, encode(each)),
        )
    database.close()
    with StateReader(tmp_path) as reader:
        assert [*reader.of_kind("Job")] == [job("a"), volcano]
    database = connect()
    assert definitions(database) == made
    store = ObjectStore(database)
    assert store.get("Job", "default", "v", "batch.volcano.sh/v1alpha1") == volcano
    assert store.get("Job", "default", "a", "batch/v1") == job("a")
    store.put(job("b"), new=True)
    store.commit()
    with StateReader(tmp_path) as reader:
        assert [obj["metadata"]["name"] for obj in reader.of_kind("Job")] == ["a", "b", "v"]
        assert reader.database.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
    open_database(tmp_path / "state.db").close()
