"""A CronJob (``ValidateCronJobCreate`` of pkg/apis/batch/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from expander.base.regex import regex
from expander.kube import cron
from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.batch.job import check_job_spec, check_restart_policy
from expander.validate.rules.field import EMPTY, Findings, invalid, not_negative, not_supported, required
from expander.validate.rules.metadata import check_metadata, object_name
from expander.validate.rules.pod.pod_spec import check_pod_template

CONCURRENCY_POLICIES: Final = ("Allow", "Forbid", "Replace")
MAX_NAME_CHARS: Final = 52  # the controller names its Jobs NAME-MINUTES, eleven characters longer
_zone_part = regex(r"[A-Za-z._0-9+][A-Za-z._0-9+-]{0,13}").fullmatch


def check_cron_job(cron_job: Mapping[str, Any], release: Release) -> list[Finding]:
    """What the API server would refuse in a new CronJob with its defaults, in the server's order."""
    metadata, spec = cron_job.get("metadata") or EMPTY, cron_job.get("spec") or EMPTY
    found = check_metadata(metadata)
    found += check_cron_job_spec(spec, release)
    name = object_name(metadata)
    if formats.byte_length(name) > MAX_NAME_CHARS:
        found.append(invalid("metadata.name", name, f"must be no more than {MAX_NAME_CHARS} characters"))
    return found


def check_cron_job_spec(
    spec: Mapping[str, Any], release: Release, old: Mapping[str, Any] | None = None
) -> list[Finding]:
    """What the API server would refuse in the spec of a new CronJob, or in place of the spec ``old``."""
    found = [*_check_schedule(spec, old)]
    found += not_negative(spec.get("startingDeadlineSeconds"), "spec.startingDeadlineSeconds")
    zone = spec.get("timeZone")
    if zone is not None and (old is None or old.get("timeZone") != zone):
        found += check_time_zone(zone, "spec.timeZone")
    policy = spec.get("concurrencyPolicy") or ""
    if not policy:
        found.append(required("spec.concurrencyPolicy"))
    elif policy not in CONCURRENCY_POLICIES:
        found.append(not_supported("spec.concurrencyPolicy", policy, CONCURRENCY_POLICIES))
    job = _job_spec_of(spec)
    found += _check_job_template(job, release)
    if old is not None and "scheduling" in {**job, **_job_spec_of(old)}:
        from expander.validate.rules.pod_group import check_job_scheduling_changes

        found += check_job_scheduling_changes(job, _job_spec_of(old), "spec.jobTemplate.spec", is_job=False)
    for field in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        found += not_negative(spec.get(field), f"spec.{field}")
    return found


def _job_spec_of(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (spec.get("jobTemplate") or EMPTY).get("spec") or EMPTY
    return found


def _check_schedule(spec: Mapping[str, Any], old: Mapping[str, Any] | None) -> Findings:
    """The schedule can be read and names no time zone, unless an old one did already."""
    schedule = spec.get("schedule") or ""
    if not schedule:
        yield required("spec.schedule")
        return
    try:
        cron.parse(schedule)
    except ValueError as error:
        yield invalid("spec.schedule", schedule, str(error))
    if "TZ" not in schedule:
        return
    if old is None or "TZ" not in (old.get("schedule") or ""):
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield invalid("spec.schedule", schedule, detail)
    elif spec.get("timeZone") is not None:
        detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        yield invalid("spec.schedule", schedule, detail)


def check_time_zone(name: str, where: str) -> Findings:
    """The zone is in the time zone database under that name and says itself which one it is."""
    if not name:
        yield invalid(where, name, "timeZone must be nil or non-empty string")
        return
    if not all(_zone_part(part) and part not in (".", "..") for part in name.split("/")):
        yield invalid(where, name, f"unknown time zone {name}")
        return
    if name.lower() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield invalid(where, name, detail)
    if ".." in name:
        yield invalid(where, name, "time: invalid location name")
    elif name != "Local" and not _zone_exists(name):
        yield invalid(where, name, f"unknown time zone {name}")


@lru_cache(maxsize=1024)
def _zone_exists(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return False
    return True


def _check_job_template(spec: Mapping[str, Any], release: Release) -> list[Finding]:
    """The metadata of the Job template is not looked at; its selector is always generated."""
    where = "spec.jobTemplate.spec"
    found = check_job_spec(spec, where)
    found += check_pod_template(spec.get("template") or EMPTY, f"{where}.template", release)
    found += check_restart_policy(spec, where)
    selector = spec.get("selector")
    if selector is not None:
        found.append(invalid(f"{where}.selector", selector, "`selector` will be auto-generated"))
    if spec.get("manualSelector"):
        found.append(not_supported(f"{where}.manualSelector", True, ("nil", "false")))
    return found
