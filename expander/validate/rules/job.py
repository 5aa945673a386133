"""A Job as a whole (``ValidateJob`` of pkg/apis/batch/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.checks import EMPTY, Findings, invalid
from expander.validate.rules.job_selector import Selection, check_generated, check_selector, generate, select
from expander.validate.rules.job_spec import check_job_spec, check_restart_policy
from expander.validate.rules.metadata import check_metadata, object_name
from expander.validate.rules.pod.template import check_pod_template


def check_job(job: Mapping[str, Any], uid: str | None = None) -> list[Finding]:
    """What the API server would refuse in a Job with its defaults, in the server's order.

    ``uid`` is that of a Job that exists already; without it the Job is new, and its selector and the labels
    that go with it are generated before they are checked.
    """
    metadata, spec = job.get("metadata") or EMPTY, job.get("spec") or EMPTY
    selection = select(spec, object_name(metadata), uid)
    found = check_metadata(metadata)
    if uid is None and selection.settled and not formats.label_value(selection.name):
        found += check_job_spec(spec, "spec")
        found += check_pod_template(spec.get("template") or EMPTY, "spec.template")
        found += check_restart_policy(spec, "spec")
    else:
        if uid is None and selection.generated:
            selection = generate(selection)
        found += check_generated(selection)
        found += check_job_spec(spec, "spec")
        found += check_pod_template(_labelled(spec, selection), "spec.template")
        found += check_restart_policy(spec, "spec")
        found += check_selector(selection)
    found += _check_host_names(selection.name, spec)
    return found


def _labelled(spec: Mapping[str, Any], selection: Selection) -> Mapping[str, Any]:
    """The pod template with the labels it is checked with."""
    template = spec.get("template") or EMPTY
    return {**template, "metadata": {**(template.get("metadata") or EMPTY), "labels": selection.labels}}


def _check_host_names(name: str, spec: Mapping[str, Any]) -> Findings:
    """The pods of an Indexed Job are named NAME-INDEX, and their hosts too."""
    completions = spec.get("completions") or 0
    if spec.get("completionMode") == "Indexed" and completions > 0:
        host = f"{name}-{completions - 1}"
        if formats.dns_label(host):
            yield invalid(
                "metadata.name", name, f"will not able to create pod with invalid DNS label: {host}"
            )
