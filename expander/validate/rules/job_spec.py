"""The spec of a Job, as a Job and as the template of a CronJob have it (pkg/apis/batch/validation)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.checks import (
    Findings,
    invalid,
    invalid_each,
    not_negative,
    not_supported,
    required,
    too_long,
)
from expander.validate.rules.failure_policy import check_failure_policy
from expander.validate.rules.success_policy import check_success_policy

Spec = Mapping[str, Any]

MAX_PARALLELISM: Final = 100_000  # of an Indexed Job
MAX_FAILED_INDEXES: Final = 100_000
MANY_COMPLETIONS: Final = 100_000  # above it the two limits below hold for Jobs with a limit per index
MAX_PARALLELISM_OF_MANY: Final = 10_000
MAX_FAILED_INDEXES_OF_MANY: Final = 10_000
MAX_MANAGED_BY_BYTES: Final = 63
COMPLETION_MODES: Final = ("NonIndexed", "Indexed")
REPLACEMENT_POLICIES: Final = ("Failed", "TerminatingOrFailed")
RESTART_POLICIES: Final = ("OnFailure", "Never")

_NUMBERS: Final = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_PATH_FORMAT: Final = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_is_path = re.compile(_PATH_FORMAT).fullmatch


def check_job_spec(spec: Spec, where: str) -> list[Finding]:
    """What the API server would refuse in the spec at ``where``, apart from the pod template and selector."""
    get = spec.get
    found: list[Finding] = []
    for field in _NUMBERS:
        value = get(field)
        if value is not None and value < 0:
            found += not_negative(value, f"{where}.{field}")
    if get("maxFailedIndexes") is not None and get("backoffLimitPerIndex") is None:
        found.append(required(f"{where}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    managed_by = get("managedBy")
    if managed_by is not None:
        found += _check_managed_by(managed_by, f"{where}.managedBy")
    found += _check_completion_mode(spec, where)
    if get("podFailurePolicy") is not None:
        found += check_failure_policy(spec, f"{where}.podFailurePolicy")
    if get("successPolicy") is not None:
        found += check_success_policy(spec, f"{where}.successPolicy")
    replacement = get("podReplacementPolicy")
    if replacement is not None:
        allowed = REPLACEMENT_POLICIES if get("podFailurePolicy") is None else ("Failed",)
        if replacement not in allowed:
            found.append(not_supported(f"{where}.podReplacementPolicy", replacement, allowed))
    return found


def check_restart_policy(spec: Spec, where: str) -> Findings:
    """The pods of a Job end; ``Always``, the default of a pod, counts as not given."""
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy") or "Always"
    at = f"{where}.template.spec.restartPolicy"
    if policy == "Always":
        yield required(at, 'valid values: "OnFailure", "Never"')
    elif policy not in RESTART_POLICIES:
        yield not_supported(at, policy, RESTART_POLICIES)
    elif policy != "Never" and spec.get("podFailurePolicy") is not None:
        yield invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _check_managed_by(value: str, where: str) -> Findings:
    domain, _, path = value.partition("/")
    if not value:
        yield required(where)
    elif not domain or not path:
        yield invalid(where, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        yield from invalid_each(where, domain, formats.dns_subdomain(domain))
        if not _is_path(path):
            yield invalid(where, path, f"Invalid path (regex used for validation is '{_PATH_FORMAT}')")
    if formats.byte_length(value) > MAX_MANAGED_BY_BYTES:
        yield too_long(where, MAX_MANAGED_BY_BYTES)


def _check_completion_mode(spec: Spec, where: str) -> Findings:
    mode = spec.get("completionMode")
    if mode == "Indexed":
        yield from _check_indexed(spec, where)
    elif mode is None or mode == "NonIndexed":
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                yield invalid(f"{where}.{field}", spec[field], "requires indexed completion mode")
    else:
        yield not_supported(f"{where}.completionMode", mode, COMPLETION_MODES)


def _check_indexed(spec: Spec, where: str) -> Findings:
    completions, failed = spec.get("completions"), spec.get("maxFailedIndexes")
    parallelism = spec.get("parallelism")
    if completions is None:
        yield required(f"{where}.completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > MAX_PARALLELISM:
        detail = f"must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed"
        yield invalid(f"{where}.parallelism", parallelism, detail)
    if failed is not None:
        if completions is not None and failed > completions:
            yield invalid(f"{where}.maxFailedIndexes", failed, "must be less than or equal to completions")
        if failed > MAX_FAILED_INDEXES:
            detail = f"must be less than or equal to {MAX_FAILED_INDEXES}"
            yield invalid(f"{where}.maxFailedIndexes", failed, detail)
    if (completions or 0) > MANY_COMPLETIONS and spec.get("backoffLimitPerIndex") is not None:
        yield from _check_many(parallelism, failed, where)


def _check_many(parallelism: int | None, failed: int | None, where: str) -> Findings:
    """Many completions with a back-off limit for each index: the lists in the status must stay short."""
    when = f"when completions are above {MANY_COMPLETIONS} and used with backoff limit per index"
    if failed is None:
        detail = f"must be specified when completions is above {MANY_COMPLETIONS}"
        yield required(f"{where}.maxFailedIndexes", detail)
    if parallelism is not None and parallelism > MAX_PARALLELISM_OF_MANY:
        detail = f"must be less than or equal to {MAX_PARALLELISM_OF_MANY} {when}"
        yield invalid(f"{where}.parallelism", parallelism, detail)
    if failed is not None and failed > MAX_FAILED_INDEXES_OF_MANY:
        detail = f"must be less than or equal to {MAX_FAILED_INDEXES_OF_MANY} {when}"
        yield invalid(f"{where}.maxFailedIndexes", failed, detail)
