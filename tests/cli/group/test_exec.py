"""expander exec: commands in containers of a local group, and kubectl's for a cluster."""

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.groups import at_work, lines_until
from tests.cli.program import EXPANDER, Answer, run

TEMPLATE = """
apiVersion: batch/v1
kind: Job
metadata: {name: long-$ITEM}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        workingDir: /usr/lib
        env: [{name: WHO, value: it is $ITEM}]
        command: [sh, -c, "echo begun; exec sleep 600"]
"""


@pytest.fixture(scope="module", params=["process", "sandbox"])
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state of a run whose item ``a`` is at work."""
    folder = tmp_path_factory.mktemp("exec")
    template = folder / "long.yaml"
    template.write_text(TEMPLATE)
    state = str(folder / "state")
    with at_work(
        "run", str(template), "a", "later", "--jobs", "1", "--runtime", request.param, "--state", state
    ) as process:
        lines_until(process, "begun")
        yield folder / "state"
        process.kill()


def execute(state: Path, *arguments: str, stdin: bytes = b"") -> Answer:
    """One run of the command in the group."""
    return run("exec", "--state", str(state), "--group", "long", *arguments, stdin=stdin)


def test_a_command_runs_as_the_container_does(state: Path) -> None:
    answer = execute(state, "a", "--", "sh", "-c", 'echo "$WHO"; pwd; echo oops >&2; exit 7')
    assert (answer.code, answer.out, answer.err) == (7, "it is a\n/usr/lib\n", "oops\n")


def test_stdin_is_passed_on_only_if_it_is_asked_for(state: Path) -> None:
    assert execute(state, "long-a", "-i", "--", "cat", stdin=b"hello").out == "hello"
    assert execute(state, "long-a", "--", "cat", stdin=b"hello").out == ""


def test_a_terminal_is_passed_on(state: Path) -> None:
    pid, terminal = pty.fork()
    if not pid:
        command = ["exec", "--state", str(state), "--group", "long", "a", "-it", "--", "sh", "-c"]
        os.execv(EXPANDER, [EXPANDER, *command, "test -t 0 && read x && echo got $x && exit 5"])
    os.write(terminal, b"one\n")
    shown = b""
    while b"got one" not in shown:
        shown += os.read(terminal, 4096)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.close(terminal)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("b", "--", "true"), "error: no item, Job or pod b in group long\n"),
        (("later", "--", "true"), "error: no container of later is running\n"),
        (("a", "-c", "x", "--", "true"), "error: container x is not valid for pod"),
        (
            ("a", "--", "no-such"),
            'error: unable to start container process: exec: "no-such": executable file',
        ),
        (("a",), "error: missing argument '-- COMMAND"),
        (("--", "true"), "error: missing argument 'KEY|JOB|POD'"),
        (("--", "sh", "-c", "true"), "error: missing argument 'KEY|JOB|POD'"),
    ],
)
def test_what_cannot_run_is_an_error(state: Path, arguments: tuple[str, ...], message: str) -> None:
    answer = execute(state, *arguments)
    assert answer.code == 2
    assert answer.err.lower().startswith(message.lower())
