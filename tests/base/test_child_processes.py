"""Child processes that end with this program."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.notify.test_targets import has_ended

PROGRAM = """
import os, signal, subprocess, sys, threading
from expander.base.child_processes import ended_by_signals, ends_with_us

class Slow(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        print(self.pid, flush=True)
        if {here}:
            signal.raise_signal({number})
        else:
            os.kill(os.getpid(), {number})
            threading.Event().wait(0.2)

subprocess.Popen = Slow

def work():
    with ends_with_us(["sleep", "600"], start_new_session=True) as process:
        process.wait()

with ended_by_signals():
    if {here}:
        work()
    else:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join()
"""


@pytest.mark.parametrize("here", [True, False], ids=["in the main thread", "in another thread"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_was_being_started_when_the_signal_came_ends_too(number: int, here: bool) -> None:
    code = PROGRAM.format(number=int(number), here=here)
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        assert program.wait(20) == -number
    assert has_ended(pid)
