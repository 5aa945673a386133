"""Which logs are read, how their lines are put together, and how much of them is held."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from expander.base.errors import ExpanderError, OutputError
from expander.group.logs import (
    MAX_LINE_BYTES,
    ContainerRun,
    LogFiles,
    LogFollower,
    LogSelection,
    last_lines,
    line_blocks,
)
from expander.group.parallel_read import MAX_HELD_CHUNKS, Chunk, ParallelReader, next_chunk
from expander.group.records import job_records, records
from expander.group.source import LogOptions
from expander.group.wait import ended_jobs
from expander.kube.objects import Change
from tests.group.fakes import FakeReader, job, pod

PATIENCE = 60.0


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_stay_whole_however_the_log_is_cut(size: int) -> None:
    text = b"one\n\ntwo three\nfour"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert b"".join(line_blocks(pieces, b"[a] ")) == b"[a] one\n[a] \n[a] two three\n[a] four\n"
    assert b"".join(line_blocks(pieces)) == text + b"\n"
    assert all(block.endswith(b"\n") for block in line_blocks(pieces, b"> "))


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    found = list(line_blocks((b"x" * 50_000 for _ in range(100)), b"> "))
    assert max(map(len, found)) < MAX_LINE_BYTES + 100_000
    assert sum(map(len, found)) == 5_000_000 + 3 * len(found)


def test_nothing_gives_no_line() -> None:
    assert list(line_blocks([])) == list(line_blocks([b"", b""])) == []


def test_places_are_told_in_order_whoever_is_read_first() -> None:
    gate = threading.Event()

    def slow() -> Iterator[int]:
        assert gate.wait(PATIENCE)
        yield 1

    def quick() -> Iterator[int]:
        yield 2
        gate.set()

    with ParallelReader[int](2) as readers:
        assert list(readers.in_order([slow, quick, lambda: [3, 4]])) == [1, 2, 3, 4]


def test_a_place_that_waits_long_does_not_hold_up_those_after_it() -> None:
    others = threading.Semaphore(0)

    def slow() -> Iterator[int]:
        assert all(others.acquire(timeout=PATIENCE) for _ in range(5))
        yield 0

    def quick() -> Iterator[int]:
        yield 1
        others.release()

    with ParallelReader[int](2) as readers:
        assert list(readers.in_order([slow, *[quick] * 5])) == [0, 1, 1, 1, 1, 1]


def test_what_is_read_ahead_has_a_bound() -> None:
    full = threading.Event()
    given = 0

    def endless() -> Iterator[int]:
        nonlocal given
        while True:
            given += 1
            if given > MAX_HELD_CHUNKS:
                full.set()
            yield given

    with ParallelReader[int](1) as readers:
        queue: Queue[Chunk[int]] = Queue(MAX_HELD_CHUNKS)
        readers.begin(endless, queue)
        assert full.wait(PATIENCE)
        assert given == MAX_HELD_CHUNKS + 1
        assert [next_chunk(queue, PATIENCE) for _ in range(3)] == [1, 2, 3]


def test_an_error_stands_in_its_place_and_the_others_go_on() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ExpanderError("lost")

    with ParallelReader[int](3) as readers:
        found = list(readers.in_order([broken, lambda: [2]]))
    assert [str(each) for each in found] == ["1", "lost", "2"]


def test_a_mistake_of_ours_is_raised_and_not_swallowed() -> None:
    def wrong() -> Iterator[int]:
        raise ZeroDivisionError
        yield 1

    with ParallelReader[int](1) as readers, pytest.raises(ZeroDivisionError):
        list(readers.in_order([wrong]))


def test_many_places_are_read_by_few_readers() -> None:
    names = set()

    def place(number: int) -> Iterator[int]:
        names.add(threading.get_ident())
        yield number

    with ParallelReader[int](3) as readers:
        assert list(readers.in_order(partial(place, number) for number in range(200))) == list(range(200))
    assert len(names) <= 3


def titles(wanted: LogSelection, jobs: list[dict[str, Any]], pods: list[dict[str, Any]]) -> list[str]:
    return [start.title for record in records(FakeReader(jobs, pods)) for start in wanted.starts(record)]


def test_a_title_is_the_item_with_what_tells_its_logs_apart() -> None:
    one, two, part = job("a", item="apple"), job("b"), job("w", completionMode="Indexed", completions=2)
    pods = [
        pod(one, 1, number=1),
        pod(one, 0, number=2),
        pod(two, 0, containers=("main", "side")),
        pod(part, 0, index=1),
    ]
    assert titles(LogSelection(), [one, two, part], pods) == ["apple", "apple #2", "b main", "b side", "w/1"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (LogSelection(names=("apple",)), ["apple", "apple #2"]),
        (LogSelection(names=("a-2", "w/1")), ["apple #2", "w/1"]),
        (LogSelection(names=("b", "w")), ["b", "w/0", "w/1"]),
        (LogSelection(failed=True), ["b"]),
        (LogSelection(containers=("other",)), []),
        (LogSelection(options=LogOptions(previous=True)), ["w/0"]),
    ],
)
def test_items_jobs_pods_and_indexes_can_be_named(wanted: LogSelection, expected: list[str]) -> None:
    one, two = job("a", item="apple"), job("b", "Failed")
    part = job("w", completionMode="Indexed", completions=2)
    pods = [
        pod(one, 1, number=1),
        pod(one, number=2),
        pod(two, 1),
        pod(part, index=0, restarts=1),
        pod(part, index=1),
    ]
    assert titles(wanted, [one, two, part], pods) == expected


def test_a_name_that_nothing_has_is_known() -> None:
    wanted = LogSelection(names=("apple", "pear"))
    titles(wanted, [one := job("a", item="apple")], [pod(one)])
    assert wanted.unknown == ["pear"]


def test_a_container_that_has_not_started_has_no_log() -> None:
    one = job("a", "Active")
    waiting = pod(one, None)
    waiting["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ContainerCreating"}}
    assert titles(LogSelection(), [one], [waiting]) == []
    waiting["status"]["containerStatuses"][0]["lastState"] = {"terminated": {"exitCode": 1}}
    assert titles(LogSelection(), [one], [waiting]) == ["a"]


def test_a_file_has_one_log_as_it_is_and_several_with_headings(tmp_path: Path) -> None:
    one, two = job("a", item="apple"), job("b", item="../b")
    pods = [pod(one, 1, number=1), pod(one, 0, number=2), pod(two)]
    reader = FakeReader([one, two], pods)
    reader.logs["a-1", "main"] = b"no end"
    with LogFiles(tmp_path / "logs") as files:
        for record in records(reader):
            files.write(files.path_of(record), list(LogSelection().starts(record)), LogSelection(), reader)
    (other,) = [path for path in (tmp_path / "logs").glob("*.log") if path.name != "apple.log"]
    assert (
        tmp_path / "logs" / "apple.log"
    ).read_text() == "==> a-1 main <==\nno end\n==> a-2 main <==\na-2 main\n"
    assert other.read_text() == "b-1 main\n"
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_items_of_one_name_and_indexes_get_a_file_each(tmp_path: Path) -> None:
    jobs = [job("a", item="x"), job("b", item="x"), job("w", completionMode="Indexed", completions=2)]
    pods = [pod(jobs[0]), pod(jobs[1]), pod(jobs[2], index=0), pod(jobs[2], index=1)]
    with LogFiles(tmp_path) as files:
        paths = [
            str(files.path_of(record).relative_to(tmp_path)) for record in records(FakeReader(jobs, pods))
        ]
    assert len(set(paths)) == 4
    assert paths[0] == "x.log"
    assert paths[2:] == ["w/0.log", "w/1.log"]


def test_a_log_that_breaks_off_leaves_the_file_of_before(tmp_path: Path) -> None:
    one = job("a")
    reader = FakeReader([one], [pod(one)])
    (record,) = records(reader)
    with LogFiles(tmp_path) as files:
        path, starts = files.path_of(record), list(LogSelection().starts(record))
        files.write(path, starts, LogSelection(), reader)
        reader.logs["a-1", "main"] = ExpanderError("lost")
        with pytest.raises(ExpanderError, match="lost"):
            files.write(path, starts, LogSelection(), reader)
    assert path.read_text() == "a-1 main\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == [".expander-logs", "a.log"]


def test_two_programs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with LogFiles(tmp_path), pytest.raises(OutputError, match="another process"), LogFiles(tmp_path):
        pass


class Scripted(FakeReader):
    """A reader whose changes come when the test says so."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.news: Queue[Change | None] = Queue()

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        while not stopped():
            yield self.news.get(timeout=PATIENCE)


def test_following_begins_each_start_once_and_ends_with_the_last_job() -> None:
    reader = Scripted()
    begun: Queue[str] = Queue()
    following = LogFollower(reader, LogSelection(), lambda start: begun.put(start.title))
    following.start()
    one, two = job("a", "Active", item="apple"), job("b", "Active")
    for change in (
        Change("ADDED", pod(one, None)),  # a pod may be told before its Job
        Change("ADDED", one),
        Change("MODIFIED", pod(one, None)),
        Change("ADDED", two),
        None,
        Change("MODIFIED", pod(one, 1)),
        Change("ADDED", pod(one, None, number=2)),
        None,
    ):
        reader.news.put(change)
    assert [begun.get(timeout=PATIENCE) for _ in range(2)] == ["apple", "apple #2"]
    assert not following.over.is_set()
    reader.all_jobs = [job("a", item="apple"), job("b")]
    reader.all_pods = [pod(one, 1), pod(one, 0, number=2), pod(two, 0)]
    reader.news.put(Change("MODIFIED", reader.all_jobs[0]))
    reader.news.put(Change("MODIFIED", reader.all_jobs[1]))
    reader.news.put(None)
    assert following.over.wait(PATIENCE)
    assert begun.get(timeout=PATIENCE) == "b"  # its pod was never told of, but it is there
    assert begun.empty()
    assert following.error is None


def test_following_failed_items_begins_with_the_failure() -> None:
    reader = Scripted()
    begun: list[ContainerRun] = []
    following = LogFollower(reader, LogSelection(failed=True), begun.append)
    following.start()
    one = job("a", "Active")
    reader.all_jobs, reader.all_pods = [job("a", "Failed")], [pod(one, 1)]
    for change in (
        Change("ADDED", one),
        Change("ADDED", pod(one, 1)),
        Change("MODIFIED", job("a", "Failed")),
        None,
    ):
        reader.news.put(change)
    assert following.over.wait(PATIENCE)
    assert [start.title for start in begun] == ["a"]


def test_a_reader_that_gives_up_ends_the_following_with_its_reason() -> None:
    class Broken(FakeReader):
        def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
            raise ExpanderError("no access")
            yield None

    following = LogFollower(Broken([], []), LogSelection(), lambda start: None)
    following.start()
    assert following.over.wait(PATIENCE)
    assert str(following.error) == "no access"


def test_jobs_are_told_as_they_end_and_each_once() -> None:
    reader = Scripted()
    one, two = job("a", "Active"), job("b", "Active")
    over = [job("a"), job("b", "Failed")]
    for change in (Change("ADDED", one), Change("ADDED", two), None, Change("MODIFIED", over[0]), None):
        reader.news.put(change)
    reader.all_jobs = over
    told = ended_jobs(reader)
    assert [each["metadata"]["name"] for each in next(told)] == ["a"]
    reader.news.put(Change("MODIFIED", over[1]))
    reader.news.put(None)
    assert [[each["metadata"]["name"] for each in batch] for batch in told] == [["b"]]


def test_taking_from_an_empty_queue_gives_nothing() -> None:
    queue: Queue[Chunk[bytes]] = Queue()
    assert next_chunk(queue, 0.01) is None


def test_a_container_that_no_pod_has_is_known_as_such() -> None:
    done = job("a", item="apple")
    pods = [pod(done, containers=("main", "side"))]
    wanted = LogSelection(containers=("side", "sied"))
    assert titles(wanted, [done], pods) == ["apple side"]
    assert (wanted.unknown_containers, wanted.known_containers) == (["sied"], ["main", "side"])
    nobody = LogSelection(containers=("sied",))
    assert titles(nobody, [done], []) == []
    assert nobody.unknown_containers == []


def test_of_several_pods_the_one_that_failed_is_heard() -> None:
    whole = job("whole", "Failed")
    pods = [
        pod(whole, 0, index=0, number=1),
        pod(whole, 1, index=1, number=1),
        pod(whole, 0, index=2, number=2),
    ]
    assert last_lines(FakeReader([whole], pods), pods, 5) == ["whole-1-1 main"]


def test_of_pods_that_failed_alike_the_last_one_is_heard() -> None:
    whole = job("whole", "Failed")
    pods = [pod(whole, 1, number=1), pod(whole, 1, number=2)]
    assert last_lines(FakeReader([whole], pods), pods, 5) == ["whole-2 main"]


def test_attempts_are_numbered_on_from_those_of_the_jobs_before() -> None:
    one = job("a", item="x")
    one["metadata"]["annotations"]["expander/attempt"] = "2"
    (record,) = job_records(one, [pod(one, 1, number=1), pod(one, 0, number=2)])
    assert [start.title for start in LogSelection().starts(record)] == ["x #2", "x #3"]
