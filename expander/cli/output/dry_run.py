"""What ``run --dry-run`` prints: what would be done with each Job, and the sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from expander.base.errors import ItemError
from expander.base.text import counted
from expander.cli.output.streams import OutcomeLines, Output, say
from expander.manifests.edits import ITEM_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.manifests.rerun_choice import Rerun
from expander.run.dry_run import PlannedObject, images_of

STATES = {"succeeded": "Complete", "failed": "Failed"}
WORDS = {"run": "runs", "rerun": "runs again", "resume": "resumes", "kept": "kept"}

MAX_IMAGES = 5
"""Images that are named."""


def show_dry_run(
    manifests: Iterable[Manifest],
    folder: Path | None,
    rerun: Rerun | None,
    out: Output,
    lines: OutcomeLines | None,
    on_error: Callable[[ItemError], None],
) -> None:
    """Print what a run with the state in ``folder`` (None: with none) would do; with ``lines`` as JSON.

    ``on_error`` gets the items that it would refuse.
    """
    from expander.group.local.dry_run import planned_after

    found = planned_after(folder, manifests, rerun, on_error, say)
    if lines is None:
        _show(found, out)
        return
    for each in found:
        metadata = each.manifest.tree["metadata"]
        item = (metadata.get("annotations") or {}).get(ITEM_ANNOTATION)
        lines.put(metadata.get("name"), each.namespace, item, each.outcome, reason=_left(each))
    lines.finish()


def _show(found: Iterable[PlannedObject], out: Output) -> None:
    """A line for each, and a summary on standard error."""
    counts: Counter[str] = Counter()
    images: dict[str, None] = {}
    for each in found:
        counts[each.outcome] += 1
        images |= dict.fromkeys(images_of(each.manifest.tree))
        out.put(f"{each.manifest.kind.lower()}/{each.manifest.name} {_words(each)}\n")
    out.finish()
    if images:
        more = f" and {len(images) - MAX_IMAGES:,} more" if len(images) > MAX_IMAGES else ""
        say(f"images: {', '.join([*images][:MAX_IMAGES])}{more}")
    say(f"{counted(sum(counts.values()), 'Job')}: {', '.join(_sums(counts))}; nothing was run (dry run)")


def _left(each: PlannedObject) -> str:
    """The state in which it was left."""
    return STATES.get(each.state, "unfinished") if each.state else ""


def _words(each: PlannedObject) -> str:
    if each.outcome == "run" and each.changed:
        return "runs, replaces the Job of another item"
    why = ", ".join(part for part in (_left(each), "changed" if each.changed else "") if part)
    return f"{WORDS[each.outcome]} ({why})" if why else WORDS[each.outcome]


def _sums(counts: Counter[str]) -> Iterator[str]:
    names = {"run": "new", "rerun": "to run again", "resume": "to resume", "kept": "kept"}
    return (f"{counts[outcome]:,} {name}" for outcome, name in names.items() if counts[outcome])
