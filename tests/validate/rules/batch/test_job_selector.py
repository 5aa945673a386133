"""Selectors of Jobs and the labels of their pods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube.versions import DEFAULT
from expander.local.registry import prepare_job_for_create
from expander.validate.rules.batch.job import NAME_LABELS, UID_LABELS, Selection, check_job

Check = Callable[..., list[tuple[str, str]]]
POD = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}


def labelled(**labels: str) -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "spec": POD}


def test_an_empty_selector_is_as_good_as_none(in_job: Check) -> None:
    assert in_job(selector={}) == []


def test_a_selector_of_the_users_own_is_not_the_generated_one(in_job: Check) -> None:
    found = in_job(selector={"matchLabels": {"app": "x"}}, template=labelled(app="x"))
    assert [path for path, _ in found] == ["selector"]
    assert found[0][1].endswith("`selector` not auto-generated")


def test_a_selector_must_match_the_pods(in_job: Check) -> None:
    found = in_job(selector={"matchLabels": {"app": "x"}}, manualSelector=True, template=labelled(app="y"))
    assert found == [
        (
            "template.metadata.labels",
            'Invalid value: {"app":"y"}: `selector` does not match template `labels`',
        )
    ]


def test_a_manual_selector_must_be_there(in_job: Check) -> None:
    assert in_job(manualSelector=True) == [
        ("selector", "Required value"),
        ("template.metadata.labels", "Invalid value: null: `selector` does not match template `labels`"),
    ]
    assert in_job(manualSelector=True, selector={}) == []


def test_a_malformed_selector_is_found_once(in_job: Check) -> None:
    selector = {"matchExpressions": [{"key": "a", "operator": "Near"}]}
    assert [path for path, _ in in_job(manualSelector=True, selector=selector)] == [
        "selector.matchExpressions[0].operator"
    ]


@pytest.mark.parametrize("label", ["job-name", "batch.kubernetes.io/job-name"])
def test_the_label_with_the_name_says_the_name(in_job: Check, label: str) -> None:
    assert in_job(template=labelled(**{label: "job"})) == []
    found = in_job(template=labelled(**{label: "other"}))
    assert [(path, message[-15:]) for path, message in found] == [
        (f"template.metadata.labels[{label}]", ": must be 'job'")
    ]


@pytest.mark.parametrize("label", ["controller-uid", "batch.kubernetes.io/controller-uid"])
def test_the_uid_of_another_job_is_refused(in_job: Check, label: str) -> None:
    paths = [path for path, _ in in_job(template=labelled(**{label: "84e0c980"}))]
    assert f"template.metadata.labels[{label}]" in paths


def test_the_uid_in_a_selector_is_the_jobs_own(in_job: Check) -> None:
    selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": "84e0c980"}}
    assert [path for path, _ in in_job(selector=selector)] == ["selector", "template.metadata.labels"]


def test_a_name_that_is_no_label_value_is_found_on_both_generated_labels(in_job: Check) -> None:
    name = "a" * 64
    message = f'Invalid value: "{name}": must be no more than 63 bytes'
    assert in_job(metadata={"name": name}) == [("template.labels", message)] * 2


def test_a_job_that_exists_is_held_to_its_own_uid() -> None:
    manifest = {"metadata": {"name": "job"}, "spec": {"template": {"spec": POD}}}
    job = prepare_job_for_create(manifest, "u-1")
    assert check_job(job, DEFAULT, "u-1") == []
    assert check_job(job, DEFAULT, "u-2") != []


words = st.sampled_from(["work", "uid", "other", "no label", ""])
own = st.dictionaries(st.sampled_from([*NAME_LABELS, *UID_LABELS, "app", "b@d"]), words, max_size=5)


@given(
    words, words, own, st.none() | own, st.booleans(), st.sets(st.sampled_from([*NAME_LABELS, *UID_LABELS]))
)
def test_what_the_server_generated_is_checked_like_what_others_write(
    name: str, uid: str, labels: dict[str, str], selected: dict[str, str] | None, manual: bool, less: set[str]
) -> None:
    template = {"metadata": {"labels": labels}, "spec": POD}
    spec = {"template": template, "manualSelector": manual}
    spec |= {} if selected is None else {"selector": {"matchLabels": selected}}
    obj = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
    stored = prepare_job_for_create(obj, uid)
    made = stored["spec"]["template"]["metadata"].get("labels") or {}
    stored["spec"]["template"]["metadata"]["labels"] = {key: made[key] for key in made if key not in less}
    for job, known in ((obj, None), (stored, uid)):
        found = check_job(job, DEFAULT, known)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Selection, "is_plain", False)
            assert found == check_job(job, DEFAULT, known)
