"""Signals that come while the program loads its modules."""

import subprocess
import sys
from pathlib import Path

import pytest

from expander.cli.main import module_of

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: job-$ITEM}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox, command: ["sh", "-c", "exit $ITEM"]}]
"""

INTERRUPTED_IN_AN_IMPORT = """
import os, signal, sys
from expander.__main__ import entry

class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
{start}
"""

COMMANDS = {
    "expand": ["expand", "job.yaml", "0", "1", "2"],
    "run": ["run", "job.yaml", "0", "1", "2", "--runtime", "process"],
    "submit": ["submit", "job.yaml", "0", "1", "2", "--context", "no-such"],
}


def interrupted(
    folder: Path, module: str, *arguments: str, start: str = "entry()"
) -> subprocess.CompletedProcess[str]:
    """The program, with SIGINT when it looks for this module."""
    (folder / "job.yaml").write_text(JOB)
    code = INTERRUPTED_IN_AN_IMPORT.format(module=module, start=start)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["expander.cli.main", "click", "its own", "expander.cli.options.params"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_while_modules_load_ends_a_command_with_130_and_one_line(
    tmp_path: Path, command: str, module: str
) -> None:
    module = module_of(command) if module == "its own" else module
    done = interrupted(tmp_path, module, *COMMANDS[command])
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "Interrupted")


@pytest.mark.parametrize(
    "module", ["expander.local.executor", "expander.run.run", "expander.cli.output.failures"]
)
def test_a_signal_while_modules_of_a_run_load_interrupts_it_without_a_traceback(
    tmp_path: Path, module: str
) -> None:
    done = interrupted(tmp_path, module, *COMMANDS["run"])
    assert done.returncode == 130, done.stderr
    assert "Interrupted" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_a_signal_is_ignored_where_the_process_began_so(tmp_path: Path) -> None:
    start = "signal.signal(signal.SIGINT, signal.SIG_IGN); entry()"
    done = interrupted(tmp_path, "click", "--version", start=start)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_calls_this_one_within_an_import_is_interrupted_too(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(
        "import os, signal\nfrom expander.base.interruption import after_imports\n"
        "signal.signal(signal.SIGINT, after_imports(signal.default_int_handler))\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import caller"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
