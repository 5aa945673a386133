"""What components write of themselves: Events of v1 and of events.k8s.io, and Leases.

ValidateEventCreate of pkg/apis/core/validation/events.go decides, and ValidateLease of
pkg/apis/coordination/validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.kube.versions import Release
from expander.validate.finding import Finding
from expander.validate.rules import formats
from expander.validate.rules.field import EMPTY, Findings, invalid, not_negative, required
from expander.validate.rules.metadata import check_metadata

MAX_CHARS: Final = 128
MAX_NOTE_CHARS: Final = 1024
ELSEWHERE: Final = ("default", "kube-system")
"""Namespaces of Events about objects that are in none."""


def check_event(event: Mapping[str, Any], release: Release) -> list[Finding]:
    """An Event of either group; those of the new one are held to more."""
    is_new = event.get("apiVersion") != "v1"
    metadata = event.get("metadata") or EMPTY
    found = [*check_metadata(metadata), *_check_place(event, metadata.get("namespace"), is_new)]
    if event.get("eventTime"):
        found += _check_reporter(event, is_new)
    if is_new:
        found += _check_new(event)
    return found


def _check_place(event: Mapping[str, Any], namespace: str | None, is_new: bool) -> Iterator[Finding]:
    """The object must be in the namespace of its Event, as far as that is known."""
    about = (event.get("regarding" if is_new else "involvedObject") or EMPTY).get("namespace") or ""
    if event.get("eventTime"):
        fits = about or namespace in ELSEWHERE
    else:
        fits = about == namespace if about else namespace == ELSEWHERE[0]
    if namespace and not fits:
        yield invalid("involvedObject.namespace", about, "does not match event.namespace")


def _check_reporter(event: Mapping[str, Any], is_new: bool) -> Iterator[Finding]:
    controller = "reportingController" if is_new else "reportingComponent"
    name = event.get(controller) or ""
    if not name:
        yield required(controller, "")
    for words in formats.qualified_name(name):
        yield invalid(controller, name, words)
    for field in ("reportingInstance", "action", "reason"):
        text = event.get(field) or ""
        if not text:
            yield required(field, "")
        if len(text.encode()) > MAX_CHARS:
            yield invalid(field, "", f"can have at most {MAX_CHARS} characters")
    if len((event.get("note" if is_new else "message") or "").encode()) > MAX_NOTE_CHARS:
        yield invalid("message", "", f"can have at most {MAX_NOTE_CHARS} characters")


def _check_new(event: Mapping[str, Any]) -> Iterator[Finding]:
    series = event.get("series")
    if series is not None:
        if (series.get("count") or 0) < 2:
            yield invalid("series.count", "", "should be at least 2")
        if not series.get("lastObservedTime"):
            yield required("series.lastObservedTime", "")
    if not event.get("eventTime"):
        yield required("eventTime", "")
    if event.get("type") not in ("Normal", "Warning"):
        yield invalid("type", "", f"has invalid value: {event.get('type') or ''}")
    for field in ("firstTimestamp", "lastTimestamp", "count", "source"):
        if event.get(f"deprecated{field[0].upper()}{field[1:]}"):
            yield invalid(field, "", "needs to be unset")


def check_lease(obj: Mapping[str, Any], release: Release) -> list[Finding]:
    """A new Lease."""
    return [*check_metadata(obj.get("metadata") or EMPTY), *_check_spec(obj.get("spec") or EMPTY)]


def _check_spec(spec: Mapping[str, Any]) -> Findings:
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    yield from not_negative(spec.get("leaseTransitions"), "spec.leaseTransitions")
