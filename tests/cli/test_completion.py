"""What TAB offers, in shells and as a plugin of kubectl; and how the program calls itself there."""

import os
import re
import shlex
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


def environment(**more: str | Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "EXPANDER_COMPLETION_TIMEOUT": "90"} | {
        name: str(value) for name, value in more.items()
    }


def bash(line: str, **more: str | Path) -> list[str]:
    """What the script for bash offers for the last word of ``line``, and nothing on standard error.

    ``cwd`` is the current folder, other keywords are variables.
    As in bash, ``=`` and ``:`` are words of their own, and what is offered replaces what is behind them.
    """
    cwd = more.pop("cwd", None)
    words = [
        part for word in re.split(r"(?<!\\) ", line) for part in re.split("([=:])", word) if part or not word
    ]
    script = (
        f'source <(expander completion bash)\ncompopt() {{ echo "compopt $*"; }}\n'
        f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}\n"
        f"COMP_LINE={shlex.quote(line)}; COMP_POINT={len(line)}; _expander_completion expander\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    answer = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=environment(**more), cwd=cwd
    )
    assert answer.stderr == ""
    return [line for line in answer.stdout.splitlines() if line]


def offered(shell: str, line: str, cwd: Path | None = None) -> str:
    """What the program answers the script of a shell."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_EXPANDER_COMPLETE": f"{shell}_complete"}
    if shell == "fish":
        asked["COMP_CWORD"] = words[-1]
    answer = subprocess.run(
        [EXPANDER], capture_output=True, text=True, check=True, env=environment(**asked), cwd=cwd
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


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """A folder with templates and sources of items."""
    folder = tmp_path / "batch"
    (folder / "data").mkdir(parents=True)
    for name, text in {
        "t.yaml": "name: a-${ITEM.sample}-${ITEM.size|json} # $THREADS ${ITEM}",
        "t.yaml.j2": "{% for each in items %}{{ each }} {{ item.sample }} {{ depth }}{% endfor %}",
        "samples.csv": "sample,size\na,1\n",
        "my sheet.csv": "x,y\n1,2\n",
        "notes.md": "",
        "data/more.jsonl": '{"lane": 1}\n',
        "data/plain": "",
    }.items():
        (folder / name).write_text(text)
    return folder


def test_sources_are_files_with_items_folders_and_formats(batch: Path) -> None:
    everything = bash("expander expand t.yaml -i ", cwd=batch)
    files = ["data/", r"my\ sheet.csv", "samples.csv", "t.yaml"]
    assert everything[:4] == files
    assert {"csv:", "jsonl:", "parquet:", "glob:", "list:"} <= set(everything)
    assert "notes.md" not in everything
    assert bash("expander run t.yaml -i sa", cwd=batch) == ["samples.csv"]
    assert bash("expander run t.yaml -i my\\ sh", cwd=batch) == [r"my\ sheet.csv"]
    assert bash("expander run t.yaml -i data/", cwd=batch) == ["data/more.jsonl"]
    assert bash("expander run t.yaml -i no", cwd=batch) == ["notes.md"]
    assert bash("expander run t.yaml -i nowhere/", cwd=batch) == []


def test_a_word_that_may_go_on_is_not_followed_by_a_blank(batch: Path) -> None:
    assert bash("expander plan t.yaml -i tsv", cwd=batch) == ["compopt -o nospace", "tsv:"]
    assert bash("expander plan t.yaml -i da", cwd=batch) == ["compopt -o nospace", "data/"]
    assert bash("expander plan t.yaml -i sa", cwd=batch) == ["samples.csv"]


def test_any_file_comes_behind_a_format_and_the_name_of_a_column(batch: Path) -> None:
    assert bash("expander submit t.yaml -i csv:no", cwd=batch) == ["notes.md"]
    assert bash("expander submit t.yaml -i csv:", cwd=batch)[-3:] == ["samples.csv", "t.yaml", "t.yaml.j2"]
    assert bash("expander submit t.yaml -i lines:data/pl", cwd=batch) == ["data/plain"]
    assert bash("expander submit t.yaml -i size=sa", cwd=batch) == ["samples.csv"]
    assert bash("expander submit t.yaml --items=csv:data/m", cwd=batch) == ["data/more.jsonl"]
    assert bash("expander submit t.yaml -i nothing:sa", cwd=batch) == []


def test_shapes_outputs_versions_brokers_and_patterns_are_offered(batch: Path) -> None:
    assert bash("expander expand --as ", cwd=batch) == [
        *("chunks=", "indexed", "jobs", "queue=rabbitmq", "queue=redis")
    ]
    assert bash("expander expand --as queue=ra", cwd=batch) == ["rabbitmq"]
    assert bash("expander expand --as=chu", cwd=batch) == ["compopt -o nospace", "chunks="]
    assert bash("expander expand -o ", cwd=batch) == ["yaml", "kyaml", "json", "data/"]
    assert bash("expander results -o job", cwd=batch) == ["joblog"]
    assert "1.36" in bash("expander validate --kubernetes-version 1.3", cwd=batch)
    assert bash("expander queue status --url re", cwd=batch) == ["redis://", "rediss://"]
    assert bash("expander init seq", cwd=batch) == ["sequential"]
    assert bash("expander config show ex", cwd=batch) == ["exec", "expand"]


def test_topics_and_conditions_to_wait_for_are_offered() -> None:
    assert bash("expander help ex") == ["exec", "exit-codes", "expand"]
    assert {"items", "notifications", "status"} <= set(bash("expander help "))
    assert bash("expander wait --for ") == ["all", "any", "complete", "failed", "count=", "percent="]
    assert bash("expander wait --for=per") == ["compopt -o nospace", "percent="]


def test_columns_and_values_come_from_the_files_that_the_line_names(batch: Path) -> None:
    assert bash("expander expand t.yaml -i samples.csv --key s", cwd=batch) == ["sample", "size"]
    assert bash("expander expand t.yaml -i csv:data/plain --key ", cwd=batch) == []
    assert bash("expander expand t.yaml -i - --key ", cwd=batch) == []
    assert bash("expander expand t.yaml --set ", cwd=batch) == ["sample=", "size="]
    assert "THREADS=" in bash("expander expand t.yaml --envsubst --set ", cwd=batch)
    assert bash("expander expand t.yaml.j2 --set ", cwd=batch) == ["depth=", "items="]
    assert bash("expander expand nowhere.yaml --set ", cwd=batch) == []


def test_columns_come_from_the_schema_while_there_are_no_items(batch: Path) -> None:
    (batch / "rows.json").write_text('{"type": "object", "properties": {"lane": {}, "library": {}}}')
    (batch / "checked.yaml").write_text("# expander: items-schema=rows.json\nname: ${ITEM.lane}")
    assert bash("expander plan t.yaml --items-schema rows.json --key ", cwd=batch) == ["lane", "library"]
    assert bash("expander plan checked.yaml --exclude l", cwd=batch) == ["lane=", "library="]
    assert bash("expander plan checked.yaml -i samples.csv --exclude size=1,", cwd=batch) == [
        "1,sample=",
        "1,size=",
    ]


def test_a_pipe_is_not_read_for_its_columns(batch: Path) -> None:
    os.mkfifo(batch / "pipe.csv")
    assert bash("expander expand t.yaml -i pipe.csv --key ", cwd=batch) == []


def test_columns_containers_and_changes_come_from_the_group(tmp_path: Path) -> None:
    item = """'{"sample": "a", "size": 3}'"""
    changed = LOCAL.replace("apple", item).replace("image: i,", "image: i, env: [{name: LEVEL, value: x}],")
    state = str(run_locally(tmp_path, changed))
    where = f"--state {state} --group here"
    assert bash(f"expander results {where} --columns ") == ["sample", "size"]
    assert bash(f"expander results {where} --columns sample,s") == ["sample,sample", "sample,size"]
    assert {"sample", "name", "seconds"} <= set(bash(f"expander results {where} --sort-by "))
    assert bash(f"expander logs {where} -c ") == ["c"]
    assert {"LEVEL=", "backoffLimit=", "image="} <= set(bash(f"expander retry {where} --with "))


def test_whole_words_are_given_to_shells_that_do_not_take_them_apart(batch: Path) -> None:
    for shell in ("zsh", "fish"):
        assert "plain\n--items=samples.csv" in offered(
            shell, "expander run t.yaml --items=sa", batch
        ).replace("plain,", "plain\n")
        assert "size=samples.csv" in offered(shell, "expander run t.yaml -i size=sa", batch)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_same(shell: str) -> None:
    script = run("completion", shell)
    assert script.code == 0
    assert f"{shell}_complete" in script.out
    assert "status" in offered(shell, "expander sta")
    assert "--all-namespaces" in offered(shell, "expander status --all-n")


def test_names_that_no_shell_takes_do_not_hide_the_others(batch: Path) -> None:
    for name in (b"data/\xff.csv", b"data/a\nb.csv", b"data/\x1b[31m.csv"):
        (batch / os.fsdecode(name)).write_bytes(b"x\n1\n")
    assert bash("expander run t.yaml -i data/", cwd=batch) == ["data/more.jsonl"]


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_a_timeout_that_is_no_time_is_the_default(batch: Path, seconds: str) -> None:
    found = bash("expander run t.yaml -i samples.csv --key ", cwd=batch, EXPANDER_COMPLETION_TIMEOUT=seconds)
    assert found == ["sample", "size"]


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
    starts = "from expander.__main__ import entry; import sys; sys.argv[0] = '$0'; entry()"
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
    assert lines("expand", "t.yaml", "--as", "chu") == ["chunks=", ":6"]
