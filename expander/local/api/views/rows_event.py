"""Events as rows. Decided by ``printEvent`` of kube-apiserver's printers."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.local.api.views.columns import NOTHING, Cells, Column, Layout, Object, name_of, wide


def _event(event: Object, now: float) -> Cells:
    first = age(event.get("firstTimestamp") or event.get("eventTime"), now)
    last = age(event["lastTimestamp"], now) if event.get("lastTimestamp") else first
    count, series = event.get("count") or 1, event.get("series")
    if series is not None:
        last, count = age(series.get("lastObservedTime"), now), series.get("count") or 0
    about = event.get("involvedObject") or NOTHING
    named = [(about.get("kind") or "").lower(), *([about["name"]] if about.get("name") else [])]
    return [
        last,
        event.get("type") or "",
        event.get("reason") or "",
        "/".join(named),
        about.get("fieldPath") or "",
        _source(event),
        (event.get("message") or "").strip(),
        first,
        count,
        name_of(event),
    ]


def _source(event: Object) -> str:
    source = event.get("source") or NOTHING
    component = source.get("component") or event.get("reportingComponent") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


EVENT: Final = Layout(
    (
        Column("Last Seen", description="How long ago it last happened."),
        Column("Type", description="Normal, or Warning."),
        Column("Reason", description="What happened, in one word."),
        Column("Object", description="What it happened to."),
        wide("Subobject", "The part of the object it happened to."),
        wide("Source", "Who tells it."),
        Column("Message", description="What happened, for people."),
        wide("First Seen", "How long ago it first happened."),
        wide("Count", "How often it happened."),
        Column("Name", format="name", priority=1, description="What the event is called."),
    ),
    _event,
)
