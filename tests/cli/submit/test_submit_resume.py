"""``submit --resume``, and what ends a submission before its time."""

import json
import resource
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.cluster import cluster, jobs, lines_of, submitted, submitting, template, until
from tests.cli.program import Answer, run
from tests.local.apiserver.serving import Server


def resume(folder: Path, server: Server, *arguments: str, cwd: Path | None = None) -> Answer:
    """``submit --resume`` with no word about what is sent."""
    return run(
        *("submit", "--resume", *arguments, "--kubeconfig", str(server.kubeconfig)),
        *("--state", str(folder / "journals"), "-o", "json"),
        cwd=cwd,
    )


def summary(answer: Answer) -> dict[str, int]:
    found: dict[str, int] = json.loads(answer.out.splitlines()[-1])["summary"]
    return found


def test_a_group_goes_on_by_its_name_from_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    template(folder)
    with cluster(tmp_path) as server:
        arguments = ["job.yaml", "-i", "1-200", "--group", "night", "--qps", "40"]
        nowhere = subprocess.DEVNULL
        with submitting(tmp_path, server, *arguments, cwd=folder, stdout=nowhere, stderr=nowhere):
            until(lambda: lines_of(tmp_path) >= 20)
        answer = resume(tmp_path, server, "--group", "night", "--qps", "1000", cwd=tmp_path)
        assert answer.code == 0, answer.err
        assert sum(summary(answer).values()) == 200
        assert summary(answer)["unchanged"] >= 19
        again = resume(tmp_path, server, "--group", "night")
        assert summary(again) == {"unchanged": 200}
        assert len(jobs(server)) == 200


def test_a_group_goes_on_without_its_journal_from_what_the_cluster_holds(tmp_path: Path) -> None:
    text = Path(template(tmp_path)).read_text().replace("$ITEM", "one")
    folder = tmp_path / "batch"
    folder.mkdir()
    for namespace in ("default", "other"):
        (folder / f"{namespace}.yaml").write_text(
            text.replace("labels:", f"namespace: {namespace}\n  labels:", 1)
        )
    (folder / "config.yaml").write_text(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {jobgroup: load}}}"
    )
    with cluster(tmp_path) as server:
        server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
        assert summary(submitted(tmp_path, server, str(folder))) == {"created": 3}
        shutil.rmtree(tmp_path / "journals")
        answer = submitted(tmp_path, server, str(folder), "--resume")
        lines = [json.loads(line) for line in answer.out.splitlines()[:-1]]
        assert [line["reason"] for line in lines] == ["Resumed"] * 3
        assert "a Job that has finished and was deleted would be created again" in answer.err


def test_what_is_missing_to_go_on_is_said(tmp_path: Path) -> None:
    text = Path(template(tmp_path)).read_text()
    with cluster(tmp_path) as server:
        assert resume(tmp_path, server).code == 2
        unknown = resume(tmp_path, server, "--group", "other")
        assert unknown.code == 2
        assert "no journal of group 'other'" in unknown.err
        damaged = tmp_path / "journals" / "submit" / "broken" / "submit-0.jsonl"
        damaged.parent.mkdir(parents=True)
        damaged.write_bytes(b"\x00\xff\n")
        broken = resume(tmp_path, server, "--group", "broken")
        assert broken.code == 2
        assert f"journal {damaged} is damaged" in broken.err
        piped = run(
            *("submit", "-", "--group", "piped", "--kubeconfig", str(server.kubeconfig)),
            *("--state", str(tmp_path / "journals")),
            stdin=text.replace("$ITEM", "a"),
        )
        assert piped.code == 0, piped.err
        answer = resume(tmp_path, server, "--group", "piped")
        assert answer.code == 2
        assert "standard input" in answer.err
        hint = resume(tmp_path, server, "--group", "other")
        assert "groups with a journal: broken, piped" in hint.err
        assert run("submit").code == 2


def test_a_group_does_not_go_on_in_another_cluster(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path / "one") as one, cluster(tmp_path / "two") as two:
        assert submitted(tmp_path, one, path, "a").code == 0
        answer = resume(tmp_path, two, "--group", "load")
        assert answer.code == 2
        assert f":{one.port}, but the current cluster is" in answer.err
        assert jobs(two) == []


def test_an_edited_template_runs_again_what_failed_and_keeps_what_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_STATE", str(tmp_path / "state"))
    with cluster(tmp_path, "--backoff-base", "10ms") as server:

        def told(script: str, *arguments: str, wait: bool = True) -> tuple[dict[str, str], str]:
            path = template(tmp_path, suspend=False, command=json.dumps(["sh", "-c", script]))
            text = Path(path).read_text().replace("spec:\n", "spec:\n  backoffLimit: 0\n", 1)
            Path(path).write_text(text)
            answer = run(
                *("submit", path, "good", "bad", *arguments, "-o", "json"),
                *("--kubeconfig", str(server.kubeconfig)),
            )
            if wait:
                run("wait", "--group", "load", "--kubeconfig", str(server.kubeconfig))
            lines = map(json.loads, answer.out.splitlines()[:-1])
            return {line["item"]: f"{line['outcome']} {line['reason']}" for line in lines}, answer.err

        assert told("test $ITEM = good")[0] == {"good": "created ", "bad": "created "}
        found, said = told("echo second; exit 1")
        assert found == {"good": "unchanged Complete", "bad": "created Rerun"}
        assert "1 complete Job kept although changed (--rerun changed runs it again)" in said
        assert "1 Job run again" in said
        (log,) = (tmp_path / "state").rglob("item-bad/attempt-1/*.log")
        assert log.parent.parent.parent.parent.name == "logs"
        assert told("echo second; exit 1")[0] == {"good": "unchanged Complete", "bad": "unchanged Failed"}
        failed = told("echo second; exit 1", "--resume", "--rerun", "failed")[0]
        assert failed == {"good": "unchanged Resumed", "bad": "created Rerun"}
        assert told("true", "--rerun", "changed")[0] == {"good": "created Rerun", "bad": "created Rerun"}
        goes_on = told("true", "--rerun", "all", "--resume", wait=False)[0]
        assert goes_on == {"good": "unchanged Resumed", "bad": "unchanged Resumed"}
        attempts = {
            job["metadata"]["name"]: job["metadata"]["annotations"]["expander/attempt"]
            for job in jobs(server)
        }
        assert attempts == {"item-good": "2", "item-bad": "4"}
        deleted = told("true", "--delete-finished", wait=False)[0]
        assert deleted == {"good": "unchanged ", "bad": "unchanged "}
        assert jobs(server) == []
        kept = told("echo third", "--delete-finished", wait=False)[0]
        assert kept == {"good": "unchanged Complete", "bad": "unchanged Complete"}
        every = told("echo third", "--delete-finished", "--rerun", "all", wait=False)[0]
        assert every == {"good": "created ", "bad": "created "}


def test_a_full_disk_ends_it_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    path = template(tmp_path)

    def full() -> None:
        """A limit on the size of files refuses as a full disk does, in the middle of a line."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    with cluster(tmp_path) as server:
        answer = submitted(tmp_path, server, path, "-i", "1-500", preexec_fn=full)
        assert answer.code == 2
        assert "journal" in answer.err
        assert "File too large" in answer.err
        assert "--resume" in answer.err
        known = {job["metadata"]["uid"] for job in jobs(server)}
        assert known
        again = submitted(tmp_path, server, path, "-i", "1-500", "--resume")
        assert again.code == 0, again.err
        assert summary(again)["unchanged"] == len(known)
        assert known < {job["metadata"]["uid"] for job in jobs(server)}
        assert len(jobs(server)) == 500


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path) as server:
        with submitting(tmp_path, server, path, "-i", "1-9999", bufsize=0, text=False) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(1)
            process.stdout.close()
            assert process.wait(timeout=120) == 141
            assert not process.stderr.read()
        there = len(jobs(server))
        answer = submitted(tmp_path, server, path, "-i", f"1-{there + 10}", "--resume")
        assert summary(answer) == {"unchanged": there, "created": 10}


def test_an_interrupt_ends_it_while_it_waits_for_standard_input(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path) as server:
        with submitting(tmp_path, server, path, "-i", "lines:-", stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            for number in range(100):  # more than a pipe holds: when it is written, most of it was read
                process.stdin.write(f"{number}{'x' * 1000}\n")
            process.stdin.flush()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 130
            assert process.stdout is not None
            assert process.stderr is not None
            out, err = process.stdout.read(), process.stderr.read()
        assert json.loads(out.splitlines()[-1])["interrupted"] is True
        assert "epeat the command" in err  # nothing may have been sent


def test_a_server_that_cannot_be_reached_is_one_error(tmp_path: Path) -> None:
    path = template(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens here
        config = tmp_path / "config"
        server = f"http://127.0.0.1:{taken.getsockname()[1]}"
        config.write_text(
            json.dumps(
                {
                    "clusters": [{"name": "c", "cluster": {"server": server.replace("//", "//me:hidden@")}}],
                    "users": [{"name": "u", "user": {"token": "s3cret"}}],
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "x",
                }
            )
        )
        answer = run(
            *("submit", path, "a", "--kubeconfig", str(config), "--state", str(tmp_path)),
            *("--retry-budget", "1s"),
        )
    assert answer.code == 1
    assert f"{server} does not answer: connection refused" in answer.err
    assert answer.err.count("error:") == 1
    assert "s3cret" not in answer.err
    assert "hidden" not in answer.err


def test_a_certificate_of_another_authority_is_an_error_at_once(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path / "one", "--tls") as one, cluster(tmp_path / "two", "--tls") as two:
        config = one.kubeconfig.read_text().replace(f":{one.port}", f":{two.port}")
        one.kubeconfig.write_text(config)
        answer = submitted(tmp_path, one, path, "a")
    assert answer.code == 1
    assert "certificate" in answer.err
    assert answer.err.count("error:") == 1


def test_a_window_over_jobs_that_may_not_be_listed_is_an_error(tmp_path: Path) -> None:
    path = template(tmp_path)
    with cluster(tmp_path) as server:
        answer = submitted(tmp_path, server, path, "a", "-n", "nowhere", "--max-active", "3")
    assert answer.code == 1
    assert "nowhere" in answer.err
