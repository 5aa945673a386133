"""Nothing is lost and nothing is there twice, whatever happens on the way.

The sizes come from the environment: EXPANDER_PROOF_JOBS, EXPANDER_PROOF_KILLS, EXPANDER_PROOF_SERVER_KILLS.
"""

import json
import os
from pathlib import Path

from tests.cli.cluster import (
    cluster,
    jobs,
    kill,
    lines_of,
    size,
    submitted,
    submitting,
    template,
    to_be_killed,
    until,
)
from tests.cli.program import EXPANDER
from tests.local.apiserver.serving import Server

JOBS = size("EXPANDER_PROOF_JOBS", 150)
KILLS = size("EXPANDER_PROOF_KILLS", 3)
SERVER_KILLS = size("EXPANDER_PROOF_SERVER_KILLS", 1)

FAULTS = ("--inject", "429=0.3,500=0.05,reset=0.02,lost=0.02,latency=50ms")


def items_in(server: Server) -> list[int]:
    """The numbers of the items that there are Jobs for, in order."""
    return sorted(int(job["metadata"]["labels"]["number"]) for job in jobs(server))


def test_every_item_arrives_once_through_faults_of_all_kinds(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path, *FAULTS) as server:
        answer = submitted(tmp_path, server, path, "-i", f"1-{JOBS}")
        *lines, last = map(json.loads, answer.out.splitlines())
        assert last == {"summary": {"created": JOBS}}, answer.err
        assert sum(line["attempts"] for line in lines) > 1.2 * JOBS
    with cluster(tmp_path) as server:
        assert items_in(server) == list(range(1, JOBS + 1))
        assert sorted(job["metadata"]["name"] for job in jobs(server)) == sorted(
            line["name"] for line in lines
        )


def test_every_item_arrives_once_though_submitter_and_server_are_killed(tmp_path: Path) -> None:
    path = template(tmp_path)
    steps = KILLS + SERVER_KILLS
    of_server = {(number + 1) * steps // (SERVER_KILLS + 1) for number in range(SERVER_KILLS)}
    step = 0
    with cluster(tmp_path, *FAULTS) as server:
        while step < steps:
            with to_be_killed(tmp_path, server, path, "-i", f"1-{JOBS}", "--resume"):
                while step < steps:
                    wanted = JOBS * (step + 1) // (steps + 1)
                    until(lambda wanted=wanted: lines_of(tmp_path) >= wanted)  # type: ignore[misc]
                    step += 1
                    if step - 1 not in of_server:
                        break
                    kill(server)
                    server.start()
        answer = submitted(tmp_path, server, path, "-i", f"1-{JOBS}", "--resume")
        assert answer.code == 0, answer.err
        *lines, last = map(json.loads, answer.out.splitlines())
        assert set(last["summary"]) <= {"created", "unchanged"}
        assert len(lines) == JOBS
    with cluster(tmp_path) as server:
        assert items_in(server) == list(range(1, JOBS + 1))


def test_two_submitters_of_one_group_at_once_do_no_harm(tmp_path: Path) -> None:
    arguments = [template(tmp_path), "-i", f"1-{JOBS}"]
    with cluster(tmp_path, *FAULTS) as server:
        with submitting(tmp_path, server, *arguments) as other:
            answer = submitted(tmp_path, server, *arguments)
            out, err = other.communicate(timeout=7200)
        assert (answer.code, other.returncode) == (0, 0), answer.err + err
        for said in (answer.out, out):
            assert sum(json.loads(said.splitlines()[-1])["summary"].values()) == JOBS
    with cluster(tmp_path) as server:
        assert items_in(server) == list(range(1, JOBS + 1))


def test_memory_does_not_grow_with_the_number_of_items(tmp_path: Path) -> None:
    path = template(tmp_path)
    few, many = size("EXPANDER_MEMORY_FEW", 2000), size("EXPANDER_MEMORY_MANY", 5000)
    with cluster(tmp_path) as server:

        def peak(first: int, count: int) -> int:
            """The largest resident set in KiB while so many items are submitted."""
            command = [EXPANDER, "submit", path, "-i", f"{first}-{first + count - 1}", "-q"]
            command += ["--kubeconfig", str(server.kubeconfig), "--state", str(tmp_path / "journals")]
            pid = os.posix_spawn(command[0], command, os.environ)
            _, status, used = os.wait4(pid, 0)
            assert status == 0
            return used.ru_maxrss

        small = peak(1, few)
        names = many * 0.4  # that no name is there twice is known by remembering them
        assert peak(few + 1, many) < small + 4 * 1024 + names


def test_credentials_are_in_nothing_that_is_written(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path, "--tls", *FAULTS) as server:
        answers = [
            submitted(tmp_path, server, path, "-i", "1-10", *options)
            for options in ((), ("--resume", "-n", "nowhere"))
        ]
        config = server.kubeconfig.read_text()
        server.kubeconfig.write_text(config.replace(server.token, "another-token"))
        answers.append(submitted(tmp_path, server, path, "-i", "1-4"))
        assert answers[-1].code == 1
        assert "Unauthorized" in answers[-1].err
    written = "".join(answer.out + answer.err for answer in answers)
    for file in (tmp_path / "journals").rglob("*"):
        written += file.read_text() if file.is_file() else ""
    assert "item-10" in written
    assert server.token not in written
    assert "another-token" not in written
