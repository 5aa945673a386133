"""Items wait for quota."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from expander.cluster.quota import PROBE, Excess, QuotaGate, excess_of, room

ONE = Excess("jobs", {"count/jobs.batch": Fraction(1)})


def quota(used: int, hard: int = 10) -> list[dict[str, Any]]:
    status = {"hard": {"count/jobs.batch": str(hard)}, "used": {"count/jobs.batch": str(used)}}
    return [{"metadata": {"name": "jobs"}, "status": status}]


def test_a_recorded_refusal_says_what_was_requested_of_which_quota(reference: Path) -> None:
    answers = json.loads((reference / "http-responses.json").read_text())
    assert excess_of(json.loads(answers["quota-403"]["body"])["message"]) == ONE
    assert excess_of(json.loads(answers["rbac-forbidden-403"]["body"])["message"]) is None


def test_room_is_counted_in_whole_objects_by_the_scarcest_amount() -> None:
    excess = excess_of(
        "exceeded quota: q, requested: cpu=500m,memory=1Gi, used: cpu=1,memory=0, limited: cpu=1,memory=9Gi"
    )
    assert excess is not None
    status = {"hard": {"cpu": "3", "memory": "3Gi"}, "used": {"cpu": "1", "memory": "512Mi"}}
    assert room(excess, [{"metadata": {"name": "q"}, "status": status}]) == 2
    assert room(excess, []) is None


def test_no_more_go_than_there_is_room_for() -> None:
    gate: QuotaGate[int] = QuotaGate()
    gate.refuse("p", 0, ONE, 0.0)
    for item in range(1, 6):
        gate.join("p", item)
    assert gate.release("p", 1.0) is None
    gate.look("p", quota(used=8), 1.0)
    assert [gate.release("p", 1.0) for _ in range(3)] == [0, 1, None]
    gate.look("p", quota(used=8), 2.0)
    assert gate.release("p", 2.0) is None, "two are under way and may not be counted yet"
    gate.over("p")
    gate.over("p")
    gate.look("p", quota(used=10), 3.0)
    assert gate.release("p", 3.0) is None


def test_one_item_probes_now_and_then_without_room() -> None:
    gate: QuotaGate[int] = QuotaGate()
    gate.refuse("p", 0, ONE, 0.0)
    gate.join("p", 1)
    assert [gate.release("p", PROBE), gate.release("p", PROBE)] == [0, None]
    gate.over("p")
    assert [gate.release("p", PROBE + 1), gate.release("p", 2 * PROBE)] == [None, 1]


def test_a_place_opens_when_its_line_is_through() -> None:
    gate: QuotaGate[int] = QuotaGate()
    gate.refuse("p", 0, ONE, 0.0)
    gate.look("p", quota(used=0), 1.0)
    assert gate.release("p", 1.0) == 0
    assert gate.release("p", 1.0) is None
    assert gate.closed("p")
    gate.over("p")
    assert gate.release("p", 1.0) is None
    assert not gate.closed("p")
