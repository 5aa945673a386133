"""A Job as it has to be sent to be run again, as a whole or for one index.

What the API server (pkg/registry/batch/job) and controllers wrote is taken out: uid, selector and generated
labels; a Job with those of another one is refused. Which index a pod works on is told to its containers by
the Job controller in a variable, an annotation, a label and the host name: a Job for one index sets the same.
The items of an Indexed Job are kept in an annotation where they fit.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from expander.base.digests import blake2b
from expander.base.errors import SourceLocation
from expander.base.late_module import late_module
from expander.base.option_names import option
from expander.base.text import counted
from expander.base.written_numbers import dumps, loads
from expander.kube.time import micro_time, unix
from expander.kube.wellknown import number
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION
from expander.manifests.manifest import Manifest

if TYPE_CHECKING:
    from expander.items import keys
    from expander.kube import generated_names, index_sets
else:  # for Jobs that are run again
    index_sets = late_module("expander.kube.index_sets")
    generated_names = late_module("expander.kube.generated_names")
    keys = late_module("expander.items.keys")

ITEMS_ANNOTATION = "expander/items"
"""A JSON list: the item of each index. A long one is `PACKED_PREFIX`, and behind it base64 of zlib."""

COUNT_ANNOTATION = "expander/item-count"
"""How many items a Job has of which each index, or each part, does one."""

PACKED_PREFIX = "zlib:"

MAX_ITEMS_CHARS = 32 << 10
"""Characters of the annotation; an object has 256 KiB for all of them, and `kubectl apply` doubles them."""

MAX_UNPACKED_CHARS = 1 << 20
"""Characters of a list that is worth packing: items hardly ever shrink to a thirtieth."""


def items_text(items: Sequence[Any]) -> str | None:
    """The annotation for ``items``; None when they are too many for one."""
    parts, size = [], 1
    for item in items:
        parts.append(dumps(item, ensure_ascii=False, separators=(",", ":")))
        size += len(parts[-1]) + 1
        if size > MAX_UNPACKED_CHARS:
            return None
    text = f"[{','.join(parts)}]"
    if len(text) > MAX_ITEMS_CHARS:
        from base64 import b64encode  # `status` does without

        packed = zlib.compress(text.encode("utf-8", "surrogatepass"), 9)
        text = PACKED_PREFIX + b64encode(packed).decode()
    return text if parts and len(text) <= MAX_ITEMS_CHARS else None


def item_at(annotations: Mapping[str, str], index: int) -> str | None:
    """The item of ``index``: a plain text itself, else JSON; empty when they were too many to keep.

    None when the indexes of the Job do not stand for items.
    """
    items = _items(annotations.get(ITEMS_ANNOTATION, ""))
    if index < len(items):
        return items[index]
    return "" if COUNT_ANNOTATION in annotations else None


@lru_cache(maxsize=16)
def _items(text: str) -> tuple[str, ...]:
    try:
        found = loads(_unpacked(text) or "[]")
    except (ValueError, RecursionError, zlib.error):
        return ()
    return tuple(map(keys.item_text, found)) if isinstance(found, list) else ()


def _unpacked(text: str) -> str:
    """The list in an annotation; at most as much of it as is ever packed."""
    if not text.startswith(PACKED_PREFIX):
        return text
    from base64 import b64decode

    data = zlib.decompressobj().decompress(b64decode(text[len(PACKED_PREFIX) :]), 4 * MAX_UNPACKED_CHARS)
    return data.decode("utf-8", "surrogatepass")


Object = Mapping[str, Any]
Tree = dict[str, Any]

ATTEMPT_ANNOTATION: Final = "expander/attempt"
"""The annotation that counts how often an item was begun; absent the first time."""

FIRST_CREATED_ANNOTATION: Final = "expander/first-created"
"""The annotation of a Job that was created again: when its item's first Job was. That keeps its place."""

SUBMITTED_ANNOTATION: Final = "expander/submitted"
"""The annotation of a Job that was submitted: when its item was read, whichever request arrived first."""

ORDER_ANNOTATIONS: Final = (FIRST_CREATED_ANNOTATION, SUBMITTED_ANNOTATION)
"""The annotations that `place_of` reads."""

RETRY_OF_ANNOTATION: Final = "expander/retry-of"
"""The annotation of a Job for one index: the Indexed Job that it completes."""

RETRIED_ANNOTATION: Final = "expander/retried-indexes"
"""The annotation of an Indexed Job: the indexes that have Jobs of their own, as ``1,3-5``."""

ORIGIN_ANNOTATION: Final = "expander/origin"
"""The annotation of a Job that was changed for a later attempt: the `digest` of the Job it began as."""

RETRIES_ANNOTATION: Final = "expander/retries"
"""The annotation of a Job that a policy tried again: how often, by reason, as JSON."""

SUSPEND_ANNOTATION: Final = "expander/suspend"
"""The annotation of a local Job that was suspended or resumed: what its manifest says of spec.suspend."""

BOOKKEEPING: Final = frozenset(
    (
        SUSPEND_ANNOTATION,
        ATTEMPT_ANNOTATION,
        RETRIED_ANNOTATION,
        ORIGIN_ANNOTATION,
        RETRIES_ANNOTATION,
        *ORDER_ANNOTATIONS,
        KEY_ANNOTATION,
    )
)
"""The annotations that later attempts add, or that other items of the batch change: a Job is what it was
without them."""

QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
"""The label of a Job that Kueue lets begin."""

INDEX: Final = "batch.kubernetes.io/job-completion-index"
INDEX_VARIABLE: Final = "JOB_COMPLETION_INDEX"

_GENERATED: Final = frozenset(
    ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
)
_KEPT: Final = ("name", "namespace", "labels", "annotations", "ownerReferences")
_TRACKING: Final = "batch.kubernetes.io/job-tracking"
_OF_INDEXED: Final = (
    "completions",
    "parallelism",
    "completionMode",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
    "successPolicy",
)


class Successor(Manifest):
    """A manifest that takes the place of one object: the one of its name with the uid ``replaces``."""

    __slots__ = ("replaces",)

    def __init__(self, tree: Object, where: SourceLocation, replaces: str) -> None:
        super().__init__(tree, where)
        self.replaces = replaces


def first_created(job: Object) -> float:
    """When the first Job for the item of ``job`` was created (Unix seconds); 0 for one that never was."""
    metadata = job["metadata"]
    text = (metadata.get("annotations") or {}).get(FIRST_CREATED_ANNOTATION)
    try:
        return unix(text) if text else generated_names.created_at(metadata) or 0.0
    except ValueError:
        return generated_names.created_at(metadata) or 0.0


def submitted(job: Object) -> str | None:
    """When the item of a Job was read to be submitted (MicroTime); None for a Job that was not."""
    return (job["metadata"].get("annotations") or {}).get(SUBMITTED_ANNOTATION)


def place_of(job: Object) -> str:
    """A text that orders the Jobs of a group as their items were given, also when they are created again."""
    if not (metadata := job["metadata"]).get("annotations"):
        return micro_time(generated_names.created_at(metadata) or 0.0)
    return submitted(job) or micro_time(first_created(job))


def order_annotations(job: Object) -> Tree:
    """The annotations that `place_of` reads, as a part of metadata; empty without any."""
    notes = job["metadata"].get("annotations") or {}
    kept = {name: notes[name] for name in ORDER_ANNOTATIONS if name in notes}
    return {"annotations": kept} if kept else {}


def keep_created(job: Object, annotations: Tree) -> None:
    """Note in the ``annotations`` of what replaces ``job`` when its item's first Job was created."""
    created = first_created(job)
    if created:
        annotations[FIRST_CREATED_ANNOTATION] = micro_time(created)


def attempt_of(job: Object) -> int:
    """Which attempt at its item a Job is, from 1."""
    return number(job["metadata"].get("annotations"), ATTEMPT_ANNOTATION, 1)


def digest(job: Object) -> str:
    """What tells whether two Jobs were made of the same manifest: without status and `BOOKKEEPING`."""
    tree = rerun(job)
    annotations = tree["metadata"]["annotations"]
    for key in BOOKKEEPING:
        annotations.pop(key, None)
    text = json.dumps(tree, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def rerun(job: Object) -> Tree:
    """The manifest of ``job`` for its next attempt, under the same name."""
    spec: Tree = _copied(job["spec"])
    metadata = {field: _copied(job["metadata"][field]) for field in _KEPT if job["metadata"].get(field)}
    annotations = metadata.setdefault("annotations", {})
    annotations[ATTEMPT_ANNOTATION] = str(attempt_of(job) + 1)
    keep_created(job, annotations)
    if "template" not in spec:  # a Volcano Job or JobSet has several, and no selector
        return {"apiVersion": job["apiVersion"], "kind": job["kind"], "metadata": metadata, "spec": spec}
    template = spec["template"]
    if spec.get("manualSelector") is not True:
        spec.pop("selector", None)
        spec.pop("manualSelector", None)
        for labels in (metadata.get("labels"), (template.get("metadata") or {}).get("labels")):
            for key in _GENERATED:
                (labels or {}).pop(key, None)
    (template.get("metadata") or {}).pop("creationTimestamp", None)
    for key in (_TRACKING, RETRIED_ANNOTATION):
        annotations.pop(key, None)
    if QUEUE_LABEL in (metadata.get("labels") or {}):
        spec["suspend"] = True
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def overridden_note(count: int) -> str:
    """What is said of so many Jobs whose changes an edited template replaces."""
    by = f"`{option('retry --with')}` or a policy"
    return f"{counted(count, 'Job')} changed by {by}: the edited template replaces the changes"


CHUNKS_AGAIN: Final = "{} run again with all items, complete ones too"


def is_chunk(job: Object) -> bool:
    """Whether one pod of ``job`` does several items, of which only its log tells what became."""
    many = COUNT_ANNOTATION in (job["metadata"].get("annotations") or {})
    return many and job["spec"].get("completionMode") != "Indexed"


def rerun_changed(job: Object) -> Tree | None:
    """`rerun` of a Job that `retry --with` or a policy changed, with these changes; None for any other."""
    if ORIGIN_ANNOTATION not in (job["metadata"].get("annotations") or {}):
        return None
    tree = rerun(job)
    tree["metadata"]["annotations"].pop(RETRIES_ANNOTATION, None)
    return tree


def retried_index(job: Object) -> int | None:
    """The index that `rerun_index` made ``job`` for; None for any other Job."""
    if RETRY_OF_ANNOTATION not in (job["metadata"].get("annotations") or {}):
        return None
    template = job["spec"].get("template") or {}
    index = number((template.get("metadata") or {}).get("labels"), INDEX, -1)
    return None if index < 0 else index


def rerun_index(job: Object, index: int) -> Tree:
    """A Job that does what ``index`` of the Indexed Job ``job`` has to, as the pod of that index would.

    Services that select the pods of ``job`` by its name do not find it: that label is the new Job's.
    """
    tree = rerun(job)
    metadata, spec = tree["metadata"], tree["spec"]
    name = metadata["name"]
    metadata["name"] = f"{name}-{index}"
    notes = metadata["annotations"]
    notes[RETRY_OF_ANNOTATION] = name
    if own := item_at(notes, index):
        notes[ITEM_ANNOTATION] = own
    for key in (ITEMS_ANNOTATION, COUNT_ANNOTATION, ORIGIN_ANNOTATION, RETRIES_ANNOTATION):
        notes.pop(key, None)
    limit = spec.get("backoffLimitPerIndex")
    for field in _OF_INDEXED:
        spec.pop(field, None)
    if limit is not None:
        spec["backoffLimit"] = limit
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        if rule.get("action") == "FailIndex":
            rule["action"] = "FailJob"
    template = spec["template"]
    inner = template["metadata"] = template.get("metadata") or {}
    for field in ("labels", "annotations"):
        inner[field] = {**(inner.get(field) or {}), INDEX: str(index)}
    pod = template["spec"]
    pod.setdefault("hostname", metadata["name"])
    for container in [*(pod.get("initContainers") or ()), *pod["containers"]]:
        variables = container.setdefault("env", [])
        if all(variable["name"] != INDEX_VARIABLE for variable in variables):
            variables.append({"name": INDEX_VARIABLE, "value": str(index)})
    return tree


def remaining_indexes(job: Object) -> list[int] | None:
    """The indexes that ``job``, which has failed, still owes and that have no Jobs of their own.

    None when the Job is to be run again as a whole: it is not Indexed, or no index is complete or has its own
    Job.
    """
    spec, status = job["spec"], job.get("status") or {}
    count = spec.get("completions") or 0
    done = indexes(status.get("completedIndexes"), count) | retried_indexes(job)
    if spec.get("completionMode") != "Indexed" or not done:
        return None
    return [index for index in range(count) if index not in done]


def with_retried(job: Object, added: list[int]) -> str:
    """The value of `RETRIED_ANNOTATION` for ``job`` when the indexes ``added`` have Jobs of their own too."""
    return _as_text(retried_indexes(job) | set(added))


def failed_indexes(job: Object) -> str:
    """The indexes of ``job`` that have failed and have no Jobs of their own, as the API writes them."""
    text: str = (job.get("status") or {}).get("failedIndexes") or ""
    if not text or not (retried := retried_indexes(job)):
        return text
    return _as_text(indexes(text, (job.get("spec") or {}).get("completions") or 0) - retried)


def _as_text(found: set[int]) -> str:
    return index_sets.text_of(index_sets.of(found))


def retried_indexes(job: Object) -> set[int]:
    """The indexes of ``job`` that have Jobs of their own: these count instead, whatever became of them."""
    text = (job["metadata"].get("annotations") or {}).get(RETRIED_ANNOTATION)
    return indexes(text, (job.get("spec") or {}).get("completions") or 0) if text else set()


def own_indexes(job: Object, field: str, count: int) -> int:
    """How many of the ``count`` indexes of ``job`` a field of its status names, without `retried_indexes`."""
    text, retried = (job.get("status") or {}).get(field), retried_indexes(job)
    if retried:
        return len(indexes(text, count) - retried)
    return index_sets.total(index_sets.parse(text, count))


def indexes(text: str | None, count: int) -> set[int]:
    """The indexes below ``count`` that ``0,2-4`` means; none for None."""
    return {index for first, last in index_sets.parse(text, count) for index in range(first, last + 1)}


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(part) for key, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value
