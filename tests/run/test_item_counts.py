"""How many items the Jobs of a run stand for."""

from pathlib import Path
from typing import Any

from expander.run.item_counts import ItemCounts, item_count
from expander.run.outcomes import LogFile

NONE = {"pending": 0, "running": 0, "suspended": 0, "succeeded": 0, "failed": 0}


def job(count: int = 0, *, status: Any = None, **spec: Any) -> dict[str, Any]:
    notes = {"expander/item": "x"} | ({"expander/item-count": str(count)} if count else {})
    return {"kind": "Job", "metadata": {"annotations": notes}, "spec": spec, "status": status or {}}


def test_a_job_is_one_item_unless_it_says_otherwise() -> None:
    assert item_count(job()) == 1
    assert item_count(job(7)) == 7
    assert item_count(job(completionMode="Indexed", completions=5)) == 5
    assert item_count({"metadata": {}, "spec": {"completions": 5}}) == 1


def test_indexes_that_are_no_items_are_called_indexes() -> None:
    counts = ItemCounts()
    assert counts.noun() == "Job"
    counts.add(("ns", "a"), job(2, completionMode="Indexed", completions=2))
    assert counts.noun() == "item"
    counts.add(("ns", "b"), job(completionMode="Indexed", completions=2))
    assert counts.noun() == "index"


def test_indexes_are_counted_as_they_end() -> None:
    counts, one = ItemCounts(), job(4, completionMode="Indexed", completions=4)
    counts.add(("ns", "a"), one)
    assert counts.counts(NONE | {"running": 1}) == NONE | {"running": 1, "pending": 3}
    counts.pod_succeeded(("ns", "a"))
    assert counts.counts(NONE | {"running": 1}) == NONE | {"running": 1, "pending": 2, "succeeded": 1}
    failed = {**one, "status": {"completedIndexes": "0,2-3", "failedIndexes": "1"}}
    counts.end(("ns", "a"), failed, "Failed", [])
    assert counts.counts(NONE | {"failed": 1}) == NONE | {"succeeded": 3, "failed": 1}


def test_items_of_a_failed_chunk_are_read_from_its_log(tmp_path: Path) -> None:
    head = "2026-11-29T10:47:40.123456789Z stderr F "
    log = tmp_path / "log"
    said = ('index 0 exit 0: "a"', 'index 1 exit 3: "b"', 'index 2 exit 1: "c"', 'index 2 exit 0: "c"')
    log.write_text("".join(f"{head}[expander] {line}\n" for line in said))
    counts, chunk = ItemCounts(), job(3)
    counts.add(("ns", "a"), chunk)
    counts.end(("ns", "a"), chunk, "Failed", [LogFile("pod", "main", 0, log)])
    assert counts.counts(NONE | {"failed": 1}) == NONE | {"succeeded": 2, "failed": 1}
    assert counts.of_items


def test_a_failed_job_of_which_nothing_is_known_counts_as_a_job(tmp_path: Path) -> None:
    counts, queue = ItemCounts(), job(3)
    counts.add(("ns", "a"), queue)
    log = tmp_path / "log"
    log.write_text("nothing of ours\n")
    counts.end(("ns", "a"), queue, "Failed", [LogFile("pod", "main", 0, log)])
    assert counts.counts(NONE | {"failed": 1}) == NONE | {"failed": 1}
    assert not counts.of_items


def test_an_index_with_a_job_of_its_own_counts_there() -> None:
    counts, one = ItemCounts(), job(4, completionMode="Indexed", completions=4)
    one["metadata"]["annotations"]["expander/retried-indexes"] = "1"
    one["status"] = {"completedIndexes": "0,2-3", "failedIndexes": "1"}
    counts.add(("ns", "a"), one)
    counts.end(("ns", "a"), one, "Complete", [])
    assert counts.counts(NONE | {"succeeded": 1, "running": 1}) == NONE | {"succeeded": 3, "running": 1}


def test_an_index_with_a_job_of_its_own_is_pending_once() -> None:
    counts, one = ItemCounts(), job(4, completionMode="Indexed", completions=4)
    counts.add(("ns", "a"), one)
    own = job()
    own["metadata"]["annotations"]["expander/retry-of"] = "a"
    counts.add(("ns", "a-1"), own)
    assert counts.counts(NONE | {"running": 1, "pending": 1}) == NONE | {"running": 1, "pending": 3}
    assert counts.given == 4
    one["metadata"]["annotations"]["expander/retried-indexes"] = "1"
    one["status"] = {"completedIndexes": "0,2-3", "failedIndexes": "1"}
    counts.end(("ns", "a"), one, "Complete", [])
    assert counts.counts(NONE | {"succeeded": 2}) == NONE | {"succeeded": 4}
