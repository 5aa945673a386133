"""Unfinished Jobs are counted whatever order the news comes in."""

from typing import Any

from expander.cluster.window import Window


def job(name: str, finished: bool = False) -> dict[str, Any]:
    conditions = [{"type": "Complete", "status": "True"}] if finished else []
    return {"metadata": {"namespace": "n", "name": name}, "status": {"conditions": conditions}}


def test_a_job_that_ends_before_its_answer_comes_is_not_counted() -> None:
    window = Window(2)
    window.sending(("n", "a"))
    window.changed("MODIFIED", job("a", finished=True))
    window.answered(("n", "a"), True)
    assert window.active == 0


def test_jobs_of_others_fill_the_window_until_they_finish_or_go() -> None:
    window = Window(2)
    window.begin_list()
    window.listed([job("a"), job("b"), job("c", finished=True)])
    assert window.is_full
    window.changed("DELETED", job("a"))
    assert not window.is_full


def test_a_list_forgets_what_went_meanwhile_and_keeps_what_it_cannot_know() -> None:
    window = Window(9)
    for name in ("gone", "late", "sent"):
        window.sending(("n", name))
    window.answered(("n", "gone"), True)
    window.begin_list()
    window.answered(("n", "late"), True)
    window.listed([])
    assert window.active == 2


def test_a_refused_job_leaves_the_window() -> None:
    window = Window(1)
    window.sending(("n", "a"))
    window.answered(("n", "a"), False)
    assert not window.is_full
