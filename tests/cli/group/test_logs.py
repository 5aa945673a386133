"""``expander logs`` of a served cluster and of local runs."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from expander.cli.group.logs import LogOutput
from tests.cli.cluster import cluster, until
from tests.cli.groups import LOCAL, create, follow, job, run_locally
from tests.cli.program import EXPANDER, run
from tests.local.apiserver.serving import Server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster with a group ``g`` that has ended: one item fails twice, one has two containers."""
    with cluster(tmp_path_factory.mktemp("logs"), "--backoff-base", "50ms") as server:
        create(
            server,
            job("a", "echo one; echo two", item="apple", labelled_pods=False),
            job("b", "echo first; echo last; exit 3", item="my fig", backoffLimit=1),
            job(
                "w",
                "echo index $JOB_COMPLETION_INDEX",
                completionMode="Indexed",
                completions=2,
                parallelism=1,
            ),
        )
        assert follow(server, "wait", "--group", "g").code == 1
        yield server


@contextmanager
def following(server: Server, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``logs -f`` of the group ``f`` at work; killed if it still is at the end."""
    command = [EXPANDER, "logs", "--group", "f", "-f", "--kubeconfig", str(server.kubeconfig), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def gated(name: str, gate: Path, words: str = "begin") -> dict[str, Any]:
    """A Job that says ``begin``, waits until a file is there, and says ``end``."""
    return job(name, f"echo {words}; until [ -e {gate} ]; do sleep 0.05; done; echo end", group="f")


def test_every_pod_of_every_item_is_printed_in_order_with_its_item(served: Server) -> None:
    answer = follow(served, "logs", "--group", "g")
    assert answer.out.splitlines() == [
        "[apple] one",
        "[apple] two",
        "[my fig] first",
        "[my fig] last",
        "[my fig #2] first",
        "[my fig #2] last",
        "[w/0] index 0",
        "[w/1] index 1",
    ]
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["apple"], ["one", "two"]),
        (["a", "--prefix"], ["[apple] one", "[apple] two"]),
        (["w/1"], ["index 1"]),
        (["--failed", "--tail", "1"], ["[my fig] last", "[my fig #2] last"]),
        (["--failed", "--no-prefix", "--tail", "1"], ["last", "last"]),
        (["apple", "--tail", "0"], []),
        (["apple", "--tail", "-1", "--max-log-requests", "1"], ["one", "two"]),
    ],
)
def test_items_and_parts_of_their_logs_can_be_chosen(
    served: Server, arguments: list[str], lines: list[str]
) -> None:
    answer = follow(served, "logs", "--group", "g", *arguments)
    assert (answer.out.splitlines(), answer.code) == (lines, 0)


def test_a_name_and_a_group_that_are_not_there_are_errors(served: Server, tmp_path: Path) -> None:
    answer = follow(served, "logs", "--group", "g", "apple", "pear")
    assert (answer.code, answer.out) == (2, "one\ntwo\n")
    assert "no item, Job or pod pear in group g" in answer.err
    for more in ([], ["-f"], ["--out", str(tmp_path / "never")]):
        answer = follow(served, "logs", "--group", "nothing", *more)
        assert (answer.code, answer.out) == (2, "")
        assert "no Jobs of group nothing" in answer.err
    assert not (tmp_path / "never").exists()


def test_timestamps_stand_behind_the_item(served: Server) -> None:
    answer = follow(served, "logs", "--group", "g", "apple", "--timestamps", "--prefix")
    words = answer.out.splitlines()[0].split(" ")
    assert (words[0], words[2]) == ("[apple]", "one")
    assert words[1].endswith("Z")


def test_a_file_for_each_item_can_be_saved_again_and_again(served: Server, tmp_path: Path) -> None:
    for _ in range(2):
        answer = follow(served, "logs", "--group", "g", "--out", str(tmp_path / "out"))
        assert (answer.code, answer.out) == (0, "")
        assert "4 logs" in answer.err
    texts = {
        str(each.relative_to(tmp_path / "out")): each.read_text()
        for each in (tmp_path / "out").rglob("*.log")
    }
    assert texts["apple.log"] == "one\ntwo\n"
    assert texts["w/1.log"] == "index 1\n"
    assert texts["my fig.log"].count("==> b-") == 2


def test_the_reader_may_go_away(served: Server) -> None:
    command = f"{EXPANDER} logs --group g --kubeconfig {served.kubeconfig} | true; echo ${{PIPESTATUS[0]}}"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert answer.stdout in ("141\n", "0\n")
    assert answer.stderr == ""


def test_following_picks_up_new_pods_and_ends_with_the_last_job(served: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    create(served, gated("f1", gate))
    with following(served) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[f1] begin\n"
        create(served, gated("f2", gate))
        assert process.stdout.readline() == "[f2] begin\n"
        gate.touch()
        out, err = process.communicate(timeout=120)
    assert sorted(out.splitlines()) == ["[f1] end", "[f2] end"]
    assert (process.returncode, err) == (0, "")


def test_more_logs_than_readers_are_followed_in_turn(served: Server) -> None:
    create(served, *(job(f"many{number}", f"echo {number}", group="f") for number in range(8)))
    with following(served, "--max-log-requests", "2", "-l", "number!=x") as process:
        out, _ = process.communicate(timeout=120)
    found = [line for line in out.splitlines() if line.startswith("[many")]
    assert sorted(found) == [f"[many{number}] {number}" for number in range(8)]


def test_ctrl_c_ends_a_following_of_something_silent(served: Server, tmp_path: Path) -> None:
    create(served, gated("silent", tmp_path / "gate"))
    with following(served, "silent") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[silent] begin\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err.strip()) == (130, "Interrupted")
    (tmp_path / "gate").touch()


def test_following_survives_a_server_that_restarts(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with cluster(tmp_path, "--backoff-base", "50ms") as server:
        create(server, gated("f1", gate, "begin; echo begun >> " + str(tmp_path / "starts")))
        again = Server(server.folder, (*server.flags, "--port", str(server.port)))
        with following(server) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "[f1] begin\n"
            server.stop(signal.SIGKILL)
            again.start()
            try:
                until(lambda: (tmp_path / "starts").read_text().count("begun") == 2)
                gate.touch()
                out, err = process.communicate(timeout=120)
            finally:
                again.stop()
    assert "[f1] end" in out or "end\n" in out, err
    assert process.returncode == 0


def test_local_runs_have_logs_too(tmp_path: Path) -> None:
    state = run_locally(tmp_path, LOCAL, "--backoff-base", "1ms")
    words = ["logs", "--group", "here", "--state", str(state)]
    assert run(*words).out == "[apple] fine\n[bad] one\n[bad] two\n[bad #2] one\n[bad #2] two\n"
    followed = run(*words, "--tail", "1", "--failed", "-f").out.splitlines()
    assert sorted(followed) == ["[bad #2] two", "[bad] two"]
    answer = run(*words, "--out", str(tmp_path / "out"))
    assert sorted(os.listdir(tmp_path / "out")) == [".expander-logs", "apple.log", "bad.log"]
    assert answer.code == 0


def test_the_first_log_that_cannot_be_written_ends_the_command(tmp_path: Path) -> None:
    state = run_locally(tmp_path, LOCAL, "--backoff-base", "1ms")
    for name in ("apple", "bad"):
        (tmp_path / "out" / f"{name}.log").mkdir(parents=True)
    answer = run("logs", "--group", "here", "--state", str(state), "--out", str(tmp_path / "out"))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("error: cannot write") == 1


def test_a_long_name_keeps_its_end_which_tells_attempts_apart() -> None:
    output = LogOutput()
    first, second = (output.prefix(f"{'x' * 100}/17 #{number}") for number in (2, 3))
    assert first.endswith(b"/17 #2] ")
    assert first != second
    assert len(first) == 63


def test_a_short_name_stands_as_it_is() -> None:
    assert LogOutput().prefix("apple") == b"[apple] "


def test_a_group_that_has_written_nothing_is_not_met_with_silence(tmp_path: Path) -> None:
    state = run_locally(tmp_path, LOCAL.replace("[echo, fine]", '["true"]').split("---")[0])
    answer = run("logs", "--group", "here", "--state", str(state))
    assert (answer.code, answer.out, answer.err) == (0, "", "no output: nothing has been written\n")
