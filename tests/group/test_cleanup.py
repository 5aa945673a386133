"""What is deleted of a group while others still add to it."""

from collections.abc import Iterator
from typing import Any, cast

from expander.group.cleanup import CleanupPlan, Target, wait_until_gone
from expander.group.source import Writer
from expander.kube.objects import Object


def job(uid: str, **metadata: Any) -> Object:
    return {"kind": "Job", "metadata": {"name": uid, "namespace": "n", "uid": uid, **metadata}}


def pod(owner: str) -> Object:
    references = [{"kind": "Job", "uid": owner, "controller": True}]
    return {"kind": "Pod", "metadata": {"uid": f"pod-{owner}", "ownerReferences": references}}


class Lists:
    """What a writer finds, look by look; the last look stays."""

    def __init__(self, *looks: list[Object]) -> None:
        self.looks = list(looks)

    def labelled(self, kind: str) -> Iterator[Object]:
        found = [each for each in self.looks[0] if each["kind"] == kind]
        if kind == "Pod" and len(self.looks) > 1:
            del self.looks[0]
        yield from found


def left(*looks: list[Object], whole: bool = True) -> tuple[int, int]:
    plan = CleanupPlan(whole, whole, [Target("Job", "n", "old", "old")])
    return wait_until_gone(plan, cast(Writer, Lists(*looks)), 0.2)


def test_what_is_going_is_waited_for_and_what_is_new_is_not() -> None:
    new = [job("new"), pod("new")]
    assert left([job("old"), pod("old"), *new], [pod("old"), *new], new) == (0, 1)


def test_jobs_that_came_in_between_and_are_on_their_way_out_are_not_new() -> None:
    assert left([job("late", deletionTimestamp="2026-01-01T00:00:00Z")]) == (1, 0)
    assert left([job("late", deletionTimestamp="2026-01-01T00:00:00Z")], []) == (0, 0)


def test_of_a_part_of_a_group_only_its_own_jobs_are_waited_for() -> None:
    new = [job("new"), pod("new"), pod("old")]
    assert left(new, whole=False) == (0, 0)
