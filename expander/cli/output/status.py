"""What ``status`` prints: tables for people; a List as JSON or YAML, CSV and names for machines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from expander.base.text import MAX_ERRORS, counted
from expander.cli.output.streams import printable
from expander.cli.output.table import MAX_CELL_WIDTH, fit, table, terminal_width, without_empty
from expander.group.job_status import REMOVED, STATES, GroupSummary, JobStatus, group_of
from expander.items.keys import item_columns, item_text
from expander.kube.objects import Object, uid_of
from expander.kube.time import human, precise_time, unix
from expander.kube.workloads import FAILED
from expander.manifests.rerun import COUNT_ANNOTATION

COLUMNS: Final = (
    "group",
    "namespace",
    "name",
    "item",
    "state",
    "reason",
    "cause",
    "message",
    "started",
    "finished",
    "seconds",
    "completed",
    "completions",
    "failedIndexes",
    "retries",
    "attempts",
    "exitCode",
    "node",
    "key",
)


def as_list(jobs: Sequence[Object]) -> Iterator[str]:
    """A v1 List of Jobs, as kubectl prints one; ``managedFields`` are left out as there."""
    yield '{\n    "apiVersion": "v1",\n    "items": ['
    for number, job in enumerate(jobs):
        text = json.dumps(shown(job), ensure_ascii=False, indent=4).replace("\n", "\n        ")
        yield f"{',' if number else ''}\n        {text}"
    end = "\n    " if jobs else ""
    yield f'{end}],\n    "kind": "List",\n    "metadata": {{\n        "resourceVersion": ""\n    }}\n}}\n'


def as_yaml(jobs: Sequence[Object]) -> Iterator[str]:
    """The same List as YAML."""
    from expander.base.yaml.writer import dump

    items = [shown(job) for job in jobs]
    yield dump({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})


def as_csv(found: Sequence[JobStatus], label: str, named: str | None) -> Iterator[str]:
    """A header and a row for each Job; times as the API writes them, durations in seconds."""
    yield csv_head()
    for one in found:
        yield csv_row(one, label, named)


def csv_head() -> str:
    """The header."""
    return f"{','.join(COLUMNS)}\n"


def csv_row(one: JobStatus, label: str, named: str | None) -> str:
    """The row of a Job."""
    from expander.group.table import csv_line  # other formats do without

    outcome = one.outcome
    return csv_line(
        [
            group_of(one.job, label, named),
            outcome.namespace,
            outcome.name,
            outcome.item,
            one.state,
            one.reason,
            one.cause,
            one.message,
            _time(outcome.started),
            _time(outcome.finished),
            None if outcome.seconds is None else round(outcome.seconds, 3),
            one.succeeded,
            one.completions,
            one.failed_indexes,
            one.retries,
            outcome.attempts,
            outcome.exit_code,
            one.nodes[0] if one.nodes else None,
            outcome.key,
        ]
    )


def removed_note(count: int) -> str:
    """What there is to say of Jobs that were removed."""
    unknown = "its result is" if count == 1 else "their results are"
    return (
        f"warning: {counted(count, 'Job')} no longer in the cluster (ttlSecondsAfterFinished, or deleted); "
        f"{unknown} unknown. submit --delete-finished keeps results"
    )


def shown(job: Object) -> Mapping[str, Any]:
    """A Job without what no reader wants."""
    metadata = {key: value for key, value in job["metadata"].items() if key != "managedFields"}
    return {**job, "metadata": metadata}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else precise_time(seconds)


NO_GROUP: Final = "<none>"

FINE_SECONDS: Final = 9.95
"""Durations below this are told to tenths or milliseconds; those of a cluster are whole seconds."""


def groups_table(groups: Sequence[GroupSummary], now: float) -> Iterator[str]:
    """A line for each group; states in which there is no Job are left out, but for the first two."""
    rows = [["GROUP", "JOBS", *(state.upper() for state in STATES), "RETRIES", "DURATION"]]
    for group in groups:
        counts = [str(group.counts[state]) for state in STATES]
        span = _span(group.seconds(now), running=bool(group.unfinished))
        rows.append([group.name or NO_GROUP, str(group.jobs), *counts, str(group.retries), span])
    return table(without_empty(rows, [state.upper() for state in STATES[2:]]), terminal_width())


def items_table(
    found: Sequence[JobStatus], now: float, *, wide: bool, namespaces: bool, room: int = 0
) -> Iterator[str]:
    """A line for each item in the order of ``found``; ``namespaces``: with the namespaces.

    ``wide``: with the columns of items, and more. So much ``room`` of a terminal's line is left free.
    """
    head = ["NAMESPACE", "JOB", "ITEM", "STATE", "COMPLETIONS", "DURATION", "RETRIES", "NODE", "REASON"]
    if wide:
        head[8:] = ["ATTEMPTS", "EXIT", "AGE", "REASON", "MESSAGE"]
    rows = [head]
    columns = column_names(found) if wide else []
    head[3:3] = [name.upper() for name in columns]
    rows += [_row(one, now, wide, columns) for one in found]
    if not namespaces:
        rows = [row[1:] for row in rows]
    width = None if wide else terminal_width()
    return table(without_empty(rows, ["ITEM"]), width and width - room, ["NODE", "COMPLETIONS"])


def column_names(found: Sequence[JobStatus]) -> list[str]:
    """The columns of all items, in the order they come."""
    return list(dict.fromkeys(name for one in found for name in item_columns(one.outcome.item)))


def failures(found: Sequence[JobStatus], lines: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What became of the first failed items, with the last lines of their logs by the Job's uid."""
    failed = [one for one in found if one.state == FAILED]
    for one in failed[:MAX_ERRORS]:
        yield f"\n{label(one)} failed: {printable(one.summary)}\n"
        yield from (f"    {printable(line.expandtabs())}\n" for line in lines.get(uid_of(one.job), ()))
    if len(failed) > MAX_ERRORS:
        yield f"\nand {len(failed) - MAX_ERRORS:,} more failed\n"


def troubles(found: Sequence[JobStatus]) -> Iterator[str]:
    """What keeps unfinished items, those with the same trouble together."""
    groups = alike(one for one in found if one.reason and not one.has_ended and (one.message or one.detail))
    for number, those in enumerate(groups):
        if number == MAX_ERRORS:
            yield f"and {len(groups) - MAX_ERRORS:,} other problems\n"
            return
        start = "" if number else "\n"
        yield f"{start}{label_of_all(those)}: {printable(those[0].summary)}\n"


def alike(found: Iterable[JobStatus]) -> list[list[JobStatus]]:
    """Jobs by state and trouble."""
    groups: dict[tuple[str, str], list[JobStatus]] = {}
    for one in found:
        groups.setdefault((one.state, _kind(one)), []).append(one)
    return list(groups.values())


def label_of_all(those: Sequence[JobStatus]) -> str:
    """The first of some Jobs, and how many more there are."""
    return label(those[0]) + (f" and {len(those) - 1:,} more" if len(those) > 1 else "")


def label(one: JobStatus) -> str:
    """A Job and its item, or its items."""
    name, key = one.outcome.name, one.outcome.key
    if not key:
        return name
    count = (one.job["metadata"].get("annotations") or {}).get(COUNT_ANNOTATION, "1")
    if count != "1":
        return f"{name} ({printable(key)})"
    return f"{name} (item {fit(key, MAX_CELL_WIDTH)!r})"


def span_of(one: JobStatus, now: float) -> str:
    """How long an item took, or has been at work."""
    outcome = one.outcome
    if outcome.started is None or (outcome.finished is None and one.has_ended):
        return ""
    return _span((outcome.finished or now) - outcome.started, running=outcome.finished is None)


def _kind(one: JobStatus) -> str:
    """The trouble of an item without what is its own: its name, its pods' names, uids."""
    own = rf"{re.escape(one.outcome.name)}(-[a-z0-9]+)*|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}"
    return re.sub(own, "", one.summary)


def _span(seconds: float | None, *, running: bool) -> str:
    """A duration for people; a short one that has ended with what is known below a second."""
    if seconds is None:
        return ""
    if running or seconds >= FINE_SECONDS or seconds <= 0 or seconds == int(seconds):
        return human(max(seconds, 0.0))
    if seconds < 0.9995:
        return f"{max(round(seconds * 1000), 1)}ms"
    return f"{seconds:.1f}s"


def _row(one: JobStatus, now: float, wide: bool, columns: Sequence[str]) -> list[str]:
    outcome = one.outcome
    wanted = f"{one.succeeded}/{one.completions}" if one.completions is not None else str(one.succeeded)
    if one.state == REMOVED:
        wanted = ""
    node = one.nodes[0] if one.nodes else ""
    if len(one.nodes) > 1:
        node += f" (+{len(one.nodes) - 1})"
    own = item_columns(outcome.item) if columns else {}
    row = [outcome.namespace, outcome.name, outcome.key]
    row += [item_text(own[name]) if name in own else "" for name in columns]
    row += [one.state, wanted, span_of(one, now)]
    row += [str(one.retries), node]
    if not wide:
        return [*row, one.explanation]
    code = "" if outcome.exit_code is None else str(outcome.exit_code)
    created = one.job["metadata"].get("creationTimestamp")
    age = human(now - unix(created)) if created else ""
    message = ": ".join(part for part in (one.message, one.detail) if part)
    return [*row, str(outcome.attempts), code, age, one.explanation, message]
