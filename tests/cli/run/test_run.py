"""`expander run`, `results` and `logs` as users call them."""

import json
import os
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import expander
from expander.local.kubelet.pod_files import PodFolders
from tests.cli.program import EXPANDER, Answer, run
from tests.cli.run.job import JOB, template

ROOT = Path(__file__).resolve().parents[3]


pytestmark = pytest.mark.usefixtures("folder")


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def started() -> Iterator[Start]:
    """Starts runs that are then at work; the process runtime lets their Jobs write where the test looks."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        command = [EXPANDER, "run", "--runtime", "process", *arguments]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def wait_for(*paths: str) -> None:
    deadline = time.monotonic() + 120
    while not all(Path(path).exists() for path in paths):
        assert time.monotonic() < deadline, paths
        time.sleep(0.01)


def table(answer: Answer) -> dict[str, dict[str, object]]:
    return {line["name"]: line for line in map(json.loads, answer.out.splitlines())}


@pytest.mark.parametrize("runtime", ["process", "sandbox"])
def test_the_documents_three_jobs_run_here_and_their_output_is_shown(runtime: str) -> None:
    answer = run(
        "run",
        str(ROOT / "examples/01-expansion/job-tmpl.yaml"),
        "apple",
        "banana",
        "cherry",
        "--jobs",
        "3",
        "--runtime",
        runtime,
    )
    assert answer.code == 0, answer.err
    assert sorted(answer.out.splitlines()) == [
        f"[{name}] Processing item {name}" for name in ("apple", "banana", "cherry")
    ]
    assert answer.err.splitlines()[-1] == "3 items: 3 complete, 0 failed"


def test_manifests_of_expand_run_from_a_folder_and_from_standard_input() -> None:
    name = template("echo got $THE_ITEM")
    run("expand", name, "a", "b", "-o", "jobs")
    answer = run("run", "jobs")
    assert (answer.code, sorted(answer.out.splitlines())) == (0, ["[a] got a", "[b] got b"])
    stream = run("expand", name, "c").out
    answer = run("run", "-", "--group", "other", stdin=stream)
    assert (answer.code, answer.out) == (0, "[c] got c\n")
    assert "group other:" in answer.err


def test_a_failed_job_makes_the_exit_code_1_and_is_named_with_its_reason() -> None:
    answer = run("run", template("echo working on $THE_ITEM; test $THE_ITEM = good"), "good", "bad")
    assert answer.code == 1
    assert answer.err.splitlines()[1:] == [
        "failed: bad (Job job-bad): BackoffLimitExceeded (exit code 1)",
        "  last line: working on bad",
        "2 items: 1 complete, 1 failed (bad)",
        "next: expander logs --failed --group tests --local",
        "      expander retry --group tests --local",
        "      expander report --group tests --local",
    ]
    assert "[bad] working on bad" in answer.out.splitlines()


def test_more_time_is_offered_of_what_ran_out_of_it_unless_that_was_tried() -> None:
    template("sleep 60")
    late = Path("job.yaml").read_text().replace("backoffLimit: 0", "activeDeadlineSeconds: 1")
    Path("job.yaml").write_text(late)
    retry = "next: expander retry --group tests --local"
    assert f"{retry} --on-timeout x2\n" in run("run", "job.yaml", "a").err
    again = run("run", "job.yaml", "a", "--on-timeout", "x2,max=1s")
    assert f"{retry}\n" in again.err


def test_logs_are_not_offered_of_what_has_written_none() -> None:
    answer = run("run", template("exit 3"), "a")
    assert answer.err.splitlines()[-2:] == [
        "next: expander retry --group tests --local",
        "      expander report --group tests --local",
    ]


def test_a_retry_runs_again_what_failed_with_the_options_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "value")
    name = template("test $GREETING-$SECRET-$(cat $EXPANDER_MOUNT_D/there) = hi-value-yes")
    text = Path(name).read_text().replace("env:", "volumeMounts: [{name: d, mountPath: /d}]\n        env:")
    Path(name).write_text(text + "      volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]\n")
    (tmp_path / "da;ta").mkdir()
    options = ["--runtime=process", "--claim", "data=da;ta", "-e", "GREETING=hi", "--env", "SECRET"]
    answer = run("run", name, "a", *options, "-j1", "--timeout", "1m", "--", "b")
    line = answer.err.splitlines()[-2].strip()
    assert line == "expander retry --group tests --local"
    (kept,) = tmp_path.rglob("options.json")
    assert "value" not in kept.read_text()  # what comes from the environment may be a secret
    monkeypatch.delenv("SECRET")
    refused = run(*shlex.split(line)[1:])
    assert (refused.code, "'SECRET' from the environment, which is not set here" in refused.err) == (2, True)
    monkeypatch.chdir(tmp_path / "da;ta")
    Path("there").write_text("no")
    again = run(*shlex.split(line)[1:], "-e", "SECRET=value", "--jobs", "2")
    assert again.code == 1
    assert "; --runtime, --claim, --env as in its last run\n" in again.err
    Path("there").write_text("yes")
    again = run(*shlex.split(line)[1:], "-e", "SECRET=value")
    assert again.code == 0
    assert "; --jobs, --runtime, --claim, --env as in its last run\n" in again.err


def test_a_failed_item_is_named_on_one_line_and_shortened() -> None:
    Path("items.json").write_text(json.dumps(["n\nl", "x" * 5000]))
    answer = run("run", template("false"), "-i", "items.json", "-j", "1", "-q")
    assert answer.code == 1
    (summary,) = (line for line in answer.err.splitlines() if "complete" in line)
    assert summary == f"2 items: 0 complete, 2 failed (n\\nl, {'x' * 57}...)"
    assert "x" * 58 not in answer.err


def test_quiet_shows_the_last_lines_of_what_failed_only() -> None:
    answer = run("run", "-q", template("for n in 1 2 3 4 5 6 7; do echo line $n; done; exit 3"), "x")
    assert (answer.code, answer.out) == (1, "")
    assert "  line 7" in answer.err
    assert "line 2" not in answer.err


def test_the_same_command_again_does_nothing_twice() -> None:
    name = template("echo $THE_ITEM")
    first = run("run", name, "a", "b")
    again = run("run", name, "a", "b", "c")
    assert (first.code, again.code) == (0, 0)
    assert again.out == "[c] c\n"
    assert again.err.splitlines()[-1] == "3 items: 3 complete, 0 failed; 2 ended in an earlier run"


def test_an_edited_template_runs_what_failed_and_fresh_runs_all() -> None:
    run("run", template("echo one; test $THE_ITEM != b"), "a", "b")
    answer = run("run", template("echo two"), "a", "b")
    assert (answer.code, answer.out) == (0, "[b #2] two\n")
    kept = "1 complete Job kept although changed (--rerun changed runs it again)"
    assert f"{kept}, 1 failed Job run again with a changed manifest" in answer.err
    assert "earlier logs are in " in answer.err
    assert answer.err.splitlines()[-2] == "2 items: 2 complete, 0 failed; 1 ended in an earlier run"
    assert run("run", "--rerun", "changed", "job.yaml", "a", "b").out == "[a #2] two\n"
    assert run("run", "--fresh", "job.yaml", "a").out == "[a] two\n"


def test_a_run_that_was_killed_goes_on_where_it_stopped(started: Start) -> None:
    name = template(f"echo $THE_ITEM >> {Path.cwd()}/begun; sleep 0.05; echo $THE_ITEM >> {Path.cwd()}/ended")
    process = started(name, "-i", "1-60", "--jobs", "4")
    wait_for("begun")
    while len(Path("begun").read_text().split()) < 9:  # four at a time: some are recorded as done by then
        time.sleep(0.01)
    process.kill()
    process.communicate()
    answer = run("run", "--runtime", "process", name, "-i", "1-60", "--jobs", "4")
    assert answer.code == 0, answer.err
    assert answer.err.splitlines()[-1].startswith("60 items: 60 complete, 0 failed; ")
    ended = Path("ended").read_text().split()
    assert sorted(set(ended), key=int) == [str(number) for number in range(1, 61)]
    assert len(ended) <= 64


def test_ctrl_c_waits_for_what_runs_and_begins_nothing_more(started: Start) -> None:
    name = template(f"touch {Path.cwd()}/begun-$THE_ITEM; sleep 1; touch {Path.cwd()}/ended-$THE_ITEM")
    process = started(name, "-i", "1-50", "--jobs", "2")
    wait_for("begun-1", "begun-2")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted: waiting for " in errors
    assert "left. Run the same command to resume." in errors
    begun, ended = (
        sorted(path.name.split("-")[1] for path in Path().glob(f"{word}-*")) for word in ("begun", "ended")
    )
    assert begun == ended
    assert len(begun) <= 4


def test_ctrl_c_twice_stops_everything_and_leaves_no_process(started: Start) -> None:
    mark = f"98{os.getpid()}"
    name = template(f"touch {Path.cwd()}/begun; exec sleep {mark}")
    process = started(name, "a")
    wait_for("begun")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("Interrupted: waiting" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    left = subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, text=True, check=False)
    assert left.stdout == ""


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT] * 2])
def test_what_a_signal_stops_hears_of_it_and_is_not_running_afterwards(
    started: Start, signals: list[signal.Signals]
) -> None:
    here = Path.cwd()
    script = f"trap 'touch {here}/heard; exit 0' TERM; touch {here}/begun; while :; do sleep 0.05; done"
    process = started(template(script), "a", "--grace", "60s")
    wait_for("begun")
    process.send_signal(signals[0])
    if len(signals) > 1:
        assert process.stderr is not None
        assert any("Interrupted: waiting" in line for line in process.stderr)
        process.send_signal(signals[1])
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert Path("heard").exists()
    assert "1 pending" in errors
    assert " active" not in errors.splitlines()[-2]


def test_what_the_third_ctrl_c_kills_is_not_running_afterwards(started: Start) -> None:
    script = f"trap '' TERM; touch {Path.cwd()}/begun; while :; do sleep 0.05; done"
    process = started(template(script), "a")
    wait_for("begun")
    assert process.stderr is not None
    for words in ("Interrupted: waiting", "Stopping running pods", "1 item: 0 complete, 0 failed, 1 pending"):
        process.send_signal(signal.SIGINT)
        assert any(words in line for line in process.stderr), words
    process.wait(timeout=60)
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fail-fast"], "halted"),
        (["--halt", "now,fail=1"], "halted"),
        (["--halt", "soon,fail=1"], "halted"),
        (["--timeout", "1"], "timed out"),
    ],
)
def test_a_run_can_end_before_everything_is_done(arguments: list[str], words: str) -> None:
    name = template("test $THE_ITEM != 2 || exit 1; test $THE_ITEM = 1 || sleep 2")
    answer = run("run", name, "-i", "1-40", "--jobs", "2", *arguments)
    assert answer.code == 1
    (summary,) = [line for line in answer.err.splitlines() if line.startswith("40 items: ")]
    assert summary.endswith(f"; {words}")
    assert " pending" in summary


def test_results_are_a_table_json_or_a_joblog() -> None:
    run("run", template("echo out; kill -9 $$$$"), "x")
    run("run", template("echo fine", "fine.yaml"), "y")
    found = table(run("results", "--group", "tests", "--local", "-o", "jsonl"))
    assert (found["job-x"]["state"], found["job-x"]["exitCode"]) == ("Failed", 137)
    assert (found["job-y"]["state"], found["job-y"]["exitCode"]) == ("Complete", 0)
    lines = run("results", "--group", "tests", "--local").out.splitlines()
    assert lines[0].split() == ["JOB", "ITEM", "STATE", "SECONDS", "EXIT", "ATTEMPTS", "REASON"]
    assert lines[1].split()[:3] == ["job-x", "x", "Failed"]
    joblog = [
        line.split("\t")
        for line in run("results", "--group", "tests", "--local", "-o", "joblog").out.splitlines()
    ]
    assert joblog[0] == [
        "Seq",
        "Host",
        "Starttime",
        "JobRuntime",
        "Send",
        "Receive",
        "Exitval",
        "Signal",
        "Command",
    ]
    assert {row[8]: (row[6], row[7]) for row in joblog[1:]} == {"x": ("0", "9"), "y": ("0", "0")}
    assert list(table(run("results", "--group", "tests", "--local", "--failed", "-o", "jsonl"))) == ["job-x"]


def test_logs_are_kept_and_printed() -> None:
    run("run", "-q", template("echo one $THE_ITEM; echo two >&2; test $THE_ITEM = a"), "a", "b")
    logs = ("logs", "--group", "tests", "--local")
    assert run(*logs, "--no-prefix").out.splitlines() == ["one a", "two", "one b", "two"]
    assert run(*logs, "--no-prefix", "--failed", "--tail", "1").out == "two\n"
    assert run(*logs, "job-a", "--prefix").out.splitlines()[0] == "[a] one a"
    missing = run(*logs, "job-zzz")
    assert (missing.code, "no item, Job or pod job-zzz" in missing.err) == (2, True)
    unknown = run("results", "--group", "nope", "--local")
    assert unknown.code == 2
    assert "known groups: tests" in unknown.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothere.yaml"], "no such file or folder"),
        (["plain.yaml", "a"], "does not refer to one"),
        (["job.yaml"], "no items"),
        (["job.yaml", "a", "--halt", "x"], "expected WHEN,WHAT=NUMBER"),
        (["job.yaml", "a", "--fail-fast", "--halt", "now,fail=1"], "cannot be used with --halt"),
        (["job.yaml", "a", "--memory", "64MB"], "'64MB' must be a quantity, did you mean 64M or 64Mi?"),
        (["job.yaml", "a", "--memory", "8"], "'8' is 8 bytes, expected 1048576 or more, such as 8Gi"),
        (["job.yaml", "a", "--runtime", "nonsense"], "nonsense"),
        (["wrong.yaml", "a"], "unknown field"),
    ],
)
def test_wrong_usage_is_one_clear_error(arguments: list[str], words: str) -> None:
    template("true")
    Path("plain.yaml").write_text(JOB.replace("$ITEM", "x").replace("SCRIPT", "true"))
    Path("wrong.yaml").write_text(JOB.replace("image:", "imag:").replace("SCRIPT", "true"))
    answer = run("run", *arguments)
    assert answer.code == 2, answer.err
    assert words in answer.err
    assert "Traceback" not in answer.err


def test_two_runs_of_one_group_at_once_are_refused(started: Start) -> None:
    here = Path.cwd()
    name = template(f"touch {here}/begun; until test -e {here}/enough; do sleep 0.05; done")
    process = started(name, "a")
    wait_for("begun")
    answer = run("run", name, "a")
    Path("enough").touch()
    assert answer.code == 2
    assert "using the state folder" in answer.err
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_closed_pipe_ends_the_run_in_order() -> None:
    name = template("seq 1 20000")
    command = f"set -o pipefail; {EXPANDER} run {name} -i 1-20 | head -n 1"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert answer.returncode == 141
    assert "Traceback" not in answer.stderr


def test_a_config_map_of_the_batch_is_used_and_a_cron_job_in_it_runs_once() -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-$ITEM}\ndata: {greeting: hello $ITEM}\n"
    cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: k-$ITEM}\nspec:\n  schedule: '* * * * *'\n  jobTemplate:\n"
    job = JOB.replace("SCRIPT", "echo $GREETING").replace(
        "value: $ITEM",
        "value: x\n        - name: GREETING\n          valueFrom: {configMapKeyRef: {name: c-$ITEM, key: greeting}}",
    )
    inner = "".join(
        f"    {line}\n" for line in JOB.replace("SCRIPT", "true").split("spec:\n", 1)[1].splitlines()
    )
    Path("all.yaml").write_text(
        f"{config}---\n{job}---\n{cron}    spec:\n{''.join(f'  {line}' + chr(10) for line in inner.splitlines())}"
    )
    answer = run("run", "all.yaml", "world")
    assert (answer.code, answer.out) == (0, "[world] hello world\n"), answer.err
    assert "2 items: 2 complete, 0 failed" in answer.err


CRON = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, labels: {jobgroup: crons}}
spec:
  schedule: "30 2 * * *"
  timeZone: Europe/Berlin
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: c, image: busybox, command: [echo, hello]}]
"""


def test_a_cron_job_runs_once() -> None:
    Path("cron.yaml").write_text(CRON)
    answer = run("run", "cron.yaml")
    assert (answer.code, answer.out) == (0, "[nightly-once] hello\n"), answer.err
    assert "group crons:" in answer.err


def test_what_a_cron_job_would_start_is_listed_without_starting_it() -> None:
    Path("cron.yaml").write_text(CRON)
    answer = run("run", "cron.yaml", "--simulate", "3d")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert len(lines) == 3
    assert all("T02:30:00+0" in line and "  nightly-" in line for line in lines)
    assert not Path("state").exists()
    assert run("run", "cron.yaml", "--simulate", "soon").code == 2


def test_variables_of_this_environment_reach_the_containers_when_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FROM_HERE", "here")
    name = template("echo ${FROM_HERE-none} ${GIVEN-none} ${HIDDEN-none}")
    monkeypatch.setenv("HIDDEN", "seen")
    assert run("run", name, "a", "-e", "FROM_HERE", "--env", "GIVEN=x=y").out == "[a] here x=y none\n"
    assert run("run", "--fresh", name, "a", "-e", "NOT_THERE").code == 2


def test_what_the_process_runtime_cannot_mount_is_said_with_where_it_is() -> None:
    job = JOB.replace("SCRIPT", "ls $EXPANDER_MOUNT_DATA_IN").replace(
        "        env:", "        volumeMounts: [{name: v, mountPath: /data/in}]\n        env:"
    )
    Path("job.yaml").write_text(
        job
        + "      volumes: [{name: v, configMap: {name: c}}]\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {file: x}\n"
    )
    answer = run("run", "job.yaml", "a", "--runtime", "process")
    assert (answer.code, answer.out) == (0, "[a] file\n"), answer.err
    assert (
        "the process runtime mounts nothing; the container does not see /data/in (in $EXPANDER_MOUNT_DATA_IN)"
        in answer.err
    )


def test_what_does_not_run_here_is_passed_over_with_a_warning() -> None:
    quota = "---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: '1'}}\n"
    Path("job.yaml").write_text(JOB.replace("SCRIPT", "true") + quota)
    answer = run("run", "job.yaml", "a")
    assert answer.code == 0
    assert "warning: ResourceQuota objects do not run here and are skipped (the first is 'q')" in answer.err


def test_volumes_are_kept_when_asked_and_forgotten_with_the_group(folder: Path) -> None:
    text = JOB.replace("SCRIPT", "echo $THE_ITEM > $V/$THE_ITEM").replace(
        "        env:\n",
        "        volumeMounts: [{name: work, mountPath: /work-here}]\n        env:\n"
        "        - {name: V, value: /work-here}\n",
    )
    Path("job.yaml").write_text(text + "      volumes: [{name: work, emptyDir: {}}]\n")
    kept = run("run", "--runtime", "sandbox", "--keep", "job.yaml", "a")
    pods = folder / "state" / "tests" / "pods"
    assert kept.code == 0, kept.err
    assert f"volumes are in {pods}" in kept.err
    assert [path.read_text() for path in pods.glob("*/work/a")] == ["a\n"]
    run("run", "--runtime", "sandbox", "--fresh", "job.yaml", "b")
    assert not list(pods.glob("*/work/*"))


def test_nothing_of_a_run_is_open_to_others_and_nothing_stays_in_memory(folder: Path) -> None:
    path = Path(template("true"))
    volume = {"name": "m", "emptyDir": {"medium": "Memory"}}
    path.write_text(f"{path.read_text()}      volumes: [{json.dumps(volume)}]\n")
    before = os.umask(0)
    try:
        assert run("run", "job.yaml", "a", "--rerun", "all", "--runtime", "process").code == 0
    finally:
        os.umask(before)
    assert not Path(PodFolders(folder / "state" / "tests").memory).exists()
    kept = [path for path in (folder / "state").rglob("*") if not path.is_symlink()]
    assert {path.name for path in kept if path.is_file()} >= {"origin", "lock", "state.db"}
    assert [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_an_item_that_is_tried_again_is_told_with_why_and_what_it_gets() -> None:
    here = template(f"test -e {Path.cwd()}/tried || {{ touch {Path.cwd()}/tried; exit 42; }}; echo done")
    answer = run("run", here, "a", "--runtime", "process", "--on-exit", "42=retry:1")
    assert (answer.code, answer.out.splitlines()[-1].endswith("done")) == (0, True)
    assert "retry: a: attempt 2 after exit code 42" in answer.err
    assert "1 complete, 0 failed" in answer.err
    assert "Traceback" not in answer.err


def test_exit_codes_of_items_cannot_be_retried_by_chunks() -> None:
    answer = run("run", "--as", "chunks=2", "--on-exit", "42=retry:2", "a", "b", "--", "false")
    assert answer.code == 2
    assert "--on-exit cannot be used with --as chunks" in answer.err


def test_the_process_runtime_does_not_warn_of_the_items_of_indexed_jobs() -> None:
    answer = run("run", "--as", "indexed", "--runtime", "process", "a", "b", "--", "echo", "{}")
    assert (answer.code, sorted(answer.out.splitlines())) == (0, ["[a] a", "[b] b"])
    assert "mounts nothing" not in answer.err


def test_a_batch_of_which_nothing_runs_here_is_no_success() -> None:
    Path("set.yaml").write_text(
        "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: 's-$ITEM'}\nspec: {}\n"
    )
    for more in ([], ["--dry-run"], ["-o", "json"]):
        answer = run("run", "set.yaml", "a", "b", *more)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.splitlines() == [
            "warning: JobSet objects do not run here and are skipped (the first is 's-a')",
            "error: nothing to run: 2 objects skipped",
        ]
    with pytest.raises(expander.InputError, match="nothing to run: 2 objects skipped"):
        expander.run("set.yaml", ["a", "b"], on_note=lambda note: None)


def test_a_hint_is_given_once_and_that_nothing_is_run_is_said_last() -> None:
    text = Path(template("exit 0")).read_text().replace("backoffLimit: 0", "backoffLimit: $ITEM")
    Path("job.yaml").write_text(text.replace("job-$ITEM", "job-$INDEX"))
    answer = run("run", "job.yaml", *(["$(x)"] * 25))
    assert answer.err.count("error: job.yaml:") == 20
    assert answer.err.splitlines()[-2:] == ["error: 5 more items failed (25 in all)", "nothing to run"]
    Path("job.yaml").write_text(JOB.replace("SCRIPT", "echo $ITEM"))
    answer = run("run", "job.yaml", "$(a)", "$(b)", "fine", "-q", "--runtime", "process")
    assert answer.err.count("error: ") == 2
    assert answer.err.count("hint: ") == 1
