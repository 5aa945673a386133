"""A disk that is full, and has room again: Jobs that were acknowledged go on, without a restart."""

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.local.apiserver.serving import Server, job

JOBS = "/apis/batch/v1/namespaces/default/jobs"
EVENTS = "/api/v1/namespaces/default/events"
COUNT = 20


def limit_files(pid: int, size: int) -> None:
    """No file of the process grows beyond so many bytes: to SQLite that is a disk without room."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def create_and_look(server: Server, number: int) -> tuple[int, int]:
    """The codes of the answers to a Job that is created, and then asked for."""
    name = f"more-{number}"
    return server.request("POST", JOBS, job(name)).code, server.request("GET", f"{JOBS}/{name}").code


def complete(server: Server) -> int:
    jobs = server.request("GET", JOBS).json["items"]
    return sum(each["status"].get("succeeded", 0) for each in jobs)


def test_acknowledged_jobs_go_on_when_there_is_room_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    server = Server(state).start()
    try:
        acknowledged = 0
        for number in range(COUNT):
            if number == COUNT // 2:
                size = max(path.stat().st_size for path in state.glob("state.db*"))
                limit_files(server.process.pid, size)
            answer = server.request("POST", JOBS, job(f"job-{number}"))
            acknowledged += answer.code == 201
            if answer.code != 201:
                assert answer.code == 500
                assert str(state) in answer.json["message"], "the folder is named"
                assert server.request("GET", f"{JOBS}/job-{number}").code == 404
        assert COUNT // 2 <= acknowledged < COUNT
        with ThreadPoolExecutor(COUNT) as pool:
            found = [*pool.map(partial(create_and_look, server), range(COUNT))]
        assert set(found) == {(500, 404)}
        suspended = job("suspended", suspend=True)
        assert server.request("POST", JOBS, suspended).code == 500
        told = server.request("GET", f"{EVENTS}?fieldSelector=reason%3DSuspended")
        assert told.json["items"] == [], "nothing is told of a Job that did not happen"
        errors = Path(f"{state}.errors")
        end = time.monotonic() + 60
        while "Jobs wait" not in errors.read_text() and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(2)
        said = errors.read_text()
        assert said.count("the state cannot be kept") == 1, said
        assert "Traceback" not in said
        limit_files(server.process.pid, resource.RLIM_INFINITY)
        while complete(server) < acknowledged and time.monotonic() < end:
            time.sleep(0.1)
        assert complete(server) >= acknowledged, errors.read_text()
    finally:
        assert server.stop() == 0
