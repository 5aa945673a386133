"""The output of running containers, read while their logs grow."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.local.runtime.log_writer import STDERR, STDOUT, ContainerLog
from expander.run.lines import LineSplitter, last_written
from expander.run.live_logs import HELD_BYTES, TURN_BYTES, LiveLogs, Log


class Container:
    """A container that prints into a log below ``folder``."""

    def __init__(self, folder: Path, name: str) -> None:
        path = str(folder / f"{name}.log")
        self._log = ContainerLog(path)
        self.log = Log(path, f"[{name}] ".encode())

    def prints(self, data: bytes, stream: bytes = STDOUT) -> None:
        self._log.write(stream, data)

    def ends(self) -> None:
        self._log.drain()
        self._log.close()
        self.log.end()


def taken(logs: LiveLogs) -> bytes:
    """What there is now."""
    found: list[bytes] = []
    while logs.turn(found.append):
        pass
    return b"".join(found)


def test_whole_lines_are_handed_on_while_the_container_runs(tmp_path: Path) -> None:
    logs, one = LiveLogs(), Container(tmp_path, "a")
    logs.begin("a", one.log)
    one.prints(b"first\nhalf")
    assert taken(logs) == b"[a] first\n"
    one.prints(b" of a line\n")
    assert taken(logs) == b"[a] half of a line\n"
    one.prints(b"no end")
    one.ends()
    assert taken(logs) == b"[a] no end\n"


def test_what_is_said_of_a_unit_comes_after_its_output(tmp_path: Path) -> None:
    logs, one = LiveLogs(), Container(tmp_path, "a")
    told: list[bytes] = []
    logs.begin("a", one.log)
    one.prints(b"x\n")
    logs.over("a", lambda: told.append(b"failed"))
    logs.turn(told.append)
    assert told == [b"[a] x\n"]
    one.ends()
    logs.turn(told.append)
    logs.turn(told.append)
    assert told == [b"[a] x\n", b"failed"]
    assert not logs


def test_the_first_unfinished_unit_goes_first_when_order_is_kept(tmp_path: Path) -> None:
    logs = LiveLogs(keep_order=True)
    names = ("a", "b", "c")
    containers = {name: Container(tmp_path, name) for name in names}
    for name in names:
        logs.expect(name)
    for name in ("c", "b", "a"):
        logs.begin(name, containers[name].log)
        containers[name].prints(b"1\n")
    containers["c"].ends()
    logs.over("c")
    assert taken(logs) == b"[a] 1\n"
    containers["a"].ends()
    logs.over("a")
    assert taken(logs) == b"[b] 1\n"
    logs.all_over()
    assert taken(logs) == b"[c] 1\n"


def test_a_grouped_log_comes_when_its_container_has_ended(tmp_path: Path) -> None:
    logs, one, two = LiveLogs(grouped=True), Container(tmp_path, "a"), Container(tmp_path, "b")
    for name, container in (("a", one), ("b", two)):
        logs.begin(name, container.log)
        container.prints(b"1\n")
    assert taken(logs) == b""
    one.prints(b"2\n")
    one.ends()
    assert taken(logs) == b"[a] 1\n[a] 2\n"


def test_a_flood_lets_the_others_have_their_turn_and_stays_out_of_memory(tmp_path: Path) -> None:
    logs, flood, quiet = LiveLogs(), Container(tmp_path, "flood"), Container(tmp_path, "quiet")
    logs.begin("flood", flood.log)
    logs.begin("quiet", quiet.log)
    for _ in range(64):
        flood.prints(b"x" * 99 + b"\n" * 1 + (b"y" * 99 + b"\n") * 650)
    quiet.prints(b"hello\n")
    sizes: list[int] = []
    seen: list[bytes] = []

    def write(data: bytes) -> None:
        sizes.append(len(data))
        if data.startswith(b"[quiet]"):
            seen.append(data)

    tracemalloc.start()
    try:
        assert logs.turn(write)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == [b"[quiet] hello\n"]
    assert sum(sizes) < 2 * TURN_BYTES
    assert peak < 4 << 20
    logs.close()


def test_a_long_line_stays_whole_and_endless_ones_are_broken(tmp_path: Path) -> None:
    logs, one = LiveLogs(), Container(tmp_path, "a")
    logs.begin("a", one.log)
    one.prints(b"z" * (10 << 20))
    assert taken(logs) == b""
    one.prints(b"\n")
    assert taken(logs) == b"[a] " + b"z" * (10 << 20) + b"\n"
    logs.close()
    splitter = LineSplitter(b"", 1000)
    pieces = [splitter.lines(b"z" * 300) for _ in range(8)]
    assert max(map(len, pieces)) <= 1301
    assert b"".join([*pieces, splitter.end()]).replace(b"\n", b"") == b"z" * 2400
    assert HELD_BYTES >= 16 << 20


@given(st.lists(st.binary(max_size=60), max_size=20), st.sampled_from((STDOUT, STDERR)))
def test_any_output_arrives_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], stream: bytes
) -> None:
    one, logs = Container(tmp_path_factory.mktemp("logs"), "a"), LiveLogs()
    logs.begin("a", one.log)
    found = b""
    for data in pieces:
        one.prints(data, stream)
        found += taken(logs)
    one.ends()
    found += taken(logs)
    written = b"".join(pieces)
    lines = [b"[a] " + line + b"\n" for line in written.removesuffix(b"\n").split(b"\n")]
    assert found == (b"".join(lines) if written else b"")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"Fra:11 25%\rFra:11 50%\rdone\nnext\n", b"> done\n> next\n"),
        (b"dos\r\nten\r20\r\n\n", b"> dos\r\n> 20\r\n> \n"),
        (b"no end\r\r", b"> no end\r\r\n"),
    ],
)
def test_of_a_line_written_over_a_terminal_gets_what_was_written_last(written: bytes, shown: bytes) -> None:
    splitter = LineSplitter(b"> ", terminal=True)
    assert splitter.lines(written) + splitter.end() == shown
    assert LineSplitter(b"").lines(b"a\rb\n") == b"a\rb\n"


def test_the_time_before_a_line_written_over_stays() -> None:
    time = b"2026-11-29T10:47:40.123456789Z "
    assert last_written(time + b"10%\r20%\n") == time + b"20%\n"
