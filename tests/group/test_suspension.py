"""Which Jobs of a group are suspended or resumed."""

from __future__ import annotations

import itertools
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from expander.base.errors import InputError
from expander.group.suspension.cluster import ClusterSuspension
from expander.group.suspension.plan import SuspensionPlan, is_settled, plan_suspension
from tests.group.fakes import job

if TYPE_CHECKING:
    from expander.group.cluster.source import ClusterSource


def cron(name: str, *, suspend: bool = False) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": {"suspend": suspend}}


def queued(name: str, **spec: Any) -> dict[str, Any]:
    found = job(name, "Pending", **spec)
    found["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "q"
    return found


def names(plan: SuspensionPlan) -> list[str]:
    return [each["metadata"]["name"] for each in plan.targets]


def left(plan: SuspensionPlan) -> dict[str, tuple[str, str]]:
    return {each.name: (each.outcome, each.reason) for each in plan.left}


def test_unfinished_jobs_and_cronjobs_are_suspended() -> None:
    jobs = [job("run", "Active"), job("wait", "Pending"), job("done"), job("held", "Pending", suspend=True)]
    plan = plan_suspension(jobs, [cron("night"), cron("off", suspend=True)], (), suspend=True)
    assert names(plan) == ["run", "wait", "night"]
    assert left(plan) == {
        "done": ("unchanged", "Complete"),
        "held": ("unchanged", "Suspended"),
        "off": ("unchanged", "Suspended"),
    }
    assert all(each.passed for each in plan.left)


def test_suspended_jobs_are_resumed_and_those_of_kueue_are_not() -> None:
    jobs = [job("held", "Pending", suspend=True), job("run", "Active"), queued("queued", suspend=True)]
    plan = plan_suspension(jobs, [], (), suspend=False)
    assert names(plan) == ["held"]
    assert left(plan) == {"run": ("unchanged", "NotSuspended"), "queued": ("refused", "Queued")}
    assert [each.passed for each in plan.left] == [True, False]


def test_what_kueue_has_admitted_would_be_started_again_and_is_refused() -> None:
    plan = plan_suspension([queued("queued")], [], (), suspend=True)
    assert names(plan) == []
    assert "the queue q" in plan.left[0].message


def test_names_mean_items_jobs_and_cronjobs() -> None:
    jobs = [job("j-1", "Active", item="a"), job("j-2", "Active", item="b"), job("j-3", "Active", item="c")]
    given = ("a", "job.batch/j-2", "cronjob/night")
    plan = plan_suspension(jobs, [cron("night"), cron("day")], given, suspend=True)
    assert names(plan) == ["j-1", "j-2", "night"]
    assert names(plan_suspension(jobs, [], ("j-*",), suspend=True)) == ["j-1", "j-2", "j-3"]
    with pytest.raises(InputError, match="no item or Job 'j-4'") as error:
        plan_suspension(jobs, [], ("j-4",), suspend=True)
    assert "did you mean" in (error.value.problems[0].hint or "")


def test_an_index_is_not_suspended_without_its_job() -> None:
    indexed = job("many", "Active", completionMode="Indexed", completions=3)
    plan = plan_suspension([indexed, job("one", "Active")], [], ("many/1", "one"), suspend=True)
    assert names(plan) == ["one"]
    assert left(plan) == {"many": ("refused", "PartOfJob")}


def test_it_is_settled_when_the_controller_has_acted_or_the_job_has_ended() -> None:
    held = job("held", "Pending", suspend=True)
    assert not is_settled(held, suspend=True)
    held["status"]["conditions"] = [{"type": "Suspended", "status": "True"}]
    assert is_settled(held, suspend=True)
    assert not is_settled(held, suspend=False)
    assert is_settled(job("done"), suspend=True)


def test_many_changes_are_under_way_once_a_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, meet = itertools.count(1), threading.Barrier(100)

    def patch(*_: object) -> None:
        if next(answered) > 200:
            meet.wait(20)

    suspension = ClusterSuspension(cast("ClusterSource", SimpleNamespace(transport=None)))
    monkeypatch.setattr(suspension, "_patch", patch)
    plan = SuspensionPlan(True, [job(f"j-{number}", "Active") for number in range(300)])
    assert [told.outcome for told in suspension.outcomes(plan)] == ["suspended"] * len(plan.targets)
