"""Unfinished Jobs are counted whatever order the news comes in."""

from typing import Any

from expander.base.errors import SourceLocation
from expander.client.client import Resource
from expander.manifests.manifest import Manifest
from expander.submit.active_window import ActiveWindow, Scope
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder

JOBS = Resource("/apis/batch/v1", "jobs", namespaced=True)
SCOPE = Scope("n", "g")
OTHER = Scope("m", "g")
NO_GROUP = Scope("n", "")


def sent(name: str, scope: Scope = SCOPE) -> PreparedRequest:
    metadata = {"name": name, "namespace": scope.namespace, "labels": {"jobgroup": scope.group}}
    return RequestBuilder("n").prepare(
        Manifest({"kind": "Job", "metadata": metadata}, SourceLocation("f", 1)), JOBS
    )


def job(name: str, finished: bool = False, namespace: str = "n") -> dict[str, Any]:
    conditions = [{"type": "Complete", "status": "True"}] if finished else []
    return {"metadata": {"namespace": namespace, "name": name}, "status": {"conditions": conditions}}


def listed(window: ActiveWindow, scope: Scope, *jobs: dict[str, Any]) -> None:
    window.begin_list(scope)
    window.page(scope, jobs)
    window.end_list(scope)


def test_a_job_that_ends_before_its_answer_comes_is_not_counted() -> None:
    window = ActiveWindow(2)
    window.reserve(sent("a"))
    window.changed(SCOPE, "MODIFIED", job("a", finished=True))
    window.confirm(sent("a"), True)
    assert window.active == 0


def test_jobs_of_others_fill_the_window_until_they_finish_or_go() -> None:
    window = ActiveWindow(2)
    listed(window, SCOPE, job("a"), job("b"), job("c", finished=True))
    assert window.is_full
    window.changed(SCOPE, "DELETED", job("a"))
    assert not window.is_full


def test_a_list_forgets_what_went_meanwhile_and_keeps_what_it_cannot_know() -> None:
    window = ActiveWindow(9)
    for name in ("gone", "late", "sent"):
        window.reserve(sent(name))
    window.confirm(sent("gone"), True)
    window.begin_list(SCOPE)
    window.confirm(sent("late"), True)
    window.page(SCOPE, [])
    window.end_list(SCOPE)
    assert window.active == 2


def test_a_list_says_nothing_of_other_namespaces() -> None:
    window = ActiveWindow(9)
    for scope in (SCOPE, OTHER):
        window.reserve(sent("a", scope))
        window.confirm(sent("a", scope), True)
    listed(window, SCOPE)
    assert window.active == 1
    listed(window, OTHER, job("a", finished=True, namespace="m"))
    assert window.active == 0


def test_a_refused_job_leaves_the_window_unless_there_is_another_of_its_name() -> None:
    window = ActiveWindow(1)
    window.reserve(sent("a"))
    window.confirm(sent("a"), False)
    assert not window.is_full
    window.reserve(sent("b"))
    window.changed(SCOPE, "ADDED", job("b"))
    window.confirm(sent("b"), False)
    assert window.is_full


def test_without_a_group_only_jobs_that_were_sent_count() -> None:
    window = ActiveWindow(2)
    window.reserve(sent("a", NO_GROUP))
    window.confirm(sent("a", NO_GROUP), True)
    listed(window, NO_GROUP, job("a"), job("foreign"))
    assert window.active == 1
    window.changed(NO_GROUP, "MODIFIED", job("a", finished=True))
    assert window.active == 0


def test_finished_jobs_are_handed_on_and_nothing_is_sent_while_too_many_wait() -> None:
    finished: list[Any] = []

    def hand_on(job: Any) -> bool:
        finished.append(job)
        return False

    window = ActiveWindow(None, hand_on, lambda: len(finished) >= 2)
    listed(window, SCOPE, job("a", finished=True))
    assert not window.is_full
    window.changed(SCOPE, "MODIFIED", job("b", finished=True))
    assert window.is_full
    assert [each["metadata"]["name"] for each in finished] == ["a", "b"]
