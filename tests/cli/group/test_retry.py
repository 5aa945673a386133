"""``expander retry`` of a served cluster and of local runs."""

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expander.base.errors import SourceLocation
from expander.cli.output.progress import Step
from expander.cli.output.retry import RetryOutput
from expander.cli.output.run import OutputOptions
from expander.cli.output.streams import ItemErrors, Output
from expander.group.bookkeeping import PENDING_FILE, retry_folder
from expander.group.open import GroupSelector, open_source
from expander.manifests.manifest import Manifest
from tests.cli.cluster import cluster, jobs, size, until
from tests.cli.groups import at_work, create, follow, job, lines_until, run_locally
from tests.cli.program import Answer, run
from tests.local.apiserver.serving import Server

SCRIPT = 'echo "$WORD"; test "$WORD" != bad'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster; each test has a group of its own in it."""
    with cluster(tmp_path_factory.mktemp("retry"), "--backoff-base", "50ms") as server:
        yield server


pytestmark = pytest.mark.usefixtures("state")


def worded(name: str, word: str, group: str, **spec: Any) -> dict[str, Any]:
    variables = {"env": [{"name": "WORD", "value": word}]}
    return job(name, SCRIPT, group=group, item=f"item {name}", container=variables, **spec)


def state_of(found: dict[str, Any]) -> str:
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((c["type"] for c in conditions if c["type"] in ("Complete", "Failed")), "")


def of(server: Server, group: str) -> dict[str, dict[str, Any]]:
    """The Jobs of a group by name."""
    return {
        each["metadata"]["name"]: each
        for each in jobs(server)
        if each["metadata"].get("labels", {}).get("jobgroup") == group
    }


def states(server: Server, group: str) -> dict[str, str]:
    return {name: state_of(each) for name, each in of(server, group).items()}


def ended(server: Server, group: str) -> dict[str, dict[str, Any]]:
    """The Jobs of a group once all have ended."""
    until(lambda: all(states(server, group).values()))
    return of(server, group)


def outcomes(answer: Answer) -> dict[str, dict[str, Any]]:
    *lines, last = [json.loads(line) for line in answer.out.splitlines()]
    assert sum(last["summary"].values()) == len(lines)
    return {line["name"]: line for line in lines}


def test_only_what_failed_is_made_anew_under_its_name(served: Server, state: Path) -> None:
    create(served, worded("a1", "good", "a"), worded("a2", "bad", "a"))
    before = ended(served, "a")
    answer = follow(served, "retry", "--group", "a", "-o", "json")
    assert answer.code == 0, answer.err
    assert outcomes(answer) == {
        "a2": {
            "name": "a2",
            "namespace": "default",
            "item": "item a2",
            "outcome": "created",
            "reason": "Recreated",
            "attempts": 2,
        }
    }
    after = ended(served, "a")
    assert after["a1"]["metadata"]["uid"] == before["a1"]["metadata"]["uid"]
    assert after["a2"]["metadata"]["uid"] != before["a2"]["metadata"]["uid"]
    annotations = after["a2"]["metadata"]["annotations"]
    assert (annotations["expander/attempt"], annotations["expander/item"]) == ("2", "item a2")
    (log,) = state.glob("_retry/a-*/logs/default/a2/attempt-1/*.log")
    assert log.read_text() == "bad\n"
    assert json.loads((log.parent / "job.json").read_text())["metadata"]["name"] == "a2"


def test_variables_and_fields_are_changed_on_the_way(served: Server) -> None:
    create(served, worded("b1", "bad", "b"))
    ended(served, "b")
    change = ["--with", "WORD=better", "--with", "resources.limits.memory=64Mi", "--with", "backoffLimit=3"]
    assert follow(served, "retry", "--group", "b", *change).code == 0
    found = ended(served, "b")["b1"]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert (state_of(found), found["spec"]["backoffLimit"]) == ("Complete", 3)
    assert container["resources"]["limits"] == {"memory": "64Mi"}
    candidate = follow(served, "retry", "--group", "b")
    assert (candidate.code, candidate.err) == (0, "nothing to retry: 1 Complete\n")


def test_a_change_that_a_server_would_refuse_is_refused_before_anything_is_deleted(served: Server) -> None:
    create(served, worded("c1", "bad", "c"))
    before = ended(served, "c")
    answer = follow(served, "retry", "--group", "c", "--with", "parallelism=-1", "-o", "json")
    assert answer.code == 1
    told = outcomes(answer)["c1"]
    assert (told["outcome"], told["reason"]) == ("refused", "Invalid")
    assert "spec.parallelism" in told["message"]
    twice = follow(served, "retry", "--group", "c", "--with", "WORD=x", "--with", "WORD=y")
    assert twice.code == 2
    assert "--with sets 'WORD' twice: 'x' and 'y'" in twice.err
    spelled = follow(served, "retry", "--group", "c", "--with", "env.WORD=x", "--with", "WORD=y")
    assert spelled.code == 2
    assert "--with sets 'WORD' twice, as env.WORD and WORD: 'x' and 'y'" in spelled.err
    wrong = follow(served, "retry", "--group", "c", "--with", "backofLimit=1")
    assert wrong.code == 2
    assert "did you mean backoffLimit?" in wrong.err
    assert of(served, "c")["c1"]["metadata"]["uid"] == before["c1"]["metadata"]["uid"]


def test_what_has_not_ended_is_left_alone_unless_it_is_forced(served: Server) -> None:
    create(served, job("d1", "sleep 1000", group="d"))
    until(lambda: bool((of(served, "d")["d1"].get("status") or {}).get("active")))
    before = of(served, "d")["d1"]["metadata"]["uid"]
    answer = follow(served, "retry", "--group", "d", "--items", "d1", "-o", "json")
    assert answer.code == 1
    assert outcomes(answer)["d1"]["reason"] == "Running"
    assert of(served, "d")["d1"]["metadata"]["uid"] == before
    assert follow(served, "retry", "--group", "d", "--all", "--force").code == 0
    assert of(served, "d")["d1"]["metadata"]["uid"] != before
    assert follow(served, "cleanup", "--group", "d", "--yes").code == 0


def test_items_are_named_by_item_or_job_and_an_unknown_one_ends_it(served: Server) -> None:
    create(served, worded("e1", "good", "e"), worded("e2", "good", "e"), worded("e3", "bad", "e"))
    before = ended(served, "e")
    unknown = follow(served, "retry", "--group", "e", "--items", "e2,item e4")
    assert unknown.code == 2
    assert "did you mean item e" in unknown.err
    assert follow(served, "retry", "--group", "e", "item e1", "--items", "e2").code == 0
    after = ended(served, "e")
    same = {name for name in before if before[name]["metadata"]["uid"] == after[name]["metadata"]["uid"]}
    assert same == {"e3"}


def test_a_dry_run_tells_and_changes_nothing(served: Server) -> None:
    create(served, worded("f1", "bad", "f"))
    before = ended(served, "f")
    answer = follow(served, "retry", "--group", "f", "--dry-run", "-o", "json")
    assert answer.code == 0
    assert outcomes(answer)["f1"]["reason"] == "DryRun"
    assert "1 would be created" in answer.err
    assert of(served, "f") == before


def test_missing_indexes_become_jobs_of_their_own_and_then_all_is_complete(served: Server) -> None:
    script = 'echo "$JOB_COMPLETION_INDEX"; case " $BAD " in *" $JOB_COMPLETION_INDEX "*) exit 1;; esac'
    spec: dict[str, Any] = {
        "completions": 4,
        "parallelism": 4,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 0,
    }
    variables = {"env": [{"name": "BAD", "value": "1 3"}]}
    made = job("g", script, group="g", container=variables, **spec)
    del made["spec"]["backoffLimit"]
    create(served, made)
    uid = ended(served, "g")["g"]["metadata"]["uid"]
    answer = follow(served, "retry", "--group", "g", "--with", "BAD=3", "-o", "json")
    assert set(outcomes(answer)) == {"g-1", "g-3"}
    found = ended(served, "g")
    assert {name: state_of(each) for name, each in found.items()} == {
        "g": "Failed",
        "g-1": "Complete",
        "g-3": "Failed",
    }
    assert found["g"]["metadata"]["uid"] == uid
    assert follow(served, "wait", "--group", "g", "-q").code == 1
    candidate = outcomes(follow(served, "retry", "--group", "g", "--items", "g/3", "-o", "json"))
    assert [(name, told["outcome"], told["attempts"]) for name, told in candidate.items()] == [
        ("g-3", "created", 3)
    ]
    ended(served, "g")
    assert set(outcomes(follow(served, "retry", "--group", "g", "--with", "BAD=", "-o", "json"))) == {"g-3"}
    ended(served, "g")
    assert follow(served, "wait", "--group", "g", "-q").code == 0
    assert follow(served, "retry", "--group", "g", "--all").code == 0
    assert set(of(served, "g")) == {"g"}


def test_a_kill_between_deletion_and_creation_loses_nothing(served: Server) -> None:
    group = "h"
    assert served.request("POST", "/api/v1/namespaces", {"metadata": {"name": "tight"}}).code == 201
    create(served, *(worded(f"h{n}", "bad", group) for n in range(3)), namespace="tight")
    ended(served, group)
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    path = "/api/v1/namespaces/tight/resourcequotas"
    assert served.request("POST", path, quota).code == 201
    arguments = ["--group", group, "-n", "tight", "--kubeconfig", str(served.kubeconfig)]
    with at_work("retry", *arguments, "--with", "WORD=good") as process:
        until(lambda: not of(served, group))
        process.kill()
    assert served.request("DELETE", f"{path}/none").code == 200
    answer = run("retry", *arguments, "-o", "json")
    assert answer.code == 0, answer.err
    assert {name: line["attempts"] for name, line in outcomes(answer).items()} == {"h0": 2, "h1": 2, "h2": 2}
    assert {state_of(each) for each in ended(served, group).values()} == {"Complete"}


def test_whenever_it_is_killed_every_job_is_there_in_the_end(served: Server) -> None:
    names = {f"i{n:02}" for n in range(size("EXPANDER_RETRY_JOBS", 12))}
    create(served, *(worded(name, "bad", "i") for name in sorted(names)))
    ended(served, "i")
    arguments = ["retry", "--group", "i", "--with", "WORD=good", "--kubeconfig", str(served.kubeconfig)]
    for lines in range(1, size("EXPANDER_RETRY_KILLS", 3) + 1):
        with at_work(*arguments) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.kill()
    last = run(*arguments)
    assert last.code == 0, last.err
    found = ended(served, "i")
    assert set(found) == names
    assert {state_of(each) for each in found.values()} == {"Complete"}
    assert {each["metadata"]["annotations"]["expander/attempt"] for each in found.values()} == {"2"}


def test_logs_are_kept_where_the_user_says_or_not_at_all(served: Server, state: Path, tmp_path: Path) -> None:
    create(served, worded("l1", "bad", "l"))
    ended(served, "l")
    folder = tmp_path / "logs"
    assert follow(served, "retry", "--group", "l", "--logs", str(folder)).code == 0
    ended(served, "l")
    assert follow(served, "retry", "--group", "l", "--no-logs").code == 0
    assert [path.read_text() for path in folder.glob("default/l1/*/*.log")] == ["bad\n"]
    assert [*state.glob("_retry/l-*/logs/**/*.log")] == []


def test_two_retries_of_a_group_do_not_work_at_the_same_time(served: Server, state: Path) -> None:
    create(served, worded("k1", "bad", "k"))
    ended(served, "k")
    wanted = GroupSelector(group="k", kubeconfig=str(served.kubeconfig))
    folder = retry_folder(open_source(wanted), wanted)
    assert folder.is_relative_to(state)
    folder.mkdir(parents=True)
    with open(folder / PENDING_FILE, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        answer = follow(served, "retry", "--group", "k")
    assert answer.code == 2
    assert "another retry of this group is running" in answer.err
    assert follow(served, "retry", "--group", "k").code == 0


LOCAL = """
apiVersion: batch/v1
kind: Job
metadata: {name: good, labels: {jobgroup: here}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, command: [echo, fine]}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: poor, labels: {jobgroup: here}, annotations: {expander/item: "x y"}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: i, command: [sh, -c, 'echo "$WORD"; test $WORD = good'], env: [{name: WORD, value: poor}]}
"""


def test_local_failures_run_again_here(tmp_path: Path) -> None:
    folder = run_locally(tmp_path, LOCAL)
    where = ["--group", "here", "--state", str(folder)]
    candidate = run("retry", *where, "--runtime", "process", "-o", "json")
    assert candidate.code == 1
    assert f"expander retry {' '.join(where)}\n" in candidate.err
    assert outcomes(candidate)["poor"] | {"message": ""} == {
        "name": "poor",
        "namespace": "default",
        "item": "x y",
        "outcome": "failed",
        "reason": "BackoffLimitExceeded",
        "attempts": 2,
        "message": "",
    }
    last = run("retry", *where, "--runtime", "process", "--with", "WORD=good")
    assert (last.code, last.out) == (0, "[x y #3] good\n"), last.err
    logs = sorted(folder.glob("_retry/here/logs/default/poor/attempt-*/*.log"))
    assert [log.read_text() for log in logs] == ["poor\n", "poor\n"]
    for dry in ([], ["--dry-run"]):
        assert run("retry", *where, *dry).err == "nothing to retry: 2 Complete\n"


def test_a_local_retry_finishes_a_run_that_ended_early(tmp_path: Path) -> None:
    (tmp_path / "j.yaml").write_text(
        json.dumps(job("j", f"test -e {tmp_path}/go || exec sleep 60", item="a"))
    )
    where = ["--state", str(tmp_path / "state"), "--runtime", "process"]
    early = run("run", str(tmp_path / "j.yaml"), *where, "--timeout", "500ms")
    assert (early.code, early.err.splitlines()[-1]) == (
        1,
        "1 item: 0 complete, 0 failed, 1 pending; timed out",
    )
    (tmp_path / "go").touch()
    dry = run("retry", "--group", "g", *where, "--dry-run")
    assert (dry.code, dry.out) == (0, "")
    assert dry.err == f"the interrupted run in {tmp_path / 'state' / 'g'} would go on\n"
    answer = run("retry", "--group", "g", *where)
    assert (answer.code, answer.err.splitlines()[-1]) == (0, "1 item: 1 complete, 0 failed"), answer.err
    assert run("retry", "--group", "g", *where).err == "nothing to retry: 1 Complete\n"


def test_a_retry_beside_a_run_is_refused_also_as_a_dry_run(tmp_path: Path) -> None:
    waits = job("waits", "exec sleep 1000", item="b")
    fails = job("fails", "exit 1", item="a")
    (tmp_path / "j.yaml").write_text("---\n".join(json.dumps(each) + "\n" for each in (fails, waits)))
    state = tmp_path / "state"
    flags = ["--state", str(state), "--runtime", "process", "--jobs", "2"]
    with at_work("run", str(tmp_path / "j.yaml"), *flags, "-o", "json") as process:
        lines_until(process, '"fails"')
        for dry in ([], ["--dry-run"]):
            answer = run("retry", "--group", "g", "--state", str(state), *dry)
            assert (answer.code, answer.out) == (2, "")
            assert f"is using the state folder {state / 'g'}\n" in answer.err
    assert not [*state.glob("_retry/g/logs/*")]


def test_the_progress_of_a_local_retry_counts_what_it_runs_again(tmp_path: Path) -> None:
    chunk = job("j-1", item="5 items, 6 to 10")
    chunk["metadata"]["annotations"]["expander/item-count"] = "5"
    ends = RetryOutput(Output(), tmp_path, lambda *_: None, ItemErrors(), OutputOptions(quiet=True))
    ends.submitted("default", "j-1", Manifest(chunk, SourceLocation("job/j-1")))
    ends.progress({"succeeded": 14, "failed": 0, "running": 1, "pending": 0, "suspended": 0})
    assert ends.step() == Step(0, 5, ["1 active", "4 pending"])


def test_a_local_retry_tries_again_by_a_policy(tmp_path: Path) -> None:
    script = f"echo >> {tmp_path}/tries; test $(wc -l < {tmp_path}/tries) = 4 || exit 42"
    (tmp_path / "j.yaml").write_text(json.dumps(job("j", script, item="a", backoffLimit=0)))
    where = ["--state", str(tmp_path / "state"), "--runtime", "process"]
    assert run("run", str(tmp_path / "j.yaml"), *where).code == 1
    assert run("retry", "--group", "g", *where, "--on-exit", "42=rety:3").code == 2
    answer = run("retry", "--group", "g", *where, "--on-exit", "42=retry:3")
    assert answer.code == 0, answer.err
    assert "retry: a: attempt 4 after exit code 42" in answer.err


def test_a_group_that_is_not_there_is_an_input_error(served: Server) -> None:
    answer = follow(served, "retry", "--group", "nowhere")
    assert answer.code == 2
    assert "no Jobs of group nowhere" in answer.err


def test_options_of_a_run_are_refused_for_a_group_in_a_cluster() -> None:
    answer = run("retry", "--group", "g", "--backoff-base", "1s", "-j", "2")
    assert (answer.code, answer.out) == (2, "")
    assert "error: --jobs and --backoff-base can only be used with --local" in answer.err
    local = run("retry", "--group", "g", "--local", "--backoff-base", "1s")
    assert "no group g in" in local.err
