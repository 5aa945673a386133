"""The program as a process of its own: ``expander``, ``kubectl expander``, ``python -m expander``."""

from __future__ import annotations

import os
import sys

from expander.base.interruption import after_imports, signal


def entry() -> None:
    """Run the program with the process's arguments, and end the process with its exit code.

    Before this is called, Python itself decides what becomes of a signal.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as by nohup
        signal.signal(signal.SIGINT, after_imports(signal.default_int_handler))
    try:
        from expander.cli.main import run_process

        code = run_process()
    except KeyboardInterrupt:
        os.write(2, b"Interrupted\n")
        code = 130
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is told: what is left is to end
    sys.exit(code)


if __name__ == "__main__":
    entry()
