"""A work queue: the items become messages, and one Job has workers that take them.

Fine pattern (redis): ``completions`` is not set, and each worker takes items until none is left. Coarse
pattern (rabbitmq): a pod takes one message and ends, and ``completions`` is their number. The program of the
template runs unchanged below `expander queue work` or `expander queue consume`, which its image must hold; a
message says with which words and variables. An item is done at least once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from expander.base import merkle
from expander.base.dataclass import dataclass
from expander.base.digests import blake2b
from expander.base.errors import InputError, UsageError
from expander.base.written_numbers import dumps
from expander.kube.expansion import literal
from expander.manifests.manifest import Manifest
from expander.shapes.broker import find_broker
from expander.shapes.chunks import ONE_ITEM
from expander.shapes.containers import Containers, Difference, only_container
from expander.shapes.indexed import DEFAULT_BACKOFF_LIMIT
from expander.shapes.job_template import (
    Row,
    Rows,
    Tree,
    begin,
    container_at,
    job_name,
    manifest,
    require,
    rewrite,
)
from expander.shapes.shape import Shape
from expander.shapes.shell import Word, cleaning

DEFAULT_WORKERS = 10
"""Pods at a time, where nobody says how many."""
MAX_BACKOFF_LIMIT = 2**31 - 1
URL, QUEUE, ROOT = "EXPANDER_QUEUE_URL", "EXPANDER_QUEUE", "EXPANDER_QUEUE_ROOT"
"""The variables of a worker: the broker's URL, the queue's name, and what stands for its messages."""
SECRET_KEY = "url"
"""The key of the Secret that holds the URL."""


@dataclass(frozen=True, slots=True)
class WorkMessage:
    """One item as a message: its value, the words of its command and its variables.

    ``id`` (20 hexadecimal digits) is the same for the same item at the same place of the same batch.
    ``proof`` shows that the message is one of its batch (`expander.base.merkle`).
    """

    value: Any
    argv: tuple[str, ...]
    env: dict[str, str]
    id: str
    proof: str = ""


@dataclass(frozen=True, slots=True)
class QueueBatch:
    """Messages for the queue called ``queue``, and what works on them: a Job, and its Secret if it brings
    one.
    """

    queue: str
    messages: list[WorkMessage]
    manifests: list[Manifest]


def build(rows: Rows, stream: Iterator[Row], shape: Shape, warnings: list[str]) -> Iterator[QueueBatch]:
    """The messages, the companions and the workers' Job."""
    if not (shape.url or shape.secret):
        raise UsageError(f"{shape} needs the URL of a broker, or a Secret that holds it")
    items = list(stream)
    if not items:
        rows.require_job()
        return
    found = queued(rows, items, shape, warnings)
    yield replace(found, manifests=[*rows.others(), *found.manifests])


def queued(rows: Rows, items: Sequence[Row], shape: Shape, warnings: list[str]) -> QueueBatch:
    """The messages and the Job. Raises InputError for what workers cannot do."""
    assert rows.common is not None
    assert rows.first is not None
    require(rows, shape, ONE_ITEM, {})
    containers = Containers(rows.common, rows.first, shape)
    place = only_container(rows, containers, items, shape, warnings)
    difference = containers.difference(items, place, argv=True)
    name = job_name(rows, shape, 0)
    tree = begin(rows, name, items)
    queue = shape.queue or name
    container = container_at(tree, place)
    for entry in container.get("env") or ():
        if entry["name"] in (URL, QUEUE, ROOT):
            raise InputError(f"the name {entry['name']} is reserved for the broker", where=rows.first.where)
    limit = tree["spec"].get("backoffLimit")
    limit = DEFAULT_BACKOFF_LIMIT if limit is None else limit
    root, messages = _proven([_message(difference, number, row) for number, row in enumerate(items)])
    rewrite(
        container,
        command=_command(shape, limit + 1),
        args=None,
        env=[
            *difference.native_env,
            _url(shape),
            {"name": QUEUE, "value": literal(queue)},
            {"name": ROOT, "value": root},
        ],
    )
    _workers(tree["spec"], container["name"], len(items), limit, shape, warnings)
    if shape.url is None or shape.secret is None:
        warnings.append(f"the image {container.get('image')!r} must have kube-expander[queue] installed")
    return QueueBatch(queue, messages, [*_secret(tree, shape, rows), manifest(tree, rows)])


def _secret(tree: Tree, shape: Shape, rows: Rows) -> list[Manifest]:
    """The Secret with the URL, for a Job that stays on this machine."""
    if not shape.secret or not shape.url:
        return []
    metadata = {"name": shape.secret}
    metadata.update(
        {key: tree["metadata"][key] for key in ("namespace", "labels") if tree["metadata"].get(key)}
    )
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {SECRET_KEY: shape.url}}
    return [manifest(made, rows)]


def _command(shape: Shape, attempts: int) -> list[str]:
    """What a worker runs; broker and queue are in its variables."""
    broker = find_broker(shape.broker or "")
    words = ["expander", "queue", "consume" if broker.one_item else "work", "--max-attempts", str(attempts)]
    return [*words, "--empty-exit-code", str(broker.failed_code)] if broker.one_item else words


def _url(shape: Shape) -> Tree:
    """Where the broker is: from a Secret, or as it stands when there is nothing secret in it."""
    if shape.secret is not None:
        return {
            "name": URL,
            "valueFrom": {"secretKeyRef": {"name": shape.secret, "key": SECRET_KEY}},
        }
    return {"name": URL, "value": literal(shape.url or "")}


def _workers(spec: Tree, container: str, count: int, limit: int, shape: Shape, warnings: list[str]) -> None:
    """Make the spec of one item's Job that of workers on ``count`` messages."""
    broker = find_broker(shape.broker or "")
    coarse = broker.one_item
    template = spec.pop("template")
    for name in ("completions", "parallelism", "completionMode", "backoffLimit"):
        spec.pop(name, None)
    others = dict(spec)
    spec.clear()
    if coarse:
        spec["completions"] = count
    spec["parallelism"] = min(shape.parallelism or DEFAULT_WORKERS, count)
    spec["backoffLimit"] = min(MAX_BACKOFF_LIMIT, (limit + 1) * count) if coarse else limit
    codes = {"containerName": container, "operator": "In", "values": [broker.failed_code]}
    spec["podFailurePolicy"] = {"rules": [{"action": "FailJob", "onExitCodes": codes}]}
    spec.update(others)
    spec["template"] = template
    if template["spec"].get("restartPolicy") != "Never":
        template["spec"]["restartPolicy"] = "Never"
        warnings.append("restartPolicy becomes Never: what a worker could not do goes back to the queue")


def _message(difference: Difference, number: int, row: Row) -> WorkMessage:
    """The message of a row. What only the pod knows is left to a shell there."""
    found = difference.resolved[number]
    env = difference.own_variables(number)
    if all(isinstance(part, str) for word in (*found.argv, *(word for _, word in env)) for part in word):
        argv = tuple(map(_text, found.argv))
        variables = {name: _text(word) for name, word in env}
    else:
        clean = cleaning(row.own[difference.place].env)
        script = f'{difference.scripts[number]}\n{clean}\nexec "$@"\n'
        argv, variables = ("/bin/sh", "-c", script, "sh"), {}
    text = dumps([number, row.value, argv, variables], separators=(",", ":"))
    return WorkMessage(row.value, argv, variables, blake2b(text.encode(), digest_size=10).hexdigest())


def _proven(messages: Sequence[WorkMessage]) -> tuple[str, list[WorkMessage]]:
    """What stands for all messages, and these with the proof that they belong to it.

    The broker is not trusted with code: whoever can write to it must not choose what workers run.
    """
    root, proofs = merkle.tree([[each.id, each.value, each.argv, each.env] for each in messages])
    return root, [replace(each, proof=proof) for each, proof in zip(messages, proofs, strict=True)]


def _text(word: Word) -> str:
    return "".join(part for part in word if isinstance(part, str))
