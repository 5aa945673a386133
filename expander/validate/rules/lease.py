"""Leases (``ValidateLease`` of pkg/apis/coordination/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules.field import EMPTY, Findings, invalid, not_negative
from expander.validate.rules.metadata import check_metadata


def check_lease(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new Lease."""
    return [*check_metadata(obj.get("metadata") or EMPTY), *_check_spec(obj.get("spec") or EMPTY)]


def _check_spec(spec: Mapping[str, Any]) -> Findings:
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    yield from not_negative(spec.get("leaseTransitions"), "spec.leaseTransitions")
