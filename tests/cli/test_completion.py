"""What TAB offers, in shells and as a plugin of kubectl; and how the program calls itself there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.cluster import cluster
from tests.cli.groups import create, job, run_locally
from tests.cli.program import EXPANDER, run
from tests.local.apiserver.serving import Server

LOCAL = """
apiVersion: batch/v1
kind: Job
metadata: {name: one, labels: {jobgroup: here}, annotations: {expander/item: apple}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, command: ["true"]}]}}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster with one group in it."""
    with cluster(tmp_path_factory.mktemp("completion")) as server:
        create(server, job("n1", group="night", item="pear", suspend=True))
        create(server, job("n2", group="night", item="two words", suspend=True))
        yield server


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "EXPANDER_COMPLETION_TIMEOUT": "90", **more}


def bash(line: str, **more: str) -> list[str]:
    """What the script for bash offers for the last word of ``line``, and nothing on standard error."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        "source <(expander completion bash)\n"
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _expander_completion expander\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    answer = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=environment(**more)
    )
    assert answer.stderr == ""
    return answer.stdout.split()


def offered(shell: str, line: str, **more: str) -> str:
    """What the program answers the script of a shell."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_EXPANDER_COMPLETE": f"{shell}_complete"}
    if shell == "fish":
        asked["COMP_CWORD"] = words[-1]
    answer = subprocess.run(
        [EXPANDER], capture_output=True, text=True, check=True, env=environment(**asked, **more)
    )
    assert answer.stderr == ""
    return answer.stdout


def test_bash_completes_commands_options_and_choices() -> None:
    assert bash("expander sta") == ["status"]
    assert bash("expander status --all-n") == ["--all-namespaces"]
    assert "joblog" not in bash("expander status -o ")
    assert {"table", "json", "name"} <= set(bash("expander status -o "))


def test_groups_items_and_namespaces_come_from_the_cluster(served: Server, tmp_path: Path) -> None:
    where = {"KUBECONFIG": str(served.kubeconfig), "EXPANDER_STATE": str(tmp_path)}
    assert bash("expander status --group ", **where) == ["night"]
    assert bash("expander retry --group night --items n1,", **where) == ["n1,n1", "n1,n2", "n1,pear"]
    assert bash("expander logs --group night n", **where) == ["n1", "n2"]
    assert bash("expander cleanup -n def", **where) == ["default"]
    assert bash("expander cleanup --context e", **where) == ["expander"]


def test_groups_and_items_come_from_local_state(tmp_path: Path) -> None:
    state = str(run_locally(tmp_path, LOCAL))
    assert bash("expander status --local --group ", EXPANDER_STATE=state) == ["here"]
    assert bash(f"expander retry --state {state} --group here ") == ["apple", "one"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_same(shell: str) -> None:
    script = run("completion", shell)
    assert script.code == 0
    assert f"{shell}_complete" in script.out
    assert "status" in offered(shell, "expander sta")
    assert "--all-namespaces" in offered(shell, "expander status --all-n")


def test_nothing_is_offered_and_nothing_said_where_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("{")
    nowhere = {"KUBECONFIG": str(tmp_path / "broken"), "EXPANDER_STATE": str(tmp_path / "none")}
    assert bash("expander status --group ", **nowhere) == []
    assert bash("expander retry --group x ", **nowhere) == []
    assert bash("expander nothing --gro", **nowhere) == []


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    """A PATH on which kubectl finds the program as a plugin, with what completes it."""
    python = f'#!/bin/sh\nexec {sys.executable} -c "$CODE" "$@"\n'
    starts = "from expander.cli.main import main; import sys; sys.argv[0] = '$0'; main()"
    completes = "from expander.cli.completion import kubectl; kubectl()"
    for name, code in (("kubectl-expander", starts), ("kubectl_complete-expander", completes)):
        file = tmp_path / name
        file.write_text(python.replace("$CODE", code))
        file.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def test_kubectl_starts_the_program_as_its_plugin(plugin: str, kubectl: str, served: Server) -> None:
    def expander(*arguments: str) -> subprocess.CompletedProcess[str]:
        where = environment(PATH=plugin, KUBECONFIG=str(served.kubeconfig))
        return subprocess.run([kubectl, *arguments], capture_output=True, text=True, check=False, env=where)

    names = expander("expander", "status", "--group", "night", "-o", "name")
    assert names.stdout.split() == ["job.batch/n1", "job.batch/n2"]
    help = expander("expander", "status", "--help")
    assert help.stdout.startswith("Usage: kubectl expander status ")
    assert "\n  kubectl expander status --group thumbnails\n" in help.stdout
    wrong = expander("expander", "status", "--xyz", "x")
    assert wrong.returncode == 2
    assert "see 'kubectl expander status --help'" in wrong.stderr


def test_kubectl_completes_the_plugin(plugin: str, kubectl: str, served: Server) -> None:
    def lines(*words: str) -> list[str]:
        answer = subprocess.run(
            [kubectl, "__complete", "expander", *words],
            capture_output=True,
            text=True,
            check=True,
            env=environment(PATH=plugin, KUBECONFIG=str(served.kubeconfig)),
        )
        return [line.split("\t")[0] for line in answer.stdout.splitlines()]

    assert lines("sta") == ["status", ":4"]
    assert "night" in lines("status", "--group", "")
    assert lines("validate", "x") == [":0"]
