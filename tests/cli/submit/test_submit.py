"""``expander submit`` against ``expander serve``."""

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.program import EXPANDER, Answer, run
from tests.cli.run.screen import Terminal

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata:
  name: item-$ITEM
  labels: {jobgroup: load}
spec:
  suspend: SUSPEND
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: busybox, command: ["true"], env: [{name: WORD, value: "WORDS"}]}
"""


@contextmanager
def server(folder: Path, *options: str) -> Iterator[str]:
    """A server with its state in ``folder``; gives its kubeconfig."""
    config = folder / "kubeconfig"
    process = subprocess.Popen(
        [EXPANDER, "serve", "--state", str(folder / "server"), "--kubeconfig", str(config), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")
        yield str(config)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def template(folder: Path, words: str = "one", suspend: str = "true") -> str:
    path = folder / "job.yaml"
    path.write_text(TEMPLATE.replace("WORDS", words).replace("SUSPEND", suspend))
    return str(path)


def submit(folder: Path, config: str, *arguments: str) -> Answer:
    return run(
        "submit", *arguments, "--kubeconfig", config, "--state", str(folder / "journals"), "-o", "json"
    )


def outcomes(answer: Answer) -> list[dict[str, Any]]:
    *lines, last = [json.loads(line) for line in answer.out.splitlines()]
    assert last["summary"] == Counter(line["outcome"] for line in lines)
    return lines


def names(kubectl: str, config: str) -> list[str]:
    answer = subprocess.run(
        [kubectl, "--kubeconfig", config, "get", "jobs", "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.removeprefix("job.batch/item-") for line in answer.stdout.split()]


def test_an_interrupt_ends_it_in_order(tmp_path: Path) -> None:
    with server(tmp_path) as config:
        arguments = ["submit", template(tmp_path), "-i", "0-9999", "--kubeconfig", config, "--qps", "20"]
        process = subprocess.Popen(
            [EXPANDER, *arguments, "--state", str(tmp_path / "journals"), "-o", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, err = process.stdout.read(), process.stderr.read()  # what was read ahead is not lost
        assert process.returncode == 130
        *lines, last = [json.loads(line) for line in (first + rest).splitlines()]
        assert last["interrupted"] is True
        created = len(lines)
        assert created + last["unsent"] == 10_000
        assert f"10,000 items: {created} created, {last['unsent']:,} not sent" in err
        assert "Repeat the command to resume." in err


def test_a_second_run_changes_nothing_and_names_of_others_are_conflicts(tmp_path: Path) -> None:
    with server(tmp_path) as config:
        assert submit(tmp_path, config, template(tmp_path), "a", "b").code == 0
        again = submit(tmp_path, config, template(tmp_path), "a", "b")
        assert again.code == 0
        assert {line["outcome"] for line in outcomes(again)} == {"unchanged"}
        other = submit(tmp_path, config, template(tmp_path), "a", "b", "--group", "elsewhere")
        assert {line["reason"] for line in outcomes(other)} == {"AnotherGroup"}
        first, more, hint, total = other.err.splitlines()[-4:]
        assert first.startswith("exists: job.batch/item-")
        assert more == "1 more belongs to other groups"
        assert hint.startswith("  hint: a name is unique in its namespace: use another one in metadata.name")
        assert total.startswith("2 items: 2 exist already")
        assert submit(tmp_path, config, template(tmp_path, "two"), "a", "--on-exists", "skip").code == 0
        recreated = submit(tmp_path, config, template(tmp_path, "two"), "a", "--on-exists", "recreate")
        assert recreated.code == 0, recreated.err
        assert outcomes(recreated)[0] | {"attempts": 0} == {
            "name": "item-a",
            "namespace": "default",
            "item": "a",
            "outcome": "created",
            "reason": "Recreated",
            "attempts": 0,
        }


def test_what_a_server_refuses_for_good_is_reported_with_its_item(tmp_path: Path) -> None:
    with server(tmp_path) as config:
        answer = submit(tmp_path, config, template(tmp_path), "a", "-n", "nowhere")
        assert answer.code == 1
        assert outcomes(answer)[0]["outcome"] == "refused"
        assert "item-a" in answer.err
        assert not (tmp_path / "journals" / "_used").exists()  # nothing to follow
        submit(tmp_path, config, template(tmp_path), "a")
        (used,) = (tmp_path / "journals" / "_used").glob("*.json")
        assert json.loads(used.read_text())["groups"][0]["command"] == f"submit {template(tmp_path)}"


def test_dry_runs_create_nothing(tmp_path: Path, kubectl: str) -> None:
    with server(tmp_path) as config:
        for kind in ("client", "server"):
            answer = submit(tmp_path, config, template(tmp_path), "a", f"--dry-run={kind}")
            assert answer.code == 0, answer.err
            assert outcomes(answer)[0]["reason"] == "DryRun"
        assert names(kubectl, config) == []


def test_an_item_that_is_refused_before_it_is_sent_counts(tmp_path: Path) -> None:
    given = (template(tmp_path, suspend="$ITEM"), "true", "maybe", "false", "--dry-run=client")
    answer = run("submit", *given)
    assert answer.code == 1
    assert "item 2 'maybe'" in answer.err
    assert "3 items: 2 created, 1 refused (item 2) (dry run)" in answer.err.splitlines()
    last = json.loads(run("submit", *given, "-o", "json").out.splitlines()[-1])
    assert last["summary"] == {"created": 2, "refused": 1}


def test_on_a_terminal_the_command_that_waits_for_the_jobs_follows(tmp_path: Path) -> None:
    with server(tmp_path) as config:
        journals = str(tmp_path / "journals")
        given = [EXPANDER, "submit", template(tmp_path), "--kubeconfig", config, "--state", journals]
        ends = {}
        for option, item in (("-n", "a"), ("--quiet", "b"), ("--dry-run=server", "c")):
            terminal = Terminal([*given, item, option, *(["kube-system"] if option == "-n" else [])], 300)
            assert terminal.run() == 0, terminal.raw
            ends[option] = terminal.lines[-1]
        assert ends["-n"] == f"next: expander wait --group load --kubeconfig {config} -n kube-system"
        assert ends["--quiet"].startswith("1 item: 1 created")
        assert ends["--dry-run=server"].startswith("1 item: 1 created")
        assert "next:" not in submit(tmp_path, config, template(tmp_path), "d").err


def test_without_a_kubeconfig_it_says_so_and_names_no_secret(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("users: [{name: u, user: {token: s3cret}}]\nclusters: []\n")
    answer = submit(tmp_path, str(config), template(tmp_path), "a")
    assert answer.code == 2
    assert "no cluster" in answer.err
    assert "s3cret" not in answer.err


def test_what_is_wrong_with_a_template_is_told_before_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    (broken := tmp_path / "job.yaml").write_text("kind: Job\nmetadata: {name: $ITEM\n")
    for name, words in (("missing.yaml", "no such file"), (str(broken), "job.yaml:")):
        answer = submit(tmp_path, str(tmp_path / "missing"), name, "a", "b")
        assert answer.code == 2
        assert words in answer.err
        assert "cluster" not in answer.err


def test_several_objects_without_names_are_refused_with_the_reason(tmp_path: Path) -> None:
    one = TEMPLATE.replace("name: item-$ITEM", "generateName: run-").replace("SUSPEND", "true")
    path = tmp_path / "job.yaml"
    path.write_text(one.replace("WORDS", "$ITEM"))
    answer = run("submit", str(path), "a", "b", "--dry-run=client")
    assert answer.code == 1
    assert "item 2 'b' (<arguments>): metadata.name: Job without a name: each needs its own" in answer.err
    assert "$ITEM or $INDEX in metadata.name" in answer.err
    both = tmp_path / "both.yaml"
    both.write_text(f"{one}---{one}")
    answer = run("submit", str(both), "--dry-run=client")
    assert answer.code == 2
    assert "more than one Job without metadata.name" in answer.err
    assert "generateName" in answer.err


def test_a_job_is_replaced_where_its_fields_can_change_and_else_recreate_is_named(tmp_path: Path) -> None:
    with server(tmp_path) as config:
        assert submit(tmp_path, config, template(tmp_path), "a", "b").code == 0
        path = Path(template(tmp_path))
        path.write_text(path.read_text().replace("  suspend: true", "  suspend: true\n  backoffLimit: 3"))
        replaced = submit(tmp_path, config, str(path), "a", "b", "--on-exists", "replace")
        assert replaced.code == 0, replaced.err
        assert {line["reason"] for line in outcomes(replaced)} == {"Replaced"}
        path.write_text(path.read_text() + "  completions: 9\n")
        refused = submit(tmp_path, config, str(path), "a", "--on-exists", "replace")
        assert refused.code == 1
        assert "spec.completions: Invalid value: 9: field is immutable; --on-exists recreate" in refused.err
