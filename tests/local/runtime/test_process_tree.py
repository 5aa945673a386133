"""The number every process of a container carries."""

import os
import subprocess
import sys
from itertools import pairwise

from expander.local.runtime import process_tree
from tests.local.runtime.running import Bench

AWAY = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.closerange(0, 64)
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
os.write(file, str(os.getpid()).encode() + b"\\n")
os.close(file)
os.execve("/bin/sleep", ["sleep", "300"], {})
"""


def test_it_is_handed_on_whatever_a_process_does(plain: Bench) -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_RTTIME)[0])"
    place = plain.folder / "pid"
    script = f"'{sys.executable}' -c '{code}'; '{sys.executable}' -c \"$CODE\" {place}; sleep 300"
    key = plain.launch("sh", "-c", script, env={"CODE": AWAY})
    plain.pid(key)
    plain.written(key, "\n")
    while not (place.exists() and place.read_text().endswith("\n")):
        pass
    daemon = int(place.read_text())
    assert process_tree.read_tag(daemon) == int(plain.output(key)) == process_tree.read_tag(plain.pid(key))
    plain.supervisor.signal(key, 9)
    plain.end(key)
    while os.path.exists(f"/proc/{daemon}"):
        plain.run("true")


def test_each_container_has_its_own_and_others_have_none(plain: Bench) -> None:
    numbers = [process_tree.read_tag(plain.pid(plain.launch("sleep", "300"))) for _ in range(3)]
    assert len({*numbers, 0}) == 4
    assert max(numbers) - min(numbers) < process_tree.TAGS_PER_RUN
    assert process_tree.read_tag(os.getpid()) == process_tree.read_tag(2**22 + 1) == 0
    with subprocess.Popen(["sleep", "300"]) as process:
        assert process_tree.read_tag(process.pid) == 0
        process.kill()


def test_runs_are_far_apart() -> None:
    runs = sorted(process_tree.new_run_tag() for _ in range(100))
    assert all(second - first >= process_tree.TAGS_PER_RUN for first, second in pairwise(runs))


def test_own_children_are_found_anew_each_time() -> None:
    code = (
        "import os, subprocess; from expander.local.runtime import process_tree\n"
        "process_tree.PART_BYTES = 16\n"
        "own = process_tree.OwnChildren()\n"
        "started = [subprocess.Popen(['sleep', '300']) for _ in range(20)]\n"
        "assert own.now() == process_tree.children(os.getpid()) == [each.pid for each in started]\n"
        "for each in started: each.kill(), each.wait()\n"
        "assert own.now() == []\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
