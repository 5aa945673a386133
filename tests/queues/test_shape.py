"""A template and items as messages and workers: what runs is the same as with a Job of each item."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import ItemError
from expander.batch.queue_fill import fill
from expander.batch.request import BatchRequest
from expander.items.python import from_python
from expander.render.template_file import TemplateFile
from expander.shapes.shape import Shape
from expander.shapes.work_queue import QueueBatch
from tests.cli.program import run
from tests.queues.brokers import RabbitServer, RedisServer
from tests.shapes.batch import made, seen, template
from tests.shapes.hostile import HOSTILE

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: job-$INDEX, labels: {jobgroup: GROUP}}
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: [sh, -c, 'echo "got $0"; exit $1', $ITEM, "0"]}
"""


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find the program."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def refuse(error: ItemError) -> None:
    """No item is expected to fail."""
    raise error


def queued(file: TemplateFile, items: list[Any], shape: Shape) -> tuple[list[Any], QueueBatch]:
    """The manifests of a queue's workers, and the messages."""
    found: list[QueueBatch] = []
    request = BatchRequest(
        batch=file, items=from_python(items), shape=shape, on_queue=found.append, allow_shell=True
    )
    return list(request.manifests(refuse)), found[0]


def test_hostile_items_arrive_the_same_through_a_broker(url: str, name: str, tmp_path: Path) -> None:
    broker: Any = "redis" if url.startswith("redis") else "rabbitmq"
    file = template(
        ["$ITEM", "a$(FIRST)b", "$$ITEM", "$(HOSTNAMES)"],
        {"FIRST": "<$ITEM>", "my.var": "$(FIRST)!", "CONST": "$$(FIRST)"},
        name="show-$INDEX",
    )
    manifests, messages = queued(
        file, HOSTILE, Shape("queue", broker=broker, url=url, secret="here", queue=name)
    )
    assert fill(messages, url).added == len(HOSTILE)
    assert seen(manifests, tmp_path / "queue") == seen(made(file, HOSTILE, "jobs"), tmp_path / "jobs")


def test_what_only_the_pod_knows_is_left_to_the_pod(
    redis_server: RedisServer, name: str, tmp_path: Path
) -> None:
    env: list[dict[str, Any]] = [
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "OWN", "value": "$ITEM in $(POD)"},
    ]
    file = template(["$(OWN)", "$(POD)"], env, name="show-$INDEX")
    shape = Shape("queue", broker="redis", url=redis_server.url, secret="here", queue=name)
    manifests, messages = queued(file, ["a", "it's"], shape)
    fill(messages, redis_server.url)
    assert seen(manifests, tmp_path / "queue") == seen(made(file, ["a", "it's"], "jobs"), tmp_path / "jobs")


def test_two_equal_items_are_two_messages_and_a_second_fill_adds_none(
    redis_server: RedisServer, name: str
) -> None:
    shape = Shape("queue", broker="redis", url=redis_server.url, queue=name)
    _, messages = queued(template(name="show-$INDEX"), ["a", "a", "b"], shape)
    assert fill(messages, redis_server.url).added == 3
    assert fill(messages, redis_server.url).added == 0


def test_run_fills_the_queue_and_works_on_it_and_does_it_once(
    redis_server: RedisServer, name: str, tmp_path: Path
) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace("GROUP", name))
    words = ["run", "job.yaml", "a", "it's", "c", "--as", "queue=redis", "--queue-url", redis_server.url]
    words += ["--state", "state", "--runtime", "process", "--parallelism", "1", "--allow-shell"]
    first = run(*words, cwd=tmp_path)
    assert first.code == 0, first.err
    assert [line.partition("got ")[2] for line in first.out.splitlines() if "got " in line] == [
        "a",
        "it's",
        "c",
    ]
    assert f"queue {name}: 3 messages added" in first.err
    again = run(*words, cwd=tmp_path)
    assert again.code == 0
    assert "got" not in again.out
    assert f"queue {name}: 0 messages added, 3 already there" in again.err


def test_an_item_that_fails_for_good_fails_the_job_when_the_others_are_done(
    redis_server: RedisServer, name: str, tmp_path: Path
) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace("GROUP", name).replace('"0"', "$ITEM"))
    words = ["run", "job.yaml", "0", "7", "0", "--as", "queue=redis", "--queue-url", redis_server.url]
    answer = run(*words, "--state", "state", "--runtime", "process", "--parallelism", "1", cwd=tmp_path)
    assert answer.code == 1
    assert [line.partition("got ")[2] for line in answer.out.splitlines() if "got " in line] == [
        "0",
        "7",
        "0",
        "7",
    ]
    assert "1 Job: 0 complete, 1 failed" in answer.err


def test_a_broker_with_a_password_is_run_here_without_showing_it(
    rabbit_server: RabbitServer, name: str, tmp_path: Path
) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace("GROUP", name))
    words = ["run", "job.yaml", "a", "b", "--as", "queue=rabbitmq", "--queue-url", rabbit_server.url]
    answer = run(*words, "--state", "state", "--runtime", "process", cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert sorted(line.partition("got ")[2] for line in answer.out.splitlines() if "got " in line) == [
        "a",
        "b",
    ]


def test_expand_writes_messages_that_fill_reads(redis_server: RedisServer, name: str, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB.replace("GROUP", name))
    words = [
        "expand",
        "job.yaml",
        "a",
        "b",
        "--as",
        "queue=redis",
        "--queue-url",
        redis_server.url,
        "-o",
        "jobs",
    ]
    answer = run(*words, cwd=tmp_path)
    assert answer.code == 0, answer.err
    file = tmp_path / "jobs-messages.jsonl"
    assert [json.loads(line)["argv"][3] for line in file.read_text().splitlines()] == ["a", "b"]
    filled = run("queue", "fill", "--url", redis_server.url, "--queue", name, "-i", str(file))
    assert (filled.code, filled.err) == (0, f"{name}: 2 items added\n")
    done = run("run", "jobs", "--state", "state", "--runtime", "process", cwd=tmp_path)
    assert done.code == 0, done.err
    assert sorted(line.partition("got ")[2] for line in done.out.splitlines() if "got " in line) == ["a", "b"]


def test_a_password_never_gets_into_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    url = "amqp://me:hidden@broker"
    words = ["expand", "job.yaml", "a", "--as", "queue=rabbitmq", "--queue-url", url]
    answer = run(*words, cwd=tmp_path)
    assert answer.code == 2
    assert "--queue-secret expander-queue" in answer.err
    assert "hidden" not in answer.out + answer.err
    answer = run(*words, "--queue-secret", "broker", cwd=tmp_path)
    assert answer.code == 0
    assert "hidden" not in answer.out + answer.err
    assert "name: broker\n" in answer.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--as", "queue=redis", "--queue-url", "amqp://x"], "invalid redis URL 'amqp://x'"),
        (["--as", "queue=rabbitmq", "--queue-url", "http://x"], "expected amqp://HOST"),
        (["--as", "queue=redis", "--queue-url", "redis://x?password=y"], "--queue-url has a password"),
        (["--as", "indexed", "--queue-name", "x"], "--queue-name requires --as queue=redis"),
        (["--as", "chunks=2", "--parallelism", "3"], "--parallelism requires --as indexed"),
    ],
)
def test_options_that_do_not_fit_are_told(words: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    answer = run("expand", "job.yaml", "a", *words, cwd=tmp_path)
    assert answer.code == 2
    assert message in answer.err


def test_a_coarse_queue_has_a_pod_for_each_message(name: str) -> None:
    shape = Shape("queue", broker="rabbitmq", secret="broker", queue=name)
    (job,), messages = queued(template(backoffLimit=2, name="show-$INDEX"), ["a", "b", "c"], shape)
    spec = job.tree["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (3, 3, 9)
    assert len(messages.messages) == 3
    (fine,), _ = queued(
        template(name="show-$INDEX"), ["a", "b"], replace(shape, broker="redis", parallelism=1)
    )
    assert "completions" not in fine.tree["spec"]
    assert fine.tree["spec"]["parallelism"] == 1


def test_without_a_url_workers_find_the_broker_by_a_secret(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    answer = run("expand", "job.yaml", "a", "--as", "queue=rabbitmq", cwd=tmp_path)
    assert answer.code == 0
    assert "secretKeyRef" in answer.out
    assert "kubectl create secret generic expander-queue --from-literal=url=URL" in answer.err
    answer = run("run", "job.yaml", "a", "--as", "queue=redis", "--state", "state", cwd=tmp_path)
    assert answer.code == 2
    assert "--as queue=redis requires a broker" in answer.err


def test_workers_of_a_run_find_a_program_that_is_not_on_the_path(
    redis_server: RedisServer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [folder for folder in os.environ["PATH"].split(":") if not Path(folder, "expander").exists()]
    monkeypatch.setenv("PATH", ":".join(folders))
    (tmp_path / "job.yaml").write_text(JOB.replace("GROUP", name))
    words = ["run", "job.yaml", "a", "--as", "queue=redis", "--queue-url", redis_server.url]
    answer = run(*words, "--state", "state", "--runtime", "process", cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert "got a" in answer.out


@pytest.mark.parametrize(("broker", "file"), [("redis", "job.yaml"), ("rabbitmq", "job.yaml.j2")])
def test_values_with_references_arrive_byte_for_byte_through_run_and_a_broker(
    broker: str, file: str, request: pytest.FixtureRequest, name: str, tmp_path: Path
) -> None:
    """``$(NAME)`` and ``$$`` of items in arguments and variables: plain, printed, and by ``tojson``."""
    server = request.getfixturevalue("redis_server" if broker == "redis" else "rabbit_server")
    items = ["$(SECRET)", "a$$b", "$$(SECRET)$", "$", "$(", "it's $HOME", "line\n$(SECRET)\n"]
    (tmp_path / "items.json").write_text(json.dumps(items))
    plain = template(["$ITEM", "$(SECRET)$ITEM"], {"SECRET": "s", "OWN": "$ITEM"}, "job-$INDEX").text
    plain = plain.replace('"shows"', f'"{name}"')
    laid_out = plain.replace('"$ITEM", "$(SECRET)$ITEM"', '{{ item | tojson }}, "$(SECRET){{ item }}"')
    laid_out = laid_out.replace('"$ITEM"', "{{ item | tojson }}").replace("$INDEX", "{{ index }}")
    (tmp_path / file).write_text(laid_out if file.endswith(".j2") else plain)
    answer = run(
        *("run", file, "-i", "items.json", "--as", f"queue={broker}", "--queue-url", server.url),
        *("--state", "state", "--runtime", "process", "--allow-shell"),
        cwd=tmp_path,
    )
    assert answer.code == 0, answer.err
    shown = [json.loads(line[line.index("{") :]) for line in answer.out.splitlines() if '"argv"' in line]
    found = sorted((*each["argv"], each["env"]["OWN"]) for each in shown)
    assert found == sorted((item, f"s{item}", item) for item in items)
