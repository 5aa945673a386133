"""The same items in every shape, on this machine: what runs, how long it takes, how many objects and bytes.

python -m benchmarks.shapes [ITEMS [CHUNK]]

Each item's program writes a line of its own to a file; every shape must give the same lines. The clock runs
from the start of ``expander run`` to its end, and eight containers run at a time. ``chunks`` has CHUNK items
a Job, the queues eight workers; brokers are started here (``redis-server``, ``rabbitmq-server``) and left out
when they are not installed. A cluster creates at most some hundred objects a second: the last column is the
time for that alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.run import AT_A_TIME, BATCH, job
from tests.queues.brokers import RabbitServer, RedisServer

START = [sys.executable, "-c", "from expander.__main__ import entry; entry()"]
SCRIPT = 'printf "%s\\n" "$0 $VALUE" >> "$1"'


def template(folder: Path) -> Path:
    """A Job whose command line and variables depend on the item."""
    made = job("item-$ITEM", "sh", "-c", SCRIPT, "$ITEM", str(folder / "results"), backoffLimit=0)
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "VALUE", "value": "value of $ITEM"}]
    path = folder / "template.json"
    path.write_text(json.dumps(made))
    return path


def shapes(folder: Path, chunk: int, stack: ExitStack) -> Iterator[tuple[str, list[str]]]:
    """Each shape with the options it needs."""
    yield "jobs", []
    yield "indexed", ["--parallelism", str(AT_A_TIME)]
    yield f"chunks={chunk}", []
    if shutil.which("redis-server"):
        redis = stack.enter_context(started(RedisServer(folder / "redis")))
        yield "queue=redis", ["--queue-url", redis, "--parallelism", str(AT_A_TIME)]
    if Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        rabbit = stack.enter_context(started(RabbitServer(folder / "rabbit")))
        yield "queue=rabbitmq", ["--queue-url", rabbit, "--parallelism", str(AT_A_TIME)]


@contextmanager
def started(server: RedisServer | RabbitServer) -> Iterator[str]:
    """A broker of this benchmark."""
    try:
        server.start()
        yield server.url
    finally:
        server.close() if isinstance(server, RabbitServer) else server.stop()


def planned(words: list[str]) -> dict[str, object]:
    """What `expander plan` says of a shape."""
    answer = subprocess.run(
        [*START, "plan", *words, "-o", "json", "--offline"], capture_output=True, check=True
    )
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def once(folder: Path, words: list[str]) -> tuple[float, Counter[str]]:
    """One run: its seconds, and the lines that the items wrote."""
    results, state = folder / "results", folder / "state"
    results.unlink(missing_ok=True)
    shutil.rmtree(state, ignore_errors=True)
    options = ["--runtime", "process", "--quiet", "--state", str(state), "--jobs", str(AT_A_TIME)]
    begun = time.perf_counter()
    subprocess.run([*START, "run", *words, *options], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun, Counter(results.read_text().splitlines())


def main() -> None:
    """Measure all shapes."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    chunk = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    wanted = Counter(f"{number} value of {number}" for number in range(count))
    print(f"{count:,} items, {AT_A_TIME} containers at a time")
    print(f"{'shape':16}{'seconds':>8}{'objects':>9}{'pods':>7}{'bytes':>12}{'sending':>9}  results")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        for part in ("redis", "rabbit"):
            (folder / part).mkdir()
        path = template(folder)
        for shape, options in shapes(folder, chunk, stack):
            words = [str(path), "-i", f"0-{count - 1}", "--group", BATCH, "--as", shape, *options]
            seconds, found = once(folder, words)
            secret = ["--queue-secret", "broker"] if shape.startswith("queue") else []
            plan = planned([*words, *secret])
            objects = sum(plan["objects"].values())  # type: ignore[attr-defined]
            pods = plan["pods"]["inAll"]  # type: ignore[index]
            same = "the same" if found == wanted else "NOT the same"
            figures = f"{seconds:8.1f}{objects:9,}{pods:7,}{plan['etcdBytes']:12,}{plan['seconds']:8.1f}s"
            print(f"{shape:16}{figures}  {same}")


if __name__ == "__main__":
    main()
