"""Shapes and brokers are found by name and by URL in a table each; packages add brokers."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from expander.base.errors import UsageError
from expander.queues.open import open_queue
from expander.shapes.broker import BUILT_IN, broker_of, find_broker
from expander.shapes.shape import SHAPES, Shape, parse_shape


@pytest.mark.parametrize("text", ["jobs", "indexed", "chunks=7", "queue=redis", "queue=rabbitmq"])
def test_a_shape_is_written_as_it_is_read(text: str) -> None:
    shape = parse_shape(text)
    assert str(shape) == text
    assert shape.words == SHAPES[text.partition("=")[0]].words


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("jobs=2", None),
        ("indexed=", None),
        ("chunks", "N is how many items a Job gets"),
        ("chunks=0", "N is how many items a Job gets"),
        ("chunks=x", "N is how many items a Job gets"),
        ("queue", "name the broker: queue=redis or queue=rabbitmq"),
        ("queue=", "name the broker: queue=redis or queue=rabbitmq"),
        ("", None),
        ("ring", None),
    ],
)
def test_other_texts_are_wrong_usage_with_all_forms(text: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shape(text)
    (problem,) = caught.value.problems
    assert problem.message.endswith("expected jobs, indexed, chunks=N, queue=redis or queue=rabbitmq")
    assert (problem.hint or "").startswith(hint or "")
    assert bool(problem.hint) == bool(hint)


def test_every_shape_but_the_plain_one_has_a_function_that_builds_it() -> None:
    assert [name for name, shape in SHAPES.items() if not shape.build] == [Shape().kind]
    for shape in SHAPES.values():
        if shape.build:
            assert callable(shape.load())


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://h", "redis"),
        ("REDISS://h", "redis"),
        ("unix:///s", "redis"),
        ("amqp://h", "rabbitmq"),
        ("amqps://h", "rabbitmq"),
        ("http://h", None),
        ("redis", None),
        ("", None),
    ],
)
def test_a_broker_is_known_by_the_scheme_of_its_url(url: str, name: str | None) -> None:
    found = broker_of(url)
    assert (found.name if found else None) == name


def test_a_package_adds_a_broker_by_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory_queue.py").write_text(
        "from expander.shapes.broker import Broker\n"
        "class MemoryQueue:\n"
        "    def __init__(self, url, name, patience):\n"
        "        self.name = name\n"
        "BROKER = Broker('memory', ('mem',), 'mem://', 'memory_queue:MemoryQueue', 'json')\n"
    )
    package = tmp_path / "memory_queue-1.dist-info"
    package.mkdir()
    (package / "entry_points.txt").write_text("[expander.queues]\nmemory = memory_queue:BROKER\n")
    (package / "METADATA").write_text("Name: memory-queue\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    try:
        assert open_queue("mem://", "q").name == "q"
        assert parse_shape("queue=memory") == Shape("queue", broker="memory")
        with pytest.raises(UsageError, match="expected one of redis, rabbitmq, memory"):
            find_broker("other")
    finally:
        sys.modules.pop("memory_queue", None)
    assert set(BUILT_IN) == {"redis", "rabbitmq"}
