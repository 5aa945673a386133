"""How the output of `expander run` looks, in a pipe and on a terminal."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from expander.cli.output.streams import ItemErrors
from expander.cli.run import end_of_run
from expander.run.run import RunEnd
from tests.cli.program import EXPANDER, run
from tests.cli.run.job import JOB, template
from tests.cli.run.screen import Terminal

pytestmark = pytest.mark.usefixtures("folder")


def command(script: str, *arguments: str) -> list[str]:
    return [EXPANDER, "run", "--runtime", "process", template(script), *arguments]


def test_a_line_is_printed_while_its_container_runs() -> None:
    here = Path.cwd()
    script = f"echo first; until test -e {here}/seen; do sleep 0.02; done; echo second"
    with subprocess.Popen(command(script, "a"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[a] first\n"
        Path("seen").touch()
        assert process.stdout.read() == "[a] second\n"


def test_lines_of_containers_that_run_together_never_mix() -> None:
    script = "for n in 1 2 3; do printf '%s ' $THE_ITEM; sleep 0.02; echo line $n; done; printf end"
    answer = run(*command(script, "a", "b", "c")[1:])
    lines = answer.out.splitlines()
    expected = [f"[{item}] {item} line {n}" for item in "abc" for n in (1, 2, 3)]
    assert sorted(lines) == sorted([*expected, *(f"[{item}] end" for item in "abc")])


def test_output_can_be_in_the_order_of_items() -> None:
    here = Path.cwd()
    script = f"test $THE_ITEM != a || until test -e {here}/c; do sleep 0.02; done; echo $THE_ITEM; touch {here}/$THE_ITEM"
    answer = run(*command(script, "a", "b", "c", "--keep-order")[1:])
    assert answer.out == "[a] a\n[b] b\n[c] c\n"


def test_output_of_a_container_can_be_held_together() -> None:
    here = Path.cwd()
    script = (
        f"echo $THE_ITEM 1; touch {here}/$THE_ITEM; until test -e {here}/a -a -e {here}/b; do sleep 0.02; done; "
        "echo $THE_ITEM 2"
    )
    answer = run(*command(script, "a", "b", "--group-output")[1:])
    assert sorted(re.findall(r"(\[.\] . 1\n\[.\] . 2\n)", answer.out)) == [
        f"[{item}] {item} 1\n[{item}] {item} 2\n" for item in "ab"
    ]


def test_each_line_can_have_its_time() -> None:
    answer = run(*command("echo hello", "a", "--timestamps")[1:])
    assert re.fullmatch(r"\[a\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z hello\n", answer.out)


def test_an_index_is_named_by_its_item_and_order_is_kept_within_a_job() -> None:
    here = Path.cwd()
    wait = f"test $THE_ITEM != a || until test -e {here}/c; do sleep 0.02; done; "
    answer = run(
        *command(f"{wait}echo $THE_ITEM; touch {here}/$THE_ITEM", "a", "b", "c", "--as", "indexed", "-k")[1:]
    )
    assert (answer.code, answer.out) == (0, "[a] a\n[b] b\n[c] c\n"), answer.err
    assert answer.err.splitlines()[-1] == "3 items in 1 Job: 3 complete, 0 failed"


def test_indexes_of_an_earlier_run_are_counted_as_items_too() -> None:
    arguments = command("test $THE_ITEM != b || exit 3", "a", "b", "c", "--as", "indexed")[1:]
    run(*arguments)
    answer = run(*arguments, "--rerun", "failed")
    assert "3 items in 2 Jobs: 2 complete, 1 failed (" in answer.err
    assert answer.err.count("; 2 ended in an earlier run") == 1


def test_items_of_a_refused_job_are_counted_and_its_job_is_not_said_to_be_of_others() -> None:
    first = command("test $THE_ITEM != b", "a", "b", "c", "--as", "chunks=2")[1:]
    run(*first)
    answer = run(*first[:4], "a", "x", "b", "c", *first[-2:])
    assert "4 items: 0 complete, 0 failed, 4 refused" in answer.err.splitlines()
    assert "left alone" not in answer.err


def test_refused_items_are_named_by_their_numbers_and_remembered_until_the_next_run() -> None:
    Path("job.yaml").write_text(JOB.replace("SCRIPT", "echo").replace("backoffLimit: 0", "suspend: $ITEM"))
    arguments = ["run", "--runtime", "process", "job.yaml"]
    answer = run(*arguments, "no", "false", *"bcdefg", "-q")
    assert (answer.code, "7 refused (items 1, 3, 4, 5, 6 and 2 more)" in answer.err) == (1, True), answer.err
    for command in ("status", "results", "retry"):
        told = run(command, "--group", "tests", "--local")
        assert "7 items were refused by the last run: items 1, 3, 4, 5, 6 and 2 more" in told.err, told.err
    assert run(*arguments, "false", "-q").code == 0
    assert run("status", "--group", "tests", "--local").err == ""


def test_a_group_whose_first_run_ended_before_its_first_job_is_not_proposed_in_its_own_place() -> None:
    template("true")
    Path("items.csv").write_text('ITEM\na\n"b\n')
    assert run("run", "--runtime", "process", "job.yaml", "-i", "items.csv").code == 2
    told = run("status", "--group", "tests", "--local")
    assert (told.code, "hint: its last run made no Job" in told.err) == (2, True), told.err


def test_what_failed_before_is_named_and_its_logs_are_proposed() -> None:
    arguments = command("echo $THE_ITEM; test $THE_ITEM != b", "a", "b")[1:]
    first, again = run(*arguments, "-q"), run(*arguments, "-q")
    assert "2 items: 1 complete, 1 failed (b); 2 ended in an earlier run" in again.err.splitlines()
    steps = [answer.err[answer.err.index("next: ") :] for answer in (first, again)]
    assert steps[0] == steps[1]
    assert "logs --failed" in steps[0]


def test_items_of_a_failed_chunk_are_counted_one_by_one() -> None:
    answer = run(*command("test $THE_ITEM != b", "a", "b", "c", "d", "--as", "chunks=3")[1:])
    assert "4 items in 2 Jobs: 3 complete, 1 failed (" in answer.err


def test_what_was_refused_and_what_was_not_expanded_is_counted() -> None:
    text = Path(template("exit 1")).read_text().replace("backoffLimit: 0", "backoffLimit: $INDEX")
    Path("job.yaml").write_text(text.replace("job-$ITEM", "job-$INDEX").replace("$INDEX\n  t", "$ITEM\n  t"))
    answer = run("run", "job.yaml", "x", *map(str, range(0, 2000)), "--halt", "now,fail=1", "-q")
    (summary,) = [line for line in answer.err.splitlines() if line.startswith("2,001 items: ")]
    numbers = re.fullmatch(
        r"2,001 items: 0 complete, (\d+) failed \(.*?\), (?:[\d,]+ active, )?([\d,]+) pending, "
        r"1 refused \(item 1\)(?:, ([\d,]+) not expanded)?; halted",
        summary,
    )
    assert numbers, summary


def test_a_reader_that_stops_reading_does_not_stop_the_jobs() -> None:
    script = f"seq 1 40000; touch {Path.cwd()}/ended-$THE_ITEM"
    with subprocess.Popen(command(script, "a", "b", "c", "-j", "1"), stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while len(list(Path().glob("ended-*"))) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert process.stdout is not None
        assert len(process.stdout.read().splitlines()) == 120000
    assert process.returncode == 0


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_output_and_the_live_area_never_share_a_row(columns: int) -> None:
    script = "for n in 1 2 3 4 5 6; do echo $THE_ITEM line $n; sleep 0.06; done; test $THE_ITEM != b"
    terminal = Terminal(command(script, "a", "b", "c", "d", "-j", "2"), columns, NO_COLOR="1")
    assert terminal.run() == 1
    lines = [line for line in terminal.lines if line.startswith("[")]
    assert sorted(lines) == [f"[{item}] {item} line {n}" for item in "abcd" for n in range(1, 7)]
    assert not [line for line in terminal.lines if "running" in line or "/4 done" in line]
    live = [row for row in terminal.last_rows if "/4 done" in row]
    assert any("2 active" in row for row in live)
    assert all(len(row) < columns for row in live)
    assert any("elapsed" in row for row in live) == (columns > 40)
    assert "\x1b[3" not in terminal.raw


def test_items_have_colors_on_a_terminal_that_stay_the_same() -> None:
    terminal = Terminal(command("echo x", "a", "b"), 80)
    assert terminal.run() == 0
    assert set(re.findall(r"\x1b\[(\d+)m\[(\w)\]\x1b\[0m", terminal.raw)) == {("92", "a"), ("33", "b")}


def test_a_dumb_terminal_gets_neither_colors_nor_a_live_area() -> None:
    terminal = Terminal(command("echo x; sleep 0.5", "a"), 80, TERM="dumb")
    assert terminal.run() == 0
    assert "\x1b" not in terminal.raw
    assert "[a] x" in terminal.lines


def test_ctrl_c_once_and_twice_say_what_happens() -> None:
    terminal = Terminal(command("echo $THE_ITEM begins; sleep 60", "a", "b", "-j", "1", "--grace", "1"), 120)
    sent: list[str] = []

    def press(text: str) -> None:
        for words in ("a begins", "Ctrl-C again to stop"):
            if words in text and words not in sent:
                sent.append(words)
                terminal.interrupt()

    assert terminal.run(press) == 130
    text = "\n".join(terminal.lines)
    assert "Interrupted: waiting for 1 running pod, starting no others (Ctrl-C again to stop now)" in text
    assert "Stopping running pods" in text
    assert "Interrupted, 2 items left. Run the same command to resume." in text


def test_a_failed_attempt_is_told_before_its_job_ends() -> None:
    text = Path(template("echo oh no; exit 3")).read_text().replace("backoffLimit: 0", "backoffLimit: 5")
    Path("job.yaml").write_text(text)
    arguments = ["run", "--runtime", "process", "job.yaml", "a", "--backoff-base", "30s"]
    with subprocess.Popen([EXPANDER, *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(3)][1:]
        assert told == ["failed attempt: a: exit code 3\n", "  last line: oh no\n"]
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        process.stderr.read()
    assert process.returncode == 130
    assert os.path.exists("state")


def test_an_item_that_is_tried_again_is_told_once_an_attempt_with_its_last_line() -> None:
    arguments = command(
        "echo oh no; exit 3", "a", "--on-exit", "3=retry:1", "-o", "json", "--report", "page.html"
    )
    answer = run(*arguments[1:])
    told = answer.err.splitlines()
    assert told[1:5] == [
        "retry: a: attempt 2 after exit code 3",
        "  oh no",
        "failed: a (Job job-a): BackoffLimitExceeded (exit code 3)",
        "  oh no",
    ]
    assert answer.out.splitlines()[-1] == '{"summary": {"failed": 1}}'
    assert "<html" in Path("page.html").read_text()


def test_a_file_that_cannot_be_written_gets_a_hint_at_volumes() -> None:
    answer = run(*command("echo x.txt: Read-only file system; exit 2", "a", "-q")[1:])
    assert answer.err.splitlines()[2:4] == [
        "  x.txt: Read-only file system",
        "  hint: files are written to a volume: a hostPath, or a claim with --claim NAME=DIR",
    ]


def test_a_file_of_this_machine_that_a_pod_does_not_find_gets_a_hint_at_volumes_once() -> None:
    Path("reads").mkdir()
    for name in ("a.gz", "b.gz"):
        (Path("reads") / name).touch()
    script = "echo cat: $ITEM: No such file or directory; exit 1"
    answer = run(*command(script, "reads/a.gz", "reads/b.gz", "-q", "--keep-order")[1:])
    hint = "  hint: files are read from a volume: a hostPath, or a claim with --claim NAME=DIR\n"
    assert answer.err.count("No such file") == 2
    assert answer.err.count(hint) == 1
    answer = run(*command(script, "reads/c.gz", "-q")[1:])
    assert "No such file" in answer.err
    assert "hint" not in answer.err


def test_logs_show_what_a_running_container_has_printed() -> None:
    script = f"echo first; until test -e {Path.cwd()}/seen; do sleep 0.02; done; echo second"
    logs = ["logs", "--group", "tests", "--local"]
    with subprocess.Popen(command(script, "a"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[a] first\n"
        assert run(*logs).out == "first\n"
        with subprocess.Popen([EXPANDER, *logs, "-f"], stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout is not None
            assert following.stdout.readline() == "[a] first\n"
            Path("seen").touch()
            assert following.stdout.read() == "[a] second\n"


def test_one_ctrl_c_ends_a_run_in_which_everything_waits_for_what_is_missing() -> None:
    text = Path(template("true")).read_text()
    claim = "      volumes: [{name: data, persistentVolumeClaim: {claimName: missing}}]\n"
    Path("job.yaml").write_text(text + "        volumeMounts: [{name: data, mountPath: /data}]\n" + claim)
    arguments = ["run", "job.yaml", "a", "b", "--runtime", "sandbox"]
    with subprocess.Popen([EXPANDER, *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "waiting: a" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 130
    assert told.endswith(
        "2 items: 0 complete, 0 failed, 2 pending; interrupted\n"
        "Interrupted, 2 items left. Run the same command to resume.\n"
    )
    assert "waiting for" not in told


def test_a_container_without_a_command_runs_that_of_its_image() -> None:
    name = template("unused")
    lines = Path(name).read_text().splitlines()
    Path(name).write_text("\n".join(line for line in lines if "command:" not in line) + "\n")
    words = [
        EXPANDER,
        "run",
        "--runtime",
        "process",
        name,
        "a",
        "--image-command",
        "busybox=echo of the image",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "[a] of the image\n")


def test_an_interrupt_when_all_jobs_have_ended_leaves_nothing_to_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for unfinished, exhausted in (("1 item", True), ("", False), ("", True)):
        end = RunEnd(stopped="interrupted", exhausted=exhausted)
        assert end_of_run(tmp_path, end, ItemErrors(), unfinished) == 130
    assert capsys.readouterr().err.splitlines() == [
        "Interrupted, 1 item left. Run the same command to resume.",
        "Interrupted. Run the same command to resume.",
        "Interrupted. All Jobs have ended.",
    ]
