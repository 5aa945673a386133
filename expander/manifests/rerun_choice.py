"""What of an earlier run or submission runs again: the rule of ``--rerun``, and whose a Job is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from expander.base.errors import UsageError
from expander.base.late_module import late_module
from expander.base.option_names import option
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.rerun import COUNT_ANNOTATION, ITEMS_ANNOTATION, attempt_of

if TYPE_CHECKING:
    from expander.items import keys
else:  # for Jobs that have changed
    keys = late_module("expander.items.keys")

Rerun = Literal["failed", "changed", "all"]
"""What runs again beside changed Jobs that failed or have not ended: what failed; also complete Jobs whose
manifest has changed; everything."""

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"


def parse_rerun(text: str | None) -> Rerun | None:
    """Raises UsageError for another word than ``failed``, ``changed`` and ``all``."""
    if text is not None and text not in get_args(Rerun):
        raise UsageError(f"rerun: found {text!r}, expected failed, changed or all")
    return text  # type: ignore[return-value]


def runs_again(state: str, *, changed: bool, rerun: Rerun | None) -> bool:
    """Whether a Job in ``state`` (`SUCCEEDED`, `FAILED`, or any other) is made anew.

    ``changed`` says that its manifest has changed.
    """
    if rerun == "all":
        return changed or state in (SUCCEEDED, FAILED)
    if state == SUCCEEDED:
        return changed and rerun == "changed"
    return changed or (state == FAILED and rerun is not None)


def has_other_items(there: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether a Job for several items is there, or ``given``, for others; both are metadata.

    Of a chunk its first and last item and their number are known.
    """
    was, now = (each.get("annotations") or {} for each in (there, given))
    lists = (ITEM_ANNOTATION, COUNT_ANNOTATION, ITEMS_ANNOTATION)
    are_lists = COUNT_ANNOTATION in was or COUNT_ANNOTATION in now
    return are_lists and any(was.get(name) != now.get(name) for name in lists)


def whose_else(
    there: Mapping[str, Any], given: Mapping[str, Any], rerun: Rerun | None
) -> tuple[str, str] | None:
    """Whose else what is there is, and a hint; None where it is that of the item ``given`` with its name.

    Both are metadata. A Job of another item, or of a list of others, says nothing of this one, and is only
    replaced where ``rerun`` asks for what has changed. Without `expander/item` on both nothing is known.
    """
    was, now = (each.get("annotations") or {} for each in (there, given))
    if rerun in ("changed", "all") or ITEM_ANNOTATION not in was or ITEM_ANNOTATION not in now:
        return None
    if has_other_items(there, given):
        return "has other items", f"{option('--rerun changed')} runs all of those given now"
    if COUNT_ANNOTATION in was or _is_same_item(was, now):
        return None
    key = keys.item_key(was[ITEM_ANNOTATION], was.get(KEY_ANNOTATION, ""))
    return (
        f"is that of item {key!r}",
        f"put the item into metadata.name, or replace that Job with {option('--rerun changed')}",
    )


def next_attempt(there: Mapping[str, Any], given: Mapping[str, Any], *, begun: bool) -> int:
    """Which attempt at its items the Job ``given`` is in the place of ``there``, which has ``begun`` or not.

    It is the first where that was the Job of others.
    """
    if whose_else(there["metadata"], given["metadata"], None) is not None:
        return 1
    return attempt_of(there) + begun


def _is_same_item(was: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether two items, in annotations, have the same key, as far as both have its columns.

    The rest of a row may change. So may the columns of the key, with other rows of the batch.
    """
    texts = was[ITEM_ANNOTATION], now[ITEM_ANNOTATION]
    if texts[0] == texts[1]:
        return True
    columns = now.get(KEY_ANNOTATION, "")
    if keys.item_key(texts[0], was.get(KEY_ANNOTATION, "")) == keys.item_key(texts[1], columns):
        return True
    old, new = map(keys.item_columns, texts)
    pairs = [[keys.column_text(row, name) for row in (old, new)] for name in keys.key_columns(new, columns)]
    known = [pair for pair in pairs if pair[0] is not None]
    return bool(known) and all(was == now for was, now in known)
