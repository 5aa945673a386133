"""``--notify`` of the commands, and ``notify=`` of the calls, with a webhook on this machine."""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import expander
from expander import aio
from expander.base.errors import UsageError
from expander.group.open import GroupSelector
from expander.notify import stall
from tests.api.batches import LONG, ran, template
from tests.cli.cluster import cluster, submitted, until
from tests.cli.groups import at_work, create, follow, job
from tests.cli.program import run
from tests.local.apiserver.serving import Server
from tests.notify.hook import Hook, hook

JOBS = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "n-$ITEM", labels: {jobgroup: night}}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {jobgroup: night}}
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: ["sh", "-c", 'case "$ITEM" in bad*) exit 3;; esac']}
"""


@pytest.fixture
def there() -> Iterator[Hook]:
    with hook() as made:
        yield made


@pytest.fixture(autouse=True)
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    (folder / "job.yaml").write_text(JOBS)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with cluster(tmp_path_factory.mktemp("notify")) as server:
        yield server


def told(there: Hook) -> list[tuple[str, str | None, dict[str, int]]]:
    """Event, outcome and counts that are not 0."""
    return [
        (data["event"], data["outcome"], {name: n for name, n in data["counts"].items() if n})
        for data in (each.json for each in there.got)
    ]


def test_a_run_tells_its_first_failure_and_its_end(there: Hook) -> None:
    answer = run(
        "run", "job.yaml", "bad", "a", "b", "-j1", "--runtime", "process", "-q", "--notify", there.url
    )
    assert answer.code == 1
    assert there.url not in answer.err
    first, done = told(there)
    assert first == ("first-failure", None, {"failed": 1, "unfinished": 2})
    assert done == ("done", "failed", {"complete": 2, "failed": 1})
    data = there.got[1].json
    assert (data["command"], data["group"], data["namespace"], data["local"]) == (
        "run",
        "night",
        "default",
        True,
    )
    assert (data["failed"]["item"], data["failed"]["cause"]) == ("bad", "exit code 3")
    assert "first: bad: BackoffLimitExceeded (exit code 3)" in data["text"]


def test_a_run_that_goes_on_tells_its_own_end_and_no_failure_of_before(there: Hook) -> None:
    run("run", "job.yaml", "bad", "a", "--runtime", "process", "-q")
    run("run", "job.yaml", "bad", "a", "--runtime", "process", "-q", "--notify", there.url)
    assert told(there) == [("done", "failed", {"complete": 1, "failed": 1})]
    assert there.got[0].json["failed"] is None


def test_a_dry_run_and_a_run_of_nothing_tell_nobody(there: Hook, folder: Path) -> None:
    assert run("run", "job.yaml", "a", "--dry-run", "--notify", there.url).code == 0
    (folder / "none.txt").write_text("")
    run("run", "job.yaml", "-i", "none.txt", "--notify", there.url)
    assert there.got == []


def test_ctrl_c_tells_the_end_before_the_command_ends(there: Hook, folder: Path) -> None:
    (folder / "long.yaml").write_text(JOBS.replace("case", "echo on; sleep 600; case"))
    with at_work(
        "run", "long.yaml", "a", "b", "-j1", "--runtime", "process", "--notify", there.url
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 130
    assert [(event, outcome) for event, outcome, _ in told(there)] == [("done", "interrupted")]
    assert sum(there.got[0].json["counts"].values()) == 2


def test_ctrl_c_leaves_a_hook_that_does_not_answer(there: Hook) -> None:
    there.gate = threading.Event()
    words = ("run", "job.yaml", "a", "--runtime", "process", "-q", "--notify", there.url)
    with at_work(*words) as process:
        assert process.stderr is not None
        seen = ""
        while "waiting until notifications are delivered" not in seen:
            line = process.stderr.readline()
            assert line, seen
            seen += line
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert "Traceback" not in process.stderr.read()
    assert "1 item: 1 complete, 0 failed" in seen


def test_a_hook_that_fails_is_a_warning_and_no_failure(there: Hook) -> None:
    there.will_answer(404, 404)
    there.says = b"no_service"
    words = ("--notify", there.url, "--notify", "exit 7", "--notify", "cat >> got.json")
    answer = run("run", "job.yaml", "a", "--runtime", "process", "-q", *words)
    assert answer.code == 0
    assert f"warning: done notification to {there.base}: HTTP 404: no_service\n" in answer.err
    assert "warning: done notification to command exit: exit code 7\n" in answer.err
    assert json.loads(Path("got.json").read_text())["outcome"] == "complete"


def test_wait_tells_of_a_group_in_a_cluster(served: Server, there: Hook) -> None:
    create(served, job("w-good", group="w"), job("w-bad", "exit 3", item="b", group="w"))
    answer = follow(served, "wait", "--group", "w", "-q", "--notify", there.url)
    assert answer.code == 1
    assert there.events == ["first-failure", "done"]
    data = there.got[1].json
    assert (data["command"], data["local"], data["namespace"]) == ("wait", False, "default")
    assert told(there)[1] == ("done", "failed", {"complete": 1, "failed": 1})
    assert (data["failed"]["item"], data["failed"]["cause"]) == ("b", "exit code 3")


def test_wait_tells_that_the_time_is_up_and_of_no_group_nothing(served: Server, there: Hook) -> None:
    create(served, job("held", group="held", suspend=True))
    answer = follow(served, "wait", "--group", "held", "--timeout", "1s", "--notify", there.url)
    assert answer.code == 3
    assert told(there) == [("done", "timed-out", {"unfinished": 1})]
    assert follow(served, "wait", "--group", "none", "--notify", there.url).code == 2
    assert told(there)[1:] == [("done", "error", {})]


def test_a_submission_that_waits_tells_of_its_jobs(served: Server, there: Hook, folder: Path) -> None:
    words = ("job.yaml", "s", "bad-s", "--group", "sent", "--on-exit", "9=retry:1", "--notify", there.url)
    answer = submitted(folder, served, *words)
    assert answer.code == 1, answer.err
    assert there.events == ["first-failure", "done"]
    assert told(there)[1] == ("done", "failed", {"complete": 1, "failed": 1})
    data = there.got[1].json
    assert (data["command"], data["group"], data["failed"]["cause"]) == ("submit", "sent", "exit code 3")


def test_a_submission_that_collects_tells_of_its_jobs(served: Server, there: Hook, folder: Path) -> None:
    words = ("job.yaml", "k", "bad-k", "--group", "kept", "--delete-finished", "--notify", there.url)
    assert submitted(folder, served, *words).code == 1
    assert there.events == ["first-failure", "done"]
    assert told(there)[1] == ("done", "failed", {"complete": 1, "failed": 1})


def test_what_the_cluster_refuses_is_a_failure(served: Server, there: Hook, folder: Path) -> None:
    create(served, job("n-taken", group="other"))
    words = (
        "job.yaml",
        "taken",
        "other",
        "--group",
        "taken",
        "--on-exit",
        "9=retry:1",
        "--notify",
        there.url,
    )
    submitted(folder, served, *words)
    first, (_, outcome, counts) = told(there)
    assert first[0] == "first-failure"
    assert (outcome, counts) == ("failed", {"complete": 1, "refused": 1})
    assert there.got[0].json["failed"]["name"] == "n-taken"


def test_a_command_that_does_not_wait_refuses_it_with_what_to_do(served: Server, folder: Path) -> None:
    answer = submitted(folder, served, "job.yaml", "a", "--notify", "true")
    assert answer.code == 2
    assert (
        "error: --notify requires that submit waits for Jobs\n  hint: give it to wait, or add --on-oom"
        in answer.err
    )
    answer = follow(served, "retry", "--group", "w", "--notify", "true")
    assert "--notify requires that retry waits for Jobs" in answer.err


def test_a_default_of_the_user_is_for_the_commands_that_wait(
    served: Server, there: Hook, folder: Path
) -> None:
    (folder / "config" / "expander").mkdir(parents=True)
    (folder / "config" / "expander" / "config.toml").write_text(f'notify = ["{there.url}"]\n')
    assert submitted(folder, served, "job.yaml", "c", "--group", "mine").code == 0
    assert there.got == []
    assert follow(served, "wait", "--group", "mine").code == 0
    assert there.events == ["done"]
    shown = run("config", "show")
    assert there.base in shown.out
    assert "services" not in shown.out + run("config", "show", "-o", "json").out


def test_the_journal_does_not_keep_it(served: Server, there: Hook, folder: Path) -> None:
    secret = f"--notify={there.url}"
    words = ("job.yaml", "q", "--group", "j", "--on-exit", "9=retry:1")
    assert submitted(folder, served, *words, secret, "--notify", f"true # {there.url}").code == 0
    kept = [path.read_text() for path in folder.rglob("submit-*.jsonl")]
    assert kept
    assert "s3cr3t" not in kept[0]
    assert "--notify" not in kept[0]
    assert submitted(folder, served, "--resume", "--group", "j", "--notify", there.url).code == 0
    assert there.events == ["done", "done"]


def test_a_retry_on_this_machine_tells_of_what_runs_again(there: Hook) -> None:
    run("run", "job.yaml", "bad", "a", "--runtime", "process", "-q")
    words = ("--local", "--runtime", "process", "-q", "--notify", there.url)
    assert run("retry", "--group", "night", *words).code == 1
    assert told(there) == [
        ("first-failure", None, {"failed": 1}),
        ("done", "failed", {"failed": 1}),
    ]


def test_a_group_that_waits_says_why_and_one_that_runs_does_not(served: Server) -> None:
    stuck = {"envFrom": [{"configMapRef": {"name": "nope"}}]}
    create(served, *(job(f"stuck-{n}", group="stuck", container=stuck) for n in "ab"))
    create(served, job("busy", "sleep 600", group="busy"))
    place: Any = {"kubeconfig": str(served.kubeconfig), "namespace": "default"}

    def is_stuck() -> bool:
        found = stall.why_nothing_moves(GroupSelector("stuck", **place))
        return [(one.reason, one.jobs) for one in found] == [("CreateContainerConfigError", 2)]

    until(is_stuck)
    until(lambda: stall.why_nothing_moves(GroupSelector("busy", **place)) == [])
    (none,) = stall.why_nothing_moves(GroupSelector("nothing", **place))
    assert none.reason == "NoJobs"


def test_wait_tells_once_that_nothing_moves(
    served: Server, there: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "STALLED_SECONDS", 0.2)
    create(served, job("halted", group="halted", suspend=True))
    place: Any = {"kubeconfig": str(served.kubeconfig), "namespace": "default"}
    with pytest.raises(expander.TimedOut):
        expander.wait("halted", timeout=2.0, notify=there.url, **place)
    assert there.events == ["stalled", "done"]
    assert there.got[0].json["waiting"] == [{"reason": "JobSuspended", "message": "", "jobs": 1}]


def test_a_submission_in_which_nothing_moves_tells_it_and_that_it_was_cancelled(
    served: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "STALLED_SECONDS", 0.2)
    held = JOBS.replace("n-$ITEM", "held-$ITEM").replace(
        "spec:\n  backoffLimit", "spec:\n  suspend: true\n  backoffLimit"
    )
    (folder / "held.yaml").write_text(held)
    got: list[Any] = []

    async def main() -> None:
        loop, stalled = asyncio.get_running_loop(), asyncio.Event()

        def hear(told: Any) -> None:
            got.append(told)
            loop.call_soon_threadsafe(stalled.set)

        place: Any = {"kubeconfig": str(served.kubeconfig), "group": "held-py", "on_exit": ["9=retry:1"]}
        work = asyncio.create_task(aio.submit("held.yaml", ["a", "b"], notify=hear, **place))
        await stalled.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(main())
    assert [(each["event"], each["outcome"]) for each in got] == [("stalled", None), ("done", "interrupted")]
    assert got[0]["waiting"] == [{"reason": "JobSuspended", "message": "", "jobs": 2}]
    assert got[0]["counts"]["unfinished"] == got[1]["counts"]["unfinished"] == 2


def test_a_run_in_which_nothing_moves_says_what_is_missing(
    there: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from expander.run import run as module

    monkeypatch.setattr(module, "STALL_SECONDS", 3.0)
    lacks = LONG.replace("value: $ITEM", "valueFrom: {configMapKeyRef: {name: nope, key: k}}")
    ran(tmp_path / "s", ["x"], lacks, timeout=6.0, notify=there.url)
    assert there.events == ["stalled", "done"]
    data = there.got[0].json
    assert data["waiting"][0]["reason"] == "CreateContainerConfigError"
    assert 'configmap "nope" not found' in data["text"]
    assert there.got[1].json["outcome"] == "timed-out"


def test_python_takes_functions_commands_and_urls(there: Hook, tmp_path: Path) -> None:
    got: list[Any] = []
    ran(tmp_path / "s", notify=[got.append, there.url, f"cat >> {tmp_path}/got"])
    assert [each["event"] for each in got] == there.events == ["first-failure", "done"]
    assert [each.json for each in there.got] == got
    assert [json.loads(line) for line in (tmp_path / "got").read_text().splitlines()] == got


def test_what_does_not_arrive_is_a_note_in_the_thread_of_the_call(tmp_path: Path) -> None:
    notes: list[str] = []
    ran(tmp_path / "s", ["good"], notify="exit 1", on_note=notes.append)
    assert "warning: done notification to command exit: exit code 1" in notes
    with pytest.warns(UserWarning, match="done notification to command exit") as warned:
        ran(tmp_path / "s", ["good"], notify="exit 1")
    assert warned[0].filename == inspect.getsourcefile(ran)  # the line that called the package


def test_python_refuses_what_is_no_target_and_a_submission_that_does_not_wait(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="notify: found int"):
        ran(tmp_path / "s", notify=3)
    with pytest.raises(UsageError, match="notify requires that submit waits for Jobs") as error:
        expander.submit(template(), ["a"], kubeconfig="none", notify="true")
    assert "delete_finished" in str(error.value)


def test_python_tells_of_a_group_in_a_cluster_until_its_jobs_have_ended(served: Server, folder: Path) -> None:
    got: list[Any] = []
    place: Any = {"kubeconfig": str(served.kubeconfig)}
    policy: Any = {"on_exit": ["9=retry:1"], "notify": got.append}
    (folder / "py.yaml").write_text(JOBS.replace("n-$ITEM", "py-$ITEM"))
    expander.submit("py.yaml", ["a", "bad"], group="py", **policy, **place)
    assert [(each["event"], each["command"], each["outcome"]) for each in got] == [
        ("first-failure", "submit", None),
        ("done", "submit", "failed"),
    ]
    assert {name: n for name, n in got[1]["counts"].items() if n} == {"complete": 1, "failed": 1}
    got.clear()
    again = expander.retry("py", changes={"env.ITEM": "good"}, **policy, **place)
    assert again.counts == {"failed": 1}
    assert [(each["event"], each["command"], each["outcome"]) for each in got] == [
        ("first-failure", "retry", None),
        ("done", "retry", "failed"),
    ]
    got.clear()
    assert expander.wait("py", notify=got.append, **place).exit_code == 1
    assert [each["event"] for each in got] == ["first-failure", "done"]
    assert got[1]["failed"]["name"] == "py-bad"


def test_a_retry_in_a_cluster_tells_of_what_runs_again(served: Server, there: Hook, folder: Path) -> None:
    (folder / "re.yaml").write_text(JOBS.replace("n-$ITEM", "re-$ITEM"))
    assert submitted(folder, served, "re.yaml", "a", "bad", "--group", "re").code == 0
    assert follow(served, "wait", "--group", "re", "-q").code == 1
    words = ("--group", "re", "--on-exit", "9=retry:1", "--notify", there.url)
    assert follow(served, "retry", *words).code == 1
    assert told(there) == [
        ("first-failure", None, {"failed": 1}),
        ("done", "failed", {"failed": 1}),
    ]
    assert there.got[1].json["failed"]["cause"] == "exit code 3"


def test_asyncio_tells_too_also_that_it_was_cancelled(there: Hook, tmp_path: Path) -> None:
    got: list[Any] = []

    async def main() -> None:
        await aio.run(template(), ["good"], runtime="process", state=tmp_path / "s", notify=there.url)
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hear(_: expander.OutputLine) -> None:
            loop.call_soon_threadsafe(begun.set)

        long = LONG.replace("sleep 600", "echo; sleep 600")
        work = asyncio.create_task(
            aio.run(
                template(long),
                ["a"],
                runtime="process",
                state=tmp_path / "long",
                on_output=hear,
                notify=got.append,
            )
        )
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(main())
    assert there.events == ["done"]
    assert [(each["event"], each["outcome"]) for each in got] == [("done", "interrupted")]
