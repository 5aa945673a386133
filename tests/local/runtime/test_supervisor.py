"""Groups, grandchildren, signals, order, and the supervisor's own end."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import OutputError
from expander.local.runtime.journal_recovery import forget, recover
from expander.local.runtime.process_tree import descendants, process_info
from expander.local.runtime.runtime import Exit, Launch, Started
from expander.local.runtime.supervisor_client import SupervisorClient
from expander.local.runtime.supervisor_start import StartedSupervisor
from tests.local.runtime.running import Bench, bench, marked

DAEMON = "setsid sh -c 'sleep 300 & echo $MARK >/dev/null; wait' >/dev/null 2>&1 </dev/null &"


def test_many_containers_each_start_before_they_end_and_end_once(plain: Bench) -> None:
    keys = [plain.launch("sh", "-c", f"exit {number % 7}") for number in range(200)]
    for number, key in enumerate(keys):
        assert plain.end(key).code == number % 7
    for key in keys:
        first, second = (event for event in plain.events if event.key == key)
        assert isinstance(first, Started)
        assert isinstance(second, Exit)


def test_a_key_may_be_any_text(plain: Bench) -> None:
    key = "tab\t line\n back\\slash é \U0001f600"
    plain.end(plain.launch("true", key=key, log=str(plain.folder / "log")))
    plain.supervisor.close()
    assert [end.key for end in recover(plain.folder / "state")] == [key]


def test_a_signal_reaches_the_whole_group(plain: Bench) -> None:
    key = plain.launch("sh", "-c", "trap 'echo trapped; exit 3' TERM; sleep 300 & echo up; wait")
    plain.written(key, "up")
    plain.supervisor.signal(key, signal.SIGTERM)
    assert plain.end(key).code == 3
    assert "trapped" in plain.output(key).splitlines()


def test_a_signal_can_be_for_the_first_process_alone(plain: Bench) -> None:
    script = "trap 'kill -0 $! && echo alive; kill $!; exit 3' TERM; sleep 300 & echo up; wait"
    key = plain.launch("sh", "-c", script)
    plain.written(key, "up")
    plain.supervisor.signal(key, signal.SIGTERM, whole=False)
    assert plain.end(key).code == 3
    assert plain.output(key) == "up\nalive\n"


def test_a_signal_reaches_processes_in_groups_and_sessions_of_their_own(plain: Bench) -> None:
    inner = 'trap "echo inner; exit" TERM; echo up; sleep 300 & wait'
    key = plain.launch("sh", "-c", f"setsid sh -c '{inner}' & trap 'wait; exit 3' TERM; wait; exit 4")
    plain.written(key, "up")
    plain.supervisor.signal(key, signal.SIGTERM)
    assert plain.end(key).code == 3
    assert plain.output(key) == "up\ninner\n"


def test_signals_to_what_has_ended_or_never_was_are_nothing(plain: Bench) -> None:
    key = plain.launch("true")
    plain.end(key)
    plain.supervisor.signal(key, signal.SIGTERM)
    plain.supervisor.signal("never", signal.SIGKILL)
    assert plain.run("true")[0].code == 0


def test_background_processes_end_with_the_first(plain: Bench) -> None:
    mark = f"mark-{os.getpid()}-background"
    end, _ = plain.run("sh", "-c", "sleep 300 & sleep 300 & exit 5", env={"MARK": mark})
    assert end.code == 5
    assert marked(mark) == []


def test_daemons_in_sessions_of_their_own_end_with_the_container(plain: Bench) -> None:
    mark = f"mark-{os.getpid()}-daemon"
    key = plain.launch("sh", "-c", f"{DAEMON} echo up; sleep 0.2", env={"MARK": mark})
    plain.written(key, "up")
    plain.end(key)
    for _ in range(500):
        if not marked(mark):
            return
        time.sleep(0.01)
    assert marked(mark) == []


def test_a_daemon_is_not_killed_because_another_container_ends(plain: Bench) -> None:
    script = "setsid sh -c 'echo daemon; sleep 0.5; echo survived' & sleep 300"
    key = plain.launch("sh", "-c", f"(exec 3>&1; ({script}) )")
    plain.written(key, "daemon")
    for _ in range(10):
        plain.run("sh", "-c", "exit 0")
    plain.written(key, "survived")
    plain.supervisor.signal(key, signal.SIGKILL)
    assert plain.end(key).signal == signal.SIGKILL


def test_closing_kills_what_runs_and_tells_it(tmp_path: Path) -> None:
    mark = f"mark-{os.getpid()}-close"
    made = Bench(tmp_path)
    key = made.launch("sh", "-c", f"{DAEMON} echo up; sleep 300", env={"MARK": mark})
    made.written(key, "up")
    (end,) = (event for event in made.supervisor.close() if isinstance(event, Exit))
    assert (end.key, end.signal, end.lost) == (key, signal.SIGKILL, True)
    assert marked(mark) == []
    assert made.supervisor.close() == []


def test_the_record_says_what_was_told_until_it_is_forgotten(tmp_path: Path) -> None:
    with bench(tmp_path) as made:
        told = [made.run("sh", "-c", "exit 3")[0], made.run("no-such-command")[0]]
    folder = tmp_path / "state"
    assert recover(folder) == told
    assert recover(folder) == told
    forget(folder)
    assert recover(folder) == []


def test_what_is_settled_leaves_the_record_in_the_end(tmp_path: Path) -> None:
    with bench(tmp_path) as made:
        kept = made.run("true", key="kept")[0]
        gone = made.run("true", key="gone")[0].key
        made.supervisor.settled([gone, *(f"key {number}" for number in range(10_000))])
        later = made.run("true", key="later")[0]
    assert recover(tmp_path / "state") == [kept, later]


def test_a_folder_in_use_is_refused_to_another_program(tmp_path: Path) -> None:
    with SupervisorClient(tmp_path) as supervisor:
        supervisor.start(Launch("k", ["sleep", "300"], {}, str(tmp_path / "log")))
        code = "from expander.local.runtime.journal_recovery import recover; import sys; recover(sys.argv[1])"
        while not supervisor.read():
            time.sleep(0.01)
        answer = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
        assert f"another expander (process {os.getpid()}) runs with the state folder" in answer.stderr
        assert answer.returncode == 1


def test_when_the_supervisor_is_killed_its_containers_are_lost_and_it_is_replaced(plain: Bench) -> None:
    mark = f"mark-{os.getpid()}-killed"
    done = plain.run("true")[0]
    key = plain.launch("sh", "-c", "sleep 300 & echo up; sleep 300", env={"MARK": mark})
    waiting = plain.launch("sleep", "300", env={"MARK": mark})
    plain.written(key, "up")
    plain.pid(waiting)
    (number,) = [pid for pid in descendants(os.getpid()) if _is_supervisor(pid, plain.folder)]
    before = plain.supervisor.fileno()
    os.kill(number, signal.SIGKILL)
    for lost in (key, waiting):
        end = plain.end(lost)
        assert (end.signal, end.lost) == (signal.SIGKILL, True)
    assert marked(mark) == []
    assert plain.supervisor.fileno() == before
    assert plain.run("sh", "-c", "exit 6")[0].code == 6
    assert plain.ends(done.key) == [done]


@pytest.mark.parametrize("streams", [{}, {"stdin": True}, {"stdin": True, "tty": True}])
def test_what_a_killed_supervisor_had_not_begun_is_started_by_the_next(
    plain: Bench, streams: dict[str, Any]
) -> None:
    plain.run("true")
    (number,) = [pid for pid in descendants(os.getpid()) if _is_supervisor(pid, plain.folder)]
    os.kill(number, signal.SIGSTOP)
    keys = [plain.launch("sh", "-c", "echo up; exit 6", **streams) for _ in range(3)]
    refused = plain.launch("no-such-command", **streams)
    stopped = plain.launch("true", **streams)
    plain.supervisor.signal(stopped)
    os.kill(number, signal.SIGKILL)
    for key in keys:
        end = plain.end(key)
        assert (end.code, end.lost, plain.output(key).split()) == (6, False, ["up"])
    assert "executable file not found" in (plain.end(refused).error or "")
    assert plain.end(stopped).lost
    plain.run("true")
    assert len({event.key for event in plain.events}) == 7
    assert len([event for event in plain.events if isinstance(event, Exit)]) == 7


def test_what_was_to_be_stopped_is_not_started_by_the_next_supervisor(plain: Bench) -> None:
    plain.run("true")
    (number,) = [pid for pid in descendants(os.getpid()) if _is_supervisor(pid, plain.folder)]
    os.kill(number, signal.SIGSTOP)
    key = plain.launch("true")
    plain.supervisor.abandon()
    os.kill(number, signal.SIGKILL)
    assert plain.end(key).lost


def _is_supervisor(pid: int, folder: Path) -> bool:
    return str(folder / "state") in Path(f"/proc/{pid}/cmdline").read_text()


def test_a_supervisor_that_cannot_work_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expander.local.runtime.supervisor_client.SUFFIX", "/not-a-folder.journal")
    with (
        pytest.raises(OutputError, match=r"the supervisor of .* cannot work: .*No such file"),
        bench(tmp_path) as made,
    ):
        made.run("true")


def test_a_supervisor_that_cannot_be_started_says_so_and_leaves_no_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OutputError, match=r"supervisor of .* cannot be started: Resource temporarily"):
        StartedSupervisor(tmp_path)
    assert os.listdir("/proc/self/fd") == before


def test_a_supervisor_outlives_the_signals_of_a_terminal(plain: Bench) -> None:
    key = plain.launch("sleep", "300")
    process = process_info(plain.pid(key))
    assert process is not None
    assert process.session == process.group == process.pid
    (number,) = [pid for pid in descendants(os.getpid()) if _is_supervisor(pid, plain.folder)]
    supervisor = process_info(number)
    assert supervisor is not None
    assert supervisor.session == number != os.getsid(0)


def test_told_to_terminate_it_leaves_nothing(plain: Bench) -> None:
    key = plain.launch("sleep", "300")
    plain.pid(key)
    (number,) = [pid for pid in descendants(os.getpid()) if _is_supervisor(pid, plain.folder)]
    os.kill(number, signal.SIGTERM)
    assert plain.end(key).lost
