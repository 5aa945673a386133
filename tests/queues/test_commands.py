"""`expander queue ...` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from expander.base import merkle
from expander.base.errors import InputError
from expander.queues import WorkQueue
from expander.queues.open import open_queue
from expander.queues.queue import Message
from tests.queues.brokers import RedisServer, wait_until
from tests.queues.crowd import EXPANDER

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(url: str, name: str, tmp_path: Path) -> Run:
    """Runs a command of `expander queue` on the queue of this test."""
    environment = {**os.environ, "BROKER_URL": url, "QUEUE": name}

    def runs(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [EXPANDER, "queue", *words], input=stdin, text=True, capture_output=True, env=environment,
            cwd=tmp_path, timeout=300, check=False,
        )  # fmt: skip

    return runs


def numbers(run: Run) -> dict[str, int]:
    answer = run("status", "-o", "json")
    found: dict[str, int] = json.loads(answer.stdout)
    return found


def test_a_program_gets_its_item_on_standard_input(run: Run) -> None:
    assert run("fill", "apple").returncode == 0
    answer = run("consume", "--", "cat")
    assert (answer.stdout, answer.returncode) == ("apple", 0)
    assert numbers(run)["done"] == 1


def test_words_and_variables_hold_the_item_and_its_columns(run: Run) -> None:
    run("fill", "-i", "csv:-", stdin="sample,rate\na b,0.1\n")
    script = 'echo "$1|$2|$EXPANDER_ITEM_SAMPLE|$EXPANDER_ITEM|$EXPANDER_ATTEMPT|$(cat)"'
    answer = run("consume", "--", "sh", "-c", script, "sh", "{sample}", "x{rate}{other}")
    assert answer.stdout == 'a b|x0.1{other}|a b|{"rate":"0.1","sample":"a b"}|1|\n'


def test_the_item_can_be_the_last_argument(run: Run) -> None:
    run("fill", "a b")
    assert run("consume", "--as-arg", "echo", "got").stdout == "got a b\n"


def test_an_item_stays_until_its_command_ends_with_0(run: Run) -> None:
    run("fill", "apple")
    answer = run("consume", "sh", "-c", "exit 7")
    assert answer.returncode == 7
    assert "exit code 7" in answer.stderr
    found = numbers(run)
    assert (found["ready"], found["done"]) == (1, 0)
    answer = run("consume", "sh", "-c", "kill -9 $$")
    assert answer.returncode == 137
    assert run("consume", "sh", "-c", "echo $EXPANDER_ATTEMPT").stdout == "3\n"


def test_an_empty_queue_has_an_exit_code_of_its_own(run: Run) -> None:
    assert run("consume", "--timeout", "0.1s", "cat").returncode == 3
    answer = run("consume", "--timeout", "0.1s", "--empty-exit-code", "0", "cat")
    assert (answer.returncode, "no item" in answer.stderr) == (0, True)


def test_work_ends_when_all_is_done_and_says_what_was_given_up(run: Run) -> None:
    run("fill", "a", "b", "c")
    answer = run("work", "--max-attempts", "2", "--", "sh", "-c", 'test "$EXPANDER_ITEM" != b')
    assert answer.returncode == 1
    found = numbers(run)
    assert (found["ready"], found["leased"], found["done"], found["failed"]) == (0, 0, 2, 1)
    assert run("status").returncode == 1
    assert run("drain", "--failed", "--yes", "-o", "failed.jsonl").returncode == 0
    assert run("fill", "--again", "-i", "failed.jsonl").returncode == 0
    answer = run("work", "--", "cat")
    assert (answer.stdout, answer.returncode) == ("b", 0)


FORGED = {
    "item": "x",
    "id": "0123456789abcdef0123",
    "argv": ["sh", "-c", "echo $GREETING owned"],
    "env": {"GREETING": "hi", "BASH_ENV": "/dev/stdin"},
}


def test_columns_never_become_a_command(run: Run) -> None:
    run("fill", "-i", "jsonl:-", stdin=json.dumps(FORGED))
    answer = run("work", "--", "sh", "-c", 'cat; echo " $GREETING$BASH_ENV"')
    assert json.loads(answer.stdout.removesuffix(" \n")) == FORGED


def test_what_others_put_into_a_message_beside_the_item_is_ignored_with_a_warning(
    url: str, name: str, run: Run
) -> None:
    with closing(open_queue(url, name)) as queue:
        messages = [
            Message(f"i{n}", ("sh", "-c", "echo owned"), {"BASH_ENV": "/etc/passwd"}) for n in range(2)
        ]
        queue.fill(messages, "", False)
    answer = run("work", "--", "bash", "-c", 'echo "$EXPANDER_ITEM $BASH_ENV"')
    assert answer.stdout == "i0 \ni1 \n"
    assert answer.stderr.count("warning: messages contain commands or variables (argv, env)") == 1


@pytest.mark.parametrize("command", ["work", "consume"])
def test_a_worker_without_a_command_takes_nothing(run: Run, command: str) -> None:
    run("fill", "a")
    answer = run(command)
    assert answer.returncode == 2
    assert "no command to run" in answer.stderr
    assert numbers(run)["ready"] == 1


def test_workers_of_a_batch_run_its_messages_and_no_others(url: str, name: str, run: Run) -> None:
    root, proofs = merkle.tree([["0" * 20, "a", ["echo", "ours"], {}], ["1" * 20, "b", ["echo", "ours"], {}]])
    ours = Message("a", ("echo", "ours"), {}, "0" * 20, proofs[0])
    forged = [
        replace(ours, argv=("echo", "owned")),
        replace(ours, env={"BASH_ENV": "x"}),
        replace(ours, item="c"),
        replace(ours, id="2" * 20),
        replace(ours, proof=proofs[1]),
        replace(ours, proof=""),
        replace(ours, proof="0:"),
        Message("plain"),
    ]
    with closing(open_queue(url, name)) as queue:
        queue.fill([*forged, ours], "", True)
    answer = run("work", "--root", root)
    assert (answer.stdout, answer.returncode) == ("ours\n", 1)
    assert answer.stderr.count("not a message of this Job's batch") == len(forged)
    assert (numbers(run)["done"], numbers(run)["failed"]) == (1, len(forged))


def test_sigterm_goes_to_the_command_and_the_item_goes_back(
    url: str, name: str, tmp_path: Path, run: Run
) -> None:
    run("fill", "apple")
    script = f"trap 'echo stopped >> {tmp_path}/seen; exit 9' TERM; touch {tmp_path}/began; while :; do sleep 0.1; done"
    words = [EXPANDER, "queue", "work", "--url", url, "--queue", name, "--", "bash", "-c", script]
    with subprocess.Popen(words) as worker:
        try:
            wait_until((tmp_path / "began").exists, "the start of the command")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(120) == 143
        finally:
            worker.kill()
    assert (tmp_path / "seen").read_text() == "stopped\n"
    answer = run("consume", "sh", "-c", "echo $EXPANDER_ITEM $EXPANDER_ATTEMPT")
    assert answer.stdout == "apple 1\n"


def test_the_lease_is_renewed_while_the_command_runs(
    redis_server: RedisServer, name: str, tmp_path: Path
) -> None:
    redis = Redis.from_url(redis_server.url)
    words = ["--url", redis_server.url, "--queue", name]
    subprocess.run([EXPANDER, "queue", "fill", *words, "apple"], check=True)
    script = f"touch {tmp_path}/began; while ! test -e {tmp_path}/go; do sleep 0.1; done"

    def deadline() -> float:
        tickets: list[tuple[bytes, float]] = list(redis.zrange(f"{name}:leases", 0, -1, withscores=True))  # type: ignore[arg-type]
        return tickets[0][1]

    with subprocess.Popen(
        [EXPANDER, "queue", "work", *words, "--lease", "3s", "--", "sh", "-c", script]
    ) as worker:
        try:
            wait_until((tmp_path / "began").exists, "the start of the command")
            first = deadline()
            wait_until(lambda: deadline() > first + 3000, "the renewal of the lease beyond its first end")
            (tmp_path / "go").touch()
            assert worker.wait(120) == 0
        finally:
            worker.kill()
    with closing(open_queue(redis_server.url, name)) as queue:
        status = queue.status()
    redis.close()
    assert (status.done, status.redelivered, status.duplicates) == (1, 0, 0)


def test_draining_needs_a_word_and_a_new_file(run: Run, tmp_path: Path) -> None:
    run("fill", "a", "b")
    answer = run("drain")
    assert (answer.returncode, "--yes" in answer.stderr) == (2, True)
    (tmp_path / "old").touch()
    assert run("drain", "--yes", "-o", "old").returncode == 2
    assert numbers(run)["ready"] == 2
    answer = run("drain", "--yes", "-o", "-")
    assert [json.loads(line)["item"] for line in answer.stdout.splitlines()] == ["a", "b"]
    assert numbers(run)["ready"] == 0


def test_a_worker_in_python_takes_ten_lines(url: str, name: str, run: Run) -> None:
    run("fill", "a", "b")
    seen = []
    with WorkQueue(url, name) as queue:
        while not queue.empty():
            lease = queue.lease(timeout=2)
            if lease is not None:
                seen.append(lease.item)
                queue.complete(lease)
    assert seen == ["a", "b"]


def test_python_fills_a_queue_as_the_command_does(url: str, name: str, run: Run) -> None:
    run("fill", "a")
    with WorkQueue(url, name) as queue:
        filled = queue.fill(["a", "b", {"x": 1}])
        assert (filled.added, filled.skipped) == (2, 1)
        assert queue.fill(["a"], again=True).added == 1
        with pytest.raises(InputError, match="item 1"):
            queue.fill([float("nan")])
    assert numbers(run)["ready"] == 4


def test_a_password_is_not_shown() -> None:
    words = ["status", "--url", "redis://me:secret@127.0.0.1:1", "--queue", "q"]
    answer = subprocess.run(
        [EXPANDER, "queue", *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert answer.returncode == 2
    assert "secret" not in answer.stderr
    assert "me@127.0.0.1:1" in answer.stderr


def test_a_url_of_no_broker_says_what_is_expected() -> None:
    words = ["fill", "--url", "http://x", "--queue", "q", "a"]
    answer = subprocess.run(
        [EXPANDER, "queue", *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert answer.returncode == 2
    assert "redis://HOST" in answer.stderr
