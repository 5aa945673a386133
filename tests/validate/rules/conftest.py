"""Whole objects around the fields under test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expander.kube.versions import DEFAULT
from expander.validate.defaults.defaults import defaults
from expander.validate.finding import Finding
from expander.validate.rules import check_rules

Check = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def in_job() -> Check:
    """The findings on a Job with these fields in its spec, as (path below spec, message).

    ``metadata`` and ``template`` replace those parts; findings elsewhere keep their whole path.
    """

    def check(
        metadata: dict[str, Any] | None = None, template: dict[str, Any] | None = None, **spec: Any
    ) -> list[tuple[str, str]]:
        pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "job"} if metadata is None else metadata,
            "spec": {"template": {"spec": pod} if template is None else template, **spec},
        }
        return spoken(check_rules(defaults(job), DEFAULT))

    return check


@pytest.fixture
def in_cron_job() -> Check:
    """The findings on a CronJob with these fields in its spec; ``job`` is its Job's spec."""

    def check(
        metadata: dict[str, Any] | None = None, job: dict[str, Any] | None = None, **spec: Any
    ) -> list[tuple[str, str]]:
        pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
        cron_job = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "cron"} if metadata is None else metadata,
            "spec": {
                "schedule": "0 * * * *",
                "jobTemplate": {"spec": {"template": {"spec": pod}, **(job or {})}},
                **spec,
            },
        }
        return spoken(check_rules(defaults(cron_job), DEFAULT))

    return check


@pytest.fixture
def in_core() -> Check:
    """The findings on an object of the core group with these fields."""

    def check(kind: str, **fields: Any) -> list[tuple[str, str]]:
        obj = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "thing"}, **fields}
        return spoken(check_rules(defaults(obj), DEFAULT))

    return check


def spoken(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.path.removeprefix("spec."), finding.message) for finding in found]
